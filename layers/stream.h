/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: the plain tar of a stored layer, verified while it is read: the blob's size
 * and digest, and at its end the diff id.
 */
#ifndef LAYERS_STREAM_H
#define LAYERS_STREAM_H

#include "layers/pack.h"

struct layer_stream *layer_stream_open(struct store *s, const struct layer *layer,
				       struct error *err);
/* A compress_source; user is the stream. */
ssize_t layer_stream_read(void *user, void *data, size_t room, struct error *err);
uint64_t layer_stream_size(const struct layer_stream *l); /* plain bytes read so far */
void layer_stream_close(struct layer_stream *l);
DEFINE_CLEANUP(layer_stream, struct layer_stream *, layer_stream_close);

#endif
