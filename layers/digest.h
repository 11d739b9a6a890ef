/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 digests: the only names that content has (OCI image-spec, descriptor.md).
 * Every digest from outside passes digest_parse() and becomes 32 raw bytes; paths are built only
 * from those (CVE-2024-3727).
 */
#ifndef LAYERS_DIGEST_H
#define LAYERS_DIGEST_H

#include "common/cleanup.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct digest {
	unsigned char sha256[32];
};

enum {
	DIGEST_HEX_SIZE = 65,  /* 64 hex digits and NUL */
	DIGEST_TEXT_SIZE = 72, /* "sha256:" before them */
};

/* Exactly "sha256:" and 64 lower-case hex digits; anything else is ERROR_FORMAT. */
int digest_parse(const char *text, struct digest *out, struct error *err);
/* Exactly 64 lower-case hex digits; false otherwise. */
bool digest_parse_hex(const char *hex, struct digest *out);
const char *digest_hex(const struct digest *d, char out[DIGEST_HEX_SIZE]);
const char *digest_text(const struct digest *d, char out[DIGEST_TEXT_SIZE]);
bool digest_equal(const struct digest *a, const struct digest *b);
int digest_compare(const struct digest *a, const struct digest *b);

/* Of a whole buffer. */
void digest_of(const void *data, size_t length, struct digest *out);

/* Streaming. Cannot fail: the algorithm is built in and memory is checked. */
struct hasher *hasher_new(void);
void hasher_free(struct hasher *h);
void hasher_add(struct hasher *h, const void *data, size_t length);
/* The digest of everything added so far; h may then only be freed. */
void hasher_finish(struct hasher *h, struct digest *out);
DEFINE_CLEANUP(hasher, struct hasher *, hasher_free);

#endif
