/* SPDX-License-Identifier: Apache-2.0 */
#include "parser/json.h"

#include "parser/scan.h"

#include <assert.h>
#include <string.h>

enum { JSON_MAX_DEPTH = 1000 };

struct json {
	const char *at, *end;
	const char *why;
	bool mixed;
};

static void skip_blanks(struct json *js)
{
	while (js->at < js->end && strchr(" \t\r\n", *js->at) != NULL)
		js->at++;
}

static bool fail(struct json *js, const char *why)
{
	if (js->why == NULL)
		js->why = why;
	return false;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool read_escape(struct json *js)
{
	if (++js->at >= js->end)
		return fail(js, "a string is not closed");
	if (*js->at == 'u') {
		for (int i = 1; i <= 4; i++)
			if (js->end - js->at <= i || !is_hex(js->at[i]))
				return fail(js, "\\u wants four hexadecimal digits");
		js->at += 4;
	} else if (strchr("\"\\/bfnrt", *js->at) == NULL) {
		return fail(js, "in JSON a backslash is written as two backslashes");
	}
	js->at++;
	return true;
}

static bool read_string(struct json *js)
{
	js->at++;
	while (js->at < js->end && *js->at != '"') {
		if ((unsigned char)*js->at < 0x20)
			return fail(js, "a control character must be escaped");
		if (*js->at == '\\') {
			if (!read_escape(js))
				return false;
		} else {
			js->at++;
		}
	}
	if (js->at >= js->end)
		return fail(js, "a string is not closed");
	js->at++;
	return true;
}

static bool read_digits(struct json *js)
{
	const char *start = js->at;

	while (js->at < js->end && is_digit(*js->at))
		js->at++;
	return js->at > start;
}

static bool read_number(struct json *js)
{
	if (*js->at == '-')
		js->at++;
	if (js->at < js->end && *js->at == '0')
		js->at++;
	else if (!read_digits(js))
		return false;
	if (js->at < js->end && *js->at == '.') {
		js->at++;
		if (!read_digits(js))
			return false;
	}
	if (js->at < js->end && (*js->at == 'e' || *js->at == 'E')) {
		js->at++;
		if (js->at < js->end && (*js->at == '+' || *js->at == '-'))
			js->at++;
		return read_digits(js);
	}
	return true;
}

static bool read_scalar(struct json *js)
{
	static const char *const names[] = {"true", "false", "null"};

	if (js->at >= js->end)
		return fail(js, "the list is not closed");
	if (*js->at == '"')
		return read_string(js);
	js->mixed = true;
	if (*js->at == '-' || is_digit(*js->at))
		return read_number(js) || fail(js, "malformed number");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t length = strlen(names[i]);

		if ((size_t)(js->end - js->at) >= length && memcmp(js->at, names[i], length) == 0) {
			js->at += length;
			return true;
		}
	}
	return fail(js, *js->at == '\'' ? "JSON strings take double quotes"
					: "expected a string in double quotes");
}

static bool read_key(struct json *js)
{
	skip_blanks(js);
	if (js->at >= js->end || *js->at != '"' || !read_string(js))
		return fail(js, "expected a string in double quotes");
	skip_blanks(js);
	if (js->at >= js->end || *js->at != ':')
		return fail(js, "expected a colon");
	js->at++;
	return true;
}

/* A bracket or brace that opens: false if something must follow that is not there. */
static bool read_open(struct json *js, char *closers, int *depth, bool *empty)
{
	bool brace = *js->at == '{';

	if (*depth == JSON_MAX_DEPTH)
		return fail(js, "nested too deeply");
	js->mixed = js->mixed || *depth > 0 || brace;
	closers[(*depth)++] = brace ? '}' : ']';
	js->at++;
	skip_blanks(js);
	*empty = js->at < js->end && *js->at == closers[*depth - 1];
	return *empty || !brace || read_key(js);
}

/* What follows a value, up to the start of the next one or the end of the list. */
static bool read_follow(struct json *js, const char *closers, int *depth)
{
	assert(*depth > 0);
	for (;;) {
		skip_blanks(js);
		if (js->at >= js->end)
			return fail(js, "the list is not closed");
		if (*js->at == ',') {
			js->at++;
			return closers[*depth - 1] != '}' || read_key(js);
		}
		if (*js->at != closers[*depth - 1])
			return fail(js, "a comma is missing between two elements");
		js->at++;
		if (--*depth == 0)
			return true;
	}
}

enum json_kind json_classify(const char *text, size_t length, const char **why)
{
	struct json js = {.at = text, .end = text + length};
	char closers[JSON_MAX_DEPTH] = "";
	int depth = 0;
	bool good = length > 0 && *text == '[', empty = false;

	*why = NULL;
	while (good) {
		skip_blanks(&js);
		if (js.at < js.end && (*js.at == '[' || *js.at == '{')) {
			good = read_open(&js, closers, &depth, &empty);
			if (good && !empty)
				continue;
		} else {
			good = read_scalar(&js);
		}
		good = good && read_follow(&js, closers, &depth);
		if (good && depth == 0)
			break;
	}
	skip_blanks(&js);
	if (good && js.at < js.end)
		good = fail(&js, "there is text behind the list");
	*why = js.why;
	if (!good)
		return JSON_INVALID;
	return js.mixed ? JSON_MIXED : JSON_STRINGS;
}

static unsigned hex_value(const char *digits)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		char c = digits[i];

		value = value * 16 + (unsigned)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

static void add_utf8(struct buf *out, unsigned code)
{
	if (code < 0x80) {
		buf_add_char(out, (char)code);
	} else if (code < 0x800) {
		buf_add_char(out, (char)(0xC0 | code >> 6));
		buf_add_char(out, (char)(0x80 | (code & 0x3F)));
	} else if (code < 0x10000) {
		buf_add_char(out, (char)(0xE0 | code >> 12));
		buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3F)));
		buf_add_char(out, (char)(0x80 | (code & 0x3F)));
	} else {
		buf_add_char(out, (char)(0xF0 | code >> 18));
		buf_add_char(out, (char)(0x80 | (code >> 12 & 0x3F)));
		buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3F)));
		buf_add_char(out, (char)(0x80 | (code & 0x3F)));
	}
}

/* The escape behind the backslash at text; returns how many bytes it takes. */
static size_t decode_escape(const char *text, const char *end, struct buf *out, bool *nul)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *simple = strchr(from, text[1]);
	unsigned code, low;

	if (text[1] != 'u') {
		buf_add(out, simple != NULL ? &to[simple - from] : text + 1, 1);
		return 2;
	}
	code = hex_value(text + 2);
	if (code >= 0xD800 && code < 0xDC00 && end - text >= 12 && text[6] == '\\' &&
	    text[7] == 'u') {
		low = hex_value(text + 8);
		if (low >= 0xDC00 && low < 0xE000) {
			add_utf8(out, 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
			return 12;
		}
	}
	*nul = *nul || code == 0;
	add_utf8(out, code == 0 || (code >= 0xD800 && code < 0xE000) ? 0xFFFD : code);
	return 6;
}

bool json_decode(const char *token, size_t length, struct buf *out)
{
	const char *end = token + length - 1;
	bool nul = false;

	for (const char *p = token + 1; p < end;) {
		if (*p == '\\') {
			p += decode_escape(p, end, out, &nul);
		} else {
			size_t size = utf8_length(p, (size_t)(end - p));

			if (size == 0)
				add_utf8(out, 0xFFFD);
			else
				buf_add(out, p, size);
			p += size > 0 ? size : 1;
		}
	}
	return !nul;
}

void json_encode(const char *text, struct buf *out)
{
	buf_add_char(out, '"');
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\') {
			buf_add_char(out, '\\');
			buf_add_char(out, *p);
		} else if ((unsigned char)*p < 0x20) {
			buf_printf(out, "\\u%04x", (unsigned)*p);
		} else {
			buf_add_char(out, *p);
		}
	}
	buf_add_char(out, '"');
}
