/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the progress views; the whole of them is tested by tests/cli/progress.bats. */
#include "cli/glyph.h"
#include "cli/output_filter.h"
#include "cli/palette.h"
#include "cli/progress.h"
#include "common/arena.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* --- the filter ---------------------------------------------------------------------------- */

/* Feeds text in pieces of `step` bytes; "<line>" for each line that comes out. */
static char *filtered(const char *text, size_t length, size_t step)
{
	auto_(output_filter) struct output_filter f = OUTPUT_FILTER_INIT;
	auto_(buf) struct buf out = BUF_INIT;

	for (size_t i = 0; i < length; i += step) {
		const char *at = text + i;
		const char *end = i + step < length ? at + step : text + length;

		while (output_filter_next(&f, &at, end))
			buf_printf(&out, "<%s>", f.line.data);
	}
	if (output_filter_end(&f))
		buf_printf(&out, "<%s>", f.line.data);
	return buf_steal(&out);
}

static void filter_cases(void **state)
{
#define CASE(in, out)                                                                              \
	{                                                                                          \
		in, sizeof(in) - 1, out                                                            \
	}
	static const struct {
		const char *in;
		size_t length;
		const char *out;
	} cases[] = {
		CASE("", ""),
		CASE("a\nb\n\nc", "<a><b><><c>"),
		CASE("a\r\nb\r\r\n", "<a><b>"),
		CASE("10%\r50%\r100%\ndone\r", "<100%><done>"),
		CASE("tab\there", "<tab\there>"),
		CASE("\033[31mred\033[0;1m bold\033[K\n", "<red bold>"),
		CASE("\033]0;title\007a\033]8;;http://x\033\\link\033]8;;\033\\\n", "<alink>"),
		CASE("\033(Ba\033=b\033Mc\n", "<abc>"),
		CASE("\033P hidden\nnot hidden\n", "<><not hidden>"),
		CASE("\033]0;no end\033[1mshown\n", "<shown>"),
		CASE("\033[12\nx\n", "<><x>"),
		CASE("\033\033[31mx\n", "<x>"),
		CASE("ab\bc\xc3\xa4\b!\n\b\bx\n", "<ac!><x>"),
		CASE("nul\0bell\007del\177\n", "<nul?bell?del?>"),
		CASE("\xe6\xbc\xa2\xe5\xad\x97 \xc3\xa4\n", "<\xe6\xbc\xa2\xe5\xad\x97 \xc3\xa4>"),
		CASE("\xff\xc3x\xe6\xbc\n\xc0\x80\n", "<?"
						      "?x?"
						      "?><?"
						      "?>"),
		CASE("\xc2\x9b"
		     "31m \xe2\x80\xae"
		     "evil\n",
		     "<?31m ?evil>"),
	};
#undef CASE

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step <= cases[i].length + 1; step++) {
			auto_free char *got = filtered(cases[i].in, cases[i].length, step);

			assert_string_equal(got, cases[i].out);
		}
	}
}

static void long_lines_are_broken_but_whole(void **state)
{
	auto_(output_filter) struct output_filter f = OUTPUT_FILTER_INIT;
	const size_t length = 3 * OUTPUT_MAX_LINE + 17;
	auto_free char *text = xmalloc(length);
	const char *at = text;
	size_t total = 0;

	(void)state;
	memset(text, 'x', length);
	while (output_filter_next(&f, &at, text + length)) {
		assert_true(f.line.length <= OUTPUT_MAX_LINE + 4);
		total += f.line.length;
	}
	assert_true(output_filter_end(&f));
	assert_int_equal(total + f.line.length, length);
	assert_false(output_filter_end(&f));
}

/* --- columns ------------------------------------------------------------------------------- */

static void cutting_to_columns(void **state)
{
	static const struct {
		const char *text;
		size_t room;
		const char *out;
		size_t columns;
	} cases[] = {
		{"hello", 5, "hello", 5},
		{"hello", 4, "hel\xe2\x80\xa6", 4},
		{"hello", 1, "\xe2\x80\xa6", 1},
		{"hello", 0, "", 0},
		{"", 0, "", 0},
		{"\xe6\xbc\xa2\xe5\xad\x97", 4, "\xe6\xbc\xa2\xe5\xad\x97", 4},
		{"\xe6\xbc\xa2\xe5\xad\x97", 3, "\xe6\xbc\xa2\xe2\x80\xa6", 3},
		{"\xe6\xbc\xa2\xe5\xad\x97", 2, "\xe2\x80\xa6", 1},
		{"e\xcc\x81x", 2, "e\xcc\x81x", 2},
		{"a\tb", 9, "a       b", 9},
		{"a\tb", 8, "a\xe2\x80\xa6", 2},
	};
	auto_(glyphs) struct glyphs g = GLYPHS_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_(buf) struct buf out = BUF_INIT;

		assert_int_equal(
			glyphs_cut(&g, cases[i].text, strlen(cases[i].text), cases[i].room, &out),
			cases[i].columns);
		assert_string_equal(out.data, cases[i].out);
	}
}

/* --- colours ------------------------------------------------------------------------------- */

static void colors(void **state)
{
	struct palette p;

	(void)state;
	palette_init(&p, NULL, NULL);
	assert_string_equal(p.error, "\033[31m");
	assert_string_equal(p.off, "\033[0m");
	palette_init(&p, "", "run=green:error=1,2,255:cancel=1,2,256:warning=nothing:x=red:error");
	assert_string_equal(p.run, "\033[32m");
	assert_string_equal(p.error, "\033[38;2;1;2;255m");
	assert_string_equal(p.cancel, "\033[33m");
	assert_string_equal(p.warning, "\033[33m");
	palette_init(&p, "1", "run=green");
	assert_string_equal(p.run, "");
	assert_string_equal(p.off, "");
}

/* --- views --------------------------------------------------------------------------------- */

/* What a view writes for two steps whose output comes in turns. */
static char *written(enum progress_mode mode)
{
	static const struct event events[] = {
		{.kind = EVENT_NOTE, .text = "x: skipped"},
		{.kind = EVENT_STEP_START, .step = 1, .label = "[1/1] A\033[31m", .at = 1000000},
		{.kind = EVENT_STEP_START, .step = 40, .label = "[2/2] B", .text = "why\n"},
		{.kind = EVENT_STEP_OUTPUT, .step = 1, .text = "one ", .length = 4, .at = 1500000},
		{.kind = EVENT_STEP_OUTPUT, .step = 40, .text = "two\nrest", .length = 8},
		{.kind = EVENT_STEP_OUTPUT,
		 .step = 1,
		 .text = "line\n",
		 .length = 5,
		 .at = 2000000},
		{.kind = EVENT_STEP_DONE, .step = 1, .duration = 1250000},
		{.kind = EVENT_STEP_PACKED,
		 .step = 1,
		 .modified = 1,
		 .bytes = 2000,
		 .repeated = 1000,
		 .digest = "sha256:0123456789abcdef",
		 .text = "a hint"},
		{.kind = EVENT_STEP_FAILED,
		 .step = 40,
		 .text = "cause",
		 .output = "\033[1mrest",
		 .output_length = 8},
		{.kind = EVENT_WARNING, .text = "careful"},
	};
	int fd = memfd_create("view", MFD_CLOEXEC);
	struct progress *p = progress_new(mode, fd);
	const struct event_sink *sink = progress_sink(p);
	char *text = xcalloc(1, 4096);

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		event_emit(sink, &events[i]);
	if (mode != PROGRESS_TTY)
		assert_int_equal(event_idle(sink), -1);
	assert_int_equal(progress_finish(p), 1);
	assert_int_equal(progress_packed(p), 2000);
	progress_free(p);
	assert_true(pread(fd, text, 4095, 0) > 0);
	close(fd);
	return text;
}

static void plain(void **state)
{
	auto_free char *text = written(PROGRESS_PLAIN);

	(void)state;
	assert_string_equal(text, "x: skipped\n"
				  "#1 [1/1] A?[31m\n"
				  "#40 [2/2] B\n"
				  "#40   why\n"
				  "#40 0.000 two\n"
				  "#1 1.000 one line\n"
				  "#1 DONE 1.250s\n"
				  "#1 LAYER +0 ~1 -0, 2kB (1kB of files repeat content below), "
				  "sha256:0123456789ab\n"
				  "#1   hint: a hint\n"
				  "#40 0.000 rest\n"
				  "#40 ERROR after 0.000s\n"
				  "\ncause\nlast output:\nrest\n"
				  "warning: careful\n");
}

static void quiet(void **state)
{
	auto_free char *text = written(PROGRESS_QUIET);

	(void)state;
	assert_string_equal(text, "cause\nlast output:\nrest\nwarning: careful\n");
}

/* Nothing was drawn yet, so nothing moves the cursor. */
static void terminal_before_the_first_frame(void **state)
{
	auto_free char *text = NULL;

	(void)state;
	setenv("NO_COLOR", "1", 1);
	text = written(PROGRESS_TTY);
	assert_string_equal(text, "x: skipped\n"
				  "[1/1] A?[31m  1.25s  +0 ~1 -0, 2kB (1kB of files repeat content "
				  "below)\n"
				  "  one line\n"
				  "  hint: a hint\n"
				  "[2/2] B  ERROR after 0.00s\n"
				  "  why\n"
				  "  two\n"
				  "  rest\n"
				  "\ncause\n"
				  "warning: careful\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filter_cases),
		cmocka_unit_test(long_lines_are_broken_but_whole),
		cmocka_unit_test(cutting_to_columns),
		cmocka_unit_test(colors),
		cmocka_unit_test(plain),
		cmocka_unit_test(quiet),
		cmocka_unit_test(terminal_before_the_first_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
