/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static enum error_code code_from_errno(int os)
{
	switch (os) {
	case ENOENT:
		return ERROR_NOT_FOUND;
	case EEXIST:
		return ERROR_EXISTS;
	case EPERM:
	case EACCES:
		return ERROR_DENIED;
	case ENOSPC:
	case EDQUOT:
		return ERROR_SPACE;
	default:
		return ERROR_IO;
	}
}

static void frame_set(struct error_frame *frame, const char *file, int line, const char *format,
		      va_list args)
{
	frame->file = file;
	frame->line = line;
	vsnprintf(frame->text, sizeof(frame->text), format, args);
}

int error_set_(struct error *err, enum error_code code, int os, const char *file, int line,
	       const char *format, ...)
{
	va_list args;

	err->code = os != 0 && code == ERROR_IO ? code_from_errno(os) : code;
	err->os = os;
	err->depth = 1;
	err->hint[0] = '\0';
	va_start(args, format);
	frame_set(&err->frame[0], file, line, format, args);
	va_end(args);
	return -1;
}

int error_add_(struct error *err, const char *file, int line, const char *format, ...)
{
	va_list args;
	int at = err->depth < ERROR_FRAMES ? err->depth++ : ERROR_FRAMES - 1;

	va_start(args, format);
	frame_set(&err->frame[at], file, line, format, args);
	va_end(args);
	return -1;
}

int error_hint(struct error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->hint, sizeof(err->hint), format, args);
	va_end(args);
	return -1;
}

void error_clear(struct error *err)
{
	err->code = ERROR_NONE;
	err->os = 0;
	err->depth = 0;
	err->hint[0] = '\0';
}

void error_format(const struct error *err, char *text, size_t size)
{
	size_t used = 0;

	if (size == 0)
		return;
	text[0] = '\0';
	for (int i = err->depth - 1; i >= 0 && used < size; i--)
		used += (size_t)snprintf(text + used, size - used, "%s%s", err->frame[i].text,
					 i > 0 ? ": " : "");
	if (err->os != 0 && used < size)
		snprintf(text + used, size - used, ": %s", strerror(err->os));
	for (char *c = text; *c != '\0'; c++)
		if (((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f)
			*c = '?';
}

void error_print(const struct error *err, FILE *out, bool trail)
{
	char text[ERROR_FRAMES * ERROR_TEXT];

	error_format(err, text, sizeof(text));
	fprintf(out, "varve: %s\n", text);
	if (err->hint[0] != '\0')
		fprintf(out, "hint: %s\n", err->hint);
	for (int i = 0; trail && i < err->depth; i++)
		fprintf(out, "  at %s:%d\n", err->frame[i].file, err->frame[i].line);
}

int error_exit_code(const struct error *err)
{
	switch (err->code) {
	case ERROR_NONE:
		return 0;
	case ERROR_USAGE:
		return 2;
	case ERROR_SYNTAX:
		return 3;
	case ERROR_NOT_FOUND:
		return 4;
	case ERROR_FORMAT:
	case ERROR_DIGEST:
	case ERROR_LIMIT:
		return 5;
	case ERROR_CHILD:
		return 6;
	case ERROR_SPACE:
		return 7;
	case ERROR_CANCELLED:
		return 130;
	case ERROR_EXISTS:
	case ERROR_DENIED:
	case ERROR_IO:
	case ERROR_BUG:
		break;
	}
	return 1;
}
