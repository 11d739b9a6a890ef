/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build says while it runs, on standard error: for people (tty, plain), for programs (one
 * JSON document a line), or nothing but failures (quiet).
 *
 * What programs print is shown with control bytes and escape sequences taken out, and of a line
 * that was redrawn with carriage returns only the last state. The store's logs/ have every byte.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "common/cleanup.h"
#include "common/event.h"

enum progress_mode { PROGRESS_PLAIN, PROGRESS_TTY, PROGRESS_JSON, PROGRESS_QUIET };

/* NULL is what $BUILDKIT_PROGRESS says, else "auto": tty where `out` is a terminal that can do it
   and plain elsewhere. */
enum progress_mode progress_mode(const char *name, int out);

/* Nothing that is written stays behind in memory when the emitter sleeps or the view is finished.
   The descriptor stays the caller's. */
struct progress *progress_new(enum progress_mode mode, int out);
void progress_free(struct progress *p);
DEFINE_CLEANUP(progress, struct progress *, progress_free);

const struct event_sink *progress_sink(struct progress *p);

/* Ends the view: what is still held back is printed, the cursor is back, the warnings that came up
   are printed all together. How many there were. Call it before anything else is printed. */
unsigned progress_finish(struct progress *p);

/* Bytes of all layers that were packed. */
uint64_t progress_packed(const struct progress *p);

#endif
