/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step left in its upper becomes a layer and a record, in a job beside the next steps.
 *
 * A step that took a few milliseconds has not written much, and a process of its own would cost
 * more than packing does: such steps wait a moment for each other and share one.
 */
#include "builder/run.h"
#include "builder/volume.h"

#include <string.h>
#include <time.h>

enum { BATCH_STEPS = 4, QUICK_US = 10 * 1000, GATHER_US = 20 * 1000 };

/* What one job packs, in order. */
struct batch {
	struct build *build;
	struct execution *item[BATCH_STEPS];
	struct lowers below[BATCH_STEPS]; /* until the fork */
	size_t count;
};

/* In the job's result, before the bytes of each outcome. The first error is the last item. */
struct packed {
	struct error err;
	size_t length;
};

static int pack(struct execution *e, const struct lowers *below, struct outcome *o,
		struct error *err)
{
	struct build *b = e->build;
	struct stack stack = lowers_stack(b, below);
	struct lowers with_upper = {.fd = NULL};
	struct volume_watch *watch;
	struct pack_options options = {
		.below = stack,
		.compression = b->options->compression,
		.epoch = b->plan->epoch,
		.visit = volume_watch_visit,
	};
	int status;

	with_upper.fd = xcalloc(below->count + 1, sizeof(int));
	with_upper.fd[0] = e->upper;
	if (below->count > 0)
		memcpy(with_upper.fd + 1, below->fd, below->count * sizeof(int));
	with_upper.count = below->count + 1;
	stack = lowers_stack(b, &with_upper);
	if (is_linked(e->step))
		options.below.count = 0;
	watch = volume_watch_new(e->step, &stack);
	options.user = watch;
	status = e->graft != NULL ? direct_pack(e, &options, &o->layer, err)
				  : layer_pack(e->upper, b->store, &options, &o->layer, err);
	volume_watch_finish(watch, o);
	lowers_release(&with_upper);
	return status;
}

/* What the overlay left in its work directory, which the sync at the end would write to the disk
   for nothing. Anything else in there goes with the stage. */
static void drop_work(const struct execution *e)
{
	static const char *const made[] = {"/work/incompat/volatile/dirty",
					   "/work/incompat/volatile", "/work/incompat", "/work",
					   ""};
	struct error ignored = ERROR_INIT;
	int stage = store_stage(e->build->store, &ignored);

	for (size_t i = 0; stage >= 0 && i < sizeof(made) / sizeof(*made); i++) {
		auto_free char *path = xprintf("%s.work%s", e->name, made[i]);

		unlinkat(stage, path, i == 0 ? 0 : AT_REMOVEDIR);
	}
}

static int pack_one(struct execution *e, const struct lowers *below, struct buf *result,
		    struct error *err)
{
	const struct build *b = e->build;
	auto_(outcome) struct outcome o = {.id = e->outcome.id, .created = (int64_t)time(NULL)};

	if (b->plan->epoch >= 0)
		o.created = b->plan->epoch;
	if (pack(e, below, &o, err) < 0)
		return e->graft != NULL ? -1 : error_add(err, "packing the layer");
	if (cache_put(b->store, &e->key, &e->inputs, e->step->insn->original,
		      e->list_state == LIST_READY ? &e->list_digest : NULL, &o, err) < 0)
		return error_add(err, "recording the step");
	if (cutoff_remember(e, err) < 0)
		return error_add(err, "recording the step");
	if (!o.layer.empty && e->graft == NULL && store_measure_tree(b->store, e->name, err) < 0)
		return error_add(err, "measuring the layer");
	drop_work(e);
	outcome_write(&o, result);
	return 0;
}

static int batch_run(void *arg, struct buf *result, struct error *err)
{
	const struct batch *batch = arg;

	(void)err;
	job_step_back();
	for (size_t i = 0; i < batch->count; i++) {
		auto_(buf) struct buf bytes = BUF_INIT;
		struct packed head = {.err = ERROR_INIT};

		pack_one(batch->item[i], &batch->below[i], &bytes, &head.err);
		head.length = bytes.length;
		buf_add(result, &head, sizeof(head));
		buf_add(result, bytes.data, bytes.length);
		if (head.err.code != ERROR_NONE)
			break;
	}
	return 0;
}

/* Takes the next item off the result; false: the job did not come to it. */
static bool take(const struct buf *result, size_t *at, struct packed *head, struct buf *bytes)
{
	if (result->length - *at < sizeof(*head))
		return false;
	memcpy(head, result->data + *at, sizeof(*head));
	*at += sizeof(*head);
	*bytes = (struct buf){.data = result->data + *at, .length = head->length};
	*at += head->length;
	return true;
}

static void batch_done(void *user, const struct buf *result, const struct error *err)
{
	struct batch *batch = user;
	size_t at = 0;

	batch->build->packing--;
	for (size_t i = 0; i < batch->count; i++) {
		struct execution *e = batch->item[i];
		struct packed head = {.err = *err};
		struct buf bytes;

		e->job = NULL;
		if (err->code == ERROR_NONE && !take(result, &at, &head, &bytes)) {
			e->state = STEP_SEALED;
			continue;
		}
		if (head.err.code == ERROR_NONE)
			outcome_read(&bytes, &e->outcome, &head.err);
		if (head.err.code != ERROR_NONE)
			step_fail(e, &head.err);
		else
			step_packed(e);
		/* It holds a part of the layer; who wants all of it unpacks the blob. */
		if (e->graft != NULL)
			cleanup_fd(&e->upper);
	}
	free(batch);
}

/* Leaves out those below which a tree is still being unpacked. */
static int find_lowers(struct batch *batch, struct error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < batch->count; i++) {
		struct execution *e = batch->item[i];
		auto_(lowers) struct lowers below = {.fd = NULL};
		int ready = trees_below(e->build, e->step, &below, err);

		if (ready < 0)
			return error_add(err, "%s: packing", e->step->place);
		if (ready == 0)
			continue;
		batch->item[kept] = e;
		batch->below[kept++] = below;
		below = (struct lowers){.fd = NULL};
	}
	batch->count = kept;
	return 0;
}

static int batch_fork(struct batch *batch, struct error *err)
{
	struct build *b = batch->build;
	struct job *job;

	if (find_lowers(batch, err) < 0)
		return -1;
	if (batch->count == 0)
		return 0;
	job = job_start(b->loop, batch->item[0]->step->place, batch_run, batch, batch_done, batch,
			err);
	if (job == NULL)
		return -1;
	b->packing++;
	for (size_t i = 0; i < batch->count; i++) {
		batch->item[i]->job = job;
		batch->item[i]->state = STEP_PACKING;
	}
	return 1;
}

static void start(struct build *b, struct execution *const *items, size_t count)
{
	struct batch *batch = xcalloc(1, sizeof(*batch));
	struct error err = ERROR_INIT;
	int status;

	batch->build = b;
	batch->count = count;
	memcpy(batch->item, items, count * sizeof(struct execution *));
	status = batch_fork(batch, &err);
	for (size_t i = 0; i < BATCH_STEPS; i++)
		lowers_release(&batch->below[i]);
	if (status < 0)
		step_fail(items[0], &err);
	if (status <= 0)
		free(batch);
}

static bool is_waiting(const struct execution *e)
{
	return e->state == STEP_SEALED && !e->same;
}

static bool is_quick(const struct execution *e)
{
	return e->sealed - e->started < QUICK_US && e->graft == NULL;
}

/* How long the quick steps may still wait for others, in microseconds. */
static uint64_t patience(size_t count, bool more, uint64_t oldest)
{
	uint64_t waited = loop_now() - oldest;

	return count >= BATCH_STEPS || !more || waited >= GATHER_US ? 0 : GATHER_US - waited;
}

uint64_t pack_sealed(struct build *b)
{
	struct execution *quick[BATCH_STEPS];
	size_t count = 0;
	uint64_t oldest = 0, wait;
	bool more = false; /* will a step begin that could be packed with them? */

	for (size_t i = 0; i < b->plan->step_count && b->packing < b->jobs; i++) {
		struct execution *e = b->order[i];

		more = more || (e->state < STEP_RUNNING && !is_stopping(b));
		if (!is_waiting(e) || (is_quick(e) && count == BATCH_STEPS))
			continue;
		if (!is_quick(e)) {
			start(b, &e, 1);
			continue;
		}
		if (count == 0 || e->sealed < oldest)
			oldest = e->sealed;
		quick[count++] = e;
	}
	if (count == 0 || b->packing >= b->jobs)
		return PACK_NOTHING;
	wait = patience(count, more, oldest);
	if (wait > 0)
		return wait;
	start(b, quick, count);
	return PACK_NOTHING;
}
