/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content cutoff: a step that had to run, but did what another step on the same root did before,
 * is taken for that one, so that everything below it hits again (DESIGN section 6).
 *
 * Which steps ran on a root is kept in a record of its own, the latest first.
 */
#include "builder/run.h"

#include "builder/inputs.h"
#include "layers/equal.h"

#include <string.h>
#include <time.h>

enum { SIBLINGS_KEPT = 8 };

static const char kind[] = "varve-siblings";

static void siblings_id(const struct digest *parent, struct digest *out)
{
	char text[DIGEST_TEXT_SIZE + 16];
	int length = snprintf(text, sizeof(text), "after ");

	digest_text(parent, text + length);
	digest_of(text, strlen(text), out);
}

static bool siblings(struct store *s, const struct digest *parent, struct record *out)
{
	struct error missing = ERROR_INIT;
	struct digest id;

	siblings_id(parent, &id);
	return store_read_record(s, STORE_CACHE, &id, kind, out, &missing) == 0;
}

int cutoff_remember(const struct execution *e, struct error *err)
{
	auto_(record) struct record old = RECORD_INIT, new = RECORD_INIT;
	struct store *s = e->build->store;
	char text[DIGEST_TEXT_SIZE];
	struct digest id;
	size_t kept = 1;

	if (step_stands_alone(e->step))
		return 0;
	digest_text(&e->key, text);
	record_add(&new, "step", text);
	siblings(s, &e->parent, &old);
	for (size_t i = 0; i < old.count && kept < SIBLINGS_KEPT; i++) {
		if (strcmp(old.fields[i].value, text) == 0)
			continue;
		record_add(&new, "step", old.fields[i].value);
		kept++;
	}
	siblings_id(&e->parent, &id);
	return store_write_record(s, STORE_CACHE, &id, kind, &new, err);
}

/* --- the job ------------------------------------------------------------------------------- */

/* In seconds of the clock that files get their times from, a little before rather than after. */
static int64_t build_start(const struct build *b)
{
	return (int64_t)time(NULL) - (int64_t)((loop_now() - b->began) / 1000000) - 2;
}

static int is_same(const struct execution *e, const struct outcome *o, bool *same,
		   struct error *err)
{
	struct store *s = e->build->store;
	struct error missing = ERROR_INIT;
	auto_fd int tree = -1;

	*same = false;
	if (o->layer.empty)
		return 0; /* an upper with something in it; empty ones are told apart before */
	tree = store_find(s, STORE_TREES, &o->layer.diff_id, &missing);
	return tree < 0 ? 0
			: trees_equal(e->upper, tree, build_start(e->build), store_userxattr(s),
				      same, err);
}

/* Returns the outcome of the step that did the same, and records it for this one; nothing if there
   is none. */
static int compare_work(void *arg, struct buf *result, struct error *err)
{
	const struct execution *e = arg;
	struct build *b = e->build;
	auto_(record) struct record r = RECORD_INIT;

	siblings(b->store, &e->parent, &r);
	for (size_t i = 0; i < r.count; i++) {
		auto_(outcome) struct outcome o = {.created = 0};
		struct error missing = ERROR_INIT;
		struct digest key;
		bool same;

		if (digest_parse(r.fields[i].value, &key, &missing) < 0 ||
		    cache_get(b->store, &key, b->options->compression, &o, &missing) < 0)
			continue;
		if (is_same(e, &o, &same, err) < 0)
			return error_add(err, "comparing with an earlier result");
		if (!same)
			continue;
		if (cache_put(b->store, &e->key, &e->inputs, e->step->insn->original,
			      e->list_state == LIST_READY ? &e->list_digest : NULL, &o, err) < 0)
			return -1;
		outcome_write(&o, result);
		return 0;
	}
	return 0;
}

static void compare_done(void *user, const struct buf *result, const struct error *err)
{
	struct execution *e = user;
	auto_(outcome) struct outcome o = {.created = 0};
	struct error failed = *err;

	e->job = NULL;
	if (failed.code == ERROR_NONE && result->length > 0)
		outcome_read(result, &o, &failed);
	if (failed.code != ERROR_NONE) {
		step_fail(e, &failed);
		return;
	}
	if (result->length > 0) {
		outcome_release(&e->outcome);
		e->outcome = o;
		o = (struct outcome){.created = 0};
		e->same = true;
		cleanup_fd(&e->upper);
	}
	step_seal(e);
}

/* --- the end of a step's work -------------------------------------------------------------- */

/* Was nothing written, nor the root directory itself changed? */
static bool is_untouched(const struct execution *e)
{
	auto_(lowers) struct lowers below = {.fd = NULL};
	auto_(listing) struct listing names = LISTING_INIT;
	struct error ignored = ERROR_INIT;
	struct stat st, before = {.st_mode = S_IFDIR | 0755};

	if (listing_read(e->upper, &names, &ignored) < 0 || names.count > 0 ||
	    trees_below(e->build, e->step, &below, &ignored) <= 0)
		return false;
	if (fstat(e->upper, &st) < 0 || (below.count > 0 && fstat(below.fd[0], &before) < 0))
		return false;
	return st.st_mode == before.st_mode && st.st_uid == before.st_uid &&
	       st.st_gid == before.st_gid;
}

/* Can the step not have done what another one did? The id of what stands alone says nothing about
   the root that the others here share; and a copy of files of a context runs again because they are
   others now. */
static bool is_new(const struct step *s)
{
	return step_stands_alone(s) ||
	       (s->kind == STEP_COPY && step_has_list(s) && s->copy.chmod == NULL);
}

void step_finished(struct execution *e)
{
	struct build *b = e->build;
	auto_(record) struct record r = RECORD_INIT;
	struct error err = ERROR_INIT;

	if (b->options->no_cutoff || is_uncached(e) || is_new(e->step)) {
		step_seal(e);
		return;
	}
	if (is_untouched(e)) {
		e->outcome.id = e->parent;
		step_seal(e);
		return;
	}
	if (!siblings(b->store, &e->parent, &r)) {
		step_seal(e);
		return;
	}
	e->job = job_start(b->loop, e->step->place, compare_work, e, compare_done, e, &err);
	if (e->job == NULL)
		step_fail(e, &err);
	else
		e->state = STEP_COMPARING;
}
