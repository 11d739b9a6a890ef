/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/extract.h"

#include "common/arena.h"
#include "common/fd.h"

#include <linux/openat2.h>
#include <string.h>

/* No mount point lies below a tree that is being filled, and none may be planted. */
static const uint64_t below =
	RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;

enum { IMPLIED_MODE = 0755 };

int parts_parse(struct parts *p, const char *text, struct error *err)
{
	size_t length = strlen(text);
	/* cppcheck-suppress ctuuninitvar; only its address is taken, the text is copied there below
	 */
	char *rest = p->text, *part;

	if (length >= sizeof(p->text))
		return error_set(err, ERROR_LIMIT, "a name longer than %d bytes",
				 UNPACK_MAX_NAME - 1);
	memcpy(p->text, text, length + 1);
	p->count = 0;
	while ((part = strsep(&rest, "/")) != NULL) {
		bool hides;

		if (*part == '\0' || strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0)
			return error_set(err, ERROR_FORMAT, "\"..\" in a name of an archive");
		/* A whiteout of the longest name is longer than that. */
		hides = strncmp(part, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0;
		if (strlen(part) > (size_t)NAME_MAX + (hides ? strlen(WHITEOUT_PREFIX) : 0))
			return error_set(err, ERROR_LIMIT, "a file name longer than %d bytes",
					 NAME_MAX);
		if (p->count == UNPACK_MAX_DEPTH)
			return error_set(err, ERROR_LIMIT, "more than %d directories deep",
					 UNPACK_MAX_DEPTH);
		p->part[p->count++] = part;
	}
	return 0;
}

int parts_classify(const struct parts *p, enum whiteout_kind *kind, const char **name,
		   struct error *err)
{
	*kind = WHITEOUT_NONE;
	for (size_t i = 0; i < p->count; i++) {
		*kind = whiteout_parse(p->part[i], name);
		if (i + 1 == p->count || *kind == WHITEOUT_NONE)
			continue;
		if (*kind != WHITEOUT_IGNORE)
			return error_set(err, ERROR_FORMAT, "a name below a whiteout");
		return 0;
	}
	return 0;
}

int ladder_clear(struct extract *x, int dir, const char *name, bool *whiteout, struct error *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, "%s", name);
	if (whiteout != NULL)
		*whiteout = whiteout_is(&st);
	x->replaced = true;
	return remove_tree(dir, name, err);
}

static int push(struct extract *x, int fd, const char *name, struct timespec mtime)
{
	struct rung *rung;

	x->rungs = xgrow(x->rungs, x->height, sizeof(*x->rungs));
	rung = &x->rungs[x->height++];
	rung->fd = fd;
	rung->mtime = mtime;
	memcpy(rung->name, name, strlen(name) + 1);
	return fd;
}

int ladder_descend(struct extract *x, size_t height, struct error *err)
{
	while (x->height > height) {
		struct rung *rung = &x->rungs[--x->height];
		struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, rung->mtime};
		auto_fd int fd = rung->fd;

		if (futimens(fd, times) < 0)
			return error_sys(err, "setting the time of directory %s", rung->name);
	}
	return 0;
}

/* Makes a directory that is not there; one in place of a whiteout has to hide what that hid. */
static int make(struct extract *x, int dir, const char *name, bool opaque, struct error *err)
{
	int64_t uid = x->options->owner >= 0 ? x->options->owner : 0;
	int64_t gid = x->options->group >= 0 ? x->options->group : 0;
	auto_fd int fd = -1;

	if (mkdirat(dir, name, 0700) < 0)
		return error_sys(err, "%s", name);
	fd = open_child(dir, name, O_RDONLY | O_DIRECTORY, 0, err);
	if (fd < 0)
		return -1;
	if (fchown(fd, (uid_t)uid, (gid_t)gid) < 0 || fchmod(fd, IMPLIED_MODE) < 0)
		return error_sys(err, "%s", name);
	if (opaque && opaque_set(fd, x->options->userxattr, err) < 0)
		return -1;
	x->entries++;
	return steal_fd(&fd);
}

/* Where a symlink on the way leads inside the image root, or -1 if to no directory. The whole way
   is resolved again, by the kernel and from the root, as a program in the container would. */
static int follow(const struct extract *x, const char *name)
{
	auto_(buf) struct buf way = BUF_INIT;
	const struct unpack_root *root = x->options->follow;

	if (root == NULL)
		return -1;
	buf_add_str(&way, root->path);
	for (size_t i = 1; i < x->height; i++)
		buf_printf(&way, "/%s", x->rungs[i].name);
	buf_printf(&way, "/%s", name);
	return openat_policy(root->fd, way.data, O_RDONLY | O_DIRECTORY, 0,
			     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

static int step(struct extract *x, const char *name, bool may_follow, struct error *err)
{
	int dir = x->rungs[x->height - 1].fd;
	auto_fd int fd = openat_policy(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, below);
	struct timespec mtime = {0};
	bool whiteout = false;
	int saved = errno;

	if (fd < 0 && may_follow && (saved == ENOTDIR || saved == ELOOP))
		fd = follow(x, name);
	errno = saved;
	if (fd >= 0) {
		struct stat st;

		if (fstat(fd, &st) < 0)
			return error_sys(err, "%s", name);
		return push(x, steal_fd(&fd), name, st.st_mtim);
	}
	if (errno == ENOTDIR || errno == ELOOP) {
		/* A symlink or file that the archive put there itself: it needs a directory now. */
		if (ladder_clear(x, dir, name, &whiteout, err) < 0)
			return -1;
	} else if (errno != ENOENT) {
		return error_sys(err, "%s", name);
	}
	fd = make(x, dir, name, whiteout && x->options->overlay, err);
	if (fd < 0)
		return -1;
	x->implied++;
	return push(x, steal_fd(&fd), name, mtime);
}

int ladder_step(struct extract *x, const char *name, struct error *err)
{
	return step(x, name, false, err);
}

int ladder_climb(struct extract *x, const struct parts *p, size_t count, struct error *err)
{
	size_t common = 0;

	while (common < count && common + 1 < x->height &&
	       strcmp(x->rungs[common + 1].name, p->part[common]) == 0)
		common++;
	if (ladder_descend(x, common + 1, err) < 0)
		return -1;
	for (size_t i = common; i < count; i++)
		if (step(x, p->part[i], true, err) < 0)
			return -1;
	return x->rungs[x->height - 1].fd;
}

int extract_init(struct extract *x, int root, const struct unpack_options *options,
		 struct tar_reader *tar, struct error *err)
{
	auto_fd int fd = reopen_dir(root, err);
	struct stat st;

	memset(x, 0, sizeof(*x));
	x->options = options;
	x->tar = tar;
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return error_sys(err, "stat");
	push(x, steal_fd(&fd), "", st.st_mtim);
	return 0;
}

void extract_release(struct extract *x)
{
	while (x->height > 0)
		close(x->rungs[--x->height].fd);
	free(x->rungs);
	x->rungs = NULL;
}

int extract_finish(struct extract *x, struct error *err)
{
	return ladder_descend(x, 0, err);
}
