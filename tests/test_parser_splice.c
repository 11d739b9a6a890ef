/* SPDX-License-Identifier: Apache-2.0 */
/* Lines, spans, limits, and that time grows with the size of the input and no faster. */
#include "parser/scan.h"
#include "tests/parser_data.h"

#include <time.h>

static void test_lines(void **state)
{
	struct dockerfile *df = parse_str("\n# c\nFROM a\nRUN x \\\n\n # c\n  y\n\nRUN <<E\n1\nE\n"
					  "RUN z");
	static const uint32_t lines[][2] = {{3, 3}, {4, 7}, {9, 11}, {12, 12}};
	size_t count;
	const struct insn *const *insns = dockerfile_insns(df, &count);

	(void)state;
	assert_int_equal(count, 4);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(insns[i]->line, lines[i][0]);
		assert_int_equal(insns[i]->end_line, lines[i][1]);
	}
	assert_string_equal(insns[1]->args[0].text, "x   y");
	dockerfile_free(df);
}

/* A token that spans a continuation gets a span that covers it. */
static void test_spans(void **state)
{
	static const char text[] = "FROM a\nCOPY --fr\\\nom=x on\\\n# c\n\ne t\\\nwo /\n";
	struct dockerfile *df = parse_str(text);
	size_t count;
	const struct insn *insn = dockerfile_insns(df, &count)[1];
	struct span at = insn->args[0].at;

	(void)state;
	assert_string_equal(insn->flags[0].name, "from");
	assert_memory_equal(text + insn->flags[0].at.start, "--fr\\\nom=x",
			    insn->flags[0].at.end - insn->flags[0].at.start);
	assert_string_equal(insn->args[0].text, "one");
	assert_int_equal(at.end - at.start, strlen("on\\\n# c\n\ne"));
	assert_memory_equal(text + at.start, "on\\\n# c\n\ne", at.end - at.start);
	assert_string_equal(insn->args[1].text, "two");
	dockerfile_free(df);
}

static void test_continuations(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"FROM a\nRUN x\\\ny", "xy"},
		{"FROM a\nRUN x\\ \t \ny", "xy"},
		{"FROM a\nRUN x\\ \t \r\ny", "xy"},
		{"FROM a\nRUN x\\\\\nRUN y", "x\\\\"},
		{"FROM a\nRUN x\\\\\\\nRUN y", "x\\\\\\"},
		{"FROM a\nRUN x \\\n\\\ny", "x y"},
		{"FROM a\nRUN x\\\n\\\\\ny", "x\\\\"},
		{"FROM a\nRUN x\\\n", "x"},
		{"FROM a\nRUN x\\\n# c", "x"},
		{"FROM a\nRUN x\\\n\n\n", "x"},
		{"FROM a\nRUN x\\y\\z", "x\\y\\z"},
		{"FROM a\nRUN x`\nRUN y", "x`"},
		{"FROM a\nRUN x\\\v\nRUN y", "x\\"},
		{"FROM a\nRUN x\ry\r\r\n", "x\ry"},
		{"FROM a\n\xC2\xA0RUN x\xC2\xA0\xE3\x80\x80", "x"},
		{"FROM a\n\\\nRUN x", "x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dockerfile *df = parse_str(cases[i].text);
		size_t count;
		const struct insn *const *insns = dockerfile_insns(df, &count);

		assert_true(count >= 2);
		assert_int_equal(insns[1]->arg_count, 1);
		assert_string_equal(insns[1]->args[0].text, cases[i].want);
		dockerfile_free(df);
	}
}

static void repeat(struct buf *out, const char *text, size_t bytes)
{
	size_t length = strlen(text);

	for (size_t used = 0; used + length <= bytes; used += length)
		buf_add(out, text, length);
}

static void test_line_limit(void **state)
{
	auto_(buf) struct buf text = BUF_INIT;
	struct dockerfile *df;
	size_t count;

	(void)state;
	buf_add_str(&text, "FROM a\nRUN ");
	repeat(&text, "x", DOCKERFILE_MAX_LINE - 4);
	buf_add_str(&text, "\nUSER b\n");
	df = parse_buf("Dockerfile", &text);
	assert_int_equal(dockerfile_errors(df), 0);
	dockerfile_free(df);
	buf_truncate(&text, text.length - strlen("\nUSER b\n"));
	buf_add_str(&text, "\\\nx\nUSER b\n");
	df = parse_buf("Dockerfile", &text);
	assert_int_equal(dockerfile_syntax_errors(df), 1);
	assert_int_equal(dockerfile_diags(df, &count)->line, 2);
	dockerfile_insns(df, &count);
	assert_int_equal(count, 2);
	dockerfile_free(df);
}

static void test_many_findings(void **state)
{
	auto_(buf) struct buf text = BUF_INIT;
	struct dockerfile *df;
	size_t count;

	(void)state;
	repeat(&text, "X\n", 1 << 20);
	df = parse_buf("Dockerfile", &text);
	assert_int_equal(dockerfile_errors(df), (1 << 19) + 1);
	dockerfile_diags(df, &count);
	assert_int_equal(count, DIAG_MAX);
	dockerfile_free(df);
}

static void test_deep_onbuild(void **state)
{
	auto_(buf) struct buf text = BUF_INIT;
	struct dockerfile *df;

	(void)state;
	buf_add_str(&text, "FROM a\n");
	repeat(&text, "ONBUILD ", DOCKERFILE_MAX_LINE - 16);
	df = parse_buf("Dockerfile", &text);
	assert_int_equal(dockerfile_syntax_errors(df), 1);
	dockerfile_free(df);
}

static double seconds(const char *head, const char *unit, const char *tail, size_t bytes)
{
	auto_(buf) struct buf text = BUF_INIT;
	struct timespec from, to;
	struct dockerfile *df;

	buf_add_str(&text, head);
	repeat(&text, unit, bytes);
	buf_add_str(&text, tail);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	df = parse_buf("Dockerfile", &text);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	dockerfile_free(df);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Eight times the input may take eight times as long, with room for noise; 64 times is a fault. */
static void test_linear(void **state)
{
	static const char *const cases[][3] = {
		{"FROM a\nRUN x", "\\\n", ""},
		{"FROM a\nRUN x", "\\\ny", ""},
		{"FROM a\nRUN x\\", "\n# c", ""},
		{"FROM a\nRUN x", " ", "y"},
		{"FROM a\nRUN x", "\r", "y"},
		{"FROM a\nRUN x", "\\  ", "y"},
		{"FROM a\nRUN <<E ", "'a' ", "'"},
		{"FROM a\nRUN <<E ", "\"${a:-b}\" ", ""},
		{"FROM a\nRUN ", "<<a\" ", ""},
		{"FROM a\nRUN ", "${a", "<<"},
		{"FROM a\nENV ", "a='b' ", "c=\""},
		{"FROM a\nENV ", "a=\\", ""},
		{"FROM a\nENV x=", "'", ""},
		{"FROM a\nUSER ", "${a:-", ""},
		{"FROM a\nUSER ", "$", ""},
		{"FROM a\nUSER ", "\"", ""},
		{"FROM a\nCOPY ", "a ", "b"},
		{"FROM a\nCOPY ", "--x=' ", "b"},
		{"FROM a\nCOPY ", "--x ", "b"},
		{"FROM a\nRUN [", "[", ""},
		{"FROM a\nRUN [", "\"a\",", "\"b\"]"},
		{"FROM a\nRUN [", "\"\\", ""},
		{"FROM a\nCOPY <<E /\n", "' $a\n", "E\n"},
		{"FROM a\nCOPY <<-E /\n", "\t\t\n", "E\n"},
	};
	enum { SMALL = 100 * 1024 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double small = seconds(cases[i][0], cases[i][1], cases[i][2], SMALL);
		double large = seconds(cases[i][0], cases[i][1], cases[i][2], 8 * SMALL);

		if (large > 24 * small + 0.05)
			fail_msg("case %zu: %g s, then %g s", i, small, large);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),         cmocka_unit_test(test_spans),
		cmocka_unit_test(test_continuations), cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_many_findings), cmocka_unit_test(test_deep_onbuild),
		cmocka_unit_test(test_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
