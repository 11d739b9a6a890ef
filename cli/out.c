/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out.h"

#include "cli/format.h"

#include <string.h>

enum { OUT_CHUNK = 64 * 1024 };

void out_release(struct out *o)
{
	buf_release(&o->pending);
}

static void write_pending(struct out *o)
{
	const char *at = o->pending.data;
	size_t left = o->pending.length;

	while (left > 0 && o->failure == 0) {
		ssize_t n = write(o->fd, at, left);

		if (n < 0 && errno != EINTR)
			o->failure = errno;
		if (n > 0) {
			at += n;
			left -= (size_t)n;
		}
	}
	buf_reset(&o->pending);
}

static void write_if_full(struct out *o)
{
	if (o->pending.length >= OUT_CHUNK)
		write_pending(o);
}

void out_add(struct out *o, const void *data, size_t length)
{
	if (o->failure != 0)
		return;
	buf_add(&o->pending, data, length);
	write_if_full(o);
}

void out_str(struct out *o, const char *text)
{
	out_add(o, text, strlen(text));
}

void out_printf(struct out *o, const char *format, ...)
{
	va_list args;

	if (o->failure != 0)
		return;
	va_start(args, format);
	buf_vprintf(&o->pending, format, args);
	va_end(args);
	write_if_full(o);
}

void out_clean(struct out *o, const char *text)
{
	if (o->failure != 0)
		return;
	text_clean(text, &o->pending);
	write_if_full(o);
}

void out_json(struct out *o, const struct json *value)
{
	if (o->failure != 0)
		return;
	json_render(value, true, &o->pending);
	out_str(o, "\n");
}

int out_flush(struct out *o, struct error *err)
{
	write_pending(o);
	if (o->failure == 0)
		return 0;
	errno = o->failure;
	return error_sys(err, "writing to standard output");
}
