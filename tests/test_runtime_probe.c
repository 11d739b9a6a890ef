/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/runtime_box.h"

#include "runtime/probe.h"

#include <dirent.h>
#include <sys/mount.h>

static struct box box;

static const struct probe_item *find(const struct probe_result *result, const char *name)
{
	for (int i = 0; i < result->count; i++)
		if (strcmp(result->item[i].name, name) == 0)
			return &result->item[i];
	fail_msg("no item %s", name);
	return NULL;
}

static int count_entries(int dir)
{
	struct error err = ERROR_INIT;
	auto_(dir) DIR *d = fdopendir(reopen_dir(dir, &err));
	int count = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		count++;
	return count;
}

static void says_what_this_machine_allows(void **state)
{
	static const char *const needed[] = {"kernel",
					     "openat2",
					     "mount_setattr",
					     "pidfd",
					     "sandbox namespaces",
					     "overlay by options"};
	struct probe_result result;
	int before = count_entries(box.dir);

	(void)state;
	probe_run(box.dir, &result);
	assert_true(result.count > 10 && result.count <= PROBE_MAX);
	for (int i = 0; i < result.count; i++) {
		print_message("# %-24s %-3s %s\n", result.item[i].name,
			      result.item[i].ok ? "yes" : "no", result.item[i].detail);
		if (!result.item[i].ok)
			assert_true(result.item[i].detail[0] != '\0');
	}
	/* Where the other tests run sandboxes, these must be found to work. */
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		assert_true(find(&result, needed[i])->ok);
	assert_int_equal(count_entries(box.dir), before);
	assert_false(userns_inside() && getuid() != 0);
}

/* overlayfs itself cannot hold an upper. */
static void says_why_a_store_cannot_hold_uppers(void **state)
{
	int lowers[2] = {box.lower, box.stub}, mount;
	struct overlay_spec spec = {.lower = lowers,
				    .count = 2,
				    .upper = box_directory(&box, "upper"),
				    .work = box_directory(&box, "work"),
				    .userxattr = userns_inside()};
	struct error err = ERROR_INIT;
	struct probe_result result;

	(void)state;
	mount = overlay_mount(&spec, &err);
	assert_ok(mount, &err);
	probe_run(mount, &result);
	assert_false(find(&result, "overlay by options")->ok);
	assert_true(find(&result, "openat2")->ok);
	close(mount);
	close(spec.upper);
	close(spec.work);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_this_machine_allows),
		cmocka_unit_test(says_why_a_store_cannot_hold_uppers),
	};
	int failed;

	if (!box_privileges())
		return 0;
	box_make(&box);
	failed = cmocka_run_group_tests_name("runtime/probe", tests, NULL, NULL);
	box_remove(&box);
	return failed;
}
