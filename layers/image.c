/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image.h"

#include "layers/blob.h"
#include "layers/manifest.h"

#include <assert.h>
#include <string.h>

void image_release(struct image *i)
{
	free(i->media_type);
	free(i->layers);
	config_release(&i->config);
	*i = (struct image){.media_type = NULL};
}

static int load_config(struct store *s, const struct descriptor *d, struct config *out,
		       struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;

	if (d->size > IMAGE_MAX_CONFIG)
		return error_set(err, ERROR_LIMIT,
				 "the config has %llu bytes, more than the limit of %d",
				 (unsigned long long)d->size, IMAGE_MAX_CONFIG);
	if (blob_get(s, &d->digest, d->size, IMAGE_MAX_CONFIG, &text, err) < 0)
		return error_add(err, "reading the image config");
	return config_parse(text.data, text.length, out, err);
}

static int fill_layers(const struct manifest *m, struct image *out, struct error *err)
{
	if (m->count != out->config.layer_count)
		return error_set(err, ERROR_FORMAT,
				 "the manifest has %zu layers, the config %zu diff ids", m->count,
				 out->config.layer_count);
	out->layers = xcalloc(m->count, sizeof(*out->layers));
	out->layer_count = m->count;
	for (size_t i = 0; i < m->count; i++) {
		out->layers[i].diff_id = out->config.diff_ids[i];
		out->layers[i].blob = m->items[i].digest;
		out->layers[i].size = m->items[i].size;
		if (manifest_compression(&m->items[i], &out->layers[i].compression, err) < 0)
			return -1;
	}
	return 0;
}

int image_load_for(struct store *s, const struct digest *manifest, uint64_t size,
		   const struct platform *want, struct image *out, struct error *err)
{
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	auto_(image) struct image i = {.config = CONFIG_INIT};
	char text[DIGEST_TEXT_SIZE];

	i.manifest = *manifest;
	i.manifest_size = size;
	if (manifest_load(s, &i.manifest, &i.manifest_size, want, &m, err) < 0)
		return -1;
	i.media_type = xstrdup(m.media_type);
	i.config_digest = m.config.digest;
	if (load_config(s, &m.config, &i.config, err) < 0 || fill_layers(&m, &i, err) < 0)
		return error_add(err, "image %s", digest_text(&i.manifest, text));
	for (size_t l = 0; l < m.annotations.count; l++)
		labels_set(&i.config.arena, &i.annotations, m.annotations.item[l].key,
			   m.annotations.item[l].value);
	*out = i;
	i = (struct image){.config = CONFIG_INIT};
	return 0;
}

int image_load(struct store *s, const struct digest *manifest, uint64_t size, struct image *out,
	       struct error *err)
{
	return image_load_for(s, manifest, size, &platform_any, out, err);
}

static int put_document(struct store *s, const struct buf *text, const char *media_type,
			struct ref *ref, struct error *err)
{
	if (blob_put(s, text->data, text->length, &ref->manifest, err) < 0)
		return error_add(err, "writing a manifest");
	ref->name = NULL;
	ref->size = text->length;
	ref->media_type = xstrdup(media_type);
	return 0;
}

int image_publish(struct store *s, const struct config *config, const struct layer *layers,
		  size_t count, const struct labels *annotations, struct ref *ref,
		  struct digest *id, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	auto_(buf) struct buf manifest = BUF_INIT;
	struct digest config_digest;

	assert(count == config->layer_count);
	for (size_t i = 0; i < count; i++)
		assert(digest_equal(&layers[i].diff_id, &config->diff_ids[i]));
	if (count > IMAGE_MAX_LAYERS)
		return error_set(err, ERROR_LIMIT,
				 "the image would have %zu layers; %d can be mounted together",
				 count, IMAGE_MAX_LAYERS);
	config_render(config, &text);
	if (text.length > IMAGE_MAX_CONFIG)
		return error_set(err, ERROR_LIMIT,
				 "the image config has %zu bytes, more than the limit of %d",
				 text.length, IMAGE_MAX_CONFIG);
	if (blob_put(s, text.data, text.length, &config_digest, err) < 0)
		return error_add(err, "writing the image config");
	manifest_render(&config_digest, text.length, layers, count, annotations, &manifest);
	if (put_document(s, &manifest, MEDIA_MANIFEST, ref, err) < 0)
		return -1;
	*id = config_digest;
	return 0;
}

int image_config_size(struct store *s, const struct image *image, uint64_t *size, struct error *err)
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

int image_republish(struct store *s, const struct image *image, struct ref *ref, struct error *err)
{
	auto_(buf) struct buf manifest = BUF_INIT;
	uint64_t size = 0;

	if (image_config_size(s, image, &size, err) < 0)
		return -1;
	manifest_render(&image->config_digest, size, image->layers, image->layer_count,
			&image->annotations, &manifest);
	return put_document(s, &manifest, MEDIA_MANIFEST, ref, err);
}

static void add_entry(struct json *list, const struct index_entry *e)
{
	struct json *o = json_add_object(list, NULL), *platform;
	char text[DIGEST_TEXT_SIZE];

	json_add_string(o, "mediaType", e->ref->media_type);
	json_add_string(o, "digest", digest_text(&e->ref->manifest, text));
	json_add_number(o, "size", (int64_t)e->ref->size);
	annotations_add(o, e->annotations);
	platform = json_add_object(o, "platform");
	json_add_string(platform, "architecture", e->platform.architecture);
	json_add_string(platform, "os", e->platform.os);
	if (e->platform.variant[0] != '\0')
		json_add_string(platform, "variant", e->platform.variant);
}

int index_publish(struct store *s, const struct index_entry *entries, size_t count,
		  const struct labels *annotations, struct ref *ref, struct error *err)
{
	auto_(json) struct json *root = json_new_object();
	auto_(buf) struct buf text = BUF_INIT;
	struct json *list;

	json_add_number(root, "schemaVersion", 2);
	json_add_string(root, "mediaType", MEDIA_INDEX);
	list = json_add_array(root, "manifests");
	for (size_t i = 0; i < count; i++)
		add_entry(list, &entries[i]);
	annotations_add(root, annotations);
	json_render(root, false, &text);
	return put_document(s, &text, MEDIA_INDEX, ref, err);
}
