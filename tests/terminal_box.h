/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small terminal for tests: what a pty's reader would see on the screen and above it.
 *
 * It knows what a view may send (text, CR, LF, TAB, cursor up, erase, colours, cursor on and off,
 * synchronized output) and counts everything else as odd, so that a sequence that got through from
 * a program is noticed.
 */
#ifndef TESTS_TERMINAL_BOX_H
#define TESTS_TERMINAL_BOX_H

#include "cli/glyph.h"
#include "common/arena.h"
#include "common/buf.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { CELL = 8, WIDEST = 256 };

struct row {
	char cell[WIDEST][CELL]; /* "" is blank; the right half of a wide character too */
	bool wrapped;            /* goes on in the next row */
};

struct terminal {
	int columns, rows;
	struct row *line; /* from the first that was ever shown */
	int lines, top;   /* how many; the first that is on the screen */
	int row, column;
	bool pending; /* the last column is filled, the next character wraps */
	bool hidden, synchronized;
	unsigned frames, odd, colored;
	char sequence[64]; /* an escape sequence that is not complete */
	size_t length;
	struct buf character;
	struct glyphs glyphs;
};

static inline void terminal_init(struct terminal *t, int columns, int rows)
{
	*t = (struct terminal){
		.columns = columns, .rows = rows, .character = BUF_INIT, .glyphs = GLYPHS_INIT};
	t->line = xgrow(NULL, 0, sizeof(*t->line));
	memset(t->line, 0, sizeof(*t->line));
	t->lines = 1;
}

static inline void terminal_release(struct terminal *t)
{
	free(t->line);
	buf_release(&t->character);
	glyphs_release(&t->glyphs);
}

static inline void terminal_down(struct terminal *t)
{
	t->pending = false;
	if (++t->row < t->lines)
		return;
	t->line = xgrow(t->line, (size_t)t->lines, sizeof(*t->line));
	memset(&t->line[t->lines++], 0, sizeof(*t->line));
	if (t->row - t->top >= t->rows)
		t->top++;
}

static inline void terminal_erase(struct terminal *t, int row, int from)
{
	for (int i = from; i < WIDEST; i++)
		t->line[row].cell[i][0] = '\0';
	t->line[row].wrapped = false;
}

static inline void terminal_put(struct terminal *t, const char *bytes, size_t length)
{
	auto_(buf) struct buf ignored = BUF_INIT;
	int width = (int)glyphs_cut(&t->glyphs, bytes, length, 8, &ignored);
	struct row *row;

	if (width == 0) {
		char *cell = t->line[t->row].cell[t->column - (t->column > 0 && !t->pending)];

		if (strlen(cell) + length < CELL)
			memcpy(cell + strlen(cell), bytes, length + 1);
		return;
	}
	if (t->pending || t->column + width > t->columns) {
		t->line[t->row].wrapped = true;
		terminal_down(t);
		t->column = 0;
	}
	row = &t->line[t->row];
	memcpy(row->cell[t->column], bytes, length);
	row->cell[t->column][length] = '\0';
	for (int i = 1; i < width; i++)
		row->cell[t->column + i][0] = '\0';
	t->column += width;
	t->pending = t->column >= t->columns;
	if (t->pending)
		t->column = t->columns - 1;
}

static inline void terminal_sequence(struct terminal *t)
{
	const char *s = t->sequence + 1; /* after ESC */
	int number = 0;
	char end;

	if (strcmp(s, "[J") == 0) {
		terminal_erase(t, t->row, t->column);
		for (int i = t->row + 1; i < t->lines; i++)
			terminal_erase(t, i, 0);
	} else if (strcmp(s, "[K") == 0) {
		terminal_erase(t, t->row, t->column);
	} else if (strcmp(s, "[?25l") == 0 || strcmp(s, "[?25h") == 0) {
		t->hidden = s[4] == 'l';
	} else if (strcmp(s, "[?2026h") == 0 || strcmp(s, "[?2026l") == 0) {
		t->odd += t->synchronized == (s[6] == 'h') && s[6] == 'h';
		t->synchronized = s[6] == 'h';
		t->frames += t->synchronized;
	} else if (sscanf(s, "[%d%c", &number, &end) == 2 && end == 'A') {
		t->row = t->row - number < t->top ? t->top : t->row - number;
		t->pending = false;
	} else if (s[0] == '[' && s[strlen(s) - 1] == 'm') {
		t->colored++;
	} else {
		t->odd++;
	}
	t->length = 0;
}

static inline void terminal_take(struct terminal *t, char c)
{
	const unsigned char byte = (unsigned char)c;

	if (t->length > 0) {
		t->sequence[t->length++] = c;
		t->sequence[t->length] = '\0';
		if ((t->length > 2 && byte >= 0x40) || t->length == sizeof(t->sequence) - 1)
			terminal_sequence(t);
	} else if (c == '\033') {
		t->sequence[t->length++] = c;
	} else if (c == '\n') {
		terminal_down(t);
	} else if (c == '\r') {
		t->column = 0;
		t->pending = false;
	} else if (c == '\t') {
		t->column = t->column + 8 - t->column % 8;
		if (t->column >= t->columns)
			t->column = t->columns - 1;
	} else if (byte < 0x20 || byte == 0x7f) {
		t->odd++;
	} else {
		size_t want = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;

		if ((byte & 0xc0) != 0x80)
			buf_reset(&t->character);
		buf_add_char(&t->character, c);
		want = (unsigned char)t->character.data[0] < 0x80 ? 1 : want;
		if ((byte & 0xc0) == 0x80) {
			unsigned char lead = (unsigned char)t->character.data[0];

			want = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
		}
		if (t->character.length == want)
			terminal_put(t, t->character.data, want);
	}
}

static inline void terminal_feed(struct terminal *t, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		terminal_take(t, data[i]);
}

/* All that was ever shown, a line each, wrapped ones joined, without blanks at their ends. */
static inline void terminal_text(const struct terminal *t, struct buf *out)
{
	size_t start = out->length;

	for (int i = 0; i < t->lines; i++) {
		int last = t->columns - 1;

		while (last >= 0 && !t->line[i].wrapped && t->line[i].cell[last][0] == '\0')
			last--;
		for (int j = 0; j <= last; j++) {
			const char *cell = t->line[i].cell[j];

			if (cell[0] != '\0')
				buf_add_str(out, cell);
			else if (j == 0 || strlen(t->line[i].cell[j - 1]) < 3)
				buf_add_char(out, ' ');
		}
		if (!t->line[i].wrapped)
			buf_add_char(out, '\n');
	}
	while (out->length > start + 1 && out->data[out->length - 1] == '\n' &&
	       out->data[out->length - 2] == '\n')
		buf_truncate(out, out->length - 1);
}

#endif
