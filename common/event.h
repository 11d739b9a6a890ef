/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens during a build, told to one sink. Libraries emit; cli/ renders (tty, plain, JSON).
 */
#ifndef COMMON_EVENT_H
#define COMMON_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
	EVENT_STEP_START, /* label; text: why it was no cache hit, when asked to explain, or NULL */
	EVENT_STEP_CACHED, /* label; added, modified, removed, bytes as it was recorded */
	EVENT_STEP_OUTPUT, /* text, length: raw bytes of the program, cut anywhere */
	EVENT_STEP_DONE, /* duration; the step's program or copy has ended well; text: what follows
			    from what it did, when asked to explain, or NULL */
	EVENT_STEP_PACKED, /* added, modified, removed, bytes (stored), repeated, digest of the
			      layer or NULL for a step that changed nothing; text: how to make the
			      layer smaller, in one sentence, or NULL; same: it did what an
			      earlier step had done, whose layer it is */
	EVENT_STEP_FAILED, /* duration; text: the cause, and where it is in the Dockerfile; output:
			      the last that its program wrote */
	EVENT_STATUS,      /* text: what the build as a whole does now */
	EVENT_NOTE,        /* text: a decision worth a line */
	EVENT_WARNING, /* text: one finding, possibly several lines, as dockerfile_render_diag() */
};

struct event {
	enum event_kind kind;
	int step;          /* 1-based number in the plan's order; 0: the whole build */
	int steps;         /* how many there are */
	const char *label; /* "[build 2/5] RUN make" */
	const char *text;
	size_t length;     /* of text for EVENT_STEP_OUTPUT */
	uint64_t at;       /* microseconds since the build began */
	uint64_t duration; /* microseconds */
	uint64_t added, modified, removed, bytes;
	uint64_t repeated; /* bytes of files that differ from those below in metadata only */
	bool same;
	const char *digest;
	const char *output; /* raw bytes, cut anywhere, not terminated */
	size_t output_length;
};

struct event_sink {
	void (*emit)(void *user, const struct event *event);
	/* Called before the emitter sleeps: a place to show what has gathered. Yields after how
	   many milliseconds it wants to be called again although nothing happens, -1: not at all.
	   May be NULL. */
	int (*idle)(void *user);
	void *user;
};

/* A NULL sink is silence. */
static inline void event_emit(const struct event_sink *sink, const struct event *event)
{
	if (sink != NULL)
		sink->emit(sink->user, event);
}

static inline int event_idle(const struct event_sink *sink)
{
	return sink != NULL && sink->idle != NULL ? sink->idle(sink->user) : -1;
}

#endif
