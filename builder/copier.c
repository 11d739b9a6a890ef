/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/copier.h"

#include "builder/syntax.h"
#include "common/fd.h"

#include <limits.h>
#include <string.h>
#include <sys/xattr.h>
#include <uthash.h>

/* The first copy of a file with several names. */
struct hard_link {
	struct {
		dev_t dev;
		ino_t ino;
	} key;
	char *path; /* below the destination directory */
	UT_hash_handle hh;
};

bool copy_takes_xattr(const char *name)
{
	return strcmp(name, "security.capability") == 0 ||
	       (strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0);
}

/* Best effort where the target's file system has none, as other builders do. */
static int copy_xattrs(int from, int to, struct error *err)
{
	auto_free char *names = xmalloc(COPY_MAX_XATTR_LIST);
	auto_free char *value = xmalloc(COPY_MAX_XATTR_LIST);
	ssize_t length = flistxattr(from, names, COPY_MAX_XATTR_LIST);

	for (const char *n = names; length > 0 && n < names + length; n += strlen(n) + 1) {
		ssize_t size;

		if (!copy_takes_xattr(n))
			continue;
		size = fgetxattr(from, n, value, COPY_MAX_XATTR_LIST);
		if (size < 0)
			return error_sys(err, "reading attribute %s", n);
		if (fsetxattr(to, n, value, (size_t)size, 0) < 0 && errno != EOPNOTSUPP)
			return error_sys(err, "writing attribute %s", n);
	}
	return 0;
}

static void new_owner(const struct copier *c, const struct stat *st, uid_t *uid, gid_t *gid)
{
	*uid = c->keep_owner ? st->st_uid : c->uid;
	*gid = c->keep_owner ? st->st_gid : c->gid;
}

static mode_t new_mode(const struct copier *c, const struct stat *st)
{
	const char *chmod = c->spec->chmod;

	return chmod != NULL ? mode_apply(chmod, st->st_mode, S_ISDIR(st->st_mode))
			     : st->st_mode & 07777;
}

static int apply(const struct copier *c, int fd, const struct stat *st, struct error *err)
{
	uid_t uid;
	gid_t gid;

	new_owner(c, st, &uid, &gid);
	/* chown clears setuid bits and capabilities, so it comes first. */
	if (fchown(fd, uid, gid) < 0 || fchmod(fd, new_mode(c, st)) < 0)
		return error_sys(err, "setting owner and mode");
	return 0;
}

static int set_times(int dir, const char *name, const struct stat *st, struct error *err)
{
	const struct timespec times[2] = {st->st_mtim, st->st_mtim};

	if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "setting the time");
	return 0;
}

/* Makes room for a non-directory. */
static int clear(int dir, const char *name, struct error *err)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR)
		return error_set(err, ERROR_EXISTS, "cannot replace a directory with a file: %s",
				 name);
	return error_sys(err, "replacing %s", name);
}

static int copy_file(const struct copier *c, const struct walk_entry *e, int dir, const char *name,
		     struct error *err)
{
	auto_fd int from = open_child(e->dir, e->name, O_RDONLY | O_NONBLOCK, 0, err);
	auto_fd int to = -1;

	if (from < 0)
		return -1;
	to = copier_create(dir, name, err);
	if (to < 0 || copy_bytes(from, to, UINT64_MAX, err) < 0 || apply(c, to, &e->st, err) < 0 ||
	    copy_xattrs(from, to, err) < 0)
		return -1;
	return set_times(dir, name, &e->st, err);
}

static int copy_link(const struct copier *c, const struct walk_entry *e, int dir, const char *name,
		     struct error *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(e->dir, e->name, target, sizeof(target) - 1);
	uid_t uid;
	gid_t gid;

	if (n < 0)
		return error_sys(err, "reading the link");
	target[n] = '\0';
	if (clear(dir, name, err) < 0)
		return -1;
	new_owner(c, &e->st, &uid, &gid);
	if (symlinkat(target, dir, name) < 0 ||
	    fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "making the link");
	return set_times(dir, name, &e->st, err);
}

static int copy_node(const struct copier *c, const struct walk_entry *e, int dir, const char *name,
		     struct error *err)
{
	uid_t uid;
	gid_t gid;

	if (clear(dir, name, err) < 0)
		return -1;
	new_owner(c, &e->st, &uid, &gid);
	if (mknodat(dir, name, (e->st.st_mode & S_IFMT) | 0600, e->st.st_rdev) < 0)
		return error_sys(err, "making the special file");
	if (fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(dir, name, new_mode(c, &e->st), 0) < 0)
		return error_sys(err, "setting owner and mode");
	return set_times(dir, name, &e->st, err);
}

/* Links to an earlier copy of the same file: 1 if it did, 0 if this is the first. */
static int link_again(struct copier *c, const struct walk_entry *e, int dir, const char *name,
		      struct error *err)
{
	struct hard_link *l = NULL, key;

	memset(&key, 0, sizeof(key));
	key.key.dev = e->st.st_dev;
	key.key.ino = e->st.st_ino;
	HASH_FIND(hh, c->links, &key.key, sizeof(key.key), l);
	if (l != NULL) {
		if (clear(dir, name, err) < 0)
			return -1;
		if (linkat(c->stack[0], l->path, dir, name, 0) < 0)
			return error_sys(err, "making the hard link");
		return 1;
	}
	l = xcalloc(1, sizeof(*l));
	memcpy(&l->key, &key.key, sizeof(key.key));
	l->path = xstrdup(*e->path != '\0' ? e->path : name);
	HASH_ADD(hh, c->links, key, sizeof(l->key), l);
	return 0;
}

void copier_enter(struct copier *c, int dir)
{
	c->stack[0] = dir;
	c->depth = 1;
}

void copier_leave(struct copier *c)
{
	struct hard_link *l, *next;

	while (c->depth > 0)
		close(c->stack[--c->depth]);

	HASH_ITER(hh, c->links, l, next)
	{
		HASH_DEL(c->links, l);
		free(l->path);
		free(l);
	}
}

/* A directory that is only on the way to something has its mode from the source even if it was
   there, but nothing else, as with BuildKit. */
static int adopt_directory(struct copier *c, const struct walk_entry *e, int to, bool made,
			   struct error *err)
{
	auto_fd int from = -1;
	struct stat before;

	c->times[c->depth] = e->st.st_mtim;
	if (e->on_the_way && !made) {
		if (fstat(to, &before) < 0 || fchmod(to, e->st.st_mode & 07777) < 0)
			return error_sys(err, "setting the mode");
		c->times[c->depth] = before.st_mtim;
		return 0;
	}
	from = open_child(e->dir, e->name, O_RDONLY | O_DIRECTORY, 0, err);
	if (from < 0 || apply(c, to, &e->st, err) < 0)
		return -1;
	return copy_xattrs(from, to, err);
}

static int enter_directory(struct copier *c, const struct walk_entry *e, struct error *err)
{
	int top = c->stack[c->depth - 1];
	bool made = mkdirat(top, e->name, 0700) == 0;
	auto_fd int to = -1;

	if (!made && errno != EEXIST)
		return error_sys(err, "creating the directory");
	if (c->depth == COPY_MAX_DEPTH)
		return error_set(err, ERROR_LIMIT, "more than %d directories deep", COPY_MAX_DEPTH);
	to = openat(top, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0 && (errno == ENOTDIR || errno == ELOOP))
		return error_set(err, ERROR_EXISTS, "cannot copy a directory to a non-directory");
	if (to < 0)
		return error_sys(err, "opening the directory");
	if (adopt_directory(c, e, to, made, err) < 0)
		return -1;
	c->stack[c->depth++] = steal_fd(&to);
	return 0;
}

static int leave_directory(struct copier *c, struct error *err)
{
	const struct timespec times[2] = {c->times[c->depth - 1], c->times[c->depth - 1]};
	auto_fd int dir = c->stack[--c->depth];

	return futimens(dir, times) == 0 ? 0 : error_sys(err, "setting the time");
}

int copier_visit(void *user, const struct walk_entry *e, bool leaving, struct error *err)
{
	struct copier *c = user;
	int dir = c->stack[c->depth - 1];
	const char *name = *e->path == '\0' ? c->rename : e->name;
	int linked = 0, status;

	if (S_ISDIR(e->st.st_mode)) {
		if (*e->path == '\0')
			return 0; /* its content is what is copied */
		status = leaving ? leave_directory(c, err) : enter_directory(c, e, err);
		return status < 0 ? error_add(err, "%s", e->path) : 0;
	}
	if (S_ISSOCK(e->st.st_mode))
		return 0; /* as in every layer format: it means nothing without its process */
	if (e->st.st_nlink > 1)
		linked = link_again(c, e, dir, name, err);
	if (linked != 0)
		return linked < 0 ? error_add(err, "%s", name) : 0;
	if (S_ISREG(e->st.st_mode))
		status = copy_file(c, e, dir, name, err);
	else if (S_ISLNK(e->st.st_mode))
		status = copy_link(c, e, dir, name, err);
	else
		status = copy_node(c, e, dir, name, err);
	return status < 0 ? error_add(err, "%s", *e->path != '\0' ? e->path : name) : 0;
}

int copier_create(int dir, const char *name, struct error *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL;
	struct error exists = ERROR_INIT;
	int fd = open_child(dir, name, flags, 0600, &exists);

	if (fd >= 0)
		return fd;
	if (exists.code != ERROR_EXISTS) {
		*err = exists;
		return -1;
	}
	return clear(dir, name, err) < 0 ? -1 : open_child(dir, name, flags, 0600, err);
}

int copier_own(const struct copier *c, int fd, mode_t mode, struct error *err)
{
	const struct stat st = {.st_mode = S_IFREG | mode};

	if (fchown(fd, c->uid, c->gid) < 0 || fchmod(fd, new_mode(c, &st)) < 0)
		return error_sys(err, "setting owner and mode");
	return 0;
}
