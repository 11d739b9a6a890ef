/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as far as exec form needs it. Exec form and shell form are told apart by whether the rest of
 * a line is a JSON list, so this must agree with Go's encoding/json, which decides it for BuildKit.
 * A list of strings is then read by the grammar.
 */
#ifndef PARSER_JSON_H
#define PARSER_JSON_H

#include "common/buf.h"

#include <stdbool.h>

enum json_kind { JSON_INVALID, JSON_STRINGS, JSON_MIXED };

/* What text is: not a list, a list of strings, or a list with something else in it. For an invalid
   one *why says what is wrong. */
enum json_kind json_classify(const char *text, size_t length, const char **why);

/* Appends a JSON string token, quotes included, as UTF-8. False if it holds a NUL character. */
bool json_decode(const char *token, size_t length, struct buf *out);

/* Appends text as a JSON string. */
void json_encode(const char *text, struct buf *out);

#endif
