/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include "common/fd.h"
#include "layers/blob.h"
#include "layers/json.h"
#include "layers/name.h"
#include "layers/tar.h"

#include <string.h>

enum { PATH_SIZE = sizeof("blobs/sha256/") + DIGEST_HEX_SIZE };

/* --- documents ----------------------------------------------------------------------------- */

static void render_layout(struct buf *out)
{
	buf_add_str(out, "{\"imageLayoutVersion\":\"1.0.0\"}");
}

static void add_names(struct json *o, const struct save_top *top, const char *name)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	struct labels all = {.item = NULL};
	const struct labels *given = top->item->annotations;

	for (size_t i = 0; given != NULL && i < given->count; i++)
		labels_set(&arena, &all, given->item[i].key, given->item[i].value);
	if (name != NULL) {
		auto_free char *qualified = name_qualified(name);

		labels_set(&arena, &all, ANNOTATION_IMAGE_NAME, qualified);
		labels_set(&arena, &all, ANNOTATION_REF_NAME, name);
	}
	annotations_add(o, &all);
}

static void add_descriptor(struct json *list, const struct save_top *top, const char *name)
{
	const struct config *config = &top->item->image->config;
	struct json *o = json_add_object(list, NULL), *part;
	char text[DIGEST_TEXT_SIZE];

	json_add_string(o, "mediaType", top->media_type);
	json_add_string(o, "digest", digest_text(&top->digest, text));
	json_add_number(o, "size", (int64_t)top->size);
	add_names(o, top, name);
	if (top->item->index != NULL || config->architecture == NULL || config->os == NULL)
		return;
	part = json_add_object(o, "platform");
	json_add_string(part, "architecture", config->architecture);
	json_add_string(part, "os", config->os);
	if (config->variant != NULL)
		json_add_string(part, "variant", config->variant);
}

/* Whether an entry of the index that was there before gives way: the name is set anew, or the same
   image stands there without a name. */
static bool is_replaced(const struct save_plan *plan, const struct descriptor *old)
{
	for (size_t i = 0; i < plan->top_count; i++) {
		const struct save_item *item = plan->tops[i].item;

		if (item->name_count == 0 && old->ref_name == NULL &&
		    digest_equal(&plan->tops[i].digest, &old->digest))
			return true;
		for (size_t n = 0; n < item->name_count; n++)
			if (old->ref_name != NULL && strcmp(old->ref_name, item->names[n]) == 0)
				return true;
	}
	return false;
}

static int keep_old(const struct save_plan *plan, const struct buf *old, struct json *list,
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
		if (!is_replaced(plan, &m.items[i]))
			json_add_copy(list, NULL, v);
	return 0;
}

/* old is the index that the directory has already, or NULL. */
static int render_index(const struct save_plan *plan, const struct buf *old, struct buf *out,
			struct error *err)
{
	auto_(json) struct json *root = json_new_object();
	struct json *list;

	json_add_number(root, "schemaVersion", 2);
	json_add_string(root, "mediaType", MEDIA_INDEX);
	list = json_add_array(root, "manifests");
	if (old != NULL && keep_old(plan, old, list, err) < 0)
		return error_add(err, "index.json of the directory");
	for (size_t i = 0; i < plan->top_count; i++) {
		const struct save_top *image = &plan->tops[i];

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

static int put_blob(struct tar_output *tar, const struct save_plan *plan, const struct save_blob *b,
		    struct error *err)
{
	char path[PATH_SIZE];

	blob_path(&b->digest, path);
	if (b->text != NULL)
		return output_text(tar, path, b->text, err);
	if (output_header(tar, path, b->size, err) < 0 ||
	    tar_write_elsewhere(tar->writer, b->size, err) < 0 ||
	    output_blob(&tar->file, plan->store, &b->digest, b->size, err) < 0)
		return -1;
	return tar_write_padding(tar->writer, err);
}

static int save_tar(const struct save_plan *plan, int to, struct error *err)
{
	auto_(tar_output) struct tar_output tar = {.writer = NULL};
	auto_(buf) struct buf layout = BUF_INIT;
	auto_(buf) struct buf index = BUF_INIT;

	render_layout(&layout);
	if (render_index(plan, NULL, &index, err) < 0)
		return -1;
	output_begin(&tar, to);
	if (output_text(&tar, "oci-layout", &layout, err) < 0 ||
	    output_directory(&tar, "blobs", err) < 0 ||
	    output_directory(&tar, "blobs/sha256", err) < 0)
		return -1;
	for (size_t i = 0; i < plan->blob_count; i++)
		if (put_blob(&tar, plan, &plan->blobs[i], err) < 0)
			return -1;
	/* Last, so that an archive that was cut short holds no image. */
	if (output_text(&tar, "index.json", &index, err) < 0)
		return -1;
	return tar_writer_finish(tar.writer, err);
}

/* --- into a directory ---------------------------------------------------------------------- */

static int put_file(const struct save_plan *plan, int blobs, const struct save_blob *b,
		    struct error *err)
{
	char name[RANDOM_NAME_SIZE], hex[DIGEST_HEX_SIZE];
	struct output_file file = {.written = 0};
	auto_fd int fd = -1;
	int result;

	random_name(name);
	fd = open_child(blobs, name, O_WRONLY | O_CREAT | O_EXCL, 0644, err);
	if (fd < 0)
		return -1;
	file.fd = fd;
	result = b->text != NULL ? output_bytes(&file, b->text->data, b->text->length, err)
				 : output_blob(&file, plan->store, &b->digest, b->size, err);
	if (result == 0 && renameat(blobs, name, blobs, digest_hex(&b->digest, hex)) < 0)
		result = error_sys(err, "blobs/sha256/%s", hex);
	if (result < 0)
		unlinkat(blobs, name, 0);
	return result;
}

static int save_directory(const struct save_plan *plan, int to, struct error *err)
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
	if (render_index(plan, there ? &old : NULL, &index, err) < 0)
		return -1;
	render_layout(&layout);
	for (size_t i = 0; i < plan->blob_count; i++)
		if (put_file(plan, blobs, &plan->blobs[i], err) < 0)
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
	auto_(save_plan) struct save_plan plan = {.store = s};

	if (format == SAVE_DOCKER)
		return save_docker(s, items, count, to, err);
	if (save_plan_make(&plan, items, count, as_stored, compression, err) < 0)
		return -1;
	return (format == SAVE_OCI ? save_tar : save_directory)(&plan, to, err);
}
