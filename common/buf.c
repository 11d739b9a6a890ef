/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"

#include "common/arena.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

char buf_empty[1];

void buf_release(struct buf *b)
{
	if (b->capacity > 0)
		free(b->data);
	*b = (struct buf)BUF_INIT;
}

void buf_truncate(struct buf *b, size_t length)
{
	assert(length <= b->length);
	b->length = length;
	if (b->capacity > 0)
		b->data[length] = '\0';
}

void buf_reset(struct buf *b)
{
	buf_truncate(b, 0);
}

char *buf_reserve(struct buf *b, size_t more)
{
	size_t need = b->length + more + 1;

	if (need > b->capacity) {
		size_t capacity = b->capacity ? b->capacity * 2 : 64;

		if (capacity < need)
			capacity = need;
		b->data = xrealloc(b->capacity ? b->data : NULL, capacity, 1);
		b->capacity = capacity;
		b->data[b->length] = '\0';
	}
	return b->data + b->length;
}

void buf_added(struct buf *b, size_t count)
{
	assert(b->length + count < b->capacity);
	b->length += count;
	b->data[b->length] = '\0';
}

void buf_add(struct buf *b, const void *data, size_t length)
{
	if (length == 0)
		return;
	memcpy(buf_reserve(b, length), data, length);
	buf_added(b, length);
}

void buf_add_str(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
	va_list again;
	int length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	assert(length >= 0);
	vsnprintf(buf_reserve(b, (size_t)length), (size_t)length + 1, format, again);
	va_end(again);
	buf_added(b, (size_t)length);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_vprintf(b, format, args);
	va_end(args);
}

char *buf_steal(struct buf *b)
{
	char *data = b->capacity > 0 ? b->data : xstrdup("");

	*b = (struct buf)BUF_INIT;
	return data;
}
