/* SPDX-License-Identifier: Apache-2.0 */
#include "common/listing.h"
#include "tests/layers_fixture.h"

static void round_trip_of_random_trees(void **state)
{
	struct scratch *s = *state;

	for (int i = 0; i < trials(1000); i++) {
		struct rng rng = trial(s, i);
		auto_fd int tree = make_dir(s->dir, "tree");
		auto_fd int again = -1;
		auto_free char *before = NULL;
		auto_free char *after = NULL;
		struct layer layer, repacked;

		random_tree(&rng, tree, 3);
		before = dump_tree(tree, true);
		layer = pack_plain(s, tree, (enum compression)rng_below(&rng, 3));
		if (layer.empty) {
			assert_string_equal(before, "");
		} else {
			again = unpack_plain(s, &layer);
			after = dump_tree(again, true);
			assert_string_equal(before, after);
			repacked = pack_plain(s, again, layer.compression);
			assert_true(digest_equal(&layer.diff_id, &repacked.diff_id));
			assert_true(digest_equal(&layer.blob, &repacked.blob));
		}
		remove_dir(s->dir, "tree");
	}
}

/* --- damaged blobs ------------------------------------------------------------------------- */

static int blob_fd(struct scratch *s, const struct digest *blob, int flags)
{
	struct error err = ERROR_INIT;
	auto_fd int fd = store_find(s->store, STORE_BLOBS, blob, &err);
	char link[FD_PATH_SIZE], path[PATH_MAX];
	ssize_t n;

	must(fd >= 0, &err);
	n = readlink(fd_path(fd, link), path, sizeof(path) - 1);
	assert_true(n > 0);
	path[n] = '\0';
	assert_int_equal(chmod(path, 0644), 0);
	return open(path, flags | O_CLOEXEC);
}

static void refused(struct scratch *s, const struct layer *layer, const char *why, long at)
{
	struct error err = ERROR_INIT;
	auto_(listing) struct listing left = LISTING_INIT;

	if (layer_unpack(s->store, layer, &err) == 0)
		fail_msg("%s at %ld was not noticed", why, at);
	if (err.code != ERROR_DIGEST && err.code != ERROR_FORMAT && err.code != ERROR_LIMIT &&
	    err.code != ERROR_SPACE)
		fail_msg("%s at %ld: %d %s", why, at, err.code, err.frame[0].text);
	assert_false(store_has(s->store, STORE_TREES, &layer->diff_id));
	must(listing_read(store_stage(s->store, &err), &left, &err) == 0, &err);
	assert_int_equal(left.count, 0);
}

static void damaged_blobs_make_no_tree(void **state)
{
	struct scratch *s = *state;

	for (int k = COMPRESS_NONE; k <= COMPRESS_ZSTD; k++) {
		struct rng rng = trial(s, k + 40);
		auto_fd int tree = make_dir(s->dir, "tree"), fd = -1;
		struct layer layer, lie;
		auto_free char *bytes = NULL;

		random_tree(&rng, tree, 2);
		layer = pack_plain(s, tree, (enum compression)k);
		assert_true(layer.size > 1024 && layer.size < 4 << 20);
		fd = blob_fd(s, &layer.blob, O_RDWR);
		bytes = xmalloc(layer.size);
		assert_int_equal(pread(fd, bytes, layer.size, 0), layer.size);
		for (uint64_t at = 0; at < layer.size; at += 512) {
			char other = (char)(bytes[at] ^ 0x40);

			assert_int_equal(pwrite(fd, &other, 1, (off_t)at), 1);
			refused(s, &layer, "a flipped bit", (long)at);
			assert_int_equal(pwrite(fd, bytes + at, 1, (off_t)at), 1);
		}
		for (int64_t at = (int64_t)layer.size - 1; at > 0; at -= 512) {
			assert_int_equal(ftruncate(fd, at), 0);
			refused(s, &layer, "a cut", at);
		}
		assert_int_equal(pwrite(fd, bytes, layer.size, 0), layer.size);
		lie = layer;
		lie.size++;
		refused(s, &lie, "another size", 0);
		/* The blob is what it should be, but not the layer that it should be. */
		lie = layer;
		lie.diff_id.sha256[0] ^= 1;
		refused(s, &lie, "another diff id", 0);
		close(unpack_plain(s, &layer));
		remove_dir(s->dir, "tree");
	}
}

/* --- archives of ADD ----------------------------------------------------------------------- */

static int run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void every_compression_of_add(void **state)
{
	static const struct {
		const char *flag, *program;
	} kinds[] = {
		{"", "true"}, {"-z", "gzip"}, {"-j", "bzip2"}, {"-J", "xz"}, {"--zstd", "zstd"}};
	struct scratch *s = *state;
	auto_fd int in = make_dir(s->dir, "in");
	auto_free char *expected = NULL;
	int tried = 0;

	put_text(in, "f", "content");
	put_text(in, "g", "");
	set_mtime(in, "f", 5);
	set_mtime(in, "g", 6);
	expected = dump_tree(in, true);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct unpack_options options = {.owner = -1, .group = -1};
		auto_free char *have = xprintf("command -v %s >/dev/null", kinds[i].program);
		auto_free char *make =
			xprintf("tar -C %s/in %s -cf %s/a.tar .", s->path, kinds[i].flag, s->path);
		struct error err = ERROR_INIT;
		auto_free char *got = NULL;
		auto_fd int fd = -1, out = -1;
		uint64_t entries;

		if (run(have) != 0)
			continue;
		tried++;
		assert_int_equal(run(make), 0);
		fd = openat(s->dir, "a.tar", O_RDONLY | O_CLOEXEC);
		assert_true(archive_probe(fd));
		out = make_dir(s->dir, "out");
		set_mtime(s->dir, "out", 7);
		must(archive_extract(fd, out, &options, &entries, &err) == 0, &err);
		assert_int_equal(entries, 3);
		got = dump_tree(out, true);
		assert_string_equal(got, expected);
		remove_dir(s->dir, "out");
	}
	assert_true(tried > 0);
}

static void only_archives_are_archives(void **state)
{
	static const struct {
		const char *data;
		size_t size;
	} files[] = {
		{"", 0},
		{"hello\n", 6},
		{"\x1f\x8b", 2},
		{"BZh9", 4},
		{"\x1f\x8b\x08\0\0\0\0\0\0\xff\x4b\x04\0\x43\xbe\xb7\xe8\1\0\0\0", 21},
		{"PK\3\4", 4},
		{"\x28\xb5\x2f\xfd", 4},
	};
	struct scratch *s = *state;
	auto_free char *zeros = xcalloc(1, 10240);

	for (size_t i = 0; i <= sizeof(files) / sizeof(files[0]); i++) {
		bool last = i == sizeof(files) / sizeof(files[0]);
		auto_fd int fd = -1;

		put_file(s->dir, "file", last ? zeros : files[i].data,
			 last ? 10240 : files[i].size);
		fd = openat(s->dir, "file", O_RDONLY | O_CLOEXEC);
		assert_false(archive_probe(fd));
		assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	}
}

/* Extraction into a directory that holds things: they give way or stay, and nothing is followed. */
static void add_into_a_full_directory(void **state)
{
	struct scratch *s = *state;
	auto_fd int in = make_dir(s->dir, "in"), d = make_dir(in, "d");
	auto_fd int out = make_dir(s->dir, "out"), e = make_dir(out, "d"), fd = -1;
	const struct unpack_options options = {.owner = 7, .group = 8};
	auto_free char *make = xprintf("tar -C %s/in -cf %s/a.tar d/f link", s->path, s->path);
	struct error err = ERROR_INIT;
	auto_free char *got = NULL;
	uint64_t entries;

	put_text(d, "f", "new");
	put_text(in, "link", "plain");
	set_mtime(in, "link", 5);
	set_mtime(d, "f", 5);
	put_text(e, "kept", "");
	set_mtime(e, "kept", 9);
	assert_int_equal(symlinkat("kept", e, "f"), 0);
	assert_int_equal(symlinkat("/etc/passwd", out, "link"), 0);
	set_mtime(out, "d", 9);
	assert_int_equal(run(make), 0);
	fd = openat(s->dir, "a.tar", O_RDONLY | O_CLOEXEC);
	must(archive_extract(fd, out, &options, &entries, &err) == 0, &err);
	got = dump_tree(out, true);
	if (strncmp(got, "/d 40755 0:0 t9\n/d/f 100644 7:8 t5 s3 ", 38) != 0 ||
	    strstr(got, "\n/d/kept 100644 0:0 t9 s0 ") == NULL ||
	    strstr(got, "\n/link 100644 7:8 t5 s5 ") == NULL)
		fail_msg("%s", got);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)
	const struct CMUnitTest tests[] = {
		TEST(round_trip_of_random_trees), TEST(damaged_blobs_make_no_tree),
		TEST(every_compression_of_add),   TEST(only_archives_are_archives),
		TEST(add_into_a_full_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
