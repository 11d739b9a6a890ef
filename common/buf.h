/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable byte buffer; the only string builder.
 *
 * data is never NULL and data[length] is always NUL, so a buf of text is a C string at any time.
 * The capacity is private. Out of memory ends the program (common/arena.h).
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include "common/cleanup.h"

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t length;
	size_t capacity; /* private */
};

extern char buf_empty[1]; /* what an unused buf points at; stays "" */

#define BUF_INIT                                                                                   \
	{                                                                                          \
		.data = buf_empty, .length = 0, .capacity = 0                                      \
	}

void buf_release(struct buf *b);               /* frees; usable again */
void buf_reset(struct buf *b);                 /* length 0, memory kept */
char *buf_reserve(struct buf *b, size_t more); /* room for more bytes; where to write them */
void buf_added(struct buf *b, size_t count);   /* count of them were written */
void buf_add(struct buf *b, const void *data, size_t length);
void buf_add_str(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
void buf_truncate(struct buf *b, size_t length); /* length <= b->length */
char *buf_steal(struct buf *b);                  /* caller frees; b is empty */

DEFINE_CLEANUP_STRUCT(buf, struct buf, buf_release);

#endif
