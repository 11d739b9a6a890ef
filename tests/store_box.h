/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in a directory of its own, and small images to put into it.
 */
#ifndef TESTS_STORE_BOX_H
#define TESTS_STORE_BOX_H

#include "common/arena.h"
#include "common/fd.h"
#include "layers/blob.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

/* Prints the error before it fails. */
#define ok(call)                                                                                   \
	do {                                                                                       \
		if ((call) < 0) {                                                                  \
			error_print(&err, stderr, true);                                           \
			fail_msg("%s", #call);                                                     \
		}                                                                                  \
	} while (0)

static inline uint64_t box_number(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

/* xorshift64*; the seed is printed by tests that fail. */
struct dice {
	uint64_t state, seed;
};

static inline struct dice dice_new(void)
{
	struct dice d = {.seed = box_number("SEED", (uint64_t)time(NULL) ^ (uint64_t)getpid())};

	d.state = d.seed * 2 + 1;
	return d;
}

static inline uint64_t dice_roll(struct dice *d, uint64_t sides)
{
	d->state ^= d->state >> 12;
	d->state ^= d->state << 25;
	d->state ^= d->state >> 27;
	return (d->state * UINT64_C(2685821657736338717) >> 11) % sides;
}

struct box {
	char path[256];
	int root;
};

static inline void box_make(struct box *b)
{
	const char *base = getenv("TMPDIR");

	snprintf(b->path, sizeof(b->path), "%s/varve-test-XXXXXX", base != NULL ? base : "/tmp");
	assert_non_null(mkdtemp(b->path));
	b->root = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->root >= 0);
}

static inline void box_remove(struct box *b)
{
	struct error err = ERROR_INIT;

	close(b->root);
	ok(remove_tree(AT_FDCWD, b->path, &err));
}

static inline struct store *box_open(const struct box *b, enum store_flags flags)
{
	struct error err = ERROR_INIT;
	struct store *s = store_open(b->root, flags | STORE_CREATE, &err);

	if (s == NULL) {
		error_print(&err, stderr, true);
		fail_msg("store_open");
	}
	return s;
}

/* How many entries a directory of the store has; 0 if it does not exist. */
static inline size_t box_count(const struct box *b, const char *path)
{
	struct error err = ERROR_INIT;
	int fd = open_beneath(b->root, path, O_RDONLY | O_DIRECTORY, 0, &err);
	auto_(dir) DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	size_t count = 0;

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		count += !is_dot(e->d_name);
	return count;
}

static inline bool box_has(const struct box *b, const char *path)
{
	return faccessat(b->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Opens a file of the store to damage it; blobs are read-only even for their owner. */
static inline int box_damage(const struct box *b, const char *path, int flags)
{
	struct error err = ERROR_INIT;
	int fd;

	assert_int_equal(fchmodat(b->root, path, 0600, 0), 0);
	fd = open_beneath(b->root, path, flags, 0, &err);
	ok(fd);
	return fd;
}

/* What box_image() made. */
struct box_image {
	struct digest diff_id, layer, config, key;
	struct ref ref; /* texts are constants: not to be released */
};

/* Publishes a tree of two files under id. */
static inline int box_tree(struct store *s, const struct digest *id, const char *text,
			   struct error *err)
{
	char name[RANDOM_NAME_SIZE];
	int stage = store_stage(s, err);
	auto_fd int tree = -1, fs = -1, sub = -1;

	if (stage < 0)
		return -1;
	random_name(name);
	tree = mkdir_child(stage, name, 0700, err);
	fs = tree < 0 ? -1 : mkdir_child(tree, "fs", 0755, err);
	sub = fs < 0 ? -1 : mkdir_child(fs, "sub", 0755, err);
	if (sub < 0 || replace_file(fs, "a", text, strlen(text), err) < 0 ||
	    replace_file(sub, "b", text, strlen(text), err) < 0)
		return -1;
	return store_publish(s, STORE_TREES, id, name, err);
}

/* Publishes an image of one layer whose bytes are text, with the records and the tree a build would
   leave. Nothing is committed. */
static inline int box_image(struct store *s, const char *name, const char *text,
			    struct box_image *out, struct error *err)
{
	auto_(record) struct record forms = RECORD_INIT, step = RECORD_INIT;
	auto_(buf) struct buf config = BUF_INIT, manifest = BUF_INIT, plain = BUF_INIT;
	char a[DIGEST_TEXT_SIZE], b[DIGEST_TEXT_SIZE];
	size_t length = strlen(text);

	buf_printf(&plain, "plain form of %s", text);
	digest_of(plain.data, plain.length, &out->diff_id);
	digest_of(out->diff_id.sha256, sizeof(out->diff_id), &out->key);
	if (blob_put(s, text, length, &out->layer, err) < 0)
		return -1;
	buf_printf(&config,
		   "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		   "\"diff_ids\":[\"%s\"]}}",
		   digest_text(&out->diff_id, a));
	if (blob_put(s, config.data, config.length, &out->config, err) < 0)
		return -1;
	buf_printf(
		&manifest,
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
		"\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":"
		"\"application/vnd.oci.image.layer.v1.tar+zstd\",\"digest\":\"%s\","
		"\"size\":%zu}]}",
		digest_text(&out->config, a), config.length, digest_text(&out->layer, b), length);
	out->ref = (struct ref){.size = manifest.length, .when = 1700000000};
	out->ref.name = (char *)(uintptr_t)name;
	out->ref.media_type = (char *)(uintptr_t) "application/vnd.oci.image.manifest.v1+json";
	if (blob_put(s, manifest.data, manifest.length, &out->ref.manifest, err) < 0 ||
	    box_tree(s, &out->diff_id, text, err) < 0)
		return -1;
	record_addf(&forms, "plain", "%zu", plain.length);
	record_addf(&forms, "zstd", "%s %zu", b, length);
	record_add_digest(&step, "diff_id", &out->diff_id);
	if (store_write_record(s, STORE_LAYERS, &out->diff_id, "varve-layer", &forms, err) < 0)
		return -1;
	return store_write_record(s, STORE_CACHE, &out->key, "varve-cache", &step, err);
}

static inline void box_print_finding(void *user, const char *text)
{
	(void)user;
	fprintf(stderr, "fsck: %s\n", text);
}

/* fsck of a store opened anew; prints what it finds. */
static inline int box_fsck(const struct box *b, bool repair)
{
	auto_(store) struct store *s = box_open(b, 0);
	struct error err = ERROR_INIT;
	int findings = store_fsck(s, repair, box_print_finding, NULL, &err);

	ok(findings);
	return findings;
}

/* Whether a name leads to this image, and every byte of it is there. */
static inline bool box_intact(struct store *s, const char *name, const char *text)
{
	auto_(ref) struct ref r = {.name = NULL};
	auto_(buf) struct buf manifest = BUF_INIT, layer = BUF_INIT;
	struct error err = ERROR_INIT;
	struct digest id;

	digest_of(text, strlen(text), &id);
	if (ref_get(s, name, &r, &err) < 0 ||
	    blob_get(s, &r.manifest, r.size, 4096, &manifest, &err) < 0 ||
	    blob_get(s, &id, strlen(text), 1 << 20, &layer, &err) < 0) {
		error_print(&err, stderr, true);
		return false;
	}
	return layer.length == strlen(text) && memcmp(layer.data, text, layer.length) == 0;
}

#endif
