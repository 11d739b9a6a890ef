/* SPDX-License-Identifier: Apache-2.0 */
/* The lexical half of json.c: refuses what cJSON lets pass, before cJSON sees it. */
#ifndef LAYERS_JSON_SCAN_H
#define LAYERS_JSON_SCAN_H

#include "common/error.h"

#include <stddef.h>

/* Checks every token (strict numbers, escapes, UTF-8) and the limits of depth and number of values.
   How tokens follow each other is left to the parser. */
int json_scan(const char *text, size_t length, struct error *err);

/* The length of the UTF-8 sequence at text, or 0: no overlong forms, no surrogates. */
size_t json_utf8_length(const unsigned char *text, size_t room);

#endif
