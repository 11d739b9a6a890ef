/* SPDX-License-Identifier: Apache-2.0 */
/* Reading gzip, with zlib: members of any maker, several in a row. Writing is in deflate.c. */
#include "layers/codec.h"

#include "common/arena.h"

#include <zlib.h>

enum {
	WINDOW_GZIP = 15 + 16,
	MAX_STEP = 1 << 30, /* zlib counts in unsigned int */
};

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
