/* SPDX-License-Identifier: Apache-2.0 */
/* What is built for which platform. */
#include "builder/plan.h"

#include <string.h>

int plan_target_platform(struct plan *p, struct error *err)
{
	p->platform = platform_local();
	if (p->options->platform == NULL)
		return 0;
	return platform_parse(&p->arena, p->options->platform, &p->platform, err);
}

static void set_side(struct plan *p, const char *side, const struct platform *platform)
{
	const char *const pairs[][2] = {
		{"PLATFORM", platform_text(&p->arena, platform)},
		{"OS", platform->os},
		{"ARCH", platform->architecture},
		{"VARIANT", platform->variant},
		{"OSVERSION", ""},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const char *name = arena_printf(&p->arena, "%s%s", side, pairs[i][0]);
		const char *given = plan_build_arg(p, name);

		scope_set(&p->globals, name, given != NULL ? given : pairs[i][1], true);
	}
}

void plan_platform_args(struct plan *p)
{
	const struct platform local = platform_local();

	set_side(p, "BUILD", &local);
	set_side(p, "TARGET", &p->platform);
}

void plan_stage_platform(struct plan *p, struct stage_plan *stage)
{
	const struct flag *flag = flag_of(stage->source->from, "platform");
	struct error err = ERROR_INIT;
	const char *text;

	stage->platform = p->platform;
	if (flag == NULL || flag->word == NULL)
		return;
	text = plan_expand(p, NULL, p->file, flag->word, flag->at);
	if (text == NULL)
		return;
	if (*text == '\0') {
		plan_report(p, p->file, DIAG_ERROR, flag->at,
			    "ARG before the first FROM gives it a value, as does --build-arg",
			    "--platform=%s is blank", flag->value);
		return;
	}
	if (platform_parse(&p->arena, text, &stage->platform, &err) < 0)
		plan_report(p, p->file, DIAG_ERROR, flag->at, err.hint, "%s", err.frame[0].text);
}
