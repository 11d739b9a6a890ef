/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/ignore.h"

#include "common/arena.h"

#include <string.h>

struct pattern {
	const char *text;
	bool negated;
};

struct ignore {
	struct arena arena;
	struct pattern *patterns;
	size_t count;
	bool exceptions;
};

/* --- one component ------------------------------------------------------------------------- */

/* Matches one character class at *pattern (after '['), as Go does. Leaves *pattern behind ']'. */
static bool class_match(const char **pattern, unsigned char c)
{
	const char *p = *pattern;
	bool negated = *p == '^', found = false;

	p += negated;
	for (bool first = true; *p != '\0' && (*p != ']' || first); first = false) {
		unsigned char low, high;

		p += *p == '\\' && p[1] != '\0';
		low = high = (unsigned char)*p++;
		if (*p == '-' && p[1] != '\0' && p[1] != ']') {
			p++;
			p += *p == '\\' && p[1] != '\0';
			high = (unsigned char)*p++;
		}
		found = found || (low <= c && c <= high);
	}
	*pattern = p + (*p == ']');
	return found != negated;
}

/* Greedy with one point to come back to: linear but for the last star. */
static bool component_match(const char *p, const char *p_end, const char *s, const char *s_end)
{
	const char *star = NULL, *resume = NULL;

	while (s < s_end) {
		const char *next = p;
		bool matched = false;

		if (p < p_end && *p == '*') {
			star = ++p;
			resume = s;
			continue;
		}
		if (p < p_end && *p == '[') {
			next = p + 1;
			matched = class_match(&next, (unsigned char)*s);
		} else if (p < p_end && *p == '?') {
			next = p + 1;
			matched = true;
		} else if (p < p_end) {
			p += *p == '\\' && p + 1 < p_end;
			next = p + 1;
			matched = *p == *s;
		}
		if (matched) {
			p = next;
			s++;
		} else if (star != NULL) {
			p = star;
			s = ++resume;
		} else {
			return false;
		}
	}
	while (p < p_end && *p == '*')
		p++;
	return p == p_end;
}

static size_t component(const char *text)
{
	return strcspn(text, "/");
}

static const char *skip(const char *text, size_t length)
{
	text += length;
	return text + (*text == '/');
}

bool glob_match(const char *pattern, const char *path)
{
	const char *star = NULL, *resume = NULL;

	while (*path != '\0') {
		size_t p = component(pattern), s = component(path);

		if (p == 2 && memcmp(pattern, "**", 2) == 0) {
			star = skip(pattern, p);
			pattern = star;
			resume = path;
			if (*star == '\0')
				return true;
			continue;
		}
		if (*pattern != '\0' && component_match(pattern, pattern + p, path, path + s)) {
			pattern = skip(pattern, p);
			path = skip(path, s);
			continue;
		}
		if (star == NULL)
			return false;
		resume = skip(resume, component(resume));
		path = resume;
		pattern = star;
	}
	while (strncmp(pattern, "**", 2) == 0 && (pattern[2] == '/' || pattern[2] == '\0'))
		pattern = skip(pattern, 2);
	return *pattern == '\0';
}

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

int glob_check(const char *pattern, struct error *err)
{
	for (const char *p = pattern; *p != '\0'; p++) {
		if (*p == '\\') {
			if (p[1] == '\0')
				return error_set(err, ERROR_FORMAT, "pattern ends in an escape: %s",
						 pattern);
			p++;
		} else if (*p == '[') {
			const char *close = p + 1;

			close += *close == '^';
			close += *close == ']';
			while (*close != '\0' && *close != ']' && *close != '/')
				close += *close == '\\' && close[1] != '\0' ? 2 : 1;
			if (*close != ']')
				return error_set(err, ERROR_FORMAT, "[ without ] in pattern: %s",
						 pattern);
			p = close;
		}
	}
	return 0;
}

/* --- the file ------------------------------------------------------------------------------ */

/* path.Clean of a pattern, without a leading slash. */
static const char *clean(struct arena *a, const char *text, size_t length)
{
	auto_(buf) struct buf out = BUF_INIT;
	const char *end = text + length;

	while (text < end) {
		const char *slash = memchr(text, '/', (size_t)(end - text));
		size_t n = (size_t)((slash != NULL ? slash : end) - text);
		const char *last = strrchr(out.data, '/');

		if (n == 2 && memcmp(text, "..", 2) == 0) {
			buf_truncate(&out, last != NULL ? (size_t)(last - out.data) : 0);
		} else if (n > 0 && !(n == 1 && *text == '.')) {
			if (out.length > 0)
				buf_add_char(&out, '/');
			buf_add(&out, text, n);
		}
		text += n + (slash != NULL);
	}
	return arena_strndup(a, out.data, out.length);
}

static int add_line(struct ignore *ig, const char *name, const char *line, size_t length,
		    unsigned number, struct error *err)
{
	static const char blank[] = " \t\r\v\f";
	struct pattern p = {.negated = false};

	if (length == 0 || *line == '#')
		return 0;
	while (length > 0 && strchr(blank, *line) != NULL)
		line++, length--;
	while (length > 0 && strchr(blank, line[length - 1]) != NULL)
		length--;
	if (length > 0 && *line == '!') {
		p.negated = true;
		line++, length--;
		while (length > 0 && strchr(blank, *line) != NULL)
			line++, length--;
		if (length == 0)
			return error_set(err, ERROR_SYNTAX, "%s:%u: \"!\" without a pattern", name,
					 number);
	}
	if (length == 0)
		return 0;
	p.text = clean(&ig->arena, line, length);
	if (glob_check(p.text, err) < 0)
		return error_add(err, "%s:%u", name, number);
	if (*p.text == '\0')
		return 0;
	ig->exceptions = ig->exceptions || p.negated;
	ig->patterns = arena_grow(&ig->arena, ig->patterns, ig->count, sizeof(*ig->patterns));
	ig->patterns[ig->count++] = p;
	return 0;
}

struct ignore *ignore_parse(const char *name, const char *text, size_t length, struct error *err)
{
	struct ignore *ig = xcalloc(1, sizeof(*ig));
	const char *end = text + length;
	unsigned number = 0;

	ig->arena = (struct arena)ARENA_INIT;
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline != NULL ? newline : end) - text);

		if (add_line(ig, name, text, n, ++number, err) < 0) {
			ignore_free(ig);
			return NULL;
		}
		text += n + (newline != NULL);
	}
	return ig;
}

void ignore_free(struct ignore *ig)
{
	if (ig == NULL)
		return;
	arena_release(&ig->arena);
	free(ig);
}

/* Whether the pattern matches the path or one of its parents. */
static bool covers(const char *pattern, const char *path)
{
	auto_free char *copy = xstrdup(path);

	for (;;) {
		char *slash;

		if (glob_match(pattern, copy))
			return true;
		slash = strrchr(copy, '/');
		if (slash == NULL)
			return false;
		*slash = '\0';
	}
}

bool ignore_match(const struct ignore *ig, const char *path)
{
	bool excluded = false;

	for (size_t i = 0; ig != NULL && i < ig->count; i++)
		if (ig->patterns[i].negated == excluded && covers(ig->patterns[i].text, path))
			excluded = !ig->patterns[i].negated;
	return excluded;
}

bool ignore_has_exceptions(const struct ignore *ig)
{
	return ig != NULL && ig->exceptions;
}
