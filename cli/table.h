/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of text in aligned columns.
 *
 *	struct table t = TABLE_INIT(3);
 *	table_add(&t, "NAME"); ... one call per cell, row by row; the first row is the header
 *	table_print(&t, out);
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/out.h"
#include "common/arena.h"

struct table {
	size_t columns;
	struct arena arena; /* private */
	const char **cells;
	size_t count;
};

#define TABLE_INIT(width)                                                                          \
	{                                                                                          \
		.columns = (width), .arena = ARENA_INIT, .cells = NULL, .count = 0                 \
	}

void table_release(struct table *t);
DEFINE_CLEANUP_STRUCT(table, struct table, table_release);

/* The text is copied through text_clean(). */
void table_add(struct table *t, const char *text);
void table_printf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Every row must be complete. */
void table_print(const struct table *t, struct out *out);

#endif
