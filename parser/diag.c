/* SPDX-License-Identifier: Apache-2.0 */
#include "parser/scan.h"

#include <stdarg.h>
#include <string.h>

enum { EXCERPT_WIDTH = 160, EXCERPT_LINES = 12, CONTEXT_LINES = 2 };

static void insert(struct dockerfile *df, struct diag diag)
{
	size_t at = df->diag_count;

	df->diags = arena_grow(&df->arena, df->diags, df->diag_count, sizeof(*df->diags));
	while (at > 0 && df->diags[at - 1].at.start > diag.at.start) {
		df->diags[at] = df->diags[at - 1];
		at--;
	}
	df->diags[at] = diag;
	df->diag_count++;
}

static bool same(const struct diag *a, const struct diag *b)
{
	return a->severity == b->severity && a->at.start == b->at.start && a->at.end == b->at.end &&
	       strcmp(a->text, b->text) == 0;
}

/* Counts it, and keeps it unless there are too many or it is there: a plan for each platform finds
   the same things again. */
static void show(struct dockerfile *df, const struct diag *diag)
{
	bool error = diag->severity == DIAG_ERROR;

	for (size_t i = 0; i < df->diag_count; i++)
		if (same(&df->diags[i], diag))
			return;
	if (error) {
		df->errors++;
		df->syntax_errors += diag->phase == DIAG_SYNTAX;
	} else {
		df->warnings++;
	}
	if ((error ? df->errors : df->warnings) <= DIAG_MAX)
		insert(df, *diag);
}

static void diag_vadd(struct dockerfile *df, struct diag diag, enum rule rule, const char *hint,
		      const char *format, va_list args)
{
	auto_(buf) struct buf text = BUF_INIT;

	if (diag.severity == DIAG_ERROR && df->errors >= DIAG_MAX) {
		df->errors++;
		df->syntax_errors += diag.phase == DIAG_SYNTAX;
		return;
	}
	buf_vprintf(&text, format, args);
	diag.text = arena_strndup(&df->arena, text.data, text.length);
	diag.hint = hint != NULL ? arena_strdup(&df->arena, hint) : NULL;
	if (diag.at.start > df->length)
		diag.at.start = df->length;
	if (diag.at.end < diag.at.start)
		diag.at.end = diag.at.start;
	dockerfile_line_column(df, diag.at.start, &diag.line, &diag.column);
	if (rule == RULE_NONE) {
		show(df, &diag);
		return;
	}
	diag.rule = rule_info(rule)->name;
	if (df->finding_count < FINDING_MAX) {
		df->findings = arena_grow(&df->arena, df->findings, df->finding_count,
					  sizeof(*df->findings));
		df->findings[df->finding_count++] = (struct finding){rule, diag};
	}
	if (df->complete && checks_allow(df, rule, diag.at.start))
		show(df, &diag);
}

void diag_filter(struct dockerfile *df)
{
	size_t kept = 0;

	df->complete = true;
	df->warnings = 0;
	for (size_t i = 0; i < df->diag_count; i++) {
		if (df->diags[i].rule != NULL)
			continue;
		df->warnings += df->diags[i].severity == DIAG_WARNING;
		df->diags[kept++] = df->diags[i];
	}
	df->diag_count = kept;
	for (size_t i = 0; i < df->finding_count; i++)
		if (checks_allow(df, df->findings[i].rule, df->findings[i].diag.at.start))
			show(df, &df->findings[i].diag);
}

void diag_add(struct dockerfile *df, enum diag_phase phase, enum diag_severity severity,
	      struct span at, const char *hint, const char *format, ...)
{
	struct diag diag = {.severity = severity, .phase = phase, .at = at};
	va_list args;

	va_start(args, format);
	diag_vadd(df, diag, RULE_NONE, hint, format, args);
	va_end(args);
}

void dockerfile_report(struct dockerfile *df, enum diag_severity severity, struct span at,
		       const char *hint, const char *format, ...)
{
	struct diag diag = {.severity = severity, .phase = DIAG_SEMANTIC, .at = at};
	va_list args;

	va_start(args, format);
	diag_vadd(df, diag, RULE_NONE, hint, format, args);
	va_end(args);
}

void dockerfile_warn(struct dockerfile *df, enum rule rule, struct span at, const char *hint,
		     const char *format, ...)
{
	struct diag diag = {.severity = DIAG_WARNING, .phase = DIAG_SEMANTIC, .at = at};
	va_list args;

	va_start(args, format);
	diag_vadd(df, diag, rule, hint, format, args);
	va_end(args);
}

size_t dockerfile_warnings(const struct dockerfile *df)
{
	return df->warnings;
}

size_t dockerfile_errors(const struct dockerfile *df)
{
	return df->errors;
}

size_t dockerfile_syntax_errors(const struct dockerfile *df)
{
	return df->syntax_errors;
}

const struct diag *dockerfile_diags(const struct dockerfile *df, size_t *count)
{
	*count = df->diag_count;
	return df->diags;
}

/* Line `line` (1-based) without its end. */
static const char *line_text(const struct dockerfile *df, uint32_t line, size_t *length)
{
	uint32_t start = df->lines[line - 1];
	uint32_t end = line < df->line_count ? df->lines[line] : df->length;

	while (end > start && (df->text[end - 1] == '\n' || df->text[end - 1] == '\r'))
		end--;
	*length = end - start;
	return df->text + start;
}

/* Text from a file must not be able to drive the terminal. */
static void add_visible(struct buf *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			buf_add_char(out, '?');
		else
			buf_add_char(out, text[i]);
	}
}

static bool utf8_inner(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

/* The part of a line that is shown: all of a short one, a window around the column else. */
static size_t window_start(const char *text, size_t length, size_t column)
{
	size_t start;

	if (length <= EXCERPT_WIDTH || column < EXCERPT_WIDTH / 2)
		return 0;
	start = column - EXCERPT_WIDTH / 4;
	while (start < length && utf8_inner(text[start]))
		start++;
	return start;
}

static void add_caret(struct buf *out, const char *text, size_t from, size_t to, size_t marks)
{
	for (size_t i = from; i < to; i++)
		if (text[i] == '\t')
			buf_add_char(out, '\t'); /* lines up whatever the tab width is */
		else if (!utf8_inner(text[i]))
			buf_add_char(out, ' ');
	buf_add_char(out, '^');
	for (size_t i = 1; i < marks; i++)
		if (!utf8_inner(text[to + i]))
			buf_add_char(out, '~');
	buf_add_char(out, '\n');
}

static void render_source(const struct dockerfile *df, const struct diag *d, struct buf *out)
{
	size_t length, column = d->column - 1, start, shown, marks;
	const char *text = line_text(df, d->line, &length);

	if (column > length)
		column = length;
	start = window_start(text, length, column);
	shown = length - start > EXCERPT_WIDTH ? EXCERPT_WIDTH : length - start;
	while (start + shown < length && utf8_inner(text[start + shown]))
		shown++;
	marks = d->at.end - d->at.start;
	if (marks > start + shown - column)
		marks = start + shown - column;
	buf_printf(out, "%5u | %s", d->line, start > 0 ? "..." : "");
	add_visible(out, text + start, shown);
	buf_printf(out, "%s\n      | %s", start + shown < length ? "..." : "",
		   start > 0 ? "   " : "");
	add_caret(out, text, start, column, marks);
}

void dockerfile_render_diag(const struct dockerfile *df, const struct diag *d, struct buf *out)
{
	static const char *const severity[] = {
		[DIAG_WARNING] = "warning",
		[DIAG_ERROR] = "error",
	};

	add_visible(out, df->name, strlen(df->name));
	buf_printf(out, ":%u:%u: %s: ", d->line, d->column, severity[d->severity]);
	add_visible(out, d->text, strlen(d->text));
	if (d->rule != NULL)
		buf_printf(out, " [%s]", d->rule);
	buf_add_char(out, '\n');
	if (df->line_count > 0)
		render_source(df, d, out);
	if (d->hint != NULL) {
		buf_add_str(out, "hint: ");
		add_visible(out, d->hint, strlen(d->hint));
		buf_add_char(out, '\n');
	}
}

void dockerfile_render_excerpt(const struct dockerfile *df, struct span at, struct buf *out)
{
	uint32_t first, last, from, to, column;

	if (df->line_count == 0)
		return;
	dockerfile_line_column(df, at.start, &first, &column);
	dockerfile_line_column(df, at.end > at.start ? at.end - 1 : at.start, &last, &column);
	from = first > CONTEXT_LINES ? first - CONTEXT_LINES : 1;
	to = last + CONTEXT_LINES < df->line_count ? last + CONTEXT_LINES : df->line_count;
	buf_add_str(out, "--------------------\n");
	for (uint32_t line = from; line <= to; line++) {
		size_t length;
		const char *text = line_text(df, line, &length);

		/* A long instruction is shown by its two ends. */
		if (line == first + EXCERPT_LINES && last > first + 2 * EXCERPT_LINES) {
			line = last - EXCERPT_LINES;
			buf_add_str(out, "  ... |\n");
			continue;
		}
		buf_printf(out, "%4u | %s ", line, line >= first && line <= last ? ">>>" : "   ");
		add_visible(out, text, length > EXCERPT_WIDTH ? EXCERPT_WIDTH : length);
		buf_add_str(out, length > EXCERPT_WIDTH ? "...\n" : "\n");
	}
	buf_add_str(out, "--------------------\n");
}
