/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Dockerfile as a tree with source positions.
 *
 * Parsing is purely textual: nothing is expanded, no file or environment is looked at. One call
 * reports every error of the file as located diagnostics; the tree is complete even then, as far
 * as it could be understood. All text is NUL-terminated, owned by the struct dockerfile, and valid
 * until dockerfile_free().
 *
 * Language reference: docs.docker.com/reference/dockerfile as implemented by BuildKit's
 * frontend/dockerfile/parser and /shell (dockerfile/1.26). Deliberate differences are listed in
 * doc/differences.md.
 */
#ifndef PARSER_DOCKERFILE_H
#define PARSER_DOCKERFILE_H

#include "common/buf.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	DOCKERFILE_MAX_BYTES = 16 * 1024 * 1024, /* a file larger than this is refused */
	DOCKERFILE_MAX_LINE = 1024 * 1024,       /* one logical line; heredoc bodies not counted */
	WORD_MAX_DEPTH = 32,                     /* nested ${a:-${b:-...}} */
};

/* Half-open byte range of the source text. */
struct span {
	uint32_t start, end;
};

enum insn_kind {
	INSN_UNKNOWN,
	INSN_ADD,
	INSN_ARG,
	INSN_CMD,
	INSN_COPY,
	INSN_ENTRYPOINT,
	INSN_ENV,
	INSN_EXPOSE,
	INSN_FROM,
	INSN_HEALTHCHECK,
	INSN_LABEL,
	INSN_MAINTAINER,
	INSN_ONBUILD,
	INSN_RUN,
	INSN_SHELL,
	INSN_STOPSIGNAL,
	INSN_USER,
	INSN_VOLUME,
	INSN_WORKDIR,
};

struct word; /* opaque: literal, quoted and ${...} pieces */

struct heredoc {
	const char *name; /* the delimiter with its quotes removed */
	const char *body; /* raw, as in the file, last line end included */
	size_t length;    /* of body */
	const struct word
		*word;   /* for COPY and ADD with expand: the body, without the tabs of <<- */
	bool expand;     /* the delimiter was unquoted */
	bool strip_tabs; /* <<- */
	int fd;          /* 3<<X; 0 if none was written */
	struct span at;  /* the <<WORD token */
};

/* One operand. Which members are set depends on the instruction:
     ENV LABEL         key, key_word, text, word (one arg per pair)
     ARG               key, text (the word as written), word (the default, NULL if there is none)
     ADD COPY EXPOSE FROM VOLUME USER WORKDIR STOPSIGNAL   text, word; heredoc where it is one
     RUN CMD ENTRYPOINT SHELL MAINTAINER HEALTHCHECK        text only, never expanded here
   In exec (JSON) form text is the decoded string. HEALTHCHECK: args[0] is the type as written. */
struct arg {
	const char *text;
	const struct word *word;
	const char *key;
	const struct word *key_word;
	const struct heredoc *heredoc;
	struct span at;
};

/* --name or --name=value; quotes and escapes resolved. */
struct flag {
	const char *name;        /* without the dashes */
	const char *value;       /* NULL if there was no '=' */
	const struct word *word; /* value, for flags whose value is expanded; NULL without value */
	struct span at;
};

struct insn {
	enum insn_kind kind;
	const char *keyword;  /* lower case */
	const char *original; /* the joined logical line, without heredoc bodies */
	bool exec_form;       /* JSON list */
	bool legacy;          /* ENV k v, LABEL k v without '=' */
	const struct flag *flags;
	size_t flag_count;
	const struct arg *args;
	size_t arg_count;
	const struct heredoc *heredocs; /* in the order of their bodies */
	size_t heredoc_count;
	const struct insn *child; /* of ONBUILD; its heredocs are those of the outer instruction */
	const char *comment;      /* text of the comment lines directly above, or NULL */
	struct span at;           /* the whole instruction, heredoc bodies included */
	struct span keyword_at;
	uint32_t line, end_line; /* physical, 1-based; end_line includes heredoc bodies */
};

struct stage {
	const char *name; /* lower-cased, or NULL */
	const struct insn *from;
	const struct insn *const *insns; /* what follows FROM */
	size_t count;
};

enum diag_severity { DIAG_WARNING, DIAG_ERROR };

/* DIAG_SYNTAX: the text could not be taken apart. DIAG_SEMANTIC: it could, but an instruction, flag
   or argument is not what the language allows; the tree still shows the text faithfully. */
enum diag_phase { DIAG_SYNTAX, DIAG_SEMANTIC };

struct diag {
	enum diag_severity severity;
	enum diag_phase phase;
	struct span at;
	uint32_t line, column; /* of at.start; 1-based, column in bytes */
	const char *rule;      /* its name, see parser/rule.h; NULL for errors */
	const char *text;
	const char *hint; /* or NULL */
};

/* Parses text. `name` is what diagnostics call the file; both are copied. Returns a tree even if
   the file is wrong (see dockerfile_errors()); NULL with err only if there is nothing to point at,
   such as a file above DOCKERFILE_MAX_BYTES or one with NUL bytes. */
struct dockerfile *dockerfile_parse(const char *name, const char *text, size_t length,
				    struct error *err);

/* Parses the stored text of an ONBUILD trigger: exactly one instruction that ONBUILD allows. The
   result has no stages; dockerfile_insns() holds the instruction. `escape` is '\\' or '`'. */
struct dockerfile *dockerfile_parse_trigger(const char *name, const char *text, size_t length,
					    char escape, struct error *err);
void dockerfile_free(struct dockerfile *df);
DEFINE_CLEANUP(dockerfile, struct dockerfile *, dockerfile_free);

const char *dockerfile_name(const struct dockerfile *df);
char dockerfile_escape(const struct dockerfile *df);        /* '\\' or '`' */
const char *dockerfile_syntax(const struct dockerfile *df); /* "# syntax=" value or NULL */
const char *dockerfile_check(const struct dockerfile *df);  /* "# check=" value or NULL */

/* Number of diagnostics of severity DIAG_ERROR; 0 means the file may be planned. */
size_t dockerfile_errors(const struct dockerfile *df);
/* Those of them with DIAG_SYNTAX; `varve parse` fails for these only. */
size_t dockerfile_syntax_errors(const struct dockerfile *df);
const struct diag *dockerfile_diags(const struct dockerfile *df, size_t *count);

/* Every instruction in file order, unknown ones included. */
const struct insn *const *dockerfile_insns(const struct dockerfile *df, size_t *count);
/* ARG instructions before the first FROM. */
const struct insn *const *dockerfile_globals(const struct dockerfile *df, size_t *count);
const struct stage *dockerfile_stages(const struct dockerfile *df, size_t *count);

/* Adds a diagnostic found by a later pass, so that it is counted, sorted and rendered like the
   parser's own, once however often it is found. hint may be NULL. Warnings: dockerfile_warn(). */
void dockerfile_report(struct dockerfile *df, enum diag_severity severity, struct span at,
		       const char *hint, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* "NAME:LINE:COL: error: TEXT [RULE]", the source line and a caret line, and "hint: ..." if any. */
void dockerfile_render_diag(const struct dockerfile *df, const struct diag *d, struct buf *out);
/* The lines of `at` with line numbers and ">>>" beside them, for the message of a failed step. */
void dockerfile_render_excerpt(const struct dockerfile *df, struct span at, struct buf *out);
void dockerfile_line_column(const struct dockerfile *df, uint32_t offset, uint32_t *line,
			    uint32_t *column);

/* The tree in a canonical Dockerfile text that parses to an equal tree. */
void dockerfile_dump(const struct dockerfile *df, struct buf *out);
/* An indented listing for people. */
void dockerfile_print(const struct dockerfile *df, struct buf *out);

/* "RUN", "COPY", ... upper case; "" for INSN_UNKNOWN. */
const char *insn_name(enum insn_kind kind);

/* Looks a variable up; NULL if it is unset. */
typedef const char *word_lookup_fn(void *user, const char *name);

/* Appends the expansion of w to out: quotes and escapes removed, every form of section 1.4 of the
   reference. Fails for ${X:?message}, an unsupported modifier, a bad pattern. */
int word_expand(const struct word *w, word_lookup_fn *lookup, void *user, struct buf *out,
		struct error *err);
/* The names that w mentions are passed to seen() in order; for checks and keys. */
void word_names(const struct word *w, void (*seen)(void *user, const char *name), void *user);
/* Expands text that has word syntax but did not come from a file, such as a base image's ENV. */
int word_expand_text(const char *text, char escape, word_lookup_fn *lookup, void *user,
		     struct buf *out, struct error *err);

/* The nearest of `count` candidates to `name` for "did you mean", or NULL if none is near.
   Case-insensitive edit distance, at most a third of the length. */
const char *suggest(const char *name, const char *const *candidates, size_t count);

#endif
