/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: what compress.c needs from one compression library. Each library has its own
 * file (zstd.c, gzip.c), the only one that includes its header.
 */
#ifndef LAYERS_CODEC_H
#define LAYERS_CODEC_H

#include "layers/compress.h"

struct codec_output {
	compress_sink *sink;
	void *user;
};

struct codec_input {
	const unsigned char *data;
	size_t size, used;
};

struct codec {
	/* Encoding. create returns NULL with err. */
	void *(*encoder)(struct error *err);
	int (*encode)(void *encoder, const void *data, size_t length,
		      const struct codec_output *out, struct error *err);
	int (*encode_end)(void *encoder, const struct codec_output *out, struct error *err);
	void (*encoder_free)(void *encoder);

	/* Decoding: takes some input, yields at most room bytes. */
	void *(*decoder)(struct error *err);
	int (*decode)(void *decoder, struct codec_input *in, void *data, size_t room, size_t *made,
		      struct error *err);
	/* Whether the input may end here. */
	bool (*decoder_complete)(const void *decoder);
	void (*decoder_free)(void *decoder);
};

extern const struct codec codec_zstd, codec_gzip;

/* deflate.c: the encoding half of codec_gzip. */
void *gzip_encoder_new(struct error *err);
int gzip_encode(void *encoder, const void *data, size_t length, const struct codec_output *out,
		struct error *err);
int gzip_encode_end(void *encoder, const struct codec_output *out, struct error *err);
void gzip_encoder_free(void *encoder);

#endif
