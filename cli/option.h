/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of options gives parsing, --help, completion, and the check of the man page.
 */
#ifndef CLI_OPTION_H
#define CLI_OPTION_H

#include "common/buf.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,   /* bool; --x, --x=true, --x=false */
	OPTION_STRING, /* const char *; the last one wins */
	OPTION_LIST,   /* struct option_list; may be repeated */
	OPTION_NUMBER, /* int64_t */
	OPTION_CHOICE, /* const char *, one of choices */
};

struct option_list {
	const char **item;
	size_t count;
};

struct option_spec {
	char letter;      /* 0: only the long name */
	const char *name; /* without dashes */
	enum option_kind kind;
	size_t offset;              /* of the member in the command's values struct */
	const char *value;          /* what it takes, for --help: "NAME"; NULL for flags */
	const char *help;           /* one line */
	const char *const *choices; /* NULL-terminated */
};

/* Parses argv[1..] into values. On return argv[*first_operand..argc) are the operands (options may
   stand between them unless options_first). Unknown options get a suggestion. `--` ends options.
   Returns 1 at once when it meets --help, or -h where the table has no such letter. values must be
   zeroed before and released after, whatever this returns. */
int option_parse(const struct option_spec *options, size_t count, bool options_first, void *values,
		 int argc, char **argv, int *first_operand, struct error *err);

/* Frees the lists in values; the texts are argv's. */
void option_release(const struct option_spec *options, size_t count, void *values);

/* The option lines of --help, that of --help included. */
void option_help(const struct option_spec *options, size_t count, struct buf *out);

/* "-t" "--tag=" ... one a line, --help included, for completion and the test that compares it with
 * the man page. */
void option_names(const struct option_spec *options, size_t count, struct buf *out);

#endif
