/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/plan.h"

#include "builder/lint.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

/* The beginning of a trigger, as far as it helps to find it in another Dockerfile. */
static void add_trigger(struct buf *text, const struct dockerfile *trigger)
{
	enum { SHOWN = 100 };
	size_t count, length;
	const struct insn *const *insns = dockerfile_insns(trigger, &count);

	if (count == 0)
		return;
	length = strcspn(insns[0]->original, "\r\n");
	if (length <= SHOWN) {
		buf_printf(text, "%.*s: ", (int)length, insns[0]->original);
		return;
	}
	length = SHOWN;
	while (length > 0 && (insns[0]->original[length] & 0xC0) == 0x80)
		length--;
	buf_printf(text, "%.*s...: ", (int)length, insns[0]->original);
}

static void report(struct plan *p, const struct dockerfile *file, enum rule rule,
		   enum diag_severity severity, struct span at, const char *hint,
		   const char *format, va_list args)
{
	auto_(buf) struct buf text = BUF_INIT;

	/* A trigger has no line in the user's file; its FROM has. */
	if (file != p->file) {
		at = p->current->source->from->at;
		buf_printf(&text, "ONBUILD of %s: ", dockerfile_name(file));
		add_trigger(&text, file);
	}
	buf_vprintf(&text, format, args);
	if (rule != RULE_NONE)
		dockerfile_warn(p->file, rule, at, hint, "%s", text.data);
	else
		dockerfile_report(p->file, severity, at, hint, "%s", text.data);
}

void plan_report(struct plan *p, const struct dockerfile *file, enum diag_severity severity,
		 struct span at, const char *hint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report(p, file, RULE_NONE, severity, at, hint, format, args);
	va_end(args);
}

void plan_warn(struct plan *p, const struct dockerfile *file, enum rule rule, struct span at,
	       const char *hint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report(p, file, rule, DIAG_WARNING, at, hint, format, args);
	va_end(args);
}

const char *plan_expand(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
			const struct word *word, struct span at)
{
	auto_(buf) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	char text[ERROR_TEXT];

	if (word == NULL)
		return "";
	if (word_expand(word, scope_lookup, stage != NULL ? &stage->scope : &p->globals, &out,
			&err) == 0)
		return arena_strndup(&p->arena, out.data, out.length);
	error_format(&err, text, sizeof(text));
	plan_report(p, file, DIAG_ERROR, at, err.hint[0] != '\0' ? err.hint : NULL, "%s", text);
	return NULL;
}

const struct flag *flag_of(const struct insn *insn, const char *name)
{
	for (size_t i = 0; i < insn->flag_count; i++)
		if (strcmp(insn->flags[i].name, name) == 0)
			return &insn->flags[i];
	return NULL;
}

/* Says of each flag this version does not act on that it does not, instead of ignoring it. */
bool plan_flags_supported(struct plan *p, const struct dockerfile *file, const struct insn *insn,
			  const char *const *known)
{
	bool fine = true;

	for (size_t i = 0; i < insn->flag_count; i++) {
		bool found = false;

		for (const char *const *k = known; *k != NULL; k++)
			found = found || strcmp(*k, insn->flags[i].name) == 0;
		if (found)
			continue;
		plan_report(p, file, DIAG_ERROR, insn->flags[i].at, NULL,
			    "%s --%s is not supported by this version of varve",
			    insn_name(insn->kind), insn->flags[i].name);
		fine = false;
	}
	return fine;
}

/* A bool flag; its value was checked by the parser. */
bool flag_is_true(const struct flag *flag)
{
	return flag->value == NULL || strcasecmp(flag->value, "false") != 0;
}

const char *plan_heredoc(struct plan *p, const struct heredoc *h, size_t *length)
{
	auto_(buf) struct buf out = BUF_INIT;
	bool start = true;

	if (!h->strip_tabs) {
		*length = h->length;
		return h->body;
	}
	for (size_t i = 0; i < h->length; i++) {
		if (start && h->body[i] == '\t')
			continue;
		start = h->body[i] == '\n';
		buf_add_char(&out, h->body[i]);
	}
	*length = out.length;
	return arena_strndup(&p->arena, out.data, out.length);
}

const char *path_join(struct arena *arena, const char *a, const char *b)
{
	auto_(buf) struct buf out = BUF_INIT;
	const char *parts[2] = {b[0] == '/' ? "" : a, b};

	for (int i = 0; i < 2; i++) {
		for (const char *at = parts[i]; *at != '\0';) {
			size_t length = strcspn(at, "/");

			if (length == 2 && at[0] == '.' && at[1] == '.') {
				const char *slash = strrchr(out.data, '/');

				buf_truncate(&out, slash != NULL ? (size_t)(slash - out.data) : 0);
			} else if (length > 0 && !(length == 1 && at[0] == '.')) {
				buf_add_char(&out, '/');
				buf_add(&out, at, length);
			}
			at += length;
			at += *at == '/';
		}
	}
	return out.length == 0 ? "/" : arena_strndup(arena, out.data, out.length);
}

void plan_mark(struct plan *p, struct stage_plan *stage, const char *created_by, struct step *step)
{
	stage->marks =
		arena_grow(&p->arena, stage->marks, stage->mark_count, sizeof(*stage->marks));
	stage->marks[stage->mark_count++] = (struct mark){.created_by = created_by, .step = step};
}

void plan_add_volume(struct plan *p, struct stage_plan *stage, const char *path, const char *origin)
{
	const char *clean = path_join(&p->arena, "/", path);

	for (size_t i = 0; i < stage->volume_count; i++)
		if (strcmp(stage->volumes[i].path, clean) == 0)
			return;
	stage->volumes =
		arena_grow(&p->arena, stage->volumes, stage->volume_count, sizeof(*stage->volumes));
	stage->volumes[stage->volume_count++] = (struct volume){.path = clean, .origin = origin};
}

struct step *plan_add_step(struct plan *p, struct stage_plan *stage, enum step_kind kind,
			   const struct dockerfile *file, const char *place,
			   const struct insn *insn, const char *created_by)
{
	struct step *s = arena_alloc(&p->arena, sizeof(*s));

	s->kind = kind;
	s->stage = stage;
	s->previous = stage->step_count > 0 ? stage->steps[stage->step_count - 1] : NULL;
	s->insn = insn;
	s->file = file;
	s->place = place;
	s->created_by = created_by;
	s->volumes = arena_alloc(&p->arena, stage->volume_count * sizeof(*s->volumes));
	s->volume_count = stage->volume_count;
	if (s->volume_count > 0)
		memcpy(s->volumes, stage->volumes, s->volume_count * sizeof(*s->volumes));
	stage->steps =
		arena_grow(&p->arena, stage->steps, stage->step_count, sizeof(struct step *));
	stage->steps[stage->step_count++] = s;
	plan_mark(p, stage, created_by, s);
	return s;
}

struct stage_plan *plan_find_stage(struct plan *p, const char *name, int before)
{
	char *end;
	long number = strtol(name, &end, 10);

	for (int i = before - 1; i >= 0; i--)
		if (p->stages[i].source->name != NULL &&
		    strcasecmp(p->stages[i].source->name, name) == 0)
			return &p->stages[i];
	if (*name != '\0' && *end == '\0' && number >= 0 && number < before)
		return &p->stages[number];
	return NULL;
}

/* --- base and dependencies ----------------------------------------------------------------- */

static void set_base(struct plan *p, struct stage_plan *stage)
{
	const struct insn *from = stage->source->from;
	struct source_root root;
	const char *name;
	int named;

	stage->base = BASE_SCRATCH;
	plan_stage_platform(p, stage);
	if (from->arg_count == 0)
		return; /* reported by the parser */
	name = plan_expand(p, NULL, p->file, from->args[0].word, from->args[0].at);
	if (name == NULL)
		return;
	if (*name == '\0') {
		plan_report(p, p->file, DIAG_ERROR, from->args[0].at,
			    "ARG before the first FROM gives it a value, as does --build-arg",
			    "base name (%s) should not be blank", from->args[0].text);
		return;
	}
	if (strcmp(name, "scratch") == 0)
		return;
	named = plan_context(p, stage, p->file, name, from->args[0].at, &root);
	if (named < 0)
		return;
	if (named > 0 && root.kind == FROM_CONTEXT)
		stage->base_context = root.context;
	else if (named > 0)
		stage->image = root.image;
	if (named > 0) {
		stage->base = stage->image != NULL ? BASE_IMAGE : BASE_SCRATCH;
		return;
	}
	stage->base_stage = plan_find_stage(p, name, stage->index);
	/* Numbers are for COPY --from; FROM 0 is an image called 0. */
	if (stage->base_stage != NULL && (stage->base_stage->source->name == NULL ||
					  strcasecmp(stage->base_stage->source->name, name) != 0))
		stage->base_stage = NULL;
	stage->base = stage->base_stage != NULL ? BASE_STAGE : BASE_IMAGE;
	if (stage->base_stage != NULL)
		stage->platform = stage->base_stage->platform;
	if (stage->base == BASE_IMAGE) {
		stage->image = arena_alloc(&p->arena, sizeof(*stage->image));
		stage->image->written = name;
	}
}

static void need(struct plan *p, struct stage_plan *stage);

/* --from of COPY and from= of a mount may name an earlier stage. */
static void need_of_flag(struct plan *p, const struct stage_plan *stage, const struct flag *flag)
{
	const char *name = NULL;
	struct stage_plan *other;

	if (flag->value != NULL && strcmp(flag->name, "from") == 0)
		name = flag->value;
	else if (flag->value != NULL && strcmp(flag->name, "mount") == 0)
		name = plan_mount_from(&p->arena, flag->value);
	other = name != NULL ? plan_find_stage(p, name, stage->index) : NULL;
	if (other != NULL)
		need(p, other);
}

static void need(struct plan *p, struct stage_plan *stage)
{
	if (stage->needed)
		return;
	stage->needed = true;
	if (stage->base_stage != NULL)
		need(p, stage->base_stage);
	for (size_t i = 0; i < stage->source->count; i++) {
		const struct insn *insn = stage->source->insns[i];

		for (size_t j = 0; j < insn->flag_count; j++)
			need_of_flag(p, stage, &insn->flags[j]);
	}
}

static int choose_target(struct plan *p, struct error *err)
{
	const char *name = p->options->target;
	const char **names;
	const char *near;
	size_t count = 0;

	if (name == NULL || *name == '\0') {
		p->target = &p->stages[p->stage_count - 1];
		return 0;
	}
	p->target = plan_find_stage(p, name, (int)p->stage_count);
	if (p->target != NULL)
		return 0;
	names = arena_alloc(&p->arena, p->stage_count * sizeof(*names));
	for (size_t i = 0; i < p->stage_count; i++)
		if (p->stages[i].source->name != NULL)
			names[count++] = p->stages[i].source->name;
	error_set(err, ERROR_NOT_FOUND, "--target %s: no such stage in %s", name, p->display);
	near = suggest(name, names, count);
	if (near != NULL)
		error_hint(err, "did you mean %s?", near);
	return -1;
}

/* --- global scope -------------------------------------------------------------------------- */

const char *plan_build_arg(const struct plan *p, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < p->options->arg_count; i++)
		if (strcmp(p->options->args[i].name, name) == 0)
			value = p->options->args[i].value;
	return value;
}

static void set_globals(struct plan *p)
{
	size_t count;
	const struct insn *const *globals = dockerfile_globals(p->file, &count);

	plan_platform_args(p);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < globals[i]->arg_count; j++) {
			const struct arg *arg = &globals[i]->args[j];
			const char *value = plan_build_arg(p, arg->key);

			if (value == NULL && arg->word != NULL)
				value = plan_expand(p, NULL, p->file, arg->word, arg->at);
			if (value != NULL)
				scope_set(&p->globals, arg->key, value, true);
		}
	}
}

static void init_stages(struct plan *p)
{
	const struct stage *stages = dockerfile_stages(p->file, &p->stage_count);

	p->stages = xcalloc(p->stage_count, sizeof(*p->stages));
	for (size_t i = 0; i < p->stage_count; i++) {
		struct stage_plan *s = &p->stages[i];

		s->index = (int)i;
		s->source = &stages[i];
		s->name = stages[i].name != NULL ? stages[i].name
						 : arena_printf(&p->arena, "stage-%zu", i);
		s->config = (struct config)CONFIG_INIT;
		scope_init(&s->scope, &p->arena);
		set_base(p, s);
		for (size_t j = 0; j < p->options->no_cache_count; j++)
			s->no_cache = s->no_cache ||
				      strcasecmp(p->options->no_cache_filter[j], s->name) == 0;
	}
}

static int fail_if_wrong(const struct plan *p, struct error *err)
{
	size_t errors = dockerfile_errors(p->file);

	if (errors == 0)
		return 0;
	return error_set(err, ERROR_SYNTAX, "%s: %zu error%s", p->display, errors,
			 errors == 1 ? "" : "s");
}

static int fill(struct plan *p, struct error *err)
{
	if (lint_configure(p, err) < 0 || fail_if_wrong(p, err) < 0)
		return -1;
	lint_syntax(p);
	if (plan_target_platform(p, err) < 0)
		return -1;
	set_globals(p);
	init_stages(p);
	if (p->stage_count == 0)
		return error_set(err, ERROR_SYNTAX, "%s: no build stage", p->display);
	if (choose_target(p, err) < 0)
		return -1;
	scope_set(&p->globals, "TARGETSTAGE",
		  p->target->source->name != NULL ? p->target->source->name : "default", true);
	need(p, p->target);
	for (size_t i = 0; p->options->all_stages && i < p->stage_count; i++)
		need(p, &p->stages[i]);
	lint_from(p);
	p->context.fd = p->options->context;
	if (p->context.fd >= 0 && !p->options->context_is_git &&
	    context_ignore(p->context.fd,
			   p->options->dockerfile_dir >= 0 ? p->options->dockerfile_dir
							   : p->context.fd,
			   p->options->dockerfile_path, &p->context.ignore, err) < 0)
		return -1;
	if (plan_epoch(p, err) < 0)
		return -1;
	for (size_t i = 0; i < p->stage_count; i++)
		if (p->stages[i].needed)
			plan_need(p, &p->stages[i]);
	lint_build_args(p);
	for (size_t i = 0; i < p->options->label_count; i++)
		config_set_label(&p->target->config, p->options->labels[i].name,
				 p->options->labels[i].value);
	if (fail_if_wrong(p, err) < 0)
		return -1;
	return p->options->no_build ? 0 : lint_verdict(p, err);
}

struct plan *build_plan(const struct build_options *options, struct error *err)
{
	struct plan *p = xcalloc(1, sizeof(*p));

	p->arena = (struct arena)ARENA_INIT;
	p->options = options;
	p->file = options->file;
	p->display = dockerfile_name(options->file);
	scope_init(&p->globals, &p->arena);
	if (fill(p, err) < 0) {
		plan_free(p);
		return NULL;
	}
	return p;
}

void plan_free(struct plan *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->stage_count; i++)
		config_release(&p->stages[i].config);
	free(p->stages);
	for (struct base_image *b = p->images; b != NULL; b = b->next)
		image_release(&b->image);
	for (size_t i = 0; i < p->trigger_count; i++)
		dockerfile_free(p->triggers[i]);
	free(p->triggers);
	ignore_free(p->context.ignore);
	for (struct context *c = p->contexts; c != NULL; c = c->next)
		context_release(c);
	arena_release(&p->arena);
	free(p);
}
