/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/stack.h"

#include "common/arena.h"
#include "common/fd.h"
#include "layers/whiteout.h"

#include <limits.h>
#include <linux/openat2.h>
#include <string.h>

enum { MAX_LINKS = 40 };

static const uint64_t inside = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

/* --- by path: keeps no descriptors, so that deep paths on hundreds of trees work ------------- */

/* One directory of the way: which trees take part in it. */
struct place {
	size_t length; /* of the path up to here */
	size_t *trees; /* indices into the stack, the top first */
	size_t count;
};

struct walk {
	const struct stack *stack;
	struct buf path; /* clean, no leading slash */
	struct buf rest; /* components still to go */
	struct place *places;
	size_t depth; /* places in use, 1 at the root */
	int links;
};

static void walk_release(struct walk *w)
{
	for (size_t i = 0; i < w->depth; i++)
		free(w->places[i].trees);
	free(w->places);
	buf_release(&w->path);
	buf_release(&w->rest);
}
DEFINE_CLEANUP_STRUCT(walk, struct walk, walk_release);

static struct place *walk_push(struct walk *w)
{
	struct place *place;

	w->places = xgrow(w->places, w->depth, sizeof(*w->places));
	place = &w->places[w->depth++];
	place->length = w->path.length;
	place->trees = xcalloc(w->stack->count + 1, sizeof(*place->trees));
	place->count = 0;
	return place;
}

static void walk_pop(struct walk *w)
{
	if (w->depth == 1)
		return;
	free(w->places[--w->depth].trees);
	buf_truncate(&w->path, w->places[w->depth - 1].length);
}

static void walk_begin(struct walk *w, const struct stack *s, const char *path)
{
	struct place *root;

	*w = (struct walk){.stack = s, .path = BUF_INIT, .rest = BUF_INIT};
	buf_add_str(&w->rest, path);
	root = walk_push(w);
	for (size_t i = 0; i < s->count; i++)
		root->trees[root->count++] = i;
}

/* The next component of rest into name; false at the end. */
static bool walk_next(struct walk *w, struct buf *name)
{
	size_t skip = strspn(w->rest.data, "/");
	size_t length = strcspn(w->rest.data + skip, "/");

	buf_reset(name);
	buf_add(name, w->rest.data + skip, length);
	if (length == 0)
		return false;
	memmove(w->rest.data, w->rest.data + skip + length, w->rest.length - skip - length + 1);
	buf_truncate(&w->rest, w->rest.length - skip - length);
	return true;
}

/* Opens w->path in one tree; -1 with errno if there is nothing. */
static int walk_open(const struct walk *w, size_t tree, int flags)
{
	const char *path = w->path.length > 0 ? w->path.data : ".";

	return openat_policy(w->stack->trees[tree], path, flags | O_NOFOLLOW, 0, inside);
}

/* Looks w->path up in the trees of its parent: *fd is -1 if the merged view has no such name. */
static int walk_find(const struct walk *w, const struct place *parent, int *fd, struct stat *out,
		     size_t *tree, struct error *err)
{
	*fd = -1;
	for (size_t i = 0; i < parent->count; i++) {
		auto_fd int found = walk_open(w, parent->trees[i], O_PATH);

		if (found < 0 && errno == ENOENT)
			continue;
		if (found < 0 || fstat(found, out) < 0)
			return error_sys(err, "/%s", w->path.data);
		*tree = parent->trees[i];
		if (!whiteout_is(out))
			*fd = steal_fd(&found);
		return 0;
	}
	return 0;
}

/* w->path becomes the current directory. */
static int walk_enter(struct walk *w, struct error *err)
{
	struct place *at = walk_push(w);
	const struct place *parent = at - 1;

	for (size_t i = 0; i < parent->count; i++) {
		auto_fd int fd = walk_open(w, parent->trees[i], O_RDONLY | O_DIRECTORY);
		bool opaque;

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
			break;
		if (fd < 0)
			return error_sys(err, "/%s", w->path.data);
		at->trees[at->count++] = parent->trees[i];
		if (opaque_get(fd, w->stack->userxattr, &opaque, err) < 0)
			return -1;
		if (opaque)
			break;
	}
	return 0;
}

/* Puts the target of a symlink before rest. */
static int walk_link(struct walk *w, int fd, struct error *err)
{
	auto_(buf) struct buf rest = BUF_INIT;
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target));

	if (n < 0)
		return error_sys(err, "/%s", w->path.data);
	if (++w->links > MAX_LINKS)
		return error_set(err, ERROR_FORMAT, "/%s: more than %d symbolic links",
				 w->path.data, MAX_LINKS);
	/* What is left begins with a slash, if there is anything. */
	buf_add(&rest, target, (size_t)n);
	buf_add(&rest, w->rest.data, w->rest.length);
	buf_reset(&w->rest);
	buf_add(&w->rest, rest.data, rest.length);
	if (target[0] == '/')
		while (w->depth > 1)
			walk_pop(w);
	buf_truncate(&w->path, w->places[w->depth - 1].length);
	return 0;
}

/* Follows one component other than "." and "..". Sets *stale if w now stands on a directory whose
   stat is not in *out: the place from which a symlink goes on. */
static int walk_step(struct walk *w, const struct buf *name, bool follow, bool *found, bool *stale,
		     struct stat *out, size_t *tree, struct error *err)
{
	auto_fd int fd = -1;

	if (w->path.length > 0)
		buf_add_char(&w->path, '/');
	buf_add(&w->path, name->data, name->length);
	if (w->path.length >= PATH_MAX)
		return error_set(err, ERROR_LIMIT, "path too long: /%.100s...", w->path.data);
	if (walk_find(w, &w->places[w->depth - 1], &fd, out, tree, err) < 0)
		return -1;
	*found = fd >= 0;
	*stale = *found && S_ISLNK(out->st_mode) && (follow || w->rest.length > 0);
	return *stale ? walk_link(w, fd, err) : walk_enter(w, err);
}

/* Goes to the end. If what lies there is no directory or does not exist, w->path names it all the
   same. *found says whether it exists; then *out and *tree are set. */
static int walk_run(struct walk *w, bool follow, bool *found, struct stat *out, size_t *tree,
		    struct error *err)
{
	auto_(buf) struct buf name = BUF_INIT;
	auto_fd int fd = -1;
	bool stale = true, lost = false;

	while (walk_next(w, &name)) {
		/* The kernel goes nowhere from what is no directory, not even to "." or "..". */
		lost |= !stale && !(*found && S_ISDIR(out->st_mode));
		if (strcmp(name.data, ".") == 0)
			continue;
		if (strcmp(name.data, "..") == 0) {
			walk_pop(w);
			stale = true;
			continue;
		}
		if (walk_step(w, &name, follow, found, &stale, out, tree, err) < 0)
			return -1;
	}
	if (stale) {
		const struct place *parent = &w->places[w->depth > 1 ? w->depth - 2 : 0];

		if (walk_find(w, parent, &fd, out, tree, err) < 0)
			return -1;
		*found = fd >= 0;
	}
	/* A slash at the end is left over, and asks for a directory. */
	if (lost || (*found && w->rest.length > 0 && !S_ISDIR(out->st_mode)))
		*found = false;
	return 0;
}

int stack_stat(const struct stack *s, const char *path, bool follow, struct stat *out, size_t *tree,
	       struct error *err)
{
	auto_(walk) struct walk w;
	struct stat st;
	size_t index;
	bool found;

	walk_begin(&w, s, path);
	if (walk_run(&w, follow, &found, &st, &index, err) < 0)
		return -1;
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "%s: no such file or directory", path);
	*out = st;
	*tree = index;
	return 0;
}

int stack_resolve(const struct stack *s, const char *path, struct buf *out, struct error *err)
{
	auto_(walk) struct walk w;
	struct stat st;
	size_t tree;
	bool found;

	walk_begin(&w, s, path);
	if (walk_run(&w, true, &found, &st, &tree, err) < 0)
		return -1;
	buf_add_char(out, '/');
	buf_add(out, w.path.data, w.path.length);
	return 0;
}

int stack_open(const struct stack *s, const char *path, struct error *err)
{
	auto_(walk) struct walk w;
	auto_fd int fd = -1;
	struct stat st;
	size_t tree;
	bool found;

	walk_begin(&w, s, path);
	if (walk_run(&w, true, &found, &st, &tree, err) < 0)
		return -1;
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "%s: no such file or directory", path);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return error_set(err, ERROR_FORMAT, "%s: not a regular file or directory", path);
	fd = walk_open(&w, tree, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_sys(err, "%s", path);
	return steal_fd(&fd);
}
