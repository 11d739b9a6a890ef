/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub layer: mount targets that an image lacks.
 *
 * A throw-away directory that lies directly below the upper and holds what must exist to be mounted
 * on (/proc, /etc/resolv.conf, ...) and is missing or of the wrong type, each with its parents as
 * they are in the merged view. So no stub ever reaches a layer, and nothing has to be cleaned up
 * (HARDENING 3.9).
 */
#ifndef BUILDER_STUB_H
#define BUILDER_STUB_H

#include "common/cleanup.h"
#include "layers/stack.h"

#include <stdint.h>

/* A regular file with content, or a mount target. */
struct stub_target {
	const char *path; /* without leading slash */
	bool directory;
	const void *data; /* of a file; NULL: an empty one */
	size_t length;
	mode_t mode; /* of a file with data */
};

struct stub {
	int fd; /* the directory; -1: the root needs no stub layer */
};

#define STUB_INIT                                                                                  \
	{                                                                                          \
		.fd = -1                                                                           \
	}

void stub_release(struct stub *s);
DEFINE_CLEANUP_STRUCT(stub, struct stub, stub_release);

/* Makes a new directory in stage with what root lacks of the targets (those with data always go
   in). out->fd is -1 if nothing is lacking. */
int stub_make(const struct stack *root, int stage, const struct stub_target *targets, size_t count,
	      struct stub *out, struct error *err);

#endif
