/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks that need the plan: what a stage inherits, what is ignored, what the build was given.
 * Those that need only the text are in parser/lint.c. Private to builder/.
 *
 * Each decides as BuildKit's rule of the same name does, so that a file is clean for both or for
 * none; the rules that only varve has are marked in parser/rule.c.
 */
#ifndef BUILDER_LINT_H
#define BUILDER_LINT_H

#include "builder/plan.h"

/* The build argument BUILDKIT_DOCKERFILE_CHECK takes the place of "# check=". */
int lint_configure(struct plan *p, struct error *err);
/* SyntaxNotUsed */
void lint_syntax(struct plan *p);
/* UnusedBuildArg */
void lint_build_args(struct plan *p);
/* Rules about FROM, for every stage: after the globals are set. */
void lint_from(struct plan *p);
/* InvalidBaseImagePlatform: after the stage's image was found. */
void lint_base(struct plan *p, struct stage_plan *stage);
/* All rules about one instruction of a stage: before it is planned, because words see the values
   at its start. */
void lint_instruction(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		      const struct insn *insn);
/* ERROR_SYNTAX if the checks are to fail and something was found. */
int lint_verdict(const struct plan *p, struct error *err);

/* --- the parts of lint_instruction() --------------------------------------------------------- */
/* An instruction of a stage, before it is planned. */
struct lint_at {
	struct plan *p;
	struct stage_plan *stage;
	const struct dockerfile *file;
	const struct insn *insn;
};

/* UndefinedVar */
void lint_words(const struct lint_at *at);
/* GlobalArgInRun, HeredocErrorsIgnored */
void lint_run(const struct lint_at *at);
/* CopyIgnoredFile, WriteUnderVolume */
void lint_copy(const struct lint_at *at);
/* Whether ARG declares the name in the stage before the instruction, or in a stage below. */
bool lint_declared(const struct lint_at *at, const char *name);
/* The expansion of a word, "" where it fails (which the plan reports); in the plan's arena. */
const char *lint_expand(const struct lint_at *at, const struct word *word);
/* The ARG before the first FROM that declares the name, or NULL. */
const struct insn *lint_global(const struct plan *p, const char *name);
/* Whether nothing is known of the image that the stage begins with. */
bool lint_base_unknown(const struct stage_plan *stage);

#endif
