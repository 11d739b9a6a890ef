/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output of a program, as raw bytes cut anywhere, becomes lines that are safe to show.
 *
 * Escape sequences are taken out, even when they are cut or never end; control bytes, bytes that
 * are not UTF-8 and characters that reorder the line become '?'; a carriage return starts the line
 * anew and a backspace takes a character back. Tabs stay.
 */
#ifndef CLI_OUTPUT_FILTER_H
#define CLI_OUTPUT_FILTER_H

#include "common/buf.h"

#include <stdbool.h>

/* A line that grows beyond this is broken here, so that memory has a limit. */
enum { OUTPUT_MAX_LINE = 64 * 1024 };

struct output_filter {
	struct buf line; /* the line so far, or the complete one */
	/* private */
	enum { FILTER_TEXT, FILTER_ESCAPE, FILTER_CONTROL, FILTER_STRING, FILTER_STRING_END } state;
	bool complete, returned;
	unsigned char character[4]; /* one that is not complete yet */
	unsigned have, want;
};

#define OUTPUT_FILTER_INIT                                                                         \
	{                                                                                          \
		.line = BUF_INIT                                                                   \
	}

void output_filter_release(struct output_filter *f);
DEFINE_CLEANUP_STRUCT(output_filter, struct output_filter, output_filter_release);

/* Takes bytes from *at up to end; true when a line is complete. It is in line, without its end,
   until the next call:

	while (output_filter_next(&f, &at, end))
		show(f.line.data, f.line.length);
*/
bool output_filter_next(struct output_filter *f, const char **at, const char *end);

/* Makes what there is of a line a complete one; false if there is nothing. */
bool output_filter_end(struct output_filter *f);

#endif
