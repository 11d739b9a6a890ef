/* SPDX-License-Identifier: Apache-2.0 */
/* The sink of a build and what all views share. */
#include "cli/progress.h"

#include "cli/format.h"
#include "cli/progress_view.h"
#include "common/arena.h"

#include <poll.h>
#include <string.h>

enum { WRITE_CHUNK = 64 * 1024 };

static bool parse_mode(const char *name, enum progress_mode *out)
{
	static const struct {
		const char *name;
		enum progress_mode mode;
	} modes[] = {
		{"plain", PROGRESS_PLAIN}, {"tty", PROGRESS_TTY},      {"json", PROGRESS_JSON},
		{"quiet", PROGRESS_QUIET}, {"rawjson", PROGRESS_JSON},
	};

	for (size_t i = 0; name != NULL && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(name, modes[i].name) == 0) {
			*out = modes[i].mode;
			return true;
		}
	}
	return false;
}

enum progress_mode progress_mode(const char *name, int out)
{
	const char *term = getenv("TERM");
	enum progress_mode mode;

	if (parse_mode(name != NULL ? name : getenv("BUILDKIT_PROGRESS"), &mode))
		return mode;
	return isatty(out) && term != NULL && strcmp(term, "dumb") != 0 ? PROGRESS_TTY
									: PROGRESS_PLAIN;
}

/* --- what the views share ------------------------------------------------------------------ */

void progress_write(struct progress *p)
{
	const char *at = p->out.data;
	size_t left = p->out.length;

	while (left > 0 && !p->broken) {
		ssize_t n = write(p->fd, at, left);

		if (n >= 0) {
			at += n;
			left -= (size_t)n;
		} else if (errno == EAGAIN) {
			poll(&(struct pollfd){.fd = p->fd, .events = POLLOUT}, 1, -1);
		} else if (errno != EINTR) {
			p->broken = true;
		}
	}
	buf_reset(&p->out);
}

static char *clean(const char *text)
{
	auto_(buf) struct buf out = BUF_INIT;

	text_clean(text, &out);
	return buf_steal(&out);
}

static char *clean_lines(const char *text)
{
	auto_(buf) struct buf out = BUF_INIT;

	while (text != NULL && *text != '\0') {
		size_t length = strcspn(text, "\n");
		auto_free char *line = xstrndup(text, length);

		text_clean(line, &out);
		buf_add_char(&out, '\n');
		text += length + (text[length] == '\n');
	}
	return out.length > 0 ? buf_steal(&out) : NULL;
}

static void step_release(struct progress_step *s)
{
	free(s->label);
	free(s->why);
	free(s->after);
	output_filter_release(&s->output);
	buf_release(&s->held);
}

static void make_room(struct progress *p, int number)
{
	int count = p->step_count;

	if (number < count)
		return;
	p->step_count = number + 16;
	p->steps = xrealloc(p->steps, (size_t)p->step_count, sizeof(*p->steps));
	for (int i = count; i < p->step_count; i++)
		p->steps[i] =
			(struct progress_step){.output = OUTPUT_FILTER_INIT, .held = BUF_INIT};
}

struct progress_step *progress_step(struct progress *p, const struct event *e)
{
	struct progress_step *s;

	make_room(p, e->step);
	s = &p->steps[e->step];
	/* The steps of another platform have the same numbers. */
	if (s->label != NULL && (e->kind == EVENT_STEP_START || e->kind == EVENT_STEP_CACHED)) {
		free(s->label);
		s->label = NULL;
	}
	if (s->label == NULL)
		s->label = clean(e->label != NULL ? e->label : "");
	return s;
}

void progress_failure(struct progress *p, const struct event *e)
{
	auto_(output_filter) struct output_filter filter = OUTPUT_FILTER_INIT;
	const char *at = e->output, *end = at + e->output_length;

	if (e->text != NULL) {
		buf_add_str(&p->out, e->text);
		if (p->out.length > 0 && p->out.data[p->out.length - 1] != '\n')
			buf_add_char(&p->out, '\n');
	}
	if (e->output_length == 0)
		return;
	buf_add_str(&p->out, "last output:\n");
	while (output_filter_next(&filter, &at, end))
		buf_printf(&p->out, "%s\n", filter.line.data);
	if (output_filter_end(&filter))
		buf_printf(&p->out, "%s\n", filter.line.data);
}

void progress_counts(struct buf *out, const struct event *e)
{
	char size[FORMAT_SIZE];

	if (e->digest == NULL) {
		buf_add_str(out, "changed nothing");
		return;
	}
	buf_printf(out, "+%llu ~%llu -%llu, %s", (unsigned long long)e->added,
		   (unsigned long long)e->modified, (unsigned long long)e->removed,
		   size_format(e->bytes, size));
	if (e->repeated > 0)
		buf_printf(out, " (%s of files repeat content below)",
			   size_format(e->repeated, size));
}

/* --- the sink ------------------------------------------------------------------------------ */

/* What every view knows of the steps. */
static void remember(struct progress *p, const struct event *e)
{
	struct progress_step *s;

	if (e->kind == EVENT_WARNING) {
		p->warnings = xgrow(p->warnings, p->warning_count, sizeof(char *));
		p->warnings[p->warning_count++] = xstrdup(e->text);
	}
	if (e->step == 0)
		return;
	if (e->steps > p->total)
		p->total = e->steps;
	s = progress_step(p, e);
	if (e->kind == EVENT_STEP_START) {
		s->began = e->at;
		free(s->why);
		s->why = clean_lines(e->text);
	}
	if (e->kind == EVENT_STEP_DONE) {
		free(s->after);
		s->after = clean_lines(e->text);
	}
	p->cached += e->kind == EVENT_STEP_CACHED;
	p->done += e->kind == EVENT_STEP_CACHED || e->kind == EVENT_STEP_PACKED;
	if (e->kind == EVENT_STEP_PACKED && !e->same)
		p->packed += e->bytes;
}

static void emit(void *user, const struct event *e)
{
	struct progress *p = user;

	remember(p, e);
	switch (p->mode) {
	case PROGRESS_PLAIN:
		plain_event(p, e);
		break;
	case PROGRESS_TTY:
		tty_event(p, e);
		return;
	case PROGRESS_JSON:
		json_event(p, e);
		break;
	case PROGRESS_QUIET:
		if (e->kind == EVENT_STEP_FAILED)
			progress_failure(p, e);
		break;
	}
	/* What concerns no step may be followed by work without a pause. */
	if (e->step == 0 || p->out.length >= WRITE_CHUNK)
		progress_write(p);
}

static int idle(void *user)
{
	struct progress *p = user;

	if (p->mode == PROGRESS_TTY)
		return tty_idle(p);
	progress_write(p);
	return -1;
}

struct progress *progress_new(enum progress_mode mode, int out)
{
	struct progress *p = xcalloc(1, sizeof(*p));

	*p = (struct progress){.mode = mode,
			       .fd = out,
			       .out = BUF_INIT,
			       .live = BUF_INIT,
			       .failure = BUF_INIT,
			       .glyphs = GLYPHS_INIT};
	p->sink = (struct event_sink){.emit = emit, .idle = idle, .user = p};
	if (mode == PROGRESS_TTY)
		tty_init(p);
	return p;
}

const struct event_sink *progress_sink(struct progress *p)
{
	return &p->sink;
}

unsigned progress_finish(struct progress *p)
{
	if (p->mode == PROGRESS_TTY)
		tty_finish(p);
	for (size_t i = 0; p->mode != PROGRESS_JSON && i < p->warning_count; i++)
		buf_printf(&p->out, "%swarning:%s %s\n", p->palette.warning, p->palette.off,
			   p->warnings[i]);
	progress_write(p);
	return (unsigned)p->warning_count;
}

uint64_t progress_packed(const struct progress *p)
{
	return p->packed;
}

void progress_free(struct progress *p)
{
	if (p == NULL)
		return;
	for (int i = 0; i < p->step_count; i++)
		step_release(&p->steps[i]);
	free(p->steps);
	for (size_t i = 0; i < p->warning_count; i++)
		free(p->warnings[i]);
	free(p->warnings);
	free(p->status);
	buf_release(&p->out);
	buf_release(&p->live);
	buf_release(&p->failure);
	glyphs_release(&p->glyphs);
	free(p);
}
