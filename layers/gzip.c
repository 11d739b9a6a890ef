/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip, level 6, header without time and name and with an unknown system (255), so that the bytes
 * say nothing about the machine.
 */
#include "layers/codec.h"

#include "common/arena.h"

#include <zlib.h>

enum {
	LEVEL = 6,
	WINDOW_GZIP = 15 + 16,
	MEMORY_LEVEL = 8,
	SYSTEM_UNKNOWN = 255,
	OUTPUT_BYTES = 128 * 1024,
	MAX_STEP = 1 << 30, /* zlib counts in unsigned int */
};

struct gzip_encoder {
	z_stream stream;
	gz_header header;
	unsigned char output[OUTPUT_BYTES];
};

static void gzip_encoder_free(void *encoder)
{
	struct gzip_encoder *e = encoder;

	deflateEnd(&e->stream);
	free(e);
}

static void *gzip_encoder_new(struct error *err)
{
	struct gzip_encoder *e = xcalloc(1, sizeof(*e));

	if (deflateInit2(&e->stream, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(e);
		error_set(err, ERROR_IO, "setting up compression: out of memory");
		return NULL;
	}
	e->header.os = SYSTEM_UNKNOWN;
	deflateSetHeader(&e->stream, &e->header);
	return e;
}

static int gzip_feed(struct gzip_encoder *e, const void *data, size_t length, int flush,
		     const struct codec_output *to, struct error *err)
{
	/* zlib does not write through next_in; it only lacks the const. */
	union {
		const void *read_only;
		Bytef *for_zlib;
	} at = {.read_only = data};
	int state;

	e->stream.next_in = at.for_zlib;
	e->stream.avail_in = (uInt)length;
	do {
		size_t made;

		e->stream.next_out = e->output;
		e->stream.avail_out = sizeof(e->output);
		state = deflate(&e->stream, flush);
		if (state == Z_STREAM_ERROR)
			return error_set(err, ERROR_BUG, "compressing: deflate refused its input");
		made = sizeof(e->output) - e->stream.avail_out;
		if (made > 0 && to->sink(to->user, e->output, made, err) < 0)
			return -1;
	} while (flush == Z_FINISH ? state != Z_STREAM_END : e->stream.avail_out == 0);
	return 0;
}

static int gzip_encode(void *encoder, const void *data, size_t length,
		       const struct codec_output *to, struct error *err)
{
	const unsigned char *at = data;

	while (length > 0) {
		size_t step = length < MAX_STEP ? length : MAX_STEP;

		if (gzip_feed(encoder, at, step, Z_NO_FLUSH, to, err) < 0)
			return -1;
		at += step;
		length -= step;
	}
	return 0;
}

static int gzip_encode_end(void *encoder, const struct codec_output *to, struct error *err)
{
	return gzip_feed(encoder, NULL, 0, Z_FINISH, to, err);
}

struct gzip_decoder {
	z_stream stream;
	bool complete; /* between members, after at least one */
};

static void gzip_decoder_free(void *decoder)
{
	struct gzip_decoder *d = decoder;

	inflateEnd(&d->stream);
	free(d);
}

static void *gzip_decoder_new(struct error *err)
{
	struct gzip_decoder *d = xcalloc(1, sizeof(*d));

	if (inflateInit2(&d->stream, WINDOW_GZIP) != Z_OK) {
		free(d);
		error_set(err, ERROR_IO, "setting up decompression: out of memory");
		return NULL;
	}
	return d;
}

static int gzip_decode(void *decoder, struct codec_input *in, void *data, size_t room, size_t *made,
		       struct error *err)
{
	struct gzip_decoder *d = decoder;
	union {
		const unsigned char *read_only;
		Bytef *for_zlib;
	} at = {.read_only = in->data + in->used};
	int state;

	if (d->complete && in->used == in->size)
		return 0;
	if (room > MAX_STEP)
		room = MAX_STEP;
	d->stream.next_in = at.for_zlib;
	d->stream.avail_in = (uInt)(in->size - in->used);
	d->stream.next_out = data;
	d->stream.avail_out = (uInt)room;
	state = inflate(&d->stream, Z_NO_FLUSH);
	if (state == Z_MEM_ERROR)
		return error_set(err, ERROR_IO, "decompressing: out of memory");
	/* Z_BUF_ERROR only says that more input is needed. */
	if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
		return error_set(err, ERROR_FORMAT, "decompressing: gzip: %s%s",
				 d->stream.msg != NULL ? d->stream.msg : "damaged data",
				 d->complete ? " after the end of the data" : "");
	*made = room - d->stream.avail_out;
	in->used = in->size - d->stream.avail_in;
	d->complete = state == Z_STREAM_END;
	if (d->complete && inflateReset(&d->stream) != Z_OK)
		return error_set(err, ERROR_BUG, "decompressing: inflate refused to restart");
	return 0;
}

static bool gzip_decoder_complete(const void *decoder)
{
	const struct gzip_decoder *d = decoder;

	return d->complete;
}

const struct codec codec_gzip = {
	.encoder = gzip_encoder_new,
	.encode = gzip_encode,
	.encode_end = gzip_encode_end,
	.encoder_free = gzip_encoder_free,
	.decoder = gzip_decoder_new,
	.decode = gzip_decode,
	.decoder_complete = gzip_decoder_complete,
	.decoder_free = gzip_decoder_free,
};
