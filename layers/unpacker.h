/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of layers, unpacked side by side when something has to be mounted.
 *
 * Each missing tree is unpacked by a job of its own, the largest first, so many at a time as the
 * owner allows. Two processes that need the same tree unpack it once: the second one's job waits
 * for the first one's lock. A job that is cancelled or dies leaves what it had unpacked in the
 * stage of its process, which goes when the store is closed.
 */
#ifndef LAYERS_UNPACKER_H
#define LAYERS_UNPACKER_H

#include "common/loop.h"
#include "layers/unpack.h"

struct unpacker;

/* Called from the loop when a tree could not be made; the others go on unless they are cancelled.
 */
typedef void unpacker_failed(void *user, const struct error *err);

/* jobs is how many may run at a time, at least 1. */
struct unpacker *unpacker_new(struct store *s, struct loop *l, unsigned jobs,
			      unpacker_failed *failed, void *user);
/* Closes the trees. No job may be left, unless the loop runs no more. NULL is fine. */
void unpacker_free(struct unpacker *u);
DEFINE_CLEANUP(unpacker, struct unpacker *, unpacker_free);

/* The fs directory of a layer's tree: 1 and *fd, the unpacker's; 0 if it is not there, and it is
   noted as wanted. */
int unpacker_get(struct unpacker *u, const struct layer *layer, int *fd);
/* Starts jobs for what is wanted; when one has ended, the next one follows by itself. */
int unpacker_start(struct unpacker *u, struct error *err);

/* Kills the jobs and begins no more; unpacker_busy() says whether some have yet to be reaped. */
void unpacker_cancel(struct unpacker *u);
bool unpacker_busy(const struct unpacker *u);

/* The trees of all these layers, for callers without a loop. fds has room for count and gets them
   the top first, as stacks and overlays want them; they are the caller's. Uses all processors and
   blocks; the first failure cancels the rest. Only a pin on the image keeps prune from the trees.
   */
int layer_trees(struct store *s, const struct layer *layers, size_t count, int *fds,
		struct error *err);

#endif
