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
	EVENT_STEP_CACHED, /* label */
	EVENT_STEP_OUTPUT, /* text, length: raw bytes of the program, cut anywhere */
	EVENT_STEP_DONE,   /* duration; the step's program or copy has ended well */
	EVENT_STEP_PACKED, /* added, modified, removed, bytes (stored), digest of the layer, or NULL
			      for a step that changed nothing */
	EVENT_STEP_FAILED, /* duration; text: the cause in one line */
	EVENT_STATUS,      /* text: what the build as a whole does now */
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
	const char *digest;
};

struct event_sink {
	void (*emit)(void *user, const struct event *event);
	void *user;
};

/* A NULL sink is silence. */
static inline void event_emit(const struct event_sink *sink, const struct event *event)
{
	if (sink != NULL)
		sink->emit(sink->user, event);
}

#endif
