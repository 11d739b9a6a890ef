/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cleanup.h"
#include "common/error.h"
#include "common/fd.h"
#include "runtime/network.h"
#include "runtime/pass.h"
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { ARGUMENTS_MAX = 8 * 1024 * 1024, STANDARD_SIGNALS = 32 };

/* Closes everything from first on but the kept descriptors, which get sorted. */
static void close_others(unsigned int first, int *keep, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t j = i; j > 0 && keep[j] < keep[j - 1]; j--) {
			int swap = keep[j];

			keep[j] = keep[j - 1];
			keep[j - 1] = swap;
		}
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < (int)first)
			continue;
		if (keep[i] > (int)first)
			sys_close_range(first, (unsigned int)keep[i] - 1, 0);
		first = (unsigned int)keep[i] + 1;
	}
	sys_close_range(first, ~0U, 0);
}

/* Descriptors of other sandboxes must go first of all: a lifeline held here would keep another init
   alive after the caller's death. */
static void close_inherited(const struct plan *plan)
{
	const struct sandbox_spec *spec = plan->spec;
	int keep[SANDBOX_MAX_MOUNTS + 8];
	size_t count = 0;

	keep[count++] = plan->lifeline;
	keep[count++] = spec->input;
	keep[count++] = spec->output;
	keep[count++] = spec->error;
	if (spec->network == SANDBOX_JOIN_NETWORK)
		keep[count++] = spec->netns;
	for (size_t i = 0; i < spec->mount_count; i++)
		keep[count++] = plan->sources[i];
	close_others(3, keep, count);
}

/* The parent-death signal is set first, so that the caller either dies after it or is seen dead
   here: measured 0 leaks in 3000 kills (HARDENING 3.3). */
static void die_with_caller(const struct plan *plan)
{
	struct pollfd lifeline = {.fd = plan->lifeline, .events = POLLIN};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&lifeline, 1, 0) > 0 && (lifeline.revents & POLLHUP) != 0)
		_exit(1);
}

static void child_ended(int signal)
{
	(void)signal; /* only interrupts ppoll() */
}

/* Blocked signals reach PID 1 but do nothing. What the caller ignored, the program would too: the
   ordinary signals, and the two that posix_spawn() of glibc leaves ignored in what it starts and
   sigaction() refuses to touch. */
static void set_signals(void)
{
	static const unsigned long
		none[4]; /* struct sigaction of the kernel: SIG_DFL, nothing else */
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int signal = 1; signal < STANDARD_SIGNALS; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			sigaction(signal, &action, NULL);
	for (int signal = STANDARD_SIGNALS; signal <= STANDARD_SIGNALS + 1; signal++)
		syscall(SYS_rt_sigaction, signal, none, NULL, sizeof(uint64_t));
	action.sa_handler = child_ended;
	sigaction(SIGCHLD, &action, NULL);
}

/* Where the system call is forbidden (ENOSYS, EPERM), it is for the program too. */
static int hide_keys(struct error *err)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 || errno == ENOSYS ||
	    errno == EPERM)
		return 0;
	error_sys(err, "making a session keyring");
	return error_hint(err, "raise the sysctl kernel.keys.maxkeys if its quota is used up");
}

/* A program that must not be killed for memory (a service with a negative score) starts builds
   that may be. */
static int reset_oom_score(const struct plan *plan, int proc, struct error *err)
{
	auto_fd int fd = -1;

	if (!plan->oom_protected)
		return 0;
	fd = openat(proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) < 0)
		return error_sys(err, "setting oom_score_adj");
	return 0;
}

static int set_identity(const struct plan *plan, int proc, struct error *err)
{
	const char *name = plan->spec->hostname;

	if (name != NULL && sethostname(name, strlen(name)) < 0)
		return error_sys(err, "setting the host name %s", name);
	if (reset_oom_score(plan, proc, err) < 0 || limits_set_defaults(plan->spec, err) < 0 ||
	    hide_keys(err) < 0)
		return -1;
	return confine_early(plan->spec, err);
}

static int enter_root(int root, struct error *err)
{
	if (fchdir(root) < 0)
		return error_sys(err, "entering the root");
	if (sys_pivot_root(".", ".") < 0) {
		error_sys(err, "pivot_root");
		if (err->os == EINVAL)
			error_hint(err, "the root of this system is an initramfs or a shared "
					"mount; use --isolation=chroot");
		return -1;
	}
	if (sys_umount2(".", SYS_DETACH) < 0)
		return error_sys(err, "leaving the host's root");
	return chdir("/") == 0 ? 0 : error_sys(err, "entering the root");
}

/* The caller's arguments and environment lie in a copy of its stack and could be read through
   /proc/1 by a program with CAP_SYS_PTRACE (CVE-2021-3602). The kernel puts argv, then environ,
   then the program's name there. Without dump permission nobody else can look at all. */
static void forget_caller(void)
{
	char *start = program_invocation_name;
	char *end = (char *)getauxval(AT_EXECFN); /* NOLINT: documented to be an address */

	if (end != NULL && start < end && end - start < ARGUMENTS_MAX)
		explicit_bzero(start, (size_t)(end - start));
	prctl(PR_SET_NAME, "varve-init");
	prctl(PR_SET_DUMPABLE, 0);
}

/* Blocks until the caller has mounted the root. */
static int receive_root(const struct plan *plan)
{
	char byte;
	int root;

	if (pass_receive(plan->lifeline, &root, &byte, 1) < 0 || root < 0)
		_exit(1); /* the caller failed or is dead */
	return root;
}

static int prepare(const struct plan *plan, struct furniture *f, struct error *err)
{
	auto_fd int root = -1;

	umask(0);
	if (network_enter(plan->spec, err) < 0 || mounts_prepare(plan->spec, f, err) < 0 ||
	    set_identity(plan, f->proc, err) < 0)
		return -1;
	umask(022);
	forget_caller();
	/* What is above takes its time while the caller mounts the root. */
	root = receive_root(plan);
	if (mounts_build(plan, f, root, err) < 0)
		return -1;
	return enter_root(root, err);
}

/* False: the caller is dead. */
static bool pass_signals_on(const struct plan *plan, pid_t program)
{
	unsigned char number;
	ssize_t n = read(plan->lifeline, &number, 1);

	if (n == 1)
		kill(program, number);
	return n == 1 || (n < 0 && errno == EINTR);
}

/* Reaps orphans and passes signals on until the program has ended. */
static int wait_for_program(const struct plan *plan, pid_t program)
{
	struct pollfd lifeline = {.fd = plan->lifeline, .events = POLLIN};
	sigset_t but_child;

	sigfillset(&but_child);
	sigdelset(&but_child, SIGCHLD);
	for (;;) {
		int status;
		pid_t ended = waitpid(-1, &status, WNOHANG | __WALL);

		if (ended == program)
			return status;
		if (ended > 0)
			continue;
		if (ppoll(&lifeline, 1, NULL, &but_child) > 0 && !pass_signals_on(plan, program))
			_exit(1); /* and the kernel kills the rest */
	}
}

/* kill(-1) misses nobody: a fork in progress sees the signal and fails. */
static void kill_leftovers(void)
{
	while (kill(-1, SIGKILL) == 0)
		while (waitpid(-1, NULL, __WALL) > 0)
			continue;
}

/* A volatile overlay forgets fsync errors but remembers that data was lost on the way to the disk;
   asking costs nothing there, as nothing is synced (HARDENING 4.2). */
static int check_written(const struct plan *plan, struct error *err)
{
	auto_fd int root = -1;

	if (!plan->spec->root.volatile_upper)
		return 0;
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || syncfs(root) < 0)
		return error_sys(err, "writing to the disk failed during the step");
	return 0;
}

static _Noreturn void send_report(const struct plan *plan, const struct report *report)
{
	size_t size = report->kind == REPORT_ENDED ? REPORT_ENDED_SIZE : sizeof(*report);

	_exit(send(plan->lifeline, report, size, MSG_NOSIGNAL) != (ssize_t)size);
}

_Noreturn void init_run(const struct plan *plan)
{
	struct report report = {.kind = REPORT_FAILED, .err = ERROR_INIT};
	struct furniture furniture;
	int keep[] = {plan->lifeline};
	pid_t program;

	close_inherited(plan);
	die_with_caller(plan);
	set_signals();
	if (prepare(plan, &furniture, &report.err) < 0) {
		/* These codes are for the program only; see sandbox_finish(). */
		if (report.err.code == ERROR_NOT_FOUND || report.err.code == ERROR_DENIED)
			report.err.code = ERROR_IO;
		send_report(plan, &report);
	}
	program = program_start(plan, &furniture, &report.err);
	if (program < 0)
		send_report(plan, &report);
	/* An output pipe held here would keep its reader waiting after the program's end. */
	close_others(0, keep, 1);
	report.result.wait_status = wait_for_program(plan, program);
	kill_leftovers();
	if (check_written(plan, &report.err) == 0)
		report.kind = REPORT_ENDED;
	send_report(plan, &report);
}
