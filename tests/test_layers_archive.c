/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that we write: out, in and out again. */
#include "tests/archive_box.h"

#include <sys/resource.h>
#include <sys/wait.h>

static void same_bytes(const struct buf *a, const struct buf *b)
{
	assert_int_equal(a->length, b->length);
	assert_memory_equal(a->data, b->data, a->length);
}

static void round_trip(struct fixture *f, enum save_format format, enum compression compression)
{
	auto_(refs) struct refs made = {.item = NULL};
	auto_(refs) struct refs loaded = {.item = NULL};
	auto_(buf) struct buf first = BUF_INIT;
	auto_(buf) struct buf again = BUF_INIT;
	auto_(buf) struct buf second = BUF_INIT;
	struct error err = ERROR_INIT;

	make_images(f, compression, &made);
	save(f->from, made.item, made.count, format, &first);
	save(f->from, made.item, made.count, format, &again);
	same_bytes(&first, &again);
	succeed(load(f->to, &first, NULL, &loaded, &err), &err, "load");
	assert_int_equal(loaded.count, made.count);
	for (size_t i = 0; i < made.count; i++) {
		struct digest id = verify_image(f->from, &made.item[i]);
		struct digest loaded_id = verify_image(f->to, &loaded.item[i]);

		assert_string_equal(loaded.item[i].name, made.item[i].name);
		assert_true(digest_equal(&id, &loaded_id));
		if (format == SAVE_OCI)
			assert_true(digest_equal(&loaded.item[i].manifest, &made.item[i].manifest));
	}
	succeed(store_commit(f->to, loaded.item, loaded.count, &err), &err, "commit");
	save(f->to, loaded.item, loaded.count, format, &second);
	same_bytes(&first, &second);
}

static void test_oci_zstd(void **state)
{
	round_trip(*state, SAVE_OCI, COMPRESS_ZSTD);
}

static void test_oci_gzip(void **state)
{
	round_trip(*state, SAVE_OCI, COMPRESS_GZIP);
}

static void test_oci_plain(void **state)
{
	round_trip(*state, SAVE_OCI, COMPRESS_NONE);
}

static void test_docker_zstd(void **state)
{
	round_trip(*state, SAVE_DOCKER, COMPRESS_ZSTD);
}

static void test_docker_gzip(void **state)
{
	round_trip(*state, SAVE_DOCKER, COMPRESS_GZIP);
}

static void test_docker_plain(void **state)
{
	round_trip(*state, SAVE_DOCKER, COMPRESS_NONE);
}

/* A record that knows no plain size makes saving decompress twice; the bytes are the same. */
static void test_docker_without_records(void **state)
{
	struct fixture *f = *state;
	auto_(refs) struct refs made = {.item = NULL};
	auto_(refs) struct refs loaded = {.item = NULL};
	auto_(buf) struct buf first = BUF_INIT;
	auto_(buf) struct buf oci = BUF_INIT;
	auto_(buf) struct buf second = BUF_INIT;
	struct error err = ERROR_INIT;
	struct layer layer;
	struct digest id;

	make_images(f, COMPRESS_GZIP, &made);
	save(f->from, made.item, made.count, SAVE_DOCKER, &first);
	save(f->from, made.item, made.count, SAVE_OCI, &oci);
	succeed(load(f->to, &oci, NULL, &loaded, &err), &err, "load");
	id = box_layer(&f->box, f->from, 1, 3000, COMPRESS_GZIP).diff_id;
	fails_with(layer_lookup(f->to, &id, COMPRESS_NONE, &layer, &err), &err, ERROR_NOT_FOUND,
		   "");
	save(f->to, loaded.item, loaded.count, SAVE_DOCKER, &second);
	same_bytes(&first, &second);
}

static void test_transcoded(void **state)
{
	static const enum compression want[] = {COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD};
	struct fixture *f = *state;
	auto_(refs) struct refs made = {.item = NULL};
	struct error err = ERROR_INIT;

	make_images(f, COMPRESS_ZSTD, &made);
	for (size_t i = 0; i < 3; i++) {
		auto_(image) struct image image = {.config = CONFIG_INIT};
		auto_(image) struct image back = {.config = CONFIG_INIT};
		auto_(refs) struct refs loaded = {.item = NULL};
		struct save_item item = {
			.image = &image, .names = (const char *[]){"x:1"}, .name_count = 1};
		auto_fd int fd = memory("", 0);

		succeed(image_load(f->from, &made.item[0].manifest, made.item[0].size, &image,
				   &err),
			&err, "load");
		succeed(archive_save(f->from, &item, 1, SAVE_OCI, false, want[i], fd, &err), &err,
			"save");
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		succeed(archive_load(f->to, fd, NULL, &loaded.item, &loaded.count, &err), &err,
			"load");
		verify_image(f->to, &loaded.item[0]);
		succeed(image_load(f->to, &loaded.item[0].manifest, UINT64_MAX, &back, &err), &err,
			"load");
		assert_true(digest_equal(&back.config_digest, &image.config_digest));
		assert_int_equal(back.layers[0].compression, want[i]);
		assert_int_equal(digest_equal(&back.manifest, &image.manifest),
				 want[i] == COMPRESS_ZSTD);
	}
}

static void test_compressed_archives(void **state)
{
	static const enum save_format formats[] = {SAVE_OCI, SAVE_DOCKER};
	static const enum compression kinds[] = {COMPRESS_GZIP, COMPRESS_ZSTD};
	struct fixture *f = *state;
	auto_(refs) struct refs made = {.item = NULL};
	struct error err = ERROR_INIT;

	make_images(f, COMPRESS_ZSTD, &made);
	for (int i = 0; i < 4; i++) {
		auto_(refs) struct refs loaded = {.item = NULL};
		auto_(buf) struct buf plain = BUF_INIT;
		auto_(buf) struct buf packed = BUF_INIT;

		save(f->from, made.item, made.count, formats[i / 2], &plain);
		compress_all(kinds[i % 2], &plain, &packed);
		succeed(load(f->to, &packed, NULL, &loaded, &err), &err, "load");
		assert_int_equal(loaded.count, 3);
		verify_image(f->to, &loaded.item[0]);
		/* Cut inside the compressed stream. */
		buf_truncate(&packed, packed.length / 2);
		load_fails(f->to, &packed, ERROR_FORMAT, "");
	}
}

static void test_pipe(void **state)
{
	struct fixture *f = *state;
	auto_(refs) struct refs made = {.item = NULL};
	auto_(refs) struct refs loaded = {.item = NULL};
	auto_(buf) struct buf archive = BUF_INIT;
	struct error err = ERROR_INIT;
	int ends[2], status;
	pid_t pid;

	make_images(f, COMPRESS_ZSTD, &made);
	save(f->from, made.item, made.count, SAVE_OCI, &archive);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		for (size_t at = 0; at < archive.length;) {
			size_t left = archive.length - at;
			ssize_t n = write(ends[1], archive.data + at, left < 777 ? left : 777);

			if (n < 0)
				_exit(1);
			at += (size_t)n;
		}
		_exit(0);
	}
	close(ends[1]);
	succeed(archive_load(f->to, ends[0], NULL, &loaded.item, &loaded.count, &err), &err,
		"loading from a pipe");
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(loaded.count, 3);
}

static void test_only(void **state)
{
	static const enum save_format formats[] = {SAVE_OCI, SAVE_DOCKER};
	struct fixture *f = *state;
	auto_(refs) struct refs made = {.item = NULL};
	struct error err = ERROR_INIT;

	make_images(f, COMPRESS_ZSTD, &made);
	for (int i = 0; i < 2; i++) {
		auto_(refs) struct refs loaded = {.item = NULL};
		auto_(refs) struct refs none = {.item = NULL};
		auto_(buf) struct buf archive = BUF_INIT;

		save(f->from, made.item, made.count, formats[i], &archive);
		succeed(load(f->to, &archive, "docker.io/library/busybox", &loaded, &err), &err,
			"only busybox");
		assert_int_equal(loaded.count, 1);
		assert_string_equal(loaded.item[0].name, "busybox:latest");
		fails_with(load(f->to, &archive, "absent:1", &none, &err), &err, ERROR_NOT_FOUND,
			   "no image named absent:1");
		fails_with(load(f->to, &archive, "Bad", &none, &err), &err, ERROR_USAGE, "Bad");
	}
}

static void test_every_truncation(void **state)
{
	static const enum save_format formats[] = {SAVE_OCI, SAVE_DOCKER};
	struct fixture *f = *state;
	auto_(refs) struct refs made = {.item = NULL};

	make_images(f, COMPRESS_ZSTD, &made);
	for (int i = 0; i < 2; i++) {
		auto_(buf) struct buf archive = BUF_INIT;

		save(f->from, made.item, made.count, formats[i], &archive);
		/* All but the 1024 bytes of zeros at the end hold something. */
		for (size_t length = 0; length + 1024 < archive.length; length += 512) {
			struct buf cut = {.data = archive.data, .length = length};

			load_fails(f->to, &cut, ERROR_FORMAT, "");
			if (length > 100) {
				cut.length -= 100;
				load_fails(f->to, &cut, ERROR_FORMAT, "");
			}
		}
	}
}

/* A changed byte is found, or it was in something that does not matter to the images: a time in a
   header, a name. What is loaded is whole in any case. */
static void test_every_corruption(void **state)
{
	static const enum save_format formats[] = {SAVE_OCI, SAVE_DOCKER};
	struct fixture *f = *state;
	auto_(refs) struct refs made = {.item = NULL};
	const char *trials = getenv("TRIALS");
	size_t step = trials != NULL && atoi(trials) > 1 ? 1 : 211, refused = 0, total = 0;
	struct digest ids[3];

	make_images(f, COMPRESS_ZSTD, &made);
	for (size_t i = 0; i < 3; i++)
		ids[i] = verify_image(f->from, &made.item[i]);
	for (int k = 0; k < 2; k++) {
		auto_(buf) struct buf archive = BUF_INIT;

		save(f->from, made.item, made.count, formats[k], &archive);
		for (size_t at = 0; at < archive.length; at += step) {
			auto_(refs) struct refs loaded = {.item = NULL};
			struct error err = ERROR_INIT;

			archive.data[at] = (char)(archive.data[at] ^ (1 << at % 8));
			total++;
			if (load(f->to, &archive, NULL, &loaded, &err) < 0) {
				refused++;
				assert_int_equal(loaded.count, 0);
			}
			for (size_t i = 0; i < loaded.count; i++) {
				struct digest id = verify_image(f->to, &loaded.item[i]);

				if (!digest_equal(&id, &ids[0]) && !digest_equal(&id, &ids[1]) &&
				    !digest_equal(&id, &ids[2]))
					fail_msg("byte %zu makes another image", at);
			}
			archive.data[at] = (char)(archive.data[at] ^ (1 << at % 8));
		}
	}
	assert_true(refused > total / 2);
}

static void test_damaged_store(void **state)
{
	static const enum save_format formats[] = {SAVE_OCI, SAVE_DOCKER};
	struct fixture *f = *state;
	auto_(refs) struct refs made = {.item = NULL};
	auto_(image) struct image image = {.config = CONFIG_INIT};
	struct save_item item = {.image = &image};
	struct error err = ERROR_INIT;
	char path[200], hex[DIGEST_HEX_SIZE], byte;

	make_images(f, COMPRESS_ZSTD, &made);
	succeed(image_load(f->from, &made.item[0].manifest, UINT64_MAX, &image, &err), &err,
		"load");
	snprintf(path, sizeof(path), "from/blobs/sha256/%s",
		 digest_hex(&image.layers[1].blob, hex));
	auto_fd int fd = openat(f->box.dir, path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, 900), 1);
	byte = (char)(byte ^ 4);
	assert_int_equal(pwrite(fd, &byte, 1, 900), 1);
	for (int i = 0; i < 2; i++) {
		auto_fd int out = memory("", 0);
		int result =
			archive_save(f->from, &item, 1, formats[i], true, COMPRESS_NONE, out, &err);

		assert_int_equal(result, -1);
		assert_true(err.code == ERROR_DIGEST || err.code == ERROR_FORMAT);
		error_clear(&err);
	}
}

/* --- directories --------------------------------------------------------------------------- */

static void save_dir(struct fixture *f, struct store *s, const struct ref *ref, const char *name,
		     int dir)
{
	auto_(image) struct image image = {.config = CONFIG_INIT};
	struct save_item item = {.image = &image, .names = &name, .name_count = name != NULL};
	struct error err = ERROR_INIT;

	(void)f;
	succeed(image_load(s, &ref->manifest, ref->size, &image, &err), &err, "load");
	succeed(archive_save(s, &item, 1, SAVE_OCI_DIR, true, COMPRESS_NONE, dir, &err), &err,
		"saving a directory");
}

static void test_directory(void **state)
{
	struct fixture *f = *state;
	auto_(refs) struct refs made = {.item = NULL};
	auto_(refs) struct refs loaded = {.item = NULL};
	auto_(refs) struct refs one = {.item = NULL};
	struct error err = ERROR_INIT;
	auto_fd int dir = mkdir_child(f->box.dir, "layout", 0755, &err);

	make_images(f, COMPRESS_ZSTD, &made);
	save_dir(f, f->from, &made.item[0], "busybox:latest", dir);
	save_dir(f, f->from, &made.item[1], "quay.io/a/b:1", dir);
	save_dir(f, f->from, &made.item[2], NULL, dir);
	save_dir(f, f->from, &made.item[2], NULL, dir);
	save_dir(f, f->from, &made.item[1], "busybox:latest", dir);
	succeed(archive_load(f->to, dir, NULL, &loaded.item, &loaded.count, &err), &err, "load");
	assert_int_equal(loaded.count, 3);
	assert_string_equal(loaded.item[0].name, "quay.io/a/b:1");
	assert_string_equal(loaded.item[1].name, "");
	assert_string_equal(loaded.item[2].name, "busybox:latest");
	assert_true(digest_equal(&loaded.item[2].manifest, &made.item[1].manifest));
	verify_image(f->to, &loaded.item[1]);
	verify_image(f->to, &loaded.item[2]);
	succeed(archive_load(f->to, dir, "busybox", &one.item, &one.count, &err), &err, "one");
	assert_int_equal(one.count, 1);
}

/* The store itself is a layout. */
static void test_store_as_directory(void **state)
{
	struct fixture *f = *state;
	auto_(refs) struct refs made = {.item = NULL};
	auto_(refs) struct refs loaded = {.item = NULL};
	struct error err = ERROR_INIT;

	make_images(f, COMPRESS_ZSTD, &made);
	succeed(archive_load(f->to, store_root(f->from), NULL, &loaded.item, &loaded.count, &err),
		&err, "loading a store");
	assert_int_equal(loaded.count, 2);
	assert_string_equal(loaded.item[0].name, "busybox:latest");
	verify_image(f->to, &loaded.item[0]);
}

static void test_bad_directories(void **state)
{
	struct fixture *f = *state;
	auto_(refs) struct refs made = {.item = NULL};
	auto_(refs) struct refs none = {.item = NULL};
	struct error err = ERROR_INIT;
	auto_fd int dir = mkdir_child(f->box.dir, "layout", 0755, &err);
	char path[200], hex[DIGEST_HEX_SIZE];

	fails_with(archive_load(f->to, dir, NULL, &none.item, &none.count, &err), &err,
		   ERROR_NOT_FOUND, "not an OCI layout");
	make_images(f, COMPRESS_ZSTD, &made);
	save_dir(f, f->from, &made.item[0], "a:1", dir);
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&made.item[0].manifest, hex));
	/* Right length, wrong bytes. */
	auto_free char *junk = xcalloc(1, made.item[0].size);
	auto_fd int blob = openat(dir, path, O_WRONLY | O_CLOEXEC);
	assert_true(blob >= 0);
	assert_true(write(blob, junk, made.item[0].size) == (ssize_t)made.item[0].size);
	fails_with(archive_load(f->to, dir, NULL, &none.item, &none.count, &err), &err,
		   ERROR_DIGEST, hex);
	assert_int_equal(ftruncate(blob, (off_t)made.item[0].size - 1), 0);
	fails_with(archive_load(f->to, dir, NULL, &none.item, &none.count, &err), &err,
		   ERROR_DIGEST, hex);
	assert_int_equal(unlinkat(dir, path, 0), 0);
	fails_with(archive_load(f->to, dir, NULL, &none.item, &none.count, &err), &err,
		   ERROR_FORMAT, "lacks blob");
	assert_int_equal(symlinkat("/etc/passwd", dir, path), 0);
	assert_int_equal(archive_load(f->to, dir, NULL, &none.item, &none.count, &err), -1);
	error_clear(&err);
	box_write(dir, "oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}", 30);
	fails_with(archive_load(f->to, dir, NULL, &none.item, &none.count, &err), &err,
		   ERROR_FORMAT, "version 2.0.0 is not known");
	box_write(dir, "index.json", "not json", 8);
	fails_with(archive_save(f->from, NULL, 0, SAVE_OCI_DIR, true, COMPRESS_NONE, dir, &err),
		   &err, ERROR_FORMAT, "index.json of the directory");
}

/* --- import -------------------------------------------------------------------------------- */

static void test_import(void **state)
{
	struct fixture *f = *state;
	auto_(maker) struct maker m;
	auto_(config) struct config config = CONFIG_INIT;
	auto_(ref) struct ref tar = {.name = NULL};
	auto_(ref) struct ref dir = {.name = NULL};
	auto_(image) struct image image = {.config = CONFIG_INIT};
	struct error err = ERROR_INIT;
	struct digest id, dir_id;
	const struct timespec times[2] = {{0}, {0}};
	auto_fd int root = mkdir_child(f->box.dir, "root", 0755, &err);

	maker_begin(&m);
	maker_text(&m, "b", "1");
	maker_text(&m, "a", "2");
	maker_end(&m);
	auto_fd int fd = memory(m.bytes.data, m.bytes.length);

	config_set_env(&config, "A", "b");
	succeed(archive_import(f->to, fd, &config, 1000, COMPRESS_ZSTD, &tar, &id, &err), &err,
		"importing a tar");
	box_write(root, "a", "2", 1);
	box_write(root, "b", "1", 1);
	assert_int_equal(utimensat(root, "a", times, 0), 0);
	assert_int_equal(utimensat(root, "b", times, 0), 0);
	/* The tar does not describe its root; that counts as made at the epoch. */
	assert_int_equal(futimens(root, times), 0);
	succeed(archive_import(f->to, root, &config, 1000, COMPRESS_ZSTD, &dir, &dir_id, &err),
		&err, "importing a directory");
	assert_true(digest_equal(&id, &dir_id));
	succeed(image_load(f->to, &tar.manifest, tar.size, &image, &err), &err, "load");
	assert_string_equal(image.config.created, "1970-01-01T00:16:40Z");
	assert_string_equal(image.config.os, "linux");
	assert_int_equal(image.config.history_count, 1);
	assert_int_equal(image.layer_count, 1);
	assert_string_equal(config_env(&image.config, "A"), "b");
	auto_fd int junk = memory("not a tar at all, but longer than nothing", 41);
	fails_with(archive_import(f->to, junk, &config, 0, COMPRESS_ZSTD, &dir, &id, &err), &err,
		   ERROR_FORMAT, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_oci_zstd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oci_gzip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oci_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_docker_zstd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_docker_gzip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_docker_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_docker_without_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transcoded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_compressed_archives, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_truncation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_corruption, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_store, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_store_as_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_directories, setup, teardown),
		cmocka_unit_test_setup_teardown(test_import, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
