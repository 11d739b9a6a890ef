/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing what a walk finds below one directory, with the owner, mode, time and attributes that
 * COPY and ADD give it. Private to copy*.c.
 */
#ifndef BUILDER_COPIER_H
#define BUILDER_COPIER_H

#include "builder/copy.h"
#include "builder/rootpath.h"
#include "builder/walk.h"

enum { COPY_MAX_DEPTH = 300, COPY_MAX_XATTR_LIST = 64 * 1024 };

struct copier {
	const struct copy_spec *spec;
	int target;      /* the root that is written to */
	bool keep_owner; /* else everything gets uid and gid */
	uid_t uid;
	gid_t gid;
	struct rootpath_new parents; /* its time is that of what is copied */
	int stack[COPY_MAX_DEPTH];   /* directories from the destination to where the walk is */
	struct timespec times[COPY_MAX_DEPTH]; /* what they get when the walk leaves them */
	int depth;
	const char *rename; /* for a single file: its name at the destination */
	struct hard_link *links;
};

/* Begins in a directory, which the copier owns from now on. */
void copier_enter(struct copier *c, int dir);
/* Closes what is open; hard links of one source are not linked with those of the next. */
void copier_leave(struct copier *c);

/* A walk_visit; user is the copier. */
int copier_visit(void *user, const struct walk_entry *entry, bool leaving, struct error *err);

/* The directory a file goes into, and its name there: basename, "" if it has none of its own, if
   the destination is a directory. */
int copier_place(struct copier *c, const char *basename, const char **name, struct error *err);
/* Makes a file there. fill() writes its content; mtime NULL leaves the time to the clock, mode is
   for want of a --chmod. */
typedef int copier_fill(void *user, int fd, struct error *err);
int copier_file(struct copier *c, const char *basename, mode_t mode, const struct timespec *mtime,
		copier_fill *fill, void *user, struct error *err);
/* Extracts an archive into the destination. */
int copier_extract(struct copier *c, int archive, struct error *err);
/* Copies one matched path of a tree to the destination; `written` is for messages. */
int copier_copy(struct copier *c, const struct walk_options *tree, const char *path,
		const char *written, struct error *err);

/* ADD of the remote source i; copy_remote.c. */
int copy_remote(struct copier *c, const struct copy_options *o, size_t i,
		const struct ignore *exclude, struct error *err);

/* Is the attribute copied with its file? */
bool copy_takes_xattr(const char *name);

/* Makes a new regular file of that name, in the place of another one or a link. When it has its
   content, copier_own() gives it to c->uid and c->gid, with this mode unless there is a --chmod. */
int copier_create(int dir, const char *name, struct error *err);
int copier_own(const struct copier *c, int fd, mode_t mode, struct error *err);

#endif
