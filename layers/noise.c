/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/noise.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum {
	GLANCE_BYTES = 1024,
	SAMPLE_STEP = 1024,
	VALUES = 256,
	LANES = 4,
	WINDOW = 32 * 1024, /* how far back deflate looks */
	TABLE_BITS = 12,
	LANDMARK = 0x5a, /* any value will do */
	MAX_REPEATS = 2, /* about 512 bytes that repeat */
};

/* How often each byte occurs. In several tables in turns, so that equal bytes in a row do not wait
   for each other. */
struct counts {
	uint32_t of[LANES][VALUES];
	uint64_t all;
};

static void count_bytes(struct counts *c, const unsigned char *data, size_t length)
{
	for (size_t i = 0; i < length; i += LANES)
		for (size_t lane = 0; lane < LANES; lane++)
			c->of[lane][data[i + lane]]++;
	c->all += length;
}

/* Whether the sum of the squared counts exceeds what equally frequent bytes have by less than a
   part: with 1/16 their entropy is within half a percent of 8 bits. */
static bool is_even(const struct counts *c, uint64_t part)
{
	uint64_t sum = 0, even = c->all * c->all / VALUES;

	for (size_t i = 0; i < VALUES; i++) {
		uint64_t n = 0;

		for (size_t lane = 0; lane < LANES; lane++)
			n += c->of[lane][i];
		sum += n * n;
	}
	return sum <= c->all + even + even / part;
}

/* Most of what compresses shows it at a glance; for the others a quarter is enough. */
static bool may_be_noise(const unsigned char *cell)
{
	struct counts c = {.all = 0};

	count_bytes(&c, cell, GLANCE_BYTES);
	if (!is_even(&c, 2))
		return false;
	for (size_t at = GLANCE_BYTES; at < NOISE_CELL_BYTES; at += SAMPLE_STEP)
		count_bytes(&c, cell + at, SAMPLE_STEP / 4);
	return is_even(&c, 16);
}

/* What repeats, as seen from every byte of one value: cells that are asked for have about as many
   of it as of any other, and the second time they are found at the same places as the first time.
 */
struct repeats {
	const unsigned char *data;
	uint32_t place[1 << TABLE_BITS]; /* + 1; 0: none */
	unsigned found[NOISE_MAX_CELLS];
};

static void look_at(struct repeats *r, size_t at)
{
	uint64_t next, other;
	size_t before, slot;

	memcpy(&next, r->data + at, sizeof(next));
	slot = next * 0x9e3779b97f4a7c15U >> (64 - TABLE_BITS);
	before = r->place[slot];
	r->place[slot] = (uint32_t)at + 1;
	if (before-- == 0 || at - before > WINDOW)
		return;
	memcpy(&other, r->data + before, sizeof(other));
	if (other != next)
		return;
	for (size_t i = before / NOISE_CELL_BYTES; i <= at / NOISE_CELL_BYTES; i++)
		r->found[i]++;
}

static void look_for_repeats(struct repeats *r, size_t from, size_t length)
{
	const unsigned char *end = r->data + from + length - sizeof(uint64_t);
	const unsigned char *at = r->data + from;

	while (at < end && (at = memchr(at, LANDMARK, (size_t)(end - at))) != NULL)
		look_at(r, (size_t)(at++ - r->data));
}

void noise_find(const unsigned char *data, size_t length, bool *is_noise)
{
	struct repeats r = {.data = data};
	size_t cells = length / NOISE_CELL_BYTES;

	assert(cells <= NOISE_MAX_CELLS);
	for (size_t i = 0; i < cells; i++) {
		const unsigned char *cell = data + i * NOISE_CELL_BYTES;

		is_noise[i] = may_be_noise(cell);
		if (is_noise[i])
			look_for_repeats(&r, i * NOISE_CELL_BYTES, NOISE_CELL_BYTES);
	}
	for (size_t i = 0; i < cells; i++)
		is_noise[i] = is_noise[i] && r.found[i] < MAX_REPEATS;
}
