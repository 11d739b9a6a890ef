/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables an instruction sees: ENV and ARG in one ordered list, the later one winning, as
 * BuildKit does (doc/differences.md names what other builders do). Values are those at the start
 * of an instruction, so callers expand first and set afterwards.
 */
#ifndef BUILDER_SCOPE_H
#define BUILDER_SCOPE_H

#include "common/arena.h"
#include "layers/image.h"

#include <stdbool.h>

struct var {
	const char *name, *value;
	bool arg; /* declared by ARG: seen by the build, not written to the image */
};

struct scope {
	struct arena *arena;
	struct var *vars;
	size_t count;
};

void scope_init(struct scope *s, struct arena *arena);
void scope_copy(const struct scope *from, struct scope *to);
void scope_from_env(struct scope *s, const struct strings *env);
void scope_set(struct scope *s, const char *name, const char *value, bool arg);
const char *scope_get(const struct scope *s, const char *name);
/* A word_lookup_fn; user is the scope. */
const char *scope_lookup(void *user, const char *name);

/* HTTP_PROXY and its kin: passed to RUN without a declaration, kept out of keys and history. */
bool scope_is_proxy(const char *name);

#endif
