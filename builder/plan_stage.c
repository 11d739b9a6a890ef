/* SPDX-License-Identifier: Apache-2.0 */
/* One stage: its base, the triggers of its base, its instructions. */
#include "builder/plan.h"

#include "builder/lint.h"
#include "builder/remote.h"

#include <string.h>

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static void start_from_image(struct plan *p, struct stage_plan *stage)
{
	struct error err = ERROR_INIT;
	char text[ERROR_TEXT];
	struct base_image *image = plan_image(p, stage->image->written, &stage->platform, &err);

	if (image == NULL) {
		error_format(&err, text, sizeof(text));
		plan_report(p, p->file, DIAG_ERROR, stage->source->from->args[0].at,
			    err.hint[0] != '\0' ? err.hint : NULL, "%s", text);
		stage->base = BASE_SCRATCH;
		return;
	}
	stage->image = image;
	lint_base(p, stage);
	config_copy(&image->image.config, &stage->config);
	scope_from_env(&stage->scope, &stage->config.env);
	for (size_t i = 0; i < stage->config.volumes.count; i++)
		plan_add_volume(p, stage, stage->config.volumes.item[i],
				arena_printf(&p->arena, "image %s", image->written));
}

/* A directory as a base: the stage begins with a copy of it. */
static void copy_base(struct plan *p, struct stage_plan *stage)
{
	const struct insn *from = stage->source->from;
	struct copy_source *source = arena_alloc(&p->arena, sizeof(*source));
	struct step *step;

	*source = (struct copy_source){
		.kind = SOURCE_PATH, .path = "", .written = stage->base_context->name};
	step = plan_add_step(p, stage, STEP_COPY, p->file,
			     arena_printf(&p->arena, "%s:%u", p->display, from->line), from,
			     arena_printf(&p->arena, "FROM %s", stage->base_context->name));
	step->copy = (struct copy_spec){
		.from = {.kind = FROM_CONTEXT, .context = stage->base_context},
		.sources = source,
		.source_count = 1,
		.dest = "/",
	};
}

static void set_platform(struct config *c, const struct platform *p)
{
	c->os = arena_strdup(&c->arena, p->os);
	c->architecture = arena_strdup(&c->arena, p->architecture);
	c->variant = *p->variant != '\0' ? arena_strdup(&c->arena, p->variant) : NULL;
}

static void start_stage(struct plan *p, struct stage_plan *stage)
{
	struct config *c = &stage->config;

	if (stage->base == BASE_STAGE) {
		config_copy(&stage->base_stage->config, c);
		scope_copy(&stage->base_stage->scope, &stage->scope);
		for (size_t i = 0; i < stage->base_stage->volume_count; i++)
			plan_add_volume(p, stage, stage->base_stage->volumes[i].path,
					stage->base_stage->volumes[i].origin);
	} else if (stage->base == BASE_IMAGE) {
		start_from_image(p, stage);
	}
	if (c->architecture == NULL || c->os == NULL)
		set_platform(c, &stage->platform);
	c->created = NULL;
	if (config_env(c, "PATH") == NULL) {
		config_set_env(c, "PATH", default_path);
		scope_set(&stage->scope, "PATH", default_path, false);
	}
	if (c->working_dir == NULL || *c->working_dir == '\0')
		c->working_dir = "/";
	if (stage->base_context != NULL)
		copy_base(p, stage);
}

static void report_trigger(struct plan *p, const struct dockerfile *df, const struct diag *d)
{
	if (d->rule != NULL)
		plan_warn(p, df, rule_find(d->rule, strlen(d->rule)), d->at, d->hint, "%s",
			  d->text);
	else
		plan_report(p, df, d->severity, d->at, d->hint, "%s", d->text);
}

static void run_triggers(struct plan *p, struct stage_plan *stage)
{
	struct strings triggers = stage->config.onbuild;
	const char *base = stage->source->from->args[0].text;

	stage->config.onbuild = (struct strings){.item = NULL};
	for (size_t i = 0; i < triggers.count; i++) {
		struct error err = ERROR_INIT;
		struct dockerfile *df;
		const struct insn *const *insns;
		size_t count, errors;
		const struct diag *diags;

		df = dockerfile_parse_trigger(base, triggers.item[i], strlen(triggers.item[i]),
					      dockerfile_escape(p->file), &err);
		if (df == NULL) {
			plan_report(p, p->file, DIAG_ERROR, stage->source->from->at, NULL,
				    "ONBUILD of %s: %s", base, err.frame[0].text);
			continue;
		}
		p->triggers = xgrow(p->triggers, p->trigger_count, sizeof(struct dockerfile *));
		p->triggers[p->trigger_count++] = df;
		diags = dockerfile_diags(df, &count);
		errors = dockerfile_errors(df);
		for (size_t j = 0; j < count; j++)
			report_trigger(p, df, &diags[j]);
		insns = dockerfile_insns(df, &count);
		for (size_t j = 0; errors == 0 && j < count; j++)
			plan_instruction(p, stage, df,
					 arena_printf(&p->arena, "ONBUILD of %s", base), insns[j]);
	}
}

static const char *short_text(struct plan *p, const struct insn *insn)
{
	enum { LABEL_WIDTH = 120 };
	/* Labels go to logs: a password in a URL must not. */
	auto_free char *text = urls_public(insn->original);

	return strlen(text) <= LABEL_WIDTH
		       ? arena_strdup(&p->arena, text)
		       : arena_printf(&p->arena, "%.*s...", LABEL_WIDTH - 3, text);
}

void plan_need(struct plan *p, struct stage_plan *stage)
{
	struct stage_plan *caller = p->current;

	if (stage->planned)
		return;
	stage->planned = true;
	if (stage->base_stage != NULL)
		plan_need(p, stage->base_stage);
	p->current = stage;
	start_stage(p, stage);
	run_triggers(p, stage);
	for (size_t i = 0; i < stage->source->count; i++) {
		const struct insn *insn = stage->source->insns[i];

		plan_instruction(p, stage, p->file,
				 arena_printf(&p->arena, "%s:%u", p->display, insn->line), insn);
	}
	for (size_t i = 0; i < stage->step_count; i++) {
		struct step *s = stage->steps[i];

		p->steps = arena_grow(&p->arena, p->steps, p->step_count, sizeof(struct step *));
		p->steps[p->step_count++] = s;
		s->number = (int)p->step_count;
		s->label = arena_printf(
			&p->arena, "[%s%s%s %zu/%zu] %s",
			p->options->several_platforms ? platform_text(&p->arena, &p->platform) : "",
			p->options->several_platforms ? " " : "", stage->name, i + 1,
			stage->step_count, short_text(p, s->insn));
	}
	p->current = caller;
}
