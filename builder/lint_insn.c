/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about one instruction of a stage. */
#include "builder/lint.h"

#include "builder/syntax.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static void warn(const struct lint_at *at, enum rule rule, struct span span, const char *hint,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));

static void warn(const struct lint_at *at, enum rule rule, struct span span, const char *hint,
		 const char *format, ...)
{
	auto_(buf) struct buf text = BUF_INIT;
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	plan_warn(at->p, at->file, rule, span, hint, "%s", text.data);
}

const char *lint_expand(const struct lint_at *at, const struct word *word)
{
	auto_(buf) struct buf text = BUF_INIT;
	struct error ignored = ERROR_INIT;

	if (word != NULL)
		word_expand(word, scope_lookup, &at->stage->scope, &text, &ignored);
	return arena_strndup(&at->p->arena, text.data, text.length);
}

/* --- UndefinedVar ---------------------------------------------------------------------------- */

static bool declares(const struct insn *insn, const char *name)
{
	for (size_t i = 0; insn->kind == INSN_ARG && i < insn->arg_count; i++)
		if (strcmp(insn->args[i].key, name) == 0)
			return true;
	return false;
}

/* How many instructions of its stage come before it; the triggers of the base are the first. */
static size_t own_count(const struct lint_at *at)
{
	const struct stage *stage = at->stage->source;
	size_t count = 0;

	if (at->file != at->p->file)
		return 0;
	while (count < stage->count && stage->insns[count] != at->insn)
		count++;
	return count;
}

static bool declared_by_triggers(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->trigger_count; i++) {
		size_t count;
		const struct insn *const *insns = dockerfile_insns(p->triggers[i], &count);

		for (size_t j = 0; j < count; j++)
			if (declares(insns[j], name))
				return true;
	}
	return false;
}

bool lint_declared(const struct lint_at *at, const char *name)
{
	const struct stage_plan *stage = at->stage;

	for (size_t i = 0; i < own_count(at); i++)
		if (declares(stage->source->insns[i], name))
			return true;
	for (stage = stage->base_stage; stage != NULL; stage = stage->base_stage)
		for (size_t i = 0; i < stage->source->count; i++)
			if (declares(stage->source->insns[i], name))
				return true;
	return declared_by_triggers(at->p, name);
}

struct undefined {
	const struct lint_at *at;
	struct span span;
	size_t args; /* of an ARG instruction that come before this word */
};

static const char *undefined_hint(const struct lint_at *at, const char *name)
{
	struct arena *arena = &at->p->arena;
	const struct insn *global = lint_global(at->p, name);
	const struct scope *scope = &at->stage->scope;
	const char **names, *near;

	if (global != NULL)
		return arena_printf(arena,
				    "the ARG of line %u holds for FROM lines only; repeat \"ARG "
				    "%s\" in this stage",
				    global->line, name);
	if (scope_get(&at->p->globals, name) != NULL)
		return arena_printf(arena, "write \"ARG %s\" before this line", name);
	names = arena_alloc(arena, scope->count * sizeof(*names));
	for (size_t i = 0; i < scope->count; i++)
		names[i] = scope->vars[i].name;
	near = suggest(name, names, scope->count);
	return near != NULL ? arena_printf(arena, "did you mean $%s?", near) : NULL;
}

static void seen(void *user, const char *name)
{
	const struct undefined *u = user;
	const struct lint_at *at = u->at;

	if (scope_get(&at->stage->scope, name) != NULL || lint_declared(at, name))
		return;
	for (size_t i = 0; i < u->args; i++)
		if (strcmp(at->insn->args[i].key, name) == 0)
			return;
	warn(at, RULE_UNDEFINED_VAR, u->span, undefined_hint(at, name),
	     "usage of undefined variable '$%s'", name);
}

static void check_word(const struct lint_at *at, const struct word *word, struct span span,
		       size_t args)
{
	struct undefined u = {at, span, args};

	if (word != NULL)
		word_names(word, seen, &u);
}

static bool is_given(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->options->arg_count; i++)
		if (strcmp(p->options->args[i].name, name) == 0)
			return true;
	return false;
}

void lint_words(const struct lint_at *at)
{
	const struct insn *insn = at->insn;
	bool is_arg = insn->kind == INSN_ARG;

	/* What the image sets is not known; and BuildKit does not look into EXPOSE. */
	if (lint_base_unknown(at->stage) || insn->kind == INSN_EXPOSE)
		return;
	for (size_t i = 0; i < insn->flag_count; i++)
		check_word(at, insn->flags[i].word, insn->flags[i].at, 0);
	for (size_t i = 0; i < insn->arg_count; i++) {
		const struct arg *arg = &insn->args[i];

		check_word(at, arg->key_word, arg->at, 0);
		if (arg->heredoc != NULL)
			check_word(at, arg->heredoc->word, arg->heredoc->at, 0);
		/* The default of an ARG that has a value is not looked at. */
		else if (!is_arg || !is_given(at->p, arg->key))
			check_word(at, arg->word, arg->at, is_arg ? i : 0);
	}
}

/* --- ENV, LABEL, ARG ------------------------------------------------------------------------- */

/* Whether one of the words that '_' separates in name is in the list, whatever its case. */
static bool has_word(const char *name, const char *const *list)
{
	for (const char *p = name;; p++) {
		size_t length = strcspn(p, "_");

		for (const char *const *word = list; *word != NULL; word++)
			if (strlen(*word) == length && strncasecmp(*word, p, length) == 0)
				return true;
		p += length;
		if (*p == '\0')
			return false;
	}
}

static void check_secret(const struct lint_at *at, const char *name, struct span span)
{
	static const char *const secret[] = {"apikey", "auth",   "credential", "credentials",
					     "key",    "passwd", "password",   "pword",
					     "secret", "token",  NULL};
	static const char *const harmless[] = {"public", "file", "version", NULL};

	if (has_word(name, secret) && !has_word(name, harmless))
		warn(at, RULE_SECRETS_IN_ARG_OR_ENV, span,
		     "pass it with RUN --mount=type=secret: it is then in no layer and no history",
		     "do not use ARG or ENV instructions for sensitive data (%s \"%s\")",
		     insn_name(at->insn->kind), name);
}

static void check_pairs(const struct lint_at *at)
{
	const struct insn *insn = at->insn;

	if (insn->legacy)
		warn(at, RULE_LEGACY_KEY_VALUE_FORMAT, insn->keyword_at, "write KEY=\"VALUE\"",
		     "%s key value is a legacy form of %s key=value", insn_name(insn->kind),
		     insn_name(insn->kind));
	for (size_t i = 0; insn->kind != INSN_LABEL && i < insn->arg_count; i++) {
		const struct arg *arg = &insn->args[i];

		check_secret(at, insn->kind == INSN_ENV ? lint_expand(at, arg->key_word) : arg->key,
			     arg->at);
	}
}

/* --- CMD, ENTRYPOINT, HEALTHCHECK ------------------------------------------------------------ */

/* Named at the earlier instruction, because that is the one without effect. */
static void check_once(const struct lint_at *at)
{
	const struct stage *stage = at->stage->source;
	const struct insn *earlier = NULL;

	for (size_t i = 0; i < own_count(at); i++)
		if (stage->insns[i]->kind == at->insn->kind)
			earlier = stage->insns[i];
	if (earlier != NULL)
		warn(at, RULE_MULTIPLE_INSTRUCTIONS, earlier->keyword_at,
		     arena_printf(&at->p->arena, "the one in line %u is used", at->insn->line),
		     "multiple %s instructions should not be used in the same stage, because only "
		     "the last one counts",
		     insn_name(earlier->kind));
}

static void check_form(const struct lint_at *at)
{
	const struct strings *shell = &at->stage->config.shell;

	if (!at->insn->exec_form && !(shell->present && shell->count > 0))
		warn(at, RULE_JSON_ARGS_RECOMMENDED, at->insn->keyword_at,
		     "write [\"program\", \"argument\"], or say with SHELL that the shell is meant",
		     "JSON arguments recommended for %s to prevent unintended behavior related to "
		     "OS signals",
		     insn_name(at->insn->kind));
}

/* --- WORKDIR, EXPOSE ------------------------------------------------------------------------- */

static bool has_workdir(const struct stage *stage, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (stage->insns[i]->kind == INSN_WORKDIR)
			return true;
	return false;
}

static void check_workdir(const struct lint_at *at)
{
	const char *path;

	if (at->insn->arg_count == 0 || has_workdir(at->stage->source, own_count(at)))
		return;
	for (const struct stage_plan *s = at->stage->base_stage; s != NULL; s = s->base_stage)
		if (has_workdir(s->source, s->source->count))
			return;
	path = lint_expand(at, at->insn->args[0].word);
	if (*path != '/')
		warn(at, RULE_WORKDIR_RELATIVE_PATH, at->insn->args[0].at,
		     "write an absolute path: what it is relative to depends on the base image",
		     "relative workdir \"%s\" can have unexpected results if the base image "
		     "changes",
		     path);
}

static void check_port(const struct lint_at *at, const char *text, struct span span)
{
	struct error ignored = ERROR_INIT;
	struct port_range range;
	const char *slash = strrchr(text, '/');

	if (port_parse(text, &range, &ignored) < 0)
		return; /* an error that the plan reports */
	for (const char *c = slash; c != NULL && *c != '\0'; c++) {
		if (!isupper((unsigned char)*c))
			continue;
		warn(at, RULE_EXPOSE_PROTO_CASING, span, NULL,
		     "the protocol of port '%s' should be lowercase", text);
		break;
	}
	/* ":80" names neither an address nor a port. */
	if (text[strspn(text, ":")] != '\0' && strchr(text + strspn(text, ":"), ':') != NULL)
		warn(at, RULE_EXPOSE_INVALID_FORMAT, span,
		     "run the image with -p to publish a port of the host",
		     "EXPOSE '%s' should not define an IP address or a host port", text);
}

static void check_expose(const struct lint_at *at)
{
	for (size_t i = 0; i < at->insn->arg_count; i++) {
		const struct arg *arg = &at->insn->args[i];
		const char *text = lint_expand(at, arg->word);

		while (*(text += strspn(text, " \t\n\v\f\r")) != '\0') {
			size_t length = strcspn(text, " \t\n\v\f\r");

			check_port(at, arena_strndup(&at->p->arena, text, length), arg->at);
			text += length;
		}
	}
}

/* --------------------------------------------------------------------------------------------- */

void lint_instruction(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		      const struct insn *insn)
{
	const struct lint_at at = {p, stage, file, insn};

	lint_words(&at);
	switch ((int)insn->kind) {
	case INSN_ENV:
	case INSN_LABEL:
	case INSN_ARG:
		check_pairs(&at);
		break;
	case INSN_CMD:
	case INSN_ENTRYPOINT:
		check_once(&at);
		check_form(&at);
		break;
	case INSN_HEALTHCHECK:
		check_once(&at);
		break;
	case INSN_WORKDIR:
		check_workdir(&at);
		break;
	case INSN_EXPOSE:
		check_expose(&at);
		break;
	case INSN_RUN:
		lint_run(&at);
		break;
	case INSN_COPY:
	case INSN_ADD:
		lint_copy(&at);
		break;
	default:
		break;
	}
}
