/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: the first name of every file with several names, by inode.
 */
#ifndef LAYERS_LINKS_H
#define LAYERS_LINKS_H

#include "common/cleanup.h"

#include <stddef.h>
#include <sys/stat.h>

struct links {
	struct link **buckets; /* private */
	size_t capacity, count;
};

#define LINKS_INIT                                                                                 \
	{                                                                                          \
		.buckets = NULL, .capacity = 0, .count = 0                                         \
	}

void links_release(struct links *l);
DEFINE_CLEANUP_STRUCT(links, struct links, links_release);

/* The first name, or NULL if path is that; valid as long as l. */
const char *links_seen(struct links *l, const struct stat *st, const char *path);

#endif
