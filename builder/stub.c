/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/stub.h"

#include "common/arena.h"
#include "common/fd.h"

#include <string.h>

void stub_release(struct stub *s)
{
	cleanup_fd(&s->fd);
}

/* Is the target there as what it must be? Through symlinks it is not: mounting must not follow what
   an image says. */
static int present(const struct stack *root, const struct stub_target *t, bool *out,
		   struct error *err)
{
	struct error missing = ERROR_INIT;
	struct stat st;
	size_t tree;

	*out = false;
	if (t->data != NULL || root->count == 0)
		return 0;
	for (const char *slash = strchr(t->path, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		auto_free char *parent = xstrndup(t->path, (size_t)(slash - t->path));

		if (stack_stat(root, parent, false, &st, &tree, &missing) < 0 ||
		    !S_ISDIR(st.st_mode))
			return 0;
	}
	if (stack_stat(root, t->path, false, &st, &tree, &missing) < 0) {
		if (missing.code == ERROR_NOT_FOUND)
			return 0;
		*err = missing;
		return -1;
	}
	*out = t->directory ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode);
	return 0;
}

static int add_parent(int at, const char *path, const char *name, struct error *err)
{
	if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
		return error_sys(err, "making %s", path);
	return open_child(at, name, O_RDONLY | O_DIRECTORY, 0, err);
}

static int take_metadata(int fd, const struct stat *st, const char *path, struct error *err)
{
	struct timespec times[2] = {st->st_mtim, st->st_mtim};

	if (fchown(fd, st->st_uid, st->st_gid) < 0 || fchmod(fd, st->st_mode & 07777) < 0 ||
	    futimens(fd, times) < 0)
		return error_sys(err, "making %s", path);
	return 0;
}

/* A parent directory in the stub layer hides its metadata below, so it carries the same. Done when
   everything is in it, which would change its time, and the deepest first, which may not be
   reached through the others any more. */
static int hide_parents(const struct stack *root, int top, const char *target, struct error *err)
{
	auto_free char *path = xstrdup(target);

	for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
		struct error missing = ERROR_INIT;
		struct stat st;
		size_t tree;
		auto_fd int fd = -1;

		*slash = '\0';
		if (root->count == 0 || stack_stat(root, path, false, &st, &tree, &missing) < 0 ||
		    !S_ISDIR(st.st_mode))
			continue;
		fd = open_in(top, path, O_RDONLY | O_DIRECTORY, 0, &missing);
		if (fd < 0 && missing.code == ERROR_NOT_FOUND)
			continue; /* the image has the target itself */
		if (fd < 0) {
			*err = missing;
			return -1;
		}
		if (take_metadata(fd, &st, path, err) < 0)
			return -1;
	}
	return 0;
}

static int add_file(int at, const char *name, const struct stub_target *t, struct error *err)
{
	mode_t mode = t->data != NULL ? t->mode : 0644;
	auto_fd int fd = open_child(at, name, O_WRONLY | O_CREAT | O_TRUNC, mode, err);

	if (fd < 0)
		return -1;
	if (fchmod(fd, mode) < 0)
		return error_sys(err, "making %s", t->path);
	return t->data != NULL ? write_all(fd, t->data, t->length, err) : 0;
}

static int add(int top, const struct stub_target *t, struct error *err)
{
	auto_fd int at = reopen_dir(top, err);
	auto_free char *path = xstrdup(t->path);
	char *name = path;

	for (char *slash; at >= 0 && (slash = strchr(name, '/')) != NULL; name = slash + 1) {
		int next;

		*slash = '\0';
		next = add_parent(at, path, name, err);
		*slash = '/';
		close(at);
		at = next;
	}
	if (at < 0)
		return -1;
	if (!t->directory)
		return add_file(at, name, t, err);
	if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
		return error_sys(err, "making %s", t->path);
	return 0;
}

/* The root of the stub layer hides that of the image in the same way. */
static int copy_root(const struct stack *root, int fd, struct error *err)
{
	struct stat st;

	if (root->count == 0)
		return 0;
	if (fstat(root->trees[0], &st) < 0)
		return error_sys(err, "reading the root directory");
	return take_metadata(fd, &st, "a stub layer", err);
}

int stub_make(const struct stack *root, int stage, const struct stub_target *targets, size_t count,
	      struct stub *out, struct error *err)
{
	char name[RANDOM_NAME_SIZE];
	auto_fd int fd = -1;

	for (size_t i = 0; i < count; i++) {
		bool there;

		if (present(root, &targets[i], &there, err) < 0)
			return error_add(err, "looking for /%s", targets[i].path);
		if (there)
			continue;
		if (fd < 0) {
			random_name(name);
			fd = mkdir_child(stage, name, 0755, err);
			if (fd < 0)
				return -1;
		}
		if (add(fd, &targets[i], err) < 0)
			return error_add(err, "making a stub layer");
	}
	for (size_t i = 0; fd >= 0 && i < count; i++)
		if (hide_parents(root, fd, targets[i].path, err) < 0)
			return error_add(err, "making a stub layer");
	if (fd >= 0 && copy_root(root, fd, err) < 0)
		return -1;
	out->fd = steal_fd(&fd);
	return 0;
}
