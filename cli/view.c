/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view.h"

#include "cli/format.h"
#include "layers/blob.h"

#include <string.h>
#include <time.h>

int catalog_load(struct catalog *c, struct store *s, struct error *err)
{
	return ref_list(s, &c->refs, &c->count, err);
}

void catalog_release(struct catalog *c)
{
	for (size_t i = 0; i < c->count; i++)
		ref_release(&c->refs[i]);
	free(c->refs);
	*c = (struct catalog)CATALOG_INIT;
}

bool ref_is_image(struct store *s, const struct ref *ref, const struct image *image)
{
	auto_(image) struct image other = {.manifest_size = 0};
	struct error unreadable = ERROR_INIT;

	if (digest_equal(&ref->manifest, &image->manifest))
		return true;
	return image_load(s, &ref->manifest, ref->size, &other, &unreadable) == 0 &&
	       digest_equal(&other.config_digest, &image->config_digest);
}

void ref_split(const char *name, char **repository, char **tag)
{
	const char *colon = strrchr(name, ':');

	*repository = colon != NULL ? xstrndup(name, (size_t)(colon - name)) : xstrdup("<none>");
	*tag = xstrdup(colon != NULL ? colon + 1 : "<none>");
}

uint64_t image_size(const struct image *image)
{
	uint64_t total = 0;

	for (size_t i = 0; i < image->layer_count; i++)
		total += image->layers[i].size;
	return total;
}

const struct history *layer_history(const struct image *image, size_t layer)
{
	size_t seen = 0;

	for (size_t i = 0; i < image->config.history_count; i++)
		if (!image->config.history[i].empty_layer && seen++ == layer)
			return &image->config.history[i];
	return NULL;
}

int64_t history_layer(const struct image *image, size_t entry)
{
	int64_t layer = 0;

	if (image->config.history[entry].empty_layer)
		return -1;
	for (size_t i = 0; i < entry; i++)
		layer += !image->config.history[i].empty_layer;
	return (uint64_t)layer < image->layer_count ? layer : -1;
}

void history_instruction(const struct history *h, struct buf *out)
{
	static const char shell[] = "/bin/sh -c ", nop[] = "#(nop) ", kit[] = " # buildkit";
	const char *text = h != NULL && h->created_by != NULL ? h->created_by : "";
	size_t length;

	if (strncmp(text, shell, strlen(shell)) == 0) {
		text += strlen(shell);
		if (strncmp(text, nop, strlen(nop)) == 0)
			text += strlen(nop);
		else
			buf_add_str(out, "RUN ");
	} else if (strncmp(text, "RUN ", 4) == 0 && strncmp(text + 4, shell, strlen(shell)) == 0) {
		text += 4 + strlen(shell);
		buf_add_str(out, "RUN ");
	}
	text += strspn(text, " ");
	length = strlen(text);
	if (length >= strlen(kit) && strcmp(text + length - strlen(kit), kit) == 0)
		length -= strlen(kit);
	buf_add(out, text, length);
}

/* --- sizes --------------------------------------------------------------------------------- */

static ssize_t read_blob(void *reader, void *data, size_t room, struct error *err)
{
	return blob_read(reader, data, room, err);
}

static int count_plain(struct store *s, const struct layer *layer, uint64_t *size,
		       struct error *err)
{
	enum { CHUNK = 128 * 1024 };
	auto_(blob_reader) struct blob_reader *blob = blob_open(s, &layer->blob, layer->size, err);
	auto_(decompressor) struct decompressor *plain = NULL;
	auto_free char *chunk = xmalloc(CHUNK);
	ssize_t n;

	if (blob == NULL)
		return -1;
	plain = decompressor_new(layer->compression, read_blob, blob, err);
	if (plain == NULL)
		return -1;
	*size = 0;
	while ((n = decompressor_read(plain, chunk, CHUNK, err)) > 0)
		*size += (uint64_t)n;
	return n < 0 ? -1 : 0;
}

int layer_plain_size(struct store *s, const struct layer *layer, uint64_t *size, struct error *err)
{
	struct layer known = {.plain_size = 0};
	struct error unknown = ERROR_INIT;

	if (layer->plain_size != 0)
		known = *layer;
	else if (layer->compression == COMPRESS_NONE)
		known.plain_size = layer->size;
	else if (layer_lookup(s, &layer->diff_id, layer->compression, &known, &unknown) < 0)
		known.plain_size = 0;
	*size = known.plain_size;
	return *size != 0 ? 0 : count_plain(s, layer, size, err);
}

const char *created_age(const char *timestamp, char out[FORMAT_SIZE])
{
	int64_t when;

	if (timestamp == NULL || !timestamp_parse(timestamp, &when))
		return "N/A";
	return age_format((int64_t)time(NULL) - when, out);
}
