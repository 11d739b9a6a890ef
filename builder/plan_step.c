/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that change files: RUN, COPY, ADD, WORKDIR. */
#include "builder/plan.h"

#include "builder/syntax.h"

#include <string.h>
#include <strings.h>

/* Says of each flag this version does not act on that it does not, instead of ignoring it. */
static bool flags_supported(struct plan *p, const struct dockerfile *file, const struct insn *insn,
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
static bool flag_is_true(const struct flag *flag)
{
	return flag->value == NULL || strcasecmp(flag->value, "false") != 0;
}

/* --- RUN ----------------------------------------------------------------------------------- */

static const char *heredoc_text(struct plan *p, const struct heredoc *h, size_t *length)
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

/* RUN <<EOF and nothing else: the body is the program. */
static bool is_body_only(const struct insn *insn)
{
	return insn->heredoc_count == 1 && insn->arg_count == 1 &&
	       insn->args[0].at.start == insn->heredocs[0].at.start &&
	       insn->args[0].at.end == insn->heredocs[0].at.end;
}

/* What the shell is given; for a body that begins with "#!", run->script is set instead. */
static const char *shell_text(struct plan *p, const struct insn *insn, struct run_spec *run)
{
	auto_(buf) struct buf text = BUF_INIT;
	const struct heredoc *h = insn->heredocs;
	size_t length;

	if (insn->arg_count == 0)
		return "";
	if (is_body_only(insn)) {
		const char *body = heredoc_text(p, h, &length);
		struct inline_file *script;

		if (length < 2 || memcmp(body, "#!", 2) != 0)
			return body;
		script = arena_alloc(&p->arena, sizeof(*script));
		*script = (struct inline_file){.name = h->name, .data = body, .length = length};
		run->script = script;
		return body;
	}
	buf_add_str(&text, insn->args[0].text);
	for (size_t i = 0; i < insn->heredoc_count; i++)
		buf_printf(&text, "\n%s%s", h[i].body, h[i].name);
	return arena_strndup(&p->arena, text.data, text.length);
}

static void fill_argv(struct plan *p, struct stage_plan *stage, const struct insn *insn,
		      struct run_spec *run)
{
	const struct strings *shell = &stage->config.shell;
	const char *text;

	run->argv.present = true;
	if (insn->exec_form) {
		for (size_t i = 0; i < insn->arg_count; i++)
			strings_add(&p->arena, &run->argv, insn->args[i].text);
		return;
	}
	text = shell_text(p, insn, run);
	if (run->script != NULL) {
		strings_add(&p->arena, &run->argv,
			    arena_printf(&p->arena, "/%s/%s", SCRIPT_DIRECTORY, run->script->name));
		return;
	}
	if (shell->present && shell->count > 0) {
		for (size_t i = 0; i < shell->count; i++)
			strings_add(&p->arena, &run->argv, shell->item[i]);
	} else {
		strings_add(&p->arena, &run->argv, "/bin/sh");
		strings_add(&p->arena, &run->argv, "-c");
	}
	strings_add(&p->arena, &run->argv, text);
}

static void fill_environment(struct plan *p, struct stage_plan *stage, struct run_spec *run)
{
	for (size_t i = 0; i < stage->scope.count; i++) {
		const struct var *v = &stage->scope.vars[i];

		strings_add(&p->arena, &run->env,
			    arena_printf(&p->arena, "%s=%s", v->name, v->value));
	}
	for (size_t i = 0; i < p->options->arg_count; i++) {
		const struct build_arg *a = &p->options->args[i];

		if (scope_is_proxy(a->name) && scope_get(&stage->scope, a->name) == NULL)
			strings_add(&p->arena, &run->proxy,
				    arena_printf(&p->arena, "%s=%s", a->name, a->value));
	}
}

/* "RUN |1 A=x /bin/sh -c make", as BuildKit writes it. */
static const char *run_history(struct plan *p, struct stage_plan *stage, const struct run_spec *run)
{
	auto_(buf) struct buf text = BUF_INIT;
	size_t args = 0;

	for (size_t i = 0; i < stage->scope.count; i++)
		args += stage->scope.vars[i].arg;
	buf_add_str(&text, "RUN");
	if (args > 0)
		buf_printf(&text, " |%zu", args);
	for (size_t i = 0; i < stage->scope.count; i++)
		if (stage->scope.vars[i].arg)
			buf_printf(&text, " %s=%s", stage->scope.vars[i].name,
				   stage->scope.vars[i].value);
	for (size_t i = 0; i < run->argv.count; i++)
		buf_printf(&text, " %s", run->argv.item[i]);
	return arena_strndup(&p->arena, text.data, text.length);
}

void plan_run(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
	      const char *place, const struct insn *insn)
{
	static const char *const known[] = {"network", NULL};
	const struct flag *network = flag_of(insn, "network");
	struct run_spec run = {.cwd = stage->config.working_dir, .user = stage->config.user};
	struct step *step;

	if (!flags_supported(p, file, insn, known))
		return;
	if (network != NULL && network->value != NULL) {
		if (strcmp(network->value, "none") == 0)
			run.no_network = true;
		else if (strcmp(network->value, "default") != 0)
			plan_report(p, file, DIAG_ERROR, network->at, "none and default are known",
				    "RUN --network=%s is not allowed", network->value);
	}
	fill_argv(p, stage, insn, &run);
	if (run.argv.count == 0)
		return; /* reported by the parser */
	run.cwd = arena_strdup(&p->arena, run.cwd);
	run.user = run.user != NULL ? arena_strdup(&p->arena, run.user) : "";
	fill_environment(p, stage, &run);
	step = plan_add_step(p, stage, STEP_RUN, file, place, insn, run_history(p, stage, &run));
	step->run = run;
}

/* --- COPY and ADD -------------------------------------------------------------------------- */

static bool is_remote(const char *source)
{
	static const char *const schemes[] = {"http://", "https://", "git://", "ssh://", "git@"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(source, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

static void resolve_from(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
			 const struct insn *insn, struct copy_spec *copy)
{
	const struct flag *from = flag_of(insn, "from");
	struct error err = ERROR_INIT;
	char text[ERROR_TEXT];

	copy->from = COPY_CONTEXT;
	if (from == NULL || from->value == NULL)
		return;
	if (strchr(from->value, '$') != NULL) {
		plan_report(p, file, DIAG_ERROR, from->at,
			    "give the image a stage of its own: FROM <image> AS <name>",
			    "variable expansion is not supported for --from");
		return;
	}
	copy->stage = plan_find_stage(p, from->value, stage->index);
	if (copy->stage != NULL) {
		copy->from = COPY_STAGE;
		plan_need(p, copy->stage);
		return;
	}
	if (plan_find_stage(p, from->value, (int)p->stage_count) != NULL) {
		plan_report(p, file, DIAG_ERROR, from->at, "only earlier stages can be copied from",
			    "--from=%s: the stage is this one or a later one", from->value);
		return;
	}
	copy->from = COPY_IMAGE;
	copy->image = plan_image(p, from->value, &err);
	if (copy->image == NULL) {
		error_format(&err, text, sizeof(text));
		plan_report(p, file, DIAG_ERROR, from->at, err.hint[0] != '\0' ? err.hint : NULL,
			    "%s", text);
	}
}

static void add_file(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		     const struct heredoc *h, struct copy_spec *copy)
{
	struct inline_file *f;
	const char *data;
	size_t length;

	data = heredoc_text(p, h, &length);
	if (h->expand && h->word != NULL) {
		data = plan_expand(p, stage, file, h->word, h->at);
		length = data != NULL ? strlen(data) : 0;
	}
	copy->files = arena_grow(&p->arena, copy->files, copy->file_count, sizeof(*copy->files));
	f = &copy->files[copy->file_count++];
	*f = (struct inline_file){.name = h->name, .data = data, .length = length};
}

static void add_source(struct plan *p, const struct dockerfile *file, const struct insn *insn,
		       const struct arg *arg, const char *text, struct copy_spec *copy)
{
	struct error err = ERROR_INIT;

	if (insn->kind == INSN_ADD && is_remote(text)) {
		plan_report(p, file, DIAG_ERROR, arg->at, "download it first and ADD the file",
			    "ADD %s: remote sources are not supported by this version of varve",
			    text);
		return;
	}
	if (glob_check(text, &err) < 0) {
		plan_report(p, file, DIAG_ERROR, arg->at, NULL, "%s", err.frame[0].text);
		return;
	}
	copy->sources = arena_grow(&p->arena, copy->sources, copy->source_count, sizeof(char *));
	copy->written = arena_grow(&p->arena, copy->written, copy->source_count, sizeof(char *));
	copy->written[copy->source_count] = text;
	copy->sources[copy->source_count++] = path_join(&p->arena, "/", text) + 1;
}

static void add_operands(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
			 const struct insn *insn, struct copy_spec *copy)
{
	const struct arg *last = &insn->args[insn->arg_count - 1];
	const char *dest = plan_expand(p, stage, file, last->word, last->at);
	size_t length;

	for (size_t i = 0; i + 1 < insn->arg_count; i++) {
		const struct arg *arg = &insn->args[i];
		const char *text;

		if (arg->heredoc != NULL) {
			add_file(p, stage, file, arg->heredoc, copy);
			continue;
		}
		text = plan_expand(p, stage, file, arg->word, arg->at);
		if (text != NULL)
			add_source(p, file, insn, arg, text, copy);
	}
	if (dest == NULL)
		return;
	length = strlen(dest);
	copy->dest = path_join(&p->arena, stage->config.working_dir, dest);
	if (length == 0 || dest[length - 1] == '/' || strcmp(dest, ".") == 0 ||
	    (length > 1 && strcmp(dest + length - 2, "/.") == 0))
		copy->dest = arena_printf(&p->arena, "%s%s", copy->dest,
					  strcmp(copy->dest, "/") == 0 ? "" : "/");
	if (copy->source_count + copy->file_count > 1 && copy->dest[strlen(copy->dest) - 1] != '/')
		plan_report(p, file, DIAG_ERROR, last->at, "add a slash: the sources go into it",
			    "when %s has more than one source, the destination must be a directory "
			    "and end with /",
			    insn_name(insn->kind));
}

static const char *copy_history(struct plan *p, const struct insn *insn,
				const struct copy_spec *copy)
{
	auto_(buf) struct buf text = BUF_INIT;

	buf_add_str(&text, insn_name(insn->kind));
	for (size_t i = 0; i < insn->flag_count; i++)
		buf_printf(&text, " --%s%s%s", insn->flags[i].name,
			   insn->flags[i].value != NULL ? "=" : "",
			   insn->flags[i].value != NULL ? insn->flags[i].value : "");
	for (size_t i = 0; i < copy->file_count; i++)
		buf_printf(&text, " <<%s", copy->files[i].name);
	for (size_t i = 0; i < copy->source_count; i++)
		buf_printf(&text, " %s", copy->written[i]);
	buf_printf(&text, " %s", copy->dest != NULL ? copy->dest : "");
	return arena_strndup(&p->arena, text.data, text.length);
}

static const char *expand_flag(struct plan *p, struct stage_plan *stage,
			       const struct dockerfile *file, const struct insn *insn,
			       const char *name)
{
	const struct flag *flag = flag_of(insn, name);

	if (flag == NULL || flag->word == NULL)
		return NULL;
	return plan_expand(p, stage, file, flag->word, flag->at);
}

void plan_copy(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
	       const char *place, const struct insn *insn)
{
	static const char *const known[] = {"from", "chown", "chmod", "link", "unpack", NULL};
	struct copy_spec copy = {.unpack = insn->kind == INSN_ADD};
	struct error err = ERROR_INIT;
	struct step *step;

	if (!flags_supported(p, file, insn, known) || insn->arg_count < 2)
		return;
	resolve_from(p, stage, file, insn, &copy);
	copy.chown = expand_flag(p, stage, file, insn, "chown");
	copy.chmod = expand_flag(p, stage, file, insn, "chmod");
	if (flag_of(insn, "unpack") != NULL)
		copy.unpack = flag_is_true(flag_of(insn, "unpack"));
	if (copy.chmod != NULL && mode_check(copy.chmod, &err) < 0)
		plan_report(p, file, DIAG_ERROR, flag_of(insn, "chmod")->at, err.hint, "%s",
			    err.frame[0].text);
	add_operands(p, stage, file, insn, &copy);
	if (copy.from == COPY_CONTEXT && copy.source_count > 0 && p->options->context < 0)
		plan_report(p, file, DIAG_ERROR, insn->at, "give a directory as the context",
			    "%s needs a build context", insn_name(insn->kind));
	step = plan_add_step(p, stage, STEP_COPY, file, place, insn, copy_history(p, insn, &copy));
	step->copy = copy;
}

/* --- WORKDIR ------------------------------------------------------------------------------- */

void plan_workdir(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		  const char *place, const struct insn *insn)
{
	struct config *c = &stage->config;
	const char *text, *path, *created_by;
	struct step *step;

	if (insn->arg_count == 0)
		return; /* reported by the parser */
	text = plan_expand(p, stage, file, insn->args[0].word, insn->args[0].at);
	if (text == NULL)
		return;
	if (*text == '\0') {
		plan_report(p, file, DIAG_ERROR, insn->args[0].at, NULL, "WORKDIR is empty");
		return;
	}
	path = path_join(&p->arena, c->working_dir, text);
	c->working_dir = arena_strdup(&c->arena, path);
	created_by = arena_printf(&p->arena, "WORKDIR %s", path);
	if (strcmp(path, "/") == 0) {
		plan_mark(p, stage, created_by, NULL);
		return;
	}
	step = plan_add_step(p, stage, STEP_WORKDIR, file, place, insn, created_by);
	step->directory = path;
	step->directory_user = c->user != NULL ? arena_strdup(&p->arena, c->user) : "";
}

void plan_instruction(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		      const char *place, const struct insn *insn)
{
	switch ((int)insn->kind) {
	case INSN_RUN:
		plan_run(p, stage, file, place, insn);
		break;
	case INSN_COPY:
	case INSN_ADD:
		plan_copy(p, stage, file, place, insn);
		break;
	case INSN_WORKDIR:
		plan_workdir(p, stage, file, place, insn);
		break;
	default:
		plan_config(p, stage, file, place, insn);
		break;
	}
}
