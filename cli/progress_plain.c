/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that begin with the number of their step, for files and pipelines. */
#include "cli/progress_view.h"

#include <string.h>

static void add_line(struct progress *p, const struct event *e, const char *text, size_t length)
{
	const struct progress_step *s = &p->steps[e->step];
	uint64_t since = e->at > s->began ? e->at - s->began : 0;

	buf_printf(&p->out, "#%d %.3f ", e->step, (double)since / 1e6);
	buf_add(&p->out, text, length);
	buf_add_char(&p->out, '\n');
}

static void add_output(struct progress *p, const struct event *e)
{
	struct output_filter *f = &p->steps[e->step].output;
	const char *at = e->text, *end = at + e->length;

	while (output_filter_next(f, &at, end))
		add_line(p, e, f->line.data, f->line.length);
}

static void end_output(struct progress *p, const struct event *e)
{
	struct output_filter *f = &p->steps[e->step].output;

	if (output_filter_end(f))
		add_line(p, e, f->line.data, f->line.length);
}

static void add_lines(struct progress *p, const struct event *e, const char *text)
{
	for (const char *at = text; at != NULL && *at != '\0';) {
		const char *end = strchrnul(at, '\n');

		buf_printf(&p->out, "#%d   %.*s\n", e->step, (int)(end - at), at);
		at = end + (*end == '\n');
	}
}

static void add_start(struct progress *p, const struct event *e)
{
	const struct progress_step *s = &p->steps[e->step];

	buf_printf(&p->out, "#%d %s\n", e->step, s->label);
	add_lines(p, e, s->why);
}

static void add_layer(struct progress *p, const struct event *e)
{
	buf_printf(&p->out, "#%d LAYER ", e->step);
	progress_counts(&p->out, e);
	if (e->digest != NULL)
		buf_printf(&p->out, ", %.19s%s", e->digest, e->same ? ", as before" : "");
	buf_add_char(&p->out, '\n');
	if (e->text != NULL)
		buf_printf(&p->out, "#%d   hint: %s\n", e->step, e->text);
}

void plain_event(struct progress *p, const struct event *e)
{
	const double seconds = (double)e->duration / 1e6;

	switch (e->kind) {
	case EVENT_STEP_START:
		add_start(p, e);
		break;
	case EVENT_STEP_CACHED:
		buf_printf(&p->out, "#%d %s\n#%d CACHED\n", e->step, p->steps[e->step].label,
			   e->step);
		break;
	case EVENT_STEP_OUTPUT:
		add_output(p, e);
		break;
	case EVENT_STEP_DONE:
		end_output(p, e);
		buf_printf(&p->out, "#%d DONE %.3fs\n", e->step, seconds);
		add_lines(p, e, p->steps[e->step].after);
		break;
	case EVENT_STEP_PACKED:
		add_layer(p, e);
		break;
	case EVENT_STEP_FAILED:
		end_output(p, e);
		buf_printf(&p->out, "#%d ERROR after %.3fs\n\n", e->step, seconds);
		progress_failure(p, e);
		break;
	case EVENT_STATUS:
	case EVENT_NOTE:
		buf_printf(&p->out, "%s\n", e->text);
		break;
	case EVENT_WARNING:
		break;
	}
}
