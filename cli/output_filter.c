/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output_filter.h"

#include "cli/format.h"

enum { ESCAPE = 0x1b, BELL = 0x07 };

void output_filter_release(struct output_filter *f)
{
	buf_release(&f->line);
}

/* What was begun of a character and will not be completed. */
static void drop_character(struct output_filter *f)
{
	for (unsigned i = 0; i < f->have; i++)
		buf_add_char(&f->line, '?');
	f->have = 0;
}

static void take_back(struct output_filter *f)
{
	size_t length = f->line.length;

	while (length > 0 && ((unsigned char)f->line.data[length - 1] & 0xc0) == 0x80)
		length--;
	if (length > 0)
		buf_truncate(&f->line, length - 1);
}

static unsigned length_of(unsigned char lead)
{
	if (lead >= 0xf0 && lead < 0xf5)
		return 4;
	if (lead >= 0xe0)
		return lead < 0xf0 ? 3 : 1;
	return lead >= 0xc2 ? 2 : 1;
}

static void add_byte(struct output_filter *f, unsigned char c)
{
	if (f->have > 0 && (c & 0xc0) != 0x80)
		drop_character(f);
	if (f->have == 0)
		f->want = length_of(c);
	f->character[f->have++] = c;
	if (f->have < f->want)
		return;
	for (unsigned used = 0; used < f->have;)
		used += (unsigned)text_clean_char(f->character + used, f->have - used, &f->line);
	f->have = 0;
}

/* A byte of a line that has not ended. */
static void take_text(struct output_filter *f, unsigned char c)
{
	if (c != ESCAPE && c != '\r' && f->returned) {
		buf_reset(&f->line);
		f->returned = false;
	}
	if (c >= 0x80) {
		add_byte(f, c);
		return;
	}
	drop_character(f);
	if (c == ESCAPE)
		f->state = FILTER_ESCAPE;
	else if (c == '\r')
		f->returned = true;
	else if (c == '\b')
		take_back(f);
	else if (c == '\t')
		buf_add_char(&f->line, '\t');
	else
		text_clean_char(&c, 1, &f->line);
}

/* A byte after ESC: CSI, a string (OSC, DCS, SOS, PM, APC), or a short sequence. */
static void take_escape(struct output_filter *f, unsigned char c)
{
	if (c == '[')
		f->state = FILTER_CONTROL;
	else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
		f->state = FILTER_STRING;
	else if (c >= 0x20 && c < 0x30)
		return; /* an intermediate byte: one more follows */
	else
		f->state = FILTER_TEXT;
	if (c < 0x20 || c >= 0x7f)
		take_text(f, c);
}

static void take(struct output_filter *f, unsigned char c)
{
	switch (f->state) {
	case FILTER_TEXT:
		take_text(f, c);
		break;
	case FILTER_ESCAPE:
		take_escape(f, c);
		break;
	case FILTER_CONTROL:
		if (c >= 0x20 && c < 0x40)
			break;
		f->state = FILTER_TEXT;
		if (c < 0x20 || c >= 0x7f)
			take_text(f, c);
		break;
	case FILTER_STRING:
		if (c == BELL)
			f->state = FILTER_TEXT;
		else if (c == ESCAPE)
			f->state = FILTER_STRING_END;
		break;
	case FILTER_STRING_END:
		/* As terminals do: anything but the end of the string begins a new sequence. */
		f->state = FILTER_TEXT;
		if (c != '\\')
			take_escape(f, c);
		break;
	}
}

static void begin_line(struct output_filter *f)
{
	if (f->complete)
		buf_reset(&f->line);
	f->complete = false;
}

bool output_filter_next(struct output_filter *f, const char **at, const char *end)
{
	begin_line(f);
	while (*at < end) {
		unsigned char c = (unsigned char)*(*at)++;

		/* No sequence goes on in the next line: one that never ends hides one at most. */
		if (c == '\n') {
			drop_character(f);
			f->state = FILTER_TEXT;
			f->returned = false;
			f->complete = true;
			return true;
		}
		take(f, c);
		if (f->line.length >= OUTPUT_MAX_LINE) {
			f->complete = true;
			return true;
		}
	}
	return false;
}

bool output_filter_end(struct output_filter *f)
{
	begin_line(f);
	drop_character(f);
	f->state = FILTER_TEXT;
	f->returned = false;
	f->complete = f->line.length > 0;
	return f->complete;
}
