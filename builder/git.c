/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/git.h"

#include "builder/remote.h"
#include "parser/dockerfile.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { GIT_MAX_URL = 8192, GIT_MAX_REF = 1024, GIT_MIN_CHECKSUM = 7 };

/* --- what is a repository ------------------------------------------------------------------ */

static bool begins(const char *text, const char *start)
{
	return strncasecmp(text, start, strlen(start)) == 0;
}

/* user@host:path as ssh takes it; returns the colon. */
static const char *scp_colon(const char *text)
{
	const char *at = text;
	const char *host;

	while (isalnum((unsigned char)*at) || *at == '-' || *at == '_' || *at == '.')
		at++;
	if (at == text || *at != '@')
		return NULL;
	for (host = ++at; isalnum((unsigned char)*at) || *at == '-' || *at == '.'; at++)
		continue;
	/* name@sha256:... is an image. */
	if (at == host || *at != ':' || begins(host, "sha256:"))
		return NULL;
	return at;
}

bool git_is_source(const char *text)
{
	size_t length;

	if (begins(text, "git://") || begins(text, "ssh://"))
		return true;
	if (begins(text, "http://") || begins(text, "https://")) {
		length = strcspn(text, "?#");
		return length > 4 && strncmp(text + length - 4, ".git", 4) == 0;
	}
	return scp_colon(text) != NULL;
}

/* --- one word ------------------------------------------------------------------------------ */

static bool parse_bool(const char *text, bool *out)
{
	static const char *const yes[] = {"", "1", "t", "T", "true", "TRUE", "True", NULL};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False", NULL};

	for (size_t i = 0; yes[i] != NULL; i++)
		if (strcmp(text, yes[i]) == 0) {
			*out = true;
			return true;
		}
	for (size_t i = 0; no[i] != NULL; i++)
		if (strcmp(text, no[i]) == 0) {
			*out = false;
			return true;
		}
	return false;
}

/* The rules of git-check-ref-format(1) for a name of one or more levels, and no leading '-'. */
static bool ref_is_valid(const char *ref)
{
	size_t length = strlen(ref);

	if (length == 0 || length > GIT_MAX_REF || ref[0] == '-' || ref[0] == '/' ||
	    ref[length - 1] == '/' || ref[length - 1] == '.' || strcmp(ref, "@") == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool first = i == 0 || ref[i - 1] == '/';
		size_t component;

		if ((unsigned char)ref[i] <= ' ' || ref[i] == 0x7f ||
		    strchr("~^:?*[\\", ref[i]) != NULL)
			return false;
		if ((ref[i] == '.' && (first || ref[i + 1] == '.')) || (ref[i] == '/' && first) ||
		    (ref[i] == '@' && ref[i + 1] == '{'))
			return false;
		component = first ? strcspn(ref + i, "/") : 0;
		if (component >= 5 && strncmp(ref + i + component - 5, ".lock", 5) == 0)
			return false;
	}
	return true;
}

static int check_ref(const char *ref, struct error *err)
{
	if (ref == NULL || ref_is_valid(ref))
		return 0;
	return error_set(err, ERROR_USAGE, "\"%s\" cannot be the name of a branch, tag or commit",
			 ref);
}

/* Clean and relative; nothing may lead out of the repository. */
static int take_subdir(struct arena *arena, const char *text, const char **out, struct error *err)
{
	auto_(buf) struct buf clean = BUF_INIT;

	for (const char *at = text; *at != '\0';) {
		size_t length = strcspn(at, "/");

		if (length == 2 && strncmp(at, "..", 2) == 0)
			return error_set(err, ERROR_USAGE,
					 "the subdirectory \"%s\" must not hold \"..\"", text);
		if (length > 0 && !(length == 1 && *at == '.')) {
			if (clean.length > 0)
				buf_add_char(&clean, '/');
			buf_add(&clean, at, length);
		}
		at += length + (at[length] == '/');
	}
	*out = arena_strdup(arena, clean.data);
	return 0;
}

static int take_checksum(struct arena *arena, const char *text, const char **out, struct error *err)
{
	size_t length = strlen(text);
	char *copy = arena_strdup(arena, text);

	for (char *c = copy; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	if (length < GIT_MIN_CHECKSUM || length >= GIT_ID_SIZE ||
	    strspn(copy, "0123456789abcdef") != length)
		return error_set(err, ERROR_USAGE,
				 "\"%s\" is no commit: it has %d to %d hexadecimal digits", text,
				 GIT_MIN_CHECKSUM, GIT_ID_SIZE - 1);
	*out = copy;
	return 0;
}

/* --- fragment and query -------------------------------------------------------------------- */

enum key {
	KEY_REF,
	KEY_BRANCH,
	KEY_TAG,
	KEY_SUBDIR,
	KEY_CHECKSUM,
	KEY_COMMIT,
	KEY_KEEP,
	KEY_SUBMODULES,
	KEY_MTIME,
	KEY_FETCH_BY_COMMIT,
	KEY_COUNT,
};

static const char *const keys[KEY_COUNT] = {
	"ref",    "branch",       "tag",        "subdir", "checksum",
	"commit", "keep-git-dir", "submodules", "mtime",  "fetch-by-commit",
};

/* What was written, decoded; NULL where nothing was. */
struct written {
	const char *value[KEY_COUNT];
	const char *ref, *subdir; /* of the fragment */
};

/* Decoded text with a control byte or a NUL in it could not be passed on. */
static const char *decode(struct arena *arena, const char *text, size_t length, struct error *err)
{
	auto_(buf) struct buf out = BUF_INIT;

	url_decode(text, length, &out);
	for (size_t i = 0; i < out.length; i++)
		if ((unsigned char)out.data[i] < 0x20 || out.data[i] == 0x7f) {
			error_set(err, ERROR_USAGE, "it holds a control character");
			return NULL;
		}
	return arena_strndup(arena, out.data, out.length);
}

static int take_fragment(struct arena *arena, const char *text, struct written *w,
			 struct error *err)
{
	const char *all = decode(arena, text, strlen(text), err);
	const char *colon;

	if (all == NULL)
		return -1;
	colon = strchr(all, ':');
	if (colon == NULL)
		w->ref = all;
	else
		w->ref = arena_strndup(arena, all, (size_t)(colon - all));
	if (colon != NULL && colon[1] != '\0')
		w->subdir = colon + 1;
	if (*w->ref == '\0')
		w->ref = NULL;
	return 0;
}

static int take_pair(struct arena *arena, const char *pair, size_t length, struct written *w,
		     struct error *err)
{
	const char *equals = memchr(pair, '=', length);
	size_t name_length = equals != NULL ? (size_t)(equals - pair) : length;
	const char *name = decode(arena, pair, name_length, err);
	const char *value = "", *near;
	size_t k = 0;

	if (name != NULL && equals != NULL)
		value = decode(arena, equals + 1, length - name_length - 1, err);
	if (name == NULL || value == NULL)
		return -1;
	while (k < KEY_COUNT && strcmp(name, keys[k]) != 0)
		k++;
	if (k == KEY_COUNT) {
		error_set(err, ERROR_USAGE, "the query has an unknown key \"%s\"", name);
		near = suggest(name, keys, KEY_COUNT);
		return near != NULL ? error_hint(err, "did you mean %s?", near)
				    : error_hint(err, "keys are ref, branch, tag, subdir, commit, "
						      "checksum, keep-git-dir, submodules, mtime "
						      "and fetch-by-commit");
	}
	if (w->value[k] != NULL)
		return error_set(err, ERROR_USAGE, "the query has %s more than once", name);
	if (*value == '\0' && k != KEY_KEEP && k != KEY_SUBMODULES)
		return error_set(err, ERROR_USAGE, "%s in the query has no value", name);
	w->value[k] = value;
	return 0;
}

static int take_query(struct arena *arena, const char *text, size_t length, struct written *w,
		      struct error *err)
{
	for (size_t at = 0; at < length;) {
		const char *end = memchr(text + at, '&', length - at);
		size_t pair = end != NULL ? (size_t)(end - text) - at : length - at;

		if (pair > 0 && take_pair(arena, text + at, pair, w, err) < 0)
			return -1;
		at += pair + 1;
	}
	return 0;
}

/* --- putting it together ------------------------------------------------------------------- */

static int merge(const char *what, const char *a, const char *b, const char **out,
		 struct error *err)
{
	if (a != NULL && b != NULL && strcmp(a, b) != 0)
		return error_set(err, ERROR_USAGE, "%s is given as \"%s\" and as \"%s\"", what, a,
				 b);
	*out = a != NULL ? a : b;
	return 0;
}

/* refs/heads/NAME; a name that is full already stays. */
static const char *full_ref(struct arena *arena, const char *prefix, const char *name)
{
	if (name == NULL || strncmp(name, prefix, strlen(prefix)) == 0)
		return name;
	return arena_printf(arena, "%s%s", prefix, name);
}

static int settle_ref(struct arena *arena, const struct written *w, struct git_source *out,
		      struct error *err)
{
	const char *branch = full_ref(arena, "refs/heads/", w->value[KEY_BRANCH]);
	const char *tag = full_ref(arena, "refs/tags/", w->value[KEY_TAG]);

	if (branch != NULL && tag != NULL)
		return error_set(err, ERROR_USAGE, "the query has both branch and tag");
	if (merge("the reference", w->ref, w->value[KEY_REF], &out->ref, err) < 0 ||
	    merge("the reference", out->ref, branch, &out->ref, err) < 0 ||
	    merge("the reference", out->ref, tag, &out->ref, err) < 0)
		return -1;
	return check_ref(out->ref, err);
}

static int settle_flags(const struct written *w, struct git_source *out, struct error *err)
{
	static const enum key flags[] = {KEY_KEEP, KEY_SUBMODULES, KEY_FETCH_BY_COMMIT};
	const char *mtime = w->value[KEY_MTIME];
	/* Commits are always fetched by their name. */
	bool by_commit = true;
	bool *const targets[] = {&out->keep_git_dir, &out->submodules, &by_commit};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		const char *value = w->value[flags[i]];

		if (value != NULL && !parse_bool(value, targets[i]))
			return error_set(err, ERROR_USAGE, "%s=%s: the value is true or false",
					 keys[flags[i]], value);
	}
	if (mtime != NULL && strcmp(mtime, "checkout") != 0 && strcmp(mtime, "commit") != 0)
		return error_set(err, ERROR_USAGE, "mtime=%s: the value is checkout or commit",
				 mtime);
	out->commit_times = mtime != NULL && strcmp(mtime, "commit") == 0;
	return 0;
}

static int settle(struct arena *arena, const struct written *w, struct git_source *out,
		  struct error *err)
{
	const char *subdir = NULL, *checksum = NULL;
	size_t length;

	if (settle_ref(arena, w, out, err) < 0 || settle_flags(w, out, err) < 0 ||
	    merge("the subdirectory", w->subdir, w->value[KEY_SUBDIR], &subdir, err) < 0 ||
	    merge("the commit", w->value[KEY_CHECKSUM], w->value[KEY_COMMIT], &checksum, err) < 0)
		return -1;
	if (subdir != NULL && take_subdir(arena, subdir, &out->subdir, err) < 0)
		return -1;
	if (checksum != NULL && take_checksum(arena, checksum, &out->checksum, err) < 0)
		return -1;
	length = out->checksum != NULL ? strlen(out->checksum) : 0;
	/* ?commit= alone names what to fetch; a prefix only checks what HEAD is. */
	if (out->ref == NULL && (length == 40 || length == 64))
		out->ref = out->checksum;
	return 0;
}

/* The URL goes to git and its helpers as an argument: none may take a part of it for an option
   (CVE-2017-1000117, CVE-2019-13139). */
static int check_url(const char *url, struct error *err)
{
	const char *colon = scp_colon(url);
	auto_free char *host = url_host(url);

	for (const char *c = url; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return error_set(err, ERROR_USAGE,
					 "it holds a blank or a control character");
	if (url[0] == '-' || (colon == NULL && (host[0] == '-' || strstr(url, "://-") != NULL)) ||
	    (colon != NULL && (colon[1] == '-' || strstr(url, "@-") != NULL)))
		return error_set(err, ERROR_USAGE, "a part of it begins with '-'");
	if (colon != NULL ? colon[1] == '\0' : host[0] == '\0')
		return error_set(err, ERROR_USAGE,
				 colon != NULL ? "it names no path" : "it names no host");
	if (colon == NULL && strchr(strstr(url, "://") + 3, '/') == NULL)
		return error_set(err, ERROR_USAGE, "it names no path");
	return 0;
}

static int parse(struct arena *arena, const char *text, struct git_source *out, struct error *err)
{
	size_t url_length = strcspn(text, "?#");
	const char *fragment = strchr(text, '#');
	const char *query = text[url_length] == '?' ? text + url_length + 1 : NULL;
	struct written w = {.ref = NULL};
	char *url;

	if (strlen(text) > GIT_MAX_URL)
		return error_set(err, ERROR_LIMIT, "it has more than %d bytes", GIT_MAX_URL);
	if (!git_is_source(text))
		return error_set(err, ERROR_USAGE, "it names no git repository");
	url = arena_strndup(arena, text, url_length);
	/* git knows its transports in lower case only. */
	for (char *c = strstr(url, "://"); c != NULL && c > url; c--)
		c[-1] = (char)tolower((unsigned char)c[-1]);
	out->url = url;
	if (check_url(out->url, err) < 0)
		return -1;
	if (query != NULL && take_query(arena, query, strcspn(query, "#"), &w, err) < 0)
		return -1;
	if (fragment != NULL && take_fragment(arena, fragment + 1, &w, err) < 0)
		return -1;
	return settle(arena, &w, out, err);
}

int git_parse(struct arena *arena, const char *text, struct git_source *out, struct error *err)
{
	auto_free char *shown = url_public(text);
	struct git_source source = {.subdir = "", .submodules = true};

	if (parse(arena, text, &source, err) < 0)
		return error_add(err, "%s", shown);
	*out = source;
	return 0;
}
