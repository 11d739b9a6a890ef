/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small self-checked text files: refs, cache entries, layer and tree metadata.
 *
 *	varve-ref 1
 *	name demo:latest
 *	manifest sha256:...
 *	sum <sha256 of everything above, in hex>
 *
 * The first line is "varve-KIND VERSION"; each following line is a key, one space and a value. Keys
 * may repeat; order is kept; a key holds no space, '%' or newline. Values hold no newline: bytes
 * below 0x20, '%' and 0x7f are written as %XX. Where a function takes a kind it is the whole first
 * word, such as "varve-ref"; the version is 1.
 *
 * A record that is empty, cut short, of another kind or version, or whose sum does not match counts
 * as absent, never as an error that stops a command.
 */
#ifndef LAYERS_RECORD_H
#define LAYERS_RECORD_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "layers/digest.h"

#include <stdbool.h>
#include <stdint.h>

enum { RECORD_MAX_BYTES = 16 * 1024 * 1024 };

struct record {
	struct arena arena; /* private */
	struct field {
		const char *key, *value;
	} * fields;
	size_t count;
};

#define RECORD_INIT                                                                                \
	{                                                                                          \
		.arena = ARENA_INIT, .fields = NULL, .count = 0                                    \
	}

void record_release(struct record *r);
DEFINE_CLEANUP_STRUCT(record, struct record, record_release);

/* Both texts are copied. */
void record_add(struct record *r, const char *key, const char *value);
void record_addf(struct record *r, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void record_add_digest(struct record *r, const char *key, const struct digest *d);

/* The first value of key, or NULL. */
const char *record_get(const struct record *r, const char *key);
/* ERROR_FORMAT unless the value is there and is a digest, or a decimal number. */
int record_get_digest(const struct record *r, const char *key, struct digest *out,
		      struct error *err);
int record_get_number(const struct record *r, const char *key, uint64_t *out, struct error *err);

/* The canonical text with header and sum line, appended to out. Equal records give equal text.
   Parsing replaces what out held, and leaves it alone on failure, which is ERROR_FORMAT; with kind
   NULL a record of any kind is accepted. */
void record_render(const struct record *r, const char *kind, struct buf *out);
int record_parse(const char *text, size_t length, const char *kind, struct record *out,
		 struct error *err);

/* Whether the sum line fits what stands above it, whatever the kind and version. */
bool record_intact(const char *text, size_t length);

/* Reads dir/name; a missing or bad record is ERROR_NOT_FOUND, other codes are system errors. */
int record_load(int dir, const char *name, const char *kind, struct record *out, struct error *err);

#endif
