/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/record.h"

#include "common/fd.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char sum_key[] = "sum ";

enum {
	RECORD_VERSION = 1,
	SUM_LINE = sizeof(sum_key) - 1 + DIGEST_HEX_SIZE - 1 + 1, /* "sum ", hex, newline */
};

void record_release(struct record *r)
{
	arena_release(&r->arena);
	r->fields = NULL;
	r->count = 0;
}

static void add_field(struct record *r, const char *key, const char *value)
{
	assert(key[0] != '\0' && strpbrk(key, " %\n") == NULL);
	r->fields = arena_grow(&r->arena, r->fields, r->count, sizeof(*r->fields));
	r->fields[r->count++] = (struct field){.key = key, .value = value};
}

void record_add(struct record *r, const char *key, const char *value)
{
	add_field(r, arena_strdup(&r->arena, key), arena_strdup(&r->arena, value));
}

void record_addf(struct record *r, const char *key, const char *format, ...)
{
	auto_(buf) struct buf text = BUF_INIT;
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	record_add(r, key, text.data);
}

void record_add_digest(struct record *r, const char *key, const struct digest *d)
{
	char text[DIGEST_TEXT_SIZE];

	record_add(r, key, digest_text(d, text));
}

const char *record_get(const struct record *r, const char *key)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->fields[i].key, key) == 0)
			return r->fields[i].value;
	return NULL;
}

int record_get_digest(const struct record *r, const char *key, struct digest *out,
		      struct error *err)
{
	const char *value = record_get(r, key);

	if (value == NULL)
		return error_set(err, ERROR_FORMAT, "record has no %s", key);
	if (digest_parse(value, out, err) < 0)
		return error_add(err, "record's %s", key);
	return 0;
}

int record_get_number(const struct record *r, const char *key, uint64_t *out, struct error *err)
{
	const char *value = record_get(r, key);
	uint64_t number = 0;

	if (value == NULL)
		return error_set(err, ERROR_FORMAT, "record has no %s", key);
	for (const char *at = value; *at != '\0' || at == value; at++) {
		if (*at < '0' || *at > '9' || __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
			return error_set(err, ERROR_FORMAT, "record's %s is no number: %s", key,
					 value);
	}
	*out = number;
	return 0;
}

static bool must_escape(unsigned char c)
{
	return c < 0x20 || c == '%' || c == 0x7f;
}

static void escape(const char *value, struct buf *out)
{
	for (const char *at = value; *at != '\0';) {
		size_t plain = 0;

		while (at[plain] != '\0' && !must_escape((unsigned char)at[plain]))
			plain++;
		buf_add(out, at, plain);
		at += plain;
		if (*at != '\0')
			buf_printf(out, "%%%02X", (unsigned char)*at++);
	}
}

void record_render(const struct record *r, const char *kind, struct buf *out)
{
	size_t start = out->length;
	struct digest sum;
	char hex[DIGEST_HEX_SIZE];

	buf_printf(out, "%s %d\n", kind, RECORD_VERSION);
	for (size_t i = 0; i < r->count; i++) {
		buf_add_str(out, r->fields[i].key);
		buf_add_char(out, ' ');
		escape(r->fields[i].value, out);
		buf_add_char(out, '\n');
	}
	digest_of(out->data + start, out->length - start, &sum);
	buf_printf(out, "%s%s\n", sum_key, digest_hex(&sum, hex));
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Only what escape() writes is accepted: one value has one spelling. */
static const char *unescape(struct arena *a, const char *text, size_t length)
{
	char *value = arena_alloc(a, length + 1);
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '%') {
			int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
			int low = high >= 0 ? hex_value(text[i + 2]) : -1;

			if (low < 0 || high * 16 + low == 0 ||
			    !must_escape((unsigned char)(high * 16 + low)))
				return NULL;
			c = (unsigned char)(high * 16 + low);
			i += 2;
		} else if (must_escape(c)) {
			return NULL;
		}
		value[used++] = (char)c;
	}
	return value;
}

static bool parse_field(struct record *r, const char *line, size_t length)
{
	const char *space = memchr(line, ' ', length);
	const char *value;

	if (space == NULL || space == line || memchr(line, '\0', length) != NULL ||
	    memchr(line, '%', (size_t)(space - line)) != NULL)
		return false;
	value = unescape(&r->arena, space + 1, length - (size_t)(space + 1 - line));
	if (value == NULL)
		return false;
	add_field(r, arena_strndup(&r->arena, line, (size_t)(space - line)), value);
	return true;
}

bool record_intact(const char *text, size_t length)
{
	char hex[DIGEST_HEX_SIZE];
	struct digest said, is;
	const char *line;

	if (length < SUM_LINE)
		return false;
	line = text + length - SUM_LINE;
	if (memcmp(line, sum_key, sizeof(sum_key) - 1) != 0 || line[SUM_LINE - 1] != '\n')
		return false;
	memcpy(hex, line + sizeof(sum_key) - 1, sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	if (!digest_parse_hex(hex, &said))
		return false;
	digest_of(text, length - SUM_LINE, &is);
	return digest_equal(&said, &is);
}

/* The length of the first line if it is the one of kind, else 0. */
static size_t head_length(const char *text, size_t length, const char *kind)
{
	auto_(buf) struct buf head = BUF_INIT;
	const char *newline = memchr(text, '\n', length);

	if (newline == NULL)
		return 0;
	if (kind == NULL)
		return (size_t)(newline + 1 - text);
	buf_printf(&head, "%s %d\n", kind, RECORD_VERSION);
	return length >= head.length && memcmp(text, head.data, head.length) == 0 ? head.length : 0;
}

int record_parse(const char *text, size_t length, const char *kind, struct record *out,
		 struct error *err)
{
	struct record r = RECORD_INIT;
	const char *at, *end;
	size_t head;

	if (!record_intact(text, length))
		return error_set(err, ERROR_FORMAT, "its checksum does not match");
	end = text + length - SUM_LINE;
	head = head_length(text, (size_t)(end - text), kind);
	if (head == 0)
		return error_set(err, ERROR_FORMAT, "it is no record of kind %s version %d",
				 kind != NULL ? kind : "any", RECORD_VERSION);
	for (at = text + head; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (newline == NULL || !parse_field(&r, at, (size_t)(newline - at))) {
			record_release(&r);
			return error_set(err, ERROR_FORMAT, "it holds a malformed line");
		}
		at = newline + 1;
	}
	record_release(out);
	*out = r;
	return 0;
}

int record_load(int dir, const char *name, const char *kind, struct record *out, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;

	if (read_file(dir, name, RECORD_MAX_BYTES, &text, err) < 0) {
		if (err->code == ERROR_LIMIT || err->code == ERROR_FORMAT)
			err->code = ERROR_NOT_FOUND;
		return -1;
	}
	if (record_parse(text.data, text.length, kind, out, err) < 0) {
		error_add(err, "%s is damaged", name);
		err->code = ERROR_NOT_FOUND;
		return -1;
	}
	return 0;
}
