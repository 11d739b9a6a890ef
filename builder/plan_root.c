/* SPDX-License-Identifier: Apache-2.0 */
/* Where --from finds files: a named context, an earlier stage, an image. */
#include "builder/plan.h"

#include <string.h>

bool plan_root(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
	       const char *name, struct span at, struct source_root *out)
{
	struct error err = ERROR_INIT;
	int named;
	char text[ERROR_TEXT];

	if (strchr(name, '$') != NULL) {
		plan_report(p, file, DIAG_ERROR, at,
			    "give the image a stage of its own: FROM <image> AS <name>",
			    "variable expansion is not supported for --from");
		return false;
	}
	named = plan_context(p, stage, file, name, at, out);
	if (named != 0)
		return named > 0;
	out->stage = plan_find_stage(p, name, stage->index);
	if (out->stage != NULL) {
		out->kind = FROM_STAGE;
		plan_need(p, out->stage);
		return true;
	}
	if (plan_find_stage(p, name, (int)p->stage_count) != NULL) {
		plan_report(p, file, DIAG_ERROR, at, "only earlier stages can be copied from",
			    "--from=%s: the stage is this one or a later one", name);
		return false;
	}
	if (strspn(name, "0123456789") == strlen(name)) {
		plan_report(p, file, DIAG_ERROR, at,
			    "stages are numbered from 0; only earlier ones can be copied from",
			    "--from=%s: there is no stage with this number", name);
		return false;
	}
	out->kind = FROM_IMAGE;
	out->image = plan_image(p, name, &stage->platform, &err);
	if (out->image == NULL) {
		error_format(&err, text, sizeof(text));
		plan_report(p, file, DIAG_ERROR, at, err.hint[0] != '\0' ? err.hint : NULL, "%s",
			    text);
	}
	return out->image != NULL;
}
