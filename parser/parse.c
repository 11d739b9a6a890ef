/* SPDX-License-Identifier: Apache-2.0 */
#include "parser/dockerfile.y.h"

#include <ctype.h>
#include <string.h>

static struct span line_at(const struct parse *cx)
{
	struct span at = line_span(&cx->line, 0, cx->text_length);

	at.start = cx->line.start;
	return at;
}

static const char *lower(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_strndup(arena, text, length);

	for (char *p = copy; *p != '\0'; p++)
		if (isascii((unsigned char)*p))
			*p = (char)tolower((unsigned char)*p);
	return copy;
}

static struct insn *insn_new(struct parse *cx, const struct keyword *kw)
{
	struct insn *insn = arena_alloc(&cx->df->arena, sizeof(*insn));

	insn->kind = kw->kind;
	cx->insn = insn;
	cx->flags = NULL;
	cx->args = NULL;
	return insn;
}

/* Called once for a line and once more for each instruction that ONBUILD nests in it. */
void insn_begin(struct parse *cx, const struct keyword *kw, size_t at, size_t length)
{
	struct arena *arena = &cx->df->arena;
	struct insn *outer = cx->insn, *insn = insn_new(cx, kw);
	const char *text = cx->text + at;

	insn->keyword = lower(arena, text, length);
	insn->keyword_at = line_span(&cx->line, at, length);
	if (outer == NULL) {
		cx->top = insn;
		insn->original = cx->text;
		return;
	}
	cx->depth++;
	outer->child = insn;
	insn->original = arena_strndup(arena, text, cx->text_length - at);
}

void insn_exec(struct parse *cx)
{
	cx->insn->exec_form = true;
}

void insn_flag(struct parse *cx, struct flag flag)
{
	struct insn *insn = cx->insn;
	const struct flag_spec *spec = flag_find(insn->kind, flag.name);

	if (spec != NULL && spec->expanded && flag.value != NULL)
		flag.word = word_at(cx, flag.value, flag.at, SIZE_MAX);
	cx->flags = arena_grow(&cx->df->arena, cx->flags, insn->flag_count, sizeof(*cx->flags));
	cx->flags[insn->flag_count++] = flag;
	insn->flags = cx->flags;
}

void insn_arg(struct parse *cx, struct arg arg)
{
	struct insn *insn = cx->insn;

	cx->args = arena_grow(&cx->df->arena, cx->args, insn->arg_count, sizeof(*cx->args));
	cx->args[insn->arg_count++] = arg;
	insn->args = cx->args;
}

void insn_legacy(struct parse *cx, struct arg arg)
{
	cx->insn->legacy = true;
	insn_arg(cx, arg);
}

void insn_heredoc(struct parse *cx, struct heredoc heredoc)
{
	cx->heredocs =
		arena_grow(&cx->df->arena, cx->heredocs, cx->heredoc_count, sizeof(*cx->heredocs));
	cx->heredocs[cx->heredoc_count++] = heredoc;
}

/* Where words end at blanks, an open quote is mostly one that was meant to join words. */
static const char *word_hint(const struct parse *cx, const char *text, const struct word_error *we)
{
	bool copies = cx->insn->kind == INSN_COPY || cx->insn->kind == INSN_ADD;

	if (copies && we->length == 1 && (text[we->at] == '"' || text[we->at] == '\''))
		return "quotes do not join words here; a path with blanks needs the JSON form: "
		       "[\"a b\", \"/to\"]";
	return we->hint;
}

const struct word *word_at(struct parse *cx, const char *text, struct span at, size_t line_at_)
{
	struct word_error we;
	struct word *word =
		word_parse(&cx->df->arena, text, strlen(text), WORD_PLAIN, cx->df->escape, &we);

	if (word == NULL) {
		if (line_at_ != SIZE_MAX)
			at = line_span(&cx->line, line_at_ + we.at, we.length);
		semantic_error(cx->df, at, word_hint(cx, text, &we), "%s", we.text);
	}
	return word;
}

/* The operands of ADD and COPY that are here-documents, recognised by standing at their place. */
static void attach_heredocs(struct parse *cx)
{
	for (size_t i = 0, h = 0; i < cx->insn->arg_count && h < cx->heredoc_count; i++) {
		while (h < cx->heredoc_count && cx->heredocs[h].at.start < cx->args[i].at.start)
			h++;
		if (h < cx->heredoc_count && cx->heredocs[h].at.start == cx->args[i].at.start &&
		    cx->heredocs[h].at.end == cx->args[i].at.end)
			cx->args[i].heredoc = &cx->heredocs[h];
	}
}

static const struct insn **append(struct dockerfile *df, const struct insn **list, size_t *count,
				  const struct insn *insn)
{
	list = arena_grow(&df->arena, list, *count, sizeof(void *));
	list[(*count)++] = insn;
	return list;
}

static void open_stage(struct dockerfile *df, const struct insn *from)
{
	struct stage stage = {.from = from};

	if (from->arg_count == 3)
		stage.name = lower(&df->arena, from->args[2].text, strlen(from->args[2].text));
	df->stages = arena_grow(&df->arena, df->stages, df->stage_count, sizeof(*df->stages));
	df->stages[df->stage_count++] = stage;
	df->stage_insns = NULL;
}

static void add_member(struct dockerfile *df, const struct insn *insn)
{
	struct stage *stage = &df->stages[df->stage_count - 1];

	df->stage_insns = append(df, df->stage_insns, &stage->count, insn);
	stage->insns = df->stage_insns;
}

static void orphan(struct parse *cx)
{
	if (cx->trigger || cx->orphan)
		return;
	cx->orphan = true;
	semantic_error(cx->df, cx->top->keyword_at,
		       "start the file with FROM; only ARG may stand before it",
		       "no build stage in current context");
}

void line_finish(struct parse *cx, enum line_place place)
{
	struct dockerfile *df = cx->df;
	struct insn *insn = cx->top;

	insn->heredocs = cx->heredocs;
	insn->heredoc_count = cx->heredoc_count;
	attach_heredocs(cx);
	df->insns = append(df, df->insns, &df->insn_count, insn);
	switch (place) {
	case LINE_GLOBAL:
		df->globals = append(df, df->globals, &df->global_count, insn);
		break;
	case LINE_ORPHAN:
		orphan(cx);
		break;
	case LINE_FROM:
		open_stage(df, insn);
		break;
	case LINE_MEMBER:
		add_member(df, insn);
		break;
	case LINE_BROKEN:
		return; /* reported; a second opinion would only repeat it */
	}
	check_insn(cx, insn);
}

/* Where in the file a body is wrong; when tabs were taken away, only which body is known. */
static struct span body_at(const struct heredoc *heredoc, uint32_t start,
			   const struct word_error *we)
{
	uint32_t at = start + (uint32_t)we->at;

	if (heredoc->strip_tabs)
		return heredoc->at;
	return (struct span){at, at + (uint32_t)we->length};
}

/* Bodies to expand are words without quotes. <<- takes the tabs away first. */
static const struct word *body_word(struct parse *cx, const struct heredoc *heredoc, uint32_t start)
{
	auto_(buf) struct buf text = BUF_INIT;
	const char *p = heredoc->body, *end = p + heredoc->length;
	struct word_error we;
	struct word *word;

	while (p < end) {
		const char *next = (const char *)memchr(p, '\n', (size_t)(end - p));

		next = next != NULL ? next + 1 : end;
		while (heredoc->strip_tabs && p < next && *p == '\t')
			p++;
		buf_add(&text, p, (size_t)(next - p));
		p = next;
	}
	word = word_parse(&cx->df->arena, text.data, text.length, WORD_BODY, '\\', &we);
	if (word == NULL)
		semantic_error(cx->df, body_at(heredoc, start, &we),
			       "quote the delimiter, <<\"NAME\", to keep $ as it is",
			       "in the here-document: %s", we.text);
	return word;
}

static bool ends_heredoc(const struct heredoc *heredoc, const char *line, size_t length)
{
	while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
		length--;
	while (heredoc->strip_tabs && length > 0 && *line == '\t') {
		line++;
		length--;
	}
	return length == strlen(heredoc->name) && memcmp(line, heredoc->name, length) == 0;
}

static void read_body(struct parse *cx, struct heredoc *heredoc, bool expanded)
{
	const char *text = cx->df->text;
	struct span body = {cx->body_end, cx->body_end}, at;
	bool ended = false;

	while (!ended && splice_raw(cx->splicer, &at) == SPLICE_RAW) {
		ended = ends_heredoc(heredoc, text + at.start, at.end - at.start);
		if (!ended)
			body.end = at.end;
		cx->body_end = at.end;
	}
	heredoc->length = body.end - body.start;
	heredoc->body = arena_strndup(&cx->df->arena, text + body.start, heredoc->length);
	if (!ended)
		syntax_error(cx->df, heredoc->at,
			     "the body ends with a line that holds the name and nothing else; "
			     "quote the << if "
			     "no here-document is meant",
			     "unterminated heredoc: no line \"%s\" follows", heredoc->name);
	else if (expanded && heredoc->expand)
		heredoc->word = body_word(cx, heredoc, body.start);
}

/* ADD, COPY, RUN, directly or under one ONBUILD, and not in exec form. */
static void read_heredocs(struct parse *cx)
{
	const struct insn *insn =
		cx->top->kind == INSN_ONBUILD && cx->top->child != NULL ? cx->top->child : cx->top;

	if (!keyword_of(insn->kind)->heredocs || insn->exec_form)
		return;
	scan_heredocs(cx);
	cx->body_end = cx->line.end;
	for (size_t i = 0; i < cx->heredoc_count; i++)
		read_body(cx, &cx->heredocs[i], insn->kind != INSN_RUN);
}

static void push(df_yypstate *ps, int token, const union DF_YYSTYPE *value, struct span at,
		 struct parse *cx)
{
	df_yypush_parse(ps, token, value, &at, cx);
}

static void finish_span(struct parse *cx)
{
	struct insn *insn = cx->top;
	uint32_t end = cx->heredoc_count > 0 ? cx->body_end : cx->line.end, column;

	insn->at = line_at(cx);
	if (cx->heredoc_count > 0)
		insn->at.end = end;
	dockerfile_line_column(cx->df, cx->line.start, &insn->line, &column);
	dockerfile_line_column(cx->df, end - 1, &insn->end_line, &column);
}

static void warn_blank(struct parse *cx)
{
	dockerfile_warn(
		cx->df, RULE_NO_EMPTY_CONTINUATION, (struct span){cx->line.blank, cx->line.blank},
		"remove the blank line inside this instruction; builders will refuse it one day",
		"empty continuation line");
}

static void take_comment(struct parse *cx)
{
	if (cx->comment.length > 0)
		cx->top->comment =
			arena_strndup(&cx->df->arena, cx->comment.data, cx->comment.length);
	buf_reset(&cx->comment);
}

/* Makes cx->line what the scanner wants: no white space at the end, a line feed instead. */
static void prepare_line(struct parse *cx)
{
	struct buf *text = &cx->line.text;

	cx->text = arena_strndup(&cx->df->arena, text->data, text->length);
	buf_truncate(text, text->length - space_suffix(text->data, text->length));
	cx->text_length = text->length;
	cx->top = NULL;
	cx->insn = NULL;
	cx->depth = 0;
	cx->heredocs = NULL;
	cx->heredoc_count = 0;
}

static void parse_line(struct parse *cx, df_yypstate *ps)
{
	union DF_YYSTYPE value;
	struct span at;
	int token;

	if (cx->line.blank > 0)
		warn_blank(cx);
	prepare_line(cx);
	buf_add(&cx->line.text, "\n\0", 3);
	scan_begin(cx->scanner, cx->text, cx->text_length);
	while ((token = scan_token(cx->scanner, &value, &at)) != T_EOL)
		push(ps, token, &value, at, cx);
	read_heredocs(cx);
	take_comment(cx);
	finish_span(cx);
	for (size_t i = 0; i < cx->heredoc_count; i++)
		push(ps, T_HEREDOC, &value, cx->heredocs[i].at, cx);
	push(ps, T_EOL, &value, at, cx);
}

static void parse_file(struct parse *cx)
{
	df_yypstate *ps = df_yypstate_new();
	struct dockerfile *df = cx->df;
	union DF_YYSTYPE none = {.arg = {0}};

	if (ps == NULL)
		abort();
	while (splice_next(cx->splicer) == SPLICE_LINE) {
		if (cx->line.too_long)
			syntax_error(df, ((struct span){cx->line.start, cx->line.start}), NULL,
				     "this line with its continuations is longer than %d MiB",
				     DOCKERFILE_MAX_LINE / (1024 * 1024));
		else
			parse_line(cx, ps);
	}
	push(ps, T_YYEOF, &none, ((struct span){df->length, df->length}), cx);
	df_yypstate_delete(ps);
	if (df->insn_count == 0 && df->errors == 0)
		syntax_error(df, ((struct span){0, 0}), "a Dockerfile starts with FROM",
			     "file with no instructions");
}

static struct dockerfile *parse_text(const char *name, const char *text, size_t length,
				     struct parse *cx, char escape, struct error *err)
{
	struct dockerfile *df = xcalloc(1, sizeof(*df));

	df->name = arena_strdup(&df->arena, name);
	df->escape = escape;
	if (source_load(df, text, length, err) < 0) {
		dockerfile_free(df);
		return NULL;
	}
	cx->df = df;
	cx->line.text = (struct buf)BUF_INIT;
	cx->comment = (struct buf)BUF_INIT;
	cx->splicer = splice_open(cx);
	cx->scanner = scan_open(cx);
	parse_file(cx);
	if (!cx->trigger) {
		lint_text(df);
		checks_comments(df);
	}
	diag_filter(df);
	scan_close(cx->scanner);
	splice_close(cx->splicer);
	line_release(&cx->line);
	buf_release(&cx->comment);
	return df;
}

struct dockerfile *dockerfile_parse(const char *name, const char *text, size_t length,
				    struct error *err)
{
	struct parse cx = {.prologue = true};

	return parse_text(name, text, length, &cx, '\\', err);
}

static void check_trigger(struct dockerfile *df)
{
	struct span at = {0, df->length};

	df->stage_count = 0;
	df->global_count = 0;
	if (df->insn_count > 1)
		semantic_error(df, df->insns[1]->keyword_at, NULL,
			       "an ONBUILD trigger is a single instruction");
	if (df->insn_count == 1)
		check_trigger_kind(df, df->insns[0], df->insns[0]->keyword_at);
	else if (df->insn_count == 0 && df->errors == 0)
		semantic_error(df, at, NULL, "empty ONBUILD trigger");
}

struct dockerfile *dockerfile_parse_trigger(const char *name, const char *text, size_t length,
					    char escape, struct error *err)
{
	struct parse cx = {.trigger = true};
	struct dockerfile *df = parse_text(name, text, length, &cx, escape, err);

	if (df != NULL)
		check_trigger(df);
	return df;
}

void dockerfile_free(struct dockerfile *df)
{
	if (df == NULL)
		return;
	arena_release(&df->arena);
	free(df);
}

const char *dockerfile_name(const struct dockerfile *df)
{
	return df->name;
}

char dockerfile_escape(const struct dockerfile *df)
{
	return df->escape;
}

const char *dockerfile_syntax(const struct dockerfile *df)
{
	return df->syntax;
}

const char *dockerfile_check(const struct dockerfile *df)
{
	return df->check;
}

const struct insn *const *dockerfile_insns(const struct dockerfile *df, size_t *count)
{
	*count = df->insn_count;
	return df->insns;
}

const struct insn *const *dockerfile_globals(const struct dockerfile *df, size_t *count)
{
	*count = df->global_count;
	return df->globals;
}

const struct stage *dockerfile_stages(const struct dockerfile *df, size_t *count)
{
	*count = df->stage_count;
	return df->stages;
}
