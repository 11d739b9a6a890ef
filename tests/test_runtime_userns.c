/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sandboxes of a user who is not root, with one id and with a range of them. The tests start as
 * root and give it up in a child; without root they take what this user has.
 */
#include "tests/runtime_box.h"
#include "tests/runtime_user.h"

#include "runtime/subid.h"

#include <sched.h>
#include <sys/mount.h>

static struct box box;
static bool was_root;

/* Runs a test body in a child, so that the namespace ends with it. Nothing of cmocka works there:
   the body returns NULL or what is wrong. */
static void in_child(const char *(*body)(void))
{
	char text[1000] = "";
	int pair[2], status;
	pid_t pid;

	assert_return_code(pipe2(pair, O_CLOEXEC), errno);
	pid = fork();
	if (pid == 0) {
		const char *wrong = body();

		if (wrong != NULL && write(pair[1], wrong, strlen(wrong)) < 0)
			_exit(2);
		_exit(wrong != NULL);
	}
	close(pair[1]);
	assert_true(read(pair[0], text, sizeof(text) - 1) >= 0);
	close(pair[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("status 0x%x: %s", (unsigned int)status, text);
}

static const char *explain(const struct error *err)
{
	static char text[1000];

	error_format(err, text, sizeof(text));
	return text;
}

/* Its own small box: what root made in the other one is not this user's. */
static struct box own;

/* NULL if the script prints exactly that. */
static const char *run_script(const char *script, uid_t uid, const char *output)
{
	static char text[1500];
	struct run r;

	run_init(&r, &own, script);
	r.spec.uid = uid;
	r.spec.gid = uid;
	if (!run_start(&r) || !run_finish(&r))
		return explain(&r.err);
	if (strcmp(r.text.data, output) != 0 || r.result.wait_status != 0) {
		snprintf(text, sizeof(text), "status 0x%x, output: %.1300s",
			 (unsigned int)r.result.wait_status, r.text.data);
		return text;
	}
	run_release(&r);
	return NULL;
}

/* Without userxattr these fail with EIO (HARDENING 0.3). */
static const char changes[] =
	"rm -rf /old/dir && mkdir /old/dir && ls /old/dir && echo removed\n"
	"rm /old/file && mkdir /old/file && echo file to dir\n"
	"rm -rf /old/dir2 && echo x > /old/dir2 && echo dir to file\n"
	"echo new > /old/tmp && mv /old/tmp /old/replaced && cat /old/replaced\n"
	"mv /old/moved /old/moved2 && ls /old/moved2 && echo end\n";
static const char changed[] = "removed\nfile to dir\ndir to file\nnew\ninner\nend\n";

static const char *make_own_box(void)
{
	static const char *const directories[] = {"old", "old/dir", "old/dir2", "old/moved"};

	box_make(&own);
	for (size_t i = 0; i < 4; i++)
		if (mkdirat(own.lower, directories[i], 0755) < 0)
			return "mkdir";
	box_write(own.lower, "old/dir/inner", "", 0644);
	box_write(own.lower, "old/dir2/inner", "", 0644);
	box_write(own.lower, "old/moved/inner", "", 0644);
	box_write(own.lower, "old/file", "", 0644);
	box_write(own.lower, "old/replaced", "old\n", 0644);
	return NULL;
}

static const char *check_common(void)
{
	const char *wrong = make_own_box();

	if (!userns_inside() || !userns_privileged())
		return "not root of a user namespace";
	wrong = wrong != NULL ? wrong : run_script(changes, 0, changed);
	wrong = wrong != NULL ? wrong
			      : run_script("id -u; id -g; grep ^CapEff /proc/self/status", 0,
					   "0\n0\nCapEff:\t00000000a80425fb\n");
	wrong = wrong != NULL ? wrong
			      : run_script("echo x > /dev/null && head -c 2 /dev/zero | wc -c; "
					   "ls /dev/pts; stat -c '%t:%T' /dev/urandom; "
					   "ls /sys/fs/cgroup; test -d /sys/class && echo sys; "
					   "mkdir /sys/x 2>/dev/null || echo read-only",
					   0, "2\nptmx\n1:9\nsys\nread-only\n");
	return wrong;
}

static const char *single_id(void)
{
	struct error err = ERROR_INIT, why = ERROR_INIT;
	const char *wrong = was_root ? user_become() : NULL;
	bool single = false;
	struct run r;

	if (wrong != NULL)
		return wrong;
	if (userns_ranges(&why) == 0)
		return "this user already has ranges";
	if (why.hint[0] == '\0')
		return "no hint how to get ranges";
	if (userns_enter(&single, &err) < 0)
		return explain(&err);
	if (!single)
		return "single is not set";
	wrong = check_common();
	if (wrong != NULL)
		return wrong;
	/* Another id does not exist; the message says what to do. */
	run_init(&r, &own, "id");
	r.spec.uid = r.spec.gid = 100;
	if (!run_start(&r))
		return explain(&r.err);
	if (run_finish(&r))
		return "user 100 works";
	if (strstr(explain(&r.err), "becoming group 100") == NULL ||
	    strstr(r.err.hint, "/etc/subuid") == NULL)
		return explain(&r.err);
	run_release(&r);
	box_remove(&own);
	return NULL;
}

static const char *many_ids(void)
{
	struct error err = ERROR_INIT;
	const char *wrong = was_root ? user_give_ranges(&box) : NULL;
	bool single = true;
	struct stat st;
	int fd;

	if (wrong == NULL && was_root)
		wrong = user_become();
	if (wrong != NULL)
		return wrong;
	if (userns_ranges(&err) < 0)
		return explain(&err);
	if (userns_enter(&single, &err) < 0)
		return explain(&err);
	if (single)
		return "single is set";
	wrong = check_common();
	wrong = wrong != NULL ? wrong
			      : run_script("touch /a && chown 5:7 /a && stat -c %u:%g /a; "
					   "chown 65536 /a && stat -c %u /a",
					   0, "5:7\n65536\n");
	wrong = wrong != NULL ? wrong : run_script("id -u; id -g", 100, "100\n100\n");
	if (wrong != NULL)
		return wrong;
	fd = box_directory(&own, "owned");
	if (fchownat(fd, "", 5, 5, AT_EMPTY_PATH) < 0 || fstat(fd, &st) < 0 || st.st_uid != 5)
		return "chown to 5";
	close(fd);
	box_remove(&own);
	return NULL;
}

static void with_a_single_id(void **state)
{
	struct error why = ERROR_INIT;

	(void)state;
	if (!was_root && userns_ranges(&why) == 0)
		skip();
	in_child(single_id);
}

static void with_a_range_of_ids(void **state)
{
	struct error why = ERROR_INIT;

	(void)state;
	if (access("/usr/bin/newuidmap", X_OK) < 0 || access("/etc/subuid", F_OK) < 0 ||
	    (!was_root && userns_ranges(&why) < 0))
		skip();
	in_child(many_ids);
}

static const char *count_user_namespaces_away(void)
{
	struct error err = ERROR_INIT;
	char text[] = "0";
	const char *wrong;
	bool single;
	int fd;

	/* In a user namespace of our own the limit can be set without touching the system. */
	if (unshare(CLONE_NEWUSER) < 0)
		return "unshare";
	fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, 1) != 1)
		return "writing max_user_namespaces";
	close(fd);
	wrong = userns_enter(&single, &err) < 0 ? NULL : "it worked";
	if (wrong == NULL && strstr(err.hint, "user.max_user_namespaces") == NULL)
		return explain(&err);
	return wrong;
}

static void a_limit_of_namespaces_is_named(void **state)
{
	(void)state;
	if (!was_root)
		skip();
	in_child(count_user_namespaces_away);
}

static void ranges_are_parsed_as_newuidmap_does(void **state)
{
	static const char text[] =
		"joe:100000:65536\n1000:1:2\njoe:x:1\njoe:5\njoe:5:\njoe:5:0\n"
		"joe:-1:5\njoe:1:5:6\njoe:1:5 \nmoe:7:8\n:1:1\njoe:4294967295:2\n"
		"joe:4294967296:1\n#joe:1:1\njoe:300000:10";
	struct subid s;

	(void)state;
	subid_parse(text, "joe", 1000, &s);
	assert_int_equal(s.ranges, 3);
	assert_int_equal(s.range[0].first, 100000);
	assert_int_equal(s.range[0].count, 65536);
	assert_int_equal(s.range[1].first, 1);
	assert_int_equal(s.range[2].first, 300000);
	assert_int_equal(subid_total(&s), 65536 + 2 + 10);
	subid_parse(text, NULL, 1001, &s);
	assert_int_equal(s.ranges, 0);
	subid_parse("", "joe", 1000, &s);
	assert_int_equal(s.ranges, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_parsed_as_newuidmap_does),
		cmocka_unit_test(with_a_single_id),
		cmocka_unit_test(with_a_range_of_ids),
		cmocka_unit_test(a_limit_of_namespaces_is_named),
	};
	int failed;

	was_root = userns_privileged() && !userns_inside();
	box_make(&box);
	failed = cmocka_run_group_tests_name("runtime/userns", tests, NULL, NULL);
	box_remove(&box);
	return failed;
}
