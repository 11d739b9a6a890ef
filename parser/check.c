/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with an instruction although its text could be taken apart. The wording follows
 * BuildKit where it has one, so that a search finds the known answers.
 */
#include "parser/scan.h"

#include <string.h>
#include <strings.h>

static void check_flag_value(struct parse *cx, const struct flag *flag,
			     const struct flag_spec *spec)
{
	if (spec->type != FLAG_BOOL) {
		if (flag->value == NULL)
			semantic_error(cx->df, flag->at, NULL,
				       "missing a value on flag: --%s=VALUE", flag->name);
		return;
	}
	if (flag->value == NULL || strcasecmp(flag->value, "true") == 0 ||
	    strcasecmp(flag->value, "false") == 0)
		return;
	if (*flag->value == '\0')
		semantic_error(cx->df, flag->at, "leave the = away, or write =true or =false",
			       "missing a value on flag: --%s", flag->name);
	else
		semantic_error(cx->df, flag->at, "it can be true or false",
			       "expecting boolean value for flag --%s, not: %s", flag->name,
			       flag->value);
}

static void unknown_flag(struct parse *cx, const struct insn *insn, const struct flag *flag)
{
	struct arena *arena = &cx->df->arena;
	const char *near = flag_suggest(insn->kind, flag->name);
	const struct keyword *kw = keyword_of(insn->kind);
	auto_(buf) struct buf hint = BUF_INIT;

	if (near != NULL) {
		buf_printf(&hint, "did you mean --%s?", near);
	} else if (kw->flag_count == 0) {
		buf_printf(&hint, "%s has no flags; \"--\" ends them", kw->name);
	} else {
		buf_printf(&hint, "%s has", kw->name);
		for (size_t i = 0; i < kw->flag_count; i++)
			buf_printf(&hint, "%s --%s", i > 0 ? "," : "", kw->flags[i].name);
	}
	semantic_error(cx->df, flag->at, arena_strdup(arena, hint.data),
		       "unknown flag for %s: --%s", kw->name, flag->name);
}

static void check_flags(struct parse *cx, const struct insn *insn)
{
	unsigned seen = 0;

	for (size_t i = 0; i < insn->flag_count; i++) {
		const struct flag *flag = &insn->flags[i];
		const struct flag_spec *spec = flag_find(insn->kind, flag->name);
		unsigned bit;

		if (spec == NULL) {
			unknown_flag(cx, insn, flag);
			continue;
		}
		bit = 1u << (spec - keyword_of(insn->kind)->flags);
		if ((seen & bit) != 0 && spec->type != FLAG_LIST)
			semantic_error(cx->df, flag->at, NULL, "duplicate flag specified: --%s",
				       flag->name);
		seen |= bit;
		check_flag_value(cx, flag, spec);
	}
}

/* Just behind the instruction's own line: where something is missing. */
static struct span missing_at(const struct insn *insn)
{
	return insn->keyword_at;
}

static bool require(struct parse *cx, const struct insn *insn)
{
	if (insn->arg_count > 0)
		return true;
	semantic_error(cx->df, missing_at(insn), NULL, "%s requires at least one argument",
		       insn_name(insn->kind));
	return false;
}

static void require_one(struct parse *cx, const struct insn *insn)
{
	if (insn->arg_count != 1)
		semantic_error(cx->df, missing_at(insn), NULL, "%s requires exactly one argument",
			       insn_name(insn->kind));
}

static bool check_stage_name(const char *name)
{
	if (!(*name >= 'a' && *name <= 'z') && !(*name >= 'A' && *name <= 'Z'))
		return false;
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789-_.")] == '\0';
}

static void check_from(struct parse *cx, const struct insn *insn)
{
	const struct arg *args = insn->args;

	if (insn->arg_count == 1)
		return;
	if (insn->arg_count != 3 || strcasecmp(args[1].text, "as") != 0)
		semantic_error(cx->df, insn->arg_count > 1 ? args[1].at : missing_at(insn),
			       "write FROM IMAGE or FROM IMAGE AS NAME",
			       "FROM requires either one or three arguments");
	else if (!check_stage_name(args[2].text))
		semantic_error(cx->df, args[2].at,
			       "a name is a letter, then letters, digits, '-', '_' and '.'",
			       "invalid name for build stage: \"%s\"", args[2].text);
}

static void check_pairs(struct parse *cx, const struct insn *insn)
{
	if (insn->kind != INSN_ARG || insn->arg_count == 0)
		require(cx, insn);
	for (size_t i = 0; i < insn->arg_count; i++)
		if (insn->args[i].key[0] == '\0')
			semantic_error(cx->df, insn->args[i].at, "write NAME=VALUE",
				       "%s names can not be blank", insn_name(insn->kind));
}

static void check_copy(struct parse *cx, const struct insn *insn)
{
	const struct arg *last;

	if (insn->arg_count < 2) {
		semantic_error(cx->df, missing_at(insn), "the last argument is the destination",
			       insn->arg_count == 0
				       ? "%s requires at least two arguments, but none was provided"
				       : "%s requires at least two arguments, but only one was "
					 "provided: destination could not be determined",
			       insn_name(insn->kind));
		return;
	}
	for (size_t i = 0; i + 1 < insn->arg_count; i++) {
		const struct heredoc *here = insn->args[i].heredoc;

		if (here != NULL && (strchr(here->name, '/') != NULL ||
				     strcmp(here->name, ".") == 0 || strcmp(here->name, "..") == 0))
			semantic_error(
				cx->df, here->at,
				"the here-document becomes a file with the name of its delimiter",
				"a file cannot have the name \"%s\"", here->name);
	}
	last = &insn->args[insn->arg_count - 1];
	if (last->heredoc != NULL)
		semantic_error(
			cx->df, last->at, "here-documents are sources; put the destination last",
			"%s cannot accept a heredoc as a destination", insn_name(insn->kind));
}

static void check_health(struct parse *cx, const struct insn *insn)
{
	const struct arg *type = insn->args;

	if (!require(cx, insn))
		return;
	if (strcasecmp(type->text, "NONE") == 0) {
		if (insn->arg_count > 1)
			semantic_error(cx->df, insn->args[1].at, NULL,
				       "HEALTHCHECK NONE takes no arguments");
	} else if (strcasecmp(type->text, "CMD") != 0) {
		semantic_error(cx->df, type->at, "write HEALTHCHECK CMD ..., or HEALTHCHECK NONE",
			       "unknown type \"%s\" in HEALTHCHECK (try CMD)", type->text);
	} else if (insn->arg_count == 1) {
		semantic_error(cx->df, type->at, NULL, "missing command after HEALTHCHECK CMD");
	}
}

static void check_shell(struct parse *cx, const struct insn *insn)
{
	if (require(cx, insn) && !insn->exec_form)
		semantic_error(cx->df, insn->args[0].at, "write SHELL [\"/bin/bash\", \"-c\"]",
			       "SHELL requires the arguments to be in JSON form");
}

static void check_volume(struct parse *cx, const struct insn *insn)
{
	require(cx, insn);
	for (size_t i = 0; i < insn->arg_count; i++) {
		const char *text = insn->args[i].text;
		size_t length = strlen(text);

		if (space_prefix(text, length) == length)
			semantic_error(cx->df, insn->args[i].at, NULL,
				       "VOLUME specified can not be an empty string");
	}
}

static void check_command(struct parse *cx, const struct insn *insn)
{
	/* An empty list is how CMD and ENTRYPOINT of the base image are cleared. */
	if (insn->kind == INSN_RUN || !insn->exec_form)
		require(cx, insn);
}

void check_trigger_kind(struct dockerfile *df, const struct insn *insn, struct span at)
{
	if (insn->kind == INSN_ONBUILD)
		semantic_error(df, at, "a trigger runs in the first build on this image only",
			       "chaining ONBUILD via ONBUILD ONBUILD isn't allowed");
	else if (insn->kind == INSN_FROM || insn->kind == INSN_MAINTAINER)
		semantic_error(df, at,
			       insn->kind == INSN_FROM
				       ? "it would run after the FROM of the build on this image"
				       : "write ONBUILD LABEL org.opencontainers.image.authors=...",
			       "%s isn't allowed as an ONBUILD trigger", insn_name(insn->kind));
}

static void check_onbuild(struct parse *cx, const struct insn *insn)
{
	if (insn->child == NULL) {
		semantic_error(cx->df, missing_at(insn), NULL,
			       "ONBUILD requires at least one argument");
		return;
	}
	check_trigger_kind(cx->df, insn->child, insn->child->keyword_at);
	check_insn(cx, insn->child);
}

static void check_unknown(struct parse *cx, const struct insn *insn)
{
	const char *near = NULL, *hint = NULL;

	/* A file that is no Dockerfile at all has as many of these as lines. */
	if (cx->df->diag_count < DIAG_MAX)
		near = keyword_suggest(insn->keyword);
	if (strstr(insn->keyword, "\xC2\xA0") != NULL)
		hint = "it contains a no-break space (U+00A0), which looks like a blank; write a "
		       "blank";
	else if (near != NULL)
		hint = arena_printf(&cx->df->arena, "did you mean %s?", near);
	else if (strncmp(insn->keyword, "//", 2) == 0 || strncmp(insn->keyword, "--", 2) == 0)
		hint = "a comment starts with #";
	if (insn->keyword[0] == '\0')
		semantic_error(cx->df, insn->keyword_at, NULL,
			       "unknown instruction: nothing but continuations");
	else
		semantic_error(cx->df, insn->keyword_at, hint, "unknown instruction: %.*s",
			       (int)strlen(insn->keyword),
			       insn->original +
				       space_prefix(insn->original, strlen(insn->original)));
}

void check_insn(struct parse *cx, const struct insn *insn)
{
	if (insn->kind == INSN_UNKNOWN) {
		check_unknown(cx, insn);
		return;
	}
	check_flags(cx, insn);
	switch (insn->kind) {
	case INSN_ADD:
	case INSN_COPY:
		check_copy(cx, insn);
		break;
	case INSN_ARG:
	case INSN_ENV:
	case INSN_LABEL:
		check_pairs(cx, insn);
		break;
	case INSN_CMD:
	case INSN_ENTRYPOINT:
	case INSN_RUN:
		check_command(cx, insn);
		break;
	case INSN_EXPOSE:
		require(cx, insn);
		break;
	case INSN_FROM:
		check_from(cx, insn);
		break;
	case INSN_HEALTHCHECK:
		check_health(cx, insn);
		break;
	case INSN_MAINTAINER:
	case INSN_STOPSIGNAL:
	case INSN_USER:
	case INSN_WORKDIR:
		require_one(cx, insn);
		break;
	case INSN_ONBUILD:
		check_onbuild(cx, insn);
		break;
	case INSN_SHELL:
		check_shell(cx, insn);
		break;
	case INSN_VOLUME:
		check_volume(cx, insn);
		break;
	case INSN_UNKNOWN:
		break;
	}
}
