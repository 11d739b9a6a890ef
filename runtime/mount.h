/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to runtime: detached mounts. Callable in a forked child.
 */
#ifndef RUNTIME_MOUNT_H
#define RUNTIME_MOUNT_H

#include "common/error.h"

#include <stdint.h>

struct mount_option {
	const char *key, *value;
};

/* A detached mount of a new instance of a file system; options may be NULL or end with a NULL
   key. attributes: MOUNT_ATTR_*. */
int mount_new(const char *type, const struct mount_option *options, unsigned int attributes,
	      struct error *err);

/* A detached clone of what dir/name is, made in this mount namespace; flags: AT_RECURSIVE. */
int mount_clone(int dir, const char *name, unsigned int flags, uint64_t attributes,
		struct error *err);

/* error_sys() with what the kernel logged in the file system context, since errno alone says no
   more than "Invalid argument". */
int mount_error(int fs, struct error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
