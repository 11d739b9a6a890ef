/* SPDX-License-Identifier: Apache-2.0 */
/* The main loop of a build. */
#include "builder/run.h"
#include "builder/step_mounts.h"

#include "builder/secret.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

enum { GRACE_MS = 10000 };

static void init(struct build *b, struct plan *p)
{
	unsigned cores = job_slots();

	*b = (struct build){
		.plan = p,
		.options = p->options,
		.store = p->options->store,
		.netns = -1,
		.etc = {-1, -1, -1},
		.jobs = p->options->jobs > 0 ? p->options->jobs : cores,
		.steps_at_once = p->options->jobs > 0 ? p->options->jobs : 2 * cores,
		.began = loop_now(),
		.log = -1,
		.error = ERROR_INIT,
	};
	b->steps = xcalloc(p->step_count, sizeof(*b->steps));
	for (size_t i = 0; i < p->step_count; i++)
		b->steps[i] = (struct execution){
			.build = b,
			.step = p->steps[i],
			.inputs = RECORD_INIT,
			.list = BUF_INIT,
			.upper = -1,
			.spare = {.upper = -1, .work = -1},
			.lock = -1,
			.output = -1,
		};
	order_steps(b);
}

/* Keeps the trees of executed steps, so that a next build need not unpack them. Only now: a tree
   that some other build published first would have been taken from under a running step. */
static void publish_trees(struct build *b)
{
	for (size_t i = 0; i < b->plan->step_count; i++) {
		struct execution *e = &b->steps[i];
		struct error ignored = ERROR_INIT;

		if (e->upper >= 0 && e->state == STEP_DONE && e->have_outcome &&
		    !e->outcome.layer.empty)
			store_publish(b->store, STORE_TREES, &e->outcome.layer.diff_id, e->name,
				      &ignored);
	}
}

static void release(struct build *b)
{
	for (size_t i = 0; i < b->plan->step_count; i++) {
		struct execution *e = &b->steps[i];

		sandbox_free(e->box);
		spare_drop(e);
		facts_free(e->facts);
		step_mounts_release(e);
		cleanup_fd(&e->output);
		redactor_free(e->redactor);
		free(e->graft);
		cleanup_fd(&e->upper);
		store_unlock_key(e->lock);
		record_release(&e->inputs);
		buf_release(&e->list);
		free(e->fetched);
		outcome_release(&e->outcome);
	}
	for (size_t i = 0; i < b->leaving_count; i++)
		sandbox_free(b->leaving[i]);
	free(b->leaving);
	free(b->steps);
	free(b->order);
	unpacker_free(b->unpacker);
	cleanup_fd(&b->netns);
	cleanup_fd(&b->log);
	for (int i = 0; i < ETC_FILES; i++)
		cleanup_fd(&b->etc[i]);
	loop_free(b->loop);
}

/* The first signal is passed on to the programs, which may end in their own way; the second, or ten
   seconds, kills. */
static void interrupted(void *user)
{
	struct build *b = user;
	struct signalfd_siginfo info;
	struct error err = ERROR_INIT;

	if (read(b->options->interrupt, &info, sizeof(info)) != sizeof(info))
		return;
	b->interrupts++;
	if (b->interrupts == 1) {
		bool running = false;

		for (size_t i = 0; i < b->plan->step_count; i++) {
			if (b->steps[i].box == NULL)
				continue;
			running = true;
			sandbox_signal(b->steps[i].box, (int)info.ssi_signo, &err);
		}
		b->interrupted_at = loop_now();
		b->signal = (int)info.ssi_signo;
		if (running)
			return;
	}
	error_clear(&err);
	error_set(&err, ERROR_CANCELLED, "interrupted");
	build_fail(b, &err);
}

static bool is_over(const struct build *b)
{
	for (size_t i = 0; i < b->plan->step_count; i++) {
		const struct execution *e = &b->steps[i];

		if (e->job != NULL || e->box != NULL)
			return false;
		if (!is_stopping(b) && e->state != STEP_DONE)
			return false;
		if (e->state == STEP_SEALED)
			return false;
	}
	return !unpacker_busy(b->unpacker);
}

static void reap_leaving(struct build *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->leaving_count; i++) {
		if (sandbox_gone(b->leaving[i]))
			sandbox_free(b->leaving[i]);
		else
			b->leaving[kept++] = b->leaving[i];
	}
	b->leaving_count = kept;
}

static void watch_grace(struct build *b)
{
	struct error err = ERROR_INIT;

	if (b->interrupts != 1 || b->error.code != ERROR_NONE ||
	    loop_now() - b->interrupted_at < (uint64_t)GRACE_MS * 1000)
		return;
	error_set(&err, ERROR_CANCELLED, "interrupted");
	build_fail(b, &err);
}

/* How long nothing needs to be looked at, in milliseconds; -1: for ever. */
static int rest(const struct build *b, uint64_t packing)
{
	enum { GRACE_POLL_MS = 100 };
	int wanted = event_idle(b->options->sink);

	if (packing != PACK_NOTHING && (wanted < 0 || packing / 1000 < (uint64_t)wanted))
		wanted = (int)(packing / 1000) + 1;
	if (b->interrupts > 0 && (wanted < 0 || wanted > GRACE_POLL_MS))
		return GRACE_POLL_MS;
	return wanted;
}

static void announce_skipped(const struct build *b)
{
	const struct plan *p = b->plan;
	auto_(buf) struct buf text = BUF_INIT;
	size_t count = 0;

	for (size_t i = 0; i < p->stage_count; i++)
		if (!p->stages[i].needed)
			buf_printf(&text, "%s%s", count++ > 0 ? ", " : "", p->stages[i].name);
	if (count == 0)
		return;
	buf_printf(&text, ": not needed for %s, skipped", p->target->name);
	event_emit(b->options->sink, &(struct event){.kind = EVENT_NOTE, .text = text.data});
}

static void unpacking_failed(void *user, const struct error *err)
{
	build_fail(user, err);
}

static int run_loop(struct build *b, struct error *err)
{
	b->loop = loop_new(err);
	if (b->loop == NULL)
		return -1;
	b->unpacker = unpacker_new(b->store, b->loop, b->jobs, unpacking_failed, b);
	if (b->options->interrupt >= 0 &&
	    loop_watch(b->loop, b->options->interrupt, interrupted, b, err) < 0)
		return -1;
	for (;;) {
		uint64_t packing = schedule(b);

		/* Only now: a next step that could start has started. */
		reap_leaving(b);
		if (is_over(b))
			break;
		if (loop_step(b->loop, rest(b, packing), err) < 0)
			return -1;
		watch_grace(b);
	}
	/* A program that ended because of the signal is an interruption, not its own failure. */
	if (b->interrupts > 0 && (b->error.code == ERROR_CHILD || b->error.code == ERROR_NONE)) {
		error_clear(&b->error);
		error_set(&b->error, ERROR_CANCELLED, "interrupted");
	}
	if (b->error.code == ERROR_NONE)
		return 0;
	*err = b->error;
	return -1;
}

int build_run(struct plan *p, struct build_result *result, int *exit_status, struct error *err)
{
	struct build b;
	int status;

	init(&b, p);
	announce_skipped(&b);
	status = run_loop(&b, err);
	publish_trees(&b);
	*exit_status = b.exit_status;
	memcpy(result->log, b.log_name, sizeof(result->log));
	if (status == 0)
		status = finish(&b, result, err);
	release(&b);
	return status;
}

int build_step_count(const struct plan *p)
{
	return (int)p->step_count;
}

const struct config *build_target_config(const struct plan *p)
{
	return &p->target->config;
}

void build_result_release(struct build_result *r)
{
	ref_release(&r->ref);
}
