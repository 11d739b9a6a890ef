/* SPDX-License-Identifier: Apache-2.0 */
/* Archives saved, loaded and made by hand, for tests of layers/archive.h. */
#ifndef TESTS_ARCHIVE_BOX_H
#define TESTS_ARCHIVE_BOX_H

#include "layers/archive.h"
#include "layers/manifest.h"
#include "layers/tar.h"
#include "tests/image_box.h"

#include <sys/mman.h>

struct fixture {
	struct box box;
	struct store *from, *to;
};

static inline int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	box_make(&f->box);
	f->from = box_store(&f->box, "from");
	f->to = box_store(&f->box, "to");
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->from);
	store_close(f->to);
	box_free(&f->box);
	free(f);
	return 0;
}

struct refs {
	struct ref *item;
	size_t count;
};

static inline void refs_release(struct refs *r)
{
	for (size_t i = 0; i < r->count; i++)
		ref_release(&r->item[i]);
	free(r->item);
	*r = (struct refs){.item = NULL};
}
DEFINE_CLEANUP_STRUCT(refs, struct refs, refs_release);

/* A file in memory with these bytes, at its start. */
static inline int memory(const void *data, size_t length)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	struct error err = ERROR_INIT;

	assert_true(fd >= 0);
	succeed(write_all(fd, data, length, &err), &err, "memfd");
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static inline int load(struct store *s, const struct buf *archive, const char *only,
		       struct refs *out, struct error *err)
{
	auto_fd int fd = memory(archive->data, archive->length);

	return archive_load(s, fd, only, &out->item, &out->count, err);
}

static inline void load_fails(struct store *s, const struct buf *archive, enum error_code code,
			      const char *text)
{
	auto_(refs) struct refs refs = {.item = NULL};
	struct error err = ERROR_INIT;

	fails_with(load(s, archive, NULL, &refs, &err), &err, code, text);
	assert_int_equal(refs.count, 0);
}

static inline void save(struct store *s, const struct ref *refs, size_t count,
			enum save_format format, struct buf *out)
{
	auto_fd int fd = memory("", 0);
	auto_free struct save_item *items = xcalloc(count, sizeof(*items));
	auto_free struct image *images = xcalloc(count, sizeof(*images));
	auto_free const char **names = xcalloc(count, sizeof(*names));
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < count; i++) {
		succeed(image_load(s, &refs[i].manifest, refs[i].size, &images[i], &err), &err,
			"loading an image");
		names[i] = refs[i].name;
		items[i] = (struct save_item){.image = &images[i],
					      .names = &names[i],
					      .name_count = refs[i].name[0] != '\0'};
	}
	succeed(archive_save(s, items, count, format, true, COMPRESS_NONE, fd, &err), &err, "save");
	for (size_t i = 0; i < count; i++)
		image_release(&images[i]);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	succeed(read_all(fd, 64 * 1024 * 1024, out, &err), &err, "reading back");
}

/* Two images that share a layer, with a name each, and one without. */
static inline void make_images(struct fixture *f, enum compression compression, struct refs *out)
{
	static const char *const names[] = {"busybox:latest", "quay.io/a/b:1"};
	struct digest id;

	out->item = xcalloc(3, sizeof(*out->item));
	out->count = 3;
	box_image(&f->box, f->from, 1, 2, compression, names, 1, &out->item[0], &id);
	box_image(&f->box, f->from, 2, 2, compression, names + 1, 1, &out->item[1], &id);
	box_image(&f->box, f->from, 7, 1, compression, NULL, 0, &out->item[2], &id);
	out->item[0].name = xstrdup(names[0]);
	out->item[1].name = xstrdup(names[1]);
	out->item[2].name = xstrdup("");
}

/* Every layer is there, verified; returns the image ID. */
static inline struct digest verify_image(struct store *s, const struct ref *ref)
{
	auto_(image) struct image image = {.config = CONFIG_INIT};
	struct error err = ERROR_INIT;

	succeed(image_load(s, &ref->manifest, ref->size, &image, &err), &err, ref->name);
	for (size_t i = 0; i < image.layer_count; i++) {
		auto_(buf) struct buf blob = BUF_INIT;

		succeed(blob_get(s, &image.layers[i].blob, image.layers[i].size, 1 << 24, &blob,
				 &err),
			&err, "a layer");
	}
	return image.config_digest;
}

/* --- by hand ------------------------------------------------------------------------------- */

struct maker {
	struct buf bytes;
	struct tar_writer *w;
};

static inline int maker_sink(void *user, const void *data, size_t length, struct error *err)
{
	(void)err;
	buf_add(user, data, length);
	return 0;
}

static inline void maker_begin(struct maker *m)
{
	m->bytes = (struct buf)BUF_INIT;
	m->w = tar_writer_new(maker_sink, &m->bytes);
}

static inline void maker_file(struct maker *m, const char *path, const void *data, size_t length)
{
	const struct tar_entry entry = {.path = path, .mode = S_IFREG | 0644, .size = length};
	struct error err = ERROR_INIT;

	succeed(tar_write_entry(m->w, &entry, &err), &err, path);
	succeed(tar_write_data(m->w, data, length, &err), &err, path);
	succeed(tar_write_padding(m->w, &err), &err, path);
}

static inline void maker_text(struct maker *m, const char *path, const char *text)
{
	maker_file(m, path, text, strlen(text));
}

static inline void maker_link(struct maker *m, const char *path, const char *target, bool hard)
{
	const struct tar_entry entry = {.path = path,
					.link = target,
					.hard_link = hard,
					.mode = (hard ? S_IFREG : S_IFLNK) | 0777};
	struct error err = ERROR_INIT;

	succeed(tar_write_entry(m->w, &entry, &err), &err, path);
}

static inline void maker_blob(struct maker *m, const void *data, size_t length,
			      struct digest *digest)
{
	char hex[DIGEST_HEX_SIZE], path[100];

	digest_of(data, length, digest);
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(digest, hex));
	maker_file(m, path, data, length);
}

static inline void maker_end(struct maker *m)
{
	struct error err = ERROR_INIT;

	succeed(tar_writer_finish(m->w, &err), &err, "finishing");
	tar_writer_free(m->w);
	m->w = NULL;
}

static inline void maker_release(struct maker *m)
{
	tar_writer_free(m->w);
	buf_release(&m->bytes);
}
DEFINE_CLEANUP_STRUCT(maker, struct maker, maker_release);

/* A tar with one file, as a layer. */
static inline void make_layer(const char *name, struct buf *out)
{
	auto_(maker) struct maker m;

	maker_begin(&m);
	maker_text(&m, name, "content of a file\n");
	maker_end(&m);
	buf_add(out, m.bytes.data, m.bytes.length);
}

static inline void compress_all(enum compression c, const struct buf *from, struct buf *to)
{
	struct error err = ERROR_INIT;
	auto_(compressor) struct compressor *z = compressor_new(c, maker_sink, to, &err);

	assert_non_null(z);
	succeed(compressor_add(z, from->data, from->length, &err), &err, "compressing");
	succeed(compressor_finish(z, &err), &err, "compressing");
}

/* A config for layers with these plain bytes. */
static inline void make_config(const struct buf *layers, size_t count, struct buf *out)
{
	auto_(config) struct config c = CONFIG_INIT;

	c.os = "linux";
	c.architecture = "amd64";
	for (size_t i = 0; i < count; i++) {
		struct digest d;

		digest_of(layers[i].data, layers[i].length, &d);
		config_add_diff_id(&c, &d);
	}
	config_render(&c, out);
}

#endif
