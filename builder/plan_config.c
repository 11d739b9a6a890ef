/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that change only the image's config. */
#include "builder/plan.h"

#include "builder/syntax.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct place {
	struct plan *p;
	struct stage_plan *stage;
	const struct dockerfile *file;
	const char *text; /* "Dockerfile:7" */
	const struct insn *insn;
};

static const char *expand(const struct place *at, const struct word *word, struct span span)
{
	return plan_expand(at->p, at->stage, at->file, word, span);
}

static void error_at(const struct place *at, struct span span, struct error *err)
{
	char text[ERROR_TEXT];

	error_format(err, text, sizeof(text));
	plan_report(at->p, at->file, DIAG_ERROR, span, err->hint[0] != '\0' ? err->hint : NULL,
		    "%s", text);
}

/* "A=1 B=2", as the history shows it. */
static void mark_pairs(const struct place *at, const char *name, const struct buf *pairs)
{
	plan_mark(at->p, at->stage, arena_printf(&at->p->arena, "%s%s", name, pairs->data), NULL);
}

static void apply_env(const struct place *at)
{
	struct arena *arena = &at->p->arena;
	auto_(buf) struct buf pairs = BUF_INIT;
	const struct insn *insn = at->insn;
	const char **names = arena_alloc(arena, insn->arg_count * sizeof(*names));
	const char **values = arena_alloc(arena, insn->arg_count * sizeof(*values));

	/* Values are those at the start of the instruction: ENV a=1 b=$a uses the old a. */
	for (size_t i = 0; i < insn->arg_count; i++) {
		names[i] = expand(at, insn->args[i].key_word, insn->args[i].at);
		values[i] = expand(at, insn->args[i].word, insn->args[i].at);
		if (names[i] != NULL && *names[i] == '\0') {
			plan_report(at->p, at->file, DIAG_ERROR, insn->args[i].at,
				    "its variables have no value here; ARG and ENV give them one",
				    "%s names can not be blank", insn_name(insn->kind));
			names[i] = NULL;
		}
	}
	for (size_t i = 0; i < insn->arg_count; i++) {
		if (names[i] == NULL || values[i] == NULL)
			continue;
		buf_printf(&pairs, " %s=%s", names[i], values[i]);
		if (insn->kind == INSN_LABEL) {
			config_set_label(&at->stage->config, names[i], values[i]);
			continue;
		}
		config_set_env(&at->stage->config, names[i], values[i]);
		scope_set(&at->stage->scope, names[i], values[i], false);
	}
	mark_pairs(at, insn_name(insn->kind), &pairs);
}

static const char *given_arg(const struct plan *p, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < p->options->arg_count; i++)
		if (strcmp(p->options->args[i].name, name) == 0)
			value = p->options->args[i].value;
	return value;
}

static void apply_arg(const struct place *at)
{
	auto_(buf) struct buf pairs = BUF_INIT;

	/* Left to right, unlike ENV: ARG a=1 b=$a sees the new a. */
	for (size_t i = 0; i < at->insn->arg_count; i++) {
		const struct arg *arg = &at->insn->args[i];
		const char *value = given_arg(at->p, arg->key);

		if (value == NULL && arg->word != NULL)
			value = expand(at, arg->word, arg->at);
		if (value == NULL && arg->word == NULL)
			value = scope_get(&at->p->globals, arg->key);
		if (value != NULL) {
			scope_set(&at->stage->scope, arg->key, value, true);
			buf_printf(&pairs, " %s=%s", arg->key, value);
		} else {
			buf_printf(&pairs, " %s", arg->key);
		}
	}
	mark_pairs(at, "ARG", &pairs);
}

static void apply_expose(const struct place *at)
{
	auto_(buf) struct buf listed = BUF_INIT;

	for (size_t i = 0; i < at->insn->arg_count; i++) {
		const struct arg *arg = &at->insn->args[i];
		const char *text = expand(at, arg->word, arg->at);

		/* The only instruction whose expansion may yield several words. */
		while (text != NULL && *(text += strspn(text, " \t")) != '\0') {
			size_t length = strcspn(text, " \t");
			const char *word = arena_strndup(&at->p->arena, text, length);
			struct error err = ERROR_INIT;
			struct port_range range;
			char port[32];

			text += length;
			if (port_parse(word, &range, &err) < 0) {
				error_at(at, arg->at, &err);
				continue;
			}
			for (unsigned n = range.first; n <= range.last; n++) {
				snprintf(port, sizeof(port), "%u/%s", n, range.protocol);
				config_add_port(&at->stage->config, port);
				buf_printf(&listed, "%s%s", listed.length > 0 ? " " : "", port);
			}
		}
	}
	plan_mark(at->p, at->stage, arena_printf(&at->p->arena, "EXPOSE [%s]", listed.data), NULL);
}

static void apply_volume(const struct place *at)
{
	auto_(buf) struct buf listed = BUF_INIT;

	for (size_t i = 0; i < at->insn->arg_count; i++) {
		const struct arg *arg = &at->insn->args[i];
		const char *text = expand(at, arg->word, arg->at);
		size_t length;

		if (text == NULL)
			continue;
		text += strspn(text, " \t");
		length = strlen(text);
		while (length > 0 && isblank((unsigned char)text[length - 1]))
			length--;
		if (length == 0) {
			plan_report(at->p, at->file, DIAG_ERROR, arg->at,
				    strchr(arg->text, '$') != NULL
					    ? "its variables have no value here; ARG and ENV give "
					      "them one"
					    : NULL,
				    "VOLUME specified can not be an empty string");
			continue;
		}
		text = arena_strndup(&at->p->arena, text, length);
		config_add_volume(&at->stage->config, text);
		plan_add_volume(at->p, at->stage, text, at->text);
		buf_printf(&listed, "%s%s", listed.length > 0 ? " " : "", text);
	}
	plan_mark(at->p, at->stage, arena_printf(&at->p->arena, "VOLUME [%s]", listed.data), NULL);
}

static void set_command(const struct place *at, struct strings *to, size_t skip)
{
	const struct insn *insn = at->insn;
	struct config *c = &at->stage->config;

	*to = (struct strings){.present = true};
	if (!insn->exec_form) {
		if (c->shell.present && c->shell.count > 0) {
			for (size_t i = 0; i < c->shell.count; i++)
				strings_add(&c->arena, to, c->shell.item[i]);
		} else {
			strings_add(&c->arena, to, "/bin/sh");
			strings_add(&c->arena, to, "-c");
		}
	}
	for (size_t i = skip; i < insn->arg_count; i++)
		strings_add(&c->arena, to, insn->args[i].text);
}

static void mark_command(const struct place *at, const struct strings *list)
{
	auto_(buf) struct buf text = BUF_INIT;

	buf_printf(&text, "%s [", insn_name(at->insn->kind));
	for (size_t i = 0; i < list->count; i++)
		buf_printf(&text, "%s\"%s\"", i > 0 ? " " : "", list->item[i]);
	buf_add_char(&text, ']');
	plan_mark(at->p, at->stage, arena_strdup(&at->p->arena, text.data), NULL);
}

static void apply_command(const struct place *at)
{
	struct config *c = &at->stage->config;

	if (at->insn->kind == INSN_CMD) {
		set_command(at, &c->cmd, 0);
		at->stage->cmd_set = true;
		mark_command(at, &c->cmd);
		return;
	}
	if (at->insn->kind == INSN_SHELL) {
		if (!at->insn->exec_form || at->insn->arg_count == 0) {
			plan_report(at->p, at->file, DIAG_ERROR, at->insn->at,
				    "for example SHELL [\"/bin/bash\", \"-c\"]",
				    "SHELL requires the arguments to be in JSON form");
			return;
		}
		c->shell = (struct strings){.present = false};
		set_command(at, &c->shell, 0);
		mark_command(at, &c->shell);
		return;
	}
	set_command(at, &c->entrypoint, 0);
	mark_command(at, &c->entrypoint);
	if (at->insn->exec_form && at->insn->arg_count == 0)
		c->entrypoint.present = false;
	/* A CMD of the base belongs to the base's entrypoint. */
	if (!at->stage->cmd_set)
		c->cmd = (struct strings){.present = false};
}

static int duration_flag(const struct place *at, const char *name, int64_t *out)
{
	const struct flag *flag = flag_of(at->insn, name);
	struct error err = ERROR_INIT;

	*out = 0;
	if (flag == NULL || flag->value == NULL)
		return 0;
	if (duration_parse(flag->value, out, &err) == 0 && (*out == 0 || *out >= 1000000))
		return 0;
	if (err.code == ERROR_NONE) {
		error_set(&err, ERROR_SYNTAX, "less than one millisecond: %s", flag->value);
		error_hint(&err, "0 stands for the default of whoever runs the image");
	}
	error_add(&err, "--%s", name);
	error_at(at, flag->at, &err);
	return -1;
}

static void apply_healthcheck(const struct place *at)
{
	struct config *c = &at->stage->config;
	const struct insn *insn = at->insn;
	const struct flag *retries = flag_of(insn, "retries");
	struct healthcheck h = {.present = true};
	bool none = insn->arg_count > 0 && strcasecmp(insn->args[0].text, "NONE") == 0;

	duration_flag(at, "interval", &h.interval);
	duration_flag(at, "timeout", &h.timeout);
	duration_flag(at, "start-period", &h.start_period);
	duration_flag(at, "start-interval", &h.start_interval);
	if (retries != NULL && retries->value != NULL) {
		char *end;

		h.retries = strtol(retries->value, &end, 10);
		if (*end != '\0' || *retries->value == '\0' || h.retries < 0 ||
		    h.retries > INT32_MAX)
			plan_report(at->p, at->file, DIAG_ERROR, retries->at, NULL,
				    "--retries=%s is no number from 0 to %d", retries->value,
				    INT32_MAX);
	}
	/* The times of a check that does not happen mean nothing, whatever the flags say. */
	if (none)
		h = (struct healthcheck){.present = true};
	h.test.present = true;
	if (none) {
		strings_add(&c->arena, &h.test, "NONE");
		if (insn->arg_count > 1)
			plan_report(at->p, at->file, DIAG_ERROR, insn->at, NULL,
				    "HEALTHCHECK NONE takes no arguments");
	} else if (insn->arg_count > 0 && strcasecmp(insn->args[0].text, "CMD") == 0) {
		strings_add(&c->arena, &h.test, insn->exec_form ? "CMD" : "CMD-SHELL");
		for (size_t i = 1; i < insn->arg_count; i++)
			strings_add(&c->arena, &h.test, insn->args[i].text);
		if (insn->arg_count < 2)
			plan_report(at->p, at->file, DIAG_ERROR, insn->at, NULL,
				    "missing command after HEALTHCHECK CMD");
	} else if (insn->arg_count > 0) {
		plan_report(at->p, at->file, DIAG_ERROR, insn->args[0].at,
			    "write HEALTHCHECK CMD ..., or HEALTHCHECK NONE",
			    "unknown type \"%s\" in HEALTHCHECK (try CMD)", insn->args[0].text);
	}
	c->healthcheck = h;
	plan_mark(at->p, at->stage, insn->original, NULL);
}

static void apply_word(const struct place *at)
{
	struct config *c = &at->stage->config;
	const struct arg *arg = at->insn->arg_count > 0 ? &at->insn->args[0] : NULL;
	const char *text;
	struct error err = ERROR_INIT;

	if (arg == NULL)
		return; /* reported by the parser */
	text = at->insn->kind == INSN_MAINTAINER ? arg->text : expand(at, arg->word, arg->at);
	if (text == NULL)
		return;
	text = arena_strdup(&c->arena, text);
	if (at->insn->kind == INSN_USER) {
		c->user = text;
	} else if (at->insn->kind == INSN_STOPSIGNAL) {
		if (signal_parse(text, &err) < 0)
			error_at(at, arg->at, &err);
		c->stop_signal = text;
	} else {
		c->author = text;
	}
	plan_mark(at->p, at->stage,
		  arena_printf(&at->p->arena, "%s %s", insn_name(at->insn->kind), text), NULL);
}

static void apply_onbuild(const struct place *at)
{
	struct config *c = &at->stage->config;
	auto_(buf) struct buf text = BUF_INIT;

	if (at->insn->child == NULL)
		return;
	/* The child image parses this again, so the here-documents must come along. */
	buf_add_str(&text, at->insn->child->original);
	for (size_t i = 0; i < at->insn->heredoc_count; i++) {
		buf_add_char(&text, '\n');
		buf_add(&text, at->insn->heredocs[i].body, at->insn->heredocs[i].length);
		buf_add_str(&text, at->insn->heredocs[i].name);
	}
	c->onbuild.present = true;
	strings_add(&c->arena, &c->onbuild, arena_strdup(&c->arena, text.data));
}

void plan_config(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		 const char *place, const struct insn *insn)
{
	const struct place at = {p, stage, file, place, insn};

	switch ((int)insn->kind) {
	case INSN_ENV:
	case INSN_LABEL:
		apply_env(&at);
		break;
	case INSN_ARG:
		apply_arg(&at);
		break;
	case INSN_EXPOSE:
		apply_expose(&at);
		break;
	case INSN_VOLUME:
		apply_volume(&at);
		break;
	case INSN_CMD:
	case INSN_ENTRYPOINT:
	case INSN_SHELL:
		apply_command(&at);
		break;
	case INSN_HEALTHCHECK:
		apply_healthcheck(&at);
		break;
	case INSN_USER:
	case INSN_STOPSIGNAL:
	case INSN_MAINTAINER:
		apply_word(&at);
		break;
	case INSN_ONBUILD:
		apply_onbuild(&at);
		break;
	default:
		break;
	}
}
