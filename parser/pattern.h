/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patterns of ${X#p}, ${X%p} and ${X/p/r}: * is any run of characters, ? is one, \* \? \\ \/ \}
 * are themselves, everything else is literal. No brackets. The cost is at most pattern times value,
 * never exponential.
 */
#ifndef PARSER_PATTERN_H
#define PARSER_PATTERN_H

#include "common/buf.h"
#include "common/error.h"

#include <stdbool.h>

enum { PATTERN_MAX = 4096 }; /* bytes */

enum pattern_mode {
	PATTERN_PREFIX, /* removes a match at the start, the longest or the shortest */
	PATTERN_SUFFIX, /* the same at the end */
	PATTERN_FIRST,  /* replaces the first match, as long as possible */
	PATTERN_ALL,    /* replaces all of them */
};

/* Appends what becomes of value. Fails for an unknown escape, or for more than about max bytes. */
int pattern_apply(const char *pattern, enum pattern_mode mode, bool longest, const char *value,
		  const char *replacement, size_t max, struct buf *out, struct error *err);

#endif
