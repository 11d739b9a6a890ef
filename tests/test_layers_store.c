/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/store_box.h"

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

static void a_job_that_inherits_a_key_lock_does_not_keep_it(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	auto_(store) struct store *other = box_open(b, 0);
	struct error err = ERROR_INIT;
	struct digest key;
	int fd, status, gate[2];
	pid_t child;
	char c;

	digest_of("key", 3, &key);
	fd = store_lock_key(s, &key, true, &err);
	ok(fd);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		close(gate[1]);
		_exit(read(gate[0], &c, 1) != 0); /* until the parent lets it go */
	}
	store_unlock_key(fd);
	fd = store_lock_key(other, &key, false, &err);
	ok(fd);
	store_unlock_key(fd);
	store_unlock_key(-1);
	close(gate[0]);
	close(gate[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
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
		TEST(jobs_share_stage_and_lease),
		TEST(dead_owners_are_collected),
		TEST(a_key_lock_excludes_and_ends_with_its_holder),
		TEST(a_job_that_inherits_a_key_lock_does_not_keep_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
