/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories that COPY and RUN --mount read: the build's context and named ones.
 *
 * A context that is no directory of the host (a git repository, an archive from a URL or from
 * standard input) becomes a directory in the store's stage, which goes away with the process.
 */
#ifndef BUILDER_CONTEXT_H
#define BUILDER_CONTEXT_H

#include "builder/fetch.h"
#include "builder/ignore.h"

/* An open context. */
struct context {
	const char *name;      /* NULL: the build's own */
	int fd;                /* -1: there is none */
	struct ignore *ignore; /* NULL: nothing is ignored */
	struct context *next;
};

void context_release(struct context *c);

/* What a text such as the operand of `varve build` names. */
enum context_kind {
	CONTEXT_DIRECTORY,
	CONTEXT_STDIN, /* "-" */
	CONTEXT_GIT,   /* see git_parse() */
	CONTEXT_HTTP,  /* http:// or https://, and no git repository */
	CONTEXT_IMAGE, /* docker-image://NAME, oci-layout://PATH[:TAG][@DIGEST] */
};
enum context_kind context_kind(const char *text);

/* Gives the directory of a context that is no image; a git repository is checked out, an archive of
   any supported compression unpacked (owners become 0:0, as all of a context's). Standard input or
   a URL whose content is no archive is a Dockerfile: *directory is then -1 and the text in
   *dockerfile, which may be NULL if that is not wanted (ERROR_FORMAT). Blocks; runs jobs.

   host_cwd: what a relative path starts from. */
int context_open(struct store *s, int host_cwd, const char *text, const struct fetch_options *fetch,
		 int *directory, struct buf *dockerfile, struct error *err);

/* Reads the ignore file of a context: <dockerfile>.dockerignore, a path from the directory
   `beside`, if dockerfile is not NULL and there is one; else .dockerignore in directory. *out is
   NULL if there is none. */
int context_ignore(int directory, int beside, const char *dockerfile, struct ignore **out,
		   struct error *err);

#endif
