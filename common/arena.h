/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump allocator for data that lives and dies together, such as one parsed Dockerfile.
 * Allocation never fails: out of memory ends the program with a message, so sizes that come
 * from input must have been checked against a limit before.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include "common/cleanup.h"

#include <stddef.h>

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t used;                /* bytes in use of the newest block */
};

#define ARENA_INIT                                                                                 \
	{                                                                                          \
		.blocks = NULL, .used = 0                                                          \
	}

/* Frees everything that was allocated; the arena is empty and usable again. */
void arena_release(struct arena *a);

/* Zeroed memory, aligned for any type, valid until arena_release(). */
void *arena_alloc(struct arena *a, size_t size);

/* Copies, NUL-terminated; text may hold any bytes. */
char *arena_strndup(struct arena *a, const char *text, size_t length);
char *arena_strdup(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for one more element in an arena array of `count` elements that doubles its capacity at
   powers of two: items = arena_grow(a, items, count, sizeof(*items)); items[count++] = x; */
void *arena_grow(struct arena *a, void *items, size_t count, size_t item_size);

DEFINE_CLEANUP_STRUCT(arena, struct arena, arena_release);

/* malloc, calloc, realloc, strdup that end the program with a message when memory is out. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
char *xprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same as arena_grow() for heap arrays. */
void *xgrow(void *items, size_t count, size_t item_size);

#endif
