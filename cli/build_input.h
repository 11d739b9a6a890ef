/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build reads: the context and the Dockerfile.
 */
#ifndef CLI_BUILD_INPUT_H
#define CLI_BUILD_INPUT_H

#include "builder/fetch.h"
#include "common/buf.h"
#include "common/error.h"

struct build_input {
	int context; /* directory; -1: there is only a Dockerfile */
	bool is_git;
	int host_root;
	struct buf text; /* of the Dockerfile */
	char *name;      /* as messages call it */
	int dir;         /* what path starts from; -1: the context */
	char *path;      /* of the Dockerfile; NULL if it is no file */
};

#define BUILD_INPUT_INIT                                                                           \
	{                                                                                          \
		.context = -1, .host_root = -1, .text = BUF_INIT, .name = NULL, .dir = -1,         \
		.path = NULL                                                                       \
	}

void build_input_release(struct build_input *in);

/* context is a directory, a git repository, the URL of an archive or Dockerfile, or "-" for an
   archive or Dockerfile from standard input. file is the Dockerfile: NULL for the one in the
   context, "-" for standard input, a URL, or a path: of the host if the context is a directory,
   else beneath the context. What is not local is fetched into the store's stage by a job. */
int build_input_open(struct build_input *in, struct store *s, const struct fetch_options *fetch,
		     const char *context, const char *file, struct error *err);

#endif
