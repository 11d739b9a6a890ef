/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names in one directory.
 */
#ifndef COMMON_LISTING_H
#define COMMON_LISTING_H

#include "common/arena.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

struct listing {
	struct arena arena;
	struct listed {
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
/* Bytewise. */
void listing_sort(struct listing *n);

#endif
