/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/compress.h"

#include "common/arena.h"
#include "layers/codec.h"

#include <string.h>

enum { INPUT_BYTES = 128 * 1024 };

static const struct {
	const char *name, *media_type, *docker_media_type;
	const struct codec *codec; /* NULL: the bytes as they are */
} kinds[] = {
	[COMPRESS_NONE] = {"none", "application/vnd.oci.image.layer.v1.tar",
			   "application/vnd.docker.image.rootfs.diff.tar", NULL},
	[COMPRESS_GZIP] = {"gzip", "application/vnd.oci.image.layer.v1.tar+gzip",
			   "application/vnd.docker.image.rootfs.diff.tar.gzip", &codec_gzip},
	[COMPRESS_ZSTD] = {"zstd", "application/vnd.oci.image.layer.v1.tar+zstd",
			   "application/vnd.docker.image.rootfs.diff.tar.zstd", &codec_zstd},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

const char *compression_name(enum compression c)
{
	return kinds[c].name;
}

bool compression_parse(const char *name, enum compression *out)
{
	if (strcmp(name, "uncompressed") == 0) {
		*out = COMPRESS_NONE;
		return true;
	}
	for (int i = 0; i < KINDS; i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			*out = (enum compression)i;
			return true;
		}
	}
	return false;
}

const char *compression_media_type(enum compression c)
{
	return kinds[c].media_type;
}

/* The non-distributable types are deprecated but their bytes are ordinary layers. */
bool compression_from_media_type(const char *media_type, enum compression *out)
{
	static const char foreign[] = "application/vnd.docker.image.rootfs.foreign.diff.tar";
	static const char restricted[] = "application/vnd.oci.image.layer.nondistributable.v1.tar";
	const char *rest = NULL;

	for (int i = 0; i < KINDS; i++) {
		if (strcmp(media_type, kinds[i].media_type) == 0 ||
		    strcmp(media_type, kinds[i].docker_media_type) == 0) {
			*out = (enum compression)i;
			return true;
		}
	}
	if (strncmp(media_type, foreign, sizeof(foreign) - 1) == 0)
		rest = media_type + sizeof(foreign) - 1;
	else if (strncmp(media_type, restricted, sizeof(restricted) - 1) == 0)
		rest = media_type + sizeof(restricted) - 1;
	if (rest == NULL)
		return false;
	if (*rest == '\0') {
		*out = COMPRESS_NONE;
		return true;
	}
	return (*rest == '+' || *rest == '.') && compression_parse(rest + 1, out);
}

enum compression compression_detect(const void *data, size_t length)
{
	const unsigned char *byte = data;

	if (length >= 3 && byte[0] == 0x1f && byte[1] == 0x8b && byte[2] == 8)
		return COMPRESS_GZIP;
	if (length >= 4 && byte[0] == 0x28 && byte[1] == 0xb5 && byte[2] == 0x2f && byte[3] == 0xfd)
		return COMPRESS_ZSTD;
	/* A zstd stream may begin with a skippable frame (seekable and chunked images). */
	if (length >= 4 && (byte[0] & 0xf0) == 0x50 && byte[1] == 0x2a && byte[2] == 0x4d &&
	    byte[3] == 0x18)
		return COMPRESS_ZSTD;
	return COMPRESS_NONE;
}

/* --- compressing --------------------------------------------------------------------------- */

struct compressor {
	const struct codec *codec;
	void *encoder;
	struct codec_output out;
};

struct compressor *compressor_new(enum compression c, compress_sink *sink, void *user,
				  struct error *err)
{
	auto_(compressor) struct compressor *new = xcalloc(1, sizeof(*new));

	new->codec = kinds[c].codec;
	new->out.sink = sink;
	new->out.user = user;
	if (new->codec != NULL) {
		new->encoder = new->codec->encoder(err);
		if (new->encoder == NULL)
			return NULL;
	}
	return steal(new);
}

int compressor_add(struct compressor *c, const void *data, size_t length, struct error *err)
{
	if (length == 0)
		return 0;
	if (c->codec == NULL)
		return c->out.sink(c->out.user, data, length, err);
	return c->codec->encode(c->encoder, data, length, &c->out, err);
}

int compressor_finish(struct compressor *c, struct error *err)
{
	return c->codec == NULL ? 0 : c->codec->encode_end(c->encoder, &c->out, err);
}

void compressor_free(struct compressor *c)
{
	if (c == NULL)
		return;
	if (c->encoder != NULL)
		c->codec->encoder_free(c->encoder);
	free(c);
}

/* --- decompressing ------------------------------------------------------------------------- */

struct decompressor {
	const struct codec *codec;
	void *decoder;
	compress_source *source;
	void *user;
	struct codec_input in;
	bool ended; /* the source gave its last byte */
	unsigned char buffer[INPUT_BYTES];
};

struct decompressor *decompressor_new(enum compression c, compress_source *source, void *user,
				      struct error *err)
{
	auto_(decompressor) struct decompressor *new = xmalloc(sizeof(*new));

	new->codec = kinds[c].codec;
	new->decoder = NULL;
	new->source = source;
	new->user = user;
	new->in = (struct codec_input){.data = new->buffer};
	new->ended = false;
	if (new->codec != NULL) {
		new->decoder = new->codec->decoder(err);
		if (new->decoder == NULL)
			return NULL;
	}
	return steal(new);
}

ssize_t decompressor_read(struct decompressor *d, void *data, size_t room, struct error *err)
{
	size_t made = 0;

	if (d->codec == NULL)
		return d->source(d->user, data, room, err);
	while (made == 0) {
		if (d->in.used == d->in.size && !d->ended) {
			ssize_t n = d->source(d->user, d->buffer, sizeof(d->buffer), err);

			if (n < 0)
				return -1;
			d->in.size = (size_t)n;
			d->in.used = 0;
			d->ended = n == 0;
		}
		/* Without input the decoder may still hold output from what it was given before. */
		if (d->codec->decode(d->decoder, &d->in, data, room, &made, err) < 0)
			return -1;
		if (made == 0 && d->ended && d->in.used == d->in.size) {
			if (d->codec->decoder_complete(d->decoder))
				return 0;
			return error_set(err, ERROR_FORMAT, "compressed data ends too early");
		}
	}
	return (ssize_t)made;
}

void decompressor_free(struct decompressor *d)
{
	if (d == NULL)
		return;
	if (d->decoder != NULL)
		d->codec->decoder_free(d->decoder);
	free(d);
}
