/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be mounted in a sandbox, and the limits of one. All of it once more in a user namespace
 * with a range of ids.
 */
#include "tests/runtime_box.h"
#include "tests/runtime_user.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct box box;

/* Runs script with these mounts; it must exit with 0 and print exactly that. */
static void with_mounts(const struct sandbox_mount *mounts, size_t count, const char *script,
			const char *output)
{
	struct run r;

	run_init(&r, &box, script);
	r.spec.mounts = mounts;
	r.spec.mount_count = count;
	if (run_all(&r) != 0 || strcmp(r.text.data, output) != 0)
		fail_msg("%s\nstatus %x: %s", script, (unsigned int)r.result.wait_status,
			 r.text.data);
	run_release(&r);
}

/* It must not start, and say that. */
static void must_fail(struct run *r, enum error_code code, const char *text, const char *hint)
{
	char message[1000];

	assert_true(run_start(r));
	assert_false(run_finish(r));
	error_format(&r->err, message, sizeof(message));
	if (r->err.code != code || strstr(message, text) == NULL ||
	    strstr(r->err.hint, hint) == NULL)
		fail_msg("code %d: %s (hint: %s)", r->err.code, message, r->err.hint);
	run_release(r);
}

/* The merged tree of lower/source and a fresh upper, as a detached mount. */
static int make_source(int *upper)
{
	struct error err = ERROR_INIT;
	int lower = box_directory(&box, "source"), work = box_directory(&box, "source-work"), mount;

	*upper = box_directory(&box, "source-upper");
	mount = overlay_mount(&(struct overlay_spec){.lower = &lower,
						     .count = 1,
						     .upper = *upper,
						     .work = work,
						     .userxattr = userns_inside()},
			      &err);
	assert_ok(mount, &err);
	close(lower);
	close(work);
	return mount;
}

static void parts_of_one_detached_mount_are_attached(void **state)
{
	int upper, source;

	(void)state;
	source = make_source(&upper);
	struct sandbox_mount mounts[] = {
		{.kind = SANDBOX_SUBTREE, .source = source, .target = "/tmp", .subpath = "dir"},
		{.kind = SANDBOX_SUBTREE,
		 .source = source,
		 .target = "/mnt/file",
		 .subpath = "dir/file",
		 .read_only = true},
		{.kind = SANDBOX_SUBTREE, .source = source, .target = "/mnt/all", .subpath = ""},
		{.kind = SANDBOX_SUBTREE,
		 .source = source,
		 .target = "/mnt/linked",
		 .subpath = "link/deep",
		 .read_only = true},
	};
	with_mounts(mounts, 4,
		    "cat /tmp/file /mnt/file /mnt/linked/leaf; ls /mnt/all; echo new > /tmp/new; "
		    "cat /mnt/all/dir/new; touch /mnt/linked/x 2>/dev/null || echo ro; "
		    "echo x 2>/dev/null > /mnt/file || echo ro",
		    "text\ntext\nleaf\ndir\nlink\nnew\nro\nro\n");
	/* Written to the throw-away upper of the source, never to its lower. */
	assert_int_equal(faccessat(upper, "dir/new", F_OK, 0), 0);
	close(source);
	/* Nothing of it is left mounted: the same upper may be used again. */
	close(make_source(&upper));
}

static void a_part_stays_inside_its_source(void **state)
{
	static const char *const outside[] = {"../../../etc", "/etc/passwd", "escape/passwd",
					      "missing"};
	int upper, source;

	(void)state;
	source = make_source(&upper);
	for (size_t i = 0; i < 4; i++) {
		struct sandbox_mount mount = {.kind = SANDBOX_SUBTREE,
					      .source = source,
					      .target = "/tmp",
					      .subpath = outside[i]};
		struct run r;

		run_init(&r, &box, "");
		r.spec.mounts = &mount;
		r.spec.mount_count = 1;
		must_fail(&r, ERROR_IO, "mounting on /tmp: ", "");
		close(source);
		source = make_source(&upper);
	}
	close(source);
}

static void data_becomes_a_file_of_its_owner(void **state)
{
	struct sandbox_mount mounts[] = {
		{.kind = SANDBOX_DATA, .target = "/mnt/file", .data = "secret\n", .length = 7},
		{.kind = SANDBOX_DATA, .target = "/tmp/x/y/key", .data = "a\0b", .length = 3},
	};

	(void)state;
	mounts[0].mode = 0440;
	mounts[0].uid = 5;
	mounts[0].gid = 7;
	mounts[1].mode = 0400;
	struct sandbox_mount all[] = {
		mounts[0], {.kind = SANDBOX_TMPFS, .target = "/tmp", .mode = 01777}, mounts[1]};
	with_mounts(all, 3,
		    "cat /mnt/file; stat -c '%a %u:%g %h %s' /mnt/file /tmp/x/y/key; "
		    "stat -c '%a %u:%g' /tmp/x/y; echo x 2>/dev/null > /mnt/file || echo ro; "
		    "rm /mnt/file 2>/dev/null || echo busy; "
		    "grep ' /mnt/file ' /proc/mounts | while read a b c d e; do "
		    "echo $c ${d%%,relatime*}; done",
		    "secret\n440 5:7 1 7\n400 0:0 1 3\n755 0:0\nro\nbusy\n"
		    "ramfs ro,nosuid,nodev,noexec\n");
}

static void data_of_many_pages_is_complete(void **state)
{
	enum { SIZE = 500 * 1024 };
	char *data = xmalloc(SIZE);
	struct sandbox_mount mount = {.kind = SANDBOX_DATA,
				      .target = "/mnt/file",
				      .data = data,
				      .length = SIZE,
				      .mode = 0400};

	(void)state;
	memset(data, 'x', SIZE);
	with_mounts(&mount, 1, "wc -c < /mnt/file", "512000\n");
	free(data);
}

static void tmpfs_takes_size_mode_and_owner(void **state)
{
	struct sandbox_mount mounts[] = {
		{.kind = SANDBOX_TMPFS,
		 .target = "/tmp",
		 .mode = 01777,
		 .exec = true,
		 .size = 1 << 20},
		{.kind = SANDBOX_TMPFS, .target = "/mnt/all", .mode = 0750, .uid = 5, .gid = 7},
	};

	(void)state;
	with_mounts(mounts, 2,
		    "stat -c '%a %u:%g' /tmp /mnt/all; head -c 2097152 /dev/zero 2>/dev/null | "
		    "cat > /tmp/big 2>/dev/null || echo full; stat -c %s /tmp/big; rm /tmp/big; "
		    "cat /bin/busybox 2>/dev/null | head -c 0; "
		    "echo '#!/bin/sh' > /tmp/run; echo 'echo runs' >> /tmp/run; "
		    "chmod 755 /tmp/run; /tmp/run",
		    "1777 0:0\n750 5:7\nfull\n1048576\nruns\n");
}

static void targets_below_a_mount_are_made(void **state)
{
	int directory = box_directory(&box, "below"),
	    file = openat(box.lower, "bin/busybox", O_PATH);
	struct sandbox_mount mounts[] = {
		{.kind = SANDBOX_BIND, .source = directory, .target = "/tmp"},
		{.kind = SANDBOX_TMPFS, .target = "/tmp/a/b", .mode = 0700},
		{.kind = SANDBOX_BIND, .source = file, .target = "/tmp/a/b/c/busybox"},
		{.kind = SANDBOX_BIND, .source = file, .target = "/tmp/./file", .read_only = true},
	};
	struct stat st;

	(void)state;
	with_mounts(mounts, 4,
		    "stat -c '%a %F' /tmp/a /tmp/a/b /tmp/a/b/c; test -s /tmp/file && echo file; "
		    "test -s /tmp/a/b/c/busybox && echo nested",
		    "755 directory\n700 directory\n755 directory\nfile\nnested\n");
	/* Mount points of a mount are what the program would have had to make there itself. */
	assert_int_equal(fstatat(directory, "a/b", &st, 0), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(fstatat(directory, "file", &st, 0), 0);
	assert_true(S_ISREG(st.st_mode) && st.st_size == 0);
	close(directory);
	close(file);
}

static void targets_are_made_nowhere_else(void **state)
{
	int directory = box_directory(&box, "below");
	struct sandbox_mount mounts[] = {
		{.kind = SANDBOX_BIND, .source = directory, .target = "/tmp", .read_only = true},
		{.kind = SANDBOX_TMPFS, .target = "/tmp/missing", .mode = 0755},
	};
	struct run r;

	(void)state;
	run_init(&r, &box, "");
	r.spec.mounts = mounts;
	r.spec.mount_count = 2;
	must_fail(&r, ERROR_IO, "mounting on /tmp/missing: making /tmp/missing: Read-only", "");
	mounts[1].target = "/gone/below";
	run_init(&r, &box, "");
	r.spec.mounts = mounts;
	r.spec.mount_count = 2;
	must_fail(&r, ERROR_IO, "mounting on /gone/below: /gone/below: No such file", "");
	close(directory);
}

static void a_socket_can_be_bound(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), file;
	struct sandbox_mount mount = {.kind = SANDBOX_BIND, .target = "/mnt/file"};

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/socket", box.dir);
	assert_return_code(bind(listener, (struct sockaddr *)&address, sizeof(address)), errno);
	file = openat(box.dir, "socket", O_PATH | O_CLOEXEC);
	assert_true(file >= 0);
	mount.source = file;
	with_mounts(&mount, 1, "stat -c %F /mnt/file", "socket\n");
	assert_return_code(unlinkat(box.dir, "socket", 0), errno);
	close(file);
	close(listener);
}

static void shared_memory_has_the_size_asked_for(void **state)
{
	static const char script[] = "grep ' /dev/shm ' /proc/mounts | grep -o 'size=[0-9]*k'";
	struct run r;

	(void)state;
	expect_output(&box, script, "size=65536k\n");
	run_init(&r, &box, script);
	r.spec.shm_size = 3 << 20;
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data, "size=3072k\n");
	run_release(&r);
}

static void limits_are_set_for_the_program(void **state)
{
	static const struct sandbox_limit limits[] = {
		{RLIMIT_NOFILE, 100, 200},
		{RLIMIT_CORE, 0, 4096},
		{RLIMIT_NPROC, 500, 600},
	};
	struct run r;

	(void)state;
	run_init(&r, &box,
		 "while read a b c d e f; do case $a$b in Maxopen|Maxcore|Maxprocesses) "
		 "echo $b $c $d $e;; esac; done < /proc/self/limits");
	r.spec.limits = limits;
	r.spec.limit_count = 3;
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data,
			    "core file size 0\nprocesses 500 600 processes\nopen files 100 200\n");
	run_release(&r);
}

static void a_limit_that_may_not_be_raised_is_denied(void **state)
{
	static const struct sandbox_limit limit = {RLIMIT_NOFILE, 1, UINT64_MAX};
	struct run r;

	(void)state;
	run_init(&r, &box, "");
	r.spec.limits = &limit;
	r.spec.limit_count = 1;
	must_fail(&r, ERROR_DENIED, "setting the limit nofile=1:unlimited", "");
}

static void an_unconfined_program_sees_everything(void **state)
{
	static const char script[] =
		"grep -q ' /proc/interrupts ' /proc/mounts && echo hidden; "
		"grep -q ' /proc/sys ' /proc/mounts && echo protected; "
		"grep ' /sys ' /proc/mounts | while read a b c d; do echo ${d%%,*}; done; "
		"mount -t tmpfs none /mnt/all 2>/dev/null && echo mounts; :";
	struct run r;

	(void)state;
	expect_output(&box, script, "hidden\nprotected\nro\n");
	run_init(&r, &box, script);
	r.spec.unconfined = true;
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data, "rw\nmounts\n");
	run_release(&r);
}

static void fill_box(void)
{
	int source, deep;

	box_make(&box);
	source = box_directory(&box, "source");
	deep = box_directory(&box, "source/dir/deep");
	close(box_directory(&box, "lower/mnt/all"));
	close(box_directory(&box, "lower/mnt/linked"));
	box_write(box.lower, "mnt/file", "", 0644);
	box_write(source, "dir/file", "text\n", 0644);
	box_write(deep, "leaf", "leaf\n", 0644);
	assert_return_code(symlinkat("/dir", source, "link"), errno);
	close(source);
	close(deep);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(parts_of_one_detached_mount_are_attached),
	cmocka_unit_test(a_part_stays_inside_its_source),
	cmocka_unit_test(data_becomes_a_file_of_its_owner),
	cmocka_unit_test(data_of_many_pages_is_complete),
	cmocka_unit_test(tmpfs_takes_size_mode_and_owner),
	cmocka_unit_test(targets_below_a_mount_are_made),
	cmocka_unit_test(targets_are_made_nowhere_else),
	cmocka_unit_test(a_socket_can_be_bound),
	cmocka_unit_test(shared_memory_has_the_size_asked_for),
	cmocka_unit_test(limits_are_set_for_the_program),
	cmocka_unit_test(a_limit_that_may_not_be_raised_is_denied),
	cmocka_unit_test(an_unconfined_program_sees_everything),
};

/* A group of its own in a child that has given root up; what it prints goes to output. */
static _Noreturn void run_as_user(int output)
{
	struct error err = ERROR_INIT;
	bool single = false;
	const char *wrong = user_give_ranges(&box);
	int failed;

	dup2(output, 1);
	dup2(output, 2);
	wrong = wrong != NULL ? wrong : user_become();
	if (wrong == NULL && (userns_enter(&single, &err) < 0 || single))
		wrong = err.code != ERROR_NONE ? err.frame[0].text : "only one id";
	if (wrong != NULL) {
		printf("%s\n", wrong);
		fflush(stdout);
		_exit(1);
	}
	fill_box();
	failed = cmocka_run_group_tests_name("runtime/mounts without root", tests, NULL, NULL);
	box_remove(&box);
	fflush(stdout);
	_exit(failed);
}

static void all_of_it_without_root(void **state)
{
	auto_(buf) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	int pair[2], status;
	pid_t pid;

	(void)state;
	if (userns_inside() || access("/usr/bin/newuidmap", X_OK) < 0 ||
	    access("/etc/subuid", F_OK) < 0)
		skip();
	assert_return_code(pipe2(pair, O_CLOEXEC), errno);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		run_as_user(pair[1]);
	close(pair[1]);
	assert_ok(read_all(pair[0], BOX_OUTPUT_MAX, &text, &err), &err);
	close(pair[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0) {
		fprintf(stderr, "%s", text.data);
		fail_msg("status 0x%x", (unsigned int)status);
	}
}

int main(void)
{
	const struct CMUnitTest rootless[] = {cmocka_unit_test(all_of_it_without_root)};
	struct CMUnitTest all[sizeof(tests) / sizeof(tests[0]) + 1];
	int failed;

	if (!box_privileges())
		return 0;
	memcpy(all, tests, sizeof(tests));
	all[sizeof(tests) / sizeof(tests[0])] = rootless[0];
	fill_box();
	failed = cmocka_run_group_tests_name("runtime/mounts", all, NULL, NULL);
	box_remove(&box);
	return failed;
}
