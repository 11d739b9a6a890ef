/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/walk.h"

#include "common/arena.h"
#include "common/fd.h"
#include "common/listing.h"

#include <limits.h>
#include <linux/openat2.h>
#include <string.h>

enum { WALK_MAX_DEPTH = 256 };

struct names {
	char **item;
	size_t count;
};

static void names_release(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->item[i]);
	free(n->item);
}
DEFINE_CLEANUP_STRUCT(names, struct names, names_release);

static void names_add(struct names *n, char *name)
{
	n->item = xgrow(n->item, n->count, sizeof(*n->item));
	n->item[n->count++] = name;
}

static int list(int dir, struct listing *out, struct error *err)
{
	if (listing_read(dir, out, err) < 0)
		return -1;
	listing_sort(out);
	return 0;
}

/* --- wildcards ----------------------------------------------------------------------------- */

struct matcher {
	const struct walk_options *o;
	struct names *found;
};

static char *join(const char *a, const char *b)
{
	return *a == '\0' ? xstrdup(b) : xprintf("%s/%s", a, b);
}

static bool may_hold(const struct walk_options *o, const char *path)
{
	return !ignore_match(o->ignore, path) || ignore_has_exceptions(o->ignore);
}

/* Matches the components of `pattern` one by one below `base`. */
static int match_below(struct matcher *m, const char *base, const char *pattern, struct error *err)
{
	size_t length = strcspn(pattern, "/");
	const char *rest = pattern[length] == '/' ? pattern + length + 1 : NULL;
	auto_free char *first = xstrndup(pattern, length);
	auto_(listing) struct listing entries = LISTING_INIT;
	struct error missing = ERROR_INIT;
	auto_fd int dir = open_in(m->o->root, *base != '\0' ? base : ".", O_RDONLY | O_DIRECTORY, 0,
				  &missing);

	if (dir < 0)
		return 0; /* not a directory: nothing below it matches */
	if (list(dir, &entries, err) < 0)
		return -1;
	for (size_t i = 0; i < entries.count; i++) {
		auto_free char *path = NULL;

		if (!glob_match(first, entries.item[i].name))
			continue;
		path = join(base, entries.item[i].name);
		if (rest != NULL) {
			if (may_hold(m->o, path) && match_below(m, path, rest, err) < 0)
				return -1;
		} else if (!ignore_match(m->o->ignore, path)) {
			names_add(m->found, steal(path));
		}
	}
	return 0;
}

/* Backslashes before wildcard characters of a literal source are escapes there too. */
static char *unescape(const char *text)
{
	char *copy = xstrdup(text), *to = copy;

	for (; *text != '\0'; text++) {
		if (*text == '\\' && text[1] != '\0')
			text++;
		*to++ = *text;
	}
	*to = '\0';
	return copy;
}

static int not_found(const struct walk_options *o, const char *path, const char *written,
		     struct error *err)
{
	int beneath = openat_policy(o->root, path, O_PATH, 0, RESOLVE_BENEATH);
	bool escapes = beneath < 0 && errno == EXDEV;

	if (beneath >= 0)
		close(beneath);
	error_set(err, ERROR_NOT_FOUND, "%s: not found", written);
	if (o->ignore != NULL && ignore_match(o->ignore, path))
		return error_hint(err, ".dockerignore excludes it");
	if (escapes || strstr(written, "..") != NULL)
		return error_hint(err, "the context is the root: \"..\" and symlinks do not lead "
				       "out of it");
	return 0;
}

static int check_literal(const struct walk_options *o, const char *path, const char *written,
			 struct error *err)
{
	struct error missing = ERROR_INIT;
	bool ignored = *path != '\0' && ignore_match(o->ignore, path);
	auto_fd int fd = open_in(o->root, *path != '\0' ? path : ".", O_PATH, 0, &missing);
	struct stat st;

	if (fd < 0 && missing.code != ERROR_NOT_FOUND) {
		*err = missing;
		return -1;
	}
	if (fd >= 0 && fstat(fd, &st) < 0)
		return error_sys(err, "%s", written);
	/* An ignored directory may still hold files that a "!" line includes again. */
	if (fd < 0 || (ignored && !(S_ISDIR(st.st_mode) && ignore_has_exceptions(o->ignore)))) {
		not_found(o, path, written, err);
		return -1;
	}
	return 0;
}

int walk_match(const struct walk_options *o, const char *source, const char *written, char ***paths,
	       size_t *count, struct error *err)
{
	auto_(names) struct names found = {.item = NULL};
	struct matcher m = {.o = o, .found = &found};

	if (!glob_has_wildcard(source)) {
		auto_free char *path = unescape(source);

		if (check_literal(o, path, written, err) < 0)
			return -1;
		names_add(&found, steal(path));
	} else if (match_below(&m, "", source, err) < 0) {
		return -1;
	}
	*paths = steal(found.item);
	*count = found.count;
	found.count = 0;
	return 0;
}

/* --- the walk ------------------------------------------------------------------------------ */

struct walker {
	const struct walk_options *o;
	const char *source; /* where the walk began, for the ignore patterns */
	walk_visit *visit;
	void *user;
};

static int walk_directory(struct walker *w, int dir, const char *path, int depth,
			  struct error *err);

static int walk_entry(struct walker *w, int dir, const char *name, const char *path, int depth,
		      struct error *err)
{
	struct walk_entry entry = {.dir = dir, .name = name, .path = path};
	auto_free char *whole = join(w->source, path);
	bool ignored = w->o->ignore != NULL && ignore_match(w->o->ignore, whole);
	auto_fd int child = -1;

	if (fstatat(dir, name, &entry.st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "%s", whole);
	if (!S_ISDIR(entry.st.st_mode))
		return ignored ? 0 : w->visit(w->user, &entry, false, err);
	if (ignored && !ignore_has_exceptions(w->o->ignore))
		return 0;
	if (depth >= WALK_MAX_DEPTH)
		return error_set(err, ERROR_LIMIT, "%s: more than %d directories deep", whole,
				 WALK_MAX_DEPTH);
	child = open_child(dir, name, O_RDONLY | O_DIRECTORY, 0, err);
	if (child < 0)
		return error_add(err, "%s", whole);
	if (!ignored && w->visit(w->user, &entry, false, err) < 0)
		return -1;
	if (walk_directory(w, child, path, depth + 1, err) < 0)
		return -1;
	return ignored ? 0 : w->visit(w->user, &entry, true, err);
}

static int walk_directory(struct walker *w, int dir, const char *path, int depth, struct error *err)
{
	auto_(listing) struct listing entries = LISTING_INIT;

	if (list(dir, &entries, err) < 0)
		return -1;
	for (size_t i = 0; i < entries.count; i++) {
		auto_free char *below = join(path, entries.item[i].name);

		if (walk_entry(w, dir, entries.item[i].name, below, depth, err) < 0)
			return -1;
	}
	return 0;
}

/* Splits the resolved source into the directory that holds it and its name there. */
static int locate(const struct walk_options *o, const char *path, int *dir, char **name,
		  struct error *err)
{
	auto_free char *at = xstrdup(path);
	char target[PATH_MAX];

	for (int links = 0; links < 40; links++) {
		char *slash = strrchr(at, '/');
		const char *last = slash != NULL ? slash + 1 : at;
		auto_free char *parent = slash != NULL ? xstrndup(at, (size_t)(slash - at)) : NULL;
		auto_fd int fd = open_in(o->root, parent != NULL && *parent != '\0' ? parent : ".",
					 O_RDONLY | O_DIRECTORY, 0, err);
		ssize_t n;
		char *next;

		if (fd < 0)
			return -1;
		n = readlinkat(fd, last, target, sizeof(target) - 1);
		if (n < 0) {
			*name = xstrdup(last);
			*dir = steal_fd(&fd);
			return 0;
		}
		target[n] = '\0';
		next = target[0] == '/' || parent == NULL ? xstrdup(target) : join(parent, target);
		free(at);
		at = next;
		/* openat2 resolves what is left of "..": only the last name must be a plain one. */
		while (at[0] != '\0' && at[1] != '\0' && at[strlen(at) - 1] == '/')
			at[strlen(at) - 1] = '\0';
	}
	return error_set(err, ERROR_FORMAT, "%s: too many symbolic links", path);
}

int walk_tree(const struct walk_options *o, const char *path, walk_visit *visit, void *user,
	      struct error *err)
{
	struct walker w = {.o = o, .source = path, .visit = visit, .user = user};
	struct walk_entry entry = {.path = ""};
	auto_fd int dir = -1, child = -1;
	auto_free char *name = NULL;

	/* The source itself: a link is followed, in the root. */
	child = open_in(o->root, *path != '\0' ? path : ".", O_PATH, 0, err);
	if (child < 0 || fstat(child, &entry.st) < 0)
		return child < 0 ? -1 : error_sys(err, "%s", path);
	if (S_ISDIR(entry.st.st_mode)) {
		auto_fd int readable = open_in(o->root, *path != '\0' ? path : ".",
					       O_RDONLY | O_DIRECTORY, 0, err);

		if (readable < 0)
			return -1;
		entry.dir = readable;
		entry.name = ".";
		if (visit(user, &entry, false, err) < 0 ||
		    walk_directory(&w, readable, "", 0, err) < 0)
			return -1;
		return visit(user, &entry, true, err);
	}
	if (locate(o, path, &dir, &name, err) < 0)
		return -1;
	entry.dir = dir;
	entry.name = name;
	return visit(user, &entry, false, err);
}
