/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: looks at the bytes of a tar stream before libarchive does and refuses what
 * implementations are known to read differently (HARDENING 2.1 A7: CVE-2025-62518 and relatives):
 * sizes that contradict each other, extension headers that do not stand directly before their
 * entry, malformed pax records, data after the end. Also counts the entries, so that a stream in
 * which libarchive saw other ones is refused.
 */
#ifndef LAYERS_TAR_CHECK_H
#define LAYERS_TAR_CHECK_H

#include "layers/tar.h"

struct tar_check {
	uint64_t offset;  /* of the next byte */
	uint64_t entries; /* real ones, whose headers were complete */
	uint64_t skip;    /* content and padding still to pass */
	uint64_t body_left;
	struct buf body;                /* of an extension header */
	char extension;                 /* its type */
	bool pax, long_name, long_link; /* seen before the coming entry */
	bool sparse_map;                /* the next block continues an old GNU sparse map */
	bool ended;                     /* a zero block was seen */
	int64_t pax_size;               /* -1: none */
	uint64_t sparse_size;
	size_t filled;
	unsigned char block[TAR_BLOCK];
};

void tar_check_init(struct tar_check *c);
void tar_check_release(struct tar_check *c);
int tar_check_add(struct tar_check *c, const void *data, size_t length, struct error *err);
/* The stream is over: ERROR_FORMAT if that is in the middle of something. */
int tar_check_end(const struct tar_check *c, struct error *err);

#endif
