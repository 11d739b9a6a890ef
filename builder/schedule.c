/* SPDX-License-Identifier: Apache-2.0 */
/* Which step may go on, and where it goes. */
#include "builder/run.h"
#include "builder/step_mounts.h"
#include "builder/volume.h"

#include "builder/inputs.h"

#include <string.h>

void step_event(const struct execution *e, struct event event)
{
	const struct build *b = e->build;

	event.step = e->step->number;
	event.steps = (int)b->plan->step_count;
	event.label = e->step->label;
	event.at = loop_now() - b->began;
	event_emit(b->options->sink, &event);
}

bool is_stopping(const struct build *b)
{
	return b->error.code != ERROR_NONE || b->interrupts > 0;
}

void build_fail(struct build *b, const struct error *err)
{
	if (b->error.code != ERROR_NONE)
		return;
	b->error = *err;
	for (size_t i = 0; i < b->plan->step_count; i++) {
		struct execution *e = &b->steps[i];

		/* Packing goes on: steps that ended well stay in the cache. */
		if (e->box != NULL)
			sandbox_kill(e->box);
		if (e->job != NULL && e->state < STEP_SEALED)
			job_cancel(e->job);
	}
	unpacker_cancel(b->unpacker);
}

static bool is_working(enum step_state state)
{
	return state >= STEP_PREPARING && state <= STEP_COMPARING;
}

static void set_state(struct execution *e, enum step_state state)
{
	if (is_working(e->state) && !is_working(state))
		e->build->running--;
	if (!is_working(e->state) && is_working(state))
		e->build->running++;
	e->state = state;
}

static void failure_text(const struct execution *e, const struct error *err, struct buf *out)
{
	char text[ERROR_TEXT * 2];

	error_format(err, text, sizeof(text));
	buf_printf(out, "%s\n", text);
	dockerfile_render_excerpt(e->step->file, e->step->insn->at, out);
}

static void unlock_key(struct execution *e)
{
	store_unlock_key(e->lock);
	e->lock = -1;
}

void step_fail(struct execution *e, const struct error *err)
{
	struct error failed = *err;

	unlock_key(e);
	set_state(e, STEP_DONE);
	/* What a step was told stands in the Dockerfile, not on the command line. */
	if (failed.code == ERROR_USAGE)
		failed.code = ERROR_SYNTAX;
	/* What was killed because something else failed, or because the user wished it, is not a
	   failure to talk about. */
	if (e->build->error.code == ERROR_NONE && failed.code != ERROR_CANCELLED &&
	    (e->build->interrupts == 0 || failed.code != ERROR_CHILD)) {
		auto_(buf) struct buf text = BUF_INIT;

		if (strstr(failed.frame[failed.depth - 1].text, e->step->place) == NULL)
			error_add(&failed, "%s: %s", e->step->place,
				  insn_name(e->step->insn->kind));
		failure_text(e, &failed, &text);
		step_event(e, (struct event){.kind = EVENT_STEP_FAILED,
					     .text = text.data,
					     .output = e->tail,
					     .output_length = e->tail_length,
					     .duration = e->started != 0 ? loop_now() - e->started
									 : 0});
	}
	build_fail(e->build, &failed);
}

/* What a step did that lets those below it hit, although it had to run. */
static const char *cutoff_text(const struct execution *e)
{
	if (!e->build->options->explain)
		return NULL;
	if (e->same)
		return "it did what it had done before: its recorded layer is taken, and the steps "
		       "below are looked up in the cache as if it had not run";
	if (digest_equal(&e->outcome.id, &e->parent))
		return "it changed nothing: the steps below are looked up in the cache as if it "
		       "had not run";
	return NULL;
}

void step_seal(struct execution *e)
{
	e->sealed = loop_now();
	step_event(e, (struct event){.kind = EVENT_STEP_DONE,
				     .text = cutoff_text(e),
				     .duration = e->sealed - e->started});
	set_state(e, STEP_SEALED);
}

static void announce_layer(const struct execution *e)
{
	const struct layer *l = &e->outcome.layer;
	auto_(buf) struct buf hint = BUF_INIT;
	char text[DIGEST_TEXT_SIZE];

	layer_hint(e, &hint);
	step_event(e, (struct event){.kind = EVENT_STEP_PACKED,
				     .text = hint.length > 0 ? hint.data : NULL,
				     .added = l->added,
				     .modified = l->modified,
				     .removed = l->removed,
				     .same = e->same,
				     .bytes = l->empty ? 0 : l->size,
				     .repeated = l->repeated,
				     .digest = l->empty ? NULL : digest_text(&l->diff_id, text)});
}

void step_packed(struct execution *e)
{
	struct error err = ERROR_INIT;

	unlock_key(e);
	set_state(e, STEP_DONE);
	e->have_outcome = true;
	if (!e->cached)
		announce_layer(e);
	if (volume_report(e, &err) < 0)
		step_fail(e, &err);
}

/* --- is everything there that a step depends on? ------------------------------------------- */

static bool stage_sealed(const struct build *b, const struct stage_plan *stage)
{
	if (stage->step_count > 0)
		return b->steps[stage->steps[stage->step_count - 1]->number - 1].state >=
		       STEP_SEALED;
	return stage->base != BASE_STAGE || stage_sealed(b, stage->base_stage);
}

static void id_after(const struct execution *e, struct digest *id)
{
	key_after(e->step, &e->parent, &e->outcome.id, id);
}

static void id_of_stage(const struct build *b, const struct stage_plan *stage, struct digest *id)
{
	if (stage->step_count > 0)
		id_after(&b->steps[stage->steps[stage->step_count - 1]->number - 1], id);
	else if (stage->base == BASE_STAGE)
		id_of_stage(b, stage->base_stage, id);
	else
		key_of_base(stage->base == BASE_IMAGE ? stage->image : NULL, id);
}

void id_of_root(const struct execution *e, const struct source_root *root, struct digest *id)
{
	switch (root->kind) {
	case FROM_CONTEXT:
		*id = e->list_digest;
		break;
	case FROM_STAGE:
		id_of_stage(e->build, root->stage, id);
		break;
	case FROM_IMAGE:
		key_of_base(root->image, id);
		break;
	}
}

/* May the key be computed? */
static bool is_ready(const struct execution *e)
{
	const struct build *b = e->build;
	const struct step *s = e->step;

	const struct source_root *root;

	if (step_has_list(s) && e->list_state != LIST_READY)
		return false;
	for (size_t i = 0; (root = step_root(s, i)) != NULL; i++)
		if (root->kind == FROM_STAGE && !stage_sealed(b, root->stage))
			return false;
	if (s->previous != NULL)
		return b->steps[s->previous->number - 1].state >= STEP_SEALED;
	return s->stage->base != BASE_STAGE || stage_sealed(b, s->stage->base_stage);
}

static void compute_key(struct execution *e)
{
	const struct build *b = e->build;
	const struct step *s = e->step;
	auto_free struct digest *from = NULL;
	const struct source_root *root;
	size_t from_count = 0;

	if (s->previous != NULL)
		id_after(&b->steps[s->previous->number - 1], &e->parent);
	else if (s->stage->base == BASE_STAGE)
		id_of_stage(b, s->stage->base_stage, &e->parent);
	else
		key_of_base(s->stage->base == BASE_IMAGE ? s->stage->image : NULL, &e->parent);
	for (size_t i = 0; (root = step_root(s, i)) != NULL; i++) {
		if (root->kind == FROM_CONTEXT)
			continue;
		from = xgrow(from, from_count, sizeof(*from));
		id_of_root(e, root, &from[from_count++]);
	}
	key_of_step(b->plan, s, &e->parent, from, from_count,
		    step_has_list(s) ? &e->list_digest : NULL, &e->inputs, &e->key);
	e->have_key = true;
	e->outcome.id = e->key;
}

/* --- transitions --------------------------------------------------------------------------- */

/* From now on GC must keep what this build has hit so far and will hit. */
static int pin_hits(struct build *b, struct error *err)
{
	bool found;

	if (b->pinned)
		return 0;
	b->pinned = true;
	for (struct base_image *i = b->plan->images; i != NULL; i = i->next)
		if (store_pin(b->store, STORE_BLOBS, &i->image.manifest, &found, err) < 0)
			return -1;
	for (size_t i = 0; i < b->plan->step_count; i++)
		if (b->steps[i].cached &&
		    store_pin(b->store, STORE_CACHE, &b->steps[i].key, &found, err) < 0)
			return -1;
	return 0;
}

/* The recorded layer is the step's, once it is there in the wanted compression. */
static int take_recorded(struct execution *e, struct error *err)
{
	if (e->outcome.layer.compression != e->build->options->compression &&
	    !e->outcome.layer.empty) {
		set_state(e, STEP_PACKING);
		return start_transcode(e, err) < 0 ? -1 : 1;
	}
	step_packed(e);
	return 1;
}

bool is_uncached(const struct execution *e)
{
	return e->build->options->no_cache || e->step->stage->no_cache;
}

/* 1 for a hit. */
static int look_up(struct execution *e, struct error *err)
{
	struct build *b = e->build;
	struct error missing = ERROR_INIT;
	struct outcome found;
	bool still;

	if (is_uncached(e) ||
	    cache_get(b->store, &e->key, b->options->compression, &found, &missing) < 0)
		return 0;
	if (b->pinned) {
		if (store_pin(b->store, STORE_CACHE, &e->key, &still, err) < 0)
			return -1;
		if (!still) {
			outcome_release(&found);
			return 0;
		}
	}
	outcome_release(&e->outcome);
	e->outcome = found;
	e->cached = true;
	spare_drop(e);
	step_event(e, (struct event){.kind = EVENT_STEP_CACHED,
				     .added = found.layer.added,
				     .modified = found.layer.modified,
				     .removed = found.layer.removed,
				     .bytes = found.layer.empty ? 0 : found.layer.size});
	return take_recorded(e, err);
}

static int wait_work(void *arg, struct buf *result, struct error *err)
{
	const struct execution *e = arg;
	int fd = store_lock_key(e->build->store, &e->key, true, err);

	(void)result;
	cleanup_fd(&fd);
	return err->code == ERROR_NONE ? 0 : -1;
}

static void wait_done(void *user, const struct buf *result, const struct error *err)
{
	struct execution *e = user;

	(void)result;
	e->job = NULL;
	if (err->code != ERROR_NONE) {
		step_fail(e, err);
		return;
	}
	e->state = STEP_WAITING; /* look again: the other one has recorded it, or has died */
}

/* Takes the lock on the key; 1: we have it, 0: another process executes this step. */
static int lock_key(struct execution *e, struct error *err)
{
	struct build *b = e->build;
	struct error busy = ERROR_INIT;

	if (is_uncached(e) || e->lock >= 0)
		return 1;
	e->lock = store_lock_key(b->store, &e->key, false, &busy);
	if (e->lock >= 0)
		return 1;
	if (busy.code != ERROR_EXISTS) {
		*err = busy;
		return -1;
	}
	e->job = job_start(b->loop, "waiting for another build", wait_work, e, wait_done, e, err);
	if (e->job == NULL)
		return -1;
	e->state = STEP_LOCKING;
	return 0;
}

static void announce_start(struct execution *e)
{
	auto_(buf) struct buf why = BUF_INIT;
	bool explain = e->build->options->explain && !is_uncached(e);

	if (e->announced)
		return;
	if (explain)
		cache_explain(e->build->store, &e->inputs, e->step->insn->original,
			      e->list_state == LIST_READY ? &e->list : NULL, &why);
	step_event(e, (struct event){.kind = EVENT_STEP_START, .text = explain ? why.data : NULL});
	e->announced = true;
	e->started = loop_now();
}

/* 1 when the step's work has started or is done; 0 while trees are missing. */
static int start_work(struct execution *e, struct error *err)
{
	struct build *b = e->build;
	const struct step *s = e->step;
	const struct source_root *root = s->kind == STEP_COPY ? step_root(s, 0) : NULL;
	const bool from_other = root != NULL && root->kind != FROM_CONTEXT;
	auto_(lowers) struct lowers below = {.fd = NULL}, source = {.fd = NULL};
	int ready = trees_below(b, s, &below, err), other = 1;

	if (ready >= 0 && from_other)
		other = trees_of_root(b, root, &source, err);
	if (ready >= 0 && other >= 0 && s->kind == STEP_RUN)
		other = step_mounts_prepare(e, err);
	if (ready < 0 || other < 0)
		return -1;
	if (!ready || !other)
		return 0;
	set_state(e, STEP_RUNNING);
	e->started = loop_now();
	if (s->kind == STEP_RUN)
		return start_run(e, &below, err) < 0 ? -1 : 1;
	if (s->kind == STEP_COPY)
		return start_copy(e, &below, from_other ? &source : NULL, err) < 0 ? -1 : 1;
	return start_workdir(e, &below, err) < 0 ? -1 : 1;
}

static int begin(struct execution *e, struct error *err)
{
	struct build *b = e->build;
	int status;

	if (!e->have_key)
		compute_key(e);
	status = look_up(e, err);
	if (status != 0)
		return status;
	if (b->running >= b->steps_at_once)
		return 0;
	if (pin_hits(b, err) < 0)
		return -1;
	status = lock_key(e, err);
	if (status <= 0)
		return status;
	/* Whoever had the lock before may have recorded it between our look and the lock. */
	status = look_up(e, err);
	if (status != 0)
		return status;
	announce_start(e);
	set_state(e, STEP_PREPARING);
	return 1;
}

/* Advances one step as far as it goes now; 1 if anything changed. */
static int advance(struct execution *e, struct error *err)
{
	struct build *b = e->build;

	if (e->state == STEP_WAITING && step_has_list(e->step) && e->list_state == LIST_NONE &&
	    b->listing < b->jobs)
		return start_list(e, err) < 0 ? -1 : 1;
	if (e->state == STEP_WAITING && is_ready(e))
		return begin(e, err);
	if (e->state == STEP_PREPARING)
		return start_work(e, err);
	if (e->state == STEP_SEALED && e->same)
		return take_recorded(e, err);
	return 0;
}

uint64_t schedule(struct build *b)
{
	bool again;

	do {
		again = false;
		for (size_t i = 0; i < b->plan->step_count; i++) {
			struct execution *e = b->order[i];
			struct error err = ERROR_INIT;
			int status;

			if (is_stopping(b) && e->state != STEP_SEALED)
				continue;
			status = advance(e, &err);
			if (status < 0)
				step_fail(e, &err);
			again = again || status > 0;
		}
	} while (again);
	/* After everything else: the next steps do not wait for it. */
	return pack_sealed(b);
}
