/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox.h"

#include "common/arena.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/mount.h"
#include "runtime/pass.h"
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct sandbox {
	int init;     /* pidfd */
	int lifeline; /* to init, held open as long as the sandbox shall live */
	bool reaped;
};

/* What init needs, owned; freed in the caller as soon as init has its copy of the memory. */
struct draft {
	struct plan plan;
	struct sandbox_spec spec;
	struct arena arena;
	size_t source_count;
};

const struct sandbox_target *sandbox_targets(size_t *count)
{
	static const struct sandbox_target targets[] = {
		{"dev", true},
		{"proc", true},
		{"sys", true},
	};

	*count = sizeof(targets) / sizeof(targets[0]);
	return targets;
}

static char *const *copy_strings(struct arena *arena, char *const *from)
{
	size_t count = 0;
	char **to;

	while (from != NULL && from[count] != NULL)
		count++;
	to = arena_alloc(arena, (count + 1) * sizeof(*to));
	for (size_t i = 0; i < count; i++)
		to[i] = arena_strdup(arena, from[i]);
	return to;
}

/* Init wipes the stack's argv and environ, where the caller's strings may lie. */
static void copy_spec(struct draft *draft, const struct sandbox_spec *spec)
{
	struct sandbox_mount *mounts;

	draft->spec = *spec;
	draft->plan.spec = &draft->spec;
	draft->spec.argv = copy_strings(&draft->arena, spec->argv);
	draft->spec.envp = copy_strings(&draft->arena, spec->envp);
	draft->spec.cwd = arena_strdup(&draft->arena, spec->cwd);
	if (spec->hostname != NULL)
		draft->spec.hostname = arena_strdup(&draft->arena, spec->hostname);
	mounts = arena_alloc(&draft->arena, spec->mount_count * sizeof(*mounts) + 1);
	for (size_t i = 0; i < spec->mount_count; i++) {
		mounts[i] = spec->mounts[i];
		mounts[i].target = arena_strdup(&draft->arena, mounts[i].target);
		if (mounts[i].kind == SANDBOX_SUBTREE)
			mounts[i].subpath = arena_strdup(&draft->arena, mounts[i].subpath);
		if (mounts[i].kind == SANDBOX_DATA)
			mounts[i].data =
				arena_strndup(&draft->arena, mounts[i].data, mounts[i].length);
	}
	draft->spec.mounts = mounts;
	if (spec->unconfined)
		draft->spec.capabilities = UINT64_MAX;
}

static void draft_release(struct draft *draft)
{
	for (size_t i = 0; i < draft->source_count; i++)
		cleanup_fd(&draft->plan.sources[i]);
	cleanup_fd(&draft->plan.lifeline);
	arena_release(&draft->arena);
}
DEFINE_CLEANUP_STRUCT(draft, struct draft, draft_release);

/* A detached mount that is init's alone. Cloned here, since a descriptor belongs to the mount
   namespace that it was opened in. */
static int take_source(const struct sandbox_mount *m, struct error *err)
{
	const unsigned int deep = m->recursive ? AT_RECURSIVE : 0;
	auto_fd int mount = -1;

	switch (m->kind) {
	case SANDBOX_TMPFS:
	case SANDBOX_DATA:
		return -1;
	case SANDBOX_BIND:
		mount = mount_clone(m->source, "", deep, mount_attributes(m), err);
		if (mount < 0 && err->os == EINVAL && !m->recursive)
			error_hint(err, "file systems are mounted below it, and without root they "
					"cannot be left out");
		return steal_fd(&mount);
	case SANDBOX_SUBTREE:
		mount = fcntl(m->source, F_DUPFD_CLOEXEC, 3);
		return mount >= 0 ? steal_fd(&mount) : error_sys(err, "taking its source");
	case SANDBOX_MOVE:
		mount = fcntl(m->source, F_DUPFD_CLOEXEC, 3);
		if (mount < 0 || (mount_attributes(m) != 0 &&
				  sys_mount_setattr(mount, deep, mount_attributes(m)) < 0))
			return error_sys(err, "restricting a mount");
		return steal_fd(&mount);
	}
	return -1;
}

static int take_sources(struct draft *draft, struct error *err)
{
	const struct sandbox_spec *spec = &draft->spec;

	if (spec->mount_count > SANDBOX_MAX_MOUNTS)
		return error_set(err, ERROR_LIMIT,
				 "%zu mounts in a sandbox; at most %d are allowed",
				 spec->mount_count, SANDBOX_MAX_MOUNTS);
	draft->plan.sources = arena_alloc(&draft->arena, spec->mount_count * sizeof(int) + 1);
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct sandbox_mount *m = &spec->mounts[i];
		int source = take_source(m, err);

		if (source < 0 && err->code != ERROR_NONE)
			return error_add(err, "mounting on %s", m->target);
		draft->plan.sources[draft->source_count++] = source;
	}
	return 0;
}

/* Read here because init's /proc is new: the first look at a process there costs five times more.
 */
static bool is_oom_protected(void)
{
	auto_fd int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	char sign = '0';

	return fd >= 0 && read(fd, &sign, 1) == 1 && sign == '-';
}

static int start_init(const struct draft *draft, struct sandbox *box, struct error *err)
{
	uint64_t flags = CLONE_PIDFD | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP;
	struct sys_clone_args args = {.pidfd = (uint64_t)(uintptr_t)&box->init};
	pid_t pid;

	if (draft->spec.network == SANDBOX_NO_NETWORK)
		flags |= CLONE_NEWNET;
	/* No signal at its end: it must not disturb a caller that waits for children of its own. */
	args.flags = flags;
	pid = sys_clone3(&args);
	if (pid == 0)
		init_run(&draft->plan);
	if (pid > 0)
		return 0;
	error_sys(err, "making the namespaces of a sandbox");
	if (err->os == EPERM || err->os == ENOSYS)
		return error_hint(err, "an outer container's seccomp profile may forbid it; see "
				       "varve info, or use --isolation=chroot");
	if (err->os == ENOSPC || err->os == EUSERS)
		return error_hint(err,
				  "a limit among the sysctls user.max_*_namespaces is reached");
	return -1;
}

/* A socket and not two pipes: writing to a dead init must not raise SIGPIPE in the caller. */
static int open_lifeline(struct draft *draft, struct sandbox *box, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, "socketpair");
	draft->plan.lifeline = pair[0];
	box->lifeline = pair[1];
	return 0;
}

struct sandbox *sandbox_prepare(const struct sandbox_spec *spec, struct error *err)
{
	auto_(draft) struct draft draft = {
		.plan = {.lifeline = -1},
		.arena = ARENA_INIT,
	};
	auto_(sandbox) struct sandbox *box = xcalloc(1, sizeof(*box));

	assert(spec->argv[0] != NULL && spec->cwd != NULL);
	*box = (struct sandbox){.init = -1, .lifeline = -1};
	copy_spec(&draft, spec);
	draft.plan.oom_protected = is_oom_protected();
	if (take_sources(&draft, err) < 0 || open_lifeline(&draft, box, err) < 0 ||
	    start_init(&draft, box, err) < 0)
		return NULL;
	return steal(box);
}

int sandbox_enter(struct sandbox *box, const struct overlay_spec *root, struct error *err)
{
	auto_fd int mount = overlay_mount(root, err);

	if (mount < 0)
		return -1;
	/* If init failed and is gone, its report says why. */
	if (pass_send(box->lifeline, mount, "", 1) < 0 && errno != EPIPE && errno != ECONNRESET)
		return error_sys(err, "handing the root over");
	return 0;
}

struct sandbox *sandbox_start(const struct sandbox_spec *spec, struct error *err)
{
	auto_(sandbox) struct sandbox *box = sandbox_prepare(spec, err);

	/* The mount comes second, because init makes /proc and /dev at the same time. */
	if (box == NULL || sandbox_enter(box, &spec->root, err) < 0)
		return NULL;
	return steal(box);
}

int sandbox_fd(const struct sandbox *box)
{
	return box->lifeline;
}

static void reap(struct sandbox *box, siginfo_t *info)
{
	memset(info, 0, sizeof(*info));
	while (waitid(P_PIDFD, (id_t)box->init, info, WEXITED | __WALL) < 0 && errno == EINTR)
		continue;
	box->reaped = true;
}

int sandbox_finish(struct sandbox *box, struct sandbox_result *result, struct error *err)
{
	struct report report;
	siginfo_t info;
	ssize_t n;

	/* ECONNRESET comes once, before the report, if init ended with a message unread. */
	do
		n = read(box->lifeline, &report, sizeof(report));
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n == (ssize_t)REPORT_ENDED_SIZE && report.kind == REPORT_ENDED) {
		*result = report.result;
		return 0;
	}
	if (n == (ssize_t)sizeof(report)) {
		*err = report.err;
		return -1;
	}
	if (!box->reaped)
		reap(box, &info);
	error_set(err, ERROR_CHILD, "the sandbox was killed from outside");
	return error_hint(err, "the system may have run out of memory: see dmesg");
}

int sandbox_signal(struct sandbox *box, int signal, struct error *err)
{
	unsigned char number = (unsigned char)signal;

	assert(signal > 0 && signal < NSIG);
	/* Init reads the numbers as they come: the socket does not fill up. */
	if (send(box->lifeline, &number, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
		return error_sys(err, "passing signal %d to the sandbox", signal);
	return 0;
}

void sandbox_kill(struct sandbox *box)
{
	if (!box->reaped)
		sys_pidfd_send_signal(box->init, SIGKILL);
}

void sandbox_free(struct sandbox *box)
{
	siginfo_t info;

	if (box == NULL)
		return;
	if (box->init >= 0 && !box->reaped) {
		cleanup_fd(&box->lifeline);
		sandbox_kill(box);
		reap(box, &info);
	}
	cleanup_fd(&box->lifeline);
	cleanup_fd(&box->init);
	free(box);
}

bool sandbox_gone(struct sandbox *box)
{
	struct pollfd init = {.fd = box->init, .events = POLLIN};

	return box->reaped || poll(&init, 1, 0) > 0;
}
