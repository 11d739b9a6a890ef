/* SPDX-License-Identifier: Apache-2.0 */
/* Commits, names, boots. */
#include "layers/json.h"
#include "tests/store_box.h"

#include <sched.h>
#include <sys/mount.h>

static int make(void **state)
{
	static struct box b;

	box_make(&b);
	*state = &b;
	return 0;
}

static int drop(void **state)
{
	unsetenv("VARVE_BOOT_ID");
	box_remove(*state);
	return 0;
}

static void commit_moves_everything_into_place(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	struct error err = ERROR_INIT;
	struct box_image image;
	struct store_usage usage;

	ok(box_image(s, "demo:latest", "content", &image, &err));
	assert_int_equal(box_count(b, "blobs/sha256"), 0);
	assert_true(store_has(s, STORE_TREES, &image.diff_id));
	ok(store_commit(s, &image.ref, 1, &err));
	assert_int_equal(box_count(b, "blobs/sha256"), 3);
	assert_int_equal(box_count(b, "trees"), 1);
	assert_int_equal(box_count(b, "layers") + box_count(b, "cache"), 2);
	assert_true(store_has(s, STORE_TREES, &image.diff_id));
	assert_true(box_intact(s, "demo:latest", "content"));
	ok(store_usage(s, &usage, &err));
	assert_int_equal(usage.blobs, 3);
	assert_int_equal(usage.refs, 1);
	assert_int_equal(usage.trees, 1);
	assert_int_equal(usage.cache, 1);
	assert_int_equal(box_fsck(b, false), 0);
	store_close(steal(s));
	assert_int_equal(box_count(b, "stage") + box_count(b, "lease"), 0);
}

static void index_lists_names_sorted_and_latest_twice(void **state)
{
	static const char *const names[] = {"zoo:1", "demo:latest", "", "a/b:v1"};
	static const char *const expected[] = {NULL, "a/b:v1", "demo:latest", "demo", "zoo:1"};
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	auto_(buf) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	struct ref refs[4];
	struct json *list, *entry;
	size_t i = 0;

	for (size_t k = 0; k < 4; k++) {
		struct box_image image;

		ok(box_image(s, names[k], k == 2 ? "nameless" : "content", &image, &err));
		refs[k] = image.ref;
	}
	ok(store_commit(s, refs, 4, &err));
	ok(read_file(b->root, "index.json", 1 << 20, &text, &err));
	auto_(json) struct json *root = json_parse(text.data, text.length, &err);

	assert_non_null(root);
	list = json_get(root, "manifests");
	assert_int_equal(json_count(list), 5);
	for (entry = json_first(list); entry != NULL; entry = json_next(entry), i++) {
		const char *name = json_get_string(json_get(entry, "annotations"),
						   "org.opencontainers.image.ref.name");

		if (expected[i] == NULL)
			assert_null(name);
		else
			assert_string_equal(name, expected[i]);
		assert_string_equal(json_get_string(entry, "mediaType"), refs[0].media_type);
	}
}

static void refs_are_found_listed_and_deleted(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	auto_(ref) struct ref r = {.name = NULL};
	struct error err = ERROR_INIT;
	struct box_image one, two;
	struct ref *all = NULL;
	size_t count;
	char key[DIGEST_TEXT_SIZE + 1] = "@";

	ok(box_image(s, "b:1", "content", &one, &err));
	ok(box_image(s, "", "content", &two, &err));
	ok(store_commit(s, (struct ref[]){one.ref, two.ref}, 2, &err));
	ok(ref_get(s, "b:1", &r, &err));
	assert_string_equal(r.name, "b:1");
	assert_true(digest_equal(&r.manifest, &one.ref.manifest));
	assert_int_equal(r.size, one.ref.size);
	assert_int_equal(r.when, 1700000000);
	ok(ref_list(s, &all, &count, &err));
	assert_int_equal(count, 2);
	assert_string_equal(all[0].name, "");
	for (size_t i = 0; i < count; i++)
		ref_release(&all[i]);
	free(all);
	digest_text(&two.ref.manifest, key + 1);
	ok(ref_delete(s, key, &err));
	ok(ref_delete(s, "b:1", &err));
	assert_int_equal(ref_delete(s, "b:1", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(ref_get(s, "b:1", &r, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(box_count(b, "refs"), 0);
	assert_int_equal(box_fsck(b, false), 0);
}

static void commit_refuses_an_image_with_a_part_missing(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	struct error err = ERROR_INIT;
	struct box_image image;
	char hex[DIGEST_HEX_SIZE], path[128];

	ok(box_image(s, "demo:latest", "content", &image, &err));
	ok(store_commit(s, NULL, 0, &err));
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&image.layer, hex));
	assert_int_equal(unlinkat(b->root, path, 0), 0);
	assert_int_equal(store_commit(s, &image.ref, 1, &err), -1);
	assert_int_equal(err.code, ERROR_DIGEST);
	assert_int_equal(box_count(b, "refs"), 0);
	error_clear(&err);
	ok(box_image(s, "demo:latest", "content", &image, &err));
	ok(store_commit(s, &image.ref, 1, &err));
	assert_int_equal(box_fsck(b, false), 0);
}

/* The mtime of index.json and the time of the name tell that nothing was written. */
static void an_unchanged_ref_writes_nothing(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	auto_(ref) struct ref r = {.name = NULL};
	struct error err = ERROR_INIT;
	struct stat before, after;
	struct box_image image;

	ok(box_image(s, "demo:latest", "content", &image, &err));
	ok(store_commit(s, &image.ref, 1, &err));
	assert_int_equal(fstatat(b->root, "refs", &before, 0), 0);
	image.ref.when += 5;
	ok(store_commit(s, &image.ref, 1, &err));
	assert_int_equal(fstatat(b->root, "refs", &after, 0), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	ok(ref_get(s, "demo:latest", &r, &err));
	assert_int_equal(r.when, 1700000000);
}

static void another_boots_pending_is_never_read(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	struct box_image image;
	struct store *s;

	setenv("VARVE_BOOT_ID", "aaaa-1", 1);
	s = box_open(b, 0);
	ok(box_image(s, "demo:latest", "content", &image, &err));
	store_close(s);
	s = box_open(b, 0);
	assert_true(store_has(s, STORE_BLOBS, &image.layer));
	assert_true(store_has(s, STORE_TREES, &image.diff_id));
	store_close(s);
	setenv("VARVE_BOOT_ID", "aaaa-2", 1);
	s = box_open(b, 0);
	assert_false(store_has(s, STORE_BLOBS, &image.layer));
	assert_false(store_has(s, STORE_TREES, &image.diff_id));
	store_close(s);
	assert_int_equal(box_count(b, "pending") + box_count(b, "trash"), 0);
	assert_int_equal(box_fsck(b, false), 0);
}

static void a_pending_tree_that_lost_files_is_made_again(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	char hex[DIGEST_HEX_SIZE], path[256];
	struct box_image image;
	struct store *s;

	setenv("VARVE_BOOT_ID", "bbbb", 1);
	s = box_open(b, 0);
	ok(box_image(s, "demo:latest", "content", &image, &err));
	store_close(s);
	snprintf(path, sizeof(path), "pending/bbbb/trees/%s/fs/a", digest_hex(&image.diff_id, hex));
	auto_fd int fd = open_beneath(b->root, path, O_WRONLY | O_TRUNC, 0, &err);

	ok(fd);
	s = box_open(b, 0);
	assert_false(store_has(s, STORE_TREES, &image.diff_id));
	ok(box_tree(s, &image.diff_id, "content", &err));
	assert_true(store_has(s, STORE_TREES, &image.diff_id));
	ok(store_commit(s, &image.ref, 1, &err));
	store_close(s);
	assert_int_equal(box_fsck(b, false), 0);
}

static void fast_stays_pending_until_a_full_commit(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	auto_(buf) struct buf text = BUF_INIT;
	struct box_image image;
	struct store *s;

	setenv("VARVE_BOOT_ID", "cccc", 1);
	s = box_open(b, STORE_FAST);
	ok(box_image(s, "demo:latest", "content", &image, &err));
	ok(store_commit(s, &image.ref, 1, &err));
	store_close(s);
	assert_int_equal(box_count(b, "blobs/sha256"), 0);
	s = box_open(b, 0);
	assert_true(box_intact(s, "demo:latest", "content"));
	ok(read_file(b->root, "index.json", 4096, &text, &err));
	assert_null(strstr(text.data, "demo"));
	ok(store_commit(s, &image.ref, 1, &err));
	store_close(s);
	assert_int_equal(box_count(b, "blobs/sha256"), 3);
	buf_reset(&text);
	ok(read_file(b->root, "index.json", 4096, &text, &err));
	assert_non_null(strstr(text.data, "demo"));
	setenv("VARVE_BOOT_ID", "dddd", 1);
	s = box_open(b, 0);
	assert_true(box_intact(s, "demo:latest", "content"));
	store_close(s);
	assert_int_equal(box_fsck(b, false), 0);
}

/* The mark left by a process killed between the rename of a name and its sync. */
static void unfinished_names_are_settled_by_the_next_open(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	struct box_image image;
	struct stat st;
	struct store *s = box_open(b, 0);

	ok(box_image(s, "demo:latest", "content", &image, &err));
	ok(store_commit(s, &image.ref, 1, &err));
	store_close(s);
	ok(replace_file(b->root, "index.json", "{}", 2, &err));
	assert_int_equal(box_fsck(b, false), 1);
	auto_fd int lock = open_beneath(b->root, "lock/refs", O_RDWR, 0, &err);

	assert_int_equal(ftruncate(lock, 1), 0);
	assert_int_equal(box_fsck(b, false), 0);
	assert_int_equal(fstat(lock, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(unlinkat(b->root, "index.json", 0), 0);
	assert_int_equal(box_fsck(b, false), 0);
}

/* /proc may be hidden: then nothing may wait in pending, because nobody could tell a reboot. */
static void without_a_boot_id_objects_are_synced_at_once(void **state)
{
	static const char file[] = "/proc/sys/kernel/random/boot_id";
	struct box *b = *state;
	struct error err = ERROR_INIT;
	struct box_image image;
	struct store *s;

	setenv("VARVE_BOOT_ID", "../../etc", 1); /* not what a boot id looks like: not used */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("/dev/null", file, NULL, MS_BIND, NULL) < 0) {
		fprintf(stderr, "without_a_boot_id: skipped: no mounts here: %s\n",
			strerror(errno));
		skip();
	}
	s = box_open(b, 0);
	ok(box_image(s, "demo:latest", "content", &image, &err));
	assert_int_equal(box_count(b, "pending"), 0);
	assert_int_equal(box_count(b, "blobs/sha256"), 3);
	assert_int_equal(box_count(b, "cache"), 1);
	ok(store_commit(s, &image.ref, 1, &err));
	assert_true(box_intact(s, "demo:latest", "content"));
	store_close(s);
	assert_int_equal(umount2(file, MNT_DETACH), 0);
	assert_int_equal(box_fsck(b, false), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commit_moves_everything_into_place),
		TEST(index_lists_names_sorted_and_latest_twice),
		TEST(refs_are_found_listed_and_deleted),
		TEST(commit_refuses_an_image_with_a_part_missing),
		TEST(an_unchanged_ref_writes_nothing),
		TEST(another_boots_pending_is_never_read),
		TEST(a_pending_tree_that_lost_files_is_made_again),
		TEST(fast_stays_pending_until_a_full_commit),
		TEST(unfinished_names_are_settled_by_the_next_open),
		TEST(without_a_boot_id_objects_are_synced_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
