/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: entries of a hostile tar become files below one directory. unpack.c reads
 * streams with it.
 *
 * The way from the root to the directory at hand is a ladder of open descriptors, one per
 * component. Entries of a sorted archive climb it step by step; any other order works as well. A
 * directory's time is set when the ladder leaves it, so nothing is deferred and memory does not
 * grow.
 */
#ifndef LAYERS_EXTRACT_H
#define LAYERS_EXTRACT_H

#include "layers/tar.h"
#include "layers/unpack.h"
#include "layers/whiteout.h"

#include <limits.h>
#include <time.h>

struct rung {
	int fd;
	char name[NAME_MAX + 1]; /* in the rung below; "" at the root */
	struct timespec mtime;   /* to set when the ladder leaves it */
};

/* A path taken apart; no component is empty, "." or "..". */
struct parts {
	char text[UNPACK_MAX_NAME];
	const char *part[UNPACK_MAX_DEPTH];
	size_t count;
};

struct extract {
	const struct unpack_options *options;
	struct tar_reader *tar;
	struct rung *rungs; /* rungs[0] is the root */
	size_t height;
	struct parts path; /* of the entry at hand */
	uint64_t seen;     /* entries of the archive */
	uint64_t entries;  /* that the tree holds; wrong if replaced */
	uint64_t bytes;    /* of regular files, each name counted; likewise */
	uint64_t implied;  /* directories that had to be made and got no entry */
	uint64_t room;     /* bytes that may still be written */
	uint64_t written;  /* since the room was looked at */
	bool replaced;     /* something was removed again */
};

int extract_init(struct extract *x, int root, const struct unpack_options *options,
		 struct tar_reader *tar, struct error *err);
void extract_release(struct extract *x);
DEFINE_CLEANUP_STRUCT(extract, struct extract, extract_release);

/* Looks how much may be written, leaving some space free. */
int extract_room(struct extract *x, struct error *err);
int extract_entry(struct extract *x, const struct tar_entry *entry, struct error *err);
/* Leaves all directories, setting their times. */
int extract_finish(struct extract *x, struct error *err);

/* --- ladder.c ------------------------------------------------------------------------------ */

/* ERROR_FORMAT for names that could mean something else elsewhere, ERROR_LIMIT for too long ones.
   Messages do not say which name it is: the caller does. */
int parts_parse(struct parts *p, const char *text, struct error *err);
/* What the whole path says: a whiteout can only be at its end. *name is set for WHITEOUT_HIDE. */
int parts_classify(const struct parts *p, enum whiteout_kind *kind, const char **name,
		   struct error *err);
/* Climbs to the directory of the first `count` parts, making what is missing and replacing what is
   no directory. The descriptor is the ladder's. */
int ladder_climb(struct extract *x, const struct parts *p, size_t count, struct error *err);
/* Like climbing one step to a directory that has an entry of its own. */
int ladder_step(struct extract *x, const char *name, struct error *err);
int ladder_descend(struct extract *x, size_t height, struct error *err);
/* Removes whatever has that name; *whiteout (may be NULL) says whether it was one. */
int ladder_clear(struct extract *x, int dir, const char *name, bool *whiteout, struct error *err);

#endif
