/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/agent.h"

#include "builder/agent_keys.h"
#include "builder/relay.h"
#include "common/arena.h"
#include "common/fd.h"
#include "runtime/sys.h"

#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static const char socket_name[] = "socket";

struct agent {
	struct loop *loop;
	int stage; /* borrowed */
	char name[RANDOM_NAME_SIZE];
	int process;  /* pidfd */
	int lifeline; /* to it, and its report from it */
	int socket;
	int status;
	struct error error;
};

/* --- in the process ------------------------------------------------------------------------ */

enum { FD_LIFELINE = 3, FD_LISTENER, FD_AGENT, FD_DIRECTORY, FD_END };

/* What the process needs, at fixed numbers; nothing else of its parent stays open: locks, pipes
   and sockets of other steps would last as long as this one. */
static int keep_only(const int *fds)
{
	int moved[FD_END];
	auto_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -1;
	for (int i = FD_LIFELINE; i < FD_END; i++)
		moved[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, FD_END);
	for (int i = 0; i < FD_LIFELINE; i++)
		dup2(null, i);
	for (int i = FD_LIFELINE; i < FD_END; i++)
		if (moved[i] >= 0 && dup3(moved[i], i, O_CLOEXEC) < 0)
			return -1;
	null = -1; /* among those that are closed now */
	return sys_close_range(FD_END, ~0U, 0);
}

/* As common/job.c does for its own. */
static void set_signals(void)
{
	struct pollfd lifeline = {.fd = FD_LIFELINE, .events = POLLIN};
	sigset_t none;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&lifeline, 1, 0) > 0)
		_exit(1); /* the parent has died before that */
}

static int serve(const struct build_ssh *ssh, bool keys, struct error *err)
{
	const struct error fine = ERROR_INIT;
	int agent = FD_AGENT;

	if (keys) {
		agent = agent_keys_load(FD_DIRECTORY, ssh, err);
		if (agent < 0)
			return -1;
	}
	if (send(FD_LIFELINE, &fine, sizeof(fine), MSG_NOSIGNAL) < 0)
		return error_sys(err, "reporting");
	return relay_run(FD_LISTENER, agent, FD_LIFELINE, err);
}

static _Noreturn void process_main(const int *fds, const struct build_ssh *ssh)
{
	struct error err = ERROR_INIT;

	if (keep_only(fds) < 0)
		_exit(1);
	set_signals();
	if (serve(ssh, fds[FD_AGENT] < 0, &err) == 0)
		_exit(0);
	error_add(&err, "--ssh %s", ssh->id);
	_exit(send(FD_LIFELINE, &err, sizeof(err), MSG_NOSIGNAL) < 0 ? 2 : 1);
}

/* --- in the caller ------------------------------------------------------------------------- */

static int listen_in(int directory, mode_t mode, uid_t uid, gid_t gid, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char path[FD_PATH_SIZE];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fd_path(directory, path),
		 socket_name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		return error_sys(err, "making a socket");
	if (fchownat(directory, socket_name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) {
		error_sys(err, "giving a socket to %u:%u", (unsigned int)uid, (unsigned int)gid);
		if (err->os == EINVAL)
			error_hint(err, "this user namespace has no such id");
		return -1;
	}
	if (fchmodat(directory, socket_name, mode & 07777, 0) < 0)
		return error_sys(err, "setting the mode of a socket");
	return steal_fd(&fd);
}

static int open_socket(const char *path, struct error *err)
{
	auto_fd int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "%s", path);
	return S_ISSOCK(st.st_mode) ? steal_fd(&fd) : -1;
}

static int find_default(const char *id, struct error *err)
{
	const char *path = getenv("SSH_AUTH_SOCK");
	int fd;

	if (path == NULL || *path == '\0') {
		error_set(err, ERROR_NOT_FOUND, "there is no ssh agent: SSH_AUTH_SOCK is not set");
		return error_hint(err,
				  "start one with eval $(ssh-agent) and ssh-add, or give a "
				  "key file: --ssh %s=FILE",
				  id);
	}
	fd = open_socket(path, err);
	if (fd < 0 && err->code == ERROR_NONE)
		error_set(err, ERROR_USAGE, "%s is not a socket", path);
	return fd < 0 ? error_add(err, "SSH_AUTH_SOCK") : fd;
}

/* The user's agent, or -1 without an error if these are key files. */
static int find_agent(const struct build_ssh *ssh, struct error *err)
{
	if (ssh->path_count == 0)
		return find_default(ssh->id, err);
	for (size_t i = 0; i < ssh->path_count; i++) {
		auto_fd int fd = open_socket(ssh->paths[i], err);

		if (fd < 0 && err->code != ERROR_NONE)
			return -1;
		if (fd >= 0 && ssh->path_count == 1)
			return steal_fd(&fd);
		if (fd >= 0)
			return error_set(err, ERROR_USAGE,
					 "%s is a socket: only one can be given, and no key files "
					 "beside it",
					 ssh->paths[i]);
	}
	return -1;
}

static int start_process(struct agent *a, int listener, int agent, int directory,
			 const struct build_ssh *ssh, struct error *err)
{
	struct sys_clone_args args = {.pidfd = (uint64_t)(uintptr_t)&a->process,
				      .flags = CLONE_PIDFD | CLONE_NEWPID};
	auto_fd int theirs = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, "socketpair");
	a->lifeline = pair[0];
	theirs = pair[1];
	pid = sys_clone3(&args);
	if (pid == 0) {
		const int fds[FD_END] = {-1, -1, -1, theirs, listener, agent, directory};

		process_main(fds, ssh);
	}
	return pid > 0 ? 0 : error_sys(err, "starting a process");
}

static void report_ready(void *user)
{
	struct agent *a = user;
	struct error report;
	ssize_t n = recv(a->lifeline, &report, sizeof(report), MSG_DONTWAIT);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n == (ssize_t)sizeof(report))
		a->error = report;
	else
		error_set(&a->error, ERROR_CHILD, "the process died");
	a->status = a->error.code == ERROR_NONE ? 1 : -1;
	loop_unwatch(a->loop, a->lifeline);
}

static int start(struct agent *a, const struct build_ssh *ssh, mode_t mode, uid_t uid, gid_t gid,
		 struct error *err)
{
	auto_fd int agent = find_agent(ssh, err), directory = -1, listener = -1;

	if (agent < 0 && err->code != ERROR_NONE)
		return -1;
	directory = mkdir_child(a->stage, a->name, 0700, err);
	if (directory < 0)
		return -1;
	listener = listen_in(directory, mode, uid, gid, err);
	if (listener < 0)
		return -1;
	a->socket = open_child(directory, socket_name, O_PATH, 0, err);
	if (a->socket < 0 || start_process(a, listener, agent, directory, ssh, err) < 0)
		return -1;
	return loop_watch(a->loop, a->lifeline, report_ready, a, err);
}

struct agent *agent_start(struct loop *l, int stage, const struct build_ssh *ssh, mode_t mode,
			  uid_t uid, gid_t gid, struct error *err)
{
	auto_(agent) struct agent *a = xcalloc(1, sizeof(*a));

	*a = (struct agent){.loop = l,
			    .stage = stage,
			    .process = -1,
			    .lifeline = -1,
			    .socket = -1,
			    .error = ERROR_INIT};
	random_name(a->name);
	if (start(a, ssh, mode, uid, gid, err) < 0) {
		error_add(err, "--ssh %s", ssh->id);
		return NULL;
	}
	return steal(a);
}

int agent_status(const struct agent *a, struct error *err)
{
	if (a->status < 0)
		*err = a->error;
	return a->status;
}

int agent_socket(const struct agent *a)
{
	return a->socket;
}

void agent_free(struct agent *a)
{
	struct error ignored = ERROR_INIT;
	siginfo_t info;

	if (a == NULL)
		return;
	if (a->lifeline >= 0 && a->status == 0)
		loop_unwatch(a->loop, a->lifeline);
	if (a->process >= 0) {
		/* Its end takes everything in its pid namespace along. */
		sys_pidfd_send_signal(a->process, SIGKILL);
		while (waitid(P_PIDFD, (id_t)a->process, &info, WEXITED | __WALL) < 0 &&
		       errno == EINTR)
			continue;
	}
	cleanup_fd(&a->process);
	cleanup_fd(&a->lifeline);
	cleanup_fd(&a->socket);
	/* What resists goes with the stage. */
	remove_tree(a->stage, a->name, &ignored);
	free(a);
}
