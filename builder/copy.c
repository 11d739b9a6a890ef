/* SPDX-License-Identifier: Apache-2.0 */
/* Which source goes where. */
#include "builder/copy.h"

#include "builder/copier.h"
#include "builder/syntax.h"
#include "builder/user.h"
#include "common/fd.h"
#include "layers/unpack.h"

#include <linux/openat2.h>
#include <string.h>
#include <time.h>

/* --- the destination ----------------------------------------------------------------------- */

static bool ends_in_slash(const char *path)
{
	return path[strlen(path) - 1] == '/';
}

int copier_place(struct copier *c, const char *basename, const char **name, struct error *err)
{
	const char *dest = c->spec->dest;
	bool directory = ends_in_slash(dest);
	struct error ignored = ERROR_INIT;
	auto_fd int there =
		directory ? -1 : open_in(c->target, dest, O_RDONLY | O_DIRECTORY, 0, &ignored);

	if (!directory && there < 0)
		return rootpath_parent(c->target, dest, &c->parents, name, err);
	if (*basename == '\0') {
		error_set(err, ERROR_USAGE, "%s is a directory, and the source has no file name",
			  dest);
		return error_hint(err, "give the file a name: end the destination with one");
	}
	*name = basename;
	return directory ? rootpath_mkdirs(c->target, dest, &c->parents, err) : steal_fd(&there);
}

int copier_file(struct copier *c, const char *basename, mode_t mode, const struct timespec *mtime,
		copier_fill *fill, void *user, struct error *err)
{
	const char *name;
	auto_fd int dir = copier_place(c, basename, &name, err);
	auto_fd int fd = -1;
	struct stat before;

	if (dir < 0)
		return -1;
	if (fstat(dir, &before) < 0)
		return error_sys(err, "reading the destination");
	fd = copier_create(dir, name, err);
	if (fd < 0 || fill(user, fd, err) < 0 || copier_own(c, fd, mode, err) < 0)
		return -1;
	if (mtime != NULL && futimens(fd, (struct timespec[]){*mtime, *mtime}) < 0)
		return error_sys(err, "setting the time");
	return rootpath_keep_time(dir, &before, err);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

int copier_extract(struct copier *c, int archive, struct error *err)
{
	const struct unpack_root root = {.fd = c->target, .path = c->spec->dest};
	const bool given = c->spec->chown != NULL;
	const struct unpack_options options = {.owner = given ? (int64_t)c->uid : -1,
					       .group = given ? (int64_t)c->gid : -1,
					       .follow = &root};
	auto_fd int dir = rootpath_mkdirs(c->target, c->spec->dest, &c->parents, err);
	uint64_t entries;

	return dir < 0 ? -1 : archive_extract(archive, dir, &options, &entries, err);
}

int copier_copy(struct copier *c, const struct walk_options *tree, const char *path,
		const char *written, struct error *err)
{
	auto_free char *base = walk_base(tree, path);
	auto_fd int probe = open_in(tree->root, *base != '\0' ? base : ".", O_PATH, 0, err);
	struct stat st, before;
	int dir, status;

	if (probe < 0)
		return -1;
	if (fstat(probe, &st) < 0)
		return error_sys(err, "%s", path);
	c->parents.mtime = st.st_mtim;
	dir = S_ISDIR(st.st_mode) ? rootpath_mkdirs(c->target, c->spec->dest, &c->parents, err)
				  : copier_place(c, base_of(path), &c->rename, err);
	if (dir < 0)
		return -1;
	copier_enter(c, dir);
	status = fstat(dir, &before) < 0 ? error_sys(err, "reading the destination")
					 : walk_tree(tree, path, written, copier_visit, c, err);
	if (status == 0)
		status = rootpath_keep_time(dir, &before, err);
	copier_leave(c);
	return status;
}

/* --- sources ------------------------------------------------------------------------------- */

/* ADD of a local archive: 1 if it was one and was extracted. */
static int unpack(struct copier *c, const struct walk_options *tree, const char *path,
		  const char *written, struct error *err)
{
	auto_fd int fd = -1;
	struct stat st;

	if (c->spec->unpack == UNPACK_NEVER)
		return 0;
	fd = openat_policy(tree->root, path, O_RDONLY | O_NONBLOCK, 0,
			   RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !archive_probe(fd))
		return 0;
	c->parents.mtime = st.st_mtim;
	if (copier_extract(c, fd, err) == 0)
		return 1;
	return strpbrk(written, "*?[") != NULL ? error_add(err, "%s", path) : -1;
}

static int copy_match(struct copier *c, const struct walk_options *tree, const char *path,
		      const char *written, struct error *err)
{
	int status = unpack(c, tree, path, written, err);

	if (status == 0)
		status = copier_copy(c, tree, path, written, err);
	return status < 0 ? -1 : 0;
}

static int copy_source(struct copier *c, const struct walk_options *tree,
		       const struct copy_source *source, struct error *err)
{
	char **paths;
	size_t count;
	int status = 0;

	if (walk_match(tree, source->path, source->written, &paths, &count, err) < 0)
		return -1;
	if (count > 1 && !c->spec->parents && !ends_in_slash(c->spec->dest))
		status = error_set(err, ERROR_USAGE,
				   "%s matches %zu files: the destination must be a directory and "
				   "end with /",
				   source->written, count);
	for (size_t j = 0; j < count; j++) {
		if (status == 0 && copy_match(c, tree, paths[j], source->written, err) < 0)
			status = error_add(err, "%s", source->written);
		free(paths[j]);
	}
	free(paths);
	return status;
}

static int fill_inline(void *user, int fd, struct error *err)
{
	const struct inline_file *f = user;

	return write_all(fd, f->data, f->length, err);
}

int copy_excludes(const struct copy_spec *spec, struct ignore **out, struct error *err)
{
	auto_(ignore) struct ignore *list = spec->exclude_count > 0 ? ignore_new() : NULL;

	for (size_t i = 0; i < spec->exclude_count; i++)
		if (ignore_add(list, spec->exclude[i], err) < 0)
			return error_add(err, "--exclude=%s", spec->exclude[i]);
	*out = steal(list);
	return 0;
}

static int copy_all(struct copier *c, const struct copy_options *o, struct error *err)
{
	const struct copy_spec *spec = o->spec;
	auto_(ignore) struct ignore *exclude = NULL;
	struct walk_options tree = {
		.root = o->source, .ignore = o->ignore, .parents = spec->parents};

	if (copy_excludes(spec, &exclude, err) < 0)
		return -1;
	tree.exclude = exclude;
	for (size_t i = 0; i < spec->file_count; i++)
		if (copier_file(c, spec->files[i].name, 0644, NULL, fill_inline, &spec->files[i],
				err) < 0)
			return error_add(err, "writing %s", spec->files[i].name);
	for (size_t i = 0; i < spec->source_count; i++) {
		const struct copy_source *source = &spec->sources[i];
		int status = source->kind == SOURCE_PATH ? copy_source(c, &tree, source, err)
							 : copy_remote(c, o, i, exclude, err);

		if (status < 0)
			return -1;
	}
	return 0;
}

static int begin(struct copier *c, const struct copy_options *o, struct error *err)
{
	const struct copy_spec *spec = o->spec;
	const char *chmod = spec->chmod;

	*c = (struct copier){.spec = spec,
			     .target = o->target,
			     .keep_owner = spec->chown == NULL && spec->from.kind != FROM_CONTEXT,
			     .parents = {.mode = 0755}};
	if (spec->chown != NULL && owner_resolve(o->below, spec->chown, &c->uid, &c->gid, err) < 0)
		return -1;
	c->parents.uid = c->uid;
	c->parents.gid = c->gid;
	if (chmod != NULL && strspn(chmod, "01234567") == strlen(chmod))
		c->parents.mode = mode_apply(chmod, 0, true);
	/* Here-documents have no time of their own. */
	clock_gettime(CLOCK_REALTIME, &c->parents.mtime);
	return 0;
}

int copy_run(const struct copy_options *o, struct error *err)
{
	struct copier c;

	return begin(&c, o, err) < 0 ? -1 : copy_all(&c, o, err);
}

int copy_skeleton(const struct copy_options *o, struct error *err)
{
	const char *path = o->spec->sources[0].path;
	auto_fd int source = open_in(o->source, *path != '\0' ? path : ".", O_PATH, 0, err);
	auto_fd int dir = -1;
	struct copier c;
	struct stat st;

	if (source < 0 || begin(&c, o, err) < 0)
		return -1;
	if (fstat(source, &st) < 0)
		return error_sys(err, "%s", path);
	c.parents.mtime = st.st_mtim;
	dir = rootpath_mkdirs(o->target, o->spec->dest, &c.parents, err);
	if (dir < 0)
		return -1;
	/* The mode that it has: overlayfs copies the directory up for it, with those above. */
	if (fstat(dir, &st) < 0 || fchmod(dir, st.st_mode & 07777) < 0)
		return error_sys(err, "%s", o->spec->dest);
	return 0;
}
