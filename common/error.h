/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One error, as a value on the caller's stack.
 *
 * Every function that can fail for reasons outside the program takes `struct error *err` last,
 * never NULL. On success it is untouched. On failure the function returns -1 (or NULL, as its
 * header says) and err holds the origin first and the context that callers added after it.
 * Nothing is allocated, so reporting an error cannot fail; a struct error may be sent through a
 * pipe as bytes between processes of one build.
 *
 *	if (layer_pack(upper, &options, &layer, err) < 0)
 *		return error_add(err, "packing step %d", step->number);
 */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#include <stdbool.h>
#include <stdio.h>

enum error_code {
	ERROR_NONE,
	ERROR_USAGE,     /* the command line is wrong */
	ERROR_SYNTAX,    /* the Dockerfile is wrong */
	ERROR_NOT_FOUND, /* something named does not exist (also ENOENT) */
	ERROR_EXISTS,    /* something named exists already (also EEXIST) */
	ERROR_FORMAT,    /* a document, archive or record is malformed */
	ERROR_DIGEST,    /* content does not match its digest or size */
	ERROR_LIMIT,     /* a named limit was exceeded */
	ERROR_DENIED,    /* not permitted (also EPERM, EACCES) */
	ERROR_CHILD,     /* a program that we ran failed */
	ERROR_CANCELLED, /* the user or another failure stopped it */
	ERROR_SPACE,     /* no space left (ENOSPC, EDQUOT) */
	ERROR_IO,        /* any other system error */
	ERROR_BUG,       /* ours */
};

enum { ERROR_FRAMES = 6, ERROR_TEXT = 400 };

struct error {
	enum error_code code;
	int os;    /* errno at the origin, or 0 */
	int depth; /* frames in use */
	struct error_frame {
		const char *file; /* only meaningful in the process that set it, or its forks */
		int line;
		char text[ERROR_TEXT];
	} frame[ERROR_FRAMES]; /* [0] is the origin */
	char hint[ERROR_TEXT]; /* what the user can do, or "" */
};

#define ERROR_INIT                                                                                 \
	{                                                                                          \
		.code = ERROR_NONE                                                                 \
	}

/* A finding of our own. Yields -1. */
#define error_set(err, code, ...) error_set_((err), (code), 0, __FILE__, __LINE__, __VA_ARGS__)
/* A failed system call; call it right after, it reads errno. Appends ": strerror". Yields -1. */
#define error_sys(err, ...) error_set_((err), ERROR_IO, errno, __FILE__, __LINE__, __VA_ARGS__)
/* Context from a caller, printed before what is there. Yields -1. */
#define error_add(err, ...) error_add_((err), __FILE__, __LINE__, __VA_ARGS__)

int error_set_(struct error *err, enum error_code code, int os, const char *file, int line,
	       const char *format, ...) __attribute__((format(printf, 6, 7)));
int error_add_(struct error *err, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* One sentence telling the user what to do; replaces an earlier hint. Yields -1. */
int error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the error; for callers that recover. */
void error_clear(struct error *err);

/* "context: context: origin" into text (NUL-terminated, cut at size). Control bytes become '?',
   so hostile names cannot drive the terminal. */
void error_format(const struct error *err, char *text, size_t size);

/* Prints "varve: " and error_format() and the hint on its own line; with trail also the source
   lines that the error passed. */
void error_print(const struct error *err, FILE *out, bool trail);

/* The process exit status documented in varve(1) for this error. */
int error_exit_code(const struct error *err);

#endif
