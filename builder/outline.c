/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/outline.h"

#include "builder/lint.h"

#include <string.h>

struct writer {
	struct plan *p;
	struct outline *o;
	uint32_t before; /* an ARG in this line or later is not seen */
};

static const char *describe(struct arena *arena, const struct insn *insn, const char *name)
{
	auto_free char *text = insn_description(insn, name);

	return text != NULL ? arena_strdup(arena, text) : "";
}

static bool has_arg(const struct outline *o, const char *name)
{
	for (size_t i = 0; i < o->arg_count; i++)
		if (strcmp(o->args[i].name, name) == 0)
			return true;
	return false;
}

/* Lists stay in the order of lines: the stages are visited in theirs, the globals when used. */
static void add_arg(struct writer *w, const struct insn *insn, const char *name, const char *value)
{
	struct outline *o = w->o;
	size_t at = o->arg_count;
	struct outline_arg arg = {
		.name = name,
		.value = value != NULL ? value : "",
		.description = describe(&w->p->arena, insn, name),
		.line = insn->line,
	};

	if (has_arg(o, name))
		return;
	o->args = arena_grow(&w->p->arena, o->args, o->arg_count, sizeof(*o->args));
	while (at > 0 && o->args[at - 1].line > arg.line) {
		o->args[at] = o->args[at - 1];
		at--;
	}
	o->args[at] = arg;
	o->arg_count++;
}

/* An ARG before the first FROM that something uses, and those that its default uses. */
static void add_global(void *user, const char *name)
{
	struct writer *w = user;
	const struct insn *insn = lint_global(w->p, name);
	struct writer inner = {w->p, w->o, 0};

	if (insn == NULL || insn->line >= w->before || has_arg(w->o, name))
		return;
	add_arg(w, insn, name, scope_get(&w->p->globals, name));
	/* Names of the same line are seen too: ARG goes from left to right. */
	inner.before = insn->line + 1;
	for (size_t i = 0; i < insn->arg_count; i++)
		if (strcmp(insn->args[i].key, name) == 0 && insn->args[i].word != NULL)
			word_names(insn->args[i].word, add_global, &inner);
}

static bool is_given(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->options->arg_count; i++)
		if (strcmp(p->options->args[i].name, name) == 0)
			return true;
	return false;
}

static void add_stage(struct writer *w, const struct stage_plan *stage)
{
	const struct insn *from = stage->source->from;
	const struct flag *platform = flag_of(from, "platform");

	if (from->arg_count > 0 && from->args[0].word != NULL)
		word_names(from->args[0].word, add_global, w);
	if (platform != NULL && platform->word != NULL)
		word_names(platform->word, add_global, w);
	for (size_t i = 0; i < stage->source->count; i++) {
		const struct insn *insn = stage->source->insns[i];

		for (size_t j = 0; insn->kind == INSN_ARG && j < insn->arg_count; j++) {
			const struct arg *arg = &insn->args[j];

			/* Without a value of its own it is the global one. */
			if (arg->word == NULL && !is_given(w->p, arg->key) &&
			    scope_get(&w->p->globals, arg->key) != NULL)
				add_global(w, arg->key);
			else
				add_arg(w, insn, arg->key, scope_get(&stage->scope, arg->key));
		}
	}
}

static void add_mount(struct arena *arena, struct outline_mount **list, size_t *count,
		      const struct run_mount *m, uint32_t line)
{
	struct outline_mount *items = *list;

	for (size_t i = 0; i < *count; i++) {
		if (strcmp(items[i].id, m->id) != 0)
			continue;
		items[i].required = items[i].required || m->required;
		return;
	}
	items = arena_grow(arena, items, *count, sizeof(*items));
	items[(*count)++] =
		(struct outline_mount){.id = m->id, .required = m->required, .line = line};
	*list = items;
}

static void add_mounts(struct writer *w, const struct stage_plan *stage)
{
	struct arena *arena = &w->p->arena;
	struct outline *o = w->o;

	for (size_t i = 0; i < stage->step_count; i++) {
		const struct step *s = stage->steps[i];
		uint32_t line = s->file == w->p->file ? s->insn->line : stage->source->from->line;

		for (size_t j = 0; s->kind == STEP_RUN && j < s->run.mount_count; j++) {
			const struct run_mount *m = &s->run.mounts[j];

			if (m->type == MOUNT_SECRET)
				add_mount(arena, &o->secrets, &o->secret_count, m, line);
			else if (m->type == MOUNT_SSH)
				add_mount(arena, &o->agents, &o->agent_count, m, line);
			else if (m->type == MOUNT_CACHE)
				add_mount(arena, &o->caches, &o->cache_count, m, line);
		}
	}
}

struct outline build_outline(struct plan *p)
{
	struct outline o = {.name = "", .description = ""};
	struct writer w = {p, &o, UINT32_MAX};
	const struct stage *target = p->target->source;

	if (target->name != NULL) {
		o.name = target->name;
		o.description = describe(&p->arena, target->from, target->name);
	}
	for (size_t i = 0; i < p->stage_count; i++) {
		if (!p->stages[i].needed)
			continue;
		add_stage(&w, &p->stages[i]);
		add_mounts(&w, &p->stages[i]);
	}
	return o;
}
