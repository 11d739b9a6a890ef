/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merged view of layer trees, without mounting anything.
 *
 * Follows overlayfs: the topmost tree that has a name decides; directories merge downwards until a
 * tree has a non-directory, a whiteout (character device 0:0), or an opaque directory
 * (overlay.opaque=y). Trees are directories as layer_unpack() and overlay uppers leave them.
 */
#ifndef LAYERS_STACK_H
#define LAYERS_STACK_H

#include "common/buf.h"
#include "common/error.h"
#include "common/listing.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Borrowed descriptors of tree roots, the top first. */
struct stack {
	const int *trees;
	size_t count;
	bool userxattr; /* opaque marks are user.overlay.*, not trusted.overlay.* */
};

/* Finds path (relative or absolute, "..", symlinks resolved inside the root; at most 40 of them).
   With follow false a symlink at the end is the result itself. On success *out is its stat and
   *tree the index of the tree it comes from. ERROR_NOT_FOUND if it does not exist. */
int stack_stat(const struct stack *s, const char *path, bool follow, struct stat *out, size_t *tree,
	       struct error *err);

/* The path with every symlink resolved, absolute and clean; components that do not exist are kept
   as written. */
int stack_resolve(const struct stack *s, const char *path, struct buf *out, struct error *err);

/* Opens a regular file or directory of one tree for reading (O_NONBLOCK|O_NOFOLLOW at its end).
   For a directory it is that of the topmost tree only. */
int stack_open(const struct stack *s, const char *path, struct error *err);

/* The part of the stack below one directory; how pack walks beside an upper without looking every
   file up from the root. A level with no trees means that nothing below exists. */
struct level {
	int *trees; /* owned, but for the root's: those are the stack's */
	size_t count;
	bool borrowed;
};

/* Valid as long as the stack. */
void level_root(const struct stack *s, struct level *out);
/* The merged child of that name: *found, *out (lstat), *tree. */
int level_stat(const struct level *l, const char *name, bool userxattr, bool *found,
	       struct stat *out, int *tree, struct error *err);
/* Descends; an empty level if name is no directory in the merged view. */
int level_enter(const struct level *l, const char *name, bool userxattr, struct level *out,
		struct error *err);
/* The merged names, sorted, without what whiteouts hide. */
int level_list(const struct level *l, bool userxattr, struct listing *out, struct error *err);
void level_release(struct level *l);

#endif
