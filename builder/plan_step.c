/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that change files: RUN, COPY, ADD, WORKDIR. */
#include "builder/plan.h"

#include "builder/lint.h"

#include "builder/syntax.h"

#include <string.h>
#include <strings.h>

/* --- RUN ----------------------------------------------------------------------------------- */

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
		const char *body = plan_heredoc(p, h, &length);
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
	for (size_t i = 0; i < p->options->bind_count; i++)
		buf_printf(&text, "%s %s", i == 0 ? " # not hermetic: --volume" : "",
			   p->options->binds[i].text);
	return arena_strndup(&p->arena, text.data, text.length);
}

static void run_network(struct plan *p, const struct dockerfile *file, const struct flag *flag,
			struct run_spec *run)
{
	static const char *const names[] = {"default", "none", "host"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (flag->value == NULL || strcmp(flag->value, names[i]) != 0)
			continue;
		run->network = (enum build_network)i;
		if (i == BUILD_NETWORK_HOST && !p->options->allow_host_network &&
		    !p->options->no_build)
			plan_report(p, file, DIAG_ERROR, flag->at,
				    "build with --allow network.host",
				    "RUN --network=host is not allowed for this build");
		return;
	}
	plan_report(p, file, DIAG_ERROR, flag->at, "default, none and host are known",
		    "RUN --network=%s is unknown", flag->value != NULL ? flag->value : "");
}

static void run_security(struct plan *p, const struct dockerfile *file, const struct flag *flag,
			 struct run_spec *run)
{
	run->insecure = flag->value != NULL && strcmp(flag->value, "insecure") == 0;
	if (!run->insecure && (flag->value == NULL || strcmp(flag->value, "sandbox") != 0))
		plan_report(p, file, DIAG_ERROR, flag->at, "sandbox and insecure are known",
			    "RUN --security=%s is unknown", flag->value != NULL ? flag->value : "");
	if (run->insecure && !p->options->allow_insecure && !p->options->no_build)
		plan_report(p, file, DIAG_ERROR, flag->at, "build with --allow security.insecure",
			    "RUN --security=insecure is not allowed for this build");
}

/* A mount goes over those above it, so parents come first. */
static int compare_mounts(const void *a, const void *b)
{
	const struct run_mount *m = a, *n = b;

	if (m->target == NULL || n->target == NULL)
		return (m->target == NULL) - (n->target == NULL);
	if (strcmp(m->target, n->target) != 0)
		return strcmp(m->target, n->target);
	return (m->at.start > n->at.start) - (m->at.start < n->at.start);
}

static void run_flags(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		      const struct insn *insn, struct run_spec *run)
{
	for (size_t i = 0; i < insn->flag_count; i++) {
		const struct flag *flag = &insn->flags[i];

		if (strcmp(flag->name, "network") == 0)
			run_network(p, file, flag, run);
		else if (strcmp(flag->name, "security") == 0)
			run_security(p, file, flag, run);
		else if (strcmp(flag->name, "mount") == 0)
			plan_mount(p, stage, file, flag, run);
	}
	for (size_t i = 0; i < p->options->bind_count; i++) {
		const struct build_bind *bind = &p->options->binds[i];

		run->mounts =
			arena_grow(&p->arena, run->mounts, run->mount_count, sizeof(*run->mounts));
		run->mounts[run->mount_count++] = (struct run_mount){.type = MOUNT_HOST,
								     .host = bind,
								     .target = bind->target,
								     .source = bind->text,
								     .read_only = bind->read_only};
	}
	if (run->mount_count > 0)
		qsort(run->mounts, run->mount_count, sizeof(*run->mounts), compare_mounts);
}

void plan_run(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
	      const char *place, const struct insn *insn)
{
	static const char *const known[] = {"mount", "network", "security", NULL};
	struct run_spec run = {.cwd = stage->config.working_dir,
			       .user = stage->config.user,
			       .network = p->options->network};
	struct step *step;

	if (!plan_flags_supported(p, file, insn, known))
		return;
	run_flags(p, stage, file, insn, &run);
	fill_argv(p, stage, insn, &run);
	if (run.argv.count == 0)
		return; /* reported by the parser */
	run.cwd = arena_strdup(&p->arena, run.cwd);
	run.user = run.user != NULL ? arena_strdup(&p->arena, run.user) : "";
	fill_environment(p, stage, &run);
	step = plan_add_step(p, stage, STEP_RUN, file, place, insn, run_history(p, stage, &run));
	step->run = run;
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
		plan_report(p, file, DIAG_ERROR, insn->args[0].at,
			    "its variables have no value here; ARG and ENV give them one",
			    "WORKDIR is empty");
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
	lint_instruction(p, stage, file, insn);
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
