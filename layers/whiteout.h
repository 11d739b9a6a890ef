/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: how overlayfs and OCI layers say that something below is gone.
 *
 * Overlayfs: a character device 0:0 hides a name, the xattr overlay.opaque=y on a directory hides
 * what lies below it. OCI: an entry ".wh.NAME" and an entry ".wh..wh..opq" in the directory.
 */
#ifndef LAYERS_WHITEOUT_H
#define LAYERS_WHITEOUT_H

#include "common/error.h"

#include <stdbool.h>
#include <sys/stat.h>

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_META_PREFIX ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

bool whiteout_is(const struct stat *st);
int whiteout_make(int dir, const char *name, struct error *err);

/* dir is an open directory (not O_PATH). */
int opaque_get(int dir, bool userxattr, bool *opaque, struct error *err);
int opaque_set(int dir, bool userxattr, struct error *err);

/* What the last component of a path in a layer means. */
enum whiteout_kind {
	WHITEOUT_NONE,    /* an ordinary name */
	WHITEOUT_HIDE,    /* hides *name, a part of the argument */
	WHITEOUT_CLEAR,   /* the opaque mark of its directory */
	WHITEOUT_IGNORE,  /* other ".wh..wh." names, left by aufs */
	WHITEOUT_INVALID, /* ".wh." and no valid name */
};
enum whiteout_kind whiteout_parse(const char *base, const char **name);

#endif
