/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build says while it runs, on standard error: for people (tty, plain), for programs (one
 * JSON document a line), or nothing but failures (quiet).
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "common/cleanup.h"
#include "common/event.h"

#include <stdio.h>

enum progress_mode { PROGRESS_PLAIN, PROGRESS_TTY, PROGRESS_JSON, PROGRESS_QUIET };

/* "auto" is tty where `out` is a terminal that can do it and plain elsewhere. */
enum progress_mode progress_mode(const char *name, FILE *out);

/* steps is how many the plan has. */
struct progress *progress_new(enum progress_mode mode, FILE *out, int steps);
void progress_free(struct progress *p);
DEFINE_CLEANUP(progress, struct progress *, progress_free);

const struct event_sink *progress_sink(struct progress *p);

/* Prints the warnings that came up, all together; how many there were. */
unsigned progress_finish(struct progress *p);

#endif
