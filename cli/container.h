/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container that lives as long as one program: the image's trees, a stub layer and a private
 * upper in the stage of the store, which goes away with this process.
 */
#ifndef CLI_CONTAINER_H
#define CLI_CONTAINER_H

#include "builder/stub.h"
#include "builder/user.h"
#include "layers/image.h"
#include "runtime/sandbox.h"

enum { CONTAINER_ETC_FILES = 3, CONTAINER_HOSTNAME_SIZE = 13 };

struct container {
	struct store *store;
	struct image image;
	int *trees; /* the top first; trees[0] is the stub layer's place, -1 without one */
	size_t tree_count;
	struct stub stub;
	struct user user;
	struct buf cwd;
	int upper, work; /* -1: read-only */
	int etc[CONTAINER_ETC_FILES];
	char hostname[CONTAINER_HOSTNAME_SIZE];
};

#define CONTAINER_INIT                                                                             \
	{                                                                                          \
		.stub = STUB_INIT, .cwd = BUF_INIT, .upper = -1, .work = -1, .etc = { -1, -1, -1 } \
	}

/* Finds the image and makes everything ready to be mounted, unpacking what is missing. user and cwd
   NULL: the image's. */
int container_prepare(struct container *c, struct store *s, const char *image, const char *user,
		      const char *cwd, bool read_only, struct error *err);
void container_release(struct container *c);
DEFINE_CLEANUP_STRUCT(container, struct container, container_release);

/* Starts a program. Environment and arguments are complete. NULL with err. */
struct sandbox *container_start(struct container *c, char *const *argv, char *const *envp,
				enum sandbox_network network, struct error *err);

#endif
