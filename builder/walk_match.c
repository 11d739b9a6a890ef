/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths a source means. */
#include "builder/walk_private.h"

#include "common/arena.h"
#include "common/fd.h"

#include <linux/openat2.h>
#include <string.h>

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

char *walk_join(const char *a, const char *b)
{
	size_t first = strlen(a), second = strlen(b), slash = first > 0;
	char *joined = xmalloc(first + slash + second + 1);

	memcpy(joined, a, first);
	joined[first] = '/';
	memcpy(joined + first + slash, b, second + 1);
	return joined;
}

/* --- wildcards ----------------------------------------------------------------------------- */

struct matcher {
	const struct walk_options *o;
	struct names *found;
};

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
	auto_(arena) struct arena arena = ARENA_INIT;
	const struct glob *glob = glob_new(&arena, first, GLOB_PATH);
	auto_(listing) struct listing entries = LISTING_INIT;
	struct error missing = ERROR_INIT;
	auto_fd int dir = open_in(m->o->root, *base != '\0' ? base : ".", O_RDONLY | O_DIRECTORY, 0,
				  &missing);

	if (dir < 0)
		return 0; /* not a directory: nothing below it matches */
	if (listing_read(dir, &entries, err) < 0)
		return -1;
	listing_sort(&entries);
	for (size_t i = 0; i < entries.count; i++) {
		const char *name = entries.item[i].name;
		auto_free char *path = NULL;

		if (!glob_matches(glob, name))
			continue;
		path = walk_join(base, name);
		if (rest != NULL) {
			if (may_hold(m->o, path) && match_below(m, path, rest, err) < 0)
				return -1;
		} else if (!ignore_match(m->o->ignore, path) &&
			   !ignore_match(m->o->exclude, name)) {
			names_add(m->found, steal(path));
		}
	}
	return 0;
}

/* --- plain paths --------------------------------------------------------------------------- */

static int not_found(const struct walk_options *o, const char *path, const char *written,
		     struct error *err)
{
	int beneath = openat_policy(o->root, path, O_PATH, 0, RESOLVE_BENEATH);
	bool escapes = beneath < 0 && errno == EXDEV;

	if (beneath >= 0)
		close(beneath);
	error_set(err, ERROR_NOT_FOUND, "%s: not found", written);
	if (ignore_match(o->ignore, path))
		return error_hint(err, "%s excludes it", ignore_name(o->ignore));
	if (escapes || strstr(written, "..") != NULL)
		return error_hint(err, "the context is the root: \"..\" and symlinks do not lead "
				       "out of it");
	if (beneath >= 0)
		return error_hint(err, "a symlink is on the way, which --parents does not follow");
	return -1;
}

/* 1: it is there and not left out; 0: --exclude leaves it out. */
static int check_literal(const struct walk_options *o, const char *path, const char *written,
			 struct error *err)
{
	const char *slash = strrchr(path, '/');
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
	/* The directory itself is what --exclude looks into, never at. */
	return S_ISDIR(st.st_mode) || !ignore_match(o->exclude, slash != NULL ? slash + 1 : path);
}

int walk_missed(const struct walk_options *o, const char *base, const char *pattern,
		const char *written, struct error *err)
{
	auto_free char *plain = glob_literal(pattern);
	auto_free char *path = walk_join(base, plain);
	struct error missing = ERROR_INIT;

	if (o->exclude != NULL && check_literal(o, path, written, &missing) >= 0)
		return 0;
	not_found(o, path, written, err);
	return -1;
}

/* --- both ---------------------------------------------------------------------------------- */

static int find(const struct walk_options *o, const char *source, const char *written,
		struct names *found, struct error *err)
{
	struct matcher m = {.o = o, .found = found};
	auto_free char *path = NULL;
	int status;

	if (glob_has_wildcard(source))
		return match_below(&m, "", source, err);
	path = glob_literal(source);
	status = check_literal(o, path, written, err);
	if (status > 0)
		names_add(found, steal(path));
	return status < 0 ? -1 : 0;
}

static bool is_directory(const struct walk_options *o, const char *path)
{
	struct error ignored = ERROR_INIT;
	auto_fd int fd = open_in(o->root, path, O_PATH | O_DIRECTORY, 0, &ignored);

	return fd >= 0;
}

int walk_match(const struct walk_options *o, const char *source, const char *written, char ***paths,
	       size_t *count, struct error *err)
{
	/* What lies before the pivot is only where the search begins. */
	const struct walk_options start = {
		.root = o->root, .ignore = o->ignore, .exclude = o->parents ? NULL : o->exclude};
	auto_(names) struct names found = {.item = NULL};
	auto_free char *base = walk_base(o, source);
	size_t kept = 0;

	if (find(&start, base, written, &found, err) < 0)
		return -1;
	for (size_t i = 0; o->parents && i < found.count; i++) {
		auto_free char *path = found.item[i];

		found.item[i] = NULL;
		/* Of what a wildcard meets only directories can be meant. */
		if (!glob_has_wildcard(base) || is_directory(o, path))
			found.item[kept++] = xprintf("%s%s", path, source + strlen(base));
	}
	if (o->parents)
		found.count = kept;
	*paths = steal(found.item);
	*count = found.count;
	found.count = 0;
	return 0;
}
