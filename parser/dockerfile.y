/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens -> instructions and stages. A push parser, because the bodies of here-documents follow
 * the line that names them: the driver in parse.c conducts.
 *
 * What needs a sentence to explain is not grammar but check.c. Here are the structure of the
 * file, which form of arguments an instruction takes, and recovery: always at the end of a line.
 */
%code requires {
#include "parser/scan.h"
}
%code provides {
int scan_token(struct scanner *sc, union DF_YYSTYPE *value, struct span *loc);
}
%code {
#include <string.h>

static void df_yyerror(const struct span *at, struct parse *cx, const char *message);

#define YYLLOC_DEFAULT(current, rhs, n)                                                            \
	do {                                                                                       \
		(current).start = (n) > 0 ? YYRHSLOC(rhs, 1).start : YYRHSLOC(rhs, 0).end;         \
		(current).end = YYRHSLOC(rhs, n).end;                                              \
	} while (0)
}
%define api.pure full
%define api.push-pull push
%define api.prefix {df_yy}
%define api.token.prefix {T_}
%define api.location.type {struct span}
%define api.value.union.name DF_YYSTYPE
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%parse-param {struct parse *cx}
%union {
	struct arg arg;
	struct flag flag;
}
%token EOL "end of line" UNKNOWN "unknown instruction"
%token ADD "ADD" ARG "ARG" CMD "CMD" COPY "COPY" ENTRYPOINT "ENTRYPOINT" ENV "ENV"
%token EXPOSE "EXPOSE" FROM "FROM" HEALTHCHECK "HEALTHCHECK" LABEL "LABEL"
%token MAINTAINER "MAINTAINER" ONBUILD "ONBUILD" RUN "RUN" SHELL "SHELL"
%token STOPSIGNAL "STOPSIGNAL" USER "USER" VOLUME "VOLUME" WORKDIR "WORKDIR"
%token <flag> FLAG "flag"
%token <arg> TEXT "text" WORD "word" AS "AS" STRING "string" NAME "name" PAIR "name=value"
%token <arg> LEGACY "name value" OTHER "something that is not a string"
%token HEREDOC "here-document"
%type <arg> word name
%%
file
	: prologue stages
	;
/* Only ARG belongs before the first FROM; the rest is kept, so that the tree is complete. */
prologue
	: %empty
	| prologue arg EOL              { line_finish(cx, LINE_GLOBAL); }
	| prologue other EOL            { line_finish(cx, LINE_ORPHAN); }
	| prologue error EOL            { yyerrok; line_finish(cx, LINE_BROKEN); }
	;
stages
	: %empty
	| stages stage
	;
stage
	: from EOL                      { line_finish(cx, LINE_FROM); }
	| stage arg EOL                 { line_finish(cx, LINE_MEMBER); }
	| stage other EOL               { line_finish(cx, LINE_MEMBER); }
	| stage error EOL               { yyerrok; line_finish(cx, LINE_BROKEN); }
	;
from
	: FROM flags
	| FROM flags base
	| FROM flags base as
	| FROM flags base as stage_name
	| FROM flags base as stage_name words
	| FROM flags base WORD[w]       { insn_arg(cx, $w); }
	| FROM flags base WORD[w]       { insn_arg(cx, $w); } words
	;
base
	: word                          { insn_arg(cx, $1); }
	;
as
	: AS                            { insn_arg(cx, $1); }
	;
stage_name
	: word                          { insn_arg(cx, $1); }
	;
arg
	: ARG flags names
	;
other
	: ONBUILD flags
	| ONBUILD flags trigger
	| RUN flags command
	| CMD flags command
	| ENTRYPOINT flags command
	| SHELL flags command
	| HEALTHCHECK flags
	| HEALTHCHECK flags type command
	| ENV flags pairs
	| LABEL flags pairs
	| ADD flags operands
	| COPY flags operands
	| VOLUME flags operands
	| EXPOSE flags
	| EXPOSE flags words
	| USER flags text
	| WORKDIR flags text
	| STOPSIGNAL flags text
	| MAINTAINER flags text
	| UNKNOWN flags
	;
/* FROM, ONBUILD and MAINTAINER are refused in words by check.c. */
trigger
	: arg
	| other
	| from
	;
flags
	: %empty
	| flags FLAG                    { insn_flag(cx, $2); }
	;
command
	: heredocs
	| json
	| text_arg heredocs
	;
heredocs
	: %empty
	| heredocs HEREDOC
	;
text
	: %empty
	| text_arg
	;
text_arg
	: TEXT                          { insn_arg(cx, $1); }
	;
type
	: WORD                          { insn_arg(cx, $1); }
	;
operands
	: heredocs
	| json
	| words heredocs
	;
json
	: '[' ']'
	| '[' strings ']'
	;
strings
	: string
	| strings ',' string
	;
string
	: STRING                        { insn_arg(cx, $1); }
	;
words
	: word                          { insn_arg(cx, $1); }
	| words word                    { insn_arg(cx, $2); }
	;
word
	: WORD
	| AS
	;
pairs
	: %empty
	| LEGACY                        { insn_legacy(cx, $1); }
	| pair_list
	;
pair_list
	: pair
	| pair_list pair
	;
pair
	: PAIR                          { insn_arg(cx, $1); }
	;
names
	: %empty
	| names name                    { insn_arg(cx, $2); }
	;
name
	: NAME
	| PAIR
	;
%%
static void df_yyerror(const struct span *at, struct parse *cx, const char *message)
{
	syntax_error(cx->df, *at, NULL, "%s", message);
}

/* What the grammar cannot say: why this token is wrong for this instruction. */
static bool explain(struct parse *cx, yysymbol_kind_t token, struct span at)
{
	const struct insn *insn = cx->insn;

	if (insn == NULL)
		return false;
	if (insn->exec_form) {
		syntax_error(cx->df, at, "put the element in double quotes",
			     "a JSON list of arguments can hold strings only");
		return true;
	}
	if (token != YYSYMBOL_NAME || (insn->kind != INSN_ENV && insn->kind != INSN_LABEL))
		return false;
	if (insn->arg_count == 0)
		syntax_error(cx->df, at, "write NAME=VALUE", "%s must have two arguments",
			     insn_name(insn->kind));
	else
		syntax_error(cx->df, at,
			     "every word must be NAME=VALUE; quote a value that contains blanks",
			     "can't find = in this word");
	return true;
}

static int yyreport_syntax_error(const yypcontext_t *context, struct parse *cx)
{
	enum { EXPECTED_MAX = 4 };
	yysymbol_kind_t expected[EXPECTED_MAX], token = yypcontext_token(context);
	auto_(buf) struct buf text = BUF_INIT;
	int count;

	if (explain(cx, token, *yypcontext_location(context)))
		return 0;
	count = yypcontext_expected_tokens(context, expected, EXPECTED_MAX);
	buf_printf(&text, "unexpected %s", yysymbol_name(token));
	for (int i = 0; i < count; i++)
		buf_printf(&text, "%s%s", i == 0 ? ", expected " : " or ",
			   yysymbol_name(expected[i]));
	syntax_error(cx->df, *yypcontext_location(context), NULL, "%s", text.data);
	return 0;
}
