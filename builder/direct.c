/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COPY of a directory of the context as the last step: the tar is made from the context itself, and
 * the upper holds only the directories that lead there (DESIGN section 3, lazy trees).
 */
#include "builder/run.h"

#include "builder/copy.h"

#include <string.h>

static bool is_last(const struct execution *e)
{
	const struct stage_plan *target = e->build->plan->target;

	return target->step_count > 0 && target->steps[target->step_count - 1] == e->step;
}

/* Exactly one directory, by a plain name, with nothing that has to be looked at file by file. */
static bool is_simple(const struct execution *e)
{
	const struct copy_spec *c = &e->step->copy;
	const struct source_root *from = &c->from;

	return e->step->kind == STEP_COPY && from->kind == FROM_CONTEXT && c->source_count == 1 &&
	       c->sources[0].kind == SOURCE_PATH && !glob_has_wildcard(c->sources[0].path) &&
	       c->file_count == 0 && c->exclude_count == 0 && !c->parents && !c->link &&
	       !e->linked && !ignore_has_exceptions(from->context->ignore);
}

int direct_choose(struct execution *e, const struct lowers *below, struct error *err)
{
	const struct copy_spec *c = &e->step->copy;
	const struct stack stack = lowers_stack(e->build, below);
	auto_(buf) struct buf path = BUF_INIT;
	auto_fd int directory = -1;

	if (!is_last(e) || !is_simple(e))
		return 0;
	directory = copy_graft_directory(c, c->from.context->fd);
	if (directory < 0)
		return 0; /* a file or a link, which copying knows; or gone, as it will say */
	if (stack_resolve(&stack, c->dest, &path, err) < 0)
		return -1;
	while (path.length > 0 && path.data[path.length - 1] == '/')
		buf_truncate(&path, path.length - 1);
	e->graft = xstrdup(path.data + (path.data[0] == '/'));
	return 0;
}

int direct_pack(struct execution *e, const struct pack_options *options, struct layer *out,
		struct error *err)
{
	const struct copy_spec *spec = &e->step->copy;
	const struct copy_options copy = {.spec = spec,
					  .source = spec->from.context->fd,
					  .ignore = spec->from.context->ignore,
					  .below = &options->below};
	struct pack_options with_graft = *options;
	struct copy_graft graft;
	int status;

	if (copy_graft_open(&copy, e->graft, &graft, err) < 0)
		return -1;
	with_graft.graft = &graft.graft;
	status = layer_pack(e->upper, e->build->store, &with_graft, out, err);
	copy_graft_close(&graft);
	return status < 0 ? error_add(err, "%s", spec->sources[0].written) : 0;
}
