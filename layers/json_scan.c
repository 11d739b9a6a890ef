/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/json_scan.h"

#include "layers/json.h"

#include <string.h>

struct scan {
	const unsigned char *text;
	size_t length, at, values;
	int depth;
};

static int refuse(const struct scan *s, struct error *err, const char *what)
{
	return error_set(err, ERROR_FORMAT, "JSON: %s at byte %zu", what, s->at);
}

static int peek_byte(const struct scan *s)
{
	return s->at < s->length ? s->text[s->at] : -1;
}

size_t json_utf8_length(const unsigned char *text, size_t room)
{
	static const unsigned int least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = text[0] < 0x80    ? 1
			: text[0] >= 0xf8 ? 0
			: text[0] >= 0xf0 ? 4
			: text[0] >= 0xe0 ? 3
			: text[0] >= 0xc0 ? 2
					  : 0;
	unsigned int point = length > 1 ? text[0] & (0x7fu >> length) : text[0];

	if (length == 0 || length > room)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (text[i] & 0x3f);
	}
	if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	return length;
}

static int scan_escape(struct scan *s, struct error *err)
{
	unsigned int point = 0;
	int c;

	s->at++;
	c = peek_byte(s);
	if (c < 0 || strchr("\"\\/bfnrtu", c) == NULL || c == 0)
		return refuse(s, err, "bad escape");
	s->at++;
	if (c != 'u')
		return 0;
	for (int i = 0; i < 4; i++, s->at++) {
		c = peek_byte(s);
		if (c >= '0' && c <= '9')
			point = point << 4 | (unsigned int)(c - '0');
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			point = point << 4 | (unsigned int)((c | 0x20) - 'a' + 10);
		else
			return refuse(s, err, "bad \\u escape");
	}
	/* cJSON would cut the string there. */
	return point == 0 ? refuse(s, err, "\\u0000 is not allowed") : 0;
}

static int scan_string(struct scan *s, struct error *err)
{
	for (s->at++;;) {
		int c = peek_byte(s);
		size_t length;

		if (c < 0)
			return refuse(s, err, "the text ends inside a string");
		if (c < 0x20)
			return refuse(s, err, "control byte in a string");
		if (c == '"') {
			s->at++;
			return 0;
		}
		if (c == '\\') {
			if (scan_escape(s, err) < 0)
				return -1;
			continue;
		}
		length = json_utf8_length(s->text + s->at, s->length - s->at);
		if (length == 0)
			return refuse(s, err, "invalid UTF-8");
		s->at += length;
	}
}

static size_t scan_digits(struct scan *s)
{
	size_t start = s->at;

	while (peek_byte(s) >= '0' && peek_byte(s) <= '9')
		s->at++;
	return s->at - start;
}

/* The exact grammar: cJSON takes what strtod() takes. */
static int scan_number(struct scan *s, struct error *err)
{
	bool zero;

	if (peek_byte(s) == '-')
		s->at++;
	zero = peek_byte(s) == '0';
	switch (scan_digits(s)) {
	case 0:
		return refuse(s, err, "bad number");
	case 1:
		break;
	default:
		if (zero)
			return refuse(s, err, "leading zero in a number");
	}
	if (peek_byte(s) == '.') {
		s->at++;
		if (scan_digits(s) == 0)
			return refuse(s, err, "bad number");
	}
	if (peek_byte(s) == 'e' || peek_byte(s) == 'E') {
		s->at++;
		if (peek_byte(s) == '+' || peek_byte(s) == '-')
			s->at++;
		if (scan_digits(s) == 0)
			return refuse(s, err, "bad number");
	}
	return 0;
}

static int scan_word(struct scan *s, struct error *err)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t length = strlen(words[i]);

		if (s->length - s->at >= length && memcmp(s->text + s->at, words[i], length) == 0) {
			s->at += length;
			return 0;
		}
	}
	return refuse(s, err, "unexpected byte");
}

static int scan_token(struct scan *s, struct error *err)
{
	int c = peek_byte(s);

	if (strchr(" \t\n\r:,", c) == NULL && c != '}' && c != ']' && ++s->values > JSON_MAX_VALUES)
		return error_set(err, ERROR_LIMIT, "JSON: more than %d values", JSON_MAX_VALUES);
	switch (c) {
	case '{':
	case '[':
		if (++s->depth > JSON_MAX_DEPTH)
			return error_set(err, ERROR_LIMIT, "JSON: nested deeper than %d",
					 JSON_MAX_DEPTH);
		s->at++;
		return 0;
	case '}':
	case ']':
		s->depth--;
		s->at++;
		return 0;
	case ' ':
	case '\t':
	case '\n':
	case '\r':
	case ':':
	case ',':
		s->at++;
		return 0;
	case '"':
		return scan_string(s, err);
	default:
		return c == '-' || (c >= '0' && c <= '9') ? scan_number(s, err) : scan_word(s, err);
	}
}

int json_scan(const char *text, size_t length, struct error *err)
{
	struct scan s = {.text = (const unsigned char *)text, .length = length};

	while (s.at < s.length) {
		if (s.text[s.at] == 0)
			return refuse(&s, err, "unexpected byte");
		if (scan_token(&s, err) < 0)
			return -1;
	}
	return 0;
}
