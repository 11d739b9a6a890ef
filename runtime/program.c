/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/exec.h"
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { STACK_SIZE = 96 * 1024 };

/* Lies in init's memory, which the child shares until it executes. */
struct launch {
	const struct plan *plan;
	const struct furniture *furniture;
	struct exec_failure failure;
	struct error *err;
	bool failed, limited; /* by a limit that cannot be set */
};

/* A descriptor among 0, 1 and 2 would be overwritten before its turn: it moves up first. */
static int set_stdio(const struct sandbox_spec *spec, int null, struct error *err)
{
	int from[3] = {spec->input, spec->output, spec->error};

	for (int i = 0; i < 3; i++)
		if (from[i] < 0)
			from[i] = null;
	for (int i = 0; i < 3; i++)
		if (from[i] < 3)
			from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 3; i++)
		if (from[i] < 0 || dup2(from[i], i) < 0)
			return error_sys(err, "setting standard input and output");
	return 0;
}

/* A program that is not root may open /dev/stdout again, as Docker's can, only if it owns the
   pipe behind it. */
static void give_pipes(const struct sandbox_spec *spec)
{
	struct stat st;

	for (int fd = 0; fd < 3 && spec->uid != 0; fd++)
		if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && fchown(fd, spec->uid, -1) < 0)
			return; /* the user is not mapped; set_ids() will say so */
}

/* Magic links lead to whatever some descriptor of ours points at (CVE-2024-21626). */
static int enter_directory(const char *path, struct error *err)
{
	int fd = openat_policy(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_MAGICLINKS);
	char name[PATH_MAX];

	if (fd < 0 && errno == ELOOP)
		return error_set(err, ERROR_IO, "working directory %s: not a plain path", path);
	if (fd < 0 || fchdir(fd) < 0)
		return error_sys(err, "working directory %s", path);
	if (syscall(SYS_getcwd, name, sizeof(name)) < 0)
		return error_sys(err, "working directory %s", path);
	if (name[0] != '/')
		return error_set(err, ERROR_IO, "working directory %s: outside the root", path);
	return 0;
}

static int become_program(struct launch *launch)
{
	const struct sandbox_spec *spec = launch->plan->spec;
	sigset_t none;

	if (spec->new_session && setsid() < 0)
		return error_sys(launch->err, "starting a session");
	if (set_stdio(spec, launch->furniture->null, launch->err) < 0 ||
	    enter_directory(spec->cwd, launch->err) < 0)
		return -1;
	give_pipes(spec);
	launch->limited = limits_set(spec, launch->err) < 0;
	if (launch->limited)
		return -1;
	if (confine(spec, launch->err) < 0)
		return -1;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL); /* init has reset the actions */
	if (sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return error_sys(launch->err, "closing descriptors");
	exec_search(spec->argv, spec->envp, &launch->failure);
	return 0;
}

static int child_main(void *argument)
{
	struct launch *launch = argument;

	become_program(launch);
	launch->failed = true;
	_exit(1);
}

/* ERROR_NOT_FOUND and ERROR_DENIED are for the program itself and its limits. */
static int explain(const struct launch *launch, struct error *err)
{
	if (launch->failure.os != 0)
		return exec_explain(&launch->failure, launch->plan->spec->argv[0], err);
	if (!launch->limited && (err->code == ERROR_NOT_FOUND || err->code == ERROR_DENIED))
		err->code = ERROR_IO;
	return -1;
}

pid_t program_start(const struct plan *plan, const struct furniture *f, struct error *err)
{
	/* Memory is shared rather than copied: copying costs more than all system calls here. */
	_Alignas(16) char stack[STACK_SIZE];
	struct launch launch = {.plan = plan, .furniture = f, .err = err};
	pid_t pid =
		clone(child_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &launch);

	if (pid < 0)
		return error_sys(err, "starting a process");
	if (!launch.failed)
		return pid;
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		continue;
	return explain(&launch, err);
}
