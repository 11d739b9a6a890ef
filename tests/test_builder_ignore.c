/* SPDX-License-Identifier: Apache-2.0 */
/* Ignore files, as moby/patternmatcher reads and applies them. */
#include "builder/ignore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ignore *parse(const char *text)
{
	struct error err = ERROR_INIT;
	struct ignore *ig = ignore_parse(".dockerignore", text, strlen(text), &err);

	assert_non_null(ig);
	return ig;
}

static const struct {
	const char *text, *path;
	bool excluded;
} cases[] = {
	/* How lines are read. */
	{"foo", "foo", true},
	{"foo", "fo", false},
	{"foo", "foobar", false},
	{"", "foo", false},
	{"# foo", "foo", false},
	{" # foo", "# foo", true},
	{"#", "#", false},
	{"\\#", "#", true},
	{"  foo  ", "foo", true},
	{"\tfoo\v\f", "foo", true},
	{"foo bar", "foo bar", true},
	{"\xef\xbb\xbf"
	 "foo",
	 "foo", true},
	{"\xef\xbb\xbf# foo\nbar", "bar", true},
	{"foo\n\xef\xbb\xbf"
	 "bar",
	 "bar", false},
	{"foo\r\nbar\r\n", "foo", true},
	{"foo\r\nbar\r\n", "bar", true},
	{"\n\n  \nfoo", "foo", true},
	/* path.Clean */
	{"/foo", "foo", true},
	{"//foo", "foo", true},
	{"./foo/", "foo", true},
	{"foo//bar", "foo/bar", true},
	{"foo/./bar", "foo/bar", true},
	{"foo/../bar", "bar", true},
	{"foo/../../bar", "bar", false},
	{"../bar", "bar", false},
	{"../../foo/../bar", "bar", false},
	{"/../bar", "bar", true},
	{".", "foo", false},
	{"/", "foo", false},
	{"foo/..", "foo", false},
	{"...", "...", true},
	{".foo", ".foo", true},
	/* What lies in a directory that matches. */
	{"foo", "foo/bar", true},
	{"foo", "foo/bar/baz", true},
	{"foo", "a/foo", false},
	{"foo/bar", "foo", false},
	{"foo/bar", "foo/bar/baz", true},
	{"*/bar", "foo/bar/baz", true},
	{"*", "foo/bar", true},
	{"*.d", "foo.d/bar", true},
	{"**/foo", "a/foo", true},
	{"**/foo", "a/foo/b", true},
	{"foo/*", "foo", false},
	{"foo/*", "foo/bar/baz", true},
	{"foo/**", "foo/bar/baz", true},
	{"foo/**", "foo", false},
	{"**/*.go", "a/b.go/c", true},
	{"**.go", "a/b.go", true},
	{"a**b", "a/x/b/c", true},
	{"foo/**/bar", "foo/bar", true},
	{"foo/**/bar", "foo/x/y/bar/z", true},
	{"[a-c]oo", "boo/x", true},
	{"foo\\*", "foo*", true},
	{"foo\\*", "foobar", false},
	{"?oo", "foo", true},
	{"?oo", "oo", false},
	/* Exceptions: the last line that says something wins. */
	{"*\n!keep", "keep", false},
	{"*\n!keep", "other", true},
	{"*\n!keep", "keep/below", false},
	{"*\n! keep", "keep", false},
	{"*\n  !keep  ", "keep", false},
	{"*\n!/keep", "keep", false},
	{"*\n!./keep/", "keep", false},
	{"d\n!d/keep", "d/keep", false},
	{"d\n!d/keep", "d/keep/x", false},
	{"d\n!d/keep", "d/other", true},
	{"d\n!d/keep", "d", true},
	{"d/*\n!d/keep", "d", false},
	{"!foo\nfoo", "foo", true},
	{"foo\n!foo\nfoo", "foo", true},
	{"foo\n!foo\nfoo\n!foo", "foo", false},
	{"*.md\n!README*.md\nREADME-secret.md", "README.md", false},
	{"*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true},
	{"*.md\n!README*.md\nREADME-secret.md", "other.md", true},
	{"*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false},
	{"**\n!util/docker/web", "util/docker/web/foo", false},
	{"**\n!util/docker/web\nutil/docker/web/foo", "util/docker/web/foo", true},
	{"**\n!dist/**\ndist/tmp", "dist/a/b", false},
	{"**\n!dist/**\ndist/tmp", "dist/tmp/b", true},
	{"**/*.md\n!docs/**", "docs/a.md", false},
	/* As in BuildKit: nothing had excluded docs, so its exception was never asked for. */
	{"**/*.md\n!docs", "docs/a.md", true},
	{"docs\n!docs", "docs/a.md", false},
	{"docs/a\n!docs\ndocs/a/b", "docs/a/b", true},
	{"!*", "foo", false},
};

static void test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_(ignore) struct ignore *ig = parse(cases[i].text);

		if (ignore_match(ig, cases[i].path) != cases[i].excluded)
			fail_msg("case %zu: %s by %s", i, cases[i].path, cases[i].text);
	}
	assert_false(ignore_match(NULL, "x"));
}

static void test_exceptions(void **state)
{
	auto_(ignore) struct ignore *without = parse("a\nb\n");
	auto_(ignore) struct ignore *with = parse("a\n!a/b\n");

	(void)state;
	assert_false(ignore_has_exceptions(without));
	assert_true(ignore_has_exceptions(with));
	assert_false(ignore_has_exceptions(NULL));
}

/* Going through a tree gives what asking for each path gives. */
static void test_trail(void **state)
{
	static const char *const path[] = {"a", "a/b", "a/b/c", "a/b/c/d"};
	auto_(ignore) struct ignore *ig = parse("a/b\n!**/c\n*/b/c/d\n");
	bool said[2][3];

	(void)state;
	assert_int_equal(ignore_count(ig), 3);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(ignore_match_below(ig, i > 0 ? said[(i + 1) % 2] : NULL, path[i],
						    said[i % 2]),
				 ignore_match(ig, path[i]));
	assert_true(ignore_match(ig, "a/b"));
	assert_false(ignore_match(ig, "a/b/c"));
	assert_true(ignore_match(ig, "a/b/c/d"));
}

static void test_single_patterns(void **state)
{
	auto_(ignore) struct ignore *ig = ignore_new();
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(ignore_add(ig, "", &err), 0);
	assert_int_equal(ignore_add(ig, " *.o ", &err), 0);
	assert_int_equal(ignore_add(ig, "!keep.o", &err), 0);
	assert_int_equal(ignore_add_plain(ig, "!x", &err), 0);
	assert_true(ignore_match(ig, "a.o"));
	assert_false(ignore_match(ig, "keep.o"));
	assert_true(ignore_match(ig, "!x"));
	assert_int_equal(ignore_add(ig, "!", &err), -1);
	assert_int_equal(err.code, ERROR_SYNTAX);
	error_clear(&err);
	assert_int_equal(ignore_add(ig, "[", &err), -1);
	assert_int_equal(err.code, ERROR_SYNTAX);
}

static void test_bad_lines(void **state)
{
	struct error err = ERROR_INIT;
	char text[ERROR_TEXT];

	(void)state;
	assert_null(ignore_parse("x.dockerignore", "ok\n!\n", 5, &err));
	error_format(&err, text, sizeof(text));
	assert_string_equal(text, "x.dockerignore:2: \"!\" without a pattern");
	error_clear(&err);
	assert_null(ignore_parse("x", "!/", 2, &err));
	error_clear(&err);
	assert_null(ignore_parse("x", "! \n", 3, &err));
	error_clear(&err);
	assert_null(ignore_parse("x", "a\0b", 3, &err));
	assert_int_equal(err.code, ERROR_SYNTAX);
	error_clear(&err);
	assert_null(ignore_parse("x", "a[", 2, &err));
	error_format(&err, text, sizeof(text));
	assert_string_equal(text, "x:1: [ without ] in pattern: a[");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),           cmocka_unit_test(test_exceptions),
		cmocka_unit_test(test_bad_lines),       cmocka_unit_test(test_trail),
		cmocka_unit_test(test_single_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
