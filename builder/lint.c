/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about the file and its build as a whole. */
#include "builder/lint.h"

#include <string.h>

static bool arg_declared(const struct plan *p, const char *name, const char **names, size_t *count)
{
	size_t insn_count;
	const struct insn *const *insns = dockerfile_insns(p->file, &insn_count);
	bool found = false;

	*count = 0;
	for (size_t i = 0; i < insn_count; i++) {
		const struct insn *insn = insns[i]->child != NULL ? insns[i]->child : insns[i];

		for (size_t j = 0; insn->kind == INSN_ARG && j < insn->arg_count; j++) {
			found = found || strcmp(insn->args[j].key, name) == 0;
			if (names != NULL)
				names[*count] = insn->args[j].key;
			(*count)++;
		}
	}
	return found;
}

void lint_build_args(struct plan *p)
{
	struct span top = {0, 0};

	for (size_t i = 0; i < p->options->arg_count; i++) {
		const char *name = p->options->args[i].name;
		const char **names;
		const char *near;
		size_t count;

		if (scope_is_proxy(name) || strncmp(name, "BUILDKIT_", 9) == 0 ||
		    strcmp(name, "SOURCE_DATE_EPOCH") == 0 || strncmp(name, "TARGET", 6) == 0 ||
		    strncmp(name, "BUILD", 5) == 0 || arg_declared(p, name, NULL, &count))
			continue;
		names = arena_alloc(&p->arena, count * sizeof(*names));
		arg_declared(p, name, names, &count);
		near = suggest(name, names, count);
		plan_warn(p, p->file, RULE_UNUSED_BUILD_ARG, top,
			  near != NULL ? arena_printf(&p->arena, "did you mean %s?", near) : NULL,
			  "build argument %s was not consumed: no ARG declares it", name);
	}
}

/* The frontend is built in; another one is named, but never fetched and run (CVE-2026-33747). */
void lint_syntax(struct plan *p)
{
	static const char *const known[] = {"docker/dockerfile", "docker.io/docker/dockerfile",
					    "dockerfile.v0"};
	const char *syntax = dockerfile_syntax(p->file);
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
