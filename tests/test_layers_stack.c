/* SPDX-License-Identifier: Apache-2.0 */
#include "common/listing.h"
#include "layers/stack.h"
#include "tests/layers_overlay.h"

#include <linux/openat2.h>

/* Whatever path one tries, stack_*() finds what the mounted overlay shows. */
static void same_as_mounted(struct scratch *s, const struct stack *stack, int merged,
			    const char *path)
{
	struct error err = ERROR_INIT;
	struct stat is, should;
	size_t tree;
	auto_fd int fd = openat_policy(merged, path, O_PATH, 0, RESOLVE_IN_ROOT);
	auto_fd int last = openat_policy(merged, path, O_PATH | O_NOFOLLOW, 0, RESOLVE_IN_ROOT);
	auto_(buf) struct buf clean = BUF_INIT;

	(void)s;
	for (int follow = 0; follow < 2; follow++) {
		int real = follow ? fd : last;
		int found = stack_stat(stack, path, follow, &is, &tree, &err) == 0;

		if (found != (real >= 0))
			fail_msg("%s: %s, mounted: %s", path, found ? "found" : err.frame[0].text,
				 real >= 0 ? "found" : "not found");
		if (real < 0)
			continue;
		assert_int_equal(fstat(real, &should), 0);
		assert_true(tree < stack->count);
		if (is.st_mode != should.st_mode || is.st_uid != should.st_uid ||
		    (S_ISREG(is.st_mode) && is.st_size != should.st_size) ||
		    is.st_mtim.tv_sec != should.st_mtim.tv_sec)
			fail_msg("%s: another file", path);
	}
	/* The ways put together here are sometimes circular, or have a name that is too long. */
	must(stack_resolve(stack, path, &clean, &err) == 0 || err.code == ERROR_FORMAT ||
		     err.os == ENAMETOOLONG,
	     &err);
	if (fd >= 0) {
		auto_fd int again = openat_policy(merged, clean.data, O_PATH | O_NOFOLLOW, 0,
						  RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);

		if (again < 0 || fstat(again, &is) < 0)
			fail_msg("%s resolves to %s", path, clean.data);
		assert_int_equal(fstat(fd, &should), 0);
		assert_true(is.st_ino == should.st_ino);
	}
}

static char *random_way(struct rng *r, const struct paths *p)
{
	auto_(buf) struct buf way = BUF_INIT;

	for (unsigned i = 1 + rng_below(r, 3); i > 0; i--) {
		static const char *const steps[] = {"/", "..", ".", "", "none", "l"};

		buf_add_str(&way, p->count > 0 && rng_below(r, 2)
					  ? p->item[rng_below(r, (unsigned)p->count)]
					  : steps[rng_below(r, 6)]);
		if (rng_below(r, 3) > 0)
			buf_add_char(&way, '/');
	}
	if (way.length == 0)
		buf_add_char(&way, '/');
	return xstrdup(way.data);
}

/* Adds symlinks that lead somewhere: into the tree, up, in circles. */
static void add_links(struct rng *r, int root, const struct paths *p)
{
	for (int i = 0; i < 4; i++) {
		auto_free char *at = new_path(r, root, p);
		auto_free char *to = random_way(r, p);
		auto_free char *absolute = xprintf("/%s", to);

		(void)!symlinkat(rng_below(r, 2) ? absolute : to, root, at);
	}
}

static void random_paths_in_random_stacks(void **state)
{
	struct scratch *s = *state;

	for (int i = 0; i < trials(60); i++) {
		struct rng rng = trial(s, i);
		auto_fd int base = make_dir(s->dir, "base"), upper = make_dir(s->dir, "upper");
		auto_fd int top = make_dir(s->dir, "top"), work = make_dir(s->dir, "work");
		int lowers[3] = {top, upper, base}, merged;
		struct stack stack = {.trees = lowers, .count = 3};
		struct paths p = {NULL, 0};

		random_tree(&rng, base, 2);
		for (int step = 1; step >= 0; step--) {
			struct paths have = {NULL, 0};

			merged = overlay_mount(s, lowers + step + 1, (size_t)(2 - step),
					       lowers[step], work);
			for (unsigned n = rng_below(&rng, 12); n > 0; n--)
				mutate_once(&rng, merged);
			paths_collect(&have, merged, "");
			add_links(&rng, merged, &have);
			paths_release(&have);
			overlay_umount(s, &merged);
			remove_dir(s->dir, "work");
			cleanup_fd(&work);
			work = make_dir(s->dir, "work");
		}
		merged = overlay_mount(s, lowers, 3, -1, -1);
		/* Also names that are hidden now. */
		paths_collect(&p, merged, "");
		paths_collect(&p, base, "");
		for (size_t n = 0; n < p.count; n++)
			same_as_mounted(s, &stack, merged, p.item[n]);
		for (int n = 0; n < 50; n++) {
			auto_free char *way = random_way(&rng, &p);

			same_as_mounted(s, &stack, merged, way);
		}
		paths_release(&p);
		overlay_umount(s, &merged);
		remove_dir(s->dir, "base");
		remove_dir(s->dir, "upper");
		remove_dir(s->dir, "top");
		remove_dir(s->dir, "work");
	}
}

static void open_and_errors(void **state)
{
	struct scratch *s = *state;
	auto_fd int low = make_dir(s->dir, "low"), high = make_dir(s->dir, "high");
	const int trees[] = {high, low};
	struct stack stack = {.trees = trees, .count = 2}, none = {.count = 0};
	auto_(buf) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	struct stat st;
	size_t tree;
	int fd;

	put_text(low, "f", "low");
	put_text(low, "gone", "low");
	assert_int_equal(mknodat(high, "gone", S_IFCHR, 0), 0);
	assert_int_equal(mknodat(low, "p", S_IFIFO | 0600, 0), 0);
	assert_int_equal(symlinkat("../../f", low, "l"), 0);
	assert_int_equal(symlinkat("self", low, "self"), 0);
	fd = stack_open(&stack, "/l", &err);
	must(fd >= 0 && read_all(fd, 100, &text, &err) == 0, &err);
	assert_string_equal(text.data, "low");
	close(fd);
	assert_int_equal(stack_stat(&stack, "f", true, &st, &tree, &err), 0);
	assert_int_equal(tree, 1);
	assert_int_equal(stack_open(&stack, "gone", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	/* Opening a fifo would wait for a writer. */
	assert_int_equal(stack_open(&stack, "p", &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT);
	assert_int_equal(stack_stat(&stack, "self", true, &st, &tree, &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT);
	assert_int_equal(stack_stat(&none, "/", true, &st, &tree, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	buf_reset(&text);
	must(stack_resolve(&stack, "new/../l/../a/./b", &text, &err) == 0, &err);
	assert_string_equal(text.data, "/a/b");
}

static void a_level_lists_what_is_visible(void **state)
{
	struct scratch *s = *state;
	auto_fd int low = make_dir(s->dir, "low"), high = make_dir(s->dir, "high");
	auto_fd int low_d = make_dir(low, "d"), high_d = make_dir(high, "d");
	const int trees[] = {high, low};
	const struct stack stack = {.trees = trees, .count = 2};
	auto_(listing) struct listing names = LISTING_INIT;
	struct error err = ERROR_INIT;
	struct level root, d;

	put_text(low_d, "a", "");
	put_text(low_d, "b", "");
	put_text(high_d, "b", "");
	put_text(high_d, "c", "");
	assert_int_equal(mknodat(high_d, "a", S_IFCHR, 0), 0);
	level_root(&stack, &root);
	must(level_enter(&root, "d", false, &d, &err) == 0, &err);
	assert_int_equal(d.count, 2);
	must(level_list(&d, false, &names, &err) == 0, &err);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.item[0].name, "b");
	assert_string_equal(names.item[1].name, "c");
	level_release(&d);
	assert_int_equal(fsetxattr(high_d, "trusted.overlay.opaque", "y", 1, 0), 0);
	must(level_enter(&root, "d", false, &d, &err) == 0, &err);
	assert_int_equal(d.count, 1);
	level_release(&d);
	/* The other kind of mark says nothing here. */
	must(level_enter(&root, "d", true, &d, &err) == 0, &err);
	assert_int_equal(d.count, 2);
	level_release(&d);
	level_release(&root);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)
	const struct CMUnitTest tests[] = {
		TEST(random_paths_in_random_stacks),
		TEST(open_and_errors),
		TEST(a_level_lists_what_is_visible),
	};

	return cmocka_run_group_tests(tests, private_mounts, NULL);
}
