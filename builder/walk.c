/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/walk.h"

#include "builder/walk_private.h"
#include "common/arena.h"
#include "common/fd.h"

#include <limits.h>
#include <linux/openat2.h>
#include <string.h>

enum { WALK_MAX_DEPTH = 256, AHEAD = 8 /* directories that the scout is sent to at a time */ };

/* A directory that the walk is in. */
struct frame {
	struct frame *above;
	struct walk_entry entry;
	bool visited;
	/* What each list's patterns said about it; NULL at the top of that list's paths. */
	const bool *ignored, *excluded, *included;
};

struct walker {
	const struct walk_options *o;
	const char *source; /* where the walk began, for the ignore patterns */
	struct ignore *include;
	const char *pattern; /* of include; NULL: everything is visited */
	size_t fixed;        /* its leading bytes that every visited path shares */
	bool met;            /* something that is not ignored matches the pattern */
	walk_visit *visit;
	void *user;
};

/* --- what is visited ----------------------------------------------------------------------- */

enum verdict { LEFT_OUT, MAY_LEAD, TAKEN };

/* Can anything below the directory match the pattern, as far as its fixed part says? */
static bool leads_to_pattern(const struct walker *w, const char *path)
{
	size_t length = strlen(path), shared = length < w->fixed ? length : w->fixed;

	if (memcmp(path, w->pattern, shared) != 0)
		return false;
	return length < w->fixed ? w->pattern[length] == '/'
				 : w->fixed == 0 || length == w->fixed || path[w->fixed] == '/';
}

/* own has room for what all lists say, or is NULL. */
static enum verdict judge(struct walker *w, const struct frame *above, const char *path, bool *own)
{
	const struct walk_options *o = w->o;
	size_t first = ignore_count(o->ignore), second = first + ignore_count(o->exclude);
	bool ignored = false, excluded, included = true;

	if (o->ignore != NULL) {
		auto_free char *joined = *w->source != '\0' ? walk_join(w->source, path) : NULL;

		ignored = ignore_match_below(o->ignore, above->ignored,
					     joined != NULL ? joined : path, own);
	}
	excluded = ignore_match_below(o->exclude, above->excluded, path,
				      own != NULL ? own + first : NULL);
	if (w->include != NULL)
		included = ignore_match_below(w->include, above->included, path,
					      own != NULL ? own + second : NULL);
	if (included && !ignored)
		w->met = true;
	if (included && !ignored && !excluded)
		return TAKEN;
	if ((ignored && !ignore_has_exceptions(o->ignore)) ||
	    (excluded && !ignore_has_exceptions(o->exclude)) ||
	    (!included && !leads_to_pattern(w, path)))
		return LEFT_OUT;
	return MAY_LEAD;
}

/* --- the walk ------------------------------------------------------------------------------ */

/* Something below is taken, so the directories on the way to it are needed. */
static int reach(struct walker *w, struct frame *f, struct error *err)
{
	if (f->visited)
		return 0;
	if (reach(w, f->above, err) < 0)
		return -1;
	f->visited = true;
	f->entry.on_the_way = true;
	return w->visit(w->user, &f->entry, false, err);
}

static int walk_directory(struct walker *w, struct frame *f, struct scouted *found, int depth,
			  struct error *err);

/* Opens and lists the directory, unless the scout did. */
static int look(struct walker *w, const struct walk_entry *entry, struct errand *errand,
		struct scouted *out, struct error *err)
{
	if (errand != NULL && scout_take(w->o->scout, errand, out))
		return 0;
	out->fd = open_child(entry->dir, entry->name, O_RDONLY | O_DIRECTORY, 0, err);
	if (out->fd < 0)
		return error_add(err, "%s", entry->path);
	if (listing_read(out->fd, &out->entries, err) < 0)
		return -1;
	listing_sort(&out->entries);
	return 0;
}

static int walk_below(struct walker *w, struct frame *above, const struct walk_entry *entry,
		      bool taken, const bool *said, struct errand **errand, int depth,
		      struct error *err)
{
	size_t first = ignore_count(w->o->ignore), second = first + ignore_count(w->o->exclude);
	struct frame f = {.above = above, .entry = *entry};
	auto_(scouted) struct scouted found = SCOUTED_INIT;

	f.ignored = said;
	f.excluded = said + first;
	f.included = said + second;
	if (depth >= WALK_MAX_DEPTH)
		return error_set(err, ERROR_LIMIT, "%s: more than %d directories deep", entry->path,
				 WALK_MAX_DEPTH);
	if (look(w, entry, steal(*errand), &found, err) < 0)
		return -1;
	if (taken && reach(w, above, err) < 0)
		return -1;
	f.visited = taken;
	if (taken && w->visit(w->user, &f.entry, false, err) < 0)
		return -1;
	if (walk_directory(w, &f, &found, depth + 1, err) < 0)
		return -1;
	return f.visited ? w->visit(w->user, &f.entry, true, err) : 0;
}

/* known is what the scout saw of it, or NULL. The errand is taken if there is something to take. */
static int walk_entry(struct walker *w, struct frame *above, int dir, const struct listed *item,
		      const struct stat *known, const char *path, struct errand **errand, int depth,
		      struct error *err)
{
	struct walk_entry entry = {.dir = dir, .name = item->name, .path = path};
	bool may_be_directory = item->type == DT_DIR || item->type == DT_UNKNOWN;
	size_t count =
		ignore_count(w->o->ignore) + ignore_count(w->o->exclude) + ignore_count(w->include);
	auto_free bool *said = may_be_directory ? xcalloc(count + 1, sizeof(*said)) : NULL;
	enum verdict verdict = judge(w, above, path, said);

	if (verdict == LEFT_OUT || (verdict == MAY_LEAD && !may_be_directory))
		return 0;
	if (known != NULL && known->st_nlink > 0)
		entry.st = *known;
	else if (fstatat(dir, item->name, &entry.st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "%s", path);
	if (S_ISDIR(entry.st.st_mode) && may_be_directory)
		return walk_below(w, above, &entry, verdict == TAKEN, said, errand, depth, err);
	if (S_ISDIR(entry.st.st_mode))
		return error_set(err, ERROR_IO, "%s changed while it was read", path);
	if (verdict != TAKEN)
		return 0;
	if (reach(w, above, err) < 0)
		return -1;
	return w->visit(w->user, &entry, false, err);
}

/* The scout on its way through one directory, in front of the walk. */
struct outing {
	struct errand **errands; /* one an entry; NULL: nobody was sent there, or is back */
	size_t next, out;        /* the first entry that was not looked at; how many are out */
};

static void send_ahead(struct walker *w, const struct frame *f, const struct scouted *found,
		       size_t at, struct outing *o)
{
	const struct listing *entries = &found->entries;

	if (w->o->scout == NULL)
		return;
	if (o->errands == NULL)
		o->errands = xcalloc(entries->count + 1, sizeof(struct errand *));
	for (o->next = o->next > at ? o->next : at + 1; o->next < entries->count && o->out < AHEAD;
	     o->next++) {
		const struct listed *item = &entries->item[o->next];
		auto_free char *path = NULL;

		if (item->type != DT_DIR)
			continue;
		path = walk_join(f->entry.path, item->name);
		if (judge(w, f, path, NULL) == LEFT_OUT)
			continue;
		o->errands[o->next] = scout_ask(w->o->scout, found->fd, item->name);
		o->out++;
	}
}

static void call_back(struct walker *w, struct outing *o, struct errand **errand)
{
	auto_(scouted) struct scouted unused = SCOUTED_INIT;

	o->out--;
	if (*errand != NULL)
		scout_take(w->o->scout, steal(*errand), &unused);
}

static int walk_directory(struct walker *w, struct frame *f, struct scouted *found, int depth,
			  struct error *err)
{
	const struct listing *entries = &found->entries;
	struct outing o = {NULL, 0, 0};
	int status = 0;

	for (size_t i = 0; i < entries->count && status == 0; i++) {
		auto_free char *below = walk_join(f->entry.path, entries->item[i].name);
		struct errand *errand = o.errands != NULL ? o.errands[i] : NULL;
		bool was_sent = errand != NULL;

		send_ahead(w, f, found, i, &o);
		status = walk_entry(w, f, found->fd, &entries->item[i],
				    found->stats != NULL ? &found->stats[i] : NULL, below, &errand,
				    depth, err);
		if (was_sent)
			call_back(w, &o, &errand);
		if (o.errands != NULL)
			o.errands[i] = NULL;
	}
	for (size_t i = 0; o.out > 0; i++)
		if (o.errands[i] != NULL)
			call_back(w, &o, &o.errands[i]);
	free(o.errands);
	return status;
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
		next = target[0] == '/' || parent == NULL ? xstrdup(target)
							  : walk_join(parent, target);
		free(at);
		at = next;
		/* openat2 resolves what is left of "..": only the last name must be a plain one. */
		while (at[0] != '\0' && at[1] != '\0' && at[strlen(at) - 1] == '/')
			at[strlen(at) - 1] = '\0';
	}
	return error_set(err, ERROR_FORMAT, "%s: too many symbolic links", path);
}

static int walk_root(struct walker *w, const struct stat *st, struct error *err)
{
	const char *path = *w->source != '\0' ? w->source : ".";
	struct frame top = {.entry = {.name = ".", .path = "", .st = *st}, .visited = true};
	auto_free char *part = xstrdup(w->source);
	auto_free bool *said = xcalloc(ignore_count(w->o->ignore) + 1, sizeof(*said));
	auto_(scouted) struct scouted found = SCOUTED_INIT;

	found.fd = open_in(w->o->root, path, O_RDONLY | O_DIRECTORY, 0, err);
	if (found.fd < 0 || listing_read(found.fd, &found.entries, err) < 0)
		return -1;
	listing_sort(&found.entries);
	/* What the ignore file says about the source counts for everything in it. */
	for (char *end = part; *end != '\0';) {
		char cut;

		end += strcspn(end + 1, "/") + 1;
		cut = *end;
		*end = '\0';
		ignore_match_below(w->o->ignore, top.ignored, part, said);
		top.ignored = said;
		*end = cut;
	}
	top.entry.dir = found.fd;
	if (w->visit(w->user, &top.entry, false, err) < 0 ||
	    walk_directory(w, &top, &found, 0, err) < 0)
		return -1;
	return w->visit(w->user, &top.entry, true, err);
}

static int walk_file(struct walker *w, const struct stat *st, struct error *err)
{
	struct walk_entry entry = {.path = "", .st = *st};
	auto_free char *name = NULL;
	auto_fd int dir = -1;

	if (locate(w->o, w->source, &dir, &name, err) < 0)
		return -1;
	entry.dir = dir;
	entry.name = name;
	return w->visit(w->user, &entry, false, err);
}

static int walk_pattern(struct walker *w, const char *written, const struct stat *st,
			struct error *err)
{
	auto_(ignore) struct ignore *include = ignore_new();

	if (!S_ISDIR(st->st_mode))
		return error_set(err, ERROR_FORMAT, "%s: %s is not a directory", written,
				 w->source);
	if (*w->pattern == '\0')
		return walk_root(w, st, err);
	if (ignore_add_plain(include, w->pattern, err) < 0)
		return -1;
	w->include = include;
	w->fixed = glob_fixed_length(w->pattern);
	if (walk_root(w, st, err) < 0)
		return -1;
	if (w->met || glob_has_wildcard(written))
		return 0;
	return walk_missed(w->o, w->source, w->pattern, written, err);
}

char *walk_base(const struct walk_options *o, const char *path)
{
	const char *pivot = o->parents ? strstr(path, "/./") : NULL;

	return pivot != NULL ? xstrndup(path, (size_t)(pivot - path)) : xstrdup(path);
}

/* An ignore file speaks of files, whatever links lead to them: if there is one on the way, *source
   becomes the path without. */
static int resolve(const struct walk_options *o, int fd, char **source, struct error *err)
{
	char link[FD_PATH_SIZE], root[PATH_MAX], path[PATH_MAX];
	const char *plain = **source != '\0' ? *source : ".";
	auto_fd int direct =
		openat_policy(o->root, plain, O_PATH, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	struct stat st;
	ssize_t n, m;

	if (direct >= 0)
		return 0;
	n = readlink(fd_path(o->root, link), root, sizeof(root));
	m = readlink(fd_path(fd, link), path, sizeof(path));
	if (n < 0 || m < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "following links");
	n -= n == 1; /* "/" */
	if (m == (ssize_t)sizeof(path) || m < n || memcmp(root, path, (size_t)n) != 0)
		return error_set(err, ERROR_LIMIT, "the path is too long");
	free(*source);
	*source = m > n ? xstrndup(path + n + 1, (size_t)(m - n - 1)) : xstrdup("");
	if (**source == '\0' || !ignore_match(o->ignore, *source) ||
	    (S_ISDIR(st.st_mode) && ignore_has_exceptions(o->ignore)))
		return 0;
	error_set(err, ERROR_NOT_FOUND, "not found");
	return error_hint(err, "it is a link to %s, which %s excludes", *source,
			  ignore_name(o->ignore));
}

int walk_tree(const struct walk_options *o, const char *path, const char *written,
	      walk_visit *visit, void *user, struct error *err)
{
	auto_free char *base = walk_base(o, path);
	struct walker w = {.o = o, .visit = visit, .user = user};
	/* The source itself: a link is followed, in the root. */
	auto_fd int fd = open_in(o->root, *base != '\0' ? base : ".", O_PATH, 0, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return error_sys(err, "%s", base);
	if (o->parents)
		w.pattern = path + strlen(base) + strlen("/./");
	if (ignore_count(o->ignore) > 0 && resolve(o, fd, &base, err) < 0)
		return -1;
	w.source = base;
	if (o->parents)
		return walk_pattern(&w, written, &st, err);
	return S_ISDIR(st.st_mode) ? walk_root(&w, &st, err) : walk_file(&w, &st, err);
}
