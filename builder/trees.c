/* SPDX-License-Identifier: Apache-2.0 */
/* The trees that lie below a step, unpacked when they are first needed. */
#include "builder/run.h"

#include "layers/unpack.h"

#include <string.h>

void lowers_release(struct lowers *l)
{
	free(l->fd);
	*l = (struct lowers){.fd = NULL};
}

static void add(struct lowers *l, int fd)
{
	l->fd = xgrow(l->fd, l->count, sizeof(*l->fd));
	l->fd[l->count++] = fd;
}

struct stack lowers_stack(const struct build *b, const struct lowers *l)
{
	return (struct stack){
		.trees = l->fd, .count = l->count, .userxattr = store_userxattr(b->store)};
}

static int unpack_work(void *arg, struct buf *result, struct error *err)
{
	const struct tree *t = arg;

	(void)result;
	return layer_unpack(t->build->store, &t->layer, err);
}

static void unpack_done(void *user, const struct buf *result, const struct error *err)
{
	struct tree *t = user;
	struct error failed = *err;

	(void)result;
	t->job = NULL;
	t->build->unpacking--;
	if (failed.code == ERROR_NONE)
		t->fd = store_find(t->build->store, STORE_TREES, &t->layer.diff_id, &failed);
	if (failed.code != ERROR_NONE)
		build_fail(t->build, &failed);
}

static struct tree *find(struct build *b, const struct layer *layer)
{
	struct tree *t;

	for (size_t i = 0; i < b->tree_count; i++)
		if (digest_equal(&b->trees[i]->layer.diff_id, &layer->diff_id))
			return b->trees[i];
	t = xcalloc(1, sizeof(*t));
	*t = (struct tree){.layer = *layer, .fd = -1, .build = b};
	b->trees = xgrow(b->trees, b->tree_count, sizeof(struct tree *));
	b->trees[b->tree_count++] = t;
	return t;
}

/* The tree of a stored layer: 1 with its descriptor added, 0 while it is being unpacked. */
static int add_layer(struct build *b, const struct layer *layer, struct lowers *out,
		     struct error *err)
{
	struct error missing = ERROR_INIT;
	struct tree *t;

	if (layer->empty)
		return 1;
	t = find(b, layer);
	if (t->fd < 0 && t->job == NULL) {
		t->fd = store_find(b->store, STORE_TREES, &layer->diff_id, &missing);
		if (t->fd < 0 && b->unpacking < b->jobs) {
			/* A stage made by the job would be the job's and end with it. */
			if (store_stage(b->store, err) < 0)
				return -1;
			t->job = job_start(b->loop, "unpacking a layer", unpack_work, t,
					   unpack_done, t, err);
			if (t->job == NULL)
				return -1;
			b->unpacking++;
		}
	}
	if (t->fd < 0)
		return 0;
	add(out, t->fd);
	return 1;
}

static int both(int a, int b)
{
	return a < 0 || b < 0 ? -1 : a && b;
}

int trees_of_image(struct build *b, const struct base_image *image, struct lowers *out,
		   struct error *err)
{
	int ready = 1;

	for (size_t i = image->image.layer_count; i-- > 0 && ready >= 0;)
		ready = both(ready, add_layer(b, &image->image.layers[i], out, err));
	return ready;
}

static int add_base(struct build *b, const struct stage_plan *stage, struct lowers *out,
		    struct error *err);

/* From a step downwards, itself included. */
static int add_steps(struct build *b, const struct step *s, const struct stage_plan *stage,
		     struct lowers *out, struct error *err)
{
	int ready = 1;

	for (; s != NULL && ready >= 0; s = s->previous) {
		struct execution *e = &b->steps[s->number - 1];

		if (e->upper >= 0) {
			if (!e->outcome.layer.empty || e->state < STEP_DONE)
				add(out, e->upper);
		} else {
			ready = both(ready, add_layer(b, &e->outcome.layer, out, err));
		}
	}
	return ready < 0 ? ready : both(ready, add_base(b, stage, out, err));
}

static int add_base(struct build *b, const struct stage_plan *stage, struct lowers *out,
		    struct error *err)
{
	if (stage->base == BASE_IMAGE)
		return trees_of_image(b, stage->image, out, err);
	if (stage->base == BASE_STAGE)
		return trees_of_stage(b, stage->base_stage, out, err);
	return 1;
}

int trees_of_stage(struct build *b, const struct stage_plan *stage, struct lowers *out,
		   struct error *err)
{
	const struct step *last =
		stage->step_count > 0 ? stage->steps[stage->step_count - 1] : NULL;

	return add_steps(b, last, stage, out, err);
}

int trees_below(struct build *b, const struct step *s, struct lowers *out, struct error *err)
{
	return add_steps(b, s->previous, s->stage, out, err);
}

int trees_of_root(struct build *b, const struct source_root *root, struct lowers *out,
		  struct error *err)
{
	return root->kind == FROM_STAGE ? trees_of_stage(b, root->stage, out, err)
					: trees_of_image(b, root->image, out, err);
}
