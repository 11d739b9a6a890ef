/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several ready steps goes first: the one with the longest chain of others behind it. */
#include "builder/run.h"

#include "builder/inputs.h"

static const struct step *last_of(const struct stage_plan *stage)
{
	while (stage->step_count == 0 && stage->base == BASE_STAGE)
		stage = stage->base_stage;
	return stage->step_count > 0 ? stage->steps[stage->step_count - 1] : NULL;
}

/* The step waits for `before`, so that one's chain is longer by this one. */
static void push(unsigned *chain, const struct step *before, const struct step *s)
{
	if (before != NULL && chain[before->number - 1] <= chain[s->number - 1])
		chain[before->number - 1] = chain[s->number - 1] + 1;
}

static void measure(const struct plan *p, unsigned *chain)
{
	const struct source_root *root;

	/* Numbers respect dependencies, so that from the last to the first is enough. */
	for (size_t i = p->step_count; i-- > 0;) {
		const struct step *s = p->steps[i];

		push(chain, s->previous, s);
		if (s->previous == NULL && s->stage->base == BASE_STAGE)
			push(chain, last_of(s->stage->base_stage), s);
		for (size_t j = 0; (root = step_root(s, j)) != NULL; j++)
			if (root->kind == FROM_STAGE)
				push(chain, last_of(root->stage), s);
	}
}

void order_steps(struct build *b)
{
	size_t count = b->plan->step_count;
	auto_free unsigned *chain = xcalloc(count + 1, sizeof(*chain));

	measure(b->plan, chain);
	b->order = xcalloc(count + 1, sizeof(*b->order));
	/* An insertion sort: steps of one stage are in order already. */
	for (size_t i = 0; i < count; i++) {
		size_t at = i;

		for (; at > 0 && chain[b->order[at - 1]->step->number - 1] < chain[i]; at--)
			b->order[at] = b->order[at - 1];
		b->order[at] = &b->steps[i];
	}
}
