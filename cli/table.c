/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include "cli/format.h"

#include <assert.h>
#include <stdarg.h>

enum { COLUMN_GAP = 3 };

void table_release(struct table *t)
{
	arena_release(&t->arena);
	t->cells = NULL;
	t->count = 0;
}

void table_add(struct table *t, const char *text)
{
	auto_(buf) struct buf clean = BUF_INIT;

	text_clean(text, &clean);
	t->cells = arena_grow(&t->arena, t->cells, t->count, sizeof(*t->cells));
	t->cells[t->count++] = arena_strndup(&t->arena, clean.data, clean.length);
}

void table_printf(struct table *t, const char *format, ...)
{
	auto_(buf) struct buf text = BUF_INIT;
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	table_add(t, text.data);
}

void table_print(const struct table *t, struct out *out)
{
	auto_free size_t *width = xcalloc(t->columns, sizeof(*width));

	assert(t->count % t->columns == 0);
	for (size_t i = 0; i < t->count; i++) {
		size_t w = text_width(t->cells[i]);

		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->count; i++) {
		size_t column = i % t->columns;
		size_t pad = width[column] + COLUMN_GAP - text_width(t->cells[i]);

		out_str(out, t->cells[i]);
		if (column + 1 == t->columns)
			out_str(out, "\n");
		else
			out_printf(out, "%*s", (int)pad, "");
	}
}
