/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about the file and its build as a whole. */
#include "builder/lint.h"

#include <string.h>

int lint_configure(struct plan *p, struct error *err)
{
	const char *text = NULL;

	for (size_t i = 0; i < p->options->arg_count; i++)
		if (strcmp(p->options->args[i].name, "BUILDKIT_DOCKERFILE_CHECK") == 0)
			text = p->options->args[i].value;
	if (text == NULL || dockerfile_set_checks(p->file, text, err) == 0)
		return 0;
	return error_add(err, "--build-arg BUILDKIT_DOCKERFILE_CHECK");
}

/* --- UnusedBuildArg ------------------------------------------------------------------------- */

static bool declares(const struct insn *insn, const char *name)
{
	const struct insn *inner = insn->child != NULL ? insn->child : insn;

	for (size_t i = 0; inner->kind == INSN_ARG && i < inner->arg_count; i++)
		if (strcmp(inner->args[i].key, name) == 0)
			return true;
	return false;
}

static bool declared_anywhere(const struct plan *p, const char *name)
{
	const struct insn *const *insns;
	size_t count;

	insns = dockerfile_insns(p->file, &count);
	for (size_t i = 0; i < count; i++)
		if (declares(insns[i], name))
			return true;
	for (size_t i = 0; i < p->trigger_count; i++) {
		insns = dockerfile_insns(p->triggers[i], &count);
		for (size_t j = 0; j < count; j++)
			if (declares(insns[j], name))
				return true;
	}
	return false;
}

/* Those that the builder itself understands need no ARG. */
static bool predefined(const struct plan *p, const char *name)
{
	return scope_is_proxy(name) || strncmp(name, "BUILDKIT_", 9) == 0 ||
	       strcmp(name, "SOURCE_DATE_EPOCH") == 0 || scope_get(&p->globals, name) != NULL;
}

static const char *nearest_arg(struct plan *p, const char *name)
{
	const struct insn *const *insns;
	const char **names = NULL;
	size_t insn_count, count = 0;

	insns = dockerfile_insns(p->file, &insn_count);
	for (size_t i = 0; i < insn_count; i++) {
		for (size_t j = 0; insns[i]->kind == INSN_ARG && j < insns[i]->arg_count; j++) {
			names = arena_grow(&p->arena, names, count, sizeof(*names));
			names[count++] = insns[i]->args[j].key;
		}
	}
	return suggest(name, names, count);
}

void lint_build_args(struct plan *p)
{
	struct span top = {0, 0};

	for (size_t i = 0; i < p->options->arg_count; i++) {
		const char *name = p->options->args[i].name;
		const char *near;

		if (predefined(p, name) || declared_anywhere(p, name))
			continue;
		near = nearest_arg(p, name);
		plan_warn(p, p->file, RULE_UNUSED_BUILD_ARG, top,
			  near != NULL ? arena_printf(&p->arena, "did you mean %s?", near) : NULL,
			  "build argument %s was not consumed: no ARG declares it", name);
	}
}

/* --- SyntaxNotUsed --------------------------------------------------------------------------- */

/* The frontend is built in; another one is named, but never fetched and run (CVE-2026-33747). */
void lint_syntax(struct plan *p)
{
	static const char *const known[] = {"docker/dockerfile", "docker.io/docker/dockerfile",
					    "dockerfile.v0"};
	const char *given = plan_build_arg(p, "BUILDKIT_SYNTAX");
	const char *syntax = given != NULL ? given : dockerfile_syntax(p->file);
	struct span top = {0, 0};

	for (size_t i = 0; syntax != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
		size_t length = strlen(known[i]);

		if (strncmp(syntax, known[i], length) == 0 &&
		    (syntax[length] == '\0' || syntax[length] == ':' || syntax[length] == '@' ||
		     syntax[length] == ' ' || syntax[length] == '-'))
			return;
	}
	if (syntax != NULL)
		plan_warn(p, p->file, RULE_SYNTAX_NOT_USED, top,
			  "varve reads the language of docker/dockerfile and runs no frontends",
			  "the syntax %s is not used", syntax);
}

/* --- error=true ------------------------------------------------------------------------------ */

int lint_verdict(const struct plan *p, struct error *err)
{
	auto_(buf) struct buf rules = BUF_INIT;
	size_t count, warnings = dockerfile_warnings(p->file);
	const struct diag *diags = dockerfile_diags(p->file, &count);

	if (warnings == 0 || !dockerfile_checks_fail(p->file))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (diags[i].rule != NULL && strstr(rules.data, diags[i].rule) == NULL)
			buf_printf(&rules, "%s%s", rules.length > 0 ? ", " : "", diags[i].rule);
	error_set(err, ERROR_SYNTAX, "%s: lint violation found for rules: %s", p->display,
		  rules.data);
	return error_hint(err, "error=true in the check directive makes warnings fail the build");
}
