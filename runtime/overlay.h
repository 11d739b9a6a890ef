/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlay mounts from directory descriptors.
 *
 * No option string is ever built from names: lowers, upper and work are given to fsconfig as
 * descriptors, or as /proc/self/fd paths on kernels that do not take those (lowerdir+ came in 6.8,
 * descriptors in 6.13; before that the legacy option string with /proc/self/fd names).
 * redirect_dir, metacopy, index and xino are always set explicitly, because the defaults differ
 * between distributions and attacker-made xattrs must not act (HARDENING 2.2 O3, 4.2).
 */
#ifndef RUNTIME_OVERLAY_H
#define RUNTIME_OVERLAY_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { OVERLAY_MAX_LOWERS = 500 }; /* OVL_MAX_STACK */

struct overlay_spec {
	const int *lower; /* directories, the top first; O_PATH is enough */
	size_t count;
	int upper, work; /* empty work directory on the upper's file system; both -1: read-only */
	bool userxattr;  /* required in a user namespace: without it removals give EIO */
	bool volatile_upper; /* fsync inside costs nothing; the upper is thrown away after a crash
			      */
};

/* A detached mount: a descriptor that openat and friends work on and that move_mount attaches. It
   disappears with its last descriptor. With a single lower and no upper a read-only clone of that
   directory is made instead (overlayfs wants two lowers). */
int overlay_mount(const struct overlay_spec *spec, struct error *err);

/* How to hand the directories over. overlay_mount() takes the first that the kernel knows; these
   are for tests and the probe. */
enum overlay_way {
	OVERLAY_BY_DESCRIPTOR, /* Linux 6.13 */
	OVERLAY_BY_NAME,       /* Linux 6.8: one /proc/self/fd name at a time */
	OVERLAY_BY_OPTIONS,    /* any: mount(2) with an option string, in a helper process */
	OVERLAY_WAYS,
};

/* The same in one way only. *unsupported is set if it failed because the kernel is too old. */
int overlay_mount_by(const struct overlay_spec *spec, enum overlay_way way, bool *unsupported,
		     struct error *err);

#endif
