/* SPDX-License-Identifier: Apache-2.0 */
#include "parser/dockerfile.y.h"

#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct flag_spec add_flags[] = {
	{"checksum", FLAG_STRING, true},    {"chmod", FLAG_STRING, true},
	{"chown", FLAG_STRING, true},       {"exclude", FLAG_LIST, false},
	{"keep-git-dir", FLAG_BOOL, false}, {"link", FLAG_BOOL, false},
	{"unpack", FLAG_BOOL, false},
};
static const struct flag_spec copy_flags[] = {
	{"chmod", FLAG_STRING, true}, {"chown", FLAG_STRING, true}, {"exclude", FLAG_LIST, false},
	{"from", FLAG_STRING, false}, {"link", FLAG_BOOL, false},   {"parents", FLAG_BOOL, false},
};
static const struct flag_spec from_flags[] = {
	{"platform", FLAG_STRING, true},
};
static const struct flag_spec health_flags[] = {
	{"interval", FLAG_STRING, false},       {"retries", FLAG_STRING, false},
	{"start-interval", FLAG_STRING, false}, {"start-period", FLAG_STRING, false},
	{"timeout", FLAG_STRING, false},
};
static const struct flag_spec run_flags[] = {
	{"device", FLAG_LIST, false},
	{"mount", FLAG_LIST, true},
	{"network", FLAG_STRING, false},
	{"security", FLAG_STRING, false},
};

#define FLAGS(array) (array), COUNT(array)

/* In the order of enum insn_kind. */
static const struct keyword keywords[] = {
	{"", INSN_UNKNOWN, T_UNKNOWN, SHAPE_IGNORED, false, false, NULL, 0},
	{"ADD", INSN_ADD, T_ADD, SHAPE_LIST, true, true, FLAGS(add_flags)},
	{"ARG", INSN_ARG, T_ARG, SHAPE_NAMES, false, true, NULL, 0},
	{"CMD", INSN_CMD, T_CMD, SHAPE_COMMAND, false, false, NULL, 0},
	{"COPY", INSN_COPY, T_COPY, SHAPE_LIST, true, true, FLAGS(copy_flags)},
	{"ENTRYPOINT", INSN_ENTRYPOINT, T_ENTRYPOINT, SHAPE_COMMAND, false, false, NULL, 0},
	{"ENV", INSN_ENV, T_ENV, SHAPE_PAIRS, false, true, NULL, 0},
	{"EXPOSE", INSN_EXPOSE, T_EXPOSE, SHAPE_WORDS, false, true, NULL, 0},
	{"FROM", INSN_FROM, T_FROM, SHAPE_WORDS, false, true, FLAGS(from_flags)},
	{"HEALTHCHECK", INSN_HEALTHCHECK, T_HEALTHCHECK, SHAPE_HEALTH, false, false,
	 FLAGS(health_flags)},
	{"LABEL", INSN_LABEL, T_LABEL, SHAPE_PAIRS, false, true, NULL, 0},
	{"MAINTAINER", INSN_MAINTAINER, T_MAINTAINER, SHAPE_TEXT, false, false, NULL, 0},
	{"ONBUILD", INSN_ONBUILD, T_ONBUILD, SHAPE_NESTED, false, false, NULL, 0},
	{"RUN", INSN_RUN, T_RUN, SHAPE_COMMAND, true, false, FLAGS(run_flags)},
	{"SHELL", INSN_SHELL, T_SHELL, SHAPE_COMMAND, false, false, NULL, 0},
	{"STOPSIGNAL", INSN_STOPSIGNAL, T_STOPSIGNAL, SHAPE_TEXT, false, true, NULL, 0},
	{"USER", INSN_USER, T_USER, SHAPE_TEXT, false, true, NULL, 0},
	{"VOLUME", INSN_VOLUME, T_VOLUME, SHAPE_LIST, false, true, NULL, 0},
	{"WORKDIR", INSN_WORKDIR, T_WORKDIR, SHAPE_TEXT, false, true, NULL, 0},
};

const struct keyword *keyword_of(enum insn_kind kind)
{
	return &keywords[kind];
}

const struct keyword *keyword_find(const char *name, size_t length)
{
	for (size_t i = 1; i < COUNT(keywords); i++)
		if (strlen(keywords[i].name) == length &&
		    strncasecmp(keywords[i].name, name, length) == 0)
			return &keywords[i];
	return &keywords[INSN_UNKNOWN];
}

const char *insn_name(enum insn_kind kind)
{
	return (size_t)kind < COUNT(keywords) ? keywords[kind].name : "";
}

const struct flag_spec *flag_find(enum insn_kind kind, const char *name)
{
	const struct keyword *kw = keyword_of(kind);

	for (size_t i = 0; i < kw->flag_count; i++)
		if (strcmp(kw->flags[i].name, name) == 0)
			return &kw->flags[i];
	return NULL;
}

const char *keyword_suggest(const char *name)
{
	const char *names[COUNT(keywords)];

	for (size_t i = 0; i < COUNT(keywords); i++)
		names[i] = keywords[i].name;
	return suggest(name, names, COUNT(names));
}

const char *flag_suggest(enum insn_kind kind, const char *name)
{
	const struct keyword *kw = keyword_of(kind);
	const char *names[COUNT(add_flags) + COUNT(copy_flags)];

	for (size_t i = 0; i < kw->flag_count; i++)
		names[i] = kw->flags[i].name;
	return suggest(name, names, kw->flag_count);
}
