/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real overlay mounts and random changes made through them, for the tests of layers/.
 */
#ifndef TESTS_LAYERS_OVERLAY_H
#define TESTS_LAYERS_OVERLAY_H

#include "tests/layers_fixture.h"

#include <sched.h>
#include <sys/mount.h>

/* Mounts stay private to the test and vanish with it. */
static inline int private_mounts(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return 0;
}

static inline void add_path_of(struct buf *out, int fd)
{
	char link[FD_PATH_SIZE], path[PATH_MAX];
	ssize_t n = readlink(fd_path(fd, link), path, sizeof(path));

	assert_true(n > 0);
	buf_add(out, path, (size_t)n);
}

/* lowers: the top first; upper and work -1 for a read-only view. The mounted root. */
static inline int overlay_mount(struct scratch *s, const int *lowers, size_t count, int upper,
				int work)
{
	auto_(buf) struct buf options = BUF_INIT;
	auto_free char *at = xprintf("%s/merged", s->path);
	int fd;

	mkdir(at, 0755);
	buf_add_str(&options, "redirect_dir=nofollow,metacopy=off,index=off,xino=off,lowerdir=");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_char(&options, ':');
		add_path_of(&options, lowers[i]);
	}
	/* A single lower and no upper is refused. */
	if (upper < 0 && count == 1) {
		close(make_dir(s->dir, "nothing"));
		buf_printf(&options, ":%s/nothing", s->path);
	}
	if (upper >= 0) {
		buf_add_str(&options, ",upperdir=");
		add_path_of(&options, upper);
		buf_add_str(&options, ",workdir=");
		add_path_of(&options, work);
	}
	if (mount("overlay", at, "overlay", 0, options.data) < 0)
		fail_msg("mount overlay %s: %s", options.data, strerror(errno));
	fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static inline void overlay_umount(struct scratch *s, int *merged)
{
	auto_free char *at = xprintf("%s/merged", s->path);

	cleanup_fd(merged);
	assert_int_equal(umount2(at, 0), 0);
}

struct paths {
	char **item;
	size_t count;
};

static inline void paths_collect(struct paths *p, int dir, const char *prefix)
{
	auto_(dir) DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		char *path;

		if (is_dot(e->d_name))
			continue;
		path = *prefix ? xprintf("%s/%s", prefix, e->d_name) : xstrdup(e->d_name);
		p->item = xgrow(p->item, p->count, sizeof(*p->item));
		p->item[p->count++] = path;
		if (e->d_type == DT_DIR) {
			auto_fd int fd = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			paths_collect(p, fd, path);
		}
	}
}

static inline void paths_release(struct paths *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->item[i]);
	free(p->item);
}

static inline void remove_path(int root, const char *path)
{
	auto_free char *parent = xprintf("./%s", path);
	char *slash = strrchr(parent, '/');
	auto_fd int dir = -1;

	*slash = '\0';
	dir = openat(root, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		remove_dir(dir, slash + 1);
}

/* A random new name beside or below a random old one. Never below a symlink: an absolute one leads
   to the root directory of this machine. */
static inline char *new_path(struct rng *r, int root, const struct paths *p)
{
	struct stat st;

	char name[NAME_MAX + 1];
	const char *old = p->count > 0 ? p->item[rng_below(r, (unsigned)p->count)] : "";
	const char *slash = strrchr(old, '/');

	random_filename(r, name);
	if (rng_below(r, 2) == 0 && *old != '\0' &&
	    fstatat(root, old, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return xprintf("%s/%s", old, name);
	return slash != NULL ? xprintf("%.*s/%s", (int)(slash - old), old, name) : xstrdup(name);
}

/* Changes that leave everything as it is but make overlayfs copy up. */
static inline void mutate_nothing(struct rng *r, int root, const char *path, const struct stat *st)
{
	struct timespec same[2] = {st->st_atim, st->st_mtim};
	int fd;

	switch (rng_below(r, 4)) {
	case 0:
		if (!S_ISLNK(st->st_mode))
			(void)!fchmodat(root, path, st->st_mode & 07777, 0);
		break;
	case 1:
		(void)!fchownat(root, path, (uid_t)-1, (gid_t)-1, AT_SYMLINK_NOFOLLOW);
		if (S_ISREG(st->st_mode)) /* chown takes the set-id bits away */
			(void)!fchmodat(root, path, st->st_mode & 07777, 0);
		break;
	case 2:
		utimensat(root, path, same, AT_SYMLINK_NOFOLLOW);
		break;
	default:
		fd = S_ISREG(st->st_mode) ? openat(root, path, O_RDWR | O_CLOEXEC) : -1;
		if (fd >= 0)
			close(fd);
	}
}

static inline void mutate_file(struct rng *r, int root, const char *path, const struct stat *st)
{
	unsigned char data[2000];
	auto_fd int fd = -1;

	random_bytes(r, data, sizeof(data));
	if (!S_ISREG(st->st_mode))
		return;
	fd = openat(root, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	switch (rng_below(r, 4)) {
	case 0:
		assert_true(pwrite(fd, data, rng_below(r, sizeof(data)), st->st_size) >= 0);
		break;
	case 1:
		assert_int_equal(ftruncate(fd, st->st_size / 2), 0);
		break;
	case 2: /* same size, same time: only the content tells */
		if (st->st_size > 0) {
			struct timespec same[2] = {st->st_atim, st->st_mtim};

			assert_int_equal(pwrite(fd, "#", 1, st->st_size / 2), 1);
			fchmod(fd, st->st_mode & 07777);
			futimens(fd, same);
		}
		break;
	default:
		random_xattrs(r, fd, true);
	}
}

/* Whatever cannot be done here is not done: the errors are part of the randomness. */
static inline void mutate_once(struct rng *r, int root)
{
	struct paths p = {NULL, 0};
	char *fresh, *old;
	struct stat st = {0};
	int fd;

	paths_collect(&p, root, "");
	fresh = new_path(r, root, &p);
	old = xstrdup(p.count > 0 ? p.item[rng_below(r, (unsigned)p.count)] : "none");
	fstatat(root, old, &st, AT_SYMLINK_NOFOLLOW);
	switch (rng_below(r, 14)) {
	case 0:
	case 1:
		remove_path(root, old);
		break;
	case 2: /* replaced by a directory, often of the same name with other things in it */
		remove_path(root, old);
		if (mkdirat(root, old, 0750) == 0) {
			fd = openat(root, old, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			random_tree(r, fd, 0);
			close(fd);
		}
		break;
	case 3: /* a directory or anything else becomes a file */
		remove_path(root, old);
		fd = openat(root, old, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0604);
		if (fd >= 0)
			close(fd);
		break;
	case 4:
		(void)!renameat(root, old, root, fresh);
		break;
	case 5:
		(void)!linkat(root, old, root, fresh, 0);
		break;
	case 6:
		if (fstatat(root, old, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode))
			(void)!fchmodat(root, old, rng_below(r, 010000), 0);
		break;
	case 7:
		(void)!fchownat(root, old, random_id(r), random_id(r), AT_SYMLINK_NOFOLLOW);
		break;
	case 8:
		mutate_file(r, root, old, &st);
		break;
	case 9:
		mutate_nothing(r, root, old, &st);
		break;
	case 10: /* made and removed: only the directory's time changes */
		fd = openat(root, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0604);
		if (fd >= 0) {
			close(fd);
			unlinkat(root, fresh, 0);
		}
		break;
	case 11: {
		struct timespec times[2] = {{0}, {.tv_sec = random_mtime(r)}};

		utimensat(root, old, times, AT_SYMLINK_NOFOLLOW);
		break;
	}
	default:
		if (mkdirat(root, fresh, 0710) == 0) {
			fd = openat(root, fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			random_tree(r, fd, 1);
			close(fd);
		}
	}
	free(fresh);
	free(old);
	paths_release(&p);
}

#endif
