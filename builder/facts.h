/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a RUN has to know of the root it starts on. It holds for the next step too, which takes it
 * over, if the step before wrote nothing at the places it was read from.
 */
#ifndef BUILDER_FACTS_H
#define BUILDER_FACTS_H

#include "builder/stub.h"
#include "builder/user.h"

struct execution;
struct step;

struct root_facts {
	struct stub stub;
	bool own;              /* the stub layer is for this step alone */
	const char *user_text; /* the USER that `user` is; NULL: resolve it again */
	struct user user;
};

/* Sets e->facts. *same_user: the user is that of the step before, and nobody had to look. */
int facts_learn(struct execution *e, const struct stack *root, bool *same_user, struct error *err);

/* Will a step that finds these facts unchanged use them as they are? */
bool facts_serve(const struct root_facts *f, const struct step *s);

/* NULL is fine. */
void facts_free(struct root_facts *f);

#endif
