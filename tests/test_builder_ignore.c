/* SPDX-License-Identifier: Apache-2.0 */
/* Ignore files and wildcards, as moby/patternmatcher and Go's filepath.Match decide them. */
#include "builder/ignore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *pattern, *path;
	bool matches;
} globs[] = {
	{"a", "a", true},
	{"a", "b", false},
	{"a", "a/b", false},
	{"*", "a", true},
	{"*", "a/b", false},
	{"*.c", "x.c", true},
	{"*.c", "x.h", false},
	{"*/*.c", "d/x.c", true},
	{"?", "a", true},
	{"?", "/", false},
	{"a?c", "abc", true},
	{"[a-c]", "b", true},
	{"[^a-c]", "b", false},
	{"[^a-c]", "d", true},
	{"[[]", "[", true},
	{"[]]", "]", true},
	{"a\\*b", "a*b", true},
	{"a\\*b", "axb", false},
	{"**", "a/b/c", true},
	{"**/c", "c", true},
	{"**/c", "a/b/c", true},
	{"**/c", "a/b/d", false},
	{"a/**/c", "a/c", true},
	{"a/**/c", "a/x/y/c", true},
	{"a/**", "a/x/y", true},
	{"a/**", "b/x", false},
	{"**/*.o", "deep/down/x.o", true},
	{"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false},
};

static void test_globs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(globs) / sizeof(globs[0]); i++)
		if (glob_match(globs[i].pattern, globs[i].path) != globs[i].matches)
			fail_msg("%s against %s should be %d", globs[i].pattern, globs[i].path,
				 globs[i].matches);
}

static void test_wildcards_and_errors(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_true(glob_has_wildcard("a*"));
	assert_true(glob_has_wildcard("a/[b]"));
	assert_false(glob_has_wildcard("a\\*"));
	assert_int_equal(glob_check("a[b]c", &err), 0);
	assert_int_equal(glob_check("a[", &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT);
	assert_int_equal(glob_check("a\\", &err), -1);
}

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
	{"foo", "foo", true},
	{"foo", "foo/bar", true},
	{"foo", "a/foo", false},
	{"**/foo", "a/foo", true},
	{"/foo", "foo", true},
	{"./foo/", "foo", true},
	{"foo/../bar", "bar", true},
	{"# foo", "foo", false},
	{" # foo", "# foo", true},
	{"  foo  ", "foo", true},
	{"\xef\xbb\xbf"
	 "foo",
	 "foo", true},
	{"foo\r\nbar\r\n", "foo", true},
	{"*\n!keep", "keep", false},
	{"*\n!keep", "other", true},
	{"d\n!d/keep", "d/keep", false},
	{"d\n!d/keep", "d/other", true},
	{"!foo\nfoo", "foo", true},
	{"*.md\n!README*.md\nREADME-secret.md", "README.md", false},
	{"*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true},
	{"", "foo", false},
	{".", "foo", false},
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

static void test_bad_lines(void **state)
{
	struct error err = ERROR_INIT;
	char text[ERROR_TEXT];

	(void)state;
	assert_null(ignore_parse("x.dockerignore", "ok\n!\n", 5, &err));
	error_format(&err, text, sizeof(text));
	assert_string_equal(text, "x.dockerignore:2: \"!\" without a pattern");
	error_clear(&err);
	assert_null(ignore_parse("x", "a[", 2, &err));
	error_format(&err, text, sizeof(text));
	assert_string_equal(text, "x:1: [ without ] in pattern: a[");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_globs),     cmocka_unit_test(test_wildcards_and_errors),
		cmocka_unit_test(test_files),     cmocka_unit_test(test_exceptions),
		cmocka_unit_test(test_bad_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
