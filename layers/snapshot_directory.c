/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/snapshot.h"

#include "common/arena.h"
#include "common/fd.h"
#include "common/listing.h"
#include "layers/links.h"
#include "layers/unpack.h"
#include "layers/xattr.h"

#include <limits.h>
#include <string.h>

enum { PIECE = 128 * 1024 };

struct host_walk {
	struct snapshot *out;
	struct links links;
	struct xattrs xattrs;
	struct buf path;
	char *piece;
	struct error *err;
};

static void host_walk_release(struct host_walk *w)
{
	links_release(&w->links);
	xattrs_release(&w->xattrs);
	buf_release(&w->path);
	free(w->piece);
}
DEFINE_CLEANUP_STRUCT(host_walk, struct host_walk, host_walk_release);

static int hash_file(struct host_walk *w, int fd, struct digest *out)
{
	auto_(hasher) struct hasher *h = hasher_new();

	for (;;) {
		ssize_t n = read(fd, w->piece, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(w->err, "reading");
		if (n == 0)
			break;
		hasher_add(h, w->piece, (size_t)n);
	}
	hasher_finish(h, out);
	return 0;
}

/* fd is open for regular files and directories, else -1. */
static int take(struct host_walk *w, int dir, const char *name, int fd, const struct stat *st)
{
	struct snapshot *s = w->out;
	struct entry e = {
		.path = arena_strdup(&s->arena, w->path.data),
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim.tv_sec,
	};

	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		e.device = st->st_rdev;
	if (S_ISLNK(st->st_mode)) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(dir, name, target, sizeof(target));

		if (n < 0)
			return error_sys(w->err, "reading the symbolic link");
		e.link = arena_strndup(&s->arena, target, (size_t)n);
	}
	if (fd >= 0) {
		if (xattrs_read(fd, &w->xattrs, w->err) < 0)
			return -1;
		xattrs_digest(w->xattrs.item, w->xattrs.count, &e.xattrs);
	}
	if (S_ISREG(st->st_mode)) {
		e.size = (uint64_t)st->st_size;
		if (hash_file(w, fd, &e.content) < 0)
			return -1;
	}
	if (!S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode) && st->st_nlink > 1) {
		const char *first = links_seen(&w->links, st, e.path);

		e.hard_link = first != NULL;
		if (e.hard_link)
			e.link = arena_strdup(&s->arena, first);
	}
	s->entries = xgrow(s->entries, s->count, sizeof(*s->entries));
	s->entries[s->count++] = e;
	return 0;
}

static int walk_host(struct host_walk *w, int dir, int depth);

static int take_name(struct host_walk *w, int dir, const char *name, int depth)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
	auto_fd int fd = -1;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(w->err, "stat");
	if (S_ISSOCK(st.st_mode))
		return 0;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		fd = open_child(dir, name, flags | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0), 0,
				w->err);
		if (fd < 0)
			return -1;
		if (fstat(fd, &st) < 0)
			return error_sys(w->err, "stat");
	}
	if (take(w, dir, name, fd, &st) < 0)
		return -1;
	return S_ISDIR(st.st_mode) ? walk_host(w, fd, depth + 1) : 0;
}

static int walk_host(struct host_walk *w, int dir, int depth)
{
	auto_(listing) struct listing list = LISTING_INIT;
	size_t length = w->path.length;

	if (depth > UNPACK_MAX_DEPTH)
		return error_set(w->err, ERROR_LIMIT, "%s: more than %d directories deep",
				 w->path.data, UNPACK_MAX_DEPTH);
	if (listing_read(dir, &list, w->err) < 0)
		return error_add(w->err, "%s", w->path.data);
	listing_sort(&list);
	for (size_t i = 0; i < list.count; i++) {
		if (length > 0)
			buf_add_char(&w->path, '/');
		buf_add_str(&w->path, list.item[i].name);
		if (take_name(w, dir, list.item[i].name, depth) < 0)
			return depth == 0 ? error_add(w->err, "%s", w->path.data) : -1;
		buf_truncate(&w->path, length);
	}
	return 0;
}

int snapshot_directory(int dir, struct snapshot *out, struct error *err)
{
	auto_(snapshot) struct snapshot s = SNAPSHOT_INIT;
	auto_(host_walk) struct host_walk w = {
		.out = &s,
		.links = LINKS_INIT,
		.xattrs = XATTRS_INIT,
		.path = BUF_INIT,
		.piece = xmalloc(PIECE),
		.err = err,
	};

	/* Each directory sorted, and followed by its content: that is the order of paths. */
	if (walk_host(&w, dir, 0) < 0)
		return -1;
	*out = s;
	s = (struct snapshot)SNAPSHOT_INIT;
	return 0;
}
