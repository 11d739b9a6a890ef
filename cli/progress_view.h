/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the progress views: what they share.
 */
#ifndef CLI_PROGRESS_VIEW_H
#define CLI_PROGRESS_VIEW_H

#include "cli/glyph.h"
#include "cli/output_filter.h"
#include "cli/palette.h"
#include "cli/progress.h"
#include "common/buf.h"

struct progress_step {
	char *label; /* clean; NULL: nothing was heard of it */
	char *why;   /* not cached; clean, one line each; or NULL */
	char *after; /* what follows from what it did, the same way */
	enum { VIEW_IDLE, VIEW_RUNNING, VIEW_PACKING, VIEW_ENDED } state;
	uint64_t started;  /* loop_now() */
	uint64_t began;    /* event.at */
	uint64_t duration; /* once it is packing */
	struct output_filter output;
	/* json: the beginning of a character whose end has not come yet */
	char cut[4];
	size_t cut_length;
	/* tty: complete lines that are not printed yet, each with its line end */
	struct buf held;
	bool opened; /* the first of its lines are printed */
};

struct progress {
	enum progress_mode mode;
	int fd;
	struct event_sink sink;
	struct buf out;              /* to be written, in order */
	bool broken;                 /* nobody reads it any more */
	struct progress_step *steps; /* by number */
	int step_count;              /* how many there is room for */
	int total;                   /* of the plan */
	unsigned done, cached;
	uint64_t packed;
	char **warnings;
	size_t warning_count;
	/* tty */
	struct palette palette;
	struct glyphs glyphs;
	struct buf live;    /* the region below what is printed, as it was drawn last */
	struct buf failure; /* what is printed last */
	char *status;       /* what the build as a whole does, or NULL */
	uint64_t began, drawn;
	int last;     /* the step whose lines were printed last; 0: none goes on */
	bool dirty;   /* something changed since the last frame */
	bool drawing; /* the cursor is hidden */
	bool synchronized;
};

struct progress_step *progress_step(struct progress *p, const struct event *e);

/* Writes what has gathered in out. */
void progress_write(struct progress *p);

/* The cause of a failure and the end of the program's output. */
void progress_failure(struct progress *p, const struct event *e);

/* "+1 ~0 -0, 12kB" and what repeats content below; or "changed nothing". */
void progress_counts(struct buf *out, const struct event *e);

void plain_event(struct progress *p, const struct event *e);
void json_event(struct progress *p, const struct event *e);

void tty_init(struct progress *p);
void tty_event(struct progress *p, const struct event *e);
int tty_idle(struct progress *p);
void tty_finish(struct progress *p);

/* --- progress_frame.c ---------------------------------------------------------------------- */
/* Prints what is in out above the region of what is running, and draws that. */
void frame_draw(struct progress *p, uint64_t now);
/* Removes the region and shows the cursor. */
void frame_end(struct progress *p);
/* "0.12s", "12.3s", "3m07s" */
void duration_format(uint64_t us, char out[16]);

#endif
