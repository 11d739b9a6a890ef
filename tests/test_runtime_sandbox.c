/* SPDX-License-Identifier: Apache-2.0 */
/* What a program sees and may do. How it is started and ended: test_runtime_start, _lifeline. */
#include "tests/runtime_box.h"

#include <sched.h>
#include <signal.h>

static struct box box;

static void output_and_exit_status_come_through(void **state)
{
	struct run r;

	(void)state;
	for (int code = 0; code < 256; code += 51) {
		char script[64];

		snprintf(script, sizeof(script), "echo out; echo err >&2; exit %d", code);
		run_init(&r, &box, script);
		assert_int_equal(run_all(&r), code << 8);
		assert_string_equal(r.text.data, "out\nerr\n");
		run_release(&r);
	}
	run_init(&r, &box, "kill -TERM $$; sleep 9");
	assert_int_equal(run_all(&r), SIGTERM);
	run_release(&r);
}

static void writes_go_to_the_upper_alone(void **state)
{
	struct run r;

	(void)state;
	run_init(&r, &box, "echo x > /new; rm /bin/true; mkdir -p /a/b");
	assert_int_equal(run_all(&r), 0);
	assert_int_equal(faccessat(r.spec.root.upper, "new", F_OK, 0), 0);
	assert_int_equal(faccessat(r.spec.root.upper, "a/b", F_OK, 0), 0);
	assert_int_equal(faccessat(box.lower, "new", F_OK, 0), -1);
	assert_int_equal(faccessat(box.lower, "bin/true", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	/* No mount target and no directory of ours is among the changes. */
	assert_int_equal(faccessat(r.spec.root.upper, "dev", F_OK, 0), -1);
	assert_int_equal(faccessat(r.spec.root.upper, "proc", F_OK, 0), -1);
	run_release(&r);
}

static void the_environment_is_exactly_what_was_given(void **state)
{
	struct run r;

	(void)state;
	run_init(&r, &box, "");
	r.argv[0] = (char[]){"/bin/env"};
	r.argv[1] = NULL;
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data, "PATH=/bin\nHOME=/\n");
	run_release(&r);
}

/* CVE-2021-3602: planted in main(). */
static void the_callers_environment_is_nowhere_in_proc(void **state)
{
	struct run r;

	(void)state;
	assert_non_null(getenv("VARVE_TEST_CANARY"));
	/* Even with every capability, as a privileged run would have. */
	for (int all = 0; all < 2; all++) {
		run_init(&r, &box,
			 "cat /proc/*/environ /proc/*/cmdline 2>/dev/null; ls /proc/1/fd; "
			 "cat /proc/1/environ");
		if (all)
			r.spec.capabilities = UINT64_MAX;
		run_all(&r);
		assert_null(memmem(r.text.data, r.text.length, "canary-of-the-host", 18));
		if (!all)
			assert_non_null(memmem(r.text.data, r.text.length, "denied", 6));
		run_release(&r);
	}
}

static void only_three_descriptors_are_open(void **state)
{
	int leaks[20];

	(void)state;
	for (int i = 0; i < 20; i++)
		leaks[i] = open("/", O_RDONLY | O_DIRECTORY); /* on purpose without O_CLOEXEC */
	expect_output(&box,
		      "for f in /proc/self/fd/*; do echo ${f##*/}; done; "
		      "readlink /proc/$$/fd/0",
		      "0\n1\n2\n3\n/dev/null\n");
	/* 3 is the directory that the shell itself reads. */
	expect_output(&box, "test -e /proc/$$/fd/3 || echo none", "none\n");
	for (int i = 0; i < 20; i++)
		close(leaks[i]);
}

static void standard_input_is_empty_or_given(void **state)
{
	struct run r;
	int pair[2];

	(void)state;
	expect_output(&box, "cat; echo end", "end\n");
	assert_return_code(pipe2(pair, O_CLOEXEC), errno);
	assert_int_equal(write(pair[1], "hello", 5), 5);
	close(pair[1]);
	run_init(&r, &box, "cat");
	r.spec.input = pair[0];
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data, "hello");
	run_release(&r);
	close(pair[0]);
}

/* The caller's 0, 1 and 2 may be given in any order. */
static void standard_descriptors_can_be_swapped(void **state)
{
	int saved[3], pair[2];
	struct run r;

	(void)state;
	run_init(&r, &box, "echo out; echo err >&2");
	assert_return_code(pipe2(pair, O_CLOEXEC), errno);
	for (int i = 0; i < 3; i++)
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
	dup2(pair[1], 0);
	r.output = pair[0];
	r.spec.output = r.spec.error = 0;
	r.spec.input = 2;
	r.box = sandbox_start(&r.spec, &r.err);
	for (int i = 0; i < 3; i++) {
		if (saved[i] >= 0)
			dup2(saved[i], i);
		else
			close(i);
		cleanup_fd(&saved[i]);
	}
	close(pair[1]);
	assert_non_null(r.box);
	assert_true(run_finish(&r));
	assert_string_equal(r.text.data, "out\nerr\n");
	run_release(&r);
}

static void capabilities_are_the_default_set(void **state)
{
	(void)state;
	expect_output(&box, "grep ^Cap /proc/self/status",
		      "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\n"
		      "CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n"
		      "CapAmb:\t0000000000000000\n");
}

static void another_user_has_no_capabilities(void **state)
{
	static const gid_t groups[] = {7, 9};
	struct run r;

	(void)state;
	if (box_single)
		skip();
	run_init(&r, &box,
		 "grep -E '^(Cap(Prm|Eff|Bnd)|Uid|Gid|Groups)' /proc/self/status; "
		 "echo x > /dev/stdout; echo y > /dev/stderr");
	r.spec.uid = 1000;
	r.spec.gid = 1001;
	r.spec.groups = groups;
	r.spec.group_count = 2;
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data, "Uid:\t1000\t1000\t1000\t1000\n"
					 "Gid:\t1001\t1001\t1001\t1001\nGroups:\t7 9 \n"
					 "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
					 "CapBnd:\t00000000a80425fb\nx\ny\n");
	run_release(&r);
}

static void groups_are_exactly_the_given_ones(void **state)
{
	(void)state;
	expect_output(&box, "grep ^Groups /proc/self/status", "Groups:\t \n");
}

static void signals_limits_and_umask_are_the_defaults(void **state)
{
	sigset_t set, old;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	expect_output(&box,
		      "grep -E '^Sig(Blk|Ign)' /proc/self/status; umask; ulimit -c; "
		      "cat /proc/self/oom_score_adj; head -c 3 /proc/self/comm; echo",
		      "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0022\n0\n0\nhea\n");
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void the_host_name_and_namespaces_are_its_own(void **state)
{
	static const char *const names[] = {"mnt", "pid", "ipc", "uts", "cgroup"};
	struct run r;

	(void)state;
	expect_output(&box, "hostname; echo $$", "box\n2\n");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char script[64], path[64], link[64] = "";

		snprintf(script, sizeof(script), "readlink /proc/self/ns/%s", names[i]);
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		assert_true(readlink(path, link, sizeof(link) - 1) > 0);
		run_init(&r, &box, script);
		assert_int_equal(run_all(&r), 0);
		assert_int_equal(strncmp(r.text.data, names[i], strlen(names[i])), 0);
		assert_int_not_equal(strncmp(r.text.data, link, strlen(link)), 0);
		run_release(&r);
	}
}

static void new_session_detaches_from_the_terminal(void **state)
{
	(void)state;
	/* pid, pgrp, session, tty */
	expect_output(&box,
		      "read a b c d e f g h < /proc/self/stat; "
		      "test $e = $f && test $g = 0 && echo own",
		      "own\n");
}

static void dev_is_complete_and_ours(void **state)
{
	struct run r;

	(void)state;
	expect_output(&box, "ls -a /dev | sort",
		      ".\n..\ncore\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\n"
		      "stdin\nstdout\ntty\nurandom\nzero\n");
	expect_output(
		&box, "cd /dev; stat -c '%n %t:%T %a %F' null zero full random urandom tty",
		"null 1:3 666 character special file\nzero 1:5 666 character special file\n"
		"full 1:7 666 character special file\nrandom 1:8 666 character special file\n"
		"urandom 1:9 666 character special file\ntty 5:0 666 character special file\n");
	expect_output(&box,
		      "head -c 4 /dev/zero | wc -c; echo x > /dev/null; "
		      "head -c 9 /dev/urandom | wc -c; cat /dev/fd/0; echo a > /dev/shm/f; "
		      "cat /dev/shm/f; ls /dev/pts",
		      "4\n9\na\nptmx\n");
	run_init(&r, &box, "echo x > /dev/full");
	assert_int_not_equal(run_all(&r), 0);
	run_release(&r);
	/* A node that a program makes elsewhere does not open: the root is nodev. */
	if (!userns_inside())
		expect_output(&box, "mknod /m c 1 5 && head -c 1 /m 2>/dev/null || echo denied",
			      "denied\n");
}

static void proc_and_sys_are_masked(void **state)
{
	static const char script[] =
		"for f in interrupts kcore keys latency_stats sched_debug timer_list timer_stats; "
		"do\n"
		"  test ! -e /proc/$f || test ! -s /proc/$f || echo $f; cat /proc/$f 2>/dev/null\n"
		"done\n"
		"for d in /proc/acpi /proc/asound /proc/scsi /sys/firmware "
		"/sys/devices/virtual/powercap /sys/devices/system/cpu/cpu0/thermal_throttle; do\n"
		"  test ! -e $d || ls -A $d; mkdir $d/x 2>/dev/null && echo writable $d\n"
		"done\n"
		"for p in bus fs irq sys; do\n"
		"  test ! -e /proc/$p || grep -q \"/proc/$p proc ro\" /proc/mounts || echo rw $p\n"
		"done\n"
		"echo x 2>/dev/null > /proc/sys/kernel/domainname && echo writable sysctl\n"
		"echo x 2>/dev/null > /proc/sysrq-trigger && echo sysrq\n"
		"mkdir /sys/fs/x 2>/dev/null && echo writable sys\n"
		"ls /sys/fs/cgroup 2>/dev/null\n"
		"test -r /proc/cpuinfo && test -d /sys/class && echo end\n";

	(void)state;
	expect_output(&box, script, "end\n");
}

static void mounting_is_not_allowed(void **state)
{
	struct run r;

	(void)state;
	run_init(&r, &box, "mount -t tmpfs none /tmp");
	assert_int_not_equal(run_all(&r), 0);
	run_release(&r);
	/* The host's root is gone from the table and from "..". */
	expect_output(&box,
		      "wc -l < /proc/mounts | test $(cat) -lt 60 && cd / && cd ../../.. && "
		      "pwd && test -e /bin/busybox && echo inside",
		      "/\ninside\n");
}

static void networks(void **state)
{
	char link[64] = "", want[80];
	struct run r;

	(void)state;
	run_init(&r, &box, "ip -o addr; ls /sys/class/net");
	r.spec.network = SANDBOX_NO_NETWORK;
	assert_int_equal(run_all(&r), 0);
	assert_non_null(strstr(r.text.data, "inet 127.0.0.1/8"));
	assert_string_equal(strstr(r.text.data, "lo\n"), "lo\n");
	run_release(&r);

	assert_true(readlink("/proc/self/ns/net", link, sizeof(link) - 1) > 0);
	snprintf(want, sizeof(want), "%s\n", link);
	expect_output(&box, "readlink /proc/self/ns/net", want);
}

static void a_network_can_be_shared(void **state)
{
	struct run r;
	char first[64];
	int pair[2];
	pid_t holder;

	(void)state;
	assert_return_code(pipe2(pair, O_CLOEXEC), errno);
	holder = fork();
	if (holder == 0) {
		char byte;

		if (unshare(CLONE_NEWNET) < 0 || write(pair[1], "", 1) != 1)
			_exit(1);
		close(pair[1]);
		close(pair[0]);
		_exit(read(0, &byte, 0) < 0 || pause());
	}
	assert_int_equal(read(pair[0], first, 1), 1);
	snprintf(first, sizeof(first), "/proc/%d/ns/net", (int)holder);
	for (int i = 0; i < 2; i++) {
		char link[64] = "", want[80];

		run_init(&r, &box, "readlink /proc/self/ns/net");
		r.spec.network = SANDBOX_JOIN_NETWORK;
		r.spec.netns = open(first, O_RDONLY | O_CLOEXEC);
		assert_return_code(r.spec.netns, errno);
		assert_int_equal(run_all(&r), 0);
		assert_true(readlink(first, link, sizeof(link) - 1) > 0);
		snprintf(want, sizeof(want), "%s\n", link);
		assert_string_equal(r.text.data, want);
		close(r.spec.netns);
		run_release(&r);
	}
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	close(pair[0]);
	close(pair[1]);
}

static void the_root_can_be_read_only(void **state)
{
	struct run r;

	(void)state;
	run_init(&r, &box,
		 "touch /x 2>/dev/null || echo read-only; echo y > /dev/shm/y && echo shm");
	r.spec.read_only_root = true;
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data, "read-only\nshm\n");
	run_release(&r);
}

static void sandbox_targets_are_what_is_mounted_on(void **state)
{
	const struct sandbox_target *targets;
	size_t count;

	(void)state;
	targets = sandbox_targets(&count);
	assert_int_equal(count, 3);
	for (size_t i = 0; i < count; i++) {
		assert_true(targets[i].directory);
		assert_int_equal(faccessat(box.lower, targets[i].path, F_OK, 0), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_exit_status_come_through),
		cmocka_unit_test(writes_go_to_the_upper_alone),
		cmocka_unit_test(the_environment_is_exactly_what_was_given),
		cmocka_unit_test(the_callers_environment_is_nowhere_in_proc),
		cmocka_unit_test(only_three_descriptors_are_open),
		cmocka_unit_test(standard_input_is_empty_or_given),
		cmocka_unit_test(standard_descriptors_can_be_swapped),
		cmocka_unit_test(capabilities_are_the_default_set),
		cmocka_unit_test(another_user_has_no_capabilities),
		cmocka_unit_test(groups_are_exactly_the_given_ones),
		cmocka_unit_test(signals_limits_and_umask_are_the_defaults),
		cmocka_unit_test(the_host_name_and_namespaces_are_its_own),
		cmocka_unit_test(new_session_detaches_from_the_terminal),
		cmocka_unit_test(dev_is_complete_and_ours),
		cmocka_unit_test(proc_and_sys_are_masked),
		cmocka_unit_test(mounting_is_not_allowed),
		cmocka_unit_test(networks),
		cmocka_unit_test(a_network_can_be_shared),
		cmocka_unit_test(the_root_can_be_read_only),
		cmocka_unit_test(sandbox_targets_are_what_is_mounted_on),
	};
	int failed;

	/* The canary must lie where the kernel put the environment at exec. */
	if (getenv("VARVE_TEST_CANARY") == NULL) {
		char *argv[] = {program_invocation_name, NULL};

		setenv("VARVE_TEST_CANARY", "canary-of-the-host", 1);
		execv("/proc/self/exe", argv);
		return 1;
	}
	if (!box_privileges())
		return 0;
	box_make(&box);
	failed = cmocka_run_group_tests_name("runtime/sandbox", tests, NULL, NULL);
	box_remove(&box);
	return failed;
}
