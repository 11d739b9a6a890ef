/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parser_data.h"

static void render_all(const struct dockerfile *df, struct buf *out)
{
	size_t count;
	const struct diag *diags = dockerfile_diags(df, &count);

	for (size_t i = 0; i < count; i++)
		dockerfile_render_diag(df, &diags[i], out);
	if (count == 0)
		buf_add_str(out, "no findings\n");
}

static void golden_diag(const char *folder)
{
	auto_(buf) struct buf text = BUF_INIT, out = BUF_INIT;
	char path[1100];
	struct dockerfile *df;

	snprintf(path, sizeof(path), "%s/Dockerfile", folder);
	assert_true(read_file(path, &text));
	df = parse_buf("Dockerfile", &text);
	render_all(df, &out);
	snprintf(path, sizeof(path), "%s/diag", folder);
	assert_golden(path, &out);
	dockerfile_free(df);
}

static void test_diagnostics(void **state)
{
	(void)state;
	assert_true(each_case("tests/data/dockerfile", golden_diag) > 0);
}

/* Dumping, parsing and dumping again changes nothing. */
static void fixed_point(const char *folder)
{
	auto_(buf) struct buf text = BUF_INIT, first = BUF_INIT, second = BUF_INIT;
	char path[1100];
	struct dockerfile *df;

	snprintf(path, sizeof(path), "%s/Dockerfile", folder);
	assert_true(read_file(path, &text));
	df = parse_buf(path, &text);
	dockerfile_dump(df, &first);
	dockerfile_free(df);
	df = parse_buf(path, &first);
	dockerfile_dump(df, &second);
	assert_int_equal(dockerfile_syntax_errors(df), 0);
	dockerfile_free(df);
	assert_string_equal(first.data, second.data);
}

static void test_dump_is_a_fixed_point(void **state)
{
	(void)state;
	assert_true(each_case("tests/data/parse", fixed_point) > 0);
}

static void replace_all(const struct buf *text, const char *from, const char *to, struct buf *out)
{
	const char *p = text->data, *hit;

	while ((hit = strstr(p, from)) != NULL) {
		buf_add(out, p, (size_t)(hit - p));
		buf_add_str(out, to);
		p = hit + strlen(from);
	}
	buf_add_str(out, p);
}

static void dump_text(const struct buf *text, struct buf *out)
{
	struct dockerfile *df = parse_buf("Dockerfile", text);

	dockerfile_dump(df, out);
	dockerfile_free(df);
}

static void line_ends(const char *folder)
{
	auto_(buf) struct buf text = BUF_INIT, crlf = BUF_INIT, one = BUF_INIT, two = BUF_INIT,
			      bare = BUF_INIT;
	char path[1100];

	snprintf(path, sizeof(path), "%s/Dockerfile", folder);
	assert_true(read_file(path, &text));
	if (strchr(text.data, '\r') != NULL)
		return;
	replace_all(&text, "\n", "\r\n", &crlf);
	dump_text(&text, &one);
	dump_text(&crlf, &two);
	replace_all(&two, "\r", "", &bare); /* bodies of here-documents keep theirs */
	assert_string_equal(one.data, bare.data);
}

static void test_line_ends(void **state)
{
	(void)state;
	each_case("tests/data/parse", line_ends);
}

static void swap_escapes(struct buf *text)
{
	for (char *p = text->data; *p != '\0'; p++)
		if (*p == '\\' || *p == '`')
			*p = *p == '\\' ? '`' : '\\';
}

/* With # escape=` the backquote does all that the backslash did. JSON, patterns and
   here-documents have rules of their own. */
static void other_escape(const char *folder)
{
	static const char directive[] = "# escape=`\n";
	auto_(buf) struct buf text = BUF_INIT, other = BUF_INIT, one = BUF_INIT, two = BUF_INIT;
	char path[1100];

	snprintf(path, sizeof(path), "%s/Dockerfile", folder);
	assert_true(read_file(path, &text));
	if (strpbrk(text.data, "[`") != NULL || strstr(text.data, "<<") != NULL ||
	    text.data[0] == '#' || (unsigned char)text.data[0] == 0xEF)
		return;
	dump_text(&text, &one);
	buf_add_str(&other, directive);
	buf_add(&other, text.data, text.length);
	swap_escapes(&other);
	other.data[strlen("# escape=")] = '`';
	dump_text(&other, &two);
	swap_escapes(&two);
	assert_string_equal(one.data, two.data + strlen(directive));
}

static void test_escape_directive(void **state)
{
	(void)state;
	each_case("tests/data/parse", other_escape);
}

static void test_tree(void **state)
{
	struct dockerfile *df = parse_str("ARG V=1\n# about\n# it\nFROM --platform=$P a AS Base\n"
					  "COPY <<E --x /d/\nhi $V\nE\n"
					  "ENV A=\"b c\" D=$E\nONBUILD RUN [\"a\"]\n"
					  "FROM base\nLABEL k v w\n");
	const struct stage *stages;
	const struct insn *insn;
	size_t count;

	(void)state;
	assert_int_equal(dockerfile_errors(df), 0);
	assert_int_equal(dockerfile_globals(df, &count)[0]->kind, INSN_ARG);
	assert_int_equal(count, 1);
	stages = dockerfile_stages(df, &count);
	assert_int_equal(count, 2);
	assert_string_equal(stages[0].name, "base");
	assert_null(stages[1].name);
	assert_string_equal(stages[0].from->comment, "about\nit");
	assert_non_null(stages[0].from->flags[0].word);
	assert_int_equal(stages[0].count, 3);
	insn = stages[0].insns[0];
	assert_int_equal(insn->arg_count, 3);
	assert_ptr_equal(insn->args[0].heredoc, &insn->heredocs[0]);
	assert_null(insn->args[1].heredoc);
	assert_non_null(insn->heredocs[0].word);
	assert_int_equal(insn->end_line, 7);
	insn = stages[0].insns[1];
	assert_string_equal(insn->args[0].key, "A");
	assert_string_equal(insn->args[0].text, "\"b c\"");
	assert_non_null(insn->args[1].word);
	insn = stages[0].insns[2];
	assert_true(insn->child->exec_form);
	assert_string_equal(insn->child->original, "RUN [\"a\"]");
	assert_true(stages[1].insns[0]->legacy);
	dockerfile_free(df);
}

static void test_phases(void **state)
{
	struct dockerfile *df = parse_str("FROM a b\nNOPE\nCOPY x\nRUN --oops y\n");

	(void)state;
	assert_int_equal(dockerfile_errors(df), 4);
	assert_int_equal(dockerfile_syntax_errors(df), 0);
	dockerfile_free(df);
	df = parse_str("FROM a\nENV x\nRUN [1]\nRUN <<E\n");
	assert_int_equal(dockerfile_syntax_errors(df), 3);
	dockerfile_free(df);
}

static void test_refused(void **state)
{
	struct error err = ERROR_INIT;
	char *big = xcalloc(1, DOCKERFILE_MAX_BYTES + 1);

	(void)state;
	assert_null(dockerfile_parse("x", "FROM a\0b", 8, &err));
	assert_int_equal(err.code, ERROR_SYNTAX);
	error_clear(&err);
	memset(big, '\n', DOCKERFILE_MAX_BYTES + 1);
	assert_null(dockerfile_parse("x", big, DOCKERFILE_MAX_BYTES + 1, &err));
	assert_int_equal(err.code, ERROR_LIMIT);
	free(big);
}

static size_t trigger_errors(const char *text, char escape, size_t *insns)
{
	struct error err = ERROR_INIT;
	struct dockerfile *df = dockerfile_parse_trigger("x", text, strlen(text), escape, &err);
	size_t errors, count;

	assert_non_null(df);
	errors = dockerfile_errors(df);
	dockerfile_insns(df, insns);
	dockerfile_stages(df, &count);
	assert_int_equal(count, 0);
	dockerfile_free(df);
	return errors;
}

static void test_trigger(void **state)
{
	size_t insns;

	(void)state;
	assert_int_equal(trigger_errors("RUN <<E\nx\nE", '\\', &insns), 0);
	assert_int_equal(insns, 1);
	assert_int_equal(trigger_errors("ENV a=b` c", '`', &insns), 0);
	assert_int_equal(trigger_errors("ARG X", '\\', &insns), 0);
	assert_int_equal(trigger_errors("RUN a\nRUN b", '\\', &insns), 1);
	assert_int_equal(insns, 2);
	assert_int_equal(trigger_errors("FROM a", '\\', &insns), 1);
	assert_int_equal(trigger_errors("ONBUILD RUN a", '\\', &insns), 1);
	assert_int_equal(trigger_errors("MAINTAINER a", '\\', &insns), 1);
	assert_int_equal(trigger_errors("", '\\', &insns), 1);
	assert_int_equal(trigger_errors("FORM a", '\\', &insns), 1);
}

static void test_report(void **state)
{
	auto_(buf) struct buf out = BUF_INIT;
	struct dockerfile *df = parse_str("FROM a\nRUN\tb\x1b[31m\nRUN c\nRUN d\nRUN e\n");
	size_t count;
	const struct insn *insn = dockerfile_insns(df, &count)[1];

	(void)state;
	dockerfile_report(df, DIAG_ERROR, insn->args[0].at, "a hint", "bad %s", "thing");
	dockerfile_report(df, DIAG_WARNING, (struct span){0, 4}, NULL, "first");
	assert_int_equal(dockerfile_errors(df), 1);
	assert_string_equal(dockerfile_diags(df, &count)[0].text, "first");
	assert_int_equal(count, 2);
	render_all(df, &out);
	assert_string_equal(out.data, "Dockerfile:1:1: warning: first\n"
				      "    1 | FROM a\n"
				      "      | ^~~~\n"
				      "Dockerfile:2:5: error: bad thing\n"
				      "    2 | RUN\tb?[31m\n"
				      "      |    \t^~~~~~\n"
				      "hint: a hint\n");
	buf_reset(&out);
	dockerfile_render_excerpt(df, insn->at, &out);
	assert_string_equal(out.data, "--------------------\n"
				      "   1 |     FROM a\n"
				      "   2 | >>> RUN\tb?[31m\n"
				      "   3 |     RUN c\n"
				      "   4 |     RUN d\n"
				      "--------------------\n");
	dockerfile_free(df);
}

static void test_directives(void **state)
{
	struct dockerfile *df = parse_str("#!/usr/bin/env x\n# syntax = docker/dockerfile:1 more\n"
					  "#check=skip=all;error=true \n# ESCAPE=`\nFROM a\n");

	(void)state;
	assert_string_equal(dockerfile_syntax(df), "docker/dockerfile:1");
	assert_string_equal(dockerfile_check(df), "skip=all;error=true");
	assert_int_equal(dockerfile_escape(df), '`');
	dockerfile_free(df);
	df = parse_str("# just words\n# escape=`\nFROM a\n");
	assert_int_equal(dockerfile_escape(df), '\\');
	assert_null(dockerfile_syntax(df));
	dockerfile_free(df);
	df = parse_str("\n# escape=`\nFROM a\n");
	assert_int_equal(dockerfile_escape(df), '\\');
	dockerfile_free(df);
}

static void test_dump_keeps_comments(void **state)
{
	auto_(buf) struct buf out = BUF_INIT;
	struct dockerfile *df =
		parse_str("\n# escape=`\n#\n#  two \nFROM a\n\n# gone\n\n# b\nRUN x\n");

	(void)state;
	dockerfile_dump(df, &out);
	assert_string_equal(out.data, "\n# escape=`\n#\n# two\nFROM a\n# b\nRUN x\n");
	dockerfile_free(df);
}

static void test_print(void **state)
{
	auto_(buf) struct buf out = BUF_INIT;
	struct dockerfile *df = parse_str("ARG A\nFROM a AS b\nENV X=1\nRUN <<E\nE\n"
					  "CMD [\"x\"]\nONBUILD RUN y\n");

	(void)state;
	dockerfile_print(df, &out);
	assert_string_equal(out.data, "    1 ARG A\n"
				      "stage 0 b\n"
				      "    2   FROM a AS b\n"
				      "    3   ENV {X} {1}\n"
				      "    4   RUN <<E\n"
				      "          heredoc E: 0 bytes\n"
				      "    6   CMD (exec) \"x\"\n"
				      "    7   ONBUILD > RUN y\n");
	dockerfile_free(df);
}

static void test_suggest(void **state)
{
	static const char *const names[] = {"FROM", "RUN", "ENTRYPOINT", "HEALTHCHECK"};

	(void)state;
	assert_string_equal(suggest("form", names, 4), "FROM");
	assert_string_equal(suggest("ENTRYPONT", names, 4), "ENTRYPOINT");
	assert_string_equal(suggest("healtcheck", names, 4), "HEALTHCHECK");
	assert_null(suggest("xyz", names, 4));
	assert_null(suggest("", names, 4));
	assert_null(suggest("from", names, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diagnostics), cmocka_unit_test(test_dump_is_a_fixed_point),
		cmocka_unit_test(test_line_ends),   cmocka_unit_test(test_escape_directive),
		cmocka_unit_test(test_tree),        cmocka_unit_test(test_phases),
		cmocka_unit_test(test_refused),     cmocka_unit_test(test_trigger),
		cmocka_unit_test(test_report),      cmocka_unit_test(test_directives),
		cmocka_unit_test(test_print),       cmocka_unit_test(test_dump_keeps_comments),
		cmocka_unit_test(test_suggest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
