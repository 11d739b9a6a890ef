/* SPDX-License-Identifier: Apache-2.0 */
/* Why a program does not start, and what a root and its mounts may look like. */
#include "tests/runtime_box.h"

#include <sys/stat.h>

static struct box box;

/* The error of a program that cannot be started. */
static void expect_failure(struct run *r, enum error_code code, const char *text, const char *hint)
{
	char whole[2000];

	if (run_start(r))
		assert_false(run_finish(r));
	error_format(&r->err, whole, sizeof(whole));
	assert_string_equal(whole, text);
	assert_int_equal(r->err.code, code);
	if (strstr(r->err.hint, hint) == NULL)
		fail_msg("\"%s\" is not in the hint \"%s\"", hint, r->err.hint);
	assert_int_equal(r->text.length, 0);
	run_release(r);
}

static void expect_exec_failure(char *program, enum error_code code, const char *text,
				const char *hint)
{
	struct run r;

	run_init(&r, &box, "");
	r.argv[0] = program;
	r.argv[1] = NULL;
	expect_failure(&r, code, text, hint);
}

static void a_missing_program_is_not_found(void **state)
{
	(void)state;
	expect_exec_failure((char[]){"/bin/bash"}, ERROR_NOT_FOUND,
			    "exec /bin/bash: No such file or directory",
			    "the image has no /bin/bash");
	expect_exec_failure((char[]){"bash"}, ERROR_NOT_FOUND, "exec bash: not found in PATH",
			    "no program bash");
	expect_exec_failure((char[]){"./x"}, ERROR_NOT_FOUND, "exec ./x: No such file or directory",
			    "");
	expect_exec_failure((char[]){"/etc/passwd/x"}, ERROR_NOT_FOUND,
			    "exec /etc/passwd/x: Not a directory", "");
	expect_exec_failure((char[]){""}, ERROR_NOT_FOUND, "exec : not found in PATH", "");
}

static void a_missing_interpreter_is_told_apart(void **state)
{
	(void)state;
	box_write(box.lower, "bin/script", "#!/bin/bash -e\ntrue\n", 0755);
	expect_exec_failure((char[]){"/bin/script"}, ERROR_NOT_FOUND,
			    "exec /bin/script: its interpreter /bin/bash does not exist",
			    "the image has no /bin/bash");
	box_write(box.lower, "bin/dos", "#!/bin/sh\r\ntrue\r\n", 0755);
	expect_exec_failure((char[]){"dos"}, ERROR_NOT_FOUND,
			    "exec /bin/dos: its interpreter /bin/sh does not exist",
			    "carriage return");
	/* Any dynamically linked program of this machine. */
	box_copy(box.lower, "/proc/self/exe", "bin/dynamic");
	{
		char program[] = "/bin/dynamic", whole[1000];
		struct run r;

		run_init(&r, &box, "");
		r.argv[0] = program;
		r.argv[1] = NULL;
		assert_true(run_start(&r));
		assert_false(run_finish(&r));
		error_format(&r.err, whole, sizeof(whole));
		assert_int_equal(strncmp(whole, "exec /bin/dynamic: its loader /lib", 34), 0);
		assert_int_equal(r.err.code, ERROR_NOT_FOUND);
		run_release(&r);
	}
}

static void what_may_not_be_executed_is_denied(void **state)
{
	struct run r;

	(void)state;
	box_write(box.lower, "bin/plain", "#!/bin/sh\n", 0644);
	expect_exec_failure((char[]){"/bin/plain"}, ERROR_DENIED,
			    "exec /bin/plain: Permission denied", "not a file that this user may");
	expect_exec_failure((char[]){"/etc"}, ERROR_DENIED, "exec /etc: Permission denied", "");
	box_write(box.lower, "bin/text", "no interpreter line\n", 0755);
	expect_exec_failure((char[]){"/bin/text"}, ERROR_DENIED,
			    "exec /bin/text: not a program for this machine", "#!");
	box_write(box.lower, "bin/foreign", "\177ELF\2\1\1\0\0\0\0", 0755);
	expect_exec_failure((char[]){"/bin/foreign"}, ERROR_DENIED,
			    "exec /bin/foreign: not a program for this machine", "architecture");
	if (box_single)
		return; /* there is no other user */
	box_write(box.lower, "bin/private", "#!/bin/sh\n", 0700);
	run_init(&r, &box, "");
	r.argv[0] = (char[]){"/bin/private"};
	r.argv[1] = NULL;
	r.spec.uid = r.spec.gid = 1000;
	expect_failure(&r, ERROR_DENIED, "exec /bin/private: Permission denied", "");
}

/* CVE-2019-5736: until execve(), /proc/self/exe is this program, which root could overwrite. */
static void the_host_program_is_out_of_reach(void **state)
{
	static const char *const names[] = {"direct", "script", "nested", "indirect"};
	char path[PATH_MAX] = "";
	struct run r;

	(void)state;
	assert_true(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	assert_return_code(symlinkat("/proc/self/exe", box.lower, "bin/direct"), errno);
	box_write(box.lower, "bin/script", "#!/proc/self/exe\n", 0755);
	box_write(box.lower, "bin/nested", "#! /bin/script x\n", 0755);
	box_write(box.lower, "bin/indirect", "#!/bin/direct\n", 0755);
	for (size_t i = 0; i < 4; i++) {
		char program[32], want[100];

		snprintf(program, sizeof(program), "/bin/%s", names[i]);
		snprintf(want, sizeof(want), "exec %s: Too many levels of symbolic links", program);
		expect_exec_failure(program, ERROR_IO, want, "/proc");
	}
	run_init(&r, &box,
		 "readlink /proc/1/exe; cat /proc/1/exe; echo x > /proc/1/exe; "
		 "ls /proc/1/root/ /proc/1/cwd/ /proc/1/fd /proc/1/map_files; echo end");
	assert_int_equal(run_all(&r), 0);
	assert_null(strstr(r.text.data, path));
	assert_null(strstr(r.text.data, "busybox\n"));
	assert_string_equal(r.text.data + r.text.length - 4, "end\n");
	assert_true(r.text.length < 1000);
	run_release(&r);
}

static void too_many_arguments_are_explained(void **state)
{
	enum { SIZE = 200 * 1024 }; /* MAX_ARG_STRLEN is 128 KiB */
	char *big = malloc(SIZE);
	struct run r;

	(void)state;
	memset(big, 'x', SIZE - 1);
	big[SIZE - 1] = '\0';
	run_init(&r, &box, "");
	free(r.argv[2]);
	r.argv[2] = big;
	expect_failure(&r, ERROR_IO, "exec /bin/sh: Argument list too long", "too long");
}

static void path_is_searched_inside_the_root(void **state)
{
	static char path[] = "PATH=relative::/nowhere:/etc:/bin", none[] = "X=1";
	struct run r;

	(void)state;
	run_init(&r, &box, "echo found");
	r.argv[0] = (char[]){"sh"};
	r.envp[0] = path;
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data, "found\n");
	run_release(&r);
	run_init(&r, &box, "echo $X"); /* the default PATH */
	r.argv[0] = (char[]){"sh"};
	r.envp[0] = none;
	r.envp[1] = NULL;
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data, "1\n");
	run_release(&r);
}

static void working_directories(void **state)
{
	static const char *const refused[] = {
		"/proc/self/fd/3", "/proc/self/fd/7", "/proc/self/cwd",
		"/proc/1/root",    "/proc/1/cwd",
	};
	struct run r;

	(void)state;
	run_init(&r, &box, "pwd");
	r.spec.cwd = "/etc/../tmp/.";
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data, "/tmp\n");
	run_release(&r);
	run_init(&r, &box, "");
	r.spec.cwd = "/missing/dir";
	expect_failure(&r, ERROR_IO, "working directory /missing/dir: No such file or directory",
		       "");
	run_init(&r, &box, "");
	r.spec.cwd = "/bin/busybox";
	expect_failure(&r, ERROR_IO, "working directory /bin/busybox: Not a directory", "");
	/* CVE-2024-21626 */
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		run_init(&r, &box, "pwd; ls");
		r.spec.cwd = refused[i];
		assert_true(run_start(&r));
		assert_false(run_finish(&r));
		assert_int_equal(r.text.length, 0);
		assert_non_null(strstr(r.err.frame[0].text, "working directory /proc/"));
		run_release(&r);
	}
	for (int i = 0; i < 64; i++) {
		char cwd[32];

		snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d", i);
		run_init(&r, &box, "pwd; ls");
		r.spec.cwd = cwd;
		assert_true(run_start(&r));
		assert_false(run_finish(&r));
		run_release(&r);
	}
}

/* As Docker: the directory is entered before the user is changed. */
static void a_working_directory_may_belong_to_root(void **state)
{
	struct run r;

	(void)state;
	if (box_single)
		skip();
	assert_return_code(mkdirat(box.lower, "root", 0700), errno);
	run_init(&r, &box, "echo ok");
	r.spec.cwd = "/root";
	r.spec.uid = r.spec.gid = 1000;
	assert_int_equal(run_all(&r), 0);
	run_release(&r);
}

/* Gives `name` in the image a shape; what it hides comes back with a stub layer on top. */
static void shape(int dir, const char *name, int kind)
{
	struct error err = ERROR_INIT;

	assert_ok(remove_tree(dir, name, &err), &err);
	if (kind == 0)
		box_write(dir, name, "file", 0644);
	else if (kind == 1)
		assert_return_code(mknodat(dir, name, S_IFIFO | 0644, 0), errno);
	else if (kind < 6) {
		static const char *const links[] = {"/tmp", "../../../../../../tmp", "/missing",
						    "loop"};

		assert_return_code(symlinkat(kind == 5 ? name : links[kind - 2], dir, name), errno);
	}
}

enum { SHAPES = 7 }; /* the last: missing */

/* CVE-2026-41579, CVE-2026-47766: the image's /dev leads elsewhere. */
static void strange_targets_are_errors_without_a_stub_layer(void **state)
{
	static const char *const names[] = {"dev", "proc", "sys"};

	(void)state;
	for (size_t n = 0; n < 3; n++)
		for (int kind = 0; kind < SHAPES; kind++) {
			struct run r;

			shape(box.lower, names[n], kind);
			run_init(&r, &box, "echo started");
			assert_true(run_start(&r));
			assert_false(run_finish(&r));
			assert_int_equal(r.text.length, 0);
			assert_int_equal(r.err.code, ERROR_IO);
			run_release(&r);
			shape(box.lower, names[n], SHAPES - 1);
			assert_return_code(mkdirat(box.lower, names[n], 0755), errno);
		}
}

static void a_stub_layer_heals_strange_targets(void **state)
{
	static const char *const names[] = {"dev", "proc", "sys", "etc/resolv.conf"};
	int source;

	(void)state;
	box_write(box.dir, "resolv", "nameserver 192.0.2.1\n", 0644);
	source = openat(box.dir, "resolv", O_PATH | O_CLOEXEC);
	for (size_t n = 0; n < 3; n++)
		assert_return_code(mkdirat(box.stub, names[n], 0755), errno);
	assert_return_code(mkdirat(box.stub, "etc", 0755), errno);
	box_write(box.stub, "etc/resolv.conf", "", 0644);
	for (size_t n = 0; n < 4; n++)
		for (int kind = 0; kind < SHAPES; kind++) {
			struct sandbox_mount mount = {.kind = SANDBOX_BIND,
						      .source = source,
						      .target = "/etc/resolv.conf",
						      .read_only = true};
			struct run r;

			shape(box.lower, names[n], kind);
			run_init(&r, &box,
				 "cat /etc/resolv.conf; ls /dev/null /proc/self/comm; "
				 "test -d /sys/class && echo sys; touch /etc/new; "
				 "rm /etc/resolv.conf 2>/dev/null; :");
			r.lowers[0] = box.stub;
			r.lowers[1] = box.lower;
			r.spec.root.count = 2;
			r.spec.mounts = &mount;
			r.spec.mount_count = 1;
			assert_int_equal(run_all(&r), 0);
			assert_string_equal(r.text.data, "nameserver 192.0.2.1\n/dev/null\n"
							 "/proc/self/comm\nsys\n");
			assert_int_equal(faccessat(r.spec.root.upper, "etc/new", F_OK, 0), 0);
			assert_int_equal(faccessat(r.spec.root.upper, "etc/resolv.conf", F_OK,
						   AT_SYMLINK_NOFOLLOW),
					 -1);
			run_release(&r);
			shape(box.lower, names[n], SHAPES - 1);
			if (n < 3)
				assert_return_code(mkdirat(box.lower, names[n], 0755), errno);
		}
	close(source);
}

static void binds_and_tmpfs_are_mounted_with_their_flags(void **state)
{
	int data = box_directory(&box, "data"), deep;
	struct sandbox_mount mounts[] = {
		{.kind = SANDBOX_BIND, .source = data, .target = "/tmp", .read_only = true},
		{.kind = SANDBOX_TMPFS, .target = "/etc", .mode = 01770, .size = 1 << 20},
		{.kind = SANDBOX_BIND, .source = data, .target = "/link/below", .exec = true},
		{.kind = SANDBOX_MOVE, .target = "/moved"},
	};
	struct overlay_spec overlay = {.lower = &box.stub, .count = 1, .upper = -1, .work = -1};
	struct error err = ERROR_INIT;
	struct run r;

	(void)state;
	box_write(data, "file", "text\n", 0644);
	deep = box_directory(&box, "lower/link-target/below");
	assert_return_code(symlinkat("/link-target", box.lower, "link"), errno);
	assert_return_code(mkdirat(box.lower, "moved", 0755), errno);
	mounts[3].source = overlay_mount(&overlay, &err);
	assert_ok(mounts[3].source, &err);
	run_init(&r, &box,
		 "cat /tmp/file /link-target/below/file; touch /tmp/x 2>/dev/null || echo ro; "
		 "touch /link/below/y && echo rw; stat -c %a /etc; ls /moved; "
		 "grep -E ' /(tmp|etc|link-target/below|moved) ' /proc/mounts | "
		 "while read a b c d e; do echo $b $c ${d%%,relatime*}; done");
	r.spec.mounts = mounts;
	r.spec.mount_count = 4;
	assert_int_equal(run_all(&r), 0);
	if (strstr(r.text.data, "text\ntext\nro\nrw\n1770\ndev\netc\nproc\nsys\n") != r.text.data ||
	    strstr(r.text.data, " ro,nosuid,nodev,noexec\n") == NULL ||
	    strstr(r.text.data, "/etc tmpfs rw,nosuid,nodev,noexec\n") == NULL ||
	    strstr(r.text.data, " rw,nosuid,nodev\n") == NULL)
		fail_msg("%s", r.text.data);
	assert_int_equal(faccessat(data, "y", F_OK, 0), 0);
	run_release(&r);
	close(mounts[3].source);
	close(data);
	close(deep);
}

/* CVE-2019-16884, CVE-2023-27561: a target that leads below /proc. */
static void targets_in_proc_and_sys_are_refused(void **state)
{
	static const char *const targets[] = {"/proc/sys", "/evil", "/proc/self/fd", "/sys/fs"};

	(void)state;
	assert_return_code(symlinkat("/proc/sys/kernel", box.lower, "evil"), errno);
	for (size_t i = 0; i < 4; i++) {
		struct sandbox_mount mount = {
			.kind = SANDBOX_TMPFS, .target = targets[i], .mode = 0755};
		struct run r;
		char text[1000];

		run_init(&r, &box, "echo started");
		r.spec.mounts = &mount;
		r.spec.mount_count = 1;
		assert_true(run_start(&r));
		assert_false(run_finish(&r));
		error_format(&r.err, text, sizeof(text));
		assert_non_null(strstr(text, "leads into /proc or /sys"));
		run_release(&r);
	}
}

static void mounts_of_the_wrong_type_are_explained(void **state)
{
	int file = openat(box.lower, "bin/busybox", O_PATH | O_CLOEXEC);
	struct sandbox_mount mount = {.kind = SANDBOX_BIND, .source = file, .target = "/tmp"};
	struct run r;

	(void)state;
	run_init(&r, &box, "");
	r.spec.mounts = &mount;
	r.spec.mount_count = 1;
	expect_failure(&r, ERROR_IO,
		       "mounting on /tmp: one of source and target is a directory, "
		       "the other a file",
		       "");
	mount = (struct sandbox_mount){.kind = SANDBOX_TMPFS, .target = "/missing"};
	run_init(&r, &box, "");
	r.spec.mounts = &mount;
	r.spec.mount_count = 1;
	expect_failure(&r, ERROR_IO, "mounting on /missing: /missing: No such file or directory",
		       "");
	close(file);
}

static void too_many_mounts_are_refused(void **state)
{
	static struct sandbox_mount mounts[SANDBOX_MAX_MOUNTS + 1];
	struct run r;

	(void)state;
	for (size_t i = 0; i <= SANDBOX_MAX_MOUNTS; i++)
		mounts[i] = (struct sandbox_mount){.kind = SANDBOX_TMPFS, .target = "/tmp"};
	run_init(&r, &box, "");
	r.spec.mounts = mounts;
	r.spec.mount_count = SANDBOX_MAX_MOUNTS + 1;
	expect_failure(&r, ERROR_LIMIT, "257 mounts in a sandbox; at most 256 are allowed", "");
	run_init(&r, &box, "grep -c ' /tmp ' /proc/mounts");
	r.spec.mounts = mounts;
	r.spec.mount_count = SANDBOX_MAX_MOUNTS;
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data, "256\n");
	run_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_program_is_not_found),
		cmocka_unit_test(a_missing_interpreter_is_told_apart),
		cmocka_unit_test(what_may_not_be_executed_is_denied),
		cmocka_unit_test(the_host_program_is_out_of_reach),
		cmocka_unit_test(too_many_arguments_are_explained),
		cmocka_unit_test(path_is_searched_inside_the_root),
		cmocka_unit_test(working_directories),
		cmocka_unit_test(a_working_directory_may_belong_to_root),
		cmocka_unit_test(strange_targets_are_errors_without_a_stub_layer),
		cmocka_unit_test(a_stub_layer_heals_strange_targets),
		cmocka_unit_test(binds_and_tmpfs_are_mounted_with_their_flags),
		cmocka_unit_test(targets_in_proc_and_sys_are_refused),
		cmocka_unit_test(mounts_of_the_wrong_type_are_explained),
		cmocka_unit_test(too_many_mounts_are_refused),
	};
	int failed;

	if (!box_privileges())
		return 0;
	box_make(&box);
	box_write(box.lower, "etc/passwd", "", 0644);
	failed = cmocka_run_group_tests_name("runtime/start", tests, NULL, NULL);
	box_remove(&box);
	return failed;
}
