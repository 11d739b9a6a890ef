/* SPDX-License-Identifier: Apache-2.0 */
/* Content cutoff stands on this: which changes of two steps are the same. */
#include "layers/equal.h"

#include "layers/whiteout.h"
#include "tests/layers_fixture.h"

enum { SET = 1000, SINCE = 1600000000 };

/* The change that the others are compared with: made by a step just now, but for one time. */
static int make_change(struct scratch *s, const char *name)
{
	int dir = make_dir(s->dir, name);
	struct error err = ERROR_INIT;
	auto_fd int sub = make_dir(dir, "sub");

	put_text(dir, "file", "some content");
	put_text(dir, "old", "of another time");
	put_text(sub, "inner", "x");
	set_mtime(dir, "old", SET);
	assert_int_equal(symlinkat("file", dir, "link"), 0);
	assert_int_equal(linkat(dir, "file", dir, "name", 0), 0);
	assert_int_equal(mkfifoat(dir, "fifo", 0644), 0);
	must(opaque_set(sub, true, &err) == 0, &err);
	return dir;
}

static bool equal(int a, int b)
{
	struct error err = ERROR_INIT;
	bool same = false, back = false;

	must(trees_equal(a, b, SINCE, true, &same, &err) == 0, &err);
	must(trees_equal(b, a, SINCE, true, &back, &err) == 0, &err);
	assert_int_equal(same, back);
	return same;
}

static void what_differs_in_times_of_the_clock_is_the_same(void **state)
{
	struct scratch *s = *state;
	auto_fd int a = make_change(s, "a"), b = make_change(s, "b");

	assert_true(equal(a, a));
	set_mtime(b, "file", SINCE + 100);
	set_mtime(b, "link", SINCE + 200);
	set_mtime(b, "sub", SINCE + 300);
	assert_true(equal(a, b));
}

static void set_attribute(int dir, const char *name, const char *key, const char *value)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fsetxattr(fd, key, value, strlen(value), 0), 0);
}

static void change_mode(int d)
{
	assert_int_equal(fchmodat(d, "file", 0600, 0), 0);
}
static void change_mode_of_directory(int d)
{
	assert_int_equal(fchmodat(d, "sub", 0700, 0), 0);
}
static void change_mode_of_root(int d)
{
	assert_int_equal(fchmod(d, 0700), 0);
}
static void change_owner(int d)
{
	assert_int_equal(fchownat(d, "file", 1, -1, 0), 0);
}
static void change_group_of_link(int d)
{
	assert_int_equal(fchownat(d, "link", -1, 1, AT_SYMLINK_NOFOLLOW), 0);
}
static void change_owner_of_directory(int d)
{
	assert_int_equal(fchownat(d, "sub", 1, -1, 0), 0);
}
static void change_attribute(int d)
{
	set_attribute(d, "file", "user.a", "b");
}
static void change_attribute_of_directory(int d)
{
	set_attribute(d, "sub", "user.a", "b");
}
static void change_content(int d)
{
	put_text(d, "old", "of another tame");
	set_mtime(d, "old", SET);
}
static void change_size(int d)
{
	put_text(d, "old", "of another time.");
	set_mtime(d, "old", SET);
}
static void change_set_time(int d)
{
	set_mtime(d, "old", SET + 1);
}
static void change_target(int d)
{
	unlinkat(d, "link", 0);
	assert_int_equal(symlinkat("fale", d, "link"), 0);
}
static void change_type(int d)
{
	unlinkat(d, "fifo", 0);
	put_text(d, "fifo", "");
}
static void change_name(int d)
{
	assert_int_equal(renameat(d, "name", d, "nama"), 0);
}
static void change_hard_link(int d)
{
	unlinkat(d, "name", 0);
	put_text(d, "name", "some content");
}
static void change_deletion(int d)
{
	struct error err = ERROR_INIT;

	must(whiteout_make(d, "gone", &err) == 0, &err);
}
static void change_opaque(int d)
{
	auto_fd int sub = openat(d, "sub", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fremovexattr(sub, "user.overlay.opaque"), 0);
}
static void change_below(int d)
{
	assert_int_equal(unlinkat(d, "sub/inner", 0), 0);
}

static void everything_else_is_a_difference(void **state)
{
	struct scratch *s = *state;
	auto_fd int a = make_change(s, "a");
	static void (*const changes[])(int dir) = {
		change_mode,          change_mode_of_directory,
		change_mode_of_root,  change_owner,
		change_group_of_link, change_owner_of_directory,
		change_attribute,     change_attribute_of_directory,
		change_content,       change_size,
		change_set_time,      change_target,
		change_type,          change_name,
		change_hard_link,     change_deletion,
		change_opaque,        change_below,
	};
	char name[16];

	if (geteuid() != 0)
		skip(); /* other owners */
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		auto_fd int b = -1;

		snprintf(name, sizeof(name), "b%zu", i);
		b = make_change(s, name);
		assert_true(equal(a, b));
		changes[i](b);
		if (equal(a, b))
			fail_msg("change %zu was not seen", i);
	}
}

static void what_vanishes_is_an_error(void **state)
{
	struct scratch *s = *state;
	auto_fd int a = make_change(s, "a");
	struct error err = ERROR_INIT;
	bool same;

	assert_int_equal(trees_equal(a, -1, SINCE, true, &same, &err), -1);
	assert_int_equal(err.code, ERROR_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_differs_in_times_of_the_clock_is_the_same),
		TEST(everything_else_is_a_difference),
		TEST(what_vanishes_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
