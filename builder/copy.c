/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/copy.h"

#include "builder/rootpath.h"
#include "builder/syntax.h"
#include "builder/user.h"
#include "builder/walk.h"
#include "common/fd.h"
#include "layers/unpack.h"

#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include <uthash.h>

enum { COPY_MAX_DEPTH = 300, MAX_XATTR_LIST = 64 * 1024 };

/* The first copy of a file with several names. */
struct hard_link {
	struct {
		dev_t dev;
		ino_t ino;
	} key;
	char *path; /* below the destination directory */
	UT_hash_handle hh;
};

struct copier {
	const struct copy_options *o;
	bool owner_given;
	uid_t uid;
	gid_t gid;
	struct rootpath_new parents; /* its time is that of what is copied */
	int stack[COPY_MAX_DEPTH];   /* directories from the destination to where the walk is */
	int depth;
	const char *rename; /* for a single file: its name at the destination */
	struct hard_link *links;
};

static bool wanted_xattr(const char *name)
{
	return strcmp(name, "security.capability") == 0 ||
	       (strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0);
}

/* Best effort where the target's file system has none, as other builders do. */
static int copy_xattrs(int from, int to, struct error *err)
{
	auto_free char *names = xmalloc(MAX_XATTR_LIST);
	auto_free char *value = xmalloc(MAX_XATTR_LIST);
	ssize_t length = flistxattr(from, names, MAX_XATTR_LIST);

	for (const char *n = names; length > 0 && n < names + length; n += strlen(n) + 1) {
		ssize_t size;

		if (!wanted_xattr(n))
			continue;
		size = fgetxattr(from, n, value, MAX_XATTR_LIST);
		if (size < 0)
			return error_sys(err, "reading attribute %s", n);
		if (fsetxattr(to, n, value, (size_t)size, 0) < 0 && errno != EOPNOTSUPP)
			return error_sys(err, "writing attribute %s", n);
	}
	return 0;
}

static void new_owner(const struct copier *c, const struct stat *st, uid_t *uid, gid_t *gid)
{
	bool keep = !c->owner_given && c->o->spec->from.kind != FROM_CONTEXT;

	*uid = keep ? st->st_uid : c->uid;
	*gid = keep ? st->st_gid : c->gid;
}

static mode_t new_mode(const struct copier *c, const struct stat *st)
{
	const char *chmod = c->o->spec->chmod;

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

	if (from < 0 || clear(dir, name, err) < 0)
		return -1;
	to = open_child(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
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

static void links_free(struct copier *c)
{
	struct hard_link *l, *next;

	HASH_ITER(hh, c->links, l, next)
	{
		HASH_DEL(c->links, l);
		free(l->path);
		free(l);
	}
}

static int enter_directory(struct copier *c, const struct walk_entry *e, struct error *err)
{
	int top = c->stack[c->depth - 1];
	auto_fd int from = -1, to = -1;

	if (c->depth == COPY_MAX_DEPTH)
		return error_set(err, ERROR_LIMIT, "more than %d directories deep", COPY_MAX_DEPTH);
	if (mkdirat(top, e->name, 0700) < 0 && errno != EEXIST)
		return error_sys(err, "creating the directory");
	to = openat(top, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0 && (errno == ENOTDIR || errno == ELOOP))
		return error_set(err, ERROR_EXISTS, "cannot copy a directory to a non-directory");
	if (to < 0)
		return error_sys(err, "opening the directory");
	from = open_child(e->dir, e->name, O_RDONLY | O_DIRECTORY, 0, err);
	if (from < 0 || apply(c, to, &e->st, err) < 0 || copy_xattrs(from, to, err) < 0)
		return -1;
	c->stack[c->depth++] = steal_fd(&to);
	return 0;
}

static int leave_directory(struct copier *c, const struct walk_entry *e, struct error *err)
{
	close(c->stack[--c->depth]);
	return set_times(c->stack[c->depth - 1], e->name, &e->st, err);
}

static int visit(void *user, const struct walk_entry *e, bool leaving, struct error *err)
{
	struct copier *c = user;
	int dir = c->stack[c->depth - 1];
	const char *name = *e->path == '\0' ? c->rename : e->name;
	int linked = 0, status;

	if (S_ISDIR(e->st.st_mode)) {
		if (*e->path == '\0')
			return 0; /* its content is what is copied */
		status = leaving ? leave_directory(c, e, err) : enter_directory(c, e, err);
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

/* --- one source ---------------------------------------------------------------------------- */

static bool ends_in_slash(const char *path)
{
	return path[strlen(path) - 1] == '/';
}

/* The directory a file goes into and its name there. */
static int open_place(struct copier *c, const char *basename, const char **name, struct error *err)
{
	const char *dest = c->o->spec->dest;
	struct error ignored = ERROR_INIT;
	int fd;

	if (ends_in_slash(dest)) {
		*name = basename;
		return rootpath_mkdirs(c->o->target, dest, &c->parents, err);
	}
	fd = open_in(c->o->target, dest, O_RDONLY | O_DIRECTORY, 0, &ignored);
	if (fd >= 0) {
		*name = basename;
		return fd;
	}
	return rootpath_parent(c->o->target, dest, &c->parents, name, err);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* ADD of a local archive: 1 if it was one and was extracted. */
static int unpack(struct copier *c, const char *path, struct error *err)
{
	const struct copy_spec *spec = c->o->spec;
	const struct unpack_root root = {.fd = c->o->target, .path = spec->dest};
	struct unpack_options options = {.owner = c->owner_given ? (int64_t)c->uid : -1,
					 .group = c->owner_given ? (int64_t)c->gid : -1,
					 .follow = &root};
	auto_fd int dir = -1, fd = -1;
	uint64_t entries;

	if (spec->unpack == UNPACK_NEVER)
		return 0;
	fd = openat_policy(c->o->source, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0,
			   RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (fd < 0 || !archive_probe(fd))
		return 0;
	dir = rootpath_mkdirs(c->o->target, spec->dest, &c->parents, err);
	if (dir < 0)
		return -1;
	return archive_extract(fd, dir, &options, &entries, err) < 0 ? -1 : 1;
}

static int copy_match(struct copier *c, const char *path, struct error *err)
{
	const struct walk_options walk = {.root = c->o->source, .ignore = c->o->ignore};
	auto_fd int probe = open_in(c->o->source, *path != '\0' ? path : ".", O_PATH, 0, err);
	struct stat st;
	struct stat before;
	int dir, status;

	if (probe < 0)
		return -1;
	if (fstat(probe, &st) < 0)
		return error_sys(err, "%s", path);
	c->parents.mtime = st.st_mtim;
	if (S_ISREG(st.st_mode)) {
		status = unpack(c, path, err);
		if (status != 0)
			return status < 0 ? error_add(err, "extracting %s", path) : 0;
	}
	dir = S_ISDIR(st.st_mode)
		      ? rootpath_mkdirs(c->o->target, c->o->spec->dest, &c->parents, err)
		      : open_place(c, base_of(path), &c->rename, err);
	if (dir < 0)
		return -1;
	c->stack[0] = dir;
	c->depth = 1;
	status = fstat(dir, &before) < 0 ? error_sys(err, "reading the destination")
					 : walk_tree(&walk, path, visit, c, err);
	if (status == 0)
		status = rootpath_keep_time(dir, &before, err);
	while (c->depth > 0)
		close(c->stack[--c->depth]);
	links_free(c);
	return status;
}

static int copy_source(struct copier *c, size_t i, struct error *err)
{
	const struct copy_spec *spec = c->o->spec;
	const struct walk_options walk = {.root = c->o->source, .ignore = c->o->ignore};
	char **paths;
	size_t count;
	int status = 0;

	if (walk_match(&walk, spec->sources[i].path, spec->sources[i].written, &paths, &count,
		       err) < 0)
		return -1;
	if (count > 1 && !ends_in_slash(spec->dest))
		status = error_set(err, ERROR_USAGE,
				   "%s matches %zu files: the destination must be a directory and "
				   "end with /",
				   spec->sources[i].written, count);
	for (size_t j = 0; j < count; j++) {
		if (status == 0 && copy_match(c, paths[j], err) < 0)
			status = error_add(err, "%s", spec->sources[i].written);
		free(paths[j]);
	}
	free(paths);
	return status;
}

static int write_inline(struct copier *c, const struct inline_file *f, struct error *err)
{
	const struct stat st = {.st_mode = S_IFREG | 0644};
	const char *name;
	auto_fd int dir = open_place(c, f->name, &name, err);
	auto_fd int fd = -1;
	struct stat before;

	if (dir < 0)
		return -1;
	if (fstat(dir, &before) < 0)
		return error_sys(err, "reading the destination");
	if (clear(dir, name, err) < 0)
		return -1;
	fd = open_child(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
	if (fd < 0 || write_all(fd, f->data, f->length, err) < 0)
		return -1;
	if (fchown(fd, c->uid, c->gid) < 0 || fchmod(fd, new_mode(c, &st)) < 0)
		return error_sys(err, "%s", f->name);
	return rootpath_keep_time(dir, &before, err);
}

int copy_run(const struct copy_options *o, struct error *err)
{
	struct copier c = {.o = o, .parents = {.mode = 0755}};
	const char *chmod = o->spec->chmod;

	if (o->spec->chown != NULL) {
		if (owner_resolve(o->below, o->spec->chown, &c.uid, &c.gid, err) < 0)
			return -1;
		c.owner_given = true;
	}
	c.parents.uid = c.uid;
	c.parents.gid = c.gid;
	if (chmod != NULL && strspn(chmod, "01234567") == strlen(chmod))
		c.parents.mode = mode_apply(chmod, 0, true);
	/* Here-documents have no time of their own. */
	clock_gettime(CLOCK_REALTIME, &c.parents.mtime);
	for (size_t i = 0; i < o->spec->file_count; i++)
		if (write_inline(&c, &o->spec->files[i], err) < 0)
			return error_add(err, "writing %s", o->spec->files[i].name);
	for (size_t i = 0; i < o->spec->source_count; i++)
		if (copy_source(&c, i, err) < 0)
			return -1;
	return 0;
}
