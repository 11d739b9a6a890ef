/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/store_box.h"

#include <sched.h>

static int make(void **state)
{
	static struct box b;

	box_make(&b);
	*state = &b;
	return 0;
}

static int drop(void **state)
{
	box_remove(*state);
	return 0;
}

static struct prune_report prune(const struct box *b, struct prune_options options)
{
	auto_(store) struct store *s = box_open(b, 0);
	struct prune_report report, dry;
	struct error err = ERROR_INIT;

	options.dry_run = true;
	ok(store_prune(s, &options, &dry, &err));
	options.dry_run = false;
	ok(store_prune(s, &options, &report, &err));
	assert_memory_equal(&report, &dry, sizeof(dry));
	assert_int_equal(box_count(b, "trash"), 0);
	return report;
}

/* Builds and commits images in a store that is closed again. */
static void build(const struct box *b, const char *name, const char *text, struct box_image *out)
{
	auto_(store) struct store *s = box_open(b, 0);
	struct error err = ERROR_INIT;

	ok(box_image(s, name, text, out, &err));
	ok(store_commit(s, &out->ref, 1, &err));
}

static void keeps_what_names_and_the_cache_reach(void **state)
{
	struct box *b = *state;
	struct box_image image;
	struct prune_report r;

	build(b, "demo:latest", "content", &image);
	r = prune(b, (struct prune_options){.unnamed = true});
	assert_int_equal(r.blobs + r.trees + r.records + r.names + r.bytes, 0);
	r = prune(b, (struct prune_options){.cache = true});
	assert_int_equal(r.records, 1);
	assert_int_equal(r.blobs + r.trees + r.names, 0);
	assert_int_equal(box_fsck(b, false), 0);
	assert_int_equal(box_count(b, "trees"), 1);
}

static void takes_everything_when_nothing_is_named(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	struct box_image image;
	struct prune_report r;
	struct store *s;

	build(b, "demo:latest", "content", &image);
	s = box_open(b, 0);
	ok(ref_delete(s, "demo:latest", &err));
	store_close(s);
	/* The cache keeps the layer and its tree, but not config and manifest. */
	r = prune(b, (struct prune_options){.cache = false});
	assert_int_equal(r.blobs, 2);
	assert_int_equal(r.trees + r.records, 0);
	r = prune(b, (struct prune_options){.cache = true});
	assert_int_equal(r.blobs, 1);
	assert_int_equal(r.trees, 1);
	assert_int_equal(r.records, 2);
	assert_true(r.bytes > 0);
	assert_int_equal(box_count(b, "blobs/sha256") + box_count(b, "trees") +
				 box_count(b, "layers") + box_count(b, "cache"),
			 0);
	assert_int_equal(box_fsck(b, false), 0);
}

static void unnamed_images_go_only_when_asked(void **state)
{
	struct box *b = *state;
	struct box_image one, two;
	struct prune_report r;

	build(b, "demo:latest", "content", &one);
	build(b, "", "nameless", &two);
	r = prune(b, (struct prune_options){.cache = true});
	assert_int_equal(r.names + r.blobs, 0);
	r = prune(b, (struct prune_options){.unnamed = true});
	assert_int_equal(r.names, 1);
	assert_int_equal(r.blobs, 3);
	assert_int_equal(box_count(b, "refs"), 1);
	assert_int_equal(box_fsck(b, false), 0);
}

static void young_cache_records_stay(void **state)
{
	struct box *b = *state;
	struct timespec old[2] = {{.tv_sec = time(NULL) - 1000}, {.tv_sec = time(NULL) - 1000}};
	char hex[DIGEST_HEX_SIZE], path[128];
	struct box_image one, two;
	struct prune_report r;

	build(b, "a:1", "one", &one);
	build(b, "b:1", "two", &two);
	snprintf(path, sizeof(path), "cache/%s", digest_hex(&one.key, hex));
	assert_int_equal(utimensat(b->root, path, old, 0), 0);
	r = prune(b, (struct prune_options){.cache = true, .older = 2000});
	assert_int_equal(r.records, 0);
	r = prune(b, (struct prune_options){.cache = true, .older = 500});
	assert_int_equal(r.records, 1);
	assert_false(box_has(b, path));
}

static void a_living_process_keeps_what_it_pinned(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	struct box_image image;
	struct prune_report r;
	struct store *s;
	bool found;

	build(b, "demo:latest", "content", &image);
	s = box_open(b, 0);
	ok(store_pin(s, STORE_CACHE, &image.key, &found, &err));
	assert_true(found);
	ok(store_pin(s, STORE_BLOBS, &image.ref.manifest, &found, &err));
	assert_true(found);
	ok(ref_delete(s, "demo:latest", &err));
	r = prune(b, (struct prune_options){.cache = true, .unnamed = true});
	assert_int_equal(r.blobs + r.trees + r.records, 0);
	store_close(s);
	r = prune(b, (struct prune_options){.cache = true, .unnamed = true});
	assert_int_equal(r.blobs, 3);
	assert_int_equal(r.trees, 1);
}

static void pending_of_a_killed_build_goes(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	struct box_image image;
	struct prune_report r;
	struct store *s = box_open(b, 0);

	ok(box_image(s, "demo:latest", "content", &image, &err));
	store_close(s);
	r = prune(b, (struct prune_options){.cache = true});
	assert_int_equal(r.blobs, 3);
	assert_int_equal(r.trees, 1);
	assert_int_equal(r.records, 2);
}

/* An index of which one platform was pulled. */
static void an_index_keeps_the_manifests_that_are_here(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	auto_(buf) struct buf index = BUF_INIT;
	char a[DIGEST_TEXT_SIZE], c[DIGEST_TEXT_SIZE];
	struct digest elsewhere;
	struct box_image image;
	struct prune_report r;
	struct store *s = box_open(b, 0);
	struct ref ref;

	ok(box_image(s, "x:1", "content", &image, &err));
	digest_of("elsewhere", 9, &elsewhere);
	buf_printf(&index,
		   "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
		   "\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu},"
		   "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":10}]}",
		   image.ref.media_type, digest_text(&image.ref.manifest, a),
		   (unsigned long long)image.ref.size, image.ref.media_type,
		   digest_text(&elsewhere, c));
	ref = image.ref;
	ref.size = index.length;
	ref.media_type = (char *)(uintptr_t) "application/vnd.oci.image.index.v1+json";
	ok(blob_put(s, index.data, index.length, &ref.manifest, &err));
	ok(store_commit(s, &ref, 1, &err));
	store_close(s);
	r = prune(b, (struct prune_options){.cache = true});
	assert_int_equal(r.blobs, 0);
	assert_int_equal(box_count(b, "blobs/sha256"), 4);
	assert_int_equal(box_fsck(b, false), 0);
}

static void a_damaged_manifest_stops_it(void **state)
{
	struct box *b = *state;
	struct prune_options options = {.cache = true};
	struct prune_report report;
	struct error err = ERROR_INIT;
	char hex[DIGEST_HEX_SIZE], path[128];
	struct box_image image;
	struct store *s;
	auto_fd int fd = -1;

	build(b, "demo:latest", "content", &image);
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&image.ref.manifest, hex));
	fd = box_damage(b, path, O_RDWR);
	assert_int_equal(pwrite(fd, "!", 1, 5), 1);
	s = box_open(b, 0);
	assert_int_equal(store_prune(s, &options, &report, &err), -1);
	assert_int_equal(err.code, ERROR_DIGEST);
	assert_true(err.hint[0] != '\0');
	assert_int_equal(box_count(b, "blobs/sha256"), 3);
	store_close(s);
	/* The manifest and its name go, then the rest is garbage. */
	assert_true(box_fsck(b, true) > 0);
	assert_int_equal(prune(b, (struct prune_options){.cache = true}).blobs, 2);
	assert_int_equal(box_fsck(b, false), 0);
}

static void a_name_whose_image_is_gone_goes(void **state)
{
	struct box *b = *state;
	char hex[DIGEST_HEX_SIZE], path[128];
	struct box_image image;

	build(b, "demo:latest", "content", &image);
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&image.ref.manifest, hex));
	assert_int_equal(unlinkat(b->root, path, 0), 0);
	assert_int_equal(prune(b, (struct prune_options){.cache = false}).names, 1);
	assert_int_equal(box_count(b, "refs"), 0);
	assert_int_equal(box_fsck(b, false), 0);
}

static void trash_left_by_a_crash_is_deleted(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;

	store_close(box_open(b, 0));
	auto_fd int dir = mkdirs(b->root, "trash/old/deep", 0700, &err);

	ok(dir);
	store_close(box_open(b, 0));
	assert_int_equal(box_count(b, "trash"), 1);
	prune(b, (struct prune_options){.cache = false});
	assert_int_equal(box_count(b, "trash"), 0);
}

/* --- races --------------------------------------------------------------------------------- */

/* Publishes images and looks at once whether all of what it published or pinned is still there.
   Every second one it builds again what the other builder may have just made. */
static int builder_child(const struct box *b, uint64_t rounds, unsigned self)
{
	struct error err = ERROR_INIT;

	for (uint64_t i = 0; i < rounds; i++) {
		auto_(store) struct store *s = box_open(b, 0);
		auto_(buf) struct buf back = BUF_INIT;
		struct box_image image;
		char text[64];
		bool found;

		snprintf(text, sizeof(text), "content %llu %u", (unsigned long long)i,
			 i % 2 ? self : 0);
		if (box_image(s, "race:latest", text, &image, &err) < 0 ||
		    blob_get(s, &image.layer, strlen(text), 100, &back, &err) < 0)
			goto fail;
		if (store_pin(s, STORE_CACHE, &image.key, &found, &err) < 0 || !found ||
		    !store_has(s, STORE_TREES, &image.diff_id))
			goto lost;
		if (i % 8 == 0 && store_commit(s, &image.ref, 1, &err) < 0)
			goto fail;
		buf_reset(&back);
		if (blob_get(s, &image.config, UINT64_MAX, 4096, &back, &err) < 0)
			goto fail;
		continue;
	fail:
		error_print(&err, stderr, true);
	lost:
		fprintf(stderr, "builder %u lost an object in round %llu\n", self,
			(unsigned long long)i);
		return 1;
	}
	return 0;
}

static int pruner_child(const struct box *b, int stop, bool garbage)
{
	const struct prune_options all = {.cache = true, .unnamed = true};
	struct prune_report report;
	struct error err = ERROR_INIT;
	uint64_t total = 0;
	char c;

	while (read(stop, &c, 1) < 0 && errno == EAGAIN) {
		auto_(store) struct store *s = box_open(b, 0);

		if (store_prune(s, &all, &report, &err) < 0) {
			error_print(&err, stderr, true);
			return 1;
		}
		total += report.blobs;
	}
	/* A pruner that never found anything would prove nothing. */
	return garbage && total == 0;
}

/* GC removes key locks that nobody holds while others are just opening them. */
static int locker_child(const struct box *b, uint64_t rounds, unsigned self)
{
	struct error err = ERROR_INIT;
	auto_(store) struct store *s = box_open(b, 0);
	struct digest key;

	(void)self;
	digest_of("key", 3, &key);
	for (uint64_t i = 0; i < rounds * 20; i++) {
		auto_fd int lock = store_lock_key(s, &key, true, &err);
		auto_fd int alone =
			openat(b->root, "lock/alone", O_CREAT | O_EXCL | O_WRONLY, 0600);

		if (lock < 0 || alone < 0)
			return 1;
		sched_yield();
		unlinkat(b->root, "lock/alone", 0);
	}
	return 0;
}

/* Two children work while a third one prunes. */
static void race(const struct box *b,
		 int (*work)(const struct box *b, uint64_t rounds, unsigned self), bool garbage)
{
	uint64_t rounds = box_number("TRIALS", 200);
	int stop[2], bad = 0, status;
	pid_t child[3];

	store_close(box_open(b, 0));
	assert_int_equal(pipe2(stop, O_CLOEXEC | O_NONBLOCK), 0);
	for (unsigned i = 0; i < 3; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0) {
			close(stop[1]);
			_exit(i == 2 ? pruner_child(b, stop[0], garbage) : work(b, rounds, i + 1));
		}
	}
	for (unsigned i = 0; i < 3; i++) {
		if (i == 2)
			close(stop[1]);
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		bad += status != 0;
	}
	close(stop[0]);
	assert_int_equal(bad, 0);
}

static void builders_never_lose_what_they_hold(void **state)
{
	struct box *b = *state;

	race(b, builder_child, true);
	assert_int_equal(box_fsck(b, false), 0);
	prune(b, (struct prune_options){.cache = true});
	assert_int_equal(box_fsck(b, false), 0);
	assert_int_equal(box_count(b, "blobs/sha256"), 3);
}

static void key_locks_exclude_while_gc_removes_them(void **state)
{
	race(*state, locker_child, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_what_names_and_the_cache_reach),
		TEST(takes_everything_when_nothing_is_named),
		TEST(unnamed_images_go_only_when_asked),
		TEST(young_cache_records_stay),
		TEST(a_living_process_keeps_what_it_pinned),
		TEST(pending_of_a_killed_build_goes),
		TEST(an_index_keeps_the_manifests_that_are_here),
		TEST(a_damaged_manifest_stops_it),
		TEST(a_name_whose_image_is_gone_goes),
		TEST(trash_left_by_a_crash_is_deleted),
		TEST(builders_never_lose_what_they_hold),
		TEST(key_locks_exclude_while_gc_removes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
