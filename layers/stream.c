/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/stream.h"

#include "common/arena.h"
#include "layers/blob.h"

struct layer_stream {
	struct blob_reader *blob;
	struct decompressor *decompressor;
	struct hasher *hasher; /* NULL when the end was verified */
	struct digest diff_id;
	uint64_t size;
};

static ssize_t from_blob(void *user, void *data, size_t room, struct error *err)
{
	return blob_read(user, data, room, err);
}

struct layer_stream *layer_stream_open(struct store *s, const struct layer *layer,
				       struct error *err)
{
	auto_(layer_stream) struct layer_stream *new = xcalloc(1, sizeof(*new));

	new->diff_id = layer->diff_id;
	new->hasher = hasher_new();
	new->blob = blob_open(s, &layer->blob, layer->size, err);
	if (new->blob == NULL)
		return NULL;
	new->decompressor = decompressor_new(layer->compression, from_blob, new->blob, err);
	return new->decompressor == NULL ? NULL : steal(new);
}

ssize_t layer_stream_read(void *user, void *data, size_t room, struct error *err)
{
	struct layer_stream *l = user;
	struct digest is;
	ssize_t n;

	if (l->hasher == NULL)
		return 0;
	n = decompressor_read(l->decompressor, data, room, err);
	if (n > 0) {
		hasher_add(l->hasher, data, (size_t)n);
		l->size += (uint64_t)n;
	}
	if (n != 0)
		return n;
	hasher_finish(l->hasher, &is);
	hasher_free(l->hasher);
	l->hasher = NULL;
	if (!digest_equal(&is, &l->diff_id))
		return error_set(err, ERROR_DIGEST,
				 "the content does not match the layer's diff id");
	return 0;
}

uint64_t layer_stream_size(const struct layer_stream *l)
{
	return l->size;
}

void layer_stream_close(struct layer_stream *l)
{
	if (l == NULL)
		return;
	decompressor_free(l->decompressor);
	blob_close(l->blob);
	hasher_free(l->hasher);
	free(l);
}
