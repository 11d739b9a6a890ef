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

int image_load(struct store *s, const struct digest *manifest, uint64_t size, struct image *out,
	       struct error *err)
{
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	auto_(image) struct image i = {.config = CONFIG_INIT};
	char text[DIGEST_TEXT_SIZE];

	i.manifest = *manifest;
	i.manifest_size = size;
	if (manifest_load(s, &i.manifest, &i.manifest_size, &m, err) < 0)
		return -1;
	i.media_type = xstrdup(m.media_type);
	i.config_digest = m.config.digest;
	if (load_config(s, &m.config, &i.config, err) < 0 || fill_layers(&m, &i, err) < 0)
		return error_add(err, "image %s", digest_text(&i.manifest, text));
	*out = i;
	i = (struct image){.config = CONFIG_INIT};
	return 0;
}

int image_publish(struct store *s, const struct config *config, const struct layer *layers,
		  size_t count, struct ref *ref, struct digest *id, struct error *err)
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
	manifest_render(&config_digest, text.length, layers, count, &manifest);
	if (blob_put(s, manifest.data, manifest.length, &ref->manifest, err) < 0)
		return error_add(err, "writing the manifest");
	ref->name = NULL;
	ref->size = manifest.length;
	ref->media_type = xstrdup(MEDIA_MANIFEST);
	*id = config_digest;
	return 0;
}
