/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/store_box.h"

struct findings {
	struct buf text;
	int count;
};

static void note(void *user, const char *text)
{
	struct findings *f = user;

	assert_null(strchr(text, '\n'));
	buf_printf(&f->text, "%s\n", text);
	f->count++;
}

static int make(void **state)
{
	static struct box b;
	struct error err = ERROR_INIT;
	struct box_image image;
	struct store *s;

	box_make(&b);
	s = box_open(&b, 0);
	for (int i = 0; i < 3; i++) {
		char text[16], name[16];

		snprintf(text, sizeof(text), "content %d", i);
		snprintf(name, sizeof(name), "image:%d", i);
		ok(box_image(s, name, text, &image, &err));
		ok(store_commit(s, &image.ref, 1, &err));
	}
	store_close(s);
	assert_int_equal(box_fsck(&b, false), 0);
	*state = &b;
	return 0;
}

static int drop(void **state)
{
	box_remove(*state);
	return 0;
}

/* What fsck says; the caller releases the text. */
static struct findings look(const struct box *b, bool repair)
{
	auto_(store) struct store *s = box_open(b, 0);
	struct findings f = {.text = BUF_INIT};
	struct error err = ERROR_INIT;

	ok(store_fsck(s, repair, note, &f, &err));
	return f;
}

static void read_whole(const struct box *b, const char *path, struct buf *out)
{
	struct error err = ERROR_INIT;
	auto_fd int fd = open_beneath(b->root, path, O_RDONLY, 0, &err);

	ok(fd);
	ok(read_all(fd, 1 << 20, out, &err));
}

static void write_whole(const struct box *b, const char *path, const void *data, size_t length)
{
	struct error err = ERROR_INIT;
	auto_fd int fd = box_damage(b, path, O_WRONLY | O_TRUNC);

	ok(write_all(fd, data, length, &err));
}

/* The paths of all files of one directory of the store. */
struct paths {
	char item[32][400];
	size_t count;
};

static void list(const struct box *b, const char *dir, const char *suffix, struct paths *out)
{
	struct error err = ERROR_INIT;
	int fd = open_beneath(b->root, dir, O_RDONLY | O_DIRECTORY, 0, &err);
	auto_(dir) DIR *d = fdopendir(fd);

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (is_dot(e->d_name))
			continue;
		assert_true(out->count < 32);
		snprintf(out->item[out->count++], 400, "%s/%s%s", dir, e->d_name, suffix);
	}
}

static void list_all(const struct box *b, struct paths *out)
{
	static const char *const dirs[] = {"blobs/sha256", "refs", "cache", "layers"};

	out->count = 0;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		list(b, dirs[i], "", out);
	list(b, "trees", "/meta", out);
	for (size_t i = 0; i < 3; i++)
		strcpy(out->item[out->count++],
		       (const char *const[]){"format", "oci-layout", "index.json"}[i]);
}

/* The part of a path that a finding must name. */
static const char *name_of(const char *path, char out[128])
{
	const char *slash = strrchr(path, '/');

	if (strncmp(path, "trees/", 6) == 0)
		snprintf(out, 128, "%.64s", path + 6);
	else
		snprintf(out, 128, "%s", slash != NULL ? slash + 1 : path);
	return out;
}

static void check_flip(const struct box *b, const char *path, struct buf *text, size_t bit)
{
	struct findings f;
	char name[128];

	text->data[bit / 8] ^= (char)(1 << bit % 8);
	write_whole(b, path, text->data, text->length);
	f = look(b, false);
	if (f.count == 0 || strstr(f.text.data, name_of(path, name)) == NULL)
		fail_msg("%s, bit %zu of byte %zu: %s", path, bit % 8, bit / 8, f.text.data);
	buf_release(&f.text);
	text->data[bit / 8] ^= (char)(1 << bit % 8);
}

static void every_flipped_bit_is_found_and_named(void **state)
{
	struct box *b = *state;
	struct dice dice = dice_new();
	uint64_t trials = box_number("TRIALS", 1500);
	struct paths paths;

	list_all(b, &paths);
	for (size_t i = 0; i < paths.count; i++) {
		auto_(buf) struct buf text = BUF_INIT;
		uint64_t bits, some = trials / paths.count + 1;

		read_whole(b, paths.item[i], &text);
		bits = text.length * 8;
		/* Every bit of a file if there are trials enough, else some. */
		for (uint64_t k = 0; k < (bits < some ? bits : some); k++)
			check_flip(b, paths.item[i], &text,
				   bits < some ? k : dice_roll(&dice, bits));
		write_whole(b, paths.item[i], text.data, text.length);
	}
	assert_int_equal(box_fsck(b, false), 0);
}

static void every_cut_is_found_and_repaired_or_reported(void **state)
{
	struct box *b = *state;
	struct paths paths;

	list_all(b, &paths);
	for (size_t i = 0; i < paths.count; i++) {
		auto_(buf) struct buf text = BUF_INIT;
		struct findings f;
		char name[128];

		read_whole(b, paths.item[i], &text);
		for (size_t length = 0; length < text.length; length += text.length / 3 + 1) {
			write_whole(b, paths.item[i], text.data, length);
			f = look(b, false);
			if (f.count == 0 ||
			    strstr(f.text.data, name_of(paths.item[i], name)) == NULL)
				fail_msg("%s cut to %zu: %s", paths.item[i], length, f.text.data);
			buf_release(&f.text);
		}
		write_whole(b, paths.item[i], text.data, text.length);
	}
}

/* Damages one file after the other, each time in what earlier repairs left. */
static void repair_leaves_a_clean_store(void **state)
{
	struct box *b = *state;
	struct paths paths;

	list_all(b, &paths);
	for (size_t i = 0; i < paths.count; i++) {
		auto_(buf) struct buf text = BUF_INIT;
		struct findings f;

		if (!box_has(b, paths.item[i]))
			continue;
		read_whole(b, paths.item[i], &text);
		text.data[0] ^= 1;
		write_whole(b, paths.item[i], text.data, text.length);
		f = look(b, true);
		assert_true(f.count > 0);
		buf_release(&f.text);
		f = look(b, false);
		if (f.count > 0)
			fail_msg("after the repair of %s: %s", paths.item[i], f.text.data);
		buf_release(&f.text);
	}
	assert_int_equal(box_count(b, "trash"), 0);
}

/* The other images keep working, and building the damaged one again heals the store. */
static void one_damaged_layer_costs_one_image(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	char hex[DIGEST_HEX_SIZE], path[128];
	struct box_image image;
	struct findings f;
	struct digest id;
	struct store *s;

	digest_of("content 1", 9, &id);
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&id, hex));
	write_whole(b, path, "kontent 1", 9);
	f = look(b, true);
	assert_non_null(strstr(f.text.data, "blob sha256:"));
	assert_non_null(strstr(f.text.data, "of manifest sha256:"));
	assert_non_null(strstr(f.text.data, "leads nowhere"));
	buf_release(&f.text);
	s = box_open(b, 0);
	assert_true(box_intact(s, "image:0", "content 0"));
	assert_true(box_intact(s, "image:2", "content 2"));
	ok(box_image(s, "image:1", "content 1", &image, &err));
	ok(store_commit(s, &image.ref, 1, &err));
	assert_true(box_intact(s, "image:1", "content 1"));
	store_close(s);
	assert_int_equal(box_fsck(b, false), 0);
}

static void damaged_trees_are_found(void **state)
{
	static const char *const paths[] = {"fs/a", "fs/sub/b"};
	struct box *b = *state;
	struct paths trees = {.count = 0};

	list(b, "trees", "/fs/sub/b", &trees);
	for (size_t i = 0; i < 3; i++) {
		struct findings f;

		if (i < 2) {
			char *end = strstr(trees.item[i], "fs/sub/b");

			strcpy(end, paths[i]);
			write_whole(b, trees.item[i], "short", 5);
		} else {
			assert_int_equal(unlinkat(b->root, trees.item[i], 0), 0);
		}
		f = look(b, false);
		assert_int_equal(f.count, 1);
		assert_non_null(strstr(f.text.data, "tree sha256:"));
		buf_release(&f.text);
		assert_int_equal(box_fsck(b, true), 1);
		assert_int_equal(box_fsck(b, false), 0);
	}
	assert_int_equal(box_count(b, "trees"), 0);
}

static void strangers_are_reported(void **state)
{
	static const char *const paths[] = {"stranger", "blobs/sha256/abc", "cache/x", "refs/y"};
	struct box *b = *state;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct error err = ERROR_INIT;
		auto_fd int fd = open_beneath(b->root, paths[i], O_WRONLY | O_CREAT, 0600, &err);
		struct findings f;

		ok(fd);
		f = look(b, false);
		assert_int_equal(f.count, 1);
		assert_non_null(strstr(f.text.data, paths[i]));
		buf_release(&f.text);
		/* What nobody knows in the root is the user's to remove. */
		assert_int_equal(box_fsck(b, true), 1);
		assert_int_equal(box_fsck(b, false), i == 0);
		if (i == 0)
			assert_int_equal(unlinkat(b->root, paths[i], 0), 0);
	}
}

/* A whole record under the file name of another one. */
static void a_swapped_name_is_found(void **state)
{
	struct box *b = *state;
	auto_(buf) struct buf text = BUF_INIT;
	struct paths refs = {.count = 0};
	struct findings f;

	list(b, "refs", "", &refs);
	read_whole(b, refs.item[0], &text);
	write_whole(b, refs.item[1], text.data, text.length);
	f = look(b, false);
	assert_non_null(strstr(f.text.data, "it is the record of another name"));
	buf_release(&f.text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_flipped_bit_is_found_and_named),
		TEST(every_cut_is_found_and_repaired_or_reported),
		TEST(repair_leaves_a_clean_store),
		TEST(one_damaged_layer_costs_one_image),
		TEST(damaged_trees_are_found),
		TEST(strangers_are_reported),
		TEST(a_swapped_name_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
