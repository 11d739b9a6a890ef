/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build can be given: the arguments, secrets, agents and caches that its target uses.
 */
#ifndef BUILDER_OUTLINE_H
#define BUILDER_OUTLINE_H

#include "builder/build.h"

struct outline_arg {
	const char *name;
	const char *value;       /* what it will be; "" if it is unset */
	const char *description; /* the comment above its ARG, or "" */
	uint32_t line;
};

/* Of RUN --mount=type=secret, ssh or cache. */
struct outline_mount {
	const char *id;
	bool required;
	uint32_t line;
};

/* Each list in the order of the file, each name once. Everything belongs to the plan. */
struct outline {
	const char *name, *description; /* of the target; "" if it has none */
	struct outline_arg *args;
	size_t arg_count;
	struct outline_mount *secrets, *agents, *caches;
	size_t secret_count, agent_count, cache_count;
};

struct outline build_outline(struct plan *p);

#endif
