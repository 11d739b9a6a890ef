/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of options that are lists: "key=value,key=value". As in a line of CSV a field that
 * contains a comma is written in double quotes, and a double quote in it twice.
 */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include "common/arena.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The next field of *rest, which is set to NULL after the last; NULL if there is none left or a
   quote is not closed (then with err). */
const char *field_next(struct arena *arena, const char **rest, struct error *err);

struct key_value {
	const char *key;     /* in lower case */
	const char *written; /* the key as it was written */
	const char *value;   /* NULL if there was no '=' */
};

/* Takes a whole list apart. */
int fields_parse(struct arena *arena, const char *text, struct key_value **out, size_t *count,
		 struct error *err);

/* ERROR_USAGE: the option takes only these keys; with the nearest one as a hint. Yields -1. */
int field_unknown(const char *option, const char *key, const char *const *known, struct error *err);

#endif
