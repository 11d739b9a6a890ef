/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks that need the plan: what a stage inherits, what is ignored, what the build was given.
 * Those that need only the text are in parser/lint.c. Private to builder/.
 */
#ifndef BUILDER_LINT_H
#define BUILDER_LINT_H

#include "builder/plan.h"

/* SyntaxNotUsed */
void lint_syntax(struct plan *p);
/* UnusedBuildArg */
void lint_build_args(struct plan *p);

#endif
