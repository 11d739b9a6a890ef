/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/parse_json.h"

#include <string.h>

/* Length of the valid UTF-8 sequence at text, 0 if there is none. */
static size_t utf8_size(const unsigned char *text, size_t left)
{
	unsigned char lead = text[0], low = 0x80, high = 0xBF;
	size_t size = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;

	if (lead < 0x80)
		return 1;
	if (size == 0 || size > left)
		return 0;
	/* The second byte rules out overlong forms, surrogates and what is above U+10FFFF. */
	if (lead == 0xE0)
		low = 0xA0;
	else if (lead == 0xED)
		high = 0x9F;
	else if (lead == 0xF0)
		low = 0x90;
	else if (lead == 0xF4)
		high = 0x8F;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++)
		if ((text[i] & 0xC0) != 0x80)
			return 0;
	return size;
}

static void add_ascii(struct buf *out, char c)
{
	if (c == '"' || c == '\\') {
		buf_add_char(out, '\\');
		buf_add_char(out, c);
	} else if (c == '\n') {
		buf_add_str(out, "\\n");
	} else if (c == '\t') {
		buf_add_str(out, "\\t");
	} else if ((unsigned char)c < 0x20 || c == 0x7f) {
		buf_printf(out, "\\u%04x", (unsigned)c);
	} else {
		buf_add_char(out, c);
	}
}

static void add_bytes(struct buf *out, const char *text, size_t length)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < length;) {
		size_t size = utf8_size((const unsigned char *)text + i, length - i);

		if (size == 1)
			add_ascii(out, text[i]);
		else if (size == 0)
			buf_add_str(out, "\\ufffd");
		else
			buf_add(out, text + i, size);
		i += size > 0 ? size : 1;
	}
	buf_add_char(out, '"');
}

static void add_string(struct buf *out, const char *text)
{
	add_bytes(out, text, strlen(text));
}

static void add_key(struct buf *out, const char *name)
{
	buf_printf(out, ",\"%s\":", name);
}

/* A separator before every element but the first of a list. */
static void add_comma(struct buf *out)
{
	if (out->data[out->length - 1] != '[')
		buf_add_char(out, ',');
}

static void add_flags(struct buf *out, const struct insn *insn)
{
	auto_(buf) struct buf text = BUF_INIT;

	add_key(out, "flags");
	buf_add_char(out, '[');
	for (size_t i = 0; i < insn->flag_count; i++) {
		const struct flag *flag = &insn->flags[i];

		buf_reset(&text);
		buf_printf(&text, "--%s", flag->name);
		if (flag->value != NULL)
			buf_printf(&text, "=%s", flag->value);
		add_comma(out);
		add_bytes(out, text.data, text.length);
	}
	buf_add_char(out, ']');
}

/* ENV and LABEL give three strings per pair: key, value, and "=" or "" for the old form. */
static void add_args(struct buf *out, const struct insn *insn)
{
	bool pairs = insn->kind == INSN_ENV || insn->kind == INSN_LABEL;

	add_key(out, "args");
	buf_add_char(out, '[');
	for (size_t i = 0; i < insn->arg_count; i++) {
		add_comma(out);
		if (pairs) {
			add_string(out, insn->args[i].key);
			buf_add_char(out, ',');
		}
		add_string(out, insn->args[i].text);
		if (pairs)
			buf_add_str(out, insn->legacy ? ",\"\"" : ",\"=\"");
	}
	buf_add_char(out, ']');
}

static void add_heredocs(struct buf *out, const struct insn *insn)
{
	add_key(out, "heredocs");
	buf_add_char(out, '[');
	for (size_t i = 0; i < insn->heredoc_count; i++) {
		const struct heredoc *heredoc = &insn->heredocs[i];

		add_comma(out);
		buf_add_str(out, "{\"name\":");
		add_string(out, heredoc->name);
		buf_printf(out, ",\"fd\":%d,\"expand\":%s,\"chomp\":%s,\"content\":", heredoc->fd,
			   heredoc->expand ? "true" : "false",
			   heredoc->strip_tabs ? "true" : "false");
		add_bytes(out, heredoc->body, heredoc->length);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

/* The nesting of ONBUILD is bounded by the parser. */
static void add_insn(struct buf *out, const struct insn *insn, bool nested)
{
	buf_add_str(out, "{\"instruction\":");
	add_string(out, insn->keyword);
	add_flags(out, insn);
	add_args(out, insn);
	buf_printf(out, ",\"json\":%s", insn->exec_form ? "true" : "false");
	add_heredocs(out, insn);
	add_key(out, "original");
	add_string(out, insn->original);
	if (insn->kind == INSN_UNKNOWN)
		buf_add_str(out, ",\"known\":false");
	if (insn->child != NULL) {
		add_key(out, "child");
		add_insn(out, insn->child, true);
	}
	if (!nested)
		buf_printf(out, ",\"line\":%u,\"end_line\":%u", insn->line, insn->end_line);
	buf_add_char(out, '}');
}

static void add_warnings(struct buf *out, const struct dockerfile *df)
{
	size_t count;
	const struct diag *diags = dockerfile_diags(df, &count);

	add_key(out, "warnings");
	buf_add_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (diags[i].severity != DIAG_WARNING)
			continue;
		add_comma(out);
		buf_printf(out, "{\"line\":%u,\"message\":", diags[i].line);
		add_string(out, diags[i].text);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

void parse_json(const struct dockerfile *df, struct buf *out)
{
	const char escape = dockerfile_escape(df);
	size_t count;
	const struct insn *const *insns = dockerfile_insns(df, &count);

	buf_add_str(out, "{\"escape\":");
	add_bytes(out, &escape, 1);
	add_key(out, "instructions");
	buf_add_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		add_comma(out);
		add_insn(out, insns[i], false);
	}
	buf_add_char(out, ']');
	add_warnings(out, df);
	buf_add_str(out, "}\n");
}
