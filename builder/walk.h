/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a COPY or ADD source means, found the same way for hashing and for copying.
 */
#ifndef BUILDER_WALK_H
#define BUILDER_WALK_H

#include "builder/ignore.h"
#include "common/buf.h"
#include "common/error.h"

#include <stdbool.h>
#include <sys/stat.h>

/* One file met on the walk. */
struct walk_entry {
	int dir;          /* its directory */
	const char *name; /* in it; the walk never follows a link here */
	const char *path; /* relative to the matched source; "" is the source itself */
	struct stat st;
};

struct walk_options {
	int root;                    /* of the context, stage or image */
	const struct ignore *ignore; /* or NULL */
};

/* Called parents first, entries of a directory sorted bytewise; for a directory once more with
   leaving true after its content. */
typedef int walk_visit(void *user, const struct walk_entry *entry, bool leaving, struct error *err);

/* Expands a cleaned source, which may hold wildcards, into the paths that exist and are not
   ignored, sorted. A literal that does not exist is ERROR_NOT_FOUND; a wildcard may match nothing.
   *paths and each of them are freed by the caller. `written` is for messages. */
int walk_match(const struct walk_options *o, const char *source, const char *written, char ***paths,
	       size_t *count, struct error *err);

/* Walks one matched path. A symlink that is itself the source is followed inside the root. */
int walk_tree(const struct walk_options *o, const char *path, walk_visit *visit, void *user,
	      struct error *err);

#endif
