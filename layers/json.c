/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/json.h"

#include "common/arena.h"
#include "layers/json_scan.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

/* A struct json is a cJSON under another name, so that the library stays in this file. */
static cJSON *inner(struct json *value)
{
	return (cJSON *)value;
}

static const cJSON *peek(const struct json *value)
{
	return (const cJSON *)value;
}

static struct json *outer(cJSON *value)
{
	return (struct json *)value;
}

static bool is_type(const cJSON *value, int type)
{
	return value != NULL && (value->type & 0xff) == type;
}

/* --- parsing ------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_keys(const cJSON *object, struct error *err)
{
	size_t count = 0;
	auto_free const char **keys = NULL;

	for (const cJSON *c = object->child; c != NULL; c = c->next) {
		keys = xgrow(keys, count, sizeof(*keys));
		keys[count++] = c->string;
	}
	if (count > 1)
		qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < count; i++)
		if (strcmp(keys[i - 1], keys[i]) == 0)
			return error_set(err, ERROR_FORMAT, "JSON: duplicate key \"%s\"", keys[i]);
	return 0;
}

/* The depth was checked, so recursion is bounded. */
static int check_tree(const cJSON *value, struct error *err)
{
	if (is_type(value, cJSON_Number) && !isfinite(value->valuedouble))
		return error_set(err, ERROR_FORMAT, "JSON: a number is out of range");
	if (is_type(value, cJSON_Object) && check_keys(value, err) < 0)
		return -1;
	for (const cJSON *c = value->child; c != NULL; c = c->next)
		if (check_tree(c, err) < 0)
			return -1;
	return 0;
}

struct json *json_parse(const char *text, size_t length, struct error *err)
{
	const char *end = NULL;
	auto_(json) struct json *root = NULL;

	if (length > JSON_MAX_BYTES) {
		error_set(err, ERROR_LIMIT, "JSON: %zu bytes are more than the limit of %d", length,
			  JSON_MAX_BYTES);
		return NULL;
	}
	if (json_scan(text, length, err) < 0)
		return NULL;
	root = outer(cJSON_ParseWithLengthOpts(text, length, &end, 0));
	if (root == NULL) {
		error_set(err, ERROR_FORMAT,
			  length == 0 ? "JSON: the document is empty"
				      : "JSON: syntax error at byte %zu",
			  end != NULL ? (size_t)(end - text) : length);
		return NULL;
	}
	while (end < text + length && strchr(" \t\n\r", *end) != NULL)
		end++;
	if (end != text + length) {
		error_set(err, ERROR_FORMAT, "JSON: trailing bytes at byte %zu",
			  (size_t)(end - text));
		return NULL;
	}
	if (check_tree(inner(root), err) < 0)
		return NULL;
	return steal(root);
}

void json_free(struct json *root)
{
	cJSON_Delete(inner(root));
}

/* --- reading ------------------------------------------------------------------------------- */

struct json *json_get(const struct json *object, const char *key)
{
	if (!json_is_object(object))
		return NULL;
	for (cJSON *c = peek(object)->child; c != NULL; c = c->next)
		if (strcmp(c->string, key) == 0)
			return outer(c);
	return NULL;
}

const char *json_string(const struct json *value)
{
	return is_type(peek(value), cJSON_String) ? peek(value)->valuestring : NULL;
}

const char *json_get_string(const struct json *object, const char *key)
{
	return json_string(json_get(object, key));
}

bool json_number(const struct json *value, int64_t *out)
{
	const double most = 9007199254740991.0; /* 2^53 itself is also what 2^53 + 1 reads as */
	double number;

	if (is_type(peek(value), cJSON_Raw)) {
		*out = strtoll(peek(value)->valuestring, NULL, 10);
		return true;
	}
	if (!is_type(peek(value), cJSON_Number))
		return false;
	number = peek(value)->valuedouble;
	if (number < -most || number > most || number != floor(number))
		return false;
	*out = (int64_t)number;
	return true;
}

bool json_get_number(const struct json *object, const char *key, int64_t *out)
{
	return json_number(json_get(object, key), out);
}

bool json_get_bool(const struct json *object, const char *key)
{
	return is_type(peek(json_get(object, key)), cJSON_True);
}

bool json_is_object(const struct json *value)
{
	return is_type(peek(value), cJSON_Object);
}

bool json_is_array(const struct json *value)
{
	return is_type(peek(value), cJSON_Array);
}

bool json_is_bool(const struct json *value)
{
	return is_type(peek(value), cJSON_True) || is_type(peek(value), cJSON_False);
}

bool json_is_null(const struct json *value)
{
	return is_type(peek(value), cJSON_NULL);
}

struct json *json_first(const struct json *parent)
{
	if (!json_is_object(parent) && !json_is_array(parent))
		return NULL;
	return outer(peek(parent)->child);
}

struct json *json_next(const struct json *value)
{
	return outer(peek(value)->next);
}

const char *json_key(const struct json *member)
{
	return peek(member)->string;
}

size_t json_count(const struct json *parent)
{
	size_t count = 0;

	for (const struct json *c = json_first(parent); c != NULL; c = json_next(c))
		count++;
	return count;
}

/* --- building ------------------------------------------------------------------------------ */

/* Text that is valid UTF-8, in memory of the caller's buf. */
static const char *clean(const char *text, struct buf *room)
{
	size_t left = strlen(text);

	for (const unsigned char *at = (const unsigned char *)text; left > 0;) {
		size_t length = json_utf8_length(at, left);

		if (length > 0)
			buf_add(room, at, length);
		else
			buf_add_str(room, "\xef\xbf\xbd");
		length = length > 0 ? length : 1;
		at += length;
		left -= length;
	}
	return room->data;
}

/* cJSON reports lack of memory as NULL or false; we end the program with the usual message. */
static cJSON *need(cJSON *value)
{
	if (value == NULL)
		free(xcalloc(SIZE_MAX, 2));
	return value;
}

static struct json *attach(struct json *parent, const char *key, cJSON *child)
{
	auto_(buf) struct buf room = BUF_INIT;
	bool added;

	assert(key != NULL ? json_is_object(parent) : json_is_array(parent));
	need(child);
	added = key != NULL ? cJSON_AddItemToObject(inner(parent), clean(key, &room), child)
			    : cJSON_AddItemToArray(inner(parent), child);
	need(added ? child : NULL);
	return outer(child);
}

struct json *json_new_object(void)
{
	return outer(need(cJSON_CreateObject()));
}

struct json *json_new_array(void)
{
	return outer(need(cJSON_CreateArray()));
}

struct json *json_add_object(struct json *parent, const char *key)
{
	return attach(parent, key, cJSON_CreateObject());
}

struct json *json_add_array(struct json *parent, const char *key)
{
	return attach(parent, key, cJSON_CreateArray());
}

void json_add_string(struct json *parent, const char *key, const char *value)
{
	auto_(buf) struct buf room = BUF_INIT;

	attach(parent, key, cJSON_CreateString(clean(value, &room)));
}

void json_add_number(struct json *parent, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	attach(parent, key, cJSON_CreateRaw(text));
}

void json_add_bool(struct json *parent, const char *key, bool value)
{
	attach(parent, key, cJSON_CreateBool(value));
}

void json_add_null(struct json *parent, const char *key)
{
	attach(parent, key, cJSON_CreateNull());
}

void json_add_copy(struct json *parent, const char *key, const struct json *value)
{
	attach(parent, key, cJSON_Duplicate(peek(value), 1));
}

/* --- rendering ----------------------------------------------------------------------------- */

static void render_string(const char *text, struct buf *out)
{
	static const char names[] = "btn?fr"; /* of bytes 8 to 13 */

	buf_add_char(out, '"');
	for (const char *at = text; *at != '\0'; at++) {
		unsigned char c = (unsigned char)*at;

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c >= 8 && c <= 13 && c != 11)
			buf_printf(out, "\\%c", names[c - 8]);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else
			buf_add_char(out, *at);
	}
	buf_add_char(out, '"');
}

static void render_newline(bool pretty, int depth, struct buf *out)
{
	if (pretty)
		buf_printf(out, "\n%*s", depth * 2, "");
}

static void render_value(const cJSON *value, bool pretty, int depth, struct buf *out)
{
	bool object = is_type(value, cJSON_Object);
	int64_t number;

	if (is_type(value, cJSON_String)) {
		render_string(value->valuestring, out);
	} else if (json_number((const struct json *)value, &number)) {
		buf_printf(out, "%lld", (long long)number);
	} else if (is_type(value, cJSON_Number)) {
		buf_printf(out, "%.17g", value->valuedouble);
	} else if (!object && !is_type(value, cJSON_Array)) {
		buf_add_str(out, is_type(value, cJSON_True)    ? "true"
				 : is_type(value, cJSON_False) ? "false"
							       : "null");
	} else {
		buf_add_char(out, object ? '{' : '[');
		for (const cJSON *c = value->child; c != NULL; c = c->next) {
			render_newline(pretty, depth + 1, out);
			if (object) {
				render_string(c->string, out);
				buf_add_str(out, pretty ? ": " : ":");
			}
			render_value(c, pretty, depth + 1, out);
			if (c->next != NULL)
				buf_add_char(out, ',');
		}
		if (value->child != NULL)
			render_newline(pretty, depth, out);
		buf_add_char(out, object ? '}' : ']');
	}
}

void json_render(const struct json *value, bool pretty, struct buf *out)
{
	render_value(peek(value), pretty, 0, out);
}
