/* SPDX-License-Identifier: Apache-2.0 */
/* Stores with small images in a directory of their own, for tests of layers/. */
#ifndef TESTS_IMAGE_BOX_H
#define TESTS_IMAGE_BOX_H

#include "common/fd.h"
#include "layers/blob.h"
#include "layers/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct box {
	char path[256];
	int dir;
};

static inline void succeed(int result, const struct error *err, const char *what)
{
	char text[ERROR_FRAMES * ERROR_TEXT];

	if (result >= 0)
		return;
	error_format(err, text, sizeof(text));
	fail_msg("%s: %s", what, text);
}

static inline void fails_with(int result, struct error *err, enum error_code code, const char *text)
{
	char is[ERROR_FRAMES * ERROR_TEXT];

	if (result >= 0)
		fail_msg("succeeded, but should fail with \"%s\"", text);
	error_format(err, is, sizeof(is));
	if (err->code != code || strstr(is, text) == NULL)
		fail_msg("\"%s\" (code %d) is not \"%s\" (code %d)", is, err->code, text, code);
	error_clear(err);
}

static inline void box_make(struct box *b)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(b->path, sizeof(b->path), "%s/varve-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(b->path) == NULL)
		fail_msg("mkdtemp %s: %s", b->path, strerror(errno));
	b->dir = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->dir >= 0);
}

static inline void box_free(struct box *b)
{
	struct error err = ERROR_INIT;
	char *slash = strrchr(b->path, '/');
	int parent;

	close(b->dir);
	*slash = '\0';
	parent = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	succeed(remove_tree(parent, slash + 1, &err), &err, "removing the test directory");
	close(parent);
}

static inline struct store *box_store(struct box *b, const char *name)
{
	struct error err = ERROR_INIT;
	auto_fd int root = mkdir_child(b->dir, name, 0700, &err);
	struct store *s = store_open(root, STORE_CREATE, &err);

	succeed(s == NULL ? -1 : 0, &err, "opening a store");
	return s;
}

static inline void box_write(int dir, const char *name, const void *data, size_t length)
{
	struct error err = ERROR_INIT;
	auto_fd int fd = open_child(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644, &err);

	succeed(fd, &err, name);
	succeed(write_all(fd, data, length, &err), &err, name);
}

/* A layer with one file of that many bytes, which depend on the seed. */
static inline struct layer box_layer(struct box *b, struct store *s, unsigned int seed, size_t size,
				     enum compression compression)
{
	const struct pack_options options = {.compression = compression, .epoch = 1000};
	struct error err = ERROR_INIT;
	char name[RANDOM_NAME_SIZE], file[32];
	auto_free char *data = malloc(size + 1);
	struct layer layer;
	uint64_t state = seed * 2654435761u + 1;
	int dir;

	random_name(name);
	dir = mkdir_child(b->dir, name, 0755, &err);
	succeed(dir, &err, "making a tree");
	for (size_t i = 0; i < size; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		data[i] = (char)(state >> 60); /* compresses to about half */
	}
	snprintf(file, sizeof(file), "file%u", seed);
	box_write(dir, file, data, size);
	succeed(layer_pack(dir, s, &options, &layer, &err), &err, "packing");
	close(dir);
	succeed(remove_tree(b->dir, name, &err), &err, "removing a tree");
	return layer;
}

/* An image of that many layers, seeded seed, seed + 1, ...; committed under the names. */
static inline void box_image(struct box *b, struct store *s, unsigned int seed, size_t layers,
			     enum compression compression, const char *const *names, size_t count,
			     struct ref *ref, struct digest *id)
{
	auto_(config) struct config c = CONFIG_INIT;
	struct error err = ERROR_INIT;
	struct layer layer[8];
	const char *os, *architecture, *variant;
	char value[32];

	assert_true(layers <= 8);
	platform_host(&os, &architecture, &variant);
	c.os = os;
	c.architecture = architecture;
	c.created = "2024-01-02T03:04:05Z";
	snprintf(value, sizeof(value), "%u", seed);
	config_set_env(&c, "SEED", value);
	for (size_t i = 0; i < layers; i++) {
		layer[i] = box_layer(b, s, seed + (unsigned int)i, 3000 + 700 * i, compression);
		config_add_diff_id(&c, &layer[i].diff_id);
		config_add_history(&c, &(struct history){.created_by = "COPY"});
	}
	succeed(image_publish(s, &c, layer, layers, NULL, ref, id, &err), &err, "publishing");
	for (size_t i = 0; i < count; i++) {
		struct ref named = *ref;

		named.name = xstrdup(names[i]);
		named.when = 1;
		succeed(store_commit(s, &named, 1, &err), &err, "committing");
		free(named.name);
	}
}

#endif
