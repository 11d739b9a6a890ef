/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digests of files that have not changed since they were read last, told by device, inode,
 * size, mtime and ctime. So an unchanged context costs one stat a file (DESIGN section 6).
 *
 * A file that changed within the last seconds is not remembered: it could change once more without
 * its times showing it.
 */
#ifndef BUILDER_STAT_CACHE_H
#define BUILDER_STAT_CACHE_H

#include "builder/step.h"
#include "layers/store.h"

#include <sys/stat.h>

enum { STAT_CACHE_MAX_FILES = 12 * 1000 * 1000 };

struct stat_cache;

/* That of what the step lists; empty if there is none, or only one of more than `most` files. */
struct stat_cache *stat_cache_open(struct store *s, const struct step *step, size_t most);
void stat_cache_free(struct stat_cache *c);
DEFINE_CLEANUP(stat_cache, struct stat_cache *, stat_cache_free);

/* The content of a regular file that has no attributes to list; zeros for a directory that has
   none. */
bool stat_cache_get(struct stat_cache *c, const struct stat *st, struct digest *out);
void stat_cache_put(struct stat_cache *c, const struct stat *st, const struct digest *d);

/* Was everything got that there is, and nothing put? */
bool stat_cache_is_complete(const struct stat_cache *c);

/* Keeps what was got and put since it was opened, unless that is what was there. */
int stat_cache_save(struct stat_cache *c, struct store *s, struct error *err);

#endif
