/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd, level 1, one frame with a checksum. Level 1 keeps up with reading and hashing (about
 * 450 MB/s a core); level 3 takes four times the processor time for a few percent.
 *
 * The bytes must not depend on the number of processors, so the frame is cut into jobs of a fixed
 * size and always made by worker threads: the library's output is then the same for any number of
 * them, 1 included (it differs only from the mode without workers). Starting threads would cost a
 * small layer more than compressing it, so input that fits SMALL_BYTES is kept until the end and
 * compressed in one call without workers. Which of the two happens depends on the length of the
 * input alone.
 */
#include "layers/codec.h"

#include "common/arena.h"
#include "common/job.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
	LEVEL = 1,
	SMALL_BYTES = 256 * 1024,
	JOB_BYTES = 2 * 1024 * 1024,
	MAX_WORKERS = 4, /* hashing the plain bytes on one core feeds no more than this */
	MAX_WINDOW_LOG = 27,
	OUTPUT_BYTES = 256 * 1024,
};

struct zstd_encoder {
	ZSTD_CCtx *context;
	bool streaming;
	size_t held; /* bytes of small in use while not streaming */
	unsigned char small[SMALL_BYTES];
	unsigned char output[OUTPUT_BYTES];
};

static int zstd_fail(size_t code, const char *doing, struct error *err)
{
	ZSTD_ErrorCode kind = ZSTD_getErrorCode(code);

	if (kind == ZSTD_error_frameParameter_windowTooLarge)
		return error_set(err, ERROR_LIMIT,
				 "%s: zstd stream needs a window of more than %d MiB", doing,
				 1 << (MAX_WINDOW_LOG - 20));
	if (kind == ZSTD_error_memory_allocation)
		return error_set(err, ERROR_IO, "%s: out of memory", doing);
	return error_set(err, ERROR_FORMAT, "%s: zstd: %s", doing, ZSTD_getErrorName(code));
}

static int set_parameter(ZSTD_CCtx *context, ZSTD_cParameter parameter, int value,
			 struct error *err)
{
	size_t code = ZSTD_CCtx_setParameter(context, parameter, value);

	return ZSTD_isError(code) ? zstd_fail(code, "setting up compression", err) : 0;
}

static void zstd_encoder_free(void *encoder)
{
	struct zstd_encoder *e = encoder;

	if (e == NULL)
		return;
	ZSTD_freeCCtx(e->context);
	free(e);
}
DEFINE_CLEANUP(zstd_encoder, struct zstd_encoder *, zstd_encoder_free);

static void *zstd_encoder_new(struct error *err)
{
	auto_(zstd_encoder) struct zstd_encoder *e = xmalloc(sizeof(*e));

	e->streaming = false;
	e->held = 0;
	e->context = ZSTD_createCCtx();
	if (e->context == NULL) {
		error_set(err, ERROR_IO, "setting up compression: out of memory");
		return NULL;
	}
	if (set_parameter(e->context, ZSTD_c_compressionLevel, LEVEL, err) < 0 ||
	    set_parameter(e->context, ZSTD_c_checksumFlag, 1, err) < 0)
		return NULL;
	return steal(e);
}

/* Feeds input; with ZSTD_e_end until the frame is complete. */
static int zstd_feed(struct zstd_encoder *e, const void *data, size_t length,
		     ZSTD_EndDirective directive, const struct codec_output *to, struct error *err)
{
	ZSTD_inBuffer in = {data, length, 0};
	bool done = false;

	while (!done) {
		ZSTD_outBuffer out = {e->output, sizeof(e->output), 0};
		size_t left = ZSTD_compressStream2(e->context, &out, &in, directive);

		if (ZSTD_isError(left))
			return zstd_fail(left, "compressing", err);
		if (out.pos > 0 && to->sink(to->user, out.dst, out.pos, err) < 0)
			return -1;
		done = directive == ZSTD_e_end ? left == 0 : in.pos == in.size;
	}
	return 0;
}

static int zstd_encode(void *encoder, const void *data, size_t length,
		       const struct codec_output *to, struct error *err)
{
	struct zstd_encoder *e = encoder;

	if (!e->streaming && length <= sizeof(e->small) - e->held) {
		memcpy(e->small + e->held, data, length);
		e->held += length;
		return 0;
	}
	if (!e->streaming) {
		if (set_parameter(e->context, ZSTD_c_nbWorkers, job_threads(MAX_WORKERS), err) <
			    0 ||
		    set_parameter(e->context, ZSTD_c_jobSize, JOB_BYTES, err) < 0)
			return error_hint(err, "varve needs a libzstd built with threads");
		e->streaming = true;
		if (zstd_feed(e, e->small, e->held, ZSTD_e_continue, to, err) < 0)
			return -1;
	}
	return zstd_feed(e, data, length, ZSTD_e_continue, to, err);
}

static int zstd_encode_end(void *encoder, const struct codec_output *to, struct error *err)
{
	struct zstd_encoder *e = encoder;

	return zstd_feed(e, e->small, e->streaming ? 0 : e->held, ZSTD_e_end, to, err);
}

struct zstd_decoder {
	ZSTD_DCtx *context;
	bool complete; /* between frames, after at least one */
};

static void zstd_decoder_free(void *decoder)
{
	struct zstd_decoder *d = decoder;

	ZSTD_freeDCtx(d->context);
	free(d);
}

static void *zstd_decoder_new(struct error *err)
{
	struct zstd_decoder *d = xcalloc(1, sizeof(*d));

	d->context = ZSTD_createDCtx();
	if (d->context == NULL ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(d->context, ZSTD_d_windowLogMax, MAX_WINDOW_LOG))) {
		zstd_decoder_free(d);
		error_set(err, ERROR_IO, "setting up decompression: out of memory");
		return NULL;
	}
	return d;
}

static int zstd_decode(void *decoder, struct codec_input *in, void *data, size_t room, size_t *made,
		       struct error *err)
{
	struct zstd_decoder *d = decoder;
	ZSTD_inBuffer from = {in->data, in->size, in->used};
	ZSTD_outBuffer to = {data, room, 0};
	size_t left;

	/* Between frames an empty call would begin a new one. */
	if (d->complete && from.pos == from.size)
		return 0;
	left = ZSTD_decompressStream(d->context, &to, &from);
	if (ZSTD_isError(left))
		return zstd_fail(left, "decompressing", err);
	d->complete = left == 0;
	in->used = from.pos;
	*made = to.pos;
	return 0;
}

static bool zstd_decoder_complete(const void *decoder)
{
	const struct zstd_decoder *d = decoder;

	return d->complete;
}

const struct codec codec_zstd = {
	.encoder = zstd_encoder_new,
	.encode = zstd_encode,
	.encode_end = zstd_encode_end,
	.encoder_free = zstd_encoder_free,
	.decoder = zstd_decoder_new,
	.decode = zstd_decode,
	.decoder_complete = zstd_decoder_complete,
	.decoder_free = zstd_decoder_free,
};
