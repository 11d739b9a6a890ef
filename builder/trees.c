/* SPDX-License-Identifier: Apache-2.0 */
/* The trees that lie below a step, unpacked when they are first needed. */
#include "builder/run.h"

#include "common/arena.h"

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

static const struct step *last_step(const struct stage_plan *stage)
{
	return stage->step_count > 0 ? stage->steps[stage->step_count - 1] : NULL;
}

/* The tree of a stored layer; false while it is not there. */
static bool add_layer(struct build *b, const struct layer *layer, struct lowers *out)
{
	int fd;

	if (layer->empty)
		return true;
	if (unpacker_get(b->unpacker, layer, &fd) == 0)
		return false;
	add(out, fd);
	return true;
}

static bool add_image(struct build *b, const struct base_image *image, struct lowers *out)
{
	bool ready = true;

	for (size_t i = image->image.layer_count; i-- > 0;)
		ready = add_layer(b, &image->image.layers[i], out) && ready;
	return ready;
}

/* From a step downwards, itself included. */
static bool add_steps(struct build *b, const struct step *s, const struct stage_plan *stage,
		      struct lowers *out)
{
	bool ready = true;

	for (;;) {
		for (; s != NULL; s = s->previous) {
			struct execution *e = &b->steps[s->number - 1];

			if (e->upper < 0)
				ready = add_layer(b, &e->outcome.layer, out) && ready;
			else if (!e->outcome.layer.empty || e->state < STEP_DONE)
				add(out, e->upper);
		}
		if (stage->base == BASE_IMAGE)
			return add_image(b, stage->image, out) && ready;
		if (stage->base != BASE_STAGE)
			return ready;
		stage = stage->base_stage;
		s = last_step(stage);
	}
}

/* Only now is it known what is wanted, and what is largest among it. */
static int begin(struct build *b, bool ready, struct error *err)
{
	return ready ? 1 : unpacker_start(b->unpacker, err);
}

int trees_of_image(struct build *b, const struct base_image *image, struct lowers *out,
		   struct error *err)
{
	return begin(b, add_image(b, image, out), err);
}

int trees_of_stage(struct build *b, const struct stage_plan *stage, struct lowers *out,
		   struct error *err)
{
	return begin(b, add_steps(b, last_step(stage), stage, out), err);
}

int trees_below(struct build *b, const struct step *s, struct lowers *out, struct error *err)
{
	return begin(b, add_steps(b, s->previous, s->stage, out), err);
}

int trees_of_root(struct build *b, const struct source_root *root, struct lowers *out,
		  struct error *err)
{
	return root->kind == FROM_STAGE ? trees_of_stage(b, root->stage, out, err)
					: trees_of_image(b, root->image, out, err);
}
