/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests that were met already, so that what a document says twice is done once.
 */
#ifndef LAYERS_DIGEST_SET_H
#define LAYERS_DIGEST_SET_H

#include "layers/digest.h"

#include "common/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

struct digest_set {
	struct digest *item; /* sorted */
	size_t count;
};

void digest_set_release(struct digest_set *set);
DEFINE_CLEANUP_STRUCT(digest_set, struct digest_set, digest_set_release);
/* False if it is there already. */
bool digest_set_add(struct digest_set *set, const struct digest *d);

#endif
