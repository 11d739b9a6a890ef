/* SPDX-License-Identifier: Apache-2.0 */
/* Wildcards as Go's filepath.Match and moby/patternmatcher decide them. */
#include "builder/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct glob_case {
	const char *pattern, *path;
	bool matches;
};

/* filepath.Match, one component or several. */
static const struct glob_case paths[] = {
	{"a", "a", true},
	{"a", "b", false},
	{"a", "", false},
	{"", "", true},
	{"", "a", false},
	{"abc", "ab", false},
	{"ab", "abc", false},
	{"*", "a", true},
	{"*", "", true},
	{"*", "a/b", false},
	{"*/*", "a/b", true},
	{"*.c", "x.c", true},
	{"*.c", "x.h", false},
	{"*.c", ".c", true},
	{"*/*.c", "d/x.c", true},
	{"a*", "ab", true},
	{"a*", "ba", false},
	{"a*b*c", "axbxc", true},
	{"a*b*c", "abc", true},
	{"a*b*c", "axbx", false},
	{"*x", "xxx", true},
	{"?", "a", true},
	{"?", "/", false},
	{"?", "", false},
	{"?", "\xc3\xa9", true},
	{"??", "\xc3\xa9", false},
	{"*?", "\xc3\xa9", true},
	{"*??", "\xc3\xa9", false},
	{"?", "\xff", true},
	{"??", "\xff\xff", true},
	{"a?c", "abc", true},
	{"a?c", "a/c", false},
	{"[a-c]", "b", true},
	{"[a-c]", "d", false},
	{"[^a-c]", "b", false},
	{"[^a-c]", "d", true},
	{"[!a]", "!", true},
	{"[!a]", "b", false},
	{"[a\\-c]", "b", false},
	{"[a\\-c]", "-", true},
	{"[\\]]", "]", true},
	{"[\\^a]", "^", true},
	{"[[]", "[", true},
	{"[[]x]", "[x]", true},
	{"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true},
	{"[\xc3\xa0-\xc3\xbf]", "e", false},
	{"[a-ce-g]x", "fx", true},
	{"[a-ce-g]x", "dx", false},
	{"]", "]", true},
	{"a\\*b", "a*b", true},
	{"a\\*b", "axb", false},
	{"\\a", "a", true},
	{"\\\\", "\\", true},
	{"**", "ab", true},
	{"**", "a/b", false},
	{"a**b", "axxb", true},
	{"a**b", "a/b", false},
	{"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false},
	{"*[^b]*x", "abax", true},
};

/* patternmatcher: "**" and what becomes of plain text around it. */
static const struct glob_case trees[] = {
	{"a", "a", true},
	{"a", "a/b", false},
	{"a/b", "a/b", true},
	{"a.b", "axb", false},
	{"a+b", "aab", false},
	{"a(b)|c{1}$", "a(b)|c{1}$", true},
	{"*", "a", true},
	{"*", "a/b", false},
	{"**", "a", true},
	{"**", "a/b/c", true},
	{"**/c", "c", true},
	{"**/c", "a/c", true},
	{"**/c", "a/b/c", true},
	{"**/c", "a/b/d", false},
	{"**/c", "xc", false},
	{"**/c", "a/xc", false},
	{"**c", "c", true},
	{"**c", "xc", true},
	{"**c", "a/xc", true},
	{"**c", "cx", false},
	{"**.go", "x.go", true},
	{"**.go", "a/b/x.go", true},
	{"**.go", "x.god", false},
	{"**.go", ".go", true},
	{"**/a/b", "a/b", true},
	{"**/a/b", "x/a/b", true},
	{"**/a/b", "xa/b", false},
	{"**a/b", "xa/b", true},
	{"**/*.o", "x.o", true},
	{"**/*.o", "deep/down/x.o", true},
	{"**/*.o", "deep/down/x.c", false},
	{"**/x?", "a/xy", true},
	{"**/x?", "a/x/", false},
	/* A wildcard behind it makes "**" whole directories. */
	{"**x?", "axy", false},
	{"**x?", "a/xy", true},
	{"**x?", "xy", true},
	{"**\\x", "ax", false},
	{"**\\x", "a/x", true},
	{"**[x]", "ax", false},
	{"**[x]", "b/x", true},
	{"**]", "a]", false},
	{"**]", "a/]", true},
	{"a/**", "a/x", true},
	{"a/**", "a/x/y", true},
	{"a/**", "a", false},
	{"a/**", "ab", false},
	{"a/**", "b/x", false},
	{"a**", "a", true},
	{"a**", "abc", true},
	{"a**", "a/b", true},
	{"a**", "ba", false},
	{"a/**/c", "a/c", true},
	{"a/**/c", "a/x/c", true},
	{"a/**/c", "a/x/y/c", true},
	{"a/**/c", "a/xc", false},
	{"a/**/c", "ac", false},
	{"a/**c", "a/c", true},
	{"a/**c", "a/x/c", true},
	{"a/**c", "a/xc", false},
	{"a**b", "ab", true},
	{"a**b", "a/b", true},
	{"a**b", "axx/b", true},
	{"a**b", "axb", false},
	{"a**b", "ax/y/b", true},
	{"a**/b", "ab", true},
	{"a**/b", "ax/b", true},
	{"*/**/c", "a/c", true},
	{"*/**/c", "c", false},
	{"**/**/c", "c", true},
	{"**/**/c", "a/b/c", true},
	{"**/a/**", "a/x", true},
	{"**/a/**", "y/a/x", true},
	{"**/a/**", "a", false},
	{"**/a/**/b", "x/a/y/z/b", true},
	{"**/a/**/b", "x/a/b", true},
	{"**/a/**/b", "x/b", false},
	{"a/**/**", "a/x", true},
	{"***", "a/b", true},
	{"***/c", "a/b/c", true},
	{"a/***/c", "a/b/c", true},
	{"a\\**", "a*", true},
	{"a\\**", "a*b", true},
	{"a\\**", "ab", false},
	{"a\\*\\*", "a**", true},
	{"a\\*\\*", "a/b", false},
	{"a/*/c", "a/b/c", true},
	{"a/*/c", "a/b/x/c", false},
	{"a/?/c", "a//c", false},
	{"a[^x]c", "a/c", true},
	{"[a-z]/**/[0-9]", "q/r/s/7", true},
	{"*[^b]*x", "a/ax", true},
	{"*x**b", "xxb", true},
	{"**/node_modules", "a/b/node_modules", true},
	{"**/node_modules", "a/xnode_modules", false},
};

static void check(const struct glob_case *cases, size_t count, enum glob_kind kind)
{
	for (size_t i = 0; i < count; i++) {
		auto_(arena) struct arena arena = ARENA_INIT;
		const struct glob *g = glob_new(&arena, cases[i].pattern, kind);

		if (glob_matches(g, cases[i].path) != cases[i].matches)
			fail_msg("%s against %s should be %d", cases[i].pattern, cases[i].path,
				 cases[i].matches);
	}
}

static void test_paths(void **state)
{
	(void)state;
	check(paths, sizeof(paths) / sizeof(paths[0]), GLOB_PATH);
}

static void test_trees(void **state)
{
	(void)state;
	check(trees, sizeof(trees) / sizeof(trees[0]), GLOB_TREE);
}

/* A pattern made to make matchers try everything, and a path that is longer than usual. */
static void test_cost(void **state)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	auto_free char *path = xcalloc(1, 20001), *pattern = xcalloc(1, 4001);
	const struct glob *g;

	(void)state;
	memset(path, 'a', 20000);
	for (size_t i = 0; i < 1000; i++)
		memcpy(pattern + i * 4, "*a**", 4);
	strcpy(pattern + 3990, "[bc]");
	g = glob_new(&arena, pattern, GLOB_TREE);
	assert_false(glob_matches(g, path));
	path[19999] = 'b';
	assert_true(glob_matches(glob_new(&arena, "a*[^b]*b", GLOB_TREE), path));
}

static void test_parts(void **state)
{
	static const struct {
		const char *pattern;
		size_t fixed;
	} cases[] = {
		{"a/b/c", 5}, {"a/b/*.c", 3}, {"*", 0},    {"a*", 0},    {"a/b*", 1},
		{"", 0},      {"a/[b]/c", 1}, {"**/c", 0}, {"a/\\b", 1}, {"ab/cd/?", 5},
	};
	auto_free char *literal = glob_literal("a\\*b\\\\c");

	(void)state;
	assert_string_equal(literal, "a*b\\c");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(glob_fixed_length(cases[i].pattern), cases[i].fixed);
	assert_true(glob_has_wildcard("a*"));
	assert_true(glob_has_wildcard("a/[b]"));
	assert_true(glob_has_wildcard("\\\\?"));
	assert_false(glob_has_wildcard("a\\*"));
	assert_false(glob_has_wildcard("a\\"));
}

static void test_errors(void **state)
{
	static const char *const bad[] = {"a[",      "[]", "[]a]", "[^]", "[-a]", "[a-]",
					  "[a-b-c]", "[a", "[a-",  "[\\", "a\\",  "x/[y/z"};
	static const char *const good[] = {"",   "a[b]c", "[[]", "[\\]]",
					   "a]", "[^^]",  "\\[", "[a/b]"};
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error_clear(&err);
		if (glob_check(bad[i], &err) == 0)
			fail_msg("%s is no pattern", bad[i]);
		assert_int_equal(err.code, ERROR_SYNTAX);
	}
	error_clear(&err);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (glob_check(good[i], &err) < 0)
			fail_msg("%s is a pattern", good[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),  cmocka_unit_test(test_trees),
		cmocka_unit_test(test_cost),   cmocka_unit_test(test_parts),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
