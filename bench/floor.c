/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare floor of a RUN step: what the kernel alone takes for an overlay mount, the namespaces of
 * a sandbox, pivot_root, and /bin/true in it. No /proc, /dev, masks, capabilities or supervision.
 *
 *	floor LOWERDIR COUNT
 *
 * prints the medians in microseconds: floor_us up to the moment the program's process is reaped,
 * its namespaces being gone; floor_ended_us up to the moment the program has ended, the namespaces
 * being torn down after it. Fresh upper and work directories are made under $TMPDIR or /tmp before
 * the clock starts. LOWERDIR needs a static /bin/true, such as busybox.
 */
#include "runtime/sys.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { COUNT_MAX = 100000 };

struct step {
	int lower, upper, work;
	double ended, reaped; /* microseconds since the start */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int directory(int at, const char *name)
{
	int fd;

	if (mkdirat(at, name, 0755) < 0)
		err(1, "mkdir %s", name);
	fd = openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", name);
	return fd;
}

static int mount_overlay(const struct step *step)
{
	int fs = sys_fsopen("overlay"), mount;

	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, step->lower) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_SET_FD, "upperdir", NULL, step->upper) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_SET_FD, "workdir", NULL, step->work) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		err(1, "overlay (this program needs Linux 6.13)");
	mount = sys_fsmount(fs, 0);
	if (mount < 0)
		err(1, "fsmount");
	close(fs);
	return mount;
}

static _Noreturn void run(int root)
{
	static char name[] = "/bin/true";
	char *argv[] = {name, NULL}, *envp[] = {NULL};

	if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    sys_move_mount(root, AT_FDCWD, "/", 0) == 0 && fchdir(root) == 0 &&
	    sys_pivot_root(".", ".") == 0 && sys_umount2(".", SYS_DETACH) == 0 && chdir("/") == 0)
		execve(name, argv, envp);
	err(1, "the program");
}

static void measure(struct step *step)
{
	struct sys_clone_args args = {.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
					       CLONE_NEWUTS | CLONE_NEWCGROUP,
				      .exit_signal = SIGCHLD};
	double start = now();
	int root, ended[2], status;
	pid_t pid;
	char byte;

	if (pipe(ended) < 0) /* not close-on-exec: the program holds it until it ends */
		err(1, "pipe");
	root = mount_overlay(step);
	pid = sys_clone3(&args);
	if (pid == 0)
		run(root);
	if (pid < 0)
		err(1, "clone3");
	close(root);
	close(ended[1]);
	if (read(ended[0], &byte, 1) != 0)
		err(1, "read");
	step->ended = now() - start;
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "the program failed: status 0x%x", (unsigned int)status);
	step->reaped = now() - start;
	close(ended[0]);
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, long count)
{
	qsort(values, (size_t)count, sizeof(*values), by_value);
	return values[count / 2];
}

int main(int argc, char **argv)
{
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	const char *tmp = getenv("TMPDIR");
	double *ended, *reaped;
	char base[4096];
	struct step step;
	int at;

	if (count < 1 || count > COUNT_MAX)
		errx(2, "usage: floor LOWERDIR COUNT");
	step.lower = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (step.lower < 0)
		err(1, "%s", argv[1]);
	snprintf(base, sizeof(base), "%s/floor.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(base) == NULL)
		err(1, "%s", base);
	at = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ended = calloc((size_t)count, sizeof(*ended));
	reaped = calloc((size_t)count, sizeof(*reaped));
	for (long i = 0; i < count; i++) {
		step.upper = directory(at, "upper");
		step.work = directory(at, "work");
		measure(&step);
		ended[i] = step.ended;
		reaped[i] = step.reaped;
		close(step.upper);
		close(step.work);
		if (unlinkat(at, "upper", AT_REMOVEDIR) < 0 ||
		    unlinkat(at, "work/work/incompat/volatile/dirty", 0) < 0 ||
		    unlinkat(at, "work/work/incompat/volatile", AT_REMOVEDIR) < 0 ||
		    unlinkat(at, "work/work/incompat", AT_REMOVEDIR) < 0 ||
		    unlinkat(at, "work/work", AT_REMOVEDIR) < 0 ||
		    unlinkat(at, "work", AT_REMOVEDIR) < 0)
			err(1, "cleaning up");
	}
	printf("floor_us %.0f\nfloor_ended_us %.0f\n", median(reaped, count), median(ended, count));
	free(ended);
	free(reaped);
	return rmdir(base) < 0;
}
