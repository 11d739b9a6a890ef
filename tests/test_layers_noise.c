/* SPDX-License-Identifier: Apache-2.0 */
/* What is called noise, and that nothing is lost or gained by it but time. */
#include "layers/compress.h"
#include "layers/noise.h"
#include "tests/layers_fixture.h"

enum { CELL = NOISE_CELL_BYTES };

static void random_fill(struct rng *rng, unsigned char *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		data[i] = (unsigned char)rng_below(rng, 256);
}

/* Lines of few words. */
static void text_fill(struct rng *rng, unsigned char *data, size_t length)
{
	static const char *const words[] = {"varve ", "layer ", "sediment ", "season\n"};
	size_t at = 0;

	while (at < length) {
		const char *word = words[rng_below(rng, 4)];

		for (; *word != '\0' && at < length; word++)
			data[at++] = (unsigned char)*word;
	}
}

static void random_is_noise(void **state)
{
	auto_free unsigned char *data = xmalloc(NOISE_MAX_CELLS * CELL);
	bool noise[NOISE_MAX_CELLS];

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct rng rng = {seed};

		random_fill(&rng, data, NOISE_MAX_CELLS * CELL);
		noise_find(data, NOISE_MAX_CELLS * CELL, noise);
		for (int i = 0; i < NOISE_MAX_CELLS; i++)
			assert_true(noise[i]);
	}
}

static void what_compresses_is_not(void **state)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char data[CELL];
	struct rng rng = {1};
	bool noise;

	(void)state;
	memset(data, 0, CELL);
	noise_find(data, CELL, &noise);
	assert_false(noise);
	text_fill(&rng, data, CELL);
	noise_find(data, CELL, &noise);
	assert_false(noise);
	for (size_t i = 0; i < CELL; i++)
		data[i] = (unsigned char)digits[rng_below(&rng, 64)];
	noise_find(data, CELL, &noise);
	assert_false(noise);
	/* Every byte equally often, and yet all of it repeats. */
	for (size_t i = 0; i < CELL; i++)
		data[i] = (unsigned char)i;
	noise_find(data, CELL, &noise);
	assert_false(noise);
	/* The first kilobyte says nothing about the rest. */
	random_fill(&rng, data, CELL / 2);
	noise_find(data, CELL, &noise);
	assert_false(noise);
}

static void noise_that_repeats_is_not(void **state)
{
	auto_free unsigned char *data = xmalloc(8 * CELL);
	struct rng rng = {2};
	bool noise[8];

	(void)state;
	random_fill(&rng, data, 8 * CELL);
	memcpy(data + 2 * CELL + 100, data + CELL + 50, CELL / 4); /* within the window */
	memcpy(data + 7 * CELL, data + 4 * CELL, CELL);            /* too far */
	noise_find(data, 8 * CELL, noise);
	for (int i = 0; i < 8; i++)
		assert_int_equal(noise[i], i != 1 && i != 2);
}

static void a_part_of_a_cell_is_not_looked_at(void **state)
{
	unsigned char data[2 * CELL - 1];
	bool noise[2] = {false, false};
	struct rng rng = {3};

	(void)state;
	random_fill(&rng, data, sizeof(data));
	noise_find(data, CELL - 1, noise);
	assert_false(noise[0]);
	noise_find(data, sizeof(data), noise);
	assert_true(noise[0]);
	assert_false(noise[1]);
}

/* --- in a gzip ----------------------------------------------------------------------------- */

static int to_buf(void *user, const void *data, size_t length, struct error *err)
{
	(void)err;
	buf_add(user, data, length);
	return 0;
}

static size_t gzip(const void *data, size_t length, struct buf *out)
{
	struct error err = ERROR_INIT;
	auto_(compressor) struct compressor *z = compressor_new(COMPRESS_GZIP, to_buf, out, &err);

	must(z != NULL && compressor_add(z, data, length, &err) == 0 &&
		     compressor_finish(z, &err) == 0,
	     &err);
	return out->length;
}

struct source {
	const char *data;
	size_t length;
};

static ssize_t from_source(void *user, void *data, size_t room, struct error *err)
{
	struct source *s = user;
	size_t n = s->length < room ? s->length : room;

	(void)err;
	memcpy(data, s->data, n);
	s->data += n;
	s->length -= n;
	return (ssize_t)n;
}

static void must_be(const struct buf *packed, const unsigned char *data, size_t length)
{
	struct source source = {packed->data, packed->length};
	struct error err = ERROR_INIT;
	auto_(decompressor) struct decompressor *d =
		decompressor_new(COMPRESS_GZIP, from_source, &source, &err);
	auto_free unsigned char *back = xmalloc(length + 1);
	size_t done = 0;
	ssize_t n;

	must(d != NULL, &err);
	while ((n = decompressor_read(d, back + done, length + 1 - done, &err)) > 0)
		done += (size_t)n;
	must(n == 0, &err);
	assert_int_equal(done, length);
	assert_memory_equal(back, data, length);
}

/* Text and noise in turns, of lengths that no cell begins at. */
static void mixtures_come_back(void **state)
{
	enum { ALL = 3000000 };
	auto_free unsigned char *data = xmalloc(ALL);

	(void)state;
	for (uint64_t seed = 0; seed < 6; seed++) {
		auto_(buf) struct buf packed = BUF_INIT;
		struct rng rng = {seed};
		size_t texts = 0;

		for (size_t at = 0, step; at < ALL; at += step) {
			step = 1 + rng_below(&rng, 200000);
			step = step < ALL - at ? step : ALL - at;
			if (rng_below(&rng, 2) == 0) {
				random_fill(&rng, data + at, step);
			} else {
				text_fill(&rng, data + at, step);
				texts += step;
			}
		}
		/* Text becomes a third of it at most; noise costs a thousandth. */
		assert_true(gzip(data, ALL, &packed) < ALL - texts + texts / 3 + ALL / 500);
		must_be(&packed, data, ALL);
	}
}

static void noise_is_kept_as_it_is(void **state)
{
	enum { ALL = 4 * 1024 * 1024 };
	auto_free unsigned char *data = xmalloc(ALL);
	auto_(buf) struct buf packed = BUF_INIT;
	struct rng rng = {9};

	(void)state;
	random_fill(&rng, data, ALL);
	assert_true(gzip(data, ALL, &packed) < ALL + ALL / 1000);
	must_be(&packed, data, ALL);
	/* A stored block begins after the header of 10 bytes: its 3 bits and the length. */
	assert_int_equal(packed.data[10] & 6, 0);
	assert_memory_equal(packed.data + 15, data, 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_is_noise),
		cmocka_unit_test(what_compresses_is_not),
		cmocka_unit_test(noise_that_repeats_is_not),
		cmocka_unit_test(a_part_of_a_cell_is_not_looked_at),
		cmocka_unit_test(mixtures_come_back),
		cmocka_unit_test(noise_is_kept_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
