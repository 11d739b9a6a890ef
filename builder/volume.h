/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a RUN writes below declared volumes: told, refused or taken out again.
 */
#ifndef BUILDER_VOLUME_H
#define BUILDER_VOLUME_H

#include "builder/run.h"

struct volume_watch;
/* Watches what a pack reports for paths below the step's volumes, found in root. */
struct volume_watch *volume_watch_new(const struct step *s, const struct stack *root);
void volume_watch_visit(void *user, const char *path, enum entry_change change);
/* Moves the findings into the outcome. */
void volume_watch_finish(struct volume_watch *w, struct outcome *o);
/* Takes what a RUN wrote below volumes out of the upper again. */
int volume_discard(const struct step *s, const struct stack *root, int upper, struct error *err);
/* Warns about the writes of an outcome, or fails with --volume-writes=error. */
int volume_report(struct execution *e, struct error *err);

#endif
