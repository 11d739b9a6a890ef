/* SPDX-License-Identifier: Apache-2.0 */
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

static void is_an_oci_layout_from_the_start(void **state)
{
	struct box *b = *state;
	auto_(buf) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	struct stat st;

	store_close(box_open(b, 0));
	ok(read_file(b->root, "oci-layout", 4096, &text, &err));
	assert_string_equal(text.data, "{\"imageLayoutVersion\":\"1.0.0\"}");
	buf_reset(&text);
	ok(read_file(b->root, "index.json", 4096, &text, &err));
	assert_non_null(strstr(text.data, "\"manifests\":[]"));
	assert_int_equal(fstat(b->root, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(box_count(b, "stage") + box_count(b, "lease"), 0);
	assert_int_equal(box_fsck(b, false), 0);
}

static void refuses_what_is_not_its_own(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	auto_(buf) struct buf text = BUF_INIT;
	struct digest sum;
	char hex[DIGEST_HEX_SIZE];

	assert_null(store_open(b->root, 0, &err));
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	ok(replace_file(b->root, "letter", "x", 1, &err));
	assert_null(store_open(b->root, STORE_CREATE, &err));
	assert_int_equal(err.code, ERROR_EXISTS);
	assert_int_equal(box_count(b, "."), 1);
	assert_int_equal(unlinkat(b->root, "letter", 0), 0);

	buf_add_str(&text, "varve-store 2\n");
	digest_of(text.data, text.length, &sum);
	buf_printf(&text, "sum %s\n", digest_hex(&sum, hex));
	ok(replace_file(b->root, "format", text.data, text.length, &err));
	assert_null(store_open(b->root, STORE_CREATE, &err));
	assert_int_equal(err.code, ERROR_FORMAT);
	assert_int_equal(box_count(b, "."), 1);
}

static void a_damaged_format_file_locks_nobody_out(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;

	store_close(box_open(b, 0));
	ok(replace_file(b->root, "format", "varve-store 3\nsum zz\n", 21, &err));
	assert_int_equal(box_fsck(b, false), 1);
	assert_int_equal(box_fsck(b, true), 1);
	assert_int_equal(box_fsck(b, false), 0);
}

static void an_interrupted_creation_is_completed(void **state)
{
	struct box *b = *state;

	store_close(box_open(b, 0));
	assert_int_equal(unlinkat(b->root, "format", 0), 0);
	assert_int_equal(unlinkat(b->root, "trees", AT_REMOVEDIR), 0);
	store_close(box_open(b, 0));
	assert_int_equal(box_fsck(b, false), 0);
	assert_true(box_has(b, "trees"));
}

static void blobs_come_back_as_they_went(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	static const size_t chunks[] = {1, 100, 65535, 65536, 65537, 200000};
	struct error err = ERROR_INIT;
	size_t size = 500001;
	auto_free char *data = xmalloc(size);

	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7 + i / 251);
	for (size_t c = 0; c < sizeof(chunks) / sizeof(*chunks); c++) {
		auto_(buf) struct buf back = BUF_INIT;
		struct blob_writer *w = blob_begin(s, &err);
		struct digest is, should;
		uint64_t length;
		struct stat st;
		auto_fd int fd = -1;

		assert_non_null(w);
		data[0] = (char)c;
		for (size_t at = 0; at < size; at += chunks[c])
			ok(blob_add(w, data + at, size - at < chunks[c] ? size - at : chunks[c],
				    &err));
		ok(blob_finish(w, &is, &length, &err));
		digest_of(data, size, &should);
		assert_true(digest_equal(&is, &should));
		assert_int_equal(length, size);
		ok(blob_get(s, &is, size, size, &back, &err));
		assert_int_equal(back.length, size);
		assert_memory_equal(back.data, data, size);
		fd = store_find(s, STORE_BLOBS, &is, &err);
		ok(fd);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0444);
	}
}

static void imports_are_verified(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	struct error err = ERROR_INIT;
	auto_(buf) struct buf back = BUF_INIT;
	struct blob_writer *w;
	struct digest right, wrong;

	digest_of("right", 5, &right);
	digest_of("wrong", 5, &wrong);
	for (int i = 0; i < 2; i++) {
		w = blob_begin(s, &err);
		ok(blob_add(w, "right", 5, &err));
		assert_int_equal(blob_finish_expect(w, i ? &wrong : &right, i ? 5 : 6, &err), -1);
		assert_int_equal(err.code, ERROR_DIGEST);
		error_clear(&err);
	}
	assert_false(store_has(s, STORE_BLOBS, &right));
	w = blob_begin(s, &err);
	ok(blob_add(w, "right", 5, &err));
	ok(blob_finish_expect(w, &right, 5, &err));
	w = blob_begin(s, &err);
	ok(blob_add(w, "other", 5, &err));
	blob_abort(w);
	assert_int_equal(blob_get(s, &right, 6, 100, &back, &err), -1);
	assert_int_equal(err.code, ERROR_DIGEST);
	assert_int_equal(blob_get(s, &right, 5, 4, &back, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(blob_get(s, &wrong, 5, 100, &back, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(back.length, 0);
	error_clear(&err);
	ok(blob_get(s, &right, UINT64_MAX, 5, &back, &err));
}

/* Replaces a blob by a file of other content. */
static void damage(const struct box *b, const struct digest *id, const char *text)
{
	char hex[DIGEST_HEX_SIZE], path[256];
	struct error err = ERROR_INIT;
	auto_fd int dir = -1;

	snprintf(path, sizeof(path), "blobs/sha256");
	dir = open_beneath(b->root, path, O_RDONLY | O_DIRECTORY, 0, &err);
	ok(dir);
	ok(replace_file(dir, digest_hex(id, hex), text, strlen(text), &err));
}

static void damage_is_seen_while_reading_and_healed_by_writing(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	struct error err = ERROR_INIT;
	auto_(buf) struct buf back = BUF_INIT;
	struct digest id;

	ok(blob_put(s, "content", 7, &id, &err));
	ok(store_commit(s, NULL, 0, &err));
	damage(b, &id, "kontent");
	assert_int_equal(blob_get(s, &id, 7, 100, &back, &err), -1);
	assert_int_equal(err.code, ERROR_DIGEST);
	damage(b, &id, "");
	assert_int_equal(blob_get(s, &id, 7, 100, &back, &err), -1);
	assert_int_equal(err.code, ERROR_DIGEST);
	error_clear(&err);
	ok(blob_put(s, "content", 7, &id, &err));
	ok(blob_get(s, &id, 7, 100, &back, &err));
	assert_int_equal(box_fsck(b, false), 0);
}

static void records_replace_and_the_newest_wins(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	struct error err = ERROR_INIT;
	struct digest id;

	digest_of("k", 1, &id);
	for (int i = 0; i < 6; i++) {
		auto_(record) struct record r = RECORD_INIT, back = RECORD_INIT;
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		record_add(&r, "n", text);
		ok(store_write_record(s, STORE_CACHE, &id, "varve-cache", &r, &err));
		ok(store_read_record(s, STORE_CACHE, &id, "varve-cache", &back, &err));
		assert_string_equal(record_get(&back, "n"), text);
		if (i % 2)
			ok(store_commit(s, NULL, 0, &err));
		record_release(&back);
		ok(store_read_record(s, STORE_CACHE, &id, "varve-cache", &back, &err));
		assert_string_equal(record_get(&back, "n"), text);
		assert_int_equal(store_read_record(s, STORE_CACHE, &id, "varve-x", &back, &err),
				 -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
	}
	assert_int_equal(box_count(b, "cache"), 1);
}

struct seen {
	struct digest id[64];
	size_t count;
};

static int see(void *user, const struct digest *id, struct error *err)
{
	struct seen *seen = user;

	(void)err;
	seen->id[seen->count++] = *id;
	return 0;
}

static void each_visits_final_and_pending_once(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	auto_(record) struct record r = RECORD_INIT;
	struct error err = ERROR_INIT;
	struct seen seen = {.count = 0};

	for (int round = 0; round < 2; round++) {
		for (int i = round * 10; i < round * 10 + 20; i++) {
			struct digest id;
			char text[16];

			snprintf(text, sizeof(text), "%d", i);
			digest_of(text, strlen(text), &id);
			record_release(&r);
			record_addf(&r, "round", "%d", round);
			ok(store_write_record(s, STORE_CACHE, &id, "varve-cache", &r, &err));
		}
		if (round == 0)
			ok(store_commit(s, NULL, 0, &err));
	}
	ok(store_each(s, STORE_CACHE, see, &seen, &err));
	assert_int_equal(seen.count, 30);
	for (size_t i = 1; i < seen.count; i++)
		assert_true(digest_compare(&seen.id[i - 1], &seen.id[i]) < 0);
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

static void jobs_share_stage_and_lease(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *first = box_open(b, 0); /* creating a store needs a stage */
	auto_(store) struct store *s = box_open(b, 0);
	struct error err = ERROR_INIT;
	struct digest id;
	bool found;
	pid_t child;
	int status;

	store_close(steal(first));
	/* Before the stage exists a job may only read. */
	child = fork();
	if (child == 0)
		_exit(blob_put(s, "x", 1, &id, &err) < 0 && err.code == ERROR_BUG ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	ok(store_stage(s, &err));
	child = fork();
	if (child == 0) {
		int result = blob_put(s, "job", 3, &id, &err);

		store_close(s);
		_exit(result < 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(box_count(b, "stage"), 1);
	assert_int_equal(box_count(b, "lease"), 1);
	digest_of("job", 3, &id);
	assert_true(store_has(s, STORE_BLOBS, &id));
	/* What the job published is still protected. */
	{
		const struct prune_options all = {.cache = true};
		auto_(store) struct store *other = box_open(b, 0);
		struct prune_report report;

		ok(store_prune(other, &all, &report, &err));
		assert_int_equal(report.blobs, 0);
	}
	ok(store_pin(s, STORE_BLOBS, &id, &found, &err));
	assert_true(found);
	digest_of("nothing", 7, &id);
	ok(store_pin(s, STORE_BLOBS, &id, &found, &err));
	assert_false(found);
}

static void dead_owners_are_collected(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	struct digest id;
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct store *s = box_open(b, 0);

		blob_begin(s, &err);
		blob_put(s, "x", 1, &id, &err);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(box_count(b, "stage"), 1);
	assert_int_equal(box_count(b, "lease"), 1);
	store_close(box_open(b, 0));
	assert_int_equal(box_count(b, "stage"), 0);
	assert_int_equal(box_count(b, "lease"), 0);
	assert_int_equal(box_count(b, "trash"), 0);
}

static void a_key_lock_excludes_and_ends_with_its_holder(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	auto_(store) struct store *other = box_open(b, 0);
	struct prune_options options = {.cache = true};
	struct prune_report report;
	struct error err = ERROR_INIT;
	struct digest key;
	int fd, status;
	pid_t child;

	digest_of("key", 3, &key);
	fd = store_lock_key(s, &key, true, &err);
	ok(fd);
	assert_int_equal(store_lock_key(other, &key, false, &err), -1);
	assert_int_equal(err.code, ERROR_EXISTS);
	error_clear(&err);
	/* GC leaves a held lock alone: removing it would let two in. */
	ok(store_prune(other, &options, &report, &err));
	assert_int_equal(store_lock_key(other, &key, false, &err), -1);
	error_clear(&err);
	close(fd);
	ok(store_prune(other, &options, &report, &err));
	assert_int_equal(box_count(b, "lock/key"), 0);
	child = fork();
	if (child == 0)
		_exit(store_lock_key(other, &key, false, &err) < 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fd = store_lock_key(other, &key, true, &err);
	ok(fd);
	close(fd);
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
		TEST(is_an_oci_layout_from_the_start),
		TEST(refuses_what_is_not_its_own),
		TEST(a_damaged_format_file_locks_nobody_out),
		TEST(an_interrupted_creation_is_completed),
		TEST(blobs_come_back_as_they_went),
		TEST(imports_are_verified),
		TEST(damage_is_seen_while_reading_and_healed_by_writing),
		TEST(records_replace_and_the_newest_wins),
		TEST(each_visits_final_and_pending_once),
		TEST(commit_moves_everything_into_place),
		TEST(index_lists_names_sorted_and_latest_twice),
		TEST(refs_are_found_listed_and_deleted),
		TEST(commit_refuses_an_image_with_a_part_missing),
		TEST(an_unchanged_ref_writes_nothing),
		TEST(another_boots_pending_is_never_read),
		TEST(a_pending_tree_that_lost_files_is_made_again),
		TEST(fast_stays_pending_until_a_full_commit),
		TEST(jobs_share_stage_and_lease),
		TEST(dead_owners_are_collected),
		TEST(a_key_lock_excludes_and_ends_with_its_holder),
		TEST(unfinished_names_are_settled_by_the_next_open),
		TEST(without_a_boot_id_objects_are_synced_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
