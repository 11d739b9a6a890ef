/* SPDX-License-Identifier: Apache-2.0 */
/* USER and --chown against the image's own files. */
#include "builder/user.h"

#include "common/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char path[] = "/tmp/varve-user.XXXXXX";
static int root;
static struct stack stack;

static void put(const char *name, const char *text)
{
	struct error err = ERROR_INIT;
	auto_fd int etc = mkdirs(root, "etc", 0755, &err);

	assert_true(etc >= 0);
	unlinkat(etc, name, 0);
	assert_int_equal(replace_file(etc, name, text, strlen(text), &err), 0);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(path));
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stack = (struct stack){.trees = &root, .count = 1};
	put("passwd", "root:x:0:0:root:/root:/bin/sh\n# a comment\nbroken line\n"
		      "app:x:1000:1001:App:/home/app:/bin/sh\n12x:x:7:7::/seven:\n"
		      "big:x:4294967295:1::/:\n");
	put("group", "root:x:0:\nstaff:x:50:app,other\napps:x:1001:\nwheel:x:10:other,app\n");
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	close(root);
	return remove_tree(AT_FDCWD, path, &err);
}

static void check(const char *text, uid_t uid, gid_t gid, size_t groups, const char *home)
{
	auto_(user) struct user u = {.uid = 0};
	struct error err = ERROR_INIT;

	if (user_resolve(&stack, text, &u, &err) < 0)
		fail_msg("USER %s: %s", text, err.frame[0].text);
	if (u.uid != uid || u.gid != gid || u.group_count != groups || strcmp(u.home, home) != 0)
		fail_msg("USER %s: %u:%u, %zu groups, %s", text, u.uid, u.gid, u.group_count,
			 u.home);
}

static void test_users(void **state)
{
	(void)state;
	check("", 0, 0, 1, "/root");
	check("root", 0, 0, 1, "/root");
	check("app", 1000, 1001, 3, "/home/app");
	check("1000", 1000, 1001, 3, "/home/app");
	check("app:staff", 1000, 50, 1, "/home/app");
	check("1000:10", 1000, 10, 1, "/home/app");
	check("1234", 1234, 0, 1, "/");
	check("1234:77", 1234, 77, 1, "/");
	check("12x", 7, 7, 1, "/seven");
	check(":staff", 0, 50, 1, "/root");
}

static void refuse(const char *text, enum error_code code)
{
	auto_(user) struct user u = {.uid = 0};
	struct error err = ERROR_INIT;

	if (user_resolve(&stack, text, &u, &err) == 0)
		fail_msg("USER %s was accepted", text);
	assert_int_equal(err.code, code);
}

static void test_bad_users(void **state)
{
	(void)state;
	refuse("nobody", ERROR_NOT_FOUND);
	refuse("app:nogroup", ERROR_NOT_FOUND);
	refuse("app:", ERROR_USAGE);
	/* CVE-2026-46680: digits are a number and never looked up as a name. */
	refuse("4294967295", ERROR_USAGE);
	refuse("4294967296", ERROR_USAGE);
	refuse("99999999999999999999999", ERROR_USAGE);
	refuse("big", ERROR_NOT_FOUND);
}

static void test_owners(void **state)
{
	struct error err = ERROR_INIT;
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_int_equal(owner_resolve(&stack, "app", &uid, &gid, &err), 0);
	assert_int_equal(uid, 1000);
	assert_int_equal(gid, 1001);
	assert_int_equal(owner_resolve(&stack, "55", &uid, &gid, &err), 0);
	assert_int_equal(gid, 55);
	assert_int_equal(owner_resolve(&stack, "app:0", &uid, &gid, &err), 0);
	assert_int_equal(gid, 0);
	assert_int_equal(owner_resolve(&stack, "app:", &uid, &gid, &err), -1);
	assert_int_equal(owner_resolve(&stack, "nobody", &uid, &gid, &err), -1);
}

/* CVE-2024-9676: the files are the image's and may be anything. */
static void test_evil_files(void **state)
{
	auto_(user) struct user u = {.uid = 0};
	struct error err = ERROR_INIT;
	auto_fd int etc = open_in(root, "etc", O_RDONLY | O_DIRECTORY, 0, &err);

	(void)state;
	assert_int_equal(unlinkat(etc, "passwd", 0), 0);
	check("5", 5, 0, 1, "/");
	assert_int_equal(symlinkat("/dev/zero", etc, "passwd"), 0);
	check("5", 5, 0, 1, "/");
	assert_int_equal(unlinkat(etc, "passwd", 0), 0);
	assert_int_equal(mkfifoat(etc, "passwd", 0600), 0);
	assert_int_equal(user_resolve(&stack, "5", &u, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_bad_users),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_evil_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
