/* SPDX-License-Identifier: Apache-2.0 */
#include "parser/json.h"
#include "parser/scan.h"

#include <ctype.h>
#include <string.h>

static void dump_insn(const struct insn *insn, char escape, struct buf *out);

static void add_upper(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_add_char(out, isascii((unsigned char)*text)
					  ? (char)toupper((unsigned char)*text)
					  : *text);
}

/* In quotes, where only the escape character is special; a single quote itself in double ones. The
   quotes are also right for the shell-like reading that looks for here-documents. */
static void dump_quoted(const char *text, char escape, struct buf *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'') {
			buf_add_str(out, "'\"'\"'");
			continue;
		}
		if (*text == escape)
			buf_add_char(out, escape);
		buf_add_char(out, *text);
	}
}

static void dump_flag(const struct flag *flag, char escape, struct buf *out)
{
	static const char special[] = " \t\v\f\r'\"\\`$";
	const char *value = flag->value != NULL ? flag->value : "";
	bool quote = strpbrk(flag->name, special) != NULL || strpbrk(value, special) != NULL;

	buf_add_str(out, quote ? " --'" : " --");
	dump_quoted(flag->name, escape, out);
	if (flag->value != NULL)
		buf_add_char(out, '=');
	dump_quoted(value, escape, out);
	if (quote)
		buf_add_char(out, '\'');
}

static void dump_json(const struct insn *insn, size_t first, struct buf *out)
{
	buf_add_str(out, " [");
	for (size_t i = first; i < insn->arg_count; i++) {
		if (i > first)
			buf_add_str(out, ", ");
		json_encode(insn->args[i].text, out);
	}
	buf_add_char(out, ']');
}

static void dump_args(const struct insn *insn, struct buf *out)
{
	bool pairs = insn->kind == INSN_ENV || insn->kind == INSN_LABEL;
	size_t first = insn->kind == INSN_HEALTHCHECK && insn->arg_count > 0;

	for (size_t i = 0; i < insn->arg_count; i++) {
		const struct arg *arg = &insn->args[i];

		if (insn->exec_form && i >= first)
			break;
		buf_add_char(out, ' ');
		if (i == 0 && strncmp(pairs ? arg->key : arg->text, "--", 2) == 0)
			buf_add_str(out, "-- ");
		if (pairs) {
			buf_add_str(out, arg->key);
			buf_add_char(out, insn->legacy ? ' ' : '=');
		}
		buf_add_str(out, arg->text);
	}
	if (insn->exec_form)
		dump_json(insn, first, out);
}

static void dump_insn(const struct insn *insn, char escape, struct buf *out)
{
	add_upper(out, insn->keyword);
	for (size_t i = 0; i < insn->flag_count; i++)
		dump_flag(&insn->flags[i], escape, out);
	dump_args(insn, out);
	if (insn->child != NULL) {
		buf_add_char(out, ' ');
		dump_insn(insn->child, escape, out);
	}
}

/* A line that ends in a single escape character would go on in the next one. It can only have come
   from one with a blank behind it that BuildKit trims but does not count as one of a continuation.
 */
static void end_line(const struct dockerfile *df, size_t start, struct buf *out)
{
	size_t length = out->length;

	if (length > start && out->data[length - 1] == df->escape &&
	    (length - 1 == start || out->data[length - 2] != df->escape))
		buf_add_char(out, '\v');
	buf_add_char(out, '\n');
}

static void dump_comment(const char *comment, struct buf *out)
{
	while (comment != NULL) {
		const char *end = strchrnul(comment, '\n');

		buf_add_str(out, comment == end ? "#" : "# ");
		buf_add(out, comment, (size_t)(end - comment));
		buf_add_char(out, '\n');
		comment = *end != '\0' ? end + 1 : NULL;
	}
}

static void dump_line(const struct dockerfile *df, const struct insn *insn, struct buf *out)
{
	size_t start;

	dump_comment(insn->comment, out);
	start = out->length;
	dump_insn(insn, df->escape, out);
	if (out->length == start) {
		/* The instruction without a name, which only the end of the file can hold. */
		buf_add_char(out, df->escape);
		buf_add_char(out, '\n');
		return;
	}
	end_line(df, start, out);
	for (size_t i = 0; i < insn->heredoc_count; i++) {
		buf_add(out, insn->heredocs[i].body, insn->heredocs[i].length);
		buf_add_str(out, insn->heredocs[i].name);
		buf_add_char(out, '\n');
	}
}

void dockerfile_dump(const struct dockerfile *df, struct buf *out)
{
	if (df->syntax != NULL)
		buf_printf(out, "# syntax=%s\n", df->syntax);
	if (df->escape != '\\')
		buf_printf(out, "# escape=%c\n", df->escape);
	if (df->check != NULL)
		buf_printf(out, "# check=%s\n", df->check);
	/* Ends the directives, lest a comment be one; and a byte order mark is not dropped here. */
	if (df->insn_count > 0 &&
	    (df->insns[0]->comment != NULL || (unsigned char)df->insns[0]->keyword[0] >= 0x80))
		buf_add_char(out, '\n');
	for (size_t i = 0; i < df->insn_count; i++)
		dump_line(df, df->insns[i], out);
}

/* Text for people: control bytes cannot drive the terminal. */
static void print_text(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			buf_add_char(out, '?');
		else
			buf_add_char(out, *text);
}

static void print_heredocs(const struct insn *insn, struct buf *out)
{
	for (size_t i = 0; i < insn->heredoc_count; i++) {
		const struct heredoc *heredoc = &insn->heredocs[i];

		buf_add_str(out, "          heredoc ");
		print_text(out, heredoc->name);
		buf_printf(out, ": %zu bytes%s%s\n", heredoc->length,
			   heredoc->expand ? "" : ", quoted",
			   heredoc->strip_tabs ? ", no tabs" : "");
	}
}

static void print_insn(const struct insn *insn, struct buf *out)
{
	add_upper(out, insn->keyword);
	if (insn->kind == INSN_UNKNOWN)
		buf_add_str(out, " (unknown)");
	for (size_t i = 0; i < insn->flag_count; i++) {
		buf_printf(out, " --");
		print_text(out, insn->flags[i].name);
		if (insn->flags[i].value != NULL) {
			buf_add_char(out, '=');
			print_text(out, insn->flags[i].value);
		}
	}
	if (insn->exec_form)
		buf_add_str(out, " (exec)");
	for (size_t i = 0; i < insn->arg_count; i++) {
		const struct arg *arg = &insn->args[i];
		bool pair = insn->kind == INSN_ENV || insn->kind == INSN_LABEL;

		buf_add_str(out, pair ? " {" : insn->exec_form ? " \"" : " ");
		if (pair) {
			print_text(out, arg->key);
			buf_add_str(out, "} {");
		}
		print_text(out, arg->text);
		buf_add_str(out, pair ? "}" : insn->exec_form ? "\"" : "");
	}
	if (insn->child != NULL) {
		buf_add_str(out, " > ");
		print_insn(insn->child, out);
	}
}

static void print_line(const struct insn *insn, unsigned indent, struct buf *out)
{
	buf_printf(out, "%5u %*s", insn->line, (int)indent, "");
	print_insn(insn, out);
	buf_add_char(out, '\n');
	print_heredocs(insn, out);
}

void dockerfile_print(const struct dockerfile *df, struct buf *out)
{
	size_t stage = 0;
	bool in_stage = false;

	for (size_t i = 0; i < df->insn_count; i++) {
		const struct insn *insn = df->insns[i];

		if (stage < df->stage_count && df->stages[stage].from == insn) {
			buf_printf(out, "stage %zu", stage);
			if (df->stages[stage].name != NULL) {
				buf_add_char(out, ' ');
				print_text(out, df->stages[stage].name);
			}
			buf_add_char(out, '\n');
			in_stage = true;
			stage++;
		}
		print_line(insn, in_stage ? 2 : 0, out);
	}
}
