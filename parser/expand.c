/* SPDX-License-Identifier: Apache-2.0 */
#include "parser/pattern.h"
#include "parser/scan.h"

#include <string.h>

enum { EXPANSION_MAX = 2 * DOCKERFILE_MAX_BYTES };

struct expansion {
	word_lookup_fn *lookup;
	void *user;
	struct error *err;
	size_t left; /* bytes that may still be produced, what is thrown away and what is searched
			included */
};

static int expand(struct expansion *ex, const struct word *w, struct buf *out);

static int spend(struct expansion *ex, size_t bytes)
{
	if (bytes > ex->left)
		return error_set(ex->err, ERROR_LIMIT, "the expansion is too long");
	ex->left -= bytes;
	return 0;
}

static int complain(struct expansion *ex, const struct piece *piece, const char *value)
{
	auto_(buf) struct buf message = BUF_INIT;

	if (expand(ex, piece->operand, &message) < 0)
		return -1;
	if (message.length == 0)
		buf_add_str(&message, value == NULL ? "is not allowed to be unset"
						    : "is not allowed to be empty");
	error_set(ex->err, ERROR_SYNTAX, "%s: %s", piece->text, message.data);
	return error_hint(ex->err, "give it a value with ARG, ENV or --build-arg %s=VALUE",
			  piece->text);
}

/* A backslash means something in a pattern, not in what replaces it. */
static int expand_pattern(struct expansion *ex, const struct piece *piece, struct buf *out)
{
	auto_(buf) struct buf text = BUF_INIT, with = BUF_INIT;
	enum pattern_mode mode = PATTERN_PREFIX;
	const char *value;

	if (expand(ex, piece->operand, &text) < 0)
		return -1;
	if (piece->replacement != NULL && expand(ex, piece->replacement, &with) < 0)
		return -1;
	if (piece->op == WORD_SUFFIX || piece->op == WORD_SUFFIX_LONG)
		mode = PATTERN_SUFFIX;
	else if (piece->op == WORD_REPLACE)
		mode = PATTERN_FIRST;
	else if (piece->op == WORD_REPLACE_ALL)
		mode = PATTERN_ALL;
	/* Last, because a lookup may reuse what the one before returned. */
	value = ex->lookup(ex->user, piece->text);
	if (value == NULL)
		value = "";
	/* Matching may look at each byte as often as the pattern is long. */
	if (spend(ex, strlen(value) * (1 + text.length / 16)) < 0)
		return -1;
	return pattern_apply(text.data, mode,
			     piece->op == WORD_PREFIX_LONG || piece->op == WORD_SUFFIX_LONG, value,
			     with.data, ex->left, out, ex->err);
}

static int expand_variable(struct expansion *ex, const struct piece *piece, struct buf *out)
{
	const char *value;
	bool set;

	if (piece->op >= WORD_PREFIX)
		return expand_pattern(ex, piece, out);
	value = ex->lookup(ex->user, piece->text);
	set = value != NULL && !(piece->colon && *value == '\0');
	if (piece->op == WORD_PLUS)
		return set ? expand(ex, piece->operand, out) : 0;
	if (!set && piece->op == WORD_MINUS)
		return expand(ex, piece->operand, out);
	if (!set && piece->op == WORD_ASK)
		return complain(ex, piece, value);
	if (value != NULL)
		buf_add_str(out, value);
	return 0;
}

/* Recursion is bounded: word_parse() refuses what nests deeper than WORD_MAX_DEPTH. */
static int expand(struct expansion *ex, const struct word *w, struct buf *out)
{
	for (const struct piece *piece = w->first; piece != NULL; piece = piece->next) {
		size_t before = out->length;

		if (!piece->variable)
			buf_add(out, piece->text, piece->length);
		else if (expand_variable(ex, piece, out) < 0)
			return -1;
		if (spend(ex, out->length - before) < 0)
			return -1;
	}
	return 0;
}

int word_expand(const struct word *w, word_lookup_fn *lookup, void *user, struct buf *out,
		struct error *err)
{
	struct expansion ex = {lookup, user, err, EXPANSION_MAX};
	size_t length = out->length;

	if (expand(&ex, w, out) == 0)
		return 0;
	buf_truncate(out, length);
	return -1;
}

void word_names(const struct word *w, void (*seen)(void *user, const char *name), void *user)
{
	for (const struct piece *piece = w->first; piece != NULL; piece = piece->next) {
		if (!piece->variable)
			continue;
		seen(user, piece->text);
		if (piece->operand != NULL)
			word_names(piece->operand, seen, user);
		if (piece->replacement != NULL)
			word_names(piece->replacement, seen, user);
	}
}

int word_expand_text(const char *text, char escape, word_lookup_fn *lookup, void *user,
		     struct buf *out, struct error *err)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	struct word_error we;
	struct word *word = word_parse(&arena, text, strlen(text), WORD_PLAIN, escape, &we);

	if (word == NULL)
		return error_set(err, ERROR_SYNTAX, "\"%.100s\": %s", text, we.text);
	return word_expand(word, lookup, user, out, err);
}
