/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to standard output: buffered, and every failure is noticed.
 *
 * The first failed write stops all output; out_flush() reports it. Forked jobs may inherit an out:
 * it is written only by its owner's calls, never at exit.
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "common/buf.h"
#include "common/error.h"
#include "layers/json.h"

#include <stdbool.h>

struct out {
	int fd;
	struct buf pending; /* private */
	int failure;        /* errno of the first failed write, 0 while all is well */
};

#define OUT_INIT(descriptor)                                                                       \
	{                                                                                          \
		.fd = (descriptor), .pending = BUF_INIT, .failure = 0                              \
	}

void out_release(struct out *o);
DEFINE_CLEANUP_STRUCT(out, struct out, out_release);

void out_add(struct out *o, const void *data, size_t length);
void out_str(struct out *o, const char *text);
void out_printf(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text of an image or archive: see text_clean() of cli/format.h. */
void out_clean(struct out *o, const char *text);

/* Indented, with a newline at its end. */
void out_json(struct out *o, const struct json *value);

/* Writes what is pending. ERROR_IO or ERROR_SPACE if this or an earlier write failed. */
int out_flush(struct out *o, struct error *err);

#endif
