/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/rootpath.h"

#include "common/arena.h"
#include "common/fd.h"

#include <limits.h>
#include <string.h>

enum { MAX_LINKS = 40 };

int rootpath_keep_time(int dir, const struct stat *st, struct error *err)
{
	const struct timespec times[2] = {st->st_mtim, st->st_mtim};

	return futimens(dir, times) == 0 ? 0 : error_sys(err, "setting a directory's time");
}

static int create(int dir, const char *name, const struct rootpath_new *as, struct error *err)
{
	const struct timespec times[2] = {as->mtime, as->mtime};
	auto_fd int fd = -1;
	struct stat before;

	if (fstat(dir, &before) < 0)
		return error_sys(err, "reading a directory");
	if (mkdirat(dir, name, 0700) < 0)
		return error_sys(err, "creating directory %s", name);
	fd = open_child(dir, name, O_RDONLY | O_DIRECTORY, 0, err);
	if (fd < 0)
		return -1;
	/* chown first: it clears setuid and setgid bits. umask does not apply. */
	if (fchown(fd, as->uid, as->gid) < 0 || fchmod(fd, as->mode) < 0 || futimens(fd, times) < 0)
		return error_sys(err, "creating directory %s", name);
	if (rootpath_keep_time(dir, &before, err) < 0)
		return -1;
	return steal_fd(&fd);
}

static void parent_of(struct buf *path)
{
	const char *slash = strrchr(path->data, '/');

	buf_truncate(path, slash != NULL ? (size_t)(slash - path->data) : 0);
}

/* One step of the walk: name below the canonical directory `at`. Returns the descriptor of the next
   directory, or -2 with *rest replaced when name is a link. */
static int enter(int root, struct buf *at, const char *name, char **rest,
		 const struct rootpath_new *as, struct error *err)
{
	auto_fd int dir =
		open_in(root, at->length > 0 ? at->data : ".", O_RDONLY | O_DIRECTORY, 0, err);
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (dir < 0)
		return -1;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return error_sys(err, "%s", name);
		return create(dir, name, as, err);
	}
	if (S_ISDIR(st.st_mode))
		return open_child(dir, name, O_RDONLY | O_DIRECTORY, 0, err);
	if (!S_ISLNK(st.st_mode))
		return error_set(err, ERROR_FORMAT, "%s/%s: not a directory", at->data, name);
	n = readlinkat(dir, name, target, sizeof(target) - 1);
	if (n < 0)
		return error_sys(err, "%s", name);
	target[n] = '\0';
	if (target[0] == '/')
		buf_reset(at);
	*rest = xprintf("%s/%s", target, *rest);
	return -2;
}

int rootpath_mkdirs(int root, const char *path, const struct rootpath_new *as, struct error *err)
{
	auto_(buf) struct buf at = BUF_INIT;
	auto_free char *rest = xstrdup(path);
	auto_fd int fd = reopen_dir(root, err);
	int links = 0;

	while (fd >= 0) {
		size_t skip = strspn(rest, "/"), length = strcspn(rest + skip, "/");
		auto_free char *name = xstrndup(rest + skip, length);
		char *tail = rest + skip + length;
		int next;

		if (length == 0)
			return steal_fd(&fd);
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
			if (name[1] == '.')
				parent_of(&at);
			next = open_in(root, at.length > 0 ? at.data : ".", O_RDONLY | O_DIRECTORY,
				       0, err);
		} else {
			next = enter(root, &at, name, &tail, as, err);
			if (next == -2) {
				free(rest);
				rest = tail;
				if (++links > MAX_LINKS)
					return error_set(err, ERROR_FORMAT,
							 "%s: too many symbolic links", path);
				continue;
			}
			buf_printf(&at, "%s%s", at.length > 0 ? "/" : "", name);
		}
		close(fd);
		fd = next;
		memmove(rest, tail, strlen(tail) + 1);
	}
	return -1;
}

int rootpath_parent(int root, const char *path, const struct rootpath_new *as, const char **name,
		    struct error *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *parent =
		slash != NULL ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");

	*name = slash != NULL ? slash + 1 : path;
	return rootpath_mkdirs(root, parent, as, err);
}
