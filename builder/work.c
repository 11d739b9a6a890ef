/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of steps: copying, making directories, transcoding. */
#include "builder/run.h"
#include "builder/volume.h"

#include "builder/copy.h"
#include "builder/rootpath.h"
#include "builder/user.h"
#include "runtime/overlay.h"

#include <string.h>
#include <time.h>

/* --- the writable layer -------------------------------------------------------------------- */

/* The merged root shows the upper's own metadata, so it must be that of the root below. */
static int copy_root(int upper, const struct lowers *below, struct error *err)
{
	struct stat st = {.st_mode = 0755};

	if (below->count > 0 && fstat(below->fd[0], &st) < 0)
		return error_sys(err, "reading the root directory");
	if ((st.st_uid != 0 || st.st_gid != 0) && fchown(upper, st.st_uid, st.st_gid) < 0)
		return error_sys(err, "setting the owner of the root directory");
	if (fchmod(upper, st.st_mode & 07777) < 0)
		return error_sys(err, "setting the mode of the root directory");
	return 0;
}

int make_spare_upper(struct execution *e, struct error *err)
{
	struct spare *made = &e->spare;
	char name[RANDOM_NAME_SIZE + 8];
	int stage = store_stage(e->build->store, err);

	if (stage < 0)
		return -1;
	random_name(made->name);
	snprintf(name, sizeof(name), "%s.work", made->name);
	if (mkdirat(stage, made->name, 0755) < 0 || mkdirat(stage, name, 0700) < 0)
		return error_sys(err, "making a layer directory");
	made->work = openat(stage, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (made->work < 0)
		return error_sys(err, "opening a layer directory");
	snprintf(name, sizeof(name), "%s/fs", made->name);
	if (mkdirat(stage, name, 0755) < 0)
		return error_sys(err, "making a layer directory");
	made->upper = openat(stage, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return made->upper < 0 ? error_sys(err, "opening a layer directory") : 0;
}

int make_upper(struct execution *e, const struct lowers *below, int *work, struct error *err)
{
	if ((e->spare.upper < 0 && make_spare_upper(e, err) < 0) ||
	    copy_root(e->spare.upper, below, err) < 0)
		return -1;
	memcpy(e->name, e->spare.name, sizeof(e->name));
	e->upper = steal_fd(&e->spare.upper);
	*work = steal_fd(&e->spare.work);
	return 0;
}

/* --- copying ------------------------------------------------------------------------------- */

/* What such a job inherits; the lists live until the fork. */
struct root_work {
	struct execution *e;
	const struct lowers *below, *source;
	int work;
};

bool is_linked(const struct step *s)
{
	return s->kind == STEP_COPY && s->copy.link;
}

static int merged(const struct root_work *w, struct error *err)
{
	const struct overlay_spec spec = {
		.lower = w->below->fd,
		.count = w->below->count,
		.upper = w->e->upper,
		.work = w->work,
		.userxattr = store_userxattr(w->e->build->store),
		.volatile_upper = true,
	};

	/* Nothing below: the upper is the root. With --link nothing below is looked at. */
	return w->below->count > 0 && !is_linked(w->e->step) ? overlay_mount(&spec, err)
							     : reopen_dir(w->e->upper, err);
}

static int source_root(const struct root_work *w, struct error *err)
{
	const struct build *b = w->e->build;
	const struct overlay_spec spec = {
		.lower = w->source != NULL ? w->source->fd : NULL,
		.count = w->source != NULL ? w->source->count : 0,
		.upper = -1,
		.work = -1,
		.userxattr = store_userxattr(b->store),
	};

	if (w->source == NULL)
		return reopen_dir(w->e->step->copy.from.context->fd, err);
	return spec.count > 0 ? overlay_mount(&spec, err) : reopen_dir(w->work, err);
}

static bool has_paths(const struct copy_spec *spec)
{
	for (size_t i = 0; i < spec->source_count; i++)
		if (spec->sources[i].kind == SOURCE_PATH)
			return true;
	return false;
}

static int copy_work(void *arg, struct buf *result, struct error *err)
{
	const struct root_work *w = arg;
	const struct build *b = w->e->build;
	const struct copy_spec *spec = &w->e->step->copy;
	struct stack below = lowers_stack(b, w->below);
	auto_fd int target = merged(w, err);
	auto_fd int source = -1;
	struct copy_options options = {
		.spec = spec,
		.ignore = spec->from.kind == FROM_CONTEXT ? spec->from.context->ignore : NULL,
		.store = b->store,
		.fetch = &b->options->fetch,
		.fetched = w->e->fetched,
		.target = target,
		.below = &below,
	};

	(void)result;
	if (target < 0)
		return -1;
	if (has_paths(spec)) {
		source = source_root(w, err);
		if (source < 0)
			return -1;
	}
	options.source = source;
	if (w->e->graft == NULL)
		return copy_run(&options, err);
	return copy_skeleton(&options, err) < 0 ? error_add(err, "%s", spec->sources[0].written)
						: 0;
}

static int workdir_work(void *arg, struct buf *result, struct error *err)
{
	const struct root_work *w = arg;
	const struct step *s = w->e->step;
	struct stack below = lowers_stack(w->e->build, w->below);
	auto_(user) struct user user = {.uid = 0};
	struct rootpath_new as = {.mode = 0755};
	auto_fd int target = merged(w, err);
	auto_fd int dir = -1;

	(void)result;
	if (target < 0 || user_resolve(&below, s->directory_user, &user, err) < 0)
		return -1;
	as.uid = user.uid;
	as.gid = user.gid;
	clock_gettime(CLOCK_REALTIME, &as.mtime);
	dir = rootpath_mkdirs(target, s->directory, &as, err);
	return dir < 0 ? -1 : 0;
}

static void root_done(void *user, const struct buf *result, const struct error *err)
{
	struct execution *e = user;

	(void)result;
	e->job = NULL;
	if (err->code != ERROR_NONE)
		step_fail(e, err);
	else
		step_finished(e);
}

static int start_root_work(struct execution *e, const struct lowers *below,
			   const struct lowers *source, job_work *work, struct error *err)
{
	struct root_work w = {.e = e, .below = below, .source = source, .work = -1};
	auto_fd int work_dir = -1;

	if (make_upper(e, below, &work_dir, err) < 0)
		return -1;
	w.work = work_dir;
	e->job = job_start(e->build->loop, e->step->place, work, &w, root_done, e, err);
	return e->job != NULL ? 0 : -1;
}

int start_copy(struct execution *e, const struct lowers *below, const struct lowers *source,
	       struct error *err)
{
	if (direct_choose(e, below, err) < 0)
		return -1;
	return start_root_work(e, below, source, copy_work, err);
}

int start_workdir(struct execution *e, const struct lowers *below, struct error *err)
{
	return start_root_work(e, below, NULL, workdir_work, err);
}

/* --- discarding ---------------------------------------------------------------------------- */

static int discard_work(void *arg, struct buf *result, struct error *err)
{
	struct root_work *w = arg;
	struct stack below = lowers_stack(w->e->build, w->below);

	(void)result;
	return volume_discard(w->e->step, &below, w->e->upper, err);
}

int start_discard(struct execution *e, const struct lowers *below, struct error *err)
{
	struct root_work w = {.e = e, .below = below};

	e->job = job_start(e->build->loop, e->step->place, discard_work, &w, root_done, e, err);
	return e->job != NULL ? 0 : -1;
}

/* --- transcoding --------------------------------------------------------------------------- */

static int transcode_work(void *arg, struct buf *result, struct error *err)
{
	struct execution *e = arg;
	auto_(outcome) struct outcome o = {.id = e->outcome.id, .created = e->outcome.created};
	const struct layer counts = e->outcome.layer;

	job_step_back();
	if (layer_find(e->build->store, &counts.diff_id, e->build->options->compression, &o.layer,
		       err) < 0)
		return -1;
	o.layer.added = counts.added;
	o.layer.modified = counts.modified;
	o.layer.removed = counts.removed;
	outcome_write(&o, result);
	return 0;
}

static void transcode_done(void *user, const struct buf *result, const struct error *err)
{
	struct execution *e = user;
	auto_(outcome) struct outcome o = {.created = 0};
	struct error failed = *err;

	e->job = NULL;
	e->build->packing--;
	if (failed.code == ERROR_NONE)
		outcome_read(result, &o, &failed);
	if (failed.code != ERROR_NONE) {
		step_fail(e, &failed);
		return;
	}
	e->outcome.layer = o.layer;
	step_packed(e);
}

int start_transcode(struct execution *e, struct error *err)
{
	if (store_stage(e->build->store, err) < 0)
		return -1;
	e->job = job_start(e->build->loop, e->step->place, transcode_work, e, transcode_done, e,
			   err);
	if (e->job == NULL)
		return -1;
	e->build->packing++;
	return 0;
}
