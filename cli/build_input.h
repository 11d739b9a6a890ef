/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build reads: the context directory and the Dockerfile.
 */
#ifndef CLI_BUILD_INPUT_H
#define CLI_BUILD_INPUT_H

#include "common/buf.h"
#include "common/error.h"

struct build_input {
	int context; /* directory; -1 for "-", a Dockerfile without a context */
	int host_root;
	struct buf text;  /* of the Dockerfile */
	char *name;       /* as messages call it */
	char *in_context; /* its path in the context, or NULL */
};

#define BUILD_INPUT_INIT                                                                           \
	{                                                                                          \
		.context = -1, .host_root = -1, .text = BUF_INIT, .name = NULL, .in_context = NULL \
	}

void build_input_release(struct build_input *in);

/* context is a directory or "-" (the Dockerfile from standard input, no context); file is the
   Dockerfile, "-" for standard input, or NULL for CONTEXT/Dockerfile. */
int build_input_open(struct build_input *in, const char *context, const char *file,
		     struct error *err);

#endif
