/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the context that a step reads are listed before its key is known: in a job, or at a
   glance. */
#include "builder/copy.h"
#include "builder/inputs.h"
#include "builder/run.h"
#include "builder/stat_cache.h"

#include <string.h>

enum { GLANCE_MAX_FILES = 1000 };

/* What a list job returns. What remote sources are follows, and the text if a miss is to be
   explained. */
struct list_result {
	struct digest digest;
	bool foreign, linked;
	size_t fetched_size;
};

static void write_result(const struct execution *e, const struct step_found *found,
			 const struct buf *text, struct buf *out, struct digest *digest)
{
	struct list_result l = {.foreign = found->foreign, .linked = found->linked};

	if (found->fetched != NULL)
		l.fetched_size = e->step->copy.source_count * sizeof(*found->fetched);
	digest_of(text->data, text->length, &l.digest);
	buf_add(out, &l, sizeof(l));
	if (found->fetched != NULL)
		buf_add(out, found->fetched, l.fetched_size);
	if (e->build->options->explain)
		buf_add(out, text->data, text->length);
	*digest = l.digest;
}

static int list_work(void *arg, struct buf *result, struct error *err)
{
	struct execution *e = arg;
	struct build *b = e->build;
	auto_(buf) struct buf text = BUF_INIT;
	auto_(stat_cache) struct stat_cache *stats =
		stat_cache_open(b->store, e->step, STAT_CACHE_MAX_FILES);
	struct step_found found = {.stats = stats};
	auto_free struct fetched *fetched = NULL;
	struct digest digest;

	if (step_list(b->plan, e->step, &text, &found, err) < 0)
		return -1;
	if (stat_cache_save(stats, b->store, err) < 0)
		return error_add(err, "remembering what was read");
	fetched = found.fetched;
	write_result(e, &found, &text, result, &digest);
	/* Kept from the first build on, so that a later one can say what changed. */
	if (!store_has(b->store, STORE_LISTS, &digest)) {
		char name[RANDOM_NAME_SIZE];
		int stage = store_stage(b->store, err);

		random_name(name);
		if (stage < 0 || replace_file(stage, name, text.data, text.length, err) < 0 ||
		    store_publish(b->store, STORE_LISTS, &digest, name, err) < 0)
			return -1;
	}
	return 0;
}

static void take_result(struct execution *e, const struct buf *result)
{
	struct list_result l;
	const char *at = result->data + sizeof(l);

	memcpy(&l, result->data, sizeof(l));
	e->list_state = LIST_READY;
	e->list_digest = l.digest;
	e->foreign = l.foreign;
	e->linked = l.linked;
	if (l.fetched_size > 0) {
		e->fetched = xmalloc(l.fetched_size);
		memcpy(e->fetched, at, l.fetched_size);
	}
	at += l.fetched_size;
	buf_add(&e->list, at, result->length - sizeof(l) - l.fetched_size);
}

static void list_done(void *user, const struct buf *result, const struct error *err)
{
	struct execution *e = user;

	e->job = NULL;
	e->build->listing--;
	if (err->code == ERROR_NONE) {
		take_result(e, result);
		return;
	}
	e->list_state = LIST_READY;
	step_fail(e, err);
}

/* A small context of which everything is known takes less time to look at than a job to start, and
   while nothing else goes on nobody waits for the event loop. Whatever is not as expected is left
   to the job, which reads files and says what is wrong. */
static bool glance(struct execution *e)
{
	struct build *b = e->build;
	auto_(stat_cache) struct stat_cache *stats = NULL;
	auto_(buf) struct buf text = BUF_INIT, result = BUF_INIT;
	struct step_found found = {.known_only = true};
	struct error ignored = ERROR_INIT;
	struct digest digest;

	if (b->running > 0 || b->packing > 0 || b->listing > 0 || step_is_remote(e->step))
		return false;
	stats = stat_cache_open(b->store, e->step, GLANCE_MAX_FILES);
	found.stats = stats;
	if (step_list(b->plan, e->step, &text, &found, &ignored) < 0 ||
	    !stat_cache_is_complete(stats))
		return false;
	write_result(e, &found, &text, &result, &digest);
	if (!store_has(b->store, STORE_LISTS, &digest))
		return false;
	take_result(e, &result);
	return true;
}

int start_list(struct execution *e, struct error *err)
{
	if (glance(e))
		return 0;
	/* The stage must exist before the fork, or the job's own would die with it. */
	if (store_stage(e->build->store, err) < 0)
		return -1;
	e->job = job_start(e->build->loop, e->step->place, list_work, e, list_done, e, err);
	if (e->job == NULL)
		return -1;
	e->list_state = LIST_RUNNING;
	e->build->listing++;
	return 0;
}
