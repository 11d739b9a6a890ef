/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/export.h"

#include "common/arena.h"
#include "common/fd.h"
#include "common/job.h"
#include "layers/unpacker.h"
#include "runtime/overlay.h"

struct roots {
	int *fd; /* the top first */
	size_t count;
};

static void roots_release(struct roots *r)
{
	for (size_t i = 0; i < r->count; i++)
		cleanup_fd(&r->fd[i]);
	free(r->fd);
}
DEFINE_CLEANUP_STRUCT(roots, struct roots, roots_release);

/* A directory that has no name any more. */
static int empty_root(struct store *s, struct error *err)
{
	int stage = store_stage(s, err), fd;
	char name[RANDOM_NAME_SIZE];

	if (stage < 0)
		return -1;
	random_name(name);
	fd = mkdir_child(stage, name, 0755, err);
	if (fd >= 0)
		unlinkat(stage, name, AT_REMOVEDIR);
	return fd;
}

/* The merged view, read-only, as a detached mount. */
static int mount_image(struct store *s, const struct image *image, struct error *err)
{
	auto_(roots) struct roots roots = {.fd = xcalloc(image->layer_count, sizeof(int))};
	struct overlay_spec spec = {.upper = -1, .work = -1, .userxattr = store_userxattr(s)};

	if (layer_trees(s, image->layers, image->layer_count, roots.fd, err) < 0)
		return -1;
	roots.count = image->layer_count;
	spec.lower = roots.fd;
	spec.count = roots.count;
	if (roots.count == 0)
		return empty_root(s, err);
	return overlay_mount(&spec, err);
}

static int write_root(struct store *s, const struct export_root *r, int to, struct error *err)
{
	const struct pack_options options = {.epoch = r->epoch, .keep_root = true};
	auto_fd int root = mount_image(s, r->image, err);

	return root < 0 ? -1 : tree_write_tar(root, &options, to, err);
}

struct tar_writer {
	struct store *store;
	const struct export_root *root;
	int to;
	bool ended;
	struct error outcome;
};

static int write_tar(void *arg, struct buf *result, struct error *err)
{
	const struct tar_writer *w = arg;

	(void)result;
	return write_root(w->store, w->root, w->to, err);
}

static void tar_written(void *user, const struct buf *result, const struct error *err)
{
	struct tar_writer *w = user;

	(void)result;
	w->ended = true;
	w->outcome = *err;
}

/* A tar through a pipe: the two sides of the layer code already do everything a copy must. */
static int copy_root(struct store *s, const struct export_root *r, int to, struct error *err)
{
	const struct unpack_options options = {
		.userxattr = store_userxattr(s), .owner = -1, .group = -1};
	auto_(loop) struct loop *l = loop_new(err);
	struct tar_writer w = {.store = s, .root = r, .outcome = ERROR_INIT};
	auto_fd int from = -1;
	struct job *job;
	uint64_t entries;
	int ends[2], status;

	/* The job may unpack layers; a stage of its own would end with it. */
	if (l == NULL || store_stage(s, err) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "creating a pipe");
	from = ends[0];
	w.to = ends[1];
	job = job_start(l, "writing the root", write_tar, &w, tar_written, &w, err);
	close(ends[1]);
	if (job == NULL)
		return -1;
	status = archive_extract(from, to, &options, &entries, err);
	cleanup_fd(&from);
	while (!w.ended)
		if (loop_step(l, -1, err) < 0)
			return -1;
	/* A writer that found nobody reading is not the cause. */
	if (w.outcome.code == ERROR_NONE || w.outcome.os == EPIPE)
		return status;
	*err = w.outcome;
	return -1;
}

int export_directory(struct store *s, const struct export_root *roots, size_t count, int to,
		     struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		auto_fd int below = -1;

		if (roots[i].directory != NULL) {
			below = mkdir_child(to, roots[i].directory, 0755, err);
			if (below < 0)
				return -1;
		}
		if (copy_root(s, &roots[i], below >= 0 ? below : to, err) < 0)
			return -1;
	}
	return 0;
}

/* Directories that are no part of an image have a time that says nothing. */
static int stamp(int dir, const struct export_root *r, struct error *err)
{
	const struct timespec times[2] = {{.tv_sec = r->epoch > 0 ? r->epoch : 0},
					  {.tv_sec = r->epoch > 0 ? r->epoch : 0}};

	if (utimensat(dir, r->directory, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "%s", r->directory);
	return 0;
}

/* Several roots first lie side by side on the disk. */
static int export_joined(struct store *s, const struct export_root *roots, size_t count, int to,
			 struct error *err)
{
	const struct pack_options options = {.epoch = roots[0].epoch};
	int stage = store_stage(s, err), status;
	char name[RANDOM_NAME_SIZE];
	auto_fd int dir = -1;

	if (stage < 0)
		return -1;
	random_name(name);
	dir = mkdir_child(stage, name, 0755, err);
	if (dir < 0)
		return -1;
	status = export_directory(s, roots, count, dir, err);
	for (size_t i = 0; i < count && status == 0; i++)
		status = stamp(dir, &roots[i], err);
	if (status == 0)
		status = tree_write_tar(dir, &options, to, err);
	if (remove_tree(stage, name, status < 0 ? &(struct error)ERROR_INIT : err) < 0)
		return -1;
	return status;
}

int export_tar(struct store *s, const struct export_root *roots, size_t count, int to,
	       struct error *err)
{
	if (count == 1 && roots[0].directory == NULL)
		return write_root(s, &roots[0], to, err);
	return export_joined(s, roots, count, to, err);
}
