/* SPDX-License-Identifier: Apache-2.0 */
/* Names of git repositories. */
#include "builder/context.h"
#include "builder/git.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define C40 "0123456789abcdef0123456789abcdef01234567"
#define C64 C40 "89abcdef0123456789abcdef"

static void is_a_repository(void **state)
{
	static const struct {
		const char *text;
		enum context_kind kind;
	} cases[] = {
		{"git@github.com:user/repo.git", CONTEXT_GIT},
		{"git@github.com:user/repo", CONTEXT_GIT},
		{"git@github.com:user/repo#main:sub", CONTEXT_GIT},
		{"me@host.example:x", CONTEXT_GIT},
		{"git://host/repo", CONTEXT_GIT},
		{"git://host/repo#main", CONTEXT_GIT},
		{"ssh://git@host/repo", CONTEXT_GIT},
		{"ssh://host:22/~/repo?ref=x", CONTEXT_GIT},
		{"http://host/repo.git", CONTEXT_GIT},
		{"https://host/repo.git", CONTEXT_GIT},
		{"HTTPS://host/repo.git", CONTEXT_GIT},
		{"https://host/repo.git#v1", CONTEXT_GIT},
		{"https://host/repo.git?tag=v1", CONTEXT_GIT},
		{"https://host/repo", CONTEXT_HTTP},
		{"https://host/repo.git/", CONTEXT_HTTP},
		{"https://host/repo.git.tar", CONTEXT_HTTP},
		{"https://host/?x=repo.git", CONTEXT_HTTP},
		{"http://host/x#.git", CONTEXT_HTTP},
		{"http://host/ctx.tar.gz", CONTEXT_HTTP},
		{"docker-image://busybox", CONTEXT_IMAGE},
		{"oci-layout:///dir:tag", CONTEXT_IMAGE},
		{"-", CONTEXT_STDIN},
		{".", CONTEXT_DIRECTORY},
		{"./a@b:c", CONTEXT_DIRECTORY},
		{"dir.git", CONTEXT_DIRECTORY},
		{"name@sha256:0123", CONTEXT_DIRECTORY},
		{"@host:x", CONTEXT_DIRECTORY},
		{"user@:x", CONTEXT_DIRECTORY},
		{"host:path", CONTEXT_DIRECTORY},
		{"file:///repo.git", CONTEXT_DIRECTORY},
		{"github.com/user/repo", CONTEXT_DIRECTORY},
		{"", CONTEXT_DIRECTORY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (git_is_source(cases[i].text) != (cases[i].kind == CONTEXT_GIT))
			fail_msg("%s: wrong answer of git_is_source()", cases[i].text);
		if (context_kind(cases[i].text) != cases[i].kind)
			fail_msg("%s: kind %d", cases[i].text, (int)context_kind(cases[i].text));
	}
}

static const struct good {
	const char *text, *url, *ref, *subdir, *checksum;
	bool keep, no_submodules, commit_times;
} good[] = {
	{.text = "https://h/r.git", .url = "https://h/r.git"},
	{.text = "https://u:p@h/r.git", .url = "https://u:p@h/r.git"},
	{.text = "HTTPS://Host/R.git", .url = "https://Host/R.git"},
	{.text = "git@h:o/r.git", .url = "git@h:o/r.git"},
	{.text = "git@h:o/r#main", .url = "git@h:o/r", .ref = "main"},
	{.text = "git://h/r", .url = "git://h/r"},
	{.text = "ssh://git@h:22/o/r", .url = "ssh://git@h:22/o/r"},
	{.text = "git://h/r#", .url = "git://h/r"},
	{.text = "git://h/r#:", .url = "git://h/r"},
	{.text = "git://h/r#main", .url = "git://h/r", .ref = "main"},
	{.text = "git://h/r#main:", .url = "git://h/r", .ref = "main"},
	{.text = "git://h/r#main:sub", .url = "git://h/r", .ref = "main", .subdir = "sub"},
	{.text = "git://h/r#:sub", .url = "git://h/r", .subdir = "sub"},
	{.text = "git://h/r#:/a//b/./c/", .url = "git://h/r", .subdir = "a/b/c"},
	{.text = "git://h/r#:.", .url = "git://h/r"},
	{.text = "git://h/r#:/", .url = "git://h/r"},
	{.text = "git://h/r#a/b:c:d", .url = "git://h/r", .ref = "a/b", .subdir = "c:d"},
	{.text = "git://h/r#refs/pull/1/head", .url = "git://h/r", .ref = "refs/pull/1/head"},
	{.text = "git://h/r#v1.0%2Bx", .url = "git://h/r", .ref = "v1.0+x"},
	{.text = "git://h/r#" C40, .url = "git://h/r", .ref = C40},
	{.text = "git://h/r#HEAD", .url = "git://h/r", .ref = "HEAD"},
	{.text = "git://h/r#a-b_c@d", .url = "git://h/r", .ref = "a-b_c@d"},
	{.text = "git://h/r?ref=main", .url = "git://h/r", .ref = "main"},
	{.text = "git://h/r?branch=b", .url = "git://h/r", .ref = "refs/heads/b"},
	{.text = "git://h/r?branch=refs/heads/b", .url = "git://h/r", .ref = "refs/heads/b"},
	{.text = "git://h/r?tag=v1", .url = "git://h/r", .ref = "refs/tags/v1"},
	{.text = "git://h/r?tag=refs/tags/v1", .url = "git://h/r", .ref = "refs/tags/v1"},
	{.text = "git://h/r?subdir=a%2Fb", .url = "git://h/r", .subdir = "a/b"},
	{.text = "git@h:r?subdir=x&ref=y", .url = "git@h:r", .ref = "y", .subdir = "x"},
	{.text = "git://h/r?commit=" C40, .url = "git://h/r", .ref = C40, .checksum = C40},
	{.text = "git://h/r?checksum=" C64, .url = "git://h/r", .ref = C64, .checksum = C64},
	{.text = "git://h/r?checksum=abcdef0", .url = "git://h/r", .checksum = "abcdef0"},
	{.text = "git://h/r?checksum=ABCDEF0", .url = "git://h/r", .checksum = "abcdef0"},
	{.text = "git://h/r?ref=v1&commit=" C40, .url = "git://h/r", .ref = "v1", .checksum = C40},
	{.text = "git://h/r?commit=abcdef0&checksum=abcdef0",
	 .url = "git://h/r",
	 .checksum = "abcdef0"},
	{.text = "git://h/r?ref=main#main", .url = "git://h/r", .ref = "main"},
	{.text = "git://h/r?subdir=s#main", .url = "git://h/r", .ref = "main", .subdir = "s"},
	{.text = "git://h/r?keep-git-dir=true", .url = "git://h/r", .keep = true},
	{.text = "git://h/r?keep-git-dir", .url = "git://h/r", .keep = true},
	{.text = "git://h/r?keep-git-dir=0", .url = "git://h/r"},
	{.text = "git://h/r?submodules=false", .url = "git://h/r", .no_submodules = true},
	{.text = "git://h/r?submodules=", .url = "git://h/r"},
	{.text = "git://h/r?mtime=commit", .url = "git://h/r", .commit_times = true},
	{.text = "git://h/r?mtime=checkout", .url = "git://h/r"},
	{.text = "git://h/r?fetch-by-commit=true&", .url = "git://h/r"},
	{.text = "git://h/r?", .url = "git://h/r"},
	{.text = "git://h/r#ref?x", .url = NULL},
};

static void good_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		const struct good *g = &good[i];
		auto_(arena) struct arena arena = ARENA_INIT;
		struct error err = ERROR_INIT;
		struct git_source s;

		if (g->url == NULL) {
			assert_int_equal(git_parse(&arena, g->text, &s, &err), -1);
			continue;
		}
		if (git_parse(&arena, g->text, &s, &err) < 0) {
			error_print(&err, stderr, true);
			fail_msg("%s", g->text);
		}
		if (strcmp(s.url, g->url) != 0 ||
		    strcmp(s.ref != NULL ? s.ref : "-", g->ref != NULL ? g->ref : "-") != 0 ||
		    strcmp(s.subdir, g->subdir != NULL ? g->subdir : "") != 0 ||
		    strcmp(s.checksum != NULL ? s.checksum : "-",
			   g->checksum != NULL ? g->checksum : "-") != 0 ||
		    s.keep_git_dir != g->keep || s.submodules == g->no_submodules ||
		    s.commit_times != g->commit_times)
			fail_msg("%s: %s ref %s subdir %s checksum %s keep %d submodules %d",
				 g->text, s.url, s.ref, s.subdir, s.checksum, s.keep_git_dir,
				 s.submodules);
	}
}

static const struct bad {
	const char *text, *says;
} bad[] = {
	{"-x", "no git repository"},
	{"https://h/x", "no git repository"},
	{"git://", "names no host"},
	{"git://h", "names no path"},
	{"git:///r", "names no host"},
	{"git@h:", "names no path"},
	{"git://-h/r", "begins with '-'"},
	{"ssh://-oProxyCommand=x/r", "begins with '-'"},
	{"ssh://git@-oProxyCommand=x/r", "begins with '-'"},
	{"git@-h:r", "begins with '-'"},
	{"git@h:-r", "begins with '-'"},
	{"git://h/a b", "a blank"},
	{"git://h/a\nb", "a blank"},
	{"git://h/r#--upload-pack=x", "cannot be the name"},
	{"git://h/r?ref=-x", "cannot be the name"},
	{"git://h/r#-", "cannot be the name"},
	{"git://h/r#@", "cannot be the name"},
	{"git://h/r#a..b", "cannot be the name"},
	{"git://h/r#a b", "cannot be the name"},
	{"git://h/r#a~1", "cannot be the name"},
	{"git://h/r#a^{}", "cannot be the name"},
	{"git://h/r#a*", "cannot be the name"},
	{"git://h/r#a?b", "cannot be the name"},
	{"git://h/r#a[b", "cannot be the name"},
	{"git://h/r#a\\b", "cannot be the name"},
	{"git://h/r#a@{1}", "cannot be the name"},
	{"git://h/r#/a", "cannot be the name"},
	{"git://h/r#a/", "cannot be the name"},
	{"git://h/r#a//b", "cannot be the name"},
	{"git://h/r#a.", "cannot be the name"},
	{"git://h/r#.a", "cannot be the name"},
	{"git://h/r#a/.b", "cannot be the name"},
	{"git://h/r#a.lock", "cannot be the name"},
	{"git://h/r#a.lock/b", "cannot be the name"},
	{"git://h/r#a%00b", "control character"},
	{"git://h/r#a%0ab", "control character"},
	{"git://h/r#:..", "must not hold \"..\""},
	{"git://h/r#:a/../b", "must not hold \"..\""},
	{"git://h/r#:%2e%2e/x", "must not hold \"..\""},
	{"git://h/r?branch=b&tag=t", "both branch and tag"},
	{"git://h/r?branch=b#c", "as \"c\" and as \"refs/heads/b\""},
	{"git://h/r?ref=a#b", "as \"b\" and as \"a\""},
	{"git://h/r?ref=a&tag=a", "as \"a\" and as \"refs/tags/a\""},
	{"git://h/r?subdir=a#:b", "as \"b\" and as \"a\""},
	{"git://h/r?ref=a&ref=a", "more than once"},
	{"git://h/r?ref=", "no value"},
	{"git://h/r?ref", "no value"},
	{"git://h/r?mtime", "no value"},
	{"git://h/r?brnch=x", "unknown key \"brnch\""},
	{"git://h/r?x", "unknown key \"x\""},
	{"git://h/r?=x", "unknown key \"\""},
	{"git://h/r?keep-git-dir=maybe", "true or false"},
	{"git://h/r?submodules=2", "true or false"},
	{"git://h/r?fetch-by-commit=x", "true or false"},
	{"git://h/r?mtime=now", "checkout or commit"},
	{"git://h/r?checksum=abc", "is no commit"},
	{"git://h/r?checksum=xyzxyzx", "is no commit"},
	{"git://h/r?checksum=" C64 "0", "is no commit"},
	{"git://h/r?checksum=abcdef0&commit=abcdef1", "as \"abcdef0\" and as \"abcdef1\""},
	{"https://user:pass@h/r.git?x=y", "https://h/r.git"},
};

static void bad_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		auto_(arena) struct arena arena = ARENA_INIT;
		struct error err = ERROR_INIT;
		struct git_source s;
		char text[ERROR_TEXT * 2];

		if (git_parse(&arena, bad[i].text, &s, &err) == 0)
			fail_msg("%s is accepted", bad[i].text);
		error_format(&err, text, sizeof(text));
		assert_int_equal(err.code, ERROR_USAGE);
		if (strstr(text, bad[i].says) == NULL || strstr(text, "pass") != NULL)
			fail_msg("%s: %s", bad[i].text, text);
	}
}

static void a_key_that_is_near_is_suggested(void **state)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct git_source s;

	(void)state;
	assert_int_equal(git_parse(&arena, "git://h/r?brnch=x", &s, &err), -1);
	assert_string_equal(err.hint, "did you mean branch?");
}

static void long_names_are_refused(void **state)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct git_source s;
	static char text[10000] = "git://h/";

	(void)state;
	memset(text + 8, 'x', sizeof(text) - 9);
	assert_int_equal(git_parse(&arena, text, &s, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_a_repository),
		cmocka_unit_test(good_names),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(a_key_that_is_near_is_suggested),
		cmocka_unit_test(long_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
