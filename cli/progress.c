/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include "cli/format.h"
#include "common/arena.h"
#include "common/buf.h"
#include "layers/json.h"

#include <string.h>
#include <sys/ioctl.h>

/* One step's line being assembled, so that lines of parallel steps never mix. */
struct line {
	struct buf text;
	bool running;
	const char *label;
	uint64_t started;
};

struct progress {
	enum progress_mode mode;
	FILE *out;
	struct event_sink sink;
	struct line *lines; /* by step number */
	int steps;
	int footer; /* lines below the cursor's home that will be drawn again */
	char **warnings;
	size_t warning_count;
};

enum progress_mode progress_mode(const char *name, FILE *out)
{
	const char *term = getenv("TERM");

	if (name != NULL && strcmp(name, "plain") == 0)
		return PROGRESS_PLAIN;
	if (name != NULL && strcmp(name, "tty") == 0)
		return PROGRESS_TTY;
	if (name != NULL && strcmp(name, "json") == 0)
		return PROGRESS_JSON;
	if (name != NULL && strcmp(name, "quiet") == 0)
		return PROGRESS_QUIET;
	return isatty(fileno(out)) && term != NULL && strcmp(term, "dumb") != 0 ? PROGRESS_TTY
										: PROGRESS_PLAIN;
}

/* --- text ---------------------------------------------------------------------------------- */

static void print_prefix(const struct progress *p, const struct event *e)
{
	fprintf(p->out, "#%d ", e->step);
}

static void print_line(const struct progress *p, const struct event *e, const char *text,
		       size_t length)
{
	/* A carriage return redraws a line; what counts is what was drawn last. */
	const char *cut = memrchr(text, '\r', length > 0 ? length - 1 : 0);

	if (cut != NULL) {
		length -= (size_t)(cut + 1 - text);
		text = cut + 1;
	}
	if (length > 0 && text[length - 1] == '\r')
		length--;
	print_prefix(p, e);
	fprintf(p->out, "%.3f ", (double)e->at / 1e6);
	fwrite(text, 1, length, p->out);
	fputc('\n', p->out);
}

static void flush_line(struct progress *p, const struct event *e)
{
	struct line *l = &p->lines[e->step];

	if (l->text.length == 0)
		return;
	print_line(p, e, l->text.data, l->text.length);
	buf_reset(&l->text);
}

static void print_output(struct progress *p, const struct event *e)
{
	struct line *l = &p->lines[e->step];
	const char *at = e->text, *end = e->text + e->length;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		buf_add(&l->text, at, (size_t)((newline != NULL ? newline : end) - at));
		if (newline == NULL)
			return;
		print_line(p, e, l->text.data, l->text.length);
		buf_reset(&l->text);
		at = newline + 1;
	}
}

static void print_counts(const struct progress *p, const struct event *e)
{
	char size[FORMAT_SIZE];

	if (e->kind == EVENT_STEP_PACKED && e->digest == NULL) {
		fputs("changed nothing", p->out);
		return;
	}
	fprintf(p->out, "+%llu ~%llu -%llu", (unsigned long long)e->added,
		(unsigned long long)e->modified, (unsigned long long)e->removed);
	if (e->kind == EVENT_STEP_PACKED)
		fprintf(p->out, ", %s, %.19s%s", size_format(e->bytes, size), e->digest,
			e->same ? ", as before" : "");
}

static void print_indented(const struct progress *p, const struct event *e)
{
	const char *at = e->text;

	while (at != NULL && *at != '\0') {
		size_t length = strcspn(at, "\n");

		print_prefix(p, e);
		fprintf(p->out, "  %.*s\n", (int)length, at);
		at += length + (at[length] == '\n');
	}
}

static void print_text(struct progress *p, const struct event *e)
{
	switch (e->kind) {
	case EVENT_STEP_START:
		print_prefix(p, e);
		fprintf(p->out, "%s\n", e->label);
		print_indented(p, e);
		break;
	case EVENT_STEP_CACHED:
		print_prefix(p, e);
		fprintf(p->out, "%s\n", e->label);
		print_prefix(p, e);
		fputs("CACHED\n", p->out);
		break;
	case EVENT_STEP_OUTPUT:
		print_output(p, e);
		break;
	case EVENT_STEP_DONE:
		flush_line(p, e);
		print_prefix(p, e);
		fprintf(p->out, "DONE %.3fs\n", (double)e->duration / 1e6);
		break;
	case EVENT_STEP_PACKED:
		print_prefix(p, e);
		fputs("LAYER ", p->out);
		print_counts(p, e);
		fputc('\n', p->out);
		break;
	case EVENT_STEP_FAILED:
		flush_line(p, e);
		print_prefix(p, e);
		fprintf(p->out, "ERROR after %.3fs\n", (double)e->duration / 1e6);
		fprintf(p->out, "\n%s%s", e->text,
			e->text[strlen(e->text) - 1] == '\n' ? "" : "\n");
		if (e->output_length > 0) {
			fputs("last output:\n", p->out);
			fwrite(e->output, 1, e->output_length, p->out);
		}
		break;
	case EVENT_STATUS:
		fprintf(p->out, "%s\n", e->text);
		break;
	case EVENT_WARNING:
		break;
	}
}

/* --- terminal ------------------------------------------------------------------------------ */

static int columns(const struct progress *p)
{
	struct winsize size;

	return ioctl(fileno(p->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

/* What is running is drawn below what has been said, and drawn again after each event. */
static void erase_footer(struct progress *p)
{
	if (p->footer > 0)
		fprintf(p->out, "\r\033[%dA\033[J", p->footer);
	p->footer = 0;
}

static void draw_footer(struct progress *p, uint64_t now)
{
	int width = columns(p);

	for (int i = 1; i <= p->steps; i++) {
		auto_(buf) struct buf label = BUF_INIT;
		struct line *l = &p->lines[i];

		if (!l->running)
			continue;
		text_clean_cut(l->label, (size_t)width - 14, &label);
		fprintf(p->out, "\033[1m%s\033[0m %.1fs\n", label.data,
			(double)(now - l->started) / 1e6);
		p->footer++;
		if (l->text.length > 0) {
			buf_reset(&label);
			text_clean_cut(l->text.data, (size_t)width - 4, &label);
			fprintf(p->out, "\033[2m  %s\033[0m\n", label.data);
			p->footer++;
		}
	}
}

static void print_terminal(struct progress *p, const struct event *e)
{
	struct line *l = &p->lines[e->step];

	erase_footer(p);
	switch (e->kind) {
	case EVENT_STEP_START:
		l->running = true;
		l->label = e->label;
		l->started = e->at;
		print_indented(p, e);
		break;
	case EVENT_STEP_CACHED:
		fprintf(p->out, "\033[2m%s  cached\033[0m\n", e->label);
		break;
	case EVENT_STEP_DONE:
		flush_line(p, e);
		l->running = false;
		fprintf(p->out, "%s  %.1fs\n", e->label, (double)e->duration / 1e6);
		break;
	case EVENT_STEP_PACKED:
		fprintf(p->out, "\033[2m#%d ", e->step);
		print_counts(p, e);
		fputs("\033[0m\n", p->out);
		break;
	case EVENT_STEP_FAILED:
		l->running = false;
		print_text(p, e);
		break;
	case EVENT_STEP_OUTPUT:
	case EVENT_STATUS:
	case EVENT_WARNING:
		print_text(p, e);
		break;
	}
	draw_footer(p, e->at);
}

/* --- JSON ---------------------------------------------------------------------------------- */

static const char *const kind_names[] = {"start",  "cached", "output", "done",
					 "packed", "failed", "status", "warning"};

static void print_json(struct progress *p, const struct event *e)
{
	auto_(json) struct json *o = json_new_object();
	auto_(buf) struct buf text = BUF_INIT;

	json_add_string(o, "event", kind_names[e->kind]);
	json_add_number(o, "at_us", (int64_t)e->at);
	if (e->step > 0) {
		json_add_number(o, "step", e->step);
		json_add_number(o, "steps", e->steps);
		json_add_string(o, "label", e->label);
	}
	if (e->kind == EVENT_STEP_OUTPUT) {
		auto_free char *copy = xstrndup(e->text, e->length);

		json_add_string(o, "text", copy);
	} else if (e->text != NULL) {
		json_add_string(o, "text", e->text);
	}
	if (e->kind == EVENT_STEP_DONE || e->kind == EVENT_STEP_FAILED)
		json_add_number(o, "duration_us", (int64_t)e->duration);
	if (e->kind == EVENT_STEP_PACKED || e->kind == EVENT_STEP_CACHED) {
		json_add_number(o, "added", (int64_t)e->added);
		json_add_number(o, "modified", (int64_t)e->modified);
		json_add_number(o, "removed", (int64_t)e->removed);
	}
	if (e->kind == EVENT_STEP_PACKED) {
		json_add_number(o, "bytes", (int64_t)e->bytes);
		if (e->digest != NULL)
			json_add_string(o, "diff_id", e->digest);
		else
			json_add_null(o, "diff_id");
	}
	json_render(o, false, &text);
	fprintf(p->out, "%s\n", text.data);
}

/* --- the sink ------------------------------------------------------------------------------ */

static void emit(void *user, const struct event *e)
{
	struct progress *p = user;

	if (e->kind == EVENT_WARNING && p->mode != PROGRESS_JSON) {
		p->warnings = xgrow(p->warnings, p->warning_count, sizeof(char *));
		p->warnings[p->warning_count++] = xstrdup(e->text);
	}
	switch (p->mode) {
	case PROGRESS_PLAIN:
		print_text(p, e);
		break;
	case PROGRESS_TTY:
		print_terminal(p, e);
		break;
	case PROGRESS_JSON:
		print_json(p, e);
		break;
	case PROGRESS_QUIET:
		if (e->kind == EVENT_STEP_FAILED)
			fprintf(p->out, "%s", e->text);
		break;
	}
	fflush(p->out);
}

struct progress *progress_new(enum progress_mode mode, FILE *out, int steps)
{
	struct progress *p = xcalloc(1, sizeof(*p));

	*p = (struct progress){.mode = mode, .out = out, .steps = steps};
	p->sink = (struct event_sink){.emit = emit, .user = p};
	p->lines = xcalloc((size_t)steps + 1, sizeof(*p->lines));
	for (int i = 0; i <= steps; i++)
		p->lines[i].text = (struct buf)BUF_INIT;
	return p;
}

const struct event_sink *progress_sink(struct progress *p)
{
	return &p->sink;
}

unsigned progress_finish(struct progress *p)
{
	if (p->mode == PROGRESS_TTY)
		erase_footer(p);
	for (size_t i = 0; i < p->warning_count; i++)
		fprintf(p->out, "warning: %s\n", p->warnings[i]);
	return (unsigned)p->warning_count;
}

void progress_free(struct progress *p)
{
	if (p == NULL)
		return;
	for (int i = 0; i <= p->steps; i++)
		buf_release(&p->lines[i].text);
	free(p->lines);
	for (size_t i = 0; i < p->warning_count; i++)
		free(p->warnings[i]);
	free(p->warnings);
	free(p);
}
