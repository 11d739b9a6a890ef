/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether two overlay uppers, or unpacked layers, are the same change.
 *
 * Everything that goes into a layer counts, but for times that the clock has set: a step that ran
 * again and did the same made the same layer, whenever it ran (DESIGN section 6, content cutoff).
 */
#ifndef LAYERS_EQUAL_H
#define LAYERS_EQUAL_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

/* a and b are open directories. A time in `a` before `since` (seconds) was set on purpose, or
   copied, and must be that of b; later ones do not count. What can be told without reading files is
   looked at first, so that trees that differ are mostly told apart by their sizes and names. */
int trees_equal(int a, int b, int64_t since, bool userxattr, bool *equal, struct error *err);

#endif
