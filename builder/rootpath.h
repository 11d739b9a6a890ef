/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making paths inside an image root that nobody else changes meanwhile (the merged view of a step):
 * symlinks are followed inside the root, dangling ones by creating what they point at.
 */
#ifndef BUILDER_ROOTPATH_H
#define BUILDER_ROOTPATH_H

#include "common/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* What a directory that is missing gets. */
struct rootpath_new {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* Opens the directory at an absolute path, creating what is missing of it. Something else in the
   way is ERROR_FORMAT "not a directory". */
int rootpath_mkdirs(int root, const char *path, const struct rootpath_new *as, struct error *err);

/* Opens the directory that holds the last component, creating it likewise; *name points at the
   component in path. */
int rootpath_parent(int root, const char *path, const struct rootpath_new *as, const char **name,
		    struct error *err);

#endif
