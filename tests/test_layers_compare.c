/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/blob.h"
#include "layers/compare.h"
#include "tests/layers_tarball.h"

/* A stored layer of these headers. */
static struct layer store_tar(struct scratch *s, const struct head *heads)
{
	auto_(buf) struct buf tar = BUF_INIT;
	struct layer layer = {.compression = COMPRESS_NONE};
	struct error err = ERROR_INIT;

	for (; heads->name != NULL; heads++)
		tarball_add(&tar, *heads);
	tarball_end(&tar);
	must(blob_put(s->store, tar.data, tar.length, &layer.blob, &err) == 0, &err);
	layer.diff_id = layer.blob;
	layer.size = layer.plain_size = tar.length;
	return layer;
}

#define FILE_(n, content)                                                                          \
	{                                                                                          \
		.type = '0', .name = n, .data = content                                            \
	}
#define EMPTY(n)                                                                                   \
	{                                                                                          \
		.type = '0', .name = n                                                             \
	}
#define DIR_(n)                                                                                    \
	{                                                                                          \
		.type = '5', .name = n, .mode = 0755                                               \
	}
#define HARD(n, to)                                                                                \
	{                                                                                          \
		.type = '1', .name = n, .link = to                                                 \
	}
#define STORE(...) store_tar(s, (const struct head[]){__VA_ARGS__, {0}})

static void render(const struct snapshot *s, struct buf *out)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct entry *e = &s->entries[i];

		buf_printf(out, "%s%s%s%s%s%s%s%s\n", e->path, S_ISDIR(e->mode) ? "/" : "",
			   e->whiteout ? " whiteout" : "", e->opaque ? " opaque" : "",
			   e->implied ? " implied" : "", e->hard_link ? " =" : "",
			   e->link != NULL && !e->hard_link ? " ->" : "",
			   e->link != NULL ? e->link : "");
	}
}

static void expect_merged(struct scratch *s, const struct layer *layers, size_t count,
			  const char *expected)
{
	auto_(snapshot) struct snapshot merged = SNAPSHOT_INIT;
	auto_(buf) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	must(snapshot_layers(s->store, layers, count, &merged, &err) == 0, &err);
	render(&merged, &text);
	assert_string_equal(text.data, expected);
}

static void expect_layer(struct scratch *s, const struct layer *layer, const char *expected)
{
	auto_(snapshot) struct snapshot one = SNAPSHOT_INIT;
	auto_(buf) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	must(snapshot_layer(s->store, layer, &one, &err) == 0, &err);
	render(&one, &text);
	assert_string_equal(text.data, expected);
}

static void one_layer_as_unpacking_sees_it(void **state)
{
	struct scratch *s = *state;
	struct layer l;

	l = STORE(FILE_("b-", "x"), FILE_("b/y", "x"), DIR_("a"), EMPTY("a/.wh.gone"));
	expect_layer(s, &l, "a/\na/gone whiteout\nb/ implied\nb/y\nb-\n");
	l = STORE(FILE_("d", "x"), FILE_("d/y", "x"));
	expect_layer(s, &l, "d/ implied\nd/y\n");
	l = STORE(FILE_("d/y", "x"), FILE_("d", "x"));
	expect_layer(s, &l, "d\n");
	l = STORE(EMPTY(".wh.d"), DIR_("d"), EMPTY(".wh.f"), FILE_("f", "x"));
	expect_layer(s, &l, "d/ opaque\nf\n");
	l = STORE(FILE_("d/x", "x"), EMPTY(".wh.d"), EMPTY("e/.wh..wh..opq"));
	expect_layer(s, &l, "d/ opaque implied\nd/x\ne/ opaque implied\n");
	l = STORE(FILE_("f", "x"), HARD("g", "./f"), HARD("h", "g"));
	expect_layer(s, &l, "f\ng =f\nh =f\n");
}

static void layers_merge(void **state)
{
	struct scratch *s = *state;
	struct layer l[3];

	l[0] = STORE(DIR_("d"), FILE_("d/x", "x"), FILE_("d/y", "y"), FILE_("d-", ""),
		     FILE_("f", ""));
	l[1] = STORE(DIR_("d"), EMPTY("d/.wh.x"), FILE_("d/z", "z"), EMPTY(".wh.f"));
	expect_merged(s, l, 2, "d/\nd/y\nd/z\nd-\n");
	l[1] = STORE(DIR_("d"), EMPTY("d/.wh..wh..opq"), FILE_("d/z", ""));
	expect_merged(s, l, 2, "d/\nd/z\nd-\nf\n");
	l[1] = STORE(FILE_("d", "now a file"), DIR_("f"));
	expect_merged(s, l, 2, "d\nd-\nf/\n");
	l[1] = STORE(EMPTY(".wh.d"));
	expect_merged(s, l, 2, "d-\nf\n");
	/* What hides inside something hidden does not end the hiding. */
	l[1] = STORE(DIR_("d"), EMPTY("d/.wh..wh..opq"), EMPTY("d/.wh.x"), FILE_("d/a", ""));
	expect_merged(s, l, 2, "d/\nd/a\nd-\nf\n");
	/* A directory that a layer only passes through keeps its metadata. */
	l[1] = STORE(FILE_("d/new", ""));
	expect_merged(s, l, 2, "d/\nd/new\nd/x\nd/y\nd-\nf\n");
}

static void hard_links_find_a_new_first_name(void **state)
{
	struct scratch *s = *state;
	struct layer l[2];

	l[0] = STORE(FILE_("a", "x"), HARD("b", "a"), HARD("c", "a"));
	expect_merged(s, l, 1, "a\nb =a\nc =a\n");
	l[1] = STORE(EMPTY(".wh.a"));
	expect_merged(s, l, 2, "b\nc =b\n");
	l[1] = STORE(FILE_("a", "other"));
	expect_merged(s, l, 2, "a\nb\nc =b\n");
	l[1] = STORE(EMPTY(".wh.b"));
	expect_merged(s, l, 2, "a\nc =a\n");
}

struct seen {
	struct buf text;
	int stop_after;
};

static int note(void *user, const struct change *c)
{
	struct seen *seen = user;

	buf_printf(&seen->text, "%c %s %x\n", "AMRm"[c->kind],
		   (c->new != NULL ? c->new : c->old) -> path, c -> fields);
	return seen->stop_after > 0 && --seen->stop_after == 0 ? -7 : 0;
}

static void every_field_is_told(void **state)
{
	struct scratch *s = *state;
	auto_fd int a = make_dir(s->dir, "a"), b = make_dir(s->dir, "b");
	auto_(snapshot) struct snapshot old = SNAPSHOT_INIT;
	auto_(snapshot) struct snapshot new = SNAPSHOT_INIT;
	struct seen seen = {BUF_INIT, 0};
	struct error err = ERROR_INIT;
	static const char *const names[] = {"content", "gone", "link", "mode", "mtime",
					    "owner",   "same", "size", "type", "xattr"};
	auto_fd int x = -1;

	for (int i = 0; i < 10; i++) {
		if (strcmp(names[i], "link") != 0) {
			put_text(a, names[i], "1");
			put_text(b, names[i], "1");
		} else {
			assert_int_equal(symlinkat("1", a, "link"), 0);
			assert_int_equal(symlinkat("2", b, "link"), 0);
		}
	}
	unlinkat(b, "gone", 0);
	put_text(b, "new", "1");
	put_text(b, "content", "2");
	put_text(b, "size", "22");
	assert_int_equal(fchmodat(b, "mode", 0600, 0), 0);
	assert_int_equal(fchownat(b, "owner", 1, 1, 0), 0);
	unlinkat(b, "type", 0);
	assert_int_equal(mkdirat(b, "type", 0755), 0);
	x = openat(b, "xattr", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(x, "user.a", "b", 1, 0), 0);
	for (int i = 0; i < 10; i++) {
		set_mtime(a, names[i], 5);
		if (strcmp(names[i], "gone") != 0)
			set_mtime(b, names[i], strcmp(names[i], "mtime") == 0 ? 6 : 5);
	}
	must(snapshot_directory(a, &old, &err) == 0, &err);
	must(snapshot_directory(b, &new, &err) == 0, &err);
	assert_int_equal(snapshot_compare(&old, &new, 0, note, &seen), 10);
	assert_string_equal(seen.text.data,
			    "M content 10\nR gone 0\nM link 40\nm mode 2\nm mtime 20\nA new 0\n"
			    "m owner 4\nM size 18\nM type 3\nm xattr 100\n");
	assert_int_equal(snapshot_compare(&old, &new, FIELD_MTIME | FIELD_MODE, NULL, NULL), 8);
	assert_int_equal(snapshot_compare(&old, &old, 0, note, &seen), 0);
	seen.stop_after = 3;
	assert_int_equal(snapshot_compare(&old, &new, 0, note, &seen), -7);
	buf_release(&seen.text);
}

static void damaged_layers_are_refused(void **state)
{
	struct scratch *s = *state;
	auto_(snapshot) struct snapshot out = SNAPSHOT_INIT;
	struct error err = ERROR_INIT;
	struct layer l = STORE(FILE_("../x", "x"));

	assert_int_equal(snapshot_layer(s->store, &l, &out, &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT);
	l = STORE(HARD("x", "nothing"));
	assert_int_equal(snapshot_layer(s->store, &l, &out, &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT);
	/* Links in a circle. */
	l = STORE(HARD("x", "y"), HARD("y", "x"));
	assert_int_equal(snapshot_layer(s->store, &l, &out, &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT);
	l = STORE(FILE_("x", "x"));
	l.diff_id.sha256[3] ^= 1;
	assert_int_equal(snapshot_layer(s->store, &l, &out, &err), -1);
	assert_int_equal(err.code, ERROR_DIGEST);
	l.blob.sha256[3] ^= 1;
	assert_int_equal(snapshot_layer(s->store, &l, &out, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)
	const struct CMUnitTest tests[] = {
		TEST(one_layer_as_unpacking_sees_it),   TEST(layers_merge),
		TEST(hard_links_find_a_new_first_name), TEST(every_field_is_told),
		TEST(damaged_layers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
