/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program and adds one line to FILE: what it cost.
 *
 *	timed -o FILE [-d PID]... PROGRAM [ARGUMENT...]
 *
 * The line is "WALL CPU PEAK": microseconds until the program ended; microseconds of processor,
 *user and system, of it and all its descendants, also of those that outlive it by up to LINGER
 *seconds; and the largest resident set in KiB that any one of them ever had. With -d, the daemon
 *PID works for the program: what it and the children it waited for used meanwhile is added to CPU,
 *and its largest resident set meanwhile to PEAK. With -s, the program measures itself: the last
 *line that it prints is "wall_us N", and N is written for WALL and CPU. The exit status is the
 *program's.
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DAEMONS_MAX = 8, LINGER = 20 };

struct cost {
	long wall, cpu, peak; /* microseconds, microseconds, KiB */
};

struct job {
	const char *output;
	pid_t daemons[DAEMONS_MAX];
	int daemon_count;
	bool self; /* the program says itself how long it took */
};

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static FILE *open_proc(pid_t pid, const char *name, const char *mode)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	f = fopen(path, mode);
	if (f == NULL)
		err(125, "%s", path);
	return f;
}

/* The number after as many spaces. */
static long number_after(const char *text, int spaces)
{
	for (; spaces > 0 && text != NULL; spaces--) {
		text = strchr(text, ' ');
		text = text == NULL ? NULL : text + 1;
	}
	return text == NULL ? 0 : strtol(text, NULL, 10);
}

/* Microseconds that a process and the children it waited for have used so far. */
static long daemon_cpu(pid_t pid)
{
	enum { FIRST_TIME = 12, TIMES = 4 }; /* counted from the name; see proc(5) */
	char line[1024];
	const char *rest;
	FILE *f = open_proc(pid, "stat", "r");
	long ticks = 0;

	/* The name, in parentheses, may hold anything. */
	if (fgets(line, sizeof(line), f) == NULL || (rest = strrchr(line, ')')) == NULL)
		errx(125, "the times of process %d cannot be read", (int)pid);
	fclose(f);
	for (int i = 0; i < TIMES; i++)
		ticks += number_after(rest, FIRST_TIME + i);
	return ticks * 1000000 / sysconf(_SC_CLK_TCK);
}

static long daemon_peak(pid_t pid)
{
	static const char name[] = "VmHWM:";
	FILE *f = open_proc(pid, "status", "r");
	char line[256];
	long kib = 0;

	while (kib == 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, sizeof(name) - 1) == 0)
			kib = strtol(line + sizeof(name) - 1, NULL, 10);
	fclose(f);
	return kib;
}

/* 5 sets the largest resident set back to the present one: proc(5). */
static void reset_peak(pid_t pid)
{
	FILE *f = open_proc(pid, "clear_refs", "w");

	if (fputs("5", f) == EOF || fclose(f) != 0)
		err(125, "resetting the peak of process %d", (int)pid);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Waits for descendants that the program left behind, but not for daemons. */
static void reap(void)
{
	struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART: it ends the wait */

	sigaction(SIGALRM, &action, NULL);
	alarm(LINGER);
	while (wait(NULL) > 0)
		;
	alarm(0);
}

static long microseconds(struct timeval t)
{
	return (long)t.tv_sec * 1000000 + t.tv_usec;
}

/* Passes on what the program prints, and keeps what the last "wall_us N" says. */
static long own_clock(int fd)
{
	FILE *f = fdopen(fd, "r");
	static const char name[] = "wall_us ";
	char line[4096];
	long wall = -1;

	if (f == NULL)
		err(125, "fdopen");
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, name, sizeof(name) - 1) == 0)
			wall = strtol(line + sizeof(name) - 1, NULL, 10);
		fputs(line, stdout);
	}
	fclose(f);
	if (wall < 0)
		errx(125, "the program did not print wall_us");
	return wall;
}

static int run(const struct job *job, char **argv, struct cost *cost)
{
	struct rusage usage;
	int pipes[2] = {-1, -1}, status;
	long start = now(), own = -1;
	pid_t pid;

	if (job->self && pipe(pipes) < 0)
		err(125, "pipe");
	pid = fork();
	if (pid < 0)
		err(125, "fork");
	if (pid == 0) {
		if (job->self && (dup2(pipes[1], 1) < 0 || close(pipes[0]) < 0))
			err(125, "dup2");
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	if (job->self) {
		close(pipes[1]);
		own = own_clock(pipes[0]);
	}
	if (waitpid(pid, &status, 0) < 0)
		err(125, "waitpid");
	cost->wall = now() - start;
	reap();
	getrusage(RUSAGE_CHILDREN, &usage);
	cost->cpu = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
	cost->peak = usage.ru_maxrss;
	if (job->self)
		cost->wall = cost->cpu = own;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct job job = {0};
	struct cost cost;
	long before = 0;
	int option, status;
	FILE *out;

	while ((option = getopt(argc, argv, "+o:d:s")) != -1) {
		if (option == 'o')
			job.output = optarg;
		else if (option == 's')
			job.self = true;
		else if (option == 'd' && job.daemon_count < DAEMONS_MAX)
			job.daemons[job.daemon_count++] = (pid_t)strtol(optarg, NULL, 10);
		else
			errx(125, "usage: timed -o FILE [-s] [-d PID]... PROGRAM [ARGUMENT...]");
	}
	if (job.output == NULL || optind == argc)
		errx(125, "usage: timed -o FILE [-s] [-d PID]... PROGRAM [ARGUMENT...]");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		err(125, "prctl");
	for (int i = 0; i < job.daemon_count; i++) {
		before += daemon_cpu(job.daemons[i]);
		reset_peak(job.daemons[i]);
	}
	status = run(&job, argv + optind, &cost);
	cost.cpu -= before;
	for (int i = 0; i < job.daemon_count; i++) {
		cost.cpu += daemon_cpu(job.daemons[i]);
		cost.peak += daemon_peak(job.daemons[i]);
	}
	if (status != 0)
		return status;
	out = fopen(job.output, "a");
	if (out == NULL || fprintf(out, "%ld %ld %ld\n", cost.wall, cost.cpu, cost.peak) < 0 ||
	    fclose(out) != 0)
		err(125, "%s", job.output);
	return 0;
}
