/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUN --mount at run time: directories are opened, caches locked, copies made and agents started
 * while the step is being prepared; nothing is mounted outside its sandbox.
 */
#include "builder/step_mounts.h"

#include "builder/copy.h"
#include "builder/inputs.h"
#include "runtime/overlay.h"

#include <string.h>

void mount_forget(struct mount *m)
{
	cleanup_fd(&m->fd);
	cleanup_fd(&m->copy);
	store_mount_close(m->lock);
	m->lock = -1;
	agent_free(steal(m->agent));
	m->ready = m->detached = false;
}

void step_mounts_release(struct execution *e)
{
	struct mounts *all = e->mounts;

	if (all == NULL)
		return;
	for (size_t i = 0; i < all->count; i++) {
		mount_forget(&all->item[i]);
		free(all->item[i].target);
	}
	free(all->item);
	free(all);
	e->mounts = NULL;
}

static void init(struct execution *e)
{
	const struct run_spec *run = &e->step->run;
	struct mounts *all = xcalloc(1, sizeof(*all));

	all->count = run->mount_count;
	all->item = xcalloc(all->count, sizeof(*all->item));
	for (size_t i = 0; i < all->count; i++)
		all->item[i] = (struct mount){
			.spec = &run->mounts[i], .fd = -1, .copy = -1, .lock = -1, .subpath = ""};
	e->mounts = all;
}

/* --- jobs ---------------------------------------------------------------------------------- */

void mount_job_ended(void *user, const struct buf *result, const struct error *err)
{
	struct execution *e = user;

	(void)result;
	e->job = NULL;
	if (err->code != ERROR_NONE)
		step_fail(e, err);
}

/* Copies what the mount shows of a root into a directory. */
struct fill_job {
	struct build *b;
	const struct run_mount *spec;
	const struct lowers *lowers; /* of a stage or image */
	int directory;
	int lock; /* of a cache that is fresh; or -1 */
};

static int fill_work(void *arg, struct buf *result, struct error *err)
{
	const struct fill_job *f = arg;
	const struct source_root *from = &f->spec->from;
	const struct overlay_spec overlay = {.lower = f->lowers->fd,
					     .count = f->lowers->count,
					     .upper = -1,
					     .work = -1,
					     .userxattr = store_userxattr(f->b->store)};
	const struct stack nothing = {.count = 0};
	auto_fd int source = from->kind == FROM_CONTEXT ? reopen_dir(from->context->fd, err)
							: overlay_mount(&overlay, err);
	struct mount_copy copy;
	struct copy_options options = {
		.spec = &copy.spec,
		.source = source,
		.ignore = from->kind == FROM_CONTEXT ? from->context->ignore : NULL,
		.target = f->directory,
		.below = &nothing,
	};
	int status;

	(void)result;
	if (source < 0)
		return -1;
	mount_copy_init(&copy, f->spec, "/");
	status = copy_run(&options, err);
	free(copy.pattern);
	if (status == 0 && f->lock >= 0)
		status = store_mount_ready(f->directory, f->lock, mount_sharing(f->spec), err);
	return status;
}

int mount_fill(struct execution *e, const struct run_mount *spec, const struct lowers *lowers,
	       int directory, int lock, struct error *err)
{
	struct fill_job f = {.b = e->build,
			     .spec = spec,
			     .lowers = lowers,
			     .directory = directory,
			     .lock = lock};

	e->job = job_start(e->build->loop, e->step->place, fill_work, &f, mount_job_ended, e, err);
	return e->job != NULL ? 0 : -1;
}

/* --- binds --------------------------------------------------------------------------------- */

static int new_directory(struct build *b, int *name_fd, struct error *err)
{
	char name[RANDOM_NAME_SIZE];
	int stage = store_stage(b->store, err);

	random_name(name);
	if (stage < 0)
		return -1;
	*name_fd = mkdir_child(stage, name, 0755, err);
	return *name_fd < 0 ? -1 : 0;
}

/* A merged view of the lowers with, for rw, an upper that is thrown away with the stage. */
static int merge(struct build *b, const struct lowers *lowers, bool writable, struct error *err)
{
	auto_fd int upper = -1, work = -1, empty = -1;
	struct overlay_spec overlay = {.lower = lowers->fd,
				       .count = lowers->count,
				       .upper = -1,
				       .work = -1,
				       .userxattr = store_userxattr(b->store),
				       .volatile_upper = true};

	if (overlay.count == 0) {
		if (new_directory(b, &empty, err) < 0)
			return -1;
		overlay.lower = &empty;
		overlay.count = 1;
	}
	if (writable) {
		if (new_directory(b, &upper, err) < 0 || new_directory(b, &work, err) < 0)
			return -1;
		overlay.upper = upper;
		overlay.work = work;
	}
	return overlay_mount(&overlay, err);
}

/* What is at subpath of a directory or detached mount? */
static int look(struct mount *m, int base, struct error *err)
{
	struct stat st;
	auto_fd int fd = open_in(base, *m->subpath != '\0' ? m->subpath : ".", O_PATH, 0, err);

	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? error_add(err, "--mount target=%s", m->spec->target)
			      : error_sys(err, "--mount target=%s", m->spec->target);
	m->directory = S_ISDIR(st.st_mode);
	if (!m->detached)
		m->fd = steal_fd(&fd);
	m->ready = true;
	return 1;
}

static int prepare_other_bind(struct execution *e, struct mount *m, struct error *err)
{
	auto_(lowers) struct lowers lowers = {.fd = NULL};
	int status = trees_of_root(e->build, &m->spec->from, &lowers, err);

	if (status <= 0)
		return status;
	m->fd = merge(e->build, &lowers, !m->spec->read_only, err);
	if (m->fd < 0)
		return -1;
	m->detached = true;
	m->subpath = m->spec->source;
	return look(m, m->fd, err);
}

/* The host's files are shown as they are if they look as a copy of them would: all of 0:0, and
   nothing of them ignored. */
static int prepare_context_bind(struct execution *e, struct mount *m, struct error *err)
{
	const struct context *context = m->spec->from.context;
	const struct lowers none = {.fd = NULL};
	int base = context->fd;
	const char *slash;

	m->subpath = m->spec->source;
	if (m->copy < 0 && (e->foreign || context->ignore != NULL)) {
		if (new_directory(e->build, &m->copy, err) < 0)
			return -1;
		return mount_fill(e, m->spec, &none, m->copy, -1, err);
	}
	if (m->copy >= 0) {
		auto_fd int original = open_in(context->fd, *m->subpath != '\0' ? m->subpath : ".",
					       O_PATH, 0, err);
		struct stat st;

		if (original < 0 || fstat(original, &st) < 0)
			return original < 0 ? -1 : error_sys(err, "%s", m->subpath);
		slash = strrchr(m->subpath, '/');
		base = m->copy;
		m->subpath = S_ISDIR(st.st_mode) ? "" : slash != NULL ? slash + 1 : m->subpath;
	}
	if (!m->spec->read_only) {
		const struct lowers lower = {.fd = &base, .count = 1};

		m->fd = merge(e->build, &lower, true, err);
		if (m->fd < 0)
			return -1;
		m->detached = true;
		base = m->fd;
	}
	return look(m, base, err);
}

/* --- all of them --------------------------------------------------------------------------- */

const struct build_secret *step_mounts_secret(const struct build *b, const struct run_mount *m)
{
	for (size_t i = 0; m->type == MOUNT_SECRET && i < b->options->fetch.secret_count; i++)
		if (strcmp(b->options->fetch.secrets[i].id, m->id) == 0)
			return &b->options->fetch.secrets[i];
	return NULL;
}

static int prepare_host(struct mount *m, struct error *err)
{
	struct stat st;

	m->fd = fcntl(m->spec->host->source, F_DUPFD_CLOEXEC, 0);
	if (m->fd < 0 || fstat(m->fd, &st) < 0)
		return error_sys(err, "--volume %s", m->spec->host->text);
	m->directory = S_ISDIR(st.st_mode);
	m->ready = true;
	return 1;
}

static int prepare(struct execution *e, struct mount *m, struct error *err)
{
	switch (m->spec->type) {
	case MOUNT_BIND:
		return m->spec->from.kind == FROM_CONTEXT ? prepare_context_bind(e, m, err)
							  : prepare_other_bind(e, m, err);
	case MOUNT_CACHE:
		return mount_prepare_cache(e, m, err);
	case MOUNT_TMPFS:
		m->directory = true;
		break;
	case MOUNT_SECRET:
		m->absent =
			step_mounts_secret(e->build, m->spec) == NULL || m->spec->target == NULL;
		break;
	case MOUNT_SSH:
		return mount_prepare_ssh(e, m, err);
	case MOUNT_HOST:
		return prepare_host(m, err);
	}
	m->ready = true;
	return 1;
}

int step_mounts_prepare(struct execution *e, struct error *err)
{
	if (e->step->run.mount_count == 0)
		return 1;
	if (e->job != NULL)
		return 0;
	if (e->mounts == NULL)
		init(e);
	for (size_t i = 0; i < e->mounts->count; i++) {
		struct mount *m = &e->mounts->item[i];
		int status = m->ready ? 1 : prepare(e, m, err);

		if (status <= 0)
			return status;
	}
	return 1;
}

int step_mounts_resolve(struct execution *e, const struct stack *root, struct error *err)
{
	for (size_t i = 0; e->mounts != NULL && i < e->mounts->count; i++) {
		struct mount *m = &e->mounts->item[i];
		auto_(buf) struct buf path = BUF_INIT;

		if (m->absent)
			continue;
		if (stack_resolve(root, m->spec->target, &path, err) < 0)
			return error_add(err, "--mount target=%s", m->spec->target);
		free(m->target);
		m->target = buf_steal(&path);
	}
	return 0;
}

static bool is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 && (path[length] == '/' || length == 1);
}

/* The sandbox makes these itself, because the mount above hides what is in the root. */
static bool is_nested(const struct mounts *all, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (!all->item[j].absent && is_below(all->item[i].target, all->item[j].target))
			return true;
	return false;
}

size_t step_mounts_targets(const struct execution *e, struct stub_target *out)
{
	size_t count = 0;

	for (size_t i = 0; e->mounts != NULL && i < e->mounts->count; i++) {
		const struct mount *m = &e->mounts->item[i];

		if (!m->absent && !is_nested(e->mounts, i))
			out[count++] = (struct stub_target){.path = m->target + 1,
							    .directory = m->directory};
	}
	return count;
}

static void fill(const struct build *b, const struct mount *m, struct sandbox_mount *out)
{
	const struct run_mount *spec = m->spec;
	const struct build_secret *secret = step_mounts_secret(b, spec);

	*out = (struct sandbox_mount){
		.kind = m->detached ? SANDBOX_SUBTREE : SANDBOX_BIND,
		.source = m->fd,
		.subpath = m->subpath,
		.target = m->target,
		.read_only = spec->read_only,
		.recursive = spec->type == MOUNT_BIND || spec->type == MOUNT_HOST,
		.exec = true,
		.suid = spec->type != MOUNT_TMPFS,
		.size = spec->size,
		.mode = spec->mode,
		.uid = spec->uid,
		.gid = spec->gid,
	};
	if (spec->type == MOUNT_TMPFS) {
		out->kind = SANDBOX_TMPFS;
		out->mode = 01777;
	}
	if (secret != NULL) {
		out->kind = SANDBOX_DATA;
		out->read_only = true;
		out->exec = false;
		out->data = secret->data;
		out->length = secret->length;
	}
}

size_t step_mounts_fill(const struct execution *e, struct sandbox_mount *out)
{
	size_t count = 0;

	for (size_t i = 0; e->mounts != NULL && i < e->mounts->count; i++)
		if (!e->mounts->item[i].absent)
			fill(e->build, &e->mounts->item[i], &out[count++]);
	return count;
}
