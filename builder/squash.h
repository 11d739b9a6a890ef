/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --squash: the layers that a build adds become one. Private to builder/.
 */
#ifndef BUILDER_SQUASH_H
#define BUILDER_SQUASH_H

#include "layers/pack.h"

/* Makes one layer of all but the first `base` layers (bottom first; count > base). The same layers
   always give the same one, which the cache remembers. out->empty if they change nothing. Blocks.
 */
int squash(struct store *s, const struct layer *layers, size_t count, size_t base,
	   enum compression compression, struct layer *out, struct error *err);

#endif
