/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include "layers/blob.h"
#include "layers/json.h"
#include "layers/tar.h"

#include <assert.h>
#include <string.h>

enum { PIECE = 128 * 1024, PATH_SIZE = DIGEST_HEX_SIZE + sizeof(".json") };

/* --- a layer without compression ----------------------------------------------------------- */

/* The plain bytes of a layer, verified against its diff id at the end. */
struct plain {
	struct blob_reader *blob;
	struct decompressor *decompressor;
	struct hasher *hasher;
	const struct layer *layer;
	uint64_t size; /* read so far */
};

static void plain_close(struct plain *p)
{
	decompressor_free(p->decompressor);
	blob_close(p->blob);
	hasher_free(p->hasher);
}
DEFINE_CLEANUP_STRUCT(plain, struct plain, plain_close);

static ssize_t from_blob(void *user, void *data, size_t room, struct error *err)
{
	return blob_read(user, data, room, err);
}

static int plain_open(struct store *s, const struct layer *layer, struct plain *p,
		      struct error *err)
{
	p->layer = layer;
	p->hasher = hasher_new();
	p->blob = blob_open(s, &layer->blob, layer->size, err);
	if (p->blob == NULL)
		return -1;
	p->decompressor = decompressor_new(layer->compression, from_blob, p->blob, err);
	return p->decompressor == NULL ? -1 : 0;
}

static ssize_t plain_read(struct plain *p, void *data, size_t room, struct error *err)
{
	ssize_t n = decompressor_read(p->decompressor, data, room, err);
	char is[DIGEST_TEXT_SIZE], should[DIGEST_TEXT_SIZE];
	struct digest digest;

	if (n > 0) {
		hasher_add(p->hasher, data, (size_t)n);
		p->size += (uint64_t)n;
	}
	if (n != 0)
		return n;
	hasher_finish(p->hasher, &digest);
	if (!digest_equal(&digest, &p->layer->diff_id))
		return error_set(err, ERROR_DIGEST, "the layer holds %s, the config says %s",
				 digest_text(&digest, is), digest_text(&p->layer->diff_id, should));
	return 0;
}

/* A tar header needs the size before the bytes: it is known for layers that we packed; others are
   decompressed twice rather than kept. */
static int plain_size(struct store *s, const struct layer *layer, uint64_t *size, struct error *err)
{
	auto_(plain) struct plain p = {.size = 0};
	auto_free char *piece = NULL;
	struct error unknown = ERROR_INIT;
	struct layer known;
	ssize_t n;

	if (layer->compression == COMPRESS_NONE) {
		*size = layer->size;
		return 0;
	}
	if (layer_lookup(s, &layer->diff_id, layer->compression, &known, &unknown) == 0 &&
	    known.plain_size > 0) {
		*size = known.plain_size;
		return 0;
	}
	piece = xmalloc(PIECE);
	if (plain_open(s, layer, &p, err) < 0)
		return -1;
	do
		n = plain_read(&p, piece, PIECE, err);
	while (n > 0);
	*size = p.size;
	return (int)n;
}

static int put_layer(struct store *s, struct tar_output *o, const char *path,
		     const struct layer *layer, struct error *err)
{
	auto_(plain) struct plain p = {.size = 0};
	auto_free char *piece = xmalloc(PIECE);
	uint64_t size;
	ssize_t n;

	if (plain_size(s, layer, &size, err) < 0 || plain_open(s, layer, &p, err) < 0 ||
	    output_header(o, path, size, err) < 0)
		return -1;
	while ((n = plain_read(&p, piece, PIECE, err)) > 0) {
		if (p.size > size)
			break;
		if (tar_write_data(o->writer, piece, (size_t)n, err) < 0)
			return -1;
	}
	if (n < 0)
		return -1;
	if (p.size != size)
		return error_set(err, ERROR_DIGEST,
				 "the layer has other than the %llu bytes that its record says",
				 (unsigned long long)size);
	return tar_write_padding(o->writer, err);
}

/* --- documents ----------------------------------------------------------------------------- */

static const char *config_path(const struct image *image, char out[PATH_SIZE])
{
	char hex[DIGEST_HEX_SIZE];

	snprintf(out, PATH_SIZE, "%s.json", digest_hex(&image->config_digest, hex));
	return out;
}

static const char *layer_path(const struct layer *layer, char out[PATH_SIZE])
{
	char hex[DIGEST_HEX_SIZE];

	snprintf(out, PATH_SIZE, "%s.tar", digest_hex(&layer->diff_id, hex));
	return out;
}

static void render_manifest(const struct save_item *items, size_t count, struct buf *out)
{
	auto_(json) struct json *root = json_new_array();

	for (size_t i = 0; i < count; i++) {
		struct json *o = json_add_object(root, NULL), *list;
		char path[PATH_SIZE];

		json_add_string(o, "Config", config_path(items[i].image, path));
		if (items[i].name_count == 0) {
			json_add_null(o, "RepoTags");
		} else {
			list = json_add_array(o, "RepoTags");
			for (size_t n = 0; n < items[i].name_count; n++)
				json_add_string(list, NULL, items[i].names[n]);
		}
		list = json_add_array(o, "Layers");
		for (size_t l = 0; l < items[i].image->layer_count; l++)
			json_add_string(list, NULL, layer_path(&items[i].image->layers[l], path));
	}
	json_render(root, false, out);
}

/* {"repository":{"tag":"top layer"}} for readers from before manifest.json. */
static void render_repositories(const struct save_item *items, size_t count, struct buf *out)
{
	auto_(json) struct json *root = json_new_object();

	for (size_t i = 0; i < count; i++) {
		const struct image *image = items[i].image;
		char hex[DIGEST_HEX_SIZE];

		digest_hex(image->layer_count > 0 ? &image->layers[image->layer_count - 1].diff_id
						  : &image->config_digest,
			   hex);
		for (size_t n = 0; n < items[i].name_count; n++) {
			const char *colon = strrchr(items[i].names[n], ':');
			assert(colon != NULL);
			auto_free char *repository =
				xstrndup(items[i].names[n], (size_t)(colon - items[i].names[n]));
			struct json *tags = json_get(root, repository);

			if (tags == NULL)
				tags = json_add_object(root, repository);
			if (json_get(tags, colon + 1) == NULL)
				json_add_string(tags, colon + 1, hex);
		}
	}
	json_render(root, false, out);
}

/* --- together ------------------------------------------------------------------------------ */

static int put_image(struct store *s, struct tar_output *o, const struct image *image,
		     struct digest_set *layers, struct digest_set *configs, struct error *err)
{
	auto_(buf) struct buf config = BUF_INIT;
	char path[PATH_SIZE];

	for (size_t l = 0; l < image->layer_count; l++)
		if (digest_set_add(layers, &image->layers[l].diff_id) &&
		    put_layer(s, o, layer_path(&image->layers[l], path), &image->layers[l], err) <
			    0)
			return error_add(err, "layer %zu", l + 1);
	if (!digest_set_add(configs, &image->config_digest))
		return 0;
	if (blob_get(s, &image->config_digest, UINT64_MAX, IMAGE_MAX_CONFIG, &config, err) < 0)
		return -1;
	return output_text(o, config_path(image, path), &config, err);
}

int save_docker(struct store *s, const struct save_item *items, size_t count, int to,
		struct error *err)
{
	auto_(tar_output) struct tar_output o = {.writer = NULL};
	auto_(digest_set) struct digest_set layers = {.item = NULL};
	auto_(digest_set) struct digest_set configs = {.item = NULL};
	auto_(buf) struct buf manifest = BUF_INIT;
	auto_(buf) struct buf repositories = BUF_INIT;

	output_begin(&o, to);
	for (size_t i = 0; i < count; i++)
		if (put_image(s, &o, items[i].image, &layers, &configs, err) < 0)
			return -1;
	render_repositories(items, count, &repositories);
	render_manifest(items, count, &manifest);
	/* Last, so that an archive that was cut short holds no image. */
	if (output_text(&o, "repositories", &repositories, err) < 0 ||
	    output_text(&o, "manifest.json", &manifest, err) < 0)
		return -1;
	return tar_writer_finish(o.writer, err);
}
