/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: the names in one directory, sorted bytewise.
 */
#ifndef LAYERS_LISTING_H
#define LAYERS_LISTING_H

#include "common/arena.h"
#include "common/error.h"
#include "layers/stack.h"

struct listing {
	struct arena arena;
	struct name {
		const char *name;
		unsigned char type; /* DT_* */
		bool hides;         /* for the user of the list */
	} * item;
	size_t count;
};

#define LISTING_INIT                                                                               \
	{                                                                                          \
		.arena = ARENA_INIT, .item = NULL, .count = 0                                      \
	}

void listing_release(struct listing *n);
DEFINE_CLEANUP_STRUCT(listing, struct listing, listing_release);

/* Appends everything in dir but "." and "..". */
int listing_read(int dir, struct listing *out, struct error *err);
void listing_sort(struct listing *n);

/* The merged names of a level, sorted, without what whiteouts hide. */
int level_list(const struct level *l, bool userxattr, struct listing *out, struct error *err);

#endif
