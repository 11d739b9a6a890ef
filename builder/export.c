/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/export.h"

#include "common/arena.h"
#include "common/fd.h"
#include "common/job.h"
#include "layers/unpack.h"
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

/* The merged view, read-only, as a detached mount. */
static int mount_image(struct store *s, const struct image *image, struct error *err)
{
	auto_(roots) struct roots roots = {.fd = xcalloc(image->layer_count, sizeof(int))};
	struct overlay_spec spec = {.upper = -1, .work = -1, .userxattr = store_userxattr(s)};

	for (size_t i = image->layer_count; i-- > 0;) {
		int fd;

		if (layer_unpack(s, &image->layers[i], err) < 0)
			return -1;
		fd = store_find(s, STORE_TREES, &image->layers[i].diff_id, err);
		if (fd < 0)
			return -1;
		roots.fd[roots.count++] = fd;
	}
	spec.lower = roots.fd;
	spec.count = roots.count;
	if (roots.count == 0)
		return error_set(err, ERROR_NOT_FOUND, "the image has no layers");
	return overlay_mount(&spec, err);
}

int export_tar(struct store *s, const struct image *image, int64_t epoch, int to, struct error *err)
{
	const struct pack_options options = {.epoch = epoch, .keep_root = true};
	auto_fd int root = mount_image(s, image, err);

	return root < 0 ? -1 : tree_write_tar(root, &options, to, err);
}

struct tar_writer {
	struct store *store;
	const struct image *image;
	int64_t epoch;
	int to;
	bool ended;
	struct error outcome;
};

static int write_tar(void *arg, struct buf *result, struct error *err)
{
	const struct tar_writer *w = arg;

	(void)result;
	return export_tar(w->store, w->image, w->epoch, w->to, err);
}

static void tar_written(void *user, const struct buf *result, const struct error *err)
{
	struct tar_writer *w = user;

	(void)result;
	w->ended = true;
	w->outcome = *err;
}

/* A tar through a pipe: the two sides of the layer code already do everything a copy must. */
int export_directory(struct store *s, const struct image *image, int64_t epoch, int to,
		     struct error *err)
{
	const struct unpack_options options = {
		.userxattr = store_userxattr(s), .owner = -1, .group = -1};
	auto_(loop) struct loop *l = loop_new(err);
	struct tar_writer w = {.store = s, .image = image, .epoch = epoch, .outcome = ERROR_INIT};
	auto_fd int from = -1;
	struct job *job;
	uint64_t entries;
	int ends[2], status;

	if (l == NULL)
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
