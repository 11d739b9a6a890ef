/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as people read them.
 */
#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H

#include "common/buf.h"
#include "layers/digest.h"

#include <stdint.h>

enum { FORMAT_SIZE = 48, SHORT_ID_SIZE = 13 };

/* Three significant digits and a decimal unit, as docker prints them: "0B", "12.3kB", "1.07GB". */
const char *size_format(uint64_t bytes, char out[FORMAT_SIZE]);

/* "3 minutes ago"; "in the future" for a negative age. */
const char *age_format(int64_t seconds, char out[FORMAT_SIZE]);

/* The first 12 hex digits. */
const char *digest_short(const struct digest *d, char out[SHORT_ID_SIZE]);

/* Appends text that came from outside so that it cannot drive a terminal or break a line: control
   bytes, bytes that are not UTF-8 and characters that reorder the line become '?', line ends and
   tabs a space. */
void text_clean(const char *text, struct buf *out);

/* The same for the first character of at, which has room bytes, at least one; how many were taken.
 */
size_t text_clean_char(const unsigned char *at, size_t room, struct buf *out);

/* The same, cut to `width` characters, the last one being an ellipsis where something is missing.
 */
void text_clean_cut(const char *text, size_t width, struct buf *out);

/* Characters of UTF-8 text. */
size_t text_width(const char *text);

/* "90s", "15m", "24h", "7d", "2w", "1h30m", or a plain number of seconds. */
bool age_parse(const char *text, int64_t *seconds);

#endif
