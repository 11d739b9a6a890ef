/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/merge.h"

#include "common/fd.h"
#include "layers/links.h"
#include "layers/unpack.h"
#include "layers/whiteout.h"
#include "layers/xattr.h"

#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

struct merger {
	int to; /* the root of the result */
	bool userxattr;
	struct links links;
	struct buf path; /* of the entry at hand */
	int depth;
	struct error *err;
};

/* The directories of one path that show through each other, the top first. */
struct pile {
	int *fd; /* owned */
	size_t count;
	bool hides; /* nothing below the trees shows through */
};

static void pile_release(struct pile *p)
{
	for (size_t i = 0; i < p->count; i++)
		cleanup_fd(&p->fd[i]);
	free(p->fd);
}
DEFINE_CLEANUP_STRUCT(pile, struct pile, pile_release);

static int merge_pile(struct merger *m, const struct pile *from, int to);

/* --- one entry ----------------------------------------------------------------------------- */

static int copy_xattrs(struct merger *m, int from, int to)
{
	auto_(xattrs) struct xattrs x = XATTRS_INIT;

	if (xattrs_read(from, &x, m->err) < 0)
		return -1;
	for (size_t i = 0; i < x.count; i++)
		if (fsetxattr(to, x.item[i].name, x.item[i].value, x.item[i].size, 0) < 0)
			return error_sys(m->err, "writing %s", x.item[i].name);
	return 0;
}

/* chown clears setuid bits and capabilities, so it comes first. */
static int copy_metadata(struct merger *m, int from, int to, const struct stat *st)
{
	const struct timespec times[2] = {st->st_mtim, st->st_mtim};

	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return error_sys(m->err, "setting owner and mode");
	if (copy_xattrs(m, from, to) < 0)
		return -1;
	return futimens(to, times) < 0 ? error_sys(m->err, "setting the time") : 0;
}

static int copy_file(struct merger *m, int dir, const char *name, const struct stat *st, int to)
{
	auto_fd int in = open_child(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, m->err);
	auto_fd int out = -1;

	if (in < 0)
		return -1;
	out = open_child(to, name, O_WRONLY | O_CREAT | O_EXCL, 0600, m->err);
	if (out < 0 || copy_bytes(in, out, (uint64_t)st->st_size, m->err) < 0)
		return -1;
	return copy_metadata(m, in, out, st);
}

/* A symbolic link, fifo or device. */
static int copy_special(struct merger *m, int dir, const char *name, const struct stat *st, int to)
{
	const struct timespec times[2] = {st->st_mtim, st->st_mtim};
	char target[PATH_MAX + 1];
	ssize_t n;

	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(dir, name, target, PATH_MAX);
		if (n < 0)
			return error_sys(m->err, "reading the link");
		target[n] = '\0';
		if (symlinkat(target, to, name) < 0)
			return error_sys(m->err, "making the link");
	} else if (mknodat(to, name, st->st_mode & S_IFMT, st->st_rdev) < 0) {
		return error_sys(m->err, "making the special file");
	}
	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0) ||
	    utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(m->err, "setting owner, mode and time");
	return 0;
}

static int copy_entry(struct merger *m, int dir, const char *name, const struct stat *st, int to)
{
	const char *first = NULL;

	if (whiteout_is(st) || S_ISSOCK(st->st_mode))
		return whiteout_make(to, name, m->err);
	if (st->st_nlink > 1)
		first = links_seen(&m->links, st, m->path.data);
	if (first != NULL)
		return linkat(m->to, first, to, name, 0) < 0
			       ? error_sys(m->err, "making another name of %s", first)
			       : 0;
	return S_ISREG(st->st_mode) ? copy_file(m, dir, name, st, to)
				    : copy_special(m, dir, name, st, to);
}

/* --- directories --------------------------------------------------------------------------- */

/* Adds the directory `name` of one tree to a pile. */
static int pile_add(struct merger *m, struct pile *p, int dir, const char *name)
{
	auto_fd int fd = open_child(dir, name, O_RDONLY | O_DIRECTORY, 0, m->err);

	if (fd < 0 || opaque_get(fd, m->userxattr, &p->hides, m->err) < 0)
		return -1;
	p->fd[p->count++] = steal_fd(&fd);
	return 0;
}

/* The directories called name, from tree `first` of the pile downwards until one is hidden. */
static int pile_enter(struct merger *m, const struct pile *up, const char *name, size_t first,
		      struct pile *out)
{
	out->fd = xcalloc(up->count, sizeof(*out->fd));
	for (size_t i = first; i < up->count && !out->hides; i++) {
		struct stat st;

		if (fstatat(up->fd[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno != ENOENT)
				return error_sys(m->err, "%s", name);
			continue;
		}
		if (!S_ISDIR(st.st_mode))
			out->hides = true;
		else if (pile_add(m, out, up->fd[i], name) < 0)
			return -1;
	}
	return 0;
}

static int merge_directory(struct merger *m, const struct pile *up, const char *name, size_t first,
			   int to)
{
	auto_(pile) struct pile pile = {.fd = NULL};
	auto_fd int made = -1;
	struct stat st;

	if (m->depth == UNPACK_MAX_DEPTH)
		return error_set(m->err, ERROR_LIMIT, "more than %d directories deep",
				 UNPACK_MAX_DEPTH);
	if (pile_enter(m, up, name, first, &pile) < 0)
		return -1;
	made = mkdir_child(to, name, 0700, m->err);
	if (made < 0 || (pile.hides && opaque_set(made, m->userxattr, m->err) < 0))
		return -1;
	m->depth++;
	if (merge_pile(m, &pile, made) < 0)
		return -1;
	m->depth--;
	/* Last: what is made in a directory changes its time. */
	if (fstat(pile.fd[0], &st) < 0)
		return error_sys(m->err, "stat");
	return copy_metadata(m, pile.fd[0], made, &st);
}

/* The topmost tree that has the name decides what it is. */
static int merge_name(struct merger *m, const struct pile *from, const char *name, int to)
{
	for (size_t i = 0; i < from->count; i++) {
		struct stat st;

		if (fstatat(from->fd[i], name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return S_ISDIR(st.st_mode) ? merge_directory(m, from, name, i, to)
						   : copy_entry(m, from->fd[i], name, &st, to);
		if (errno != ENOENT)
			return error_sys(m->err, "%s", name);
	}
	return error_set(m->err, ERROR_IO, "%s vanished while it was copied", name);
}

static int merge_pile(struct merger *m, const struct pile *from, int to)
{
	auto_(listing) struct listing names = LISTING_INIT;
	size_t length = m->path.length;

	for (size_t i = 0; i < from->count; i++)
		if (listing_read(from->fd[i], &names, m->err) < 0)
			return -1;
	listing_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.item[i].name;

		if (i > 0 && strcmp(name, names.item[i - 1].name) == 0)
			continue;
		buf_printf(&m->path, "%s%s", length > 0 ? "/" : "", name);
		if (merge_name(m, from, name, to) < 0)
			return m->depth > 0 ? -1 : error_add(m->err, "/%s", m->path.data);
		buf_truncate(&m->path, length);
	}
	return 0;
}

int trees_merge(const struct stack *trees, int to, struct error *err)
{
	struct merger m = {.to = to,
			   .userxattr = trees->userxattr,
			   .links = LINKS_INIT,
			   .path = BUF_INIT,
			   .err = err};
	auto_(pile) struct pile root = {.fd = xcalloc(trees->count, sizeof(int))};
	int status = 0;

	for (size_t i = 0; i < trees->count && status == 0; i++) {
		root.fd[root.count] = reopen_dir(trees->trees[i], err);
		if (root.fd[root.count] < 0)
			status = -1;
		else
			root.count++;
	}
	if (status == 0)
		status = merge_pile(&m, &root, to);
	links_release(&m.links);
	buf_release(&m.path);
	return status;
}
