/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of one word; see word.l. All errors are found by the scanner. */
%code requires {
#include "parser/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct word_slice {
	const char *text;
	size_t length;
};

struct word_scan {
	struct arena *arena;
	enum word_mode mode;
	char escape;
	const char *base;
	void *flex;
	struct word *result;
	struct word_error *error;
	size_t quote; /* where the innermost open double quote is */
	size_t depth;
	size_t brace[WORD_MAX_DEPTH + 1]; /* where each open ${ is */
	bool raw[WORD_MAX_DEPTH + 1];     /* whether it holds a pattern */
};
}
%code provides {
int word_lex(union WORD_YYSTYPE *value, void *scanner);
int word_fail(struct word_scan *ws, size_t at, size_t length, const char *hint, const char *format,
	      ...) __attribute__((format(printf, 5, 6)));
void word_literal(struct arena *arena, struct word *word, const char *text, size_t length);
}
%code {
static int word_yylex(union WORD_YYSTYPE *value, struct word_scan *ws);
static void word_yyerror(struct word_scan *ws, const char *message);
static struct word *word_new(struct word_scan *ws);
static struct word *word_add(struct word *word, struct piece *piece);
static struct word *word_join(struct word *word, const struct word *more);
static struct piece *variable(struct word_scan *ws, struct word_slice name);
static struct piece *operation(struct word_scan *ws, struct word_slice name,
			       struct word_operator op, const struct word *operand,
			       const struct word *replacement);
}
%code requires {
struct word_operator {
	enum word_op op;
	bool colon;
};
}
%define api.pure full
%define api.prefix {word_yy}
%define api.token.prefix {W_}
%define api.value.union.name WORD_YYSTYPE
%expect 0
%param {struct word_scan *ws}
%union {
	struct word_slice slice;
	struct word_operator op;
	struct word *word;
	struct piece *piece;
}
%token <slice> LITERAL VARIABLE OPEN
%token <op> OPERATOR REPLACE
%token SLASH CLOSE QUOTE UNQUOTE
%type <word> parts
%type <piece> part
%%
start
	: parts                                 { ws->result = $1; }
	;
parts
	: %empty                                { $$ = word_new(ws); }
	| parts LITERAL                         { word_literal(ws->arena, $1, $2.text, $2.length); }
	| parts part                            { $$ = word_add($1, $2); }
	| parts QUOTE parts UNQUOTE             { $$ = word_join($1, $3); }
	;
part
	: VARIABLE                              { $$ = variable(ws, $1); }
	| OPEN OPERATOR parts CLOSE             { $$ = operation(ws, $1, $2, $3, NULL); }
	| OPEN REPLACE parts SLASH parts CLOSE  { $$ = operation(ws, $1, $2, $3, $5); }
	;
%%
static int word_yylex(union WORD_YYSTYPE *value, struct word_scan *ws)
{
	return word_lex(value, ws->flex);
}

/* The scanner has said what is wrong; this is for what it leaves to the grammar: nothing. */
static void word_yyerror(struct word_scan *ws, const char *message)
{
	ws->error->hint = NULL;
	snprintf(ws->error->text, sizeof(ws->error->text), "%s", message);
}

static struct word *word_new(struct word_scan *ws)
{
	return arena_alloc(ws->arena, sizeof(struct word));
}

static struct word *word_add(struct word *word, struct piece *piece)
{
	if (word->last != NULL)
		word->last->next = piece;
	else
		word->first = piece;
	word->last = piece;
	return word;
}

static struct word *word_join(struct word *word, const struct word *more)
{
	if (more->first == NULL)
		return word;
	word_add(word, more->first);
	word->last = more->last;
	return word;
}

void word_literal(struct arena *arena, struct word *word, const char *text, size_t length)
{
	struct piece *piece = arena_alloc(arena, sizeof(*piece));

	piece->text = arena_strndup(arena, text, length);
	piece->length = length;
	word_add(word, piece);
}

static struct piece *variable(struct word_scan *ws, struct word_slice name)
{
	struct piece *piece = arena_alloc(ws->arena, sizeof(*piece));

	piece->variable = true;
	piece->text = arena_strndup(ws->arena, name.text, name.length);
	piece->length = name.length;
	return piece;
}

static struct piece *operation(struct word_scan *ws, struct word_slice name,
			       struct word_operator op, const struct word *operand,
			       const struct word *replacement)
{
	struct piece *piece = variable(ws, name);

	piece->op = op.op;
	piece->colon = op.colon;
	piece->operand = operand;
	piece->replacement = replacement;
	return piece;
}
