/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks: findings that are no errors, each named by a rule that the user can switch off.
 *
 *	# check=skip=JSONArgsRecommended,StageNameCasing;error=true;experimental=all
 *
 * at the top of a file sets what holds for all of it; the build argument BUILDKIT_DOCKERFILE_CHECK
 * replaces that. The same in a comment directly above an instruction adds to it for that
 * instruction. "skip" has no effect on experimental rules: those are off unless asked for.
 */
#ifndef PARSER_RULE_H
#define PARSER_RULE_H

#include "parser/dockerfile.h"

enum rule {
	RULE_NONE, /* a warning that cannot be switched off */
	/* The rules of BuildKit, by its names. */
	RULE_CONSISTENT_INSTRUCTION_CASING,
	RULE_COPY_IGNORED_FILE,
	RULE_DUPLICATE_STAGE_NAME,
	RULE_EXPOSE_INVALID_FORMAT,
	RULE_EXPOSE_PROTO_CASING,
	RULE_FROM_AS_CASING,
	RULE_FROM_PLATFORM_CONST,
	RULE_INVALID_BASE_IMAGE_PLATFORM,
	RULE_INVALID_DEFAULT_ARG_IN_FROM,
	RULE_INVALID_DEFINITION_DESCRIPTION,
	RULE_JSON_ARGS_RECOMMENDED,
	RULE_LEGACY_KEY_VALUE_FORMAT,
	RULE_MAINTAINER_DEPRECATED,
	RULE_MULTIPLE_INSTRUCTIONS,
	RULE_NO_EMPTY_CONTINUATION,
	RULE_REDUNDANT_TARGET_PLATFORM,
	RULE_RESERVED_STAGE_NAME,
	RULE_SECRETS_IN_ARG_OR_ENV,
	RULE_STAGE_NAME_CASING,
	RULE_UNDEFINED_ARG_IN_FROM,
	RULE_UNDEFINED_VAR,
	RULE_WORKDIR_RELATIVE_PATH,
	/* Ours. */
	RULE_GLOBAL_ARG_IN_RUN,
	RULE_HEREDOC_ERRORS_IGNORED,
	RULE_HEREDOC_NOT_READ,
	RULE_INVALID_JSON_FORM,
	RULE_SYNTAX_NOT_USED,
	RULE_UNKNOWN_CHECK,
	RULE_UNUSED_BUILD_ARG,
	RULE_WRITE_UNDER_VOLUME,
	RULE_COUNT,
};

struct rule_info {
	const char *name;
	const char *summary;
	bool experimental; /* off unless asked for */
	bool ours;         /* no other builder has it */
};

/* Of a rule other than RULE_NONE. */
const struct rule_info *rule_info(enum rule rule);
/* RULE_NONE if there is none of this name. */
enum rule rule_find(const char *name, size_t length);
/* Appends where to read about it: the page of a rule of BuildKit, else varve-dockerfile(5). */
void rule_reference(const char *name, struct buf *out);

/* Adds a finding unless its rule is off at that place, or it was added before. hint may be NULL. */
void dockerfile_warn(struct dockerfile *df, enum rule rule, struct span at, const char *hint,
		     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Replaces what "# check=" says by text, also for what was found before. ERROR_USAGE if text is not
   understood. */
int dockerfile_set_checks(struct dockerfile *df, const char *text, struct error *err);
/* Whether findings shall be errors (error=true). */
bool dockerfile_checks_fail(const struct dockerfile *df);
/* How many warnings there are, those of them that are not shown because there are so many too. */
size_t dockerfile_warnings(const struct dockerfile *df);

/* One line of a comment block, without what it has in front: "NAME the description" gives the
   description if it is about `name`. NULL if none of the lines above the instruction is. The caller
   frees it. */
char *insn_description(const struct insn *insn, const char *name);

#endif
