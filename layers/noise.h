/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: which parts of some data no compressor makes smaller, such as pictures and
 * archives. Deflate is slowest there and achieves nothing.
 *
 * Looked at in cells of a fixed size. A cell is noise if its bytes are about equally frequent and
 * it shares nothing with another cell near it. The answer depends on the bytes alone. What is
 * wrongly called noise would have become smaller by a few percent.
 */
#ifndef LAYERS_NOISE_H
#define LAYERS_NOISE_H

#include <stdbool.h>
#include <stddef.h>

enum {
	NOISE_CELL_BYTES = 16 * 1024,
	NOISE_MAX_CELLS = 64,
};

/* For each whole cell of data, of which there are at most NOISE_MAX_CELLS. */
void noise_find(const unsigned char *data, size_t length, bool *is_noise);

#endif
