/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to runtime: which ids a new user namespace gets, and writing its maps.
 *
 * newuidmap and newgidmap are set-uid programs that work on another process from outside its new
 * namespace. So a helper is forked before unshare() and executes them after it.
 */
#ifndef RUNTIME_IDMAP_H
#define RUNTIME_IDMAP_H

#include "runtime/subid.h"

#include <limits.h>
#include <stdbool.h>

struct idmap {
	uid_t uid; /* of the caller; becomes 0 */
	gid_t gid;
	struct subid uids, gids;  /* become 1 and up */
	char newuidmap[PATH_MAX]; /* absolute */
	char newgidmap[PATH_MAX];
	bool single;      /* no ranges or no programs: 0 is the only id */
	char reason[200]; /* of single */
	char hint[300];
};

struct idmap_helper {
	pid_t pid; /* -1: none is needed */
	int go;
};

int idmap_plan(struct idmap *out, struct error *err);

/* Before unshare(). */
int idmap_prepare(const struct idmap *map, struct idmap_helper *out, struct error *err);

/* After it. Falls back to the single id, and sets map->single, if newuidmap is not able to do its
   work, as in containers that ignore set-uid bits. */
int idmap_apply(struct idmap *map, struct idmap_helper *helper, struct error *err);

/* Instead of apply, when unshare() failed. */
void idmap_cancel(struct idmap_helper *helper);

#endif
