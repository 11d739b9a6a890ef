/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about COPY and ADD. */
#include "builder/lint.h"

#include <string.h>

/* A name that no pattern means unless it means everything. */
#define ANY_NAME "\1any\1"

static void check_ignored(const struct lint_at *at, const struct arg *arg)
{
	const struct ignore *ignore = at->p->context.ignore;
	const char *text = lint_expand(at, arg->word);
	const char *path = path_join(&at->p->arena, "/", text) + 1;

	/* With exceptions a part of an excluded directory may be there. */
	if (ignore == NULL || ignore_has_exceptions(ignore))
		return;
	if (!ignore_match(ignore, *path != '\0' ? path : ANY_NAME))
		return;
	plan_warn(at->p, at->file, RULE_COPY_IGNORED_FILE, arg->at,
		  "change the ignore file or the path",
		  "%s of \"%s\", which is excluded by the ignore file", insn_name(at->insn->kind),
		  *path != '\0' ? path : ".");
}

static bool is_below(const char *path, const char *volume)
{
	size_t length = strlen(volume);

	if (length == 1)
		return true;
	return strncmp(path, volume, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Only where the build will not find it by itself, with the paths that were written. */
static void check_volume(const struct lint_at *at)
{
	const struct stage_plan *stage = at->stage;
	const struct arg *last = &at->insn->args[at->insn->arg_count - 1];
	const char *dest = lint_expand(at, last->word);
	const char *path = path_join(&at->p->arena, stage->config.working_dir, dest);

	for (size_t i = 0; i < stage->volume_count; i++) {
		const struct volume *v = &stage->volumes[i];

		if (!is_below(path, v->path))
			continue;
		plan_warn(at->p, at->file, RULE_WRITE_UNDER_VOLUME, last->at,
			  "declare the volume after the last write",
			  "%s writes below the volume %s declared by %s", insn_name(at->insn->kind),
			  v->path, v->origin);
		return;
	}
}

static bool is_remote(const char *text)
{
	return strstr(text, "://") != NULL || strncmp(text, "git@", 4) == 0;
}

void lint_copy(const struct lint_at *at)
{
	const struct insn *insn = at->insn;

	if (insn->arg_count < 2)
		return;
	for (size_t i = 0; flag_of(insn, "from") == NULL && i + 1 < insn->arg_count; i++) {
		const struct arg *arg = &insn->args[i];

		if (arg->heredoc == NULL &&
		    !(insn->kind == INSN_ADD && is_remote(lint_expand(at, arg->word))))
			check_ignored(at, arg);
	}
	if (at->p->options->no_build || dockerfile_checks_fail(at->p->file))
		check_volume(at);
}
