/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scanners, the grammars and the driver of this folder share.
 *
 *	source.c  text, line table       splice.l  physical lines -> logical lines, heredoc bodies
 *	keyword.c what is known of each  dockerfile.l  logical line -> tokens
 *	diag.c    findings               dockerfile.y  tokens -> instructions and stages
 *	check.c   what needs a sentence  word.l word.y  one word -> pieces
 */
#ifndef PARSER_SCAN_H
#define PARSER_SCAN_H

#include "common/arena.h"
#include "parser/checks.h"
#include "parser/dockerfile.h"
#include "parser/word.h"

enum {
	DIAG_MAX = 200,       /* of each severity; further ones are only counted */
	ONBUILD_MAX_DEPTH = 8 /* ONBUILD ONBUILD ... is wrong anyway, but kept in the tree */
};

struct dockerfile {
	struct arena arena;
	const char *name;
	char *text;      /* without byte order mark, ends in a line feed */
	uint32_t length; /* of text, as parsed */
	uint32_t *lines; /* offset of each line's first byte */
	uint32_t line_count;
	char escape;
	const char *syntax, *check;
	struct checks checks;
	bool complete;      /* parsed: findings are filtered as they come */
	struct diag *diags; /* sorted by position */
	size_t diag_count;
	size_t errors, syntax_errors, warnings;
	struct finding *findings;
	size_t finding_count;
	const struct insn **insns;
	size_t insn_count;
	const struct insn **globals;
	size_t global_count;
	struct stage *stages;
	size_t stage_count;
	const struct insn **stage_insns; /* of the last stage, still growing */
};

/* A logical line. Byte i of text comes from source offset line_source(i). */
struct line {
	struct buf text;
	struct segment {
		uint32_t at, source;
	} * segments; /* one per physical line that gave bytes */
	size_t segment_count;
	size_t physical;     /* length of text where the current physical line began */
	uint32_t start, end; /* source, continuations and the final line end included */
	uint32_t blank;      /* source offset of its first empty continuation line; 0 if none */
	bool too_long;
};
void line_release(struct line *line);
uint32_t line_source(const struct line *line, size_t at);
/* Source span of the bytes [at, at + length). */
struct span line_span(const struct line *line, size_t at, size_t length);

/* One parse. */
struct parse {
	struct dockerfile *df;
	struct splicer *splicer;
	struct scanner *scanner;
	struct line line;
	const char *text;        /* the logical line; NUL-terminated behind its trailing blanks */
	size_t text_length;      /* without them */
	struct buf comment;      /* comment lines seen since the last blank line or instruction */
	bool prologue;           /* directives are still possible */
	unsigned seen;           /* directives seen so far, a bit each */
	bool trigger;            /* parsing one ONBUILD trigger: no stages */
	bool orphan;             /* "no build stage" was said */
	struct insn *top, *insn; /* being built: the line's, and its innermost ONBUILD child */
	unsigned depth;          /* of ONBUILD */
	struct flag *flags;      /* of insn, growing */
	struct arg *args;
	struct heredoc *heredocs; /* of top, growing */
	size_t heredoc_count;
	uint32_t body_end; /* of the bodies read so far */
};

/* source.c */
int source_load(struct dockerfile *df, const char *text, size_t length, struct error *err);
/* Length of the white space (in the sense of Unicode) that text starts or ends with. */
size_t space_prefix(const char *text, size_t length);
size_t space_suffix(const char *text, size_t length);
/* Length of the valid UTF-8 sequence at text, 0 if there is none. */
size_t utf8_length(const char *text, size_t length);

/* diag.c */
void diag_add(struct dockerfile *df, enum diag_phase phase, enum diag_severity severity,
	      struct span at, const char *hint, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
#define syntax_error(df, at, hint, ...)                                                            \
	diag_add((df), DIAG_SYNTAX, DIAG_ERROR, (at), (hint), __VA_ARGS__)
#define semantic_error(df, at, hint, ...)                                                          \
	diag_add((df), DIAG_SEMANTIC, DIAG_ERROR, (at), (hint), __VA_ARGS__)

/* keyword.c */
enum shape {
	SHAPE_IGNORED, /* unknown instruction */
	SHAPE_COMMAND, /* JSON list or the rest as one string */
	SHAPE_LIST,    /* JSON list or words split at blanks */
	SHAPE_WORDS,   /* words split at blanks */
	SHAPE_PAIRS,   /* KEY=VALUE ..., or the old KEY VALUE */
	SHAPE_NAMES,   /* NAME[=VALUE] ... */
	SHAPE_TEXT,    /* the rest as one string */
	SHAPE_HEALTH,  /* a type, then a command */
	SHAPE_NESTED,  /* another instruction */
};

enum flag_type { FLAG_BOOL, FLAG_STRING, FLAG_LIST };

struct flag_spec {
	const char *name;
	enum flag_type type;
	bool expanded;
};

struct keyword {
	const char *name;
	enum insn_kind kind;
	int token;
	enum shape shape;
	bool heredocs; /* may have here-documents */
	bool expanded; /* operands are words with variables */
	const struct flag_spec *flags;
	size_t flag_count;
};

const struct keyword *keyword_find(const char *name, size_t length);
const struct keyword *keyword_of(enum insn_kind kind);
const struct flag_spec *flag_find(enum insn_kind kind, const char *name);
const char *keyword_suggest(const char *name);
const char *flag_suggest(enum insn_kind kind, const char *name);

/* splice.l */
enum splice_result { SPLICE_END, SPLICE_LINE, SPLICE_RAW };

struct splicer *splice_open(struct parse *cx);
void splice_close(struct splicer *sp);
/* Reads the next logical line into cx->line. */
enum splice_result splice_next(struct splicer *sp);
/* The next physical line as it is, for here-documents. */
enum splice_result splice_raw(struct splicer *sp, struct span *at);

/* dockerfile.l */
struct scanner *scan_open(struct parse *cx);
void scan_close(struct scanner *sc);
/* text is the logical line, length without the white space at its end; cx->line.text holds the same
   bytes up to there, then a line feed and two NUL. */
void scan_begin(struct scanner *sc, const char *text, size_t length);

/* heredoc.l: finds the here-documents that the current line announces, adds them to cx->heredocs */
void scan_heredocs(struct parse *cx);

/* parse.c: what scanners and grammar do to the tree */
void insn_begin(struct parse *cx, const struct keyword *kw, size_t at, size_t length);
void insn_flag(struct parse *cx, struct flag flag);
void insn_arg(struct parse *cx, struct arg arg);
void insn_exec(struct parse *cx);
void insn_legacy(struct parse *cx, struct arg arg);
void insn_heredoc(struct parse *cx, struct heredoc heredoc);

enum line_place {
	LINE_GLOBAL, /* before the first FROM, and may be */
	LINE_ORPHAN, /* before the first FROM, and may not */
	LINE_FROM,
	LINE_MEMBER, /* of a stage */
	LINE_BROKEN,
};
void line_finish(struct parse *cx, enum line_place place);
/* The word that text is; reports it if it is none. line_at is the offset of text in the line, or
   SIZE_MAX if the text was decoded and only `at` is known. */
const struct word *word_at(struct parse *cx, const char *text, struct span at, size_t line_at);

/* lint.c */
void lint_text(struct dockerfile *df);

/* check.c */
void check_insn(struct parse *cx, const struct insn *insn);
/* Reports an instruction that cannot be triggered by ONBUILD. */
void check_trigger_kind(struct dockerfile *df, const struct insn *insn, struct span at);

#endif
