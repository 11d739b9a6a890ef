/* SPDX-License-Identifier: Apache-2.0 */
/* A walk with a scout ahead of it meets the same files in the same order as one without. */
#include "builder/walk.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct tree {
	char path[32];
	int fd;
};

static int set_up(void **state)
{
	struct tree *t = xcalloc(1, sizeof(*t));

	snprintf(t->path, sizeof(t->path), "/tmp/scout-XXXXXX");
	assert_non_null(mkdtemp(t->path));
	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->fd >= 0);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *t = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(remove_tree(AT_FDCWD, t->path, &err), 0);
	close(t->fd);
	free(t);
	return 0;
}

/* width directories in each, depth deep, with a few files and a link. */
static void grow(int at, int depth, int width)
{
	for (int i = 0; i < 3; i++) {
		char name[16];
		struct error err = ERROR_INIT;

		snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(replace_file(at, name, "x", (size_t)i % 2, &err), 0);
	}
	assert_int_equal(symlinkat("..", at, "link"), 0);
	for (int i = 0; depth > 0 && i < width; i++) {
		struct error err = ERROR_INIT;
		char name[16];
		auto_fd int child = -1;

		snprintf(name, sizeof(name), "d%d", i);
		child = mkdir_child(at, name, 0755, &err);
		assert_true(child >= 0);
		grow(child, depth - 1, width);
	}
}

struct seen {
	struct buf text;
	size_t left; /* visits until the visitor has had enough */
};

static int visit(void *user, const struct walk_entry *e, bool leaving, struct error *err)
{
	struct seen *s = user;
	struct stat st;

	if (s->left-- == 0)
		return error_set(err, ERROR_IO, "enough");
	assert_int_equal(fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_ino, e->st.st_ino);
	buf_printf(&s->text, "%s %o %lld%s%s\n", e->path, e->st.st_mode, (long long)e->st.st_size,
		   leaving ? " leaving" : "", e->on_the_way ? " on the way" : "");
	return 0;
}

static int walk(const struct tree *t, const struct ignore *ignore, bool ahead, size_t visits,
		struct seen *out)
{
	auto_(scout) struct scout *scout = ahead ? scout_new() : NULL;
	struct walk_options o = {.root = t->fd, .ignore = ignore, .scout = scout};
	struct error err = ERROR_INIT;

	*out = (struct seen){.text = BUF_INIT, .left = visits};
	return walk_tree(&o, "", "", visit, out, &err);
}

static void assert_same_walk(const struct tree *t, const struct ignore *ignore, size_t visits)
{
	struct seen with, without;
	int status = walk(t, ignore, false, visits, &without);

	assert_int_equal(walk(t, ignore, true, visits, &with), status);
	assert_int_equal(with.text.length, without.text.length);
	assert_memory_equal(with.text.data, without.text.data, with.text.length);
	buf_release(&with.text);
	buf_release(&without.text);
}

static void the_same_files_in_the_same_order(void **state)
{
	const struct tree *t = *state;

	grow(t->fd, 3, 7);
	for (int i = 0; i < 20; i++)
		assert_same_walk(t, NULL, SIZE_MAX);
}

static void what_is_ignored_is_not_met(void **state)
{
	const struct tree *t = *state;
	static const char text[] = "d1\n!d1/d2/f1\nd*/d3\n**/f2\n";
	auto_(ignore) struct ignore *ignore = NULL;
	struct error err = ERROR_INIT;

	ignore = ignore_parse(".dockerignore", text, sizeof(text) - 1, &err);
	assert_non_null(ignore);
	grow(t->fd, 3, 5);
	assert_same_walk(t, ignore, SIZE_MAX);
}

/* The errands that are under way come back before what they read is gone. */
static void the_walk_may_end_anywhere(void **state)
{
	const struct tree *t = *state;

	grow(t->fd, 2, 6);
	for (size_t visits = 0; visits < 60; visits++)
		assert_same_walk(t, NULL, visits);
}

static void one_directory_of_very_many_files(void **state)
{
	const struct tree *t = *state;
	struct error err = ERROR_INIT;
	auto_fd int many = mkdir_child(t->fd, "many", 0755, &err);

	assert_true(many >= 0);
	for (int i = 0; i < 16 * 1024 + 2; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(mknodat(many, name, S_IFREG | 0644, 0), 0);
	}
	assert_same_walk(t, NULL, SIZE_MAX);
}

static void an_errand_that_fails(void **state)
{
	const struct tree *t = *state;
	auto_(scout) struct scout *scout = scout_new();
	auto_(scouted) struct scouted found = SCOUTED_INIT;

	if (scout == NULL) {
		print_message("skipped: one processor\n");
		skip();
	}
	for (int i = 0; i < 100; i++)
		assert_false(scout_take(scout, scout_ask(scout, t->fd, "none"), &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_files_in_the_same_order, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_ignored_is_not_met, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_walk_may_end_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_directory_of_very_many_files, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_errand_that_fails, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
