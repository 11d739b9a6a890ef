/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include "common/fd.h"
#include "layers/blob.h"
#include "layers/forms.h"
#include "layers/json.h"
#include "layers/name.h"
#include "layers/tar.h"

#include <string.h>

enum { PIECE = 128 * 1024, PATH_SIZE = sizeof("blobs/sha256/") + DIGEST_HEX_SIZE };

/* A blob to write: from the store, or a manifest made for this archive. */
struct out_blob {
	struct digest digest;
	uint64_t size;
	const struct buf *text; /* NULL: in the store */
};

struct out_image {
	const struct save_item *item;
	struct digest manifest;
	uint64_t manifest_size;
	const char *media_type;
	struct buf text; /* of a manifest that differs from the stored one */
};

struct out {
	struct store *store;
	struct out_image *images;
	size_t image_count;
	struct out_blob *blobs;
	size_t blob_count;
};

static void out_release(struct out *o)
{
	for (size_t i = 0; i < o->image_count; i++)
		buf_release(&o->images[i].text);
	free(o->images);
	free(o->blobs);
}
DEFINE_CLEANUP_STRUCT(out, struct out, out_release);

/* --- what will be written ------------------------------------------------------------------ */

static void add_blob(struct out *o, const struct digest *digest, uint64_t size,
		     const struct buf *text)
{
	o->blobs = xgrow(o->blobs, o->blob_count, sizeof(*o->blobs));
	o->blobs[o->blob_count++] =
		(struct out_blob){.digest = *digest, .size = size, .text = text};
}

static int compare_blobs(const void *a, const void *b)
{
	const struct out_blob *x = a, *y = b;

	return digest_compare(&x->digest, &y->digest);
}

/* The size of a config is in nobody's hands but its manifest's. */
static int config_size(struct store *s, const struct image *image, uint64_t *size,
		       struct error *err)
{
	auto_fd int fd = store_find(s, STORE_BLOBS, &image->config_digest, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return error_sys(err, "opening the image config");
	*size = (uint64_t)st.st_size;
	return 0;
}

/* A form that is recorded or can be made from a recorded one; a layer that came from elsewhere and
   was not unpacked yet has no record. */
static int convert(struct store *s, const struct layer *from, enum compression want,
		   struct layer *out, struct error *err)
{
	struct error unknown = ERROR_INIT;

	if (layer_lookup(s, &from->diff_id, want, out, &unknown) == 0 && out->compression == want)
		return 0;
	return layer_transcode(s, from, want, out, err);
}

static int plan_image(struct out *o, const struct save_item *item, bool as_stored,
		      enum compression want, struct error *err)
{
	const struct image *image = item->image;
	auto_free struct layer *layers = xcalloc(image->layer_count, sizeof(*layers));
	struct out_image *to = &o->images[o->image_count];
	bool same = true;
	uint64_t size = 0;

	if (config_size(o->store, image, &size, err) < 0)
		return -1;
	for (size_t i = 0; i < image->layer_count; i++) {
		layers[i] = image->layers[i];
		if (as_stored || layers[i].compression == want)
			continue;
		same = false;
		if (convert(o->store, &image->layers[i], want, &layers[i], err) < 0)
			return error_add(err, "layer %zu", i + 1);
	}
	*to = (struct out_image){.item = item,
				 .manifest = image->manifest,
				 .manifest_size = image->manifest_size,
				 .media_type = image->media_type,
				 .text = BUF_INIT};
	o->image_count++;
	if (!same) {
		manifest_render(&image->config_digest, size, layers, image->layer_count, &to->text);
		digest_of(to->text.data, to->text.length, &to->manifest);
		to->manifest_size = to->text.length;
		to->media_type = MEDIA_MANIFEST;
	}
	add_blob(o, &to->manifest, to->manifest_size, same ? NULL : &to->text);
	add_blob(o, &image->config_digest, size, NULL);
	for (size_t i = 0; i < image->layer_count; i++)
		add_blob(o, &layers[i].blob, layers[i].size, NULL);
	return 0;
}

/* Sorted by digest, each once. */
static void sort_blobs(struct out *o)
{
	size_t kept = 0;

	qsort(o->blobs, o->blob_count, sizeof(*o->blobs), compare_blobs);
	for (size_t i = 0; i < o->blob_count; i++)
		if (kept == 0 || !digest_equal(&o->blobs[kept - 1].digest, &o->blobs[i].digest))
			o->blobs[kept++] = o->blobs[i];
	o->blob_count = kept;
}

static int plan(struct out *o, const struct save_item *items, size_t count, bool as_stored,
		enum compression want, struct error *err)
{
	o->images = xcalloc(count, sizeof(*o->images));
	for (size_t i = 0; i < count; i++)
		if (plan_image(o, &items[i], as_stored, want, err) < 0)
			return -1;
	if (o->blob_count > 0)
		sort_blobs(o);
	return 0;
}

/* --- documents ----------------------------------------------------------------------------- */

static void render_layout(struct buf *out)
{
	buf_add_str(out, "{\"imageLayoutVersion\":\"1.0.0\"}");
}

static void add_descriptor(struct json *list, const struct out_image *image, const char *name)
{
	const struct config *config = &image->item->image->config;
	struct json *o = json_add_object(list, NULL), *part;
	char text[DIGEST_TEXT_SIZE];

	json_add_string(o, "mediaType", image->media_type);
	json_add_string(o, "digest", digest_text(&image->manifest, text));
	json_add_number(o, "size", (int64_t)image->manifest_size);
	if (name != NULL) {
		auto_free char *qualified = name_qualified(name);

		part = json_add_object(o, "annotations");
		json_add_string(part, ANNOTATION_IMAGE_NAME, qualified);
		json_add_string(part, ANNOTATION_REF_NAME, name);
	}
	if (config->architecture == NULL || config->os == NULL)
		return;
	part = json_add_object(o, "platform");
	json_add_string(part, "architecture", config->architecture);
	json_add_string(part, "os", config->os);
	if (config->variant != NULL)
		json_add_string(part, "variant", config->variant);
}

/* Whether an entry of the index that was there before gives way: the name is set anew, or the same
   image stands there without a name. */
static bool is_replaced(const struct out *o, const struct descriptor *old)
{
	for (size_t i = 0; i < o->image_count; i++) {
		const struct save_item *item = o->images[i].item;

		if (item->name_count == 0 && old->ref_name == NULL &&
		    digest_equal(&o->images[i].manifest, &old->digest))
			return true;
		for (size_t n = 0; n < item->name_count; n++)
			if (old->ref_name != NULL && strcmp(old->ref_name, item->names[n]) == 0)
				return true;
	}
	return false;
}

static int keep_old(const struct out *o, const struct buf *old, struct json *list,
		    struct error *err)
{
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	auto_(json) struct json *root = NULL;
	const struct json *v;

	if (manifest_parse(old->data, old->length, NULL, &m, err) < 0)
		return -1;
	root = json_parse(old->data, old->length, err);
	if (root == NULL)
		return -1;
	if (!m.is_index)
		return error_set(err, ERROR_FORMAT, "it is not an index");
	v = json_first(json_get(root, "manifests"));
	for (size_t i = 0; i < m.count; i++, v = json_next(v))
		if (!is_replaced(o, &m.items[i]))
			json_add_copy(list, NULL, v);
	return 0;
}

/* old is the index that the directory has already, or NULL. */
static int render_index(const struct out *o, const struct buf *old, struct buf *out,
			struct error *err)
{
	auto_(json) struct json *root = json_new_object();
	struct json *list;

	json_add_number(root, "schemaVersion", 2);
	json_add_string(root, "mediaType", MEDIA_INDEX);
	list = json_add_array(root, "manifests");
	if (old != NULL && keep_old(o, old, list, err) < 0)
		return error_add(err, "index.json of the directory");
	for (size_t i = 0; i < o->image_count; i++) {
		const struct out_image *image = &o->images[i];

		if (image->item->name_count == 0)
			add_descriptor(list, image, NULL);
		for (size_t n = 0; n < image->item->name_count; n++)
			add_descriptor(list, image, image->item->names[n]);
	}
	json_render(root, false, out);
	return 0;
}

/* --- into a tar ---------------------------------------------------------------------------- */

static const char *blob_path(const struct digest *d, char out[PATH_SIZE])
{
	char hex[DIGEST_HEX_SIZE];

	snprintf(out, PATH_SIZE, "blobs/sha256/%s", digest_hex(d, hex));
	return out;
}

static int pass_blob(struct store *s, const struct out_blob *b, compress_sink *sink, void *user,
		     struct error *err)
{
	auto_(blob_reader) struct blob_reader *r = blob_open(s, &b->digest, b->size, err);
	auto_free char *piece = xmalloc(PIECE);
	ssize_t n;

	if (r == NULL)
		return -1;
	while ((n = blob_read(r, piece, PIECE, err)) > 0)
		if (sink(user, piece, (size_t)n, err) < 0)
			return -1;
	return (int)n;
}

static int to_tar(void *user, const void *data, size_t length, struct error *err)
{
	return tar_write_data(user, data, length, err);
}

static int save_tar(const struct out *o, int to, struct error *err)
{
	auto_(tar_output) struct tar_output tar = {.writer = NULL};
	auto_(buf) struct buf layout = BUF_INIT;
	auto_(buf) struct buf index = BUF_INIT;
	char path[PATH_SIZE];

	render_layout(&layout);
	if (render_index(o, NULL, &index, err) < 0)
		return -1;
	output_begin(&tar, to);
	if (output_text(&tar, "oci-layout", &layout, err) < 0 ||
	    output_directory(&tar, "blobs", err) < 0 ||
	    output_directory(&tar, "blobs/sha256", err) < 0)
		return -1;
	for (size_t i = 0; i < o->blob_count; i++) {
		const struct out_blob *b = &o->blobs[i];

		if (b->text != NULL) {
			if (output_text(&tar, blob_path(&b->digest, path), b->text, err) < 0)
				return -1;
			continue;
		}
		if (output_header(&tar, blob_path(&b->digest, path), b->size, err) < 0 ||
		    pass_blob(o->store, b, to_tar, tar.writer, err) < 0 ||
		    tar_write_padding(tar.writer, err) < 0)
			return -1;
	}
	/* Last, so that an archive that was cut short holds no image. */
	if (output_text(&tar, "index.json", &index, err) < 0)
		return -1;
	return tar_writer_finish(tar.writer, err);
}

/* --- into a directory ---------------------------------------------------------------------- */

static int to_file(void *user, const void *data, size_t length, struct error *err)
{
	return write_all(*(const int *)user, data, length, err);
}

static int put_file(const struct out *o, int blobs, const struct out_blob *b, struct error *err)
{
	char name[RANDOM_NAME_SIZE], hex[DIGEST_HEX_SIZE];
	auto_fd int fd = -1;
	int result;

	random_name(name);
	fd = open_child(blobs, name, O_WRONLY | O_CREAT | O_EXCL, 0644, err);
	if (fd < 0)
		return -1;
	result = b->text != NULL ? write_all(fd, b->text->data, b->text->length, err)
				 : pass_blob(o->store, b, to_file, &fd, err);
	if (result == 0 && renameat(blobs, name, blobs, digest_hex(&b->digest, hex)) < 0)
		result = error_sys(err, "blobs/sha256/%s", hex);
	if (result < 0)
		unlinkat(blobs, name, 0);
	return result;
}

static int save_directory(const struct out *o, int to, struct error *err)
{
	auto_(buf) struct buf layout = BUF_INIT;
	auto_(buf) struct buf index = BUF_INIT;
	auto_(buf) struct buf old = BUF_INIT;
	struct error none = ERROR_INIT;
	auto_fd int blobs = mkdirs(to, "blobs/sha256", 0755, err);
	bool there;

	if (blobs < 0)
		return -1;
	there = read_file(to, "index.json", IMAGE_MAX_MANIFEST, &old, &none) == 0;
	if (!there && none.code != ERROR_NOT_FOUND) {
		*err = none;
		return error_add(err, "index.json of the directory");
	}
	if (render_index(o, there ? &old : NULL, &index, err) < 0)
		return -1;
	render_layout(&layout);
	for (size_t i = 0; i < o->blob_count; i++)
		if (put_file(o, blobs, &o->blobs[i], err) < 0)
			return -1;
	if (replace_file(to, "oci-layout", layout.data, layout.length, err) < 0 ||
	    replace_file(to, "index.json", index.data, index.length, err) < 0)
		return -1;
	return 0;
}

int archive_save(struct store *s, const struct save_item *items, size_t count,
		 enum save_format format, bool as_stored, enum compression compression, int to,
		 struct error *err)
{
	auto_(out) struct out o = {.store = s};

	if (format == SAVE_DOCKER)
		return save_docker(s, items, count, to, err);
	if (plan(&o, items, count, as_stored, compression, err) < 0)
		return -1;
	return (format == SAVE_OCI ? save_tar : save_directory)(&o, to, err);
}
