/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a COPY or ADD source means, found the same way for hashing and for copying.
 */
#ifndef BUILDER_WALK_H
#define BUILDER_WALK_H

#include "builder/ignore.h"
#include "builder/scout.h"
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
	bool on_the_way; /* a directory that is left out itself, but something below it is not */
};

struct walk_options {
	int root;                     /* of the context, stage or image */
	const struct ignore *ignore;  /* by the path from the root; or NULL */
	const struct ignore *exclude; /* by the path from the source; or NULL */
	/* Sources are "DIRECTORY/./PATTERN": only what the pattern, which may hold "**", matches
	   below the directory is visited, and the directories on the way to it. */
	bool parents;
	struct scout *scout; /* reads ahead; or NULL */
};

/* Called parents first, entries of a directory sorted bytewise; for a directory once more with
   leaving true after its content. */
typedef int walk_visit(void *user, const struct walk_entry *entry, bool leaving, struct error *err);

/* Expands a cleaned source, which may hold wildcards, into the paths that exist and are neither
   ignored nor excluded, sorted. A literal that does not exist is ERROR_NOT_FOUND; a wildcard may
   match nothing. *paths and each of them are freed by the caller. `written` is for messages. */
int walk_match(const struct walk_options *o, const char *source, const char *written, char ***paths,
	       size_t *count, struct error *err);

/* Walks one matched path. A symlink that is itself the source is followed inside the root. With
   `parents` a pattern without wildcards that meets nothing is ERROR_NOT_FOUND. */
int walk_tree(const struct walk_options *o, const char *path, const char *written,
	      walk_visit *visit, void *user, struct error *err);

/* What lies before the pivot of a matched path; without `parents` the path itself. Freed by the
   caller. */
char *walk_base(const struct walk_options *o, const char *path);

#endif
