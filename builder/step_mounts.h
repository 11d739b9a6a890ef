/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUN --mount at run time. Private to builder/.
 */
#ifndef BUILDER_STEP_MOUNTS_H
#define BUILDER_STEP_MOUNTS_H

#include "builder/run.h"

* /
	/* Opens, locks, copies and starts what the mounts of a RUN need. 1: all is there; 0: not
	   yet, ask again after an event; -1: err. */
	int
	step_mounts_prepare(struct execution *e, struct error *err);
/* Resolves the links in their targets; then what has to exist in the root for them, and the mounts
   themselves. out has room for run.mount_count; the number used is returned. Valid until
   step_mounts_release(). */
int step_mounts_resolve(struct execution *e, const struct stack *root, struct error *err);
size_t step_mounts_targets(const struct execution *e, struct stub_target *out);
size_t step_mounts_fill(const struct execution *e, struct sandbox_mount *out);
/* The secret of a mount, or NULL. */
const struct build_secret *step_mounts_secret(const struct build *b, const struct run_mount *m);
void step_mounts_release(struct execution *e);

#endif
