/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The region below what is printed for good: what is running, drawn again and again.
 *
 * Between two frames the cursor stands, hidden, at the beginning of the region's first line. So one
 * constant sequence removes the region, whatever its height is and however the terminal has wrapped
 * it after a change of its width; a signal handler can write it.
 */
#include "cli/progress_view.h"

#include "cli/format.h"
#include "common/arena.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define HIDE_CURSOR "\033[?25l"
#define SHOW_CURSOR "\033[?25h"
#define ERASE_BELOW "\033[J"
#define ERASE_REST "\033[K" /* of the line */
#define BEGIN_SYNC "\033[?2026h"
#define END_SYNC "\033[?2026l"

enum { TAIL_LINES = 6, MIN_COLUMNS = 8 };

/* --- leaving the terminal as it was -------------------------------------------------------- */

static const char restore[] = END_SYNC "\r" ERASE_BELOW SHOW_CURSOR;

static void on_crash(int number)
{
	ssize_t ignored = write(STDERR_FILENO, restore, sizeof(restore) - 1);

	(void)ignored;
	raise(number);
}

/* The next frame hides the cursor again, wherever it is then. */
static void on_stop(int number)
{
	int saved = errno;
	ssize_t ignored = write(STDERR_FILENO, restore, sizeof(restore) - 1);

	(void)number;
	(void)ignored;
	raise(SIGSTOP);
	errno = saved;
}

static const int crashes[] = {SIGQUIT, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};

static void catch_ends(bool on)
{
	struct sigaction crash = {.sa_handler = on ? on_crash : SIG_DFL,
				  .sa_flags = on ? (int)SA_RESETHAND : 0};
	struct sigaction stop = {.sa_handler = on ? on_stop : SIG_DFL, .sa_flags = SA_RESTART};
	struct sigaction old;

	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &crash, NULL);
	/* A shell without job control ignores it for its children. */
	if (sigaction(SIGTSTP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(SIGTSTP, &stop, NULL);
}

/* --- what is drawn ------------------------------------------------------------------------- */

void duration_format(uint64_t us, char out[16])
{
	const double seconds = (double)us / 1e6;

	if (us < UINT64_C(9995000))
		snprintf(out, 16, "%.2fs", seconds);
	else if (us < UINT64_C(59950000))
		snprintf(out, 16, "%.1fs", seconds);
	else
		snprintf(out, 16, "%um%02us", (unsigned)(us / 60000000 % 1000000),
			 (unsigned)(us / 1000000 % 60));
}

struct region {
	struct progress *p;
	size_t columns, rows;
	size_t lines;
	struct buf text;
};

/* One line; prefix and suffix are ASCII and their colours no part of them. */
static void add_line(struct region *r, const char *color, const char *prefix, const char *text,
		     size_t length, const char *suffix)
{
	size_t taken = strlen(prefix) + strlen(suffix) + 1;

	/* At this width there is no room for anything but the text. */
	if (taken + MIN_COLUMNS / 2 > r->columns) {
		prefix = suffix = "";
		taken = 1;
	}
	if (r->lines++ > 0)
		buf_add_char(&r->text, '\n');
	buf_printf(&r->text, "%s%s", color, prefix);
	glyphs_cut(&r->p->glyphs, text, length, r->columns - taken, &r->text);
	buf_printf(&r->text, "%s%s" ERASE_REST, *color != '\0' ? r->p->palette.off : "", suffix);
}

/* The beginning of the last `lines` lines of text that ends with a line end. */
static const char *last_lines(const struct buf *text, size_t lines)
{
	const char *at = text->data + text->length;

	while (lines-- > 0 && at > text->data) {
		const char *newline = at - 1 > text->data ? memrchr(text->data, '\n',
								    (size_t)(at - 1 - text->data))
							  : NULL;

		at = newline != NULL ? newline + 1 : text->data;
	}
	return at;
}

static void add_step(struct region *r, const struct progress_step *s, uint64_t now, size_t rows)
{
	const struct output_filter *f = &s->output;
	const bool partial = f->line.length > 0 && !f->complete;
	const char *end = s->held.data + s->held.length, *at;
	char took[16], suffix[32];

	if (s->state == VIEW_PACKING)
		snprintf(suffix, sizeof(suffix), "  packing");
	else
		snprintf(suffix, sizeof(suffix), "  %.1fs", (double)(now - s->started) / 1e6);
	if (s->state == VIEW_RUNNING && now - s->started > UINT64_C(59950000)) {
		duration_format(now - s->started, took);
		snprintf(suffix, sizeof(suffix), "  %s", took);
	}
	add_line(r, r->p->palette.bold, "", s->label, strlen(s->label), suffix);
	if (rows == 0)
		return;
	at = last_lines(&s->held, rows - partial);
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		add_line(r, r->p->palette.dim, "  ", at, (size_t)(newline - at), "");
		at = newline + 1;
	}
	if (partial)
		add_line(r, r->p->palette.dim, "  ", f->line.data, f->line.length, "");
}

static void add_status(struct region *r, uint64_t now, size_t hidden)
{
	const struct progress *p = r->p;
	auto_(buf) struct buf text = BUF_INIT;
	char size[FORMAT_SIZE], took[16];

	duration_format(now - p->began, took);
	buf_printf(&text, "%u/%d steps", p->done, p->total);
	if (p->cached > 0)
		buf_printf(&text, ", %u cached", p->cached);
	if (p->packed > 0)
		buf_printf(&text, ", %s packed", size_format(p->packed, size));
	buf_printf(&text, ", %s", took);
	if (hidden > 0)
		buf_printf(&text, ", %zu more running", hidden);
	if (p->status != NULL)
		buf_printf(&text, ", %s", p->status);
	add_line(r, p->palette.dim, "", text.data, text.length, "");
}

static void add_region(struct region *r, uint64_t now)
{
	const struct progress *p = r->p;
	size_t active = 0, shown = 0, room, tail;

	for (int i = 0; i < p->step_count; i++)
		active += p->steps[i].state == VIEW_RUNNING || p->steps[i].state == VIEW_PACKING;
	/* One line for the status, and one so that the first line is never scrolled out. */
	room = r->rows > 2 ? r->rows - 2 : 0;
	tail = active > 0 && room > active ? room / active - 1 : 0;
	if (tail > TAIL_LINES)
		tail = TAIL_LINES;
	for (int i = 0; i < p->step_count && shown < room; i++) {
		const struct progress_step *s = &p->steps[i];

		if (s->state != VIEW_RUNNING && s->state != VIEW_PACKING)
			continue;
		add_step(r, s, now, s->state == VIEW_RUNNING ? tail : 0);
		shown++;
	}
	add_status(r, now, active - shown);
}

/* Asked for each frame, so that a change of size needs no signal. */
static void measure(struct region *r)
{
	struct winsize size;

	r->columns = 80;
	r->rows = 24;
	if (ioctl(r->p->fd, TIOCGWINSZ, &size) < 0)
		return;
	if (size.ws_col > 0)
		r->columns = size.ws_col;
	if (size.ws_row > 0)
		r->rows = size.ws_row;
}

/* --- frames -------------------------------------------------------------------------------- */

/* Terminals of these families know synchronized output or ignore it. */
static bool can_synchronize(const char *term)
{
	static const char *const names[] = {"xterm",   "tmux",   "foot", "alacritty", "contour",
					    "wezterm", "mintty", "rio",  "kitty",     "ghostty"};

	for (size_t i = 0; term != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(term, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

void frame_draw(struct progress *p, uint64_t now)
{
	struct region r = {.p = p, .text = BUF_INIT};
	auto_(buf) struct buf frame = BUF_INIT;

	p->drawn = now;
	p->dirty = false;
	measure(&r);
	if (r.columns >= MIN_COLUMNS)
		add_region(&r, now);
	if (p->out.length > 0 || strcmp(r.text.data, p->live.data) != 0) {
		if (!p->drawing) {
			catch_ends(true);
			p->synchronized = can_synchronize(getenv("TERM"));
		}
		p->drawing = true;
		buf_printf(&frame, "%s" HIDE_CURSOR "\r", p->synchronized ? BEGIN_SYNC : "");
		/* What is printed may wrap, so the rows below must be empty. */
		if (p->out.length > 0)
			buf_add_str(&frame, ERASE_BELOW);
		buf_add(&frame, p->out.data, p->out.length);
		buf_add(&frame, r.text.data, r.text.length);
		buf_add_str(&frame, ERASE_BELOW "\r");
		if (r.lines > 1)
			buf_printf(&frame, "\033[%zuA", r.lines - 1);
		buf_add_str(&frame, p->synchronized ? END_SYNC : "");
		buf_reset(&p->out);
		buf_add(&p->out, frame.data, frame.length);
		progress_write(p);
	}
	buf_release(&p->live);
	p->live = r.text;
}

void frame_end(struct progress *p)
{
	auto_(buf) struct buf frame = BUF_INIT;

	if (!p->drawing)
		return;
	p->drawing = false;
	buf_printf(&frame, "%s\r" ERASE_BELOW, p->synchronized ? BEGIN_SYNC : "");
	buf_add(&frame, p->out.data, p->out.length);
	buf_printf(&frame, SHOW_CURSOR "%s", p->synchronized ? END_SYNC : "");
	buf_reset(&p->out);
	buf_add(&p->out, frame.data, frame.length);
	progress_write(p);
	catch_ends(false);
}
