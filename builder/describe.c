/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as text: build --plan. */
#include "builder/run.h"

#include "builder/inputs.h"
#include "builder/remote.h"
#include "builder/stat_cache.h"
#include "layers/json.h"

#include <string.h>

enum prediction { PREDICT_HIT, PREDICT_MISS, PREDICT_UNKNOWN };

static const char *const prediction_names[] = {"cached", "run", "unknown"};

/* What the ids of a stage would be if everything hits; a step behind a miss cannot be known. */
struct forecast {
	enum prediction *steps; /* by number - 1 */
	struct digest *ids;
};

static bool stage_id(const struct forecast *f, const struct stage_plan *stage, struct digest *id)
{
	if (stage->step_count > 0) {
		int last = stage->steps[stage->step_count - 1]->number - 1;

		*id = f->ids[last];
		return f->steps[last] == PREDICT_HIT;
	}
	if (stage->base == BASE_STAGE)
		return stage_id(f, stage->base_stage, id);
	key_of_base(stage->base == BASE_IMAGE ? stage->image : NULL, id);
	return true;
}

static bool parent_id(const struct forecast *f, const struct step *s, struct digest *id)
{
	if (s->previous != NULL) {
		*id = f->ids[s->previous->number - 1];
		return f->steps[s->previous->number - 1] == PREDICT_HIT;
	}
	if (s->stage->base == BASE_STAGE)
		return stage_id(f, s->stage->base_stage, id);
	key_of_base(s->stage->base == BASE_IMAGE ? s->stage->image : NULL, id);
	return true;
}

struct listing_work {
	const struct plan *plan;
	const struct step *step;
};

static int list_files(void *arg, struct buf *result, struct error *err)
{
	const struct listing_work *w = arg;
	auto_(stat_cache) struct stat_cache *stats =
		stat_cache_open(w->plan->options->store, w->step, STAT_CACHE_MAX_FILES);
	auto_(buf) struct buf list = BUF_INIT;
	struct step_found found = {.stats = stats};
	struct digest digest;

	if (step_list(w->plan, w->step, &list, &found, err) < 0)
		return error_add(err, "%s: %s", w->step->place, insn_name(w->step->insn->kind));
	digest_of(list.data, list.length, &digest);
	buf_add(result, &digest, sizeof(digest));
	return 0;
}

/* In a job, for it uses threads. */
static int digest_of_list(const struct plan *p, const struct step *s, struct digest *out,
			  struct error *err)
{
	struct listing_work w = {.plan = p, .step = s};
	auto_(buf) struct buf result = BUF_INIT;

	if (job_run(s->place, list_files, &w, &result, err) < 0)
		return -1;
	memcpy(out, result.data, sizeof(*out));
	return 0;
}

static int predict(struct plan *p, struct forecast *f, const struct step *s, struct error *err)
{
	const struct build_options *o = p->options;
	auto_(record) struct record inputs = RECORD_INIT;
	auto_(outcome) struct outcome outcome = {.created = 0};
	auto_free struct digest *from = NULL;
	const struct source_root *root;
	struct digest parent, list_digest, key;
	size_t from_count = 0;
	bool listed = step_has_list(s);
	bool known = parent_id(f, s, &parent);
	struct error missing = ERROR_INIT;

	f->steps[s->number - 1] = PREDICT_UNKNOWN;
	for (size_t i = 0; (root = step_root(s, i)) != NULL; i++) {
		if (root->kind == FROM_CONTEXT)
			continue;
		from = xgrow(from, from_count, sizeof(*from));
		if (root->kind == FROM_STAGE)
			known = stage_id(f, root->stage, &from[from_count++]) && known;
		else
			key_of_base(root->image, &from[from_count++]);
	}
	if (listed) {
		/* A plan asks nobody: what a server has now is not known. */
		if (step_is_remote(s))
			return 0;
		if (digest_of_list(p, s, &list_digest, err) < 0)
			return -1;
	}
	if (!known)
		return 0;
	key_of_step(p, s, &parent, from, from_count, listed ? &list_digest : NULL, &inputs, &key);
	f->steps[s->number - 1] = PREDICT_MISS;
	if (o->no_cache || s->stage->no_cache ||
	    cache_get(o->store, &key, o->compression, &outcome, &missing) < 0)
		return 0;
	f->steps[s->number - 1] = PREDICT_HIT;
	key_after(s, &parent, &outcome.id, &f->ids[s->number - 1]);
	return 0;
}

static const char *base_text(const struct stage_plan *stage)
{
	if (stage->base == BASE_STAGE)
		return stage->base_stage->name;
	return stage->base == BASE_IMAGE ? stage->image->written : "scratch";
}

static void print_text(const struct plan *p, const struct forecast *f, struct buf *out)
{
	for (size_t i = 0; i < p->stage_count; i++) {
		const struct stage_plan *stage = &p->stages[i];

		if (!stage->planned) {
			buf_printf(out, "stage %s: not needed for %s\n", stage->name,
				   p->target->name);
			continue;
		}
		buf_printf(out, "stage %s from %s%s\n", stage->name, base_text(stage),
			   stage == p->target ? " (target)" : "");
		for (size_t j = 0; j < stage->step_count; j++) {
			const struct step *s = stage->steps[j];
			auto_free char *shown = urls_public(s->insn->original);

			buf_printf(out, "  %2d %-7s  %s\n", s->number,
				   prediction_names[f->steps[s->number - 1]], shown);
		}
	}
}

static void print_json(const struct plan *p, const struct forecast *f, struct buf *out)
{
	auto_(json) struct json *root = json_new_object();
	struct json *stages = json_add_array(root, "stages");

	for (size_t i = 0; i < p->stage_count; i++) {
		const struct stage_plan *stage = &p->stages[i];
		struct json *one = json_add_object(stages, NULL);
		struct json *steps;

		json_add_string(one, "name", stage->name);
		json_add_bool(one, "needed", stage->planned);
		json_add_bool(one, "target", stage == p->target);
		json_add_string(one, "from", base_text(stage));
		steps = json_add_array(one, "steps");
		for (size_t j = 0; j < stage->step_count; j++) {
			const struct step *s = stage->steps[j];
			struct json *step = json_add_object(steps, NULL);
			auto_free char *shown = urls_public(s->insn->original);

			json_add_number(step, "number", s->number);
			json_add_string(step, "instruction", shown);
			json_add_string(step, "expanded", s->created_by);
			json_add_string(step, "at", s->place);
			json_add_string(step, "forecast",
					prediction_names[f->steps[s->number - 1]]);
		}
	}
	json_render(root, true, out);
	buf_add_char(out, '\n');
}

int plan_describe(struct plan *p, bool json, struct buf *out, struct error *err)
{
	struct forecast f = {
		.steps = xcalloc(p->step_count, sizeof(*f.steps)),
		.ids = xcalloc(p->step_count, sizeof(*f.ids)),
	};
	int status = 0;

	for (size_t i = 0; status == 0 && i < p->step_count; i++)
		status = predict(p, &f, p->steps[i], err);
	if (status == 0 && json)
		print_json(p, &f, out);
	else if (status == 0)
		print_text(p, &f, out);
	free(f.steps);
	free(f.ids);
	return status;
}
