/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression of layers, as push and pull streams. The bytes of every encoder depend on the input
 * and on nothing else: not on thread count, chunking of the calls, or CPU model.
 */
#ifndef LAYERS_COMPRESS_H
#define LAYERS_COMPRESS_H

#include "common/cleanup.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum compression { COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD };

const char *compression_name(enum compression c);                /* "none", "gzip", "zstd" */
bool compression_parse(const char *name, enum compression *out); /* also "uncompressed" */
/* The OCI media type of a layer with this compression, and back (docker media types included). */
const char *compression_media_type(enum compression c);
bool compression_from_media_type(const char *media_type, enum compression *out);
/* By magic bytes; length >= 6 is enough. bzip2 and xz are not layers and give COMPRESS_NONE. */
enum compression compression_detect(const void *data, size_t length);

/* Where a stream's output goes; returns -1 with err to stop it. */
typedef int compress_sink(void *user, const void *data, size_t length, struct error *err);

struct compressor *compressor_new(enum compression c, compress_sink *sink, void *user,
				  struct error *err);
int compressor_add(struct compressor *c, const void *data, size_t length, struct error *err);
int compressor_finish(struct compressor *c, struct error *err);
void compressor_free(struct compressor *c);
DEFINE_CLEANUP(compressor, struct compressor *, compressor_free);

/* Pulls compressed bytes from source() (0 at the end) and yields plain ones. Trailing garbage,
   truncation and a zstd window above 128 MiB are ERROR_FORMAT or ERROR_LIMIT; several gzip members
   or zstd frames in a row are one stream. */
typedef ssize_t compress_source(void *user, void *data, size_t room, struct error *err);

struct decompressor *decompressor_new(enum compression c, compress_source *source, void *user,
				      struct error *err);
ssize_t decompressor_read(struct decompressor *d, void *data, size_t room, struct error *err);
void decompressor_free(struct decompressor *d);
DEFINE_CLEANUP(decompressor, struct decompressor *, decompressor_free);

#endif
