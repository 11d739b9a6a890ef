/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/glob.h"

#include <stdint.h>
#include <string.h>

/* A step of a pattern. */
struct token {
	enum {
		LITERAL,
		ONE,   /* ? */
		CLASS, /* text is what stands between the brackets */
		STAR,
		DIRECTORIES, /* nothing, or anything that ends with '/' */
		REST,        /* anything */
	} kind;
	const char *text;
	size_t length;
};

struct glob {
	struct token *tokens;
	size_t count;
	const char *suffix; /* "**" and plain text: what the path must end with; else NULL */
};

enum { SHORT_PATH = 512 }; /* longer ones need memory of their own */

/* --- characters ---------------------------------------------------------------------------- */

/* The bytes of the character at s, of which there are n > 0, and its code; as Go counts them. */
static size_t character(const char *s, size_t n, uint32_t *code)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *b = (const unsigned char *)s;
	size_t length = *b < 0x80 ? 1 : *b < 0xc0 ? 0 : *b < 0xe0 ? 2 : *b < 0xf0 ? 3 : 4;
	uint32_t c = length == 1 ? *b : length == 2 ? *b & 0x1f : length == 3 ? *b & 0x0f : *b & 7;

	*code = 0xfffd;
	if (length == 0 || length > n || *b > 0xf4)
		return 1;
	for (size_t i = 1; i < length; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (b[i] & 0x3f);
	}
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 1;
	*code = c;
	return length;
}

/* The next character of a class, escaped or not. */
static uint32_t class_character(const char **at, const char *end)
{
	uint32_t code;

	if (**at == '\\' && *at + 1 < end)
		++*at;
	*at += character(*at, (size_t)(end - *at), &code);
	return code;
}

static bool class_matches(const struct token *t, uint32_t code)
{
	const char *at = t->text, *end = t->text + t->length;
	bool negated = at < end && *at == '^', found = false;

	at += negated;
	while (at < end) {
		uint32_t low = class_character(&at, end), high = low;

		if (at + 1 < end && *at == '-') {
			at++;
			high = class_character(&at, end);
		}
		found = found || (low <= code && code <= high);
	}
	return found != negated;
}

/* --- matching ------------------------------------------------------------------------------ */

/* Where in the path a part of the pattern may end: from[i] is set if the tokens so far match the
   first i bytes. Gives the same for one more token, all of `to` written; false if nowhere. */
static bool fixed(const struct token *t, const char *path, size_t n, const unsigned char *from,
		  unsigned char *to)
{
	bool any = false;

	memset(to, 0, n + 1);
	for (size_t i = 0; i <= n; i++) {
		size_t length = t->length;
		uint32_t code;

		if (!from[i])
			continue;
		if (t->kind == LITERAL) {
			if (length > n - i || memcmp(path + i, t->text, length) != 0)
				continue;
		} else {
			if (i == n)
				continue;
			length = character(path + i, n - i, &code);
			if (t->kind == ONE ? path[i] == '/' : !class_matches(t, code))
				continue;
		}
		to[i + length] = 1;
		any = true;
	}
	return any;
}

static void star(const char *path, size_t n, const unsigned char *from, unsigned char *to)
{
	bool active = false;
	size_t next = 0; /* a character's end */

	for (size_t i = 0; i <= n; i++) {
		uint32_t code;

		if (from[i]) {
			active = true;
			next = i;
		}
		to[i] = active && i == next;
		if (i == n || path[i] == '/')
			active = false;
		else if (active && i == next)
			next = i + character(path + i, n - i, &code);
	}
}

static void directories(const char *path, size_t n, const unsigned char *from, unsigned char *to)
{
	bool active = false;

	for (size_t i = 0; i <= n; i++) {
		to[i] = from[i] || (active && path[i - 1] == '/');
		active = active || from[i];
	}
}

static void rest(size_t n, const unsigned char *from, unsigned char *to)
{
	bool active = false;

	for (size_t i = 0; i <= n; i++) {
		active = active || from[i];
		to[i] = active;
	}
}

static bool run(const struct glob *g, const char *path, size_t n, unsigned char *a,
		unsigned char *b)
{
	memset(a, 0, n + 1);
	a[0] = 1;
	for (size_t i = 0; i < g->count; i++) {
		const struct token *t = &g->tokens[i];
		unsigned char *swap = a;

		if (t->kind == STAR)
			star(path, n, a, b);
		else if (t->kind == DIRECTORIES)
			directories(path, n, a, b);
		else if (t->kind == REST)
			rest(n, a, b);
		else if (!fixed(t, path, n, a, b))
			return false;
		a = b;
		b = swap;
	}
	return a[n];
}

/* What plain text at both ends rules out without looking further: nearly every path. */
static bool ends_match(const struct glob *g, const char *path, size_t n)
{
	const struct token *first = g->tokens, *last = g->tokens + g->count - 1;

	if (first->kind == LITERAL &&
	    (first->length > n || memcmp(path, first->text, first->length) != 0))
		return false;
	return last->kind != LITERAL ||
	       (last->length <= n &&
		memcmp(path + n - last->length, last->text, last->length) == 0);
}

bool glob_matches(const struct glob *g, const char *path)
{
	unsigned char small[2][SHORT_PATH];
	size_t n = strlen(path);
	auto_free unsigned char *large = NULL;

	if (g->suffix != NULL) {
		size_t length = strlen(g->suffix);

		if (n >= length && strcmp(path + n - length, g->suffix) == 0)
			return true;
		return *g->suffix == '/' && strcmp(path, g->suffix + 1) == 0;
	}
	if (g->count == 0)
		return n == 0;
	if (!ends_match(g, path, n))
		return false;
	if (g->count == 1 && g->tokens[0].kind == LITERAL)
		return g->tokens[0].length == n;
	if (n < SHORT_PATH)
		return run(g, path, n, small[0], small[1]);
	large = xcalloc(2, n + 1);
	return run(g, path, n, large, large + n + 1);
}

/* --- taking a pattern apart ---------------------------------------------------------------- */

bool glob_has_wildcard(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' && text[1] != '\0')
			text++;
		else if (strchr("*?[", *text) != NULL)
			return true;
	}
	return false;
}

char *glob_literal(const char *text)
{
	char *copy = xstrdup(text), *to = copy;

	for (; *text != '\0'; text++) {
		text += *text == '\\' && text[1] != '\0';
		*to++ = *text;
	}
	*to = '\0';
	return copy;
}

size_t glob_fixed_length(const char *pattern)
{
	size_t length = strcspn(pattern, "*?[\\");

	if (pattern[length] == '\0')
		return length;
	while (length > 0 && pattern[length - 1] != '/')
		length--;
	return length > 0 ? length - 1 : 0;
}

/* One end of a range; NULL if there is none. */
static const char *class_end_of_character(const char *p)
{
	if (*p == '\0' || *p == '-' || *p == ']')
		return NULL;
	if (*p == '\\')
		p++;
	return *p != '\0' ? p + 1 : NULL;
}

/* Behind the ']' of the class that begins at p, or NULL. Bytes of one character that are neither
   '-' nor ']' may be taken one by one. */
static const char *class_end(const char *p)
{
	bool empty = true;

	p += *p == '^';
	while (*p != ']' || empty) {
		p = class_end_of_character(p);
		if (p != NULL && *p == '-')
			p = class_end_of_character(p + 1);
		if (p == NULL)
			return NULL;
		empty = false;
	}
	return p + 1;
}

int glob_check(const char *pattern, struct error *err)
{
	for (const char *p = pattern; *p != '\0';) {
		if (*p == '\\' && p[1] == '\0')
			return error_set(err, ERROR_SYNTAX, "pattern ends in an escape: %s",
					 pattern);
		if (*p == '[') {
			p = class_end(p + 1);
			if (p == NULL) {
				error_set(err, ERROR_SYNTAX, "[ without ] in pattern: %s", pattern);
				return error_hint(err, "write [[] for a bracket, and \\ before "
						       "] and - inside of brackets");
			}
			continue;
		}
		p += *p == '\\' ? 2 : 1;
	}
	return 0;
}

static struct token *add_token(struct arena *arena, struct glob *g, int kind)
{
	struct token *t;

	g->tokens = arena_grow(arena, g->tokens, g->count, sizeof(*g->tokens));
	t = &g->tokens[g->count++];
	t->kind = kind;
	return t;
}

/* The stars at p; returns what follows them. */
static const char *add_stars(struct arena *arena, struct glob *g, const char *p,
			     enum glob_kind kind)
{
	if (kind == GLOB_PATH || p[1] != '*') {
		add_token(arena, g, STAR);
		return p + 1;
	}
	p += 2;
	p += *p == '/';
	add_token(arena, g, *p != '\0' ? DIRECTORIES : REST);
	return p;
}

static const char *add_literal(struct arena *arena, struct glob *g, const char *p)
{
	struct token *t = add_token(arena, g, LITERAL);
	char *text = arena_alloc(arena, strlen(p) + 1);

	t->text = text;
	while (*p != '\0' && strchr("*?[", *p) == NULL) {
		p += *p == '\\' && p[1] != '\0';
		text[t->length++] = *p++;
	}
	return p;
}

struct glob *glob_new(struct arena *arena, const char *pattern, enum glob_kind kind)
{
	struct glob *g = arena_alloc(arena, sizeof(*g));
	const char *p = pattern;

	if (kind == GLOB_TREE && strncmp(p, "**", 2) == 0 && strpbrk(p + 2, "*?[]\\") == NULL)
		g->suffix = arena_strdup(arena, p + 2);
	while (*p != '\0') {
		if (*p == '*') {
			p = add_stars(arena, g, p, kind);
		} else if (*p == '?') {
			add_token(arena, g, ONE);
			p++;
		} else if (*p == '[') {
			const char *end = class_end(p + 1);
			struct token *t = add_token(arena, g, CLASS);

			t->length = (size_t)(end - p - 2);
			t->text = arena_strndup(arena, p + 1, t->length);
			p = end;
		} else {
			p = add_literal(arena, g, p);
		}
	}
	return g;
}
