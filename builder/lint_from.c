/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about FROM and its platform. */
#include "builder/lint.h"

#include "layers/platform.h"

#include "layers/name.h"

#include <string.h>

/* The names that a word mentions, known ones and others. */
struct mention {
	const struct scope *scope;
	struct plan *p;
	size_t known, unknown;
	const char *last_known;
	const char **missing; /* each of the unknown */
};

static void mentioned(void *user, const char *name)
{
	struct mention *m = user;

	if (scope_get(m->scope, name) != NULL) {
		m->known += m->last_known == NULL || strcmp(m->last_known, name) != 0;
		m->last_known = name;
		return;
	}
	for (size_t i = 0; i < m->unknown; i++)
		if (strcmp(m->missing[i], name) == 0)
			return;
	m->missing = arena_grow(&m->p->arena, m->missing, m->unknown, sizeof(*m->missing));
	m->missing[m->unknown++] = name;
}

const struct insn *lint_global(const struct plan *p, const char *name)
{
	size_t count;
	const struct insn *const *globals = dockerfile_globals(p->file, &count);

	for (size_t i = count; i > 0; i--)
		for (size_t j = 0; j < globals[i - 1]->arg_count; j++)
			if (strcmp(globals[i - 1]->args[j].key, name) == 0)
				return globals[i - 1];
	return NULL;
}

static const char *nearest(struct plan *p, const char *name)
{
	const char **names = NULL;
	size_t count = 0, insn_count;
	const struct insn *const *globals = dockerfile_globals(p->file, &insn_count);

	for (size_t i = 0; i < p->globals.count; i++) {
		names = arena_grow(&p->arena, names, count, sizeof(*names));
		names[count++] = p->globals.vars[i].name;
	}
	for (size_t i = 0; i < insn_count; i++) {
		for (size_t j = 0; j < globals[i]->arg_count; j++) {
			names = arena_grow(&p->arena, names, count, sizeof(*names));
			names[count++] = globals[i]->args[j].key;
		}
	}
	return suggest(name, names, count);
}

static struct mention mentions(struct plan *p, const struct word *word, struct span at)
{
	struct mention m = {.scope = &p->globals, .p = p};

	word_names(word, mentioned, &m);
	for (size_t i = 0; i < m.unknown; i++) {
		const char *near;

		if (lint_global(p, m.missing[i]) != NULL)
			continue;
		near = nearest(p, m.missing[i]);
		plan_warn(p, p->file, RULE_UNDEFINED_ARG_IN_FROM, at,
			  near != NULL ? arena_printf(&p->arena, "did you mean %s?", near)
				       : "declare it with ARG before the first FROM",
			  "FROM argument '%s' is not declared", m.missing[i]);
	}
	return m;
}

/* --- --platform ------------------------------------------------------------------------------ */

static void check_platform(struct plan *p, const struct stage *stage, const struct flag *flag)
{
	struct mention m = mentions(p, flag->word, flag->at);
	const char *target = scope_get(&p->globals, "TARGETPLATFORM");
	struct platform platform;
	auto_(buf) struct buf text = BUF_INIT;
	struct error ignored = ERROR_INIT;

	if (word_expand(flag->word, scope_lookup, &p->globals, &text, &ignored) < 0)
		return;
	if (m.known == 1 && m.unknown == 0 && strcmp(m.last_known, "TARGETPLATFORM") == 0 &&
	    target != NULL && strcmp(text.data, target) == 0)
		plan_warn(p, p->file, RULE_REDUNDANT_TARGET_PLATFORM, flag->at,
			  "leave --platform away",
			  "setting the platform to %s is redundant: it is "
			  "the default",
			  flag->value);
	if (m.known > 0 || m.unknown > 0 ||
	    platform_parse(&p->arena, text.data, &platform, &ignored) < 0)
		return;
	if (stage->name != NULL && (strstr(stage->name, platform.os) != NULL ||
				    strstr(stage->name, platform.architecture) != NULL))
		return;
	plan_warn(p, p->file, RULE_FROM_PLATFORM_CONST, flag->at,
		  "build with --platform, or name the stage after its platform",
		  "FROM --platform should not be the constant \"%s\"", text.data);
}

/* --- InvalidDefaultArgInFrom ----------------------------------------------------------------- */

/* The globals of a build without build arguments. */
static bool set_defaults(struct plan *p, struct scope *scope)
{
	size_t count;
	const struct insn *const *globals = dockerfile_globals(p->file, &count);

	for (size_t i = 0; i < p->globals.count; i++)
		if (lint_global(p, p->globals.vars[i].name) == NULL)
			scope_set(scope, p->globals.vars[i].name, p->globals.vars[i].value, true);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < globals[i]->arg_count; j++) {
			const struct arg *arg = &globals[i]->args[j];
			auto_(buf) struct buf value = BUF_INIT;
			struct error ignored = ERROR_INIT;

			if (arg->word == NULL)
				continue;
			if (word_expand(arg->word, scope_lookup, scope, &value, &ignored) < 0)
				return false;
			scope_set(scope, arg->key, value.data, true);
		}
	}
	return true;
}

/* A name of an image, or one of the ways to say where a file with an image lies. */
static bool is_reference(const char *text)
{
	auto_(name) struct name name = {.repository = NULL};
	struct error ignored = ERROR_INIT;

	if (text[0] == '/' || strncmp(text, "./", 2) == 0 || strncmp(text, "../", 3) == 0 ||
	    strncmp(text, "oci", 3) == 0 || strncmp(text, "docker-archive:", 15) == 0)
		return true;
	return name_parse(text, &name, &ignored) == 0;
}

static void check_defaults(struct plan *p)
{
	struct scope scope;

	scope_init(&scope, &p->arena);
	if (!set_defaults(p, &scope))
		return;
	for (size_t i = 0; i < p->stage_count; i++) {
		const struct insn *from = p->stages[i].source->from;
		auto_(buf) struct buf text = BUF_INIT;
		struct error ignored = ERROR_INIT;

		if (from->arg_count == 0 || from->args[0].word == NULL)
			continue;
		if (word_expand(from->args[0].word, scope_lookup, &scope, &text, &ignored) < 0)
			return;
		if (!is_reference(text.data))
			plan_warn(p, p->file, RULE_INVALID_DEFAULT_ARG_IN_FROM, from->args[0].at,
				  "give the ARG a default that makes a name",
				  "with the defaults of its ARGs, %s is an empty or invalid image "
				  "name",
				  from->args[0].text);
	}
}

void lint_from(struct plan *p)
{
	check_defaults(p);
	for (size_t i = 0; i < p->stage_count; i++) {
		const struct insn *from = p->stages[i].source->from;
		const struct flag *platform = flag_of(from, "platform");

		if (from->arg_count > 0 && from->args[0].word != NULL)
			mentions(p, from->args[0].word, from->args[0].at);
		if (platform != NULL && platform->word != NULL)
			check_platform(p, p->stages[i].source, platform);
	}
}

/* --- InvalidBaseImagePlatform ---------------------------------------------------------------- */

bool lint_base_unknown(const struct stage_plan *stage)
{
	while (stage->base_stage != NULL)
		stage = stage->base_stage;
	return stage->base == BASE_SCRATCH && stage->image != NULL;
}

void lint_base(struct plan *p, struct stage_plan *stage)
{
	const struct config *c = &stage->image->image.config;
	const char *wanted = stage->image->platform;
	struct error ignored = ERROR_INIT;
	struct platform platform;

	if (wanted == NULL)
		wanted = scope_get(&p->globals, "TARGETPLATFORM");
	if (wanted == NULL || platform_parse(&p->arena, wanted, &platform, &ignored) < 0 ||
	    c->os == NULL || c->architecture == NULL)
		return;
	if (strcmp(c->os, platform.os) == 0 && strcmp(c->architecture, platform.architecture) == 0)
		return;
	plan_warn(p, p->file, RULE_INVALID_BASE_IMAGE_PLATFORM, stage->source->from->args[0].at,
		  NULL, "base image %s was pulled for platform %s/%s, the build is for %s/%s",
		  stage->image->written, c->os, c->architecture, platform.os,
		  platform.architecture);
}
