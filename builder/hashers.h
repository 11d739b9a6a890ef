/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that read files and hash them, for a job that walks a tree meanwhile: hashing a large
 * context takes longer than finding its files, and one core longer than several.
 *
 *	h = hashers_new(digest_known, user);
 *	hashers_add(h, &file, path, err)	for each file; it has an offset or so of the
 *caller's hashers_wait(h, err)			digest_known() was called for every one
 *	hashers_free(h)
 *
 * digest_known() is called in the caller's thread, from hashers_add() and hashers_wait().
 */
#ifndef BUILDER_HASHERS_H
#define BUILDER_HASHERS_H

#include "common/cleanup.h"
#include "common/error.h"
#include "layers/digest.h"

#include <sys/stat.h>

struct hashers;

/* A file whose digest is wanted. */
struct hashed {
	int fd; /* open for reading, at its beginning; hashers_add() takes it */
	struct stat st;
	size_t at;     /* the caller's */
	bool remember; /* the caller's */
	struct digest digest;
};

struct hashers *hashers_new(void (*known)(void *user, const struct hashed *file), void *user);
void hashers_free(struct hashers *h);
DEFINE_CLEANUP(hashers, struct hashers *, hashers_free);

/* Small files are hashed at once, for others a thread is woken. path is for errors, and copied; an
   error may be that of an earlier file. */
int hashers_add(struct hashers *h, const struct hashed *file, const char *path, struct error *err);

/* Until all are known. */
int hashers_wait(struct hashers *h, struct error *err);

#endif
