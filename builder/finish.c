/* SPDX-License-Identifier: Apache-2.0 */
/* The steps' layers become an image. Nothing else runs any more, so blocking is fine here. */
#include "builder/publish.h"
#include "builder/run.h"
#include "builder/squash.h"

#include <string.h>
#include <time.h>

struct layers {
	struct layer *item;
	size_t count;
	size_t base; /* how many of them the base image has */
	bool squashed;
};

static void add_layer(struct layers *l, const struct layer *layer)
{
	if (layer->empty)
		return;
	l->item = xgrow(l->item, l->count, sizeof(*l->item));
	l->item[l->count++] = *layer;
}

static const struct outcome *outcome_of(const struct build *b, const struct step *s)
{
	return &b->steps[s->number - 1].outcome;
}

static void collect_layers(const struct build *b, const struct stage_plan *stage, struct layers *l)
{
	if (stage->base == BASE_STAGE)
		collect_layers(b, stage->base_stage, l);
	for (size_t i = 0; stage->base == BASE_IMAGE && i < stage->image->image.layer_count; i++)
		add_layer(l, &stage->image->image.layers[i]);
	if (stage->base != BASE_STAGE)
		l->base = l->count;
	for (size_t i = 0; i < stage->step_count; i++)
		add_layer(l, &outcome_of(b, stage->steps[i])->layer);
}

/* Entries of this build; those of the base image are in the config already. image_created is for
   instructions that made no layer, NULL while it is not known. */
static void add_history(const struct build *b, const struct stage_plan *stage,
			const char *image_created, struct config *c)
{
	if (stage->base == BASE_STAGE)
		add_history(b, stage->base_stage, image_created, c);
	for (size_t i = 0; i < stage->mark_count; i++) {
		const struct mark *m = &stage->marks[i];
		char created[TIMESTAMP_SIZE];
		struct history h = {
			.created_by = m->created_by,
			.created = image_created,
			.comment = "varve",
			.empty_layer = true,
		};

		if (m->step != NULL) {
			h.created = timestamp_format(outcome_of(b, m->step)->created, created);
			h.empty_layer = outcome_of(b, m->step)->layer.empty;
		}
		config_add_history(c, &h);
	}
}

/* Of the entries from `first` on only the last that made a layer still has one. */
static void squash_history(struct config *c, size_t first, bool has_layer)
{
	for (size_t i = c->history_count; i-- > first;) {
		if (c->history[i].empty_layer)
			continue;
		c->history[i].empty_layer = !has_layer;
		has_layer = false;
	}
}

static void fill_config(const struct build *b, const struct layers *layers, const char *created,
			struct config *c)
{
	size_t history;

	config_copy(&b->plan->target->config, c);
	c->layer_count = 0;
	for (size_t i = 0; i < layers->count; i++)
		config_add_diff_id(c, &layers->item[i].diff_id);
	history = c->history_count;
	add_history(b, b->plan->target, created, c);
	if (layers->squashed)
		squash_history(c, history, layers->count > layers->base);
	c->created = created != NULL ? arena_strdup(&c->arena, created) : NULL;
}

/* When this very image was first made: so a rebuild with nothing changed has the same ID. */
static int image_created(struct build *b, const struct layers *layers, int64_t *out,
			 struct error *err)
{
	auto_(config) struct config c = CONFIG_INIT;
	auto_(buf) struct buf text = BUF_INIT;
	auto_(record) struct record r = RECORD_INIT;
	struct error missing = ERROR_INIT;
	struct digest key;
	uint64_t when;

	fill_config(b, layers, NULL, &c);
	buf_add_str(&text, "created 1\n");
	config_render(&c, &text);
	digest_of(text.data, text.length, &key);
	if (store_read_record(b->store, STORE_CACHE, &key, "varve-created", &r, &missing) == 0 &&
	    record_get_number(&r, "created", &when, &missing) == 0) {
		*out = (int64_t)when;
		return 0;
	}
	*out = (int64_t)time(NULL);
	record_release(&r);
	record_addf(&r, "created", "%lld", (long long)*out);
	return store_write_record(b->store, STORE_CACHE, &key, "varve-created", &r, err);
}

static int recompress(struct build *b, struct layers *layers, struct error *err)
{
	for (size_t i = 0; b->options->recompress && i < layers->count; i++) {
		struct layer *l = &layers->item[i];
		struct digest diff_id = l->diff_id;

		if (l->compression != b->options->compression &&
		    layer_find(b->store, &diff_id, b->options->compression, l, err) < 0)
			return error_add(err, "recompressing a layer of the base image");
	}
	return 0;
}

/* The steps' layers become one, and the last step that made a layer stands for it in the history.
 */
static int squash_steps(struct build *b, struct layers *l, struct error *err)
{
	struct layer one;

	if (!b->options->squash)
		return 0;
	l->squashed = true;
	if (l->count == l->base)
		return 0;
	if (squash(b->store, l->item, l->count, l->base, b->options->compression, &one, err) < 0)
		return -1;
	l->count = l->base;
	add_layer(l, &one);
	return 0;
}

static int publish(struct build *b, struct layers *layers, struct build_result *result,
		   struct error *err)
{
	auto_(config) struct config c = CONFIG_INIT;
	auto_(arena) struct arena arena = ARENA_INIT;
	struct labels annotations = {.item = NULL};
	const char *platform;
	char created[TIMESTAMP_SIZE];
	int64_t when = b->plan->epoch;

	if (squash_steps(b, layers, err) < 0)
		return -1;
	if (layers->count > IMAGE_MAX_LAYERS) {
		error_set(err, ERROR_LIMIT, "the image would have %zu layers, more than %d",
			  layers->count, IMAGE_MAX_LAYERS);
		return error_hint(err, "overlayfs mounts no more; join some RUN instructions");
	}
	if (recompress(b, layers, err) < 0)
		return -1;
	if (when < 0 && image_created(b, layers, &when, err) < 0)
		return -1;
	fill_config(b, layers, timestamp_format(when, created), &c);
	platform = platform_text(&arena, &b->plan->platform);
	build_annotations(b->options->annotations, b->options->annotation_count, ANNOTATE_MANIFEST,
			  platform, &arena, &annotations);
	if (image_publish(b->store, &c, layers->item, layers->count, &annotations, &result->ref,
			  &result->id, err) < 0)
		return error_add(err, "writing the image");
	return 0;
}

int finish(struct build *b, struct build_result *result, struct error *err)
{
	struct layers layers = {.item = NULL};
	int status;

	event_emit(b->options->sink, &(struct event){.kind = EVENT_STATUS,
						     .text = "writing the image",
						     .at = loop_now() - b->began});
	collect_layers(b, b->plan->target, &layers);
	status = publish(b, &layers, result, err);
	free(layers.item);
	if (status < 0)
		return status;
	result->platform = b->plan->platform;
	result->epoch = b->plan->epoch;
	result->steps = (unsigned)b->plan->step_count;
	for (size_t i = 0; i < b->plan->step_count; i++)
		result->cached += b->steps[i].cached;
	result->warnings = (unsigned)dockerfile_warnings(b->plan->file);
	return 0;
}
