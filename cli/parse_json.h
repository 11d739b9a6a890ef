/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document of `varve parse --json`: the Dockerfile as it was read, nothing expanded, and the
 * parser's warnings. Described in varve-parse(1).
 */
#ifndef CLI_PARSE_JSON_H
#define CLI_PARSE_JSON_H

#include "common/buf.h"
#include "parser/dockerfile.h"

/* Appends {"escape", "instructions": [...], "warnings": [...]} and a line feed. Bytes that are not
   UTF-8 become U+FFFD, so the document is valid JSON whatever the file holds. */
void parse_json(const struct dockerfile *df, struct buf *out);

#endif
