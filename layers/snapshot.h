/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: what the files behind layers/compare.h share.
 */
#ifndef LAYERS_SNAPSHOT_H
#define LAYERS_SNAPSHOT_H

#include "layers/compare.h"
#include "layers/tar.h"

/* Largest file whose content is hashed: a sparse archive can claim any size at no cost. */
#define SNAPSHOT_MAX_FILE (UINT64_C(1) << 40)

/* Entries whose strings belong to an arena elsewhere. */
struct rows {
	struct entry *item;
	size_t count;
};

/* Bytewise with '/' before everything, so that a directory's content follows it at once. */
int path_compare(const char *a, const char *b);
/* Whether path lies below directory; everything lies below "". */
bool path_below(const char *path, const char *directory);
/* The entry of that path, or NULL. */
struct entry *rows_find(const struct rows *r, const char *path);

/* One layer. */
int rows_of_layer(struct store *s, const struct layer *layer, struct arena *arena, struct rows *out,
		  struct error *err);
/* What `from` looks like after `layer`; shares the strings of both. */
void rows_apply(const struct rows *from, const struct rows *layer, struct rows *out);

#endif
