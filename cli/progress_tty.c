/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal view. What has ended is printed for good: each step with its result and all of its
 * output in one piece. What is running is drawn below (progress_frame.c).
 */
#include "cli/progress_view.h"

#include "common/arena.h"
#include "common/loop.h"

#include <string.h>

enum {
	FRAME_MS = 100,
	/* A running step's output beyond this is printed before the step ends; the rest of it is
	   kept, so that there is something to draw. */
	HELD_MAX = 128 * 1024,
	HELD_KEPT = 8 * 1024,
	OUT_MAX = 64 * 1024,
};

void tty_init(struct progress *p)
{
	palette_init(&p->palette, getenv("NO_COLOR"), getenv("BUILDKIT_COLORS"));
	p->began = p->drawn = loop_now();
}

/* --- what is printed for good -------------------------------------------------------------- */

static void print_lines(struct progress *p, const char *color, const char *text, size_t length)
{
	const char *end = text + length;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t used = (size_t)((newline != NULL ? newline : end) - text);

		buf_printf(&p->out, "%s  ", color);
		buf_add(&p->out, text, used);
		buf_printf(&p->out, "%s\n", *color != '\0' ? p->palette.off : "");
		text += used + 1;
	}
}

static void print_why(struct progress *p, const struct progress_step *s)
{
	if (s->why != NULL)
		print_lines(p, p->palette.dim, s->why, strlen(s->why));
}

static void print_held(struct progress *p, struct progress_step *s, size_t length)
{
	print_lines(p, "", s->held.data, length);
	memmove(s->held.data, s->held.data + length, s->held.length - length);
	buf_truncate(&s->held, s->held.length - length);
}

/* The beginning of a step that has not ended. */
static void open_block(struct progress *p, struct progress_step *s, int number)
{
	if (s->opened && p->last == number)
		return;
	buf_printf(&p->out, "%s%s%s%s\n", p->palette.bold, s->label, p->palette.off,
		   s->opened ? " (continued)" : "");
	if (!s->opened)
		print_why(p, s);
	s->opened = true;
	p->last = number;
}

static void print_result(struct progress *p, const struct progress_step *s, const char *color,
			 const char *result)
{
	buf_printf(&p->out, "%s%s%s  %s%s\n", color, s->label, p->palette.off, result,
		   p->palette.off);
}

/* A step has ended: its result, and what is not printed yet of its output. */
static void close_block(struct progress *p, int number, const char *color, const char *result)
{
	struct progress_step *s = &p->steps[number];

	if (s->opened) {
		if (s->held.length > 0)
			open_block(p, s, number);
		print_held(p, s, s->held.length);
		print_result(p, s, color, result);
	} else {
		print_result(p, s, color, result);
		print_why(p, s);
		print_held(p, s, s->held.length);
	}
	s->opened = false;
	s->state = VIEW_ENDED;
	p->last = 0;
}

/* --- output -------------------------------------------------------------------------------- */

static void hold_line(struct progress_step *s)
{
	buf_add(&s->held, s->output.line.data, s->output.line.length);
	buf_add_char(&s->held, '\n');
}

static void spill(struct progress *p, struct progress_step *s, int number)
{
	const char *from = s->held.data + s->held.length - HELD_KEPT;
	const char *newline = memchr(from, '\n', HELD_KEPT);

	open_block(p, s, number);
	print_held(p, s, (size_t)(newline + 1 - s->held.data));
}

static void take_output(struct progress *p, const struct event *e)
{
	struct progress_step *s = &p->steps[e->step];
	const char *at = e->text, *end = at + e->length;

	while (output_filter_next(&s->output, &at, end)) {
		hold_line(s);
		if (s->held.length > HELD_MAX)
			spill(p, s, e->step);
	}
}

static void end_output(struct progress_step *s)
{
	if (output_filter_end(&s->output))
		hold_line(s);
}

/* --- events -------------------------------------------------------------------------------- */

static void start(struct progress_step *s)
{
	s->state = VIEW_RUNNING;
	s->started = loop_now();
	s->duration = 0;
	s->opened = false;
}

static void packed(struct progress *p, const struct event *e)
{
	auto_(buf) struct buf result = BUF_INIT;
	char took[16];

	duration_format(p->steps[e->step].duration, took);
	buf_printf(&result, "%s  %s", took, p->palette.dim);
	progress_counts(&result, e);
	if (e->same)
		buf_add_str(&result, ", as before");
	close_block(p, e->step, p->palette.run, result.data);
	if (p->steps[e->step].after != NULL)
		print_lines(p, p->palette.dim, p->steps[e->step].after,
			    strlen(p->steps[e->step].after));
	if (e->text != NULL)
		buf_printf(&p->out, "%s  hint: %s%s\n", p->palette.warning, e->text,
			   p->palette.off);
}

static void failed(struct progress *p, const struct event *e)
{
	auto_free char *result = NULL;
	char took[16];

	end_output(&p->steps[e->step]);
	duration_format(e->duration, took);
	result = xprintf("%sERROR%s after %s", p->palette.error, p->palette.off, took);
	close_block(p, e->step, p->palette.error, result);
	if (e->text != NULL)
		buf_printf(&p->failure, "\n%s", e->text);
	if (p->failure.length > 0 && p->failure.data[p->failure.length - 1] != '\n')
		buf_add_char(&p->failure, '\n');
}

static void told(struct progress *p, const struct event *e)
{
	if (e->kind == EVENT_NOTE) {
		buf_printf(&p->out, "%s%s%s\n", p->palette.dim, e->text, p->palette.off);
		p->last = 0;
	} else if (e->kind == EVENT_STATUS) {
		free(p->status);
		p->status = xstrdup(e->text);
		/* Work without a pause may follow. */
		if (p->drawing)
			frame_draw(p, loop_now());
	}
}

void tty_event(struct progress *p, const struct event *e)
{
	struct progress_step *s = e->step > 0 ? &p->steps[e->step] : NULL;

	p->dirty = true;
	switch (e->kind) {
	case EVENT_STEP_START:
		start(s);
		break;
	case EVENT_STEP_CACHED:
		buf_printf(&p->out, "%s%s  cached%s\n", p->palette.dim, s->label, p->palette.off);
		s->state = VIEW_ENDED;
		p->last = 0;
		break;
	case EVENT_STEP_OUTPUT:
		take_output(p, e);
		break;
	case EVENT_STEP_DONE:
		end_output(s);
		s->state = VIEW_PACKING;
		s->duration = e->duration;
		break;
	case EVENT_STEP_PACKED:
		packed(p, e);
		break;
	case EVENT_STEP_FAILED:
		failed(p, e);
		break;
	case EVENT_STATUS:
	case EVENT_NOTE:
	case EVENT_WARNING:
		told(p, e);
		break;
	}
	if (p->out.length > OUT_MAX)
		frame_draw(p, loop_now());
}

static bool is_active(const struct progress *p)
{
	for (int i = 0; i < p->step_count; i++)
		if (p->steps[i].state == VIEW_RUNNING || p->steps[i].state == VIEW_PACKING)
			return true;
	return false;
}

int tty_idle(struct progress *p)
{
	uint64_t now = loop_now(), since = now - p->drawn;
	bool active = is_active(p);

	if (!p->dirty && !active)
		return -1;
	if (since < (uint64_t)FRAME_MS * 1000)
		return (int)(FRAME_MS - since / 1000);
	frame_draw(p, now);
	return active ? FRAME_MS : -1;
}

void tty_finish(struct progress *p)
{
	for (int i = 0; i < p->step_count; i++) {
		struct progress_step *s = &p->steps[i];
		auto_free char *result = NULL;
		char took[16];

		if (s->state != VIEW_RUNNING && s->state != VIEW_PACKING)
			continue;
		end_output(s);
		duration_format(s->state == VIEW_PACKING ? s->duration : loop_now() - s->started,
				took);
		result = xprintf("stopped after %s", took);
		close_block(p, i, p->palette.cancel, result);
	}
	buf_add(&p->out, p->failure.data, p->failure.length);
	buf_reset(&p->failure);
	frame_end(p);
}
