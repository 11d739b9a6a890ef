/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job.h"

#include "common/arena.h"
#include "common/fd.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* A third of the share of others, where there is not enough for all. */
enum { STEP_BACK = 5 };

struct job {
	struct loop *loop;
	char *what;
	pid_t pid;
	int pipe;
	bool cancelled;
	struct buf received; /* a struct error, then the result's bytes */
	job_done *done;
	void *user;
};

static _Noreturn void child_main(int to, pid_t parent, job_work *work, void *arg)
{
	struct error err = ERROR_INIT;
	struct error report = ERROR_INIT;
	struct buf result = BUF_INIT;
	sigset_t none;

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* The parent handles its signals by descriptor and has them blocked; a terminal's Ctrl-C
	   is for the parent, which cancels its jobs in order. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (work(arg, &result, &err) < 0)
		buf_reset(&result);
	if (write_all(to, &err, sizeof(err), &report) == 0)
		write_all(to, result.data, result.length, &report);
	_exit(report.code == ERROR_NONE ? 0 : 1);
}

static struct job *job_fork(const char *what, job_work *work, void *arg, struct error *err)
{
	struct job *j;
	int ends[2];
	pid_t parent = getpid();
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		error_sys(err, "%s: creating a pipe", what);
		return NULL;
	}
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		child_main(ends[1], parent, work, arg);
	}
	close(ends[1]);
	if (pid < 0) {
		error_sys(err, "%s: starting a process", what);
		close(ends[0]);
		return NULL;
	}
	j = xcalloc(1, sizeof(*j));
	*j = (struct job){.what = xstrdup(what), .pid = pid, .pipe = ends[0], .received = BUF_INIT};
	return j;
}

static void job_free(struct job *j)
{
	close(j->pipe);
	buf_release(&j->received);
	free(j->what);
	free(j);
}

/* Reaps the child, whose pipe is at its end, and says how it went. */
static void job_collect(struct job *j, struct buf *result, struct error *err)
{
	int status = 0;

	while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (j->cancelled) {
		error_set(err, ERROR_CANCELLED, "%s: cancelled", j->what);
	} else if (WIFSIGNALED(status)) {
		error_set(err, ERROR_BUG, "%s: the process died of signal %d (%s)", j->what,
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	} else if (j->received.length < sizeof(*err)) {
		error_set(err, ERROR_BUG, "%s: the process ended without a result", j->what);
	} else {
		memcpy(err, j->received.data, sizeof(*err));
		buf_add(result, j->received.data + sizeof(*err), j->received.length - sizeof(*err));
	}
}

/* Reads what is there; true at the end of the pipe. */
static bool job_receive(struct job *j)
{
	const size_t room = (size_t)16 * 1024;
	ssize_t n = read(j->pipe, buf_reserve(&j->received, room), room);

	if (n > 0)
		buf_added(&j->received, (size_t)n);
	return n == 0 || (n < 0 && errno != EINTR);
}

static void job_ready(void *user)
{
	struct job *j = user;
	auto_(buf) struct buf result = BUF_INIT;
	struct error err = ERROR_INIT;

	if (!job_receive(j))
		return;
	loop_unwatch(j->loop, j->pipe);
	job_collect(j, &result, &err);
	j->done(j->user, &result, &err);
	job_free(j);
}

struct job *job_start(struct loop *l, const char *what, job_work *work, void *arg, job_done *done,
		      void *user, struct error *err)
{
	struct job *j = job_fork(what, work, arg, err);

	if (j == NULL)
		return NULL;
	j->loop = l;
	j->done = done;
	j->user = user;
	if (loop_watch(l, j->pipe, job_ready, j, err) < 0) {
		struct error ignored = ERROR_INIT;
		struct buf nothing = BUF_INIT;

		job_cancel(j);
		job_collect(j, &nothing, &ignored);
		job_free(j);
		return NULL;
	}
	return j;
}

void job_cancel(struct job *j)
{
	j->cancelled = true;
	kill(j->pid, SIGKILL);
}

unsigned job_slots(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return count > 0 ? (unsigned)count : 1;
}

int job_run(const char *what, job_work *work, void *arg, struct buf *result, struct error *err)
{
	auto_(buf) struct buf ignored = BUF_INIT;
	struct error outcome = ERROR_INIT;
	struct job *j = job_fork(what, work, arg, err);

	if (j == NULL)
		return -1;
	while (!job_receive(j))
		continue;
	job_collect(j, result != NULL ? result : &ignored, &outcome);
	job_free(j);
	if (outcome.code == ERROR_NONE)
		return 0;
	*err = outcome;
	return -1;
}

void job_step_back(void)
{
	setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + STEP_BACK);
}

int job_threads(int max)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return count > max ? max : count;
}
