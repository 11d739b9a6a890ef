/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/compress.h"
#include "tests/layers_fixture.h"

#include <sched.h>

static const enum compression kinds[] = {COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD};

static void names_and_media_types(void **state)
{
	enum compression c;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(compression_parse(compression_name(kinds[i]), &c));
		assert_int_equal(c, kinds[i]);
		assert_true(compression_from_media_type(compression_media_type(kinds[i]), &c));
		assert_int_equal(c, kinds[i]);
	}
	assert_true(compression_parse("uncompressed", &c) && c == COMPRESS_NONE);
	assert_false(compression_parse("xz", &c));
	assert_false(compression_parse("", &c));
	assert_true(compression_from_media_type("application/vnd.docker.image.rootfs.diff.tar.gzip",
						&c) &&
		    c == COMPRESS_GZIP);
	assert_true(compression_from_media_type(
			    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", &c) &&
		    c == COMPRESS_ZSTD);
	assert_true(compression_from_media_type(
			    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", &c) &&
		    c == COMPRESS_GZIP);
	assert_false(compression_from_media_type("application/vnd.oci.image.layer.v1.tar+xz", &c));
	assert_false(compression_from_media_type("application/json", &c));
	assert_int_equal(compression_detect("\x1f\x8b\x08\0\0\0", 6), COMPRESS_GZIP);
	assert_int_equal(compression_detect("\x28\xb5\x2f\xfd\0\0", 6), COMPRESS_ZSTD);
	assert_int_equal(compression_detect("\x50\x2a\x4d\x18\0\0", 6), COMPRESS_ZSTD);
	assert_int_equal(compression_detect("BZh91A", 6), COMPRESS_NONE);
	assert_int_equal(compression_detect("\xfd"
					    "7zXZ\0",
					    6),
			 COMPRESS_NONE);
	assert_int_equal(compression_detect("", 0), COMPRESS_NONE);
}

static int to_buf(void *user, const void *data, size_t length, struct error *err)
{
	(void)err;
	buf_add(user, data, length);
	return 0;
}

static void compress(enum compression c, const void *data, size_t length, struct rng *chunks,
		     struct buf *out)
{
	struct error err = ERROR_INIT;
	auto_(compressor) struct compressor *z = compressor_new(c, to_buf, out, &err);
	const char *at = data;

	must(z != NULL, &err);
	while (length > 0) {
		size_t n = chunks != NULL ? 1 + rng_below(chunks, 400000) : length;

		n = n < length ? n : length;
		must(compressor_add(z, at, n, &err) == 0, &err);
		at += n;
		length -= n;
	}
	must(compressor_finish(z, &err) == 0, &err);
}

struct source {
	const char *data;
	size_t length, step;
};

static ssize_t from_source(void *user, void *data, size_t room, struct error *err)
{
	struct source *s = user;
	size_t n = s->length < room ? s->length : room;

	(void)err;
	n = s->step != 0 && n > s->step ? s->step : n;
	memcpy(data, s->data, n);
	s->data += n;
	s->length -= n;
	return (ssize_t)n;
}

/* Everything plain into out; what decompressor_read() returned last. */
static ssize_t decompress(enum compression c, const void *data, size_t length, size_t step,
			  struct buf *out, struct error *err)
{
	struct source source = {data, length, step};
	auto_(decompressor) struct decompressor *d = decompressor_new(c, from_source, &source, err);
	ssize_t n;

	must(d != NULL, err);
	do {
		size_t room = 1 + (out->length * 7) % 100000;

		n = decompressor_read(d, buf_reserve(out, room), room, err);
		if (n > 0)
			buf_added(out, (size_t)n);
	} while (n > 0);
	return n;
}

static void use_processors(int count)
{
	cpu_set_t set, few;

	assert_int_equal(sched_getaffinity(getpid(), sizeof(set), &set), 0);
	CPU_ZERO(&few);
	for (int i = 0; i < CPU_SETSIZE && count > 0; i++) {
		if (CPU_ISSET(i, &set)) {
			CPU_SET(i, &few);
			count--;
		}
	}
	assert_int_equal(sched_setaffinity(0, sizeof(few), &few), 0);
}

/* The same bytes however the input is cut, on one processor or all. */
static void bytes_depend_on_content_only(void **state)
{
	static const size_t sizes[] = {0, 1, 100, 262143, 262144, 262145, 2097152, 5000000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		auto_free unsigned char *data = xmalloc(sizes[i] + 1);
		struct rng rng = {i};

		for (size_t at = 0; at < sizes[i]; at += 100000)
			random_bytes(&rng, data + at,
				     sizes[i] - at < 100000 ? sizes[i] - at : 100000);
		for (int k = 0; k < 3; k++) {
			auto_(buf) struct buf packed = BUF_INIT;
			auto_(buf) struct buf plain = BUF_INIT;
			struct error err = ERROR_INIT;
			cpu_set_t all;

			compress(kinds[k], data, sizes[i], NULL, &packed);
			assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
			for (int again = 0; again < 3; again++) {
				auto_(buf) struct buf other = BUF_INIT;

				if (again == 2)
					use_processors(1);
				compress(kinds[k], data, sizes[i], &rng, &other);
				assert_int_equal(other.length, packed.length);
				assert_memory_equal(other.data, packed.data, packed.length);
			}
			assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
			assert_int_equal(decompress(kinds[k], packed.data, packed.length,
						    sizes[i] < 1000 ? 1 : 0, &plain, &err),
					 0);
			assert_int_equal(plain.length, sizes[i]);
			assert_memory_equal(plain.data, data, sizes[i]);
		}
	}
}

static void gzip_says_nothing_about_the_machine(void **state)
{
	auto_(buf) struct buf packed = BUF_INIT;

	(void)state;
	compress(COMPRESS_GZIP, "abc", 3, NULL, &packed);
	/* 4: by the fastest algorithm, 255: on an unknown system. */
	assert_memory_equal(packed.data, "\x1f\x8b\x08\0\0\0\0\0\4\xff", 10);
}

static void damage_is_refused(void **state)
{
	unsigned char data[3000];
	struct rng rng = {5};

	(void)state;
	random_bytes(&rng, data, sizeof(data));
	for (int k = 1; k < 3; k++) {
		auto_(buf) struct buf packed = BUF_INIT;

		compress(kinds[k], data, sizeof(data), NULL, &packed);
		for (size_t cut = 0; cut < packed.length; cut++) {
			auto_(buf) struct buf plain = BUF_INIT;
			struct error err = ERROR_INIT;

			assert_int_equal(decompress(kinds[k], packed.data, cut, 0, &plain, &err),
					 -1);
			assert_int_equal(err.code, ERROR_FORMAT);
		}
		for (size_t at = 0; at < packed.length; at++) {
			auto_(buf) struct buf plain = BUF_INIT;
			struct error err = ERROR_INIT;
			bool good;

			packed.data[at] ^= 0x55;
			good = decompress(kinds[k], packed.data, packed.length, 0, &plain, &err) ==
			       0;
			packed.data[at] ^= 0x55;
			/* Fields of the gzip header that mean nothing (time, system) may differ. */
			if (good)
				assert_true(plain.length == sizeof(data) &&
					    memcmp(plain.data, data, sizeof(data)) == 0);
		}
	}
}

static void members_follow_each_other_and_garbage_does_not(void **state)
{
	(void)state;
	for (int k = 1; k < 3; k++) {
		auto_(buf) struct buf packed = BUF_INIT;
		auto_(buf) struct buf plain = BUF_INIT;
		struct error err = ERROR_INIT;

		for (int i = 0; i < 1000; i++)
			compress(kinds[k], "ab", i % 3 == 0 ? 2 : 0, NULL, &packed);
		assert_int_equal(decompress(kinds[k], packed.data, packed.length, 0, &plain, &err),
				 0);
		assert_int_equal(plain.length, 2 * 334);
		for (int i = 0; i < 2; i++) {
			buf_add(&packed, i == 0 ? "x" : "\0\0\0\0", i == 0 ? 1 : 4);
			buf_reset(&plain);
			assert_int_equal(
				decompress(kinds[k], packed.data, packed.length, 1, &plain, &err),
				-1);
			assert_int_equal(err.code, ERROR_FORMAT);
		}
	}
}

static void huge_windows_are_refused(void **state)
{
	/* Magic, no single segment, window descriptor, an empty last block. */
	unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0, 0, 1, 0, 0};

	(void)state;
	for (int log = 20; log <= 31; log++) {
		auto_(buf) struct buf plain = BUF_INIT;
		struct error err = ERROR_INIT;
		ssize_t n;

		frame[5] = (unsigned char)((log - 10) << 3);
		n = decompress(COMPRESS_ZSTD, frame, sizeof(frame), 0, &plain, &err);
		assert_int_equal(n, log <= 27 ? 0 : -1);
		assert_int_equal(err.code, log <= 27 ? ERROR_NONE : ERROR_LIMIT);
	}
}

static int refuse(void *user, const void *data, size_t length, struct error *err)
{
	(void)user, (void)data, (void)length;
	return error_set(err, ERROR_SPACE, "full");
}

static void a_sink_can_stop_it(void **state)
{
	static const char zeros[1000000];

	(void)state;
	for (int k = 0; k < 3; k++) {
		struct error err = ERROR_INIT;
		auto_(compressor) struct compressor *z =
			compressor_new(kinds[k], refuse, NULL, &err);
		int status = compressor_add(z, zeros, sizeof(zeros), &err);

		if (status == 0)
			status = compressor_finish(z, &err);
		assert_int_equal(status, -1);
		assert_int_equal(err.code, ERROR_SPACE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_media_types),
		cmocka_unit_test(bytes_depend_on_content_only),
		cmocka_unit_test(gzip_says_nothing_about_the_machine),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(members_follow_each_other_and_garbage_does_not),
		cmocka_unit_test(huge_windows_are_refused),
		cmocka_unit_test(a_sink_can_stop_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
