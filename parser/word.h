/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One word with quotes and variables as a list of pieces. Private to parser/: word.l and word.y
 * make it, expand.c walks it.
 */
#ifndef PARSER_WORD_H
#define PARSER_WORD_H

#include "common/arena.h"

#include <stdbool.h>

enum word_mode { WORD_PLAIN, WORD_BODY };
enum word_op {
	WORD_VALUE,
	WORD_MINUS,
	WORD_PLUS,
	WORD_ASK,
	WORD_PREFIX,
	WORD_PREFIX_LONG,
	WORD_SUFFIX,
	WORD_SUFFIX_LONG,
	WORD_REPLACE,
	WORD_REPLACE_ALL,
};

struct piece {
	struct piece *next;
	const char *text; /* literal text, or the name of a variable */
	size_t length;
	bool variable;
	bool colon; /* empty counts as unset */
	enum word_op op;
	const struct word *operand, *replacement;
};

struct word {
	struct piece *first, *last;
};

struct word_error {
	size_t at, length; /* in the text */
	const char *hint;
	char text[200];
};

/* NULL with *we if text is not a word. */
struct word *word_parse(struct arena *arena, const char *text, size_t length, enum word_mode mode,
			char escape, struct word_error *we);

#endif
