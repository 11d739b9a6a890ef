/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/glyph.h"

#include <stdint.h>
#include <wchar.h>

void glyphs_release(struct glyphs *g)
{
	if (g->locale != (locale_t)0)
		freelocale(g->locale);
	*g = (struct glyphs)GLYPHS_INIT;
}

static void load(struct glyphs *g)
{
	static const char *const names[] = {"C.UTF-8", "", "en_US.UTF-8"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !g->tried; i++) {
		locale_t old;

		g->locale = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
		if (g->locale == (locale_t)0)
			continue;
		old = uselocale(g->locale);
		/* A wide ideograph, which only a UTF-8 locale knows. */
		g->tried = wcwidth(L'\u4e00') == 2;
		uselocale(old);
		if (!g->tried) {
			freelocale(g->locale);
			g->locale = (locale_t)0;
		}
	}
	g->tried = true;
}

static size_t width_of(struct glyphs *g, uint32_t c)
{
	locale_t old;
	int width;

	if (c < 0x80)
		return 1;
	if (!g->tried)
		load(g);
	if (g->locale == (locale_t)0)
		return 1;
	old = uselocale(g->locale);
	width = wcwidth((wchar_t)c);
	uselocale(old);
	return width < 0 ? 1 : (size_t)width;
}

/* One character of valid UTF-8; its length. */
static size_t decode(const unsigned char *at, size_t room, uint32_t *c)
{
	size_t length = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (length > room)
		length = room;
	*c = length == 1 ? at[0] : at[0] & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++)
		*c = *c << 6 | (at[i] & 0x3fu);
	return length;
}

size_t glyphs_cut(struct glyphs *g, const char *text, size_t length, size_t room, struct buf *out)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + length;
	size_t columns = 0, kept = out->length, kept_columns = 0;

	while (at < end) {
		uint32_t c;
		size_t used = decode(at, (size_t)(end - at), &c);
		size_t width = c == '\t' ? 8 - columns % 8 : width_of(g, c);

		if (columns + width > room) {
			buf_truncate(out, kept);
			if (room > 0)
				buf_add_str(out, "\xe2\x80\xa6");
			return room > 0 ? kept_columns + 1 : 0;
		}
		if (c == '\t')
			buf_printf(out, "%*s", (int)width, "");
		else
			buf_add(out, at, used);
		columns += width;
		/* The longest beginning that leaves a column for the ellipsis. */
		if (columns < room) {
			kept = out->length;
			kept_columns = columns;
		}
		at += used;
	}
	return columns;
}
