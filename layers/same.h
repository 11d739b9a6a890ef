/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: whether a copied-up file still equals the one below it. Overlayfs copies a
 * file up when it is opened for writing, or changed to the mode or owner that it has (HARDENING
 * 4.1).
 */
#ifndef LAYERS_SAME_H
#define LAYERS_SAME_H

#include "layers/xattr.h"

/* One side: the entry `name` of an open directory, with its lstat. fd is an open descriptor of it
   for regular files and directories and else -1, xattrs are then what it has. */
struct same_side {
	int dir;
	const char *name;
	struct stat st;
	int fd;
	struct xattrs xattrs;
};

/* Type, mode, owner and mtime in whole seconds, later ones taken for the epoch (-1: none). */
bool same_metadata(const struct stat *a, const struct stat *b, int64_t epoch);
int64_t clamp_time(int64_t seconds, int64_t epoch);

/* Everything that goes into a layer but the names; xattrs of `below` are read here. Reads the
   content of regular files only if all else is equal; the offsets of both descriptors move. */
int same_file(const struct same_side *above, struct same_side *below, int64_t epoch, bool *same,
	      struct error *err);

/* For two regular files that same_file() found different: in which metadata they differ (enum
   layer_field bits) if that is all, else 0; also where the file below cannot be read. The offset of
   above->fd is 0 afterwards. */
int same_but(const struct same_side *above, struct same_side *below, int64_t epoch, unsigned *out,
	     struct error *err);

#endif
