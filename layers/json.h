/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON with the traps of the library closed (json.c is the only file that includes cJSON): keys are
 * case-sensitive; duplicate keys, trailing bytes, invalid UTF-8, \u0000 and numbers like 01, 1e309
 * are refused; depth, size and number of values are limited; output keeps insertion order. A number
 * can be read only if it is an integer of less than 2^53 in magnitude, so what is read is exact.
 */
#ifndef LAYERS_JSON_H
#define LAYERS_JSON_H

#include "common/buf.h"
#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	JSON_MAX_BYTES = 8 * 1024 * 1024,
	JSON_MAX_DEPTH = 64,
	JSON_MAX_VALUES = 256 * 1024, /* keys count too; bounds the memory of the tree */
};

struct json; /* a value; children are owned by their root */

struct json *json_parse(const char *text, size_t length, struct error *err);
void json_free(struct json *root);
DEFINE_CLEANUP(json, struct json *, json_free);

/* Reading. Getters return NULL or false for a missing member or one of another type. */
struct json *json_get(const struct json *object, const char *key);
const char *json_string(const struct json *value);
const char *json_get_string(const struct json *object, const char *key);
bool json_get_number(const struct json *object, const char *key, int64_t *out);
bool json_get_bool(const struct json *object, const char *key);
bool json_number(const struct json *value, int64_t *out);
bool json_is_null(const struct json *value); /* the literal null; a missing member is NULL */
bool json_is_bool(const struct json *value);
bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
/* Members of an object or array in order: for (c = json_first(v); c; c = json_next(c)) */
struct json *json_first(const struct json *parent);
struct json *json_next(const struct json *value);
const char *json_key(const struct json *member);
size_t json_count(const struct json *parent);

/* Building. Nothing fails but for memory. add functions with key NULL append to an array; they
   return the new child, which the parent owns. Bytes that are not UTF-8 become U+FFFD. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_add_object(struct json *parent, const char *key);
struct json *json_add_array(struct json *parent, const char *key);
void json_add_string(struct json *parent, const char *key, const char *value);
void json_add_number(struct json *parent, const char *key, int64_t value);
void json_add_bool(struct json *parent, const char *key, bool value);
void json_add_null(struct json *parent, const char *key);
/* A deep copy of a value from another tree. */
void json_add_copy(struct json *parent, const char *key, const struct json *value);

/* Appends compact text; pretty adds newlines and two-space indents. */
void json_render(const struct json *value, bool pretty, struct buf *out);

#endif
