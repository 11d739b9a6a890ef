/* SPDX-License-Identifier: Apache-2.0 */
/* What would make a layer smaller. */
#include "builder/run.h"

/* Below this a layer that repeats what lies below it is not worth a sentence. */
enum { HINT_BYTES = 100 * 1000 };

void layer_hint(const struct execution *e, struct buf *out)
{
	const struct layer *l = &e->outcome.layer;

	if (l->repeated < HINT_BYTES)
		return;
	if (e->step->kind != STEP_RUN) {
		buf_add_str(out, "files that are there already were copied again; "
				 "leave them out with .dockerignore or --exclude");
		return;
	}
	if (l->repeated_by == LAYER_MODE)
		buf_add_str(out, "chmod stores whole files again; use COPY --chmod, or chmod in "
				 "the step that makes them");
	else if (l->repeated_by == LAYER_OWNER)
		buf_add_str(out, "chown stores whole files again; use COPY --chown, or chown in "
				 "the step that makes them");
	else if (l->repeated_by == (LAYER_MODE | LAYER_OWNER))
		buf_add_str(out, "chmod and chown store whole files again; use COPY --chmod "
				 "--chown, or change them in the step that makes them");
	else
		buf_add_str(out, "files were written again with the content they had; make and "
				 "change them in one step");
}
