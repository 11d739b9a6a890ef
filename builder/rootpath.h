/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making paths inside an image root that nobody else changes meanwhile (the merged view of a step):
 * symlinks are followed inside the root, dangling ones by creating what they point at.
 */
#ifndef BUILDER_ROOTPATH_H
#define BUILDER_ROOTPATH_H

#include "common/error.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/* What a directory that is missing gets. A directory that was there keeps its time when something
   is made in it, so that the same copy onto the same root gives the same layer at any hour. */
struct rootpath_new {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
};

/* Gives the directory the time it had when st was read. */
int rootpath_keep_time(int dir, const struct stat *st, struct error *err);

/* Opens the directory at an absolute path, creating what is missing of it. Something else in the
   way is ERROR_FORMAT "not a directory". */
int rootpath_mkdirs(int root, const char *path, const struct rootpath_new *as, struct error *err);

/* Opens the directory that holds the last component, creating it likewise; *name points at the
   component in path. */
int rootpath_parent(int root, const char *path, const struct rootpath_new *as, const char **name,
		    struct error *err);

#endif
