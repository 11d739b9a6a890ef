/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_report.h"
#include "cli/diff_side.h"
#include "cli/format.h"
#include "cli/out.h"
#include "cli/table.h"
#include "cli/view.h"
#include "common/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0B"},
		{999, "999B"},
		{1000, "1kB"},
		{1234, "1.23kB"},
		{999499, "999kB"},
		{999500, "1MB"},
		{12345678, "12.3MB"},
		{UINT64_C(1073741824), "1.07GB"},
		{UINT64_MAX, "18.4EB"},
	};
	char text[FORMAT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(size_format(cases[i].bytes, text), cases[i].text);
}

static void ages(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{-1, "in the future"},
		{0, "0 seconds ago"},
		{1, "1 second ago"},
		{59, "59 seconds ago"},
		{60, "1 minute ago"},
		{3599, "59 minutes ago"},
		{3600, "1 hour ago"},
		{48 * 3600 - 1, "47 hours ago"},
		{48 * 3600, "2 days ago"},
		{14 * 86400, "2 weeks ago"},
		{60 * 86400, "2 months ago"},
		{INT64_C(730) * 86400, "2 years ago"},
		{INT64_MAX, "292471208677 years ago"},
	};
	char text[FORMAT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(age_format(cases[i].seconds, text), cases[i].text);
}

static void ages_as_options(void **state)
{
	static const char *const bad[] = {
		"", "h", "1x", "-1", "1h2", "1 h", "9223372036854775807m", "99999999999999999999"};
	int64_t seconds;

	(void)state;
	assert_true(age_parse("90", &seconds) && seconds == 90);
	assert_true(age_parse("90s", &seconds) && seconds == 90);
	assert_true(age_parse("1h30m", &seconds) && seconds == 5400);
	assert_true(age_parse("7d", &seconds) && seconds == 7 * 86400);
	assert_true(age_parse("2w", &seconds) && seconds == 14 * 86400);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (age_parse(bad[i], &seconds))
			fail_msg("\"%s\" is no age", bad[i]);
}

static void clean_text(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"plain", "plain"},
		{"a\tb\nc", "a b c"},
		{"\033[31mred", "?[31mred"},
		{"\x7f\x01", "??"},
		{"gr\xc3\xbcn", "gr\xc3\xbcn"},
		{"\xc2\x9b[31m", "?[31m"}, /* the C1 form of ESC [ */
		{"\xff\xfe", "??"},        /* not UTF-8 */
		{"\xe2\x80\xae"
		 "abc",
		 "?abc"},                /* right-to-left override */
		{"\xe2\x81\xa6x", "?x"}, /* isolate */
		{"\xe2\x80\xa8x", "?x"}, /* line separator */
		{"\xc3", "?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_(buf) struct buf out = BUF_INIT;

		text_clean(cases[i].from, &out);
		assert_string_equal(out.data, cases[i].to);
	}
}

static void cut_text(void **state)
{
	auto_(buf) struct buf out = BUF_INIT;

	(void)state;
	text_clean_cut("abcdef", 6, &out);
	assert_string_equal(out.data, "abcdef");
	buf_reset(&out);
	text_clean_cut("abcdefg", 6, &out);
	assert_string_equal(out.data, "abcde\xe2\x80\xa6");
	buf_reset(&out);
	text_clean_cut("\xc3\xbc\xc3\xbc\xc3\xbc", 2, &out);
	assert_string_equal(out.data, "\xc3\xbc\xe2\x80\xa6");
	assert_int_equal(text_width(out.data), 2);
}

/* What a table of an out prints, read back through a pipe. */
static void tables(void **state)
{
	auto_(table) struct table t = TABLE_INIT(3);
	auto_(buf) struct buf got = BUF_INIT;
	struct error err = ERROR_INIT;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	auto_(out) struct out out = OUT_INIT(ends[1]);
	for (const char *const *c =
		     (const char *const[]){"A", "BB", "C", "\xc3\xbcx", "\x1b", "last one", NULL};
	     *c != NULL; c++)
		table_add(&t, *c);
	table_print(&t, &out);
	assert_int_equal(out_flush(&out, &err), 0);
	close(ends[1]);
	assert_int_equal(read_all(ends[0], 1000, &got, &err), 0);
	close(ends[0]);
	assert_string_equal(got.data, "A    BB   C\n\xc3\xbcx   ?    last one\n");
}

static void failed_output(void **state)
{
	auto_fd int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	auto_(out) struct out out = OUT_INIT(full);
	struct error err = ERROR_INIT;

	(void)state;
	assert_true(full >= 0);
	for (int i = 0; i < 100000; i++)
		out_str(&out, "more than fits into the buffer\n");
	assert_int_equal(out.failure, ENOSPC);
	assert_int_equal(out.pending.length, 0); /* nothing piles up behind a failure */
	assert_int_equal(out_flush(&out, &err), -1);
	assert_int_equal(err.code, ERROR_SPACE);
}

static void names_split(void **state)
{
	auto_free char *repository = NULL, *tag = NULL, *none = NULL, *none_tag = NULL;

	(void)state;
	ref_split("localhost:5000/a/b:1.2", &repository, &tag);
	assert_string_equal(repository, "localhost:5000/a/b");
	assert_string_equal(tag, "1.2");
	ref_split("", &none, &none_tag);
	assert_string_equal(none, "<none>");
	assert_string_equal(none_tag, "<none>");
}

static void instructions(void **state)
{
	static const struct {
		const char *created_by, *text;
	} cases[] = {
		{"/bin/sh -c #(nop)  CMD [\"sh\"]", "CMD [\"sh\"]"},
		{"/bin/sh -c make", "RUN make"},
		{"RUN /bin/sh -c make # buildkit", "RUN make"},
		{"COPY a b # buildkit", "COPY a b"},
		{"COPY a b", "COPY a b"},
		{"", ""},
		{NULL, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct history h = {.created_by = cases[i].created_by};
		auto_(buf) struct buf out = BUF_INIT;

		history_instruction(&h, &out);
		assert_string_equal(out.data, cases[i].text);
	}
}

static void ignored_fields(void **state)
{
	struct error err = ERROR_INIT;
	unsigned fields = 0;

	(void)state;
	assert_int_equal(diff_fields_parse("mtime,owner", &fields, &err), 0);
	assert_int_equal(fields, FIELD_MTIME | FIELD_OWNER);
	assert_int_equal(diff_fields_parse("mtme", &fields, &err), -1);
	assert_non_null(strstr(err.hint, "mtime"));
	assert_int_equal(diff_fields_parse("type", &fields, &err), -1);
	assert_int_equal(diff_fields_parse("mode,,owner", &fields, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),           cmocka_unit_test(ages),
		cmocka_unit_test(ages_as_options), cmocka_unit_test(clean_text),
		cmocka_unit_test(cut_text),        cmocka_unit_test(tables),
		cmocka_unit_test(failed_output),   cmocka_unit_test(names_split),
		cmocka_unit_test(instructions),    cmocka_unit_test(ignored_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
