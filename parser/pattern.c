/* SPDX-License-Identifier: Apache-2.0 */
#include "parser/pattern.h"

#include "common/arena.h"
#include "parser/scan.h"

#include <string.h>

/* Characters are numbered by code point; bytes that are not UTF-8 lie above, so that nothing is
   lost and "?" takes a whole character. */
enum { BYTE_BASE = 0x110000, ANY = 0x110100, STAR = 0x110101 };

struct text {
	uint32_t *chars;
	size_t count;
};

struct match {
	size_t start, end;
};

static uint32_t next_char(const char **p, const char *end)
{
	size_t size = utf8_length(*p, (size_t)(end - *p));
	unsigned char lead = (unsigned char)**p;
	uint32_t code = lead;

	if (size == 0) {
		(*p)++;
		return BYTE_BASE + lead;
	}
	if (size > 1)
		code &= 0x7Fu >> size;
	for (size_t i = 1; i < size; i++)
		code = code << 6 | ((unsigned char)(*p)[i] & 0x3F);
	*p += size;
	return code;
}

static void add_char(struct buf *out, uint32_t code)
{
	char bytes[4];
	size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	if (code >= BYTE_BASE) {
		buf_add_char(out, (char)(code - BYTE_BASE));
		return;
	}
	if (size == 1) {
		buf_add_char(out, (char)code);
		return;
	}
	for (size_t i = size; i-- > 1; code >>= 6)
		bytes[i] = (char)(0x80 | (code & 0x3F));
	bytes[0] = (char)(0xF00 >> size | code);
	buf_add(out, bytes, size);
}

static void add_chars(struct buf *out, const struct text *text, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		add_char(out, text->chars[i]);
}

static struct text decode(const char *value)
{
	size_t length = strlen(value);
	const char *end = value + length;
	struct text text = {.chars = xcalloc(length + 1, sizeof(*text.chars))};

	while (value < end)
		text.chars[text.count++] = next_char(&value, end);
	return text;
}

static int compile(const char *pattern, struct text *text, struct error *err)
{
	size_t length = strlen(pattern);
	const char *p = pattern, *end = pattern + length;

	if (length > PATTERN_MAX)
		return error_set(err, ERROR_LIMIT, "a pattern in ${...} is longer than %d bytes",
				 PATTERN_MAX);
	text->chars = xcalloc(length + 1, sizeof(*text->chars));
	while (p < end) {
		uint32_t c = next_char(&p, end);

		if (c == '\\') {
			if (p == end || strchr("*?\\/}", *p) == NULL)
				return error_set(err, ERROR_SYNTAX,
						 "invalid pattern (%.80s) in substitution: a "
						 "backslash can stand before * ? \\ / } only",
						 pattern);
			c = (unsigned char)*p++;
		} else if (c == '*' || c == '?') {
			c = c == '*' ? STAR : ANY;
		}
		text->chars[text->count++] = c;
	}
	return 0;
}

static void reverse(struct text *text)
{
	for (size_t i = 0; i < text->count / 2; i++) {
		uint32_t c = text->chars[i];

		text->chars[i] = text->chars[text->count - 1 - i];
		text->chars[text->count - 1 - i] = c;
	}
}

/* The part of a pattern up to the next star. */
static size_t segment_length(const struct text *pattern, size_t at)
{
	size_t length = 0;

	while (at + length < pattern->count && pattern->chars[at + length] != STAR)
		length++;
	return length;
}

static bool segment_at(const struct text *pattern, size_t at, size_t length,
		       const struct text *value, size_t pos)
{
	if (length > value->count - pos)
		return false;
	for (size_t i = 0; i < length; i++)
		if (pattern->chars[at + i] != ANY &&
		    pattern->chars[at + i] != value->chars[pos + i])
			return false;
	return true;
}

/* First (or last) place at or behind `from` where the segment stands. */
static bool segment_find(const struct text *pattern, size_t at, size_t length,
			 const struct text *value, size_t from, bool last, size_t *found)
{
	size_t count;

	if (value->count - from < length)
		return false;
	count = value->count - from - length + 1;
	for (size_t i = 0; i < count; i++) {
		*found = last ? from + count - 1 - i : from + i;
		if (segment_at(pattern, at, length, value, *found))
			return true;
	}
	return false;
}

/*
 * With the first segment placed at m->start, places the others. Taking each one as early as
 * possible never spoils a later one, so no backtracking; only the last decides the length.
 */
static bool match_rest(const struct text *pattern, const struct text *value, bool longest,
		       struct match *m)
{
	size_t at = segment_length(pattern, 0);

	m->end = m->start + at;
	while (at < pattern->count) {
		size_t length = segment_length(pattern, ++at), found;
		bool last = at + length == pattern->count;

		if (!segment_find(pattern, at, length, value, m->end, last && longest, &found))
			return false;
		m->end = found + length;
		at += length;
	}
	return true;
}

/* The leftmost match at or behind `from`. If the first segment can be placed but the others can't,
   they can't for any later place of the first one either. */
static bool match_find(const struct text *pattern, const struct text *value, size_t from,
		       struct match *m)
{
	return segment_find(pattern, 0, segment_length(pattern, 0), value, from, false,
			    &m->start) &&
	       match_rest(pattern, value, true, m);
}

static bool replace(const struct text *pattern, const struct text *value, bool all,
		    const char *replacement, size_t max, struct buf *out)
{
	size_t done = 0, before = out->length;
	struct match m;

	while (pattern->count > 0 && match_find(pattern, value, done, &m)) {
		add_chars(out, value, done, m.start);
		buf_add_str(out, replacement);
		done = m.end;
		if (out->length - before > max)
			return false;
		if (!all || done == value->count)
			break;
	}
	add_chars(out, value, done, value->count);
	return true;
}

int pattern_apply(const char *pattern, enum pattern_mode mode, bool longest, const char *value,
		  const char *replacement, size_t max, struct buf *out, struct error *err)
{
	struct text want = {.chars = NULL}, have;
	struct match m = {0, 0};
	bool matched;

	if (compile(pattern, &want, err) < 0) {
		free(want.chars);
		return -1;
	}
	have = decode(value);
	if (mode == PATTERN_SUFFIX) {
		reverse(&want);
		reverse(&have);
	}
	if (mode == PATTERN_PREFIX || mode == PATTERN_SUFFIX) {
		matched = segment_at(&want, 0, segment_length(&want, 0), &have, 0) &&
			  match_rest(&want, &have, longest, &m);
		m.start = matched ? m.end : 0;
		if (mode == PATTERN_SUFFIX) {
			reverse(&have);
			add_chars(out, &have, 0, have.count - m.start);
		} else {
			add_chars(out, &have, m.start, have.count);
		}
	} else {
		matched = replace(&want, &have, mode == PATTERN_ALL, replacement, max, out);
		if (!matched)
			error_set(err, ERROR_LIMIT, "the result of a replacement is too long");
	}
	free(want.chars);
	free(have.chars);
	return matched || mode == PATTERN_PREFIX || mode == PATTERN_SUFFIX ? 0 : -1;
}
