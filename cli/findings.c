/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/findings.h"

#include "common/arena.h"

#include <string.h>

/* --- text ------------------------------------------------------------------------------------ */

static bool same_rule(const struct diag *a, const struct diag *b)
{
	if (a->severity != b->severity || a->rule == NULL || b->rule == NULL)
		return a->severity == b->severity && a->rule == b->rule;
	return strcmp(a->rule, b->rule) == 0;
}

/* True for the first of a group. */
static bool begins_group(const struct diag *diags, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (same_rule(&diags[i], &diags[index]))
			return false;
	return true;
}

static void add_heading(const char *rule, struct buf *out)
{
	buf_printf(out, "%s: %s\n  ", rule, rule_info(rule_find(rule, strlen(rule)))->summary);
	rule_reference(rule, out);
	buf_add_char(out, '\n');
}

static void add_group(const struct dockerfile *df, const struct diag *diags, size_t count,
		      const struct diag *first, struct buf *out)
{
	if (first->rule != NULL)
		add_heading(first->rule, out);
	for (size_t i = 0; i < count; i++)
		if (same_rule(&diags[i], first))
			dockerfile_render_diag(df, &diags[i], out);
}

void findings_text(const struct dockerfile *df, enum findings_which which, struct buf *out)
{
	size_t count, errors = 0, warnings = 0;
	const struct diag *diags = dockerfile_diags(df, &count);

	for (size_t i = 0; i < count; i++) {
		errors += diags[i].severity == DIAG_ERROR;
		if (diags[i].severity == DIAG_ERROR)
			dockerfile_render_diag(df, &diags[i], out);
	}
	if (dockerfile_errors(df) > errors)
		buf_printf(out, "... and %zu more errors\n", dockerfile_errors(df) - errors);
	if (which == FINDINGS_ERRORS)
		return;
	for (size_t i = 0; i < count; i++) {
		warnings += diags[i].severity == DIAG_WARNING;
		if (diags[i].severity == DIAG_WARNING && begins_group(diags, i))
			add_group(df, diags, count, &diags[i], out);
	}
	if (dockerfile_warnings(df) > warnings)
		buf_printf(out, "... and %zu more warnings\n", dockerfile_warnings(df) - warnings);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void add_reference(struct json *to, const char *key, const char *rule)
{
	auto_(buf) struct buf text = BUF_INIT;

	rule_reference(rule, &text);
	json_add_string(to, key, text.data);
}

void findings_lines(const struct dockerfile *df, enum findings_which which, struct buf *out)
{
	size_t count;
	const struct diag *diags = dockerfile_diags(df, &count);

	for (size_t i = 0; i < count; i++) {
		const struct diag *d = &diags[i];
		bool error = d->severity == DIAG_ERROR;
		auto_(json) struct json *o = json_new_object();

		if (!error && which == FINDINGS_ERRORS)
			continue;
		json_add_string(o, "event", error ? "error" : "warning");
		if (d->rule != NULL) {
			json_add_string(o, "rule", d->rule);
			add_reference(o, "reference", d->rule);
		}
		json_add_string(o, "file", dockerfile_name(df));
		json_add_number(o, "line", d->line);
		json_add_number(o, "column", d->column);
		json_add_string(o, "text", d->text);
		if (d->hint != NULL)
			json_add_string(o, "hint", d->hint);
		json_render(o, false, out);
		buf_add_char(out, '\n');
	}
}

static void add_position(struct json *range, const char *key, const struct dockerfile *df,
			 uint32_t offset)
{
	struct json *position = json_add_object(range, key);
	uint32_t line, column;

	dockerfile_line_column(df, offset, &line, &column);
	json_add_number(position, "line", line);
	json_add_number(position, "character", column - 1);
}

static void add_range(struct json *ranges, const struct dockerfile *df, struct span at)
{
	struct json *range = json_add_object(ranges, NULL);

	add_position(range, "start", df, at.start);
	add_position(range, "end", df, at.end);
}

void findings_add_location(struct json *to, const struct dockerfile *df, struct span at)
{
	struct json *location = json_add_object(to, "location");

	add_range(json_add_array(location, "ranges"), df, at);
}

static void add_base64(struct json *to, const char *key, const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	auto_(buf) struct buf out = BUF_INIT;

	for (size_t i = 0, length = strlen(text); i < length; i += 3) {
		uint32_t bits = 0;

		for (size_t j = 0; j < 3; j++)
			bits = bits << 8 | (i + j < length ? (unsigned char)text[i + j] : 0);
		for (size_t j = 0; j < 4; j++)
			buf_add_char(&out,
				     i + j > length ? '=' : digits[bits >> (18 - 6 * j) & 63]);
	}
	json_add_string(to, key, out.data);
}

void findings_add_warnings(struct json *array, const struct dockerfile *df)
{
	size_t count;
	const struct diag *diags = dockerfile_diags(df, &count);

	for (size_t i = 0; i < count; i++) {
		const struct diag *d = &diags[i];
		auto_free char *text = NULL;
		struct json *o;

		if (d->severity != DIAG_WARNING)
			continue;
		o = json_add_object(array, NULL);
		text = d->rule != NULL ? xprintf("%s: %s (line %u)", d->rule, d->text, d->line)
				       : xstrdup(d->text);
		json_add_number(o, "level", 1);
		add_base64(o, "short", text);
		if (d->rule != NULL) {
			enum rule rule = rule_find(d->rule, strlen(d->rule));

			add_base64(json_add_array(o, "detail"), NULL, rule_info(rule)->summary);
			add_reference(o, "url", d->rule);
		}
		json_add_string(json_add_object(o, "sourceInfo"), "filename", dockerfile_name(df));
		add_range(json_add_array(o, "range"), df, d->at);
	}
}
