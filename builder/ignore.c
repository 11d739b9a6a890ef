/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/ignore.h"

#include <string.h>

static const char blanks[] = " \t\r\v\f";

struct pattern {
	const struct glob *glob;
	bool negated;
};

struct ignore {
	struct arena arena;
	const char *name; /* of the file; NULL: it is none */
	struct pattern *patterns;
	size_t count;
	bool exceptions;
};

/* --- making lists -------------------------------------------------------------------------- */

struct ignore *ignore_new(void)
{
	struct ignore *ig = xcalloc(1, sizeof(*ig));

	ig->arena = (struct arena)ARENA_INIT;
	return ig;
}

void ignore_free(struct ignore *ig)
{
	if (ig == NULL)
		return;
	arena_release(&ig->arena);
	free(ig);
}

/* Go's path.Clean, and one leading slash less: ".." that leads out stays and so matches nothing. */
static void clean(const char *text, struct buf *out)
{
	bool absolute = *text == '/';
	size_t kept = 0; /* bytes of leading ".." */

	while (*text != '\0') {
		size_t n = strcspn(text, "/");

		if (n == 2 && memcmp(text, "..", 2) == 0 && (out->length > kept || absolute)) {
			const char *last = strrchr(out->data + kept, '/');

			buf_truncate(out, last != NULL ? (size_t)(last - out->data) : kept);
		} else if (n > 0 && !(n == 1 && *text == '.')) {
			if (out->length > 0)
				buf_add_char(out, '/');
			buf_add(out, text, n);
			if (n == 2 && memcmp(text, "..", 2) == 0)
				kept = out->length;
		}
		text += n;
		text += *text == '/';
	}
}

static int add(struct ignore *ig, const char *text, bool negated, struct error *err)
{
	auto_(buf) struct buf pattern = BUF_INIT;

	clean(text, &pattern);
	if (glob_check(pattern.data, err) < 0)
		return -1;
	/* "." and "/" are the root itself, which nobody asks about. */
	if (pattern.length == 0)
		return 0;
	ig->exceptions = ig->exceptions || negated;
	ig->patterns = arena_grow(&ig->arena, ig->patterns, ig->count, sizeof(*ig->patterns));
	ig->patterns[ig->count++] = (struct pattern){
		.glob = glob_new(&ig->arena, pattern.data, GLOB_TREE), .negated = negated};
	return 0;
}

int ignore_add_plain(struct ignore *ig, const char *pattern, struct error *err)
{
	return add(ig, pattern, false, err);
}

static char *trim(const char *text)
{
	size_t length;

	text += strspn(text, blanks);
	length = strlen(text);
	while (length > 0 && strchr(blanks, text[length - 1]) != NULL)
		length--;
	return xstrndup(text, length);
}

int ignore_add(struct ignore *ig, const char *pattern, struct error *err)
{
	auto_free char *text = trim(pattern);
	bool negated = *text == '!';
	const char *rest = text + negated;

	rest += strspn(rest, blanks);
	if (negated && strcmp(rest + strspn(rest, "/"), "") == 0)
		return error_set(err, ERROR_SYNTAX, "\"!\" without a pattern");
	return add(ig, rest, negated, err);
}

struct ignore *ignore_parse(const char *name, const char *text, size_t length, struct error *err)
{
	auto_(ignore) struct ignore *ig = ignore_new();
	const char *end = text + length;

	ig->name = arena_strdup(&ig->arena, name);
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (unsigned number = 1; text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline != NULL ? newline : end) - text);
		auto_free char *line = xstrndup(text, n);

		if (memchr(text, '\0', n) != NULL) {
			error_set(err, ERROR_SYNTAX, "%s:%u: a NUL byte", name, number);
			return NULL;
		}
		/* Only at the very beginning of a line is it a comment. */
		if (*line != '#' && ignore_add(ig, line, err) < 0) {
			error_add(err, "%s:%u", name, number);
			return NULL;
		}
		text += n + (newline != NULL);
	}
	return steal(ig);
}

/* --- asking -------------------------------------------------------------------------------- */

const char *ignore_name(const struct ignore *ig)
{
	return ig->name;
}

size_t ignore_count(const struct ignore *ig)
{
	return ig != NULL ? ig->count : 0;
}

bool ignore_has_exceptions(const struct ignore *ig)
{
	return ig != NULL && ig->exceptions;
}

bool ignore_match_below(const struct ignore *ig, const bool *above, const char *path, bool *own)
{
	bool matched = false;

	for (size_t i = 0; i < ignore_count(ig); i++) {
		const struct pattern *p = &ig->patterns[i];
		bool hit = (above != NULL && above[i]) ||
			   (p->negated == matched && glob_matches(p->glob, path));

		if (own != NULL)
			own[i] = hit;
		if (hit)
			matched = !p->negated;
	}
	return matched;
}

bool ignore_match(const struct ignore *ig, const char *path)
{
	auto_free char *part = NULL;
	auto_free bool *seen = NULL;
	bool *above = NULL;

	if (ignore_count(ig) == 0)
		return false;
	part = xstrdup(path);
	seen = xcalloc(ig->count, sizeof(*seen));
	for (char *slash = strchr(part, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ignore_match_below(ig, above, part, seen);
		above = seen;
		*slash = '/';
	}
	return ignore_match_below(ig, above, path, NULL);
}
