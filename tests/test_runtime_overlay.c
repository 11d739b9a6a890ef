/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/runtime_box.h"

#include <sys/xattr.h>

enum { MANY = OVERLAY_MAX_LOWERS + 1 };

static struct box box;
static int lowers[MANY];

static void make_lowers(void)
{
	for (int i = 0; i < MANY; i++) {
		char name[32], text[32];

		snprintf(name, sizeof(name), "lowers/%d", i);
		lowers[i] = box_directory(&box, name);
		snprintf(text, sizeof(text), "%d", i);
		box_write(lowers[i], "top", text, 0644);
		snprintf(name, sizeof(name), "only%d", i);
		box_write(lowers[i], name, text, 0644);
	}
}

static void read_text(int dir, const char *name, char text[32])
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_return_code(fd, errno);
	n = read(fd, text, 31);
	assert_return_code(n, errno);
	text[n] = '\0';
	close(fd);
}

static struct overlay_spec make_spec(size_t count, bool writable)
{
	static int serial;
	char name[32];
	struct overlay_spec spec = {.lower = lowers,
				    .count = count,
				    .upper = -1,
				    .work = -1,
				    .userxattr = userns_inside(),
				    .volatile_upper = true};

	if (!writable)
		return spec;
	snprintf(name, sizeof(name), "upper%d", serial);
	spec.upper = box_directory(&box, name);
	snprintf(name, sizeof(name), "work%d", serial++);
	spec.work = box_directory(&box, name);
	return spec;
}

static void release_spec(const struct overlay_spec *spec)
{
	if (spec->upper < 0)
		return;
	close(spec->upper);
	close(spec->work);
}

/* Sees the top of what all have, and what only the first and the last have. */
static void check_view(int mount, size_t count)
{
	char name[32], text[32], want[32];

	read_text(mount, "top", text);
	assert_string_equal(text, "0");
	read_text(mount, "only0", text);
	assert_string_equal(text, "0");
	snprintf(name, sizeof(name), "only%zu", count - 1);
	snprintf(want, sizeof(want), "%zu", count - 1);
	read_text(mount, name, text);
	assert_string_equal(text, want);
	snprintf(name, sizeof(name), "only%zu", count);
	assert_int_equal(faccessat(mount, name, F_OK, 0), -1);
}

static void check_way(enum overlay_way way, size_t count)
{
	struct overlay_spec spec = make_spec(count, true);
	struct error err = ERROR_INIT;
	bool unsupported;
	char text[32];
	int mount = overlay_mount_by(&spec, way, &unsupported, &err);

	if (mount < 0 && unsupported) {
		release_spec(&spec);
		print_message("# way %d is not in this kernel\n", way);
		skip();
	}
	assert_ok(mount, &err);
	check_view(mount, count);
	box_write(mount, "new", "hello", 0644);
	assert_return_code(unlinkat(mount, "only0", 0), errno);
	close(mount);
	read_text(spec.upper, "new", text);
	assert_string_equal(text, "hello");
	read_text(lowers[0], "only0", text);
	assert_int_equal(faccessat(spec.work, "work/incompat/volatile", F_OK, 0), 0);
	release_spec(&spec);
}

static void check_counts(enum overlay_way way)
{
	static const size_t counts[] = {1, 2, 60, 499, 500};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		check_way(way, counts[i]);
}

static void by_descriptor(void **state)
{
	(void)state;
	check_counts(OVERLAY_BY_DESCRIPTOR);
}

static void by_name(void **state)
{
	(void)state;
	check_counts(OVERLAY_BY_NAME);
}

static void by_options(void **state)
{
	(void)state;
	check_counts(OVERLAY_BY_OPTIONS);
}

static void takes_the_first_way_that_works(void **state)
{
	struct overlay_spec spec = make_spec(3, true);
	struct error err = ERROR_INIT;
	int mount = overlay_mount(&spec, &err);

	(void)state;
	assert_ok(mount, &err);
	check_view(mount, 3);
	close(mount);
	release_spec(&spec);
}

static void too_many_layers_is_an_error_that_says_so(void **state)
{
	struct overlay_spec spec = make_spec(MANY, true);
	struct error err = ERROR_INIT;
	char text[1000];

	(void)state;
	assert_int_equal(overlay_mount(&spec, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	error_format(&err, text, sizeof(text));
	assert_string_equal(text, "501 layers: overlayfs stacks at most 500");
	release_spec(&spec);
}

static void without_an_upper_nothing_can_be_written(void **state)
{
	(void)state;
	for (size_t count = 1; count <= 3; count++) {
		struct overlay_spec spec = make_spec(count, false);
		struct error err = ERROR_INIT;
		int mount = overlay_mount(&spec, &err);

		assert_ok(mount, &err);
		check_view(mount, count);
		assert_int_equal(openat(mount, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0644), -1);
		assert_int_equal(errno, EROFS);
		assert_int_equal(openat(mount, "top", O_WRONLY | O_CLOEXEC), -1);
		assert_int_equal(errno, EROFS);
		close(mount);
	}
}

static void nothing_is_attached_in_this_namespace(void **state)
{
	auto_(buf) struct buf before = BUF_INIT, after = BUF_INIT;
	struct error err = ERROR_INIT;
	int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_ok(read_file(proc, "mountinfo", 1 << 20, &before, &err), &err);
	for (enum overlay_way way = 0; way < OVERLAY_WAYS; way++) {
		struct overlay_spec spec = make_spec(2, true);
		bool unsupported;
		int mount = overlay_mount_by(&spec, way, &unsupported, &err);

		buf_reset(&after);
		assert_ok(read_file(proc, "mountinfo", 1 << 20, &after, &err), &err);
		assert_string_equal(before.data, after.data);
		if (mount >= 0)
			close(mount);
		release_spec(&spec);
	}
	close(proc);
}

static void a_file_cannot_be_a_layer(void **state)
{
	(void)state;
	for (enum overlay_way way = 0; way < OVERLAY_WAYS; way++) {
		int wrong[2] = {lowers[0], openat(lowers[1], "top", O_PATH | O_CLOEXEC)};
		struct overlay_spec spec = make_spec(2, true);
		struct error err = ERROR_INIT;
		bool unsupported;

		spec.lower = wrong;
		assert_int_equal(overlay_mount_by(&spec, way, &unsupported, &err), -1);
		assert_int_not_equal(err.code, ERROR_NONE);
		assert_int_not_equal(err.code, ERROR_BUG);
		close(wrong[1]);
		release_spec(&spec);
	}
}

static void an_overlay_cannot_hold_uppers(void **state)
{
	struct overlay_spec first = make_spec(2, true), second = make_spec(2, false);
	struct error err = ERROR_INIT;
	int mount = overlay_mount(&first, &err);

	(void)state;
	assert_ok(mount, &err);
	assert_return_code(mkdirat(mount, "u", 0755), errno);
	assert_return_code(mkdirat(mount, "w", 0755), errno);
	second.upper = openat(mount, "u", O_PATH | O_CLOEXEC);
	second.work = openat(mount, "w", O_PATH | O_CLOEXEC);
	assert_int_equal(overlay_mount(&second, &err), -1);
	assert_non_null(strstr(err.hint, "VARVE_ROOT"));
	release_spec(&second);
	release_spec(&first);
	close(mount);
}

/* A layer with a hostile xattr must not show another directory's files (HARDENING 2.2). */
static void redirects_in_layers_are_not_followed(void **state)
{
	struct overlay_spec spec = make_spec(2, true);
	struct error err = ERROR_INIT;
	int mount, pub;

	(void)state;
	if (userns_inside())
		skip(); /* trusted xattrs cannot be made here */
	assert_return_code(mkdirat(lowers[0], "pub", 0755), errno);
	assert_return_code(mkdirat(lowers[1], "secret", 0700), errno);
	box_write(lowers[1], "secret/key", "x", 0600);
	pub = openat(lowers[0], "pub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(fsetxattr(pub, "trusted.overlay.redirect", "/secret", 7, 0), errno);
	mount = overlay_mount(&spec, &err);
	assert_ok(mount, &err);
	assert_int_equal(faccessat(mount, "pub/key", F_OK, 0), -1);
	close(mount);
	close(pub);
	release_spec(&spec);
}

static void device_nodes_in_layers_do_not_work(void **state)
{
	struct overlay_spec spec = make_spec(2, true);
	struct error err = ERROR_INIT;
	int mount;

	(void)state;
	if (userns_inside())
		skip();
	assert_return_code(mknodat(lowers[1], "mem", S_IFCHR | 0666, 0x101), errno);
	mount = overlay_mount(&spec, &err);
	assert_ok(mount, &err);
	assert_int_equal(openat(mount, "mem", O_RDONLY | O_CLOEXEC), -1);
	assert_int_equal(errno, EACCES);
	close(mount);
	release_spec(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_descriptor),
		cmocka_unit_test(by_name),
		cmocka_unit_test(by_options),
		cmocka_unit_test(takes_the_first_way_that_works),
		cmocka_unit_test(too_many_layers_is_an_error_that_says_so),
		cmocka_unit_test(without_an_upper_nothing_can_be_written),
		cmocka_unit_test(nothing_is_attached_in_this_namespace),
		cmocka_unit_test(a_file_cannot_be_a_layer),
		cmocka_unit_test(an_overlay_cannot_hold_uppers),
		cmocka_unit_test(redirects_in_layers_are_not_followed),
		cmocka_unit_test(device_nodes_in_layers_do_not_work),
	};
	int failed;

	if (!box_privileges())
		return 0;
	box_make(&box);
	make_lowers();
	failed = cmocka_run_group_tests_name("runtime/overlay", tests, NULL, NULL);
	for (int i = 0; i < MANY; i++)
		close(lowers[i]);
	box_remove(&box);
	return failed;
}
