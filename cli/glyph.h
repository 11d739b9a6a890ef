/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many columns of a terminal text takes.
 *
 * Terminals are taken to speak UTF-8. ASCII needs nothing; for the rest the C library's table of a
 * UTF-8 locale is loaded when the first such character comes. Without any such locale every
 * character counts as one column.
 */
#ifndef CLI_GLYPH_H
#define CLI_GLYPH_H

#include "common/buf.h"

#include <locale.h>
#include <stdbool.h>

struct glyphs {
	locale_t locale;
	bool tried;
};

#define GLYPHS_INIT                                                                                \
	{                                                                                          \
		.locale = (locale_t)0, .tried = false                                              \
	}

void glyphs_release(struct glyphs *g);
DEFINE_CLEANUP_STRUCT(glyphs, struct glyphs, glyphs_release);

/* Appends clean text, tabs as spaces, as far as it fits into `room` columns, with an ellipsis as
   the last character where something is missing. How many columns it took, never more than room. */
size_t glyphs_cut(struct glyphs *g, const char *text, size_t length, size_t room, struct buf *out);

#endif
