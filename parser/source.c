/* SPDX-License-Identifier: Apache-2.0 */
#include "parser/scan.h"

#include <string.h>

static void index_lines(struct dockerfile *df)
{
	const char *end = df->text + df->length;
	uint32_t count = 0;

	for (const char *p = df->text; p < end;
	     p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1)
		count++;
	df->lines = arena_alloc(&df->arena, (count + 1) * sizeof(*df->lines));
	for (const char *p = df->text; p < end;
	     p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1)
		df->lines[df->line_count++] = (uint32_t)(p - df->text);
}

int source_load(struct dockerfile *df, const char *text, size_t length, struct error *err)
{
	const char *nul;

	if (length > DOCKERFILE_MAX_BYTES)
		return error_set(err, ERROR_LIMIT, "%s: larger than %d MiB", df->name,
				 DOCKERFILE_MAX_BYTES / (1024 * 1024));
	nul = length > 0 ? memchr(text, '\0', length) : NULL;
	if (nul != NULL) {
		error_set(err, ERROR_SYNTAX, "%s: NUL byte at offset %zu", df->name,
			  (size_t)(nul - text));
		return error_hint(err,
				  "a Dockerfile is a UTF-8 text; is this another kind of file, "
				  "or UTF-16?");
	}
	if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
		text += 3;
		length -= 3;
	}
	/* One byte for a missing line end, two NUL that flex wants behind its buffer. */
	df->text = arena_alloc(&df->arena, length + 3);
	if (length > 0)
		memcpy(df->text, text, length);
	if (length > 0 && text[length - 1] != '\n')
		df->text[length++] = '\n';
	df->length = (uint32_t)length;
	index_lines(df);
	return 0;
}

void dockerfile_line_column(const struct dockerfile *df, uint32_t offset, uint32_t *line,
			    uint32_t *column)
{
	uint32_t low = 0, high = df->line_count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (df->lines[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	*line = low + 1;
	*column = df->line_count > 0 ? offset - df->lines[low] + 1 : 1;
}

void line_release(struct line *line)
{
	buf_release(&line->text);
	free(line->segments);
	line->segments = NULL;
}

uint32_t line_source(const struct line *line, size_t at)
{
	size_t low = 0, high = line->segment_count;

	if (high == 0)
		return line->start;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (line->segments[middle].at <= at)
			low = middle;
		else
			high = middle;
	}
	return line->segments[low].source + (uint32_t)(at - line->segments[low].at);
}

struct span line_span(const struct line *line, size_t at, size_t length)
{
	struct span span;

	/* The end is that of the last byte: the position behind it may be on another line. */
	if (length == 0 && at > 0) {
		span.start = line_source(line, at - 1) + 1;
		span.end = span.start;
		return span;
	}
	span.start = line_source(line, at);
	span.end = length > 0 ? line_source(line, at + length - 1) + 1 : span.start;
	return span;
}

/* Length of the white-space character at text, 0 if there is none. The set is Go's
   unicode.IsSpace without the line feed, which no logical line contains. */
static size_t space_here(const unsigned char *text, size_t length)
{
	if (length == 0)
		return 0;
	if (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r'))
		return 1;
	if (length >= 2 && text[0] == 0xC2 && (text[1] == 0x85 || text[1] == 0xA0))
		return 2;
	if (length < 3)
		return 0;
	if (text[0] == 0xE1 && text[1] == 0x9A && text[2] == 0x80)
		return 3;
	if (text[0] == 0xE2 && text[1] == 0x80 &&
	    ((text[2] >= 0x80 && text[2] <= 0x8A) || text[2] == 0xA8 || text[2] == 0xA9 ||
	     text[2] == 0xAF))
		return 3;
	if (text[0] == 0xE2 && text[1] == 0x81 && text[2] == 0x9F)
		return 3;
	return text[0] == 0xE3 && text[1] == 0x80 && text[2] == 0x80 ? 3 : 0;
}

size_t space_prefix(const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t used = 0, step;

	while ((step = space_here(bytes + used, length - used)) > 0)
		used += step;
	return used;
}

size_t space_suffix(const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t left = length;

	for (;;) {
		size_t step = 0;

		for (size_t size = 1; size <= 3 && size <= left && step == 0; size++)
			if (space_here(bytes + left - size, size) == size)
				step = size;
		if (step == 0)
			return length - left;
		left -= step;
	}
}

size_t utf8_length(const char *text, size_t length)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char lead = length > 0 ? (unsigned char)text[0] : 0xFF;
	size_t size = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
	uint32_t code;

	if (size < 2)
		return size;
	if (lead > 0xF4 || size > length)
		return 0;
	code = lead & (0x7Fu >> size);
	for (size_t i = 1; i < size; i++) {
		if (((unsigned char)text[i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | ((unsigned char)text[i] & 0x3F);
	}
	if (code < smallest[size] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
		return 0;
	return size;
}
