/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to runtime: the ranges of ids that /etc/subuid and /etc/subgid give a user.
 */
#ifndef RUNTIME_SUBID_H
#define RUNTIME_SUBID_H

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* More ranges of one user than that are not used; nobody needs them to have enough ids. */
enum { SUBID_RANGES_MAX = 64, SUBID_FILE_MAX = 4 * 1024 * 1024 };

struct subid {
	struct subid_range {
		uint32_t first, count;
	} range[SUBID_RANGES_MAX];
	size_t ranges;
};

/* The ranges in text ("name:first:count" lines, name may be a number) of a user; name may be NULL.
   Lines that are not of this form are skipped, as newuidmap does. */
void subid_parse(const char *text, const char *name, uid_t uid, struct subid *out);

/* The same from a file. A file that does not exist gives no ranges. */
int subid_read(const char *path, const char *name, uid_t uid, struct subid *out, struct error *err);

/* The sum of all ranges. */
uint64_t subid_total(const struct subid *s);

#endif
