/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/idmap.h"

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/fd.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { ENOUGH_IDS = 65536 };

/* Never PATH: the programs run with a set-uid bit, and the caller's PATH may lead elsewhere. */
static const char *const program_directories[] = {
	"/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/run/wrappers/bin",
};

static bool find_program(const char *name, char path[PATH_MAX])
{
	const size_t count = sizeof(program_directories) / sizeof(program_directories[0]);

	for (size_t i = 0; i < count; i++) {
		snprintf(path, PATH_MAX, "%s/%s", program_directories[i], name);
		if (access(path, X_OK) == 0)
			return true;
	}
	path[0] = '\0';
	return false;
}

static void be_single(struct idmap *map, const char *reason, const char *hint)
{
	map->single = true;
	snprintf(map->reason, sizeof(map->reason), "%s", reason);
	snprintf(map->hint, sizeof(map->hint), "%s", hint);
}

int idmap_plan(struct idmap *out, struct error *err)
{
	const struct passwd *entry;
	char name[128] = "", line[300];

	*out = (struct idmap){.uid = geteuid(), .gid = getegid()};
	entry = getpwuid(out->uid);
	if (entry != NULL)
		snprintf(name, sizeof(name), "%s", entry->pw_name);
	else
		snprintf(name, sizeof(name), "%u", (unsigned int)out->uid);
	if (subid_read("/etc/subuid", name, out->uid, &out->uids, err) < 0 ||
	    subid_read("/etc/subgid", name, out->uid, &out->gids, err) < 0)
		return -1;
	snprintf(line, sizeof(line),
		 "add the line \"%s:100000:65536\", with a range that nobody else has, to "
		 "/etc/subuid and /etc/subgid",
		 name);
	if (!find_program("newuidmap", out->newuidmap) ||
	    !find_program("newgidmap", out->newgidmap))
		be_single(out, "newuidmap and newgidmap are not installed",
			  "install the package uidmap (Debian, Ubuntu), shadow-utils (Fedora) or "
			  "shadow-subids (Alpine)");
	else if (subid_total(&out->uids) < ENOUGH_IDS)
		be_single(out, "/etc/subuid gives this user fewer than 65536 ids", line);
	else if (subid_total(&out->gids) < ENOUGH_IDS)
		be_single(out, "/etc/subgid gives this user fewer than 65536 ids", line);
	return 0;
}

/* In the helper's child. Arguments: pid, then triples of inside, outside, count. */
static void execute(const char *program, pid_t target, uint32_t own, const struct subid *ids)
{
	enum { NUMBER = 12, ARGUMENTS = 2 + 3 * (SUBID_RANGES_MAX + 1) };
	static char numbers[ARGUMENTS][NUMBER];
	char *argv[ARGUMENTS + 1], *envp[] = {NULL};
	uint64_t inside = 1;
	int n = 0;

	snprintf(numbers[n++], NUMBER, "%s", "newidmap");
	snprintf(numbers[n++], NUMBER, "%d", (int)target);
	snprintf(numbers[n++], NUMBER, "0");
	snprintf(numbers[n++], NUMBER, "%u", own);
	snprintf(numbers[n++], NUMBER, "1");
	for (size_t i = 0; i < ids->ranges; i++) {
		if (inside + ids->range[i].count > UINT32_MAX)
			break; /* ids are 32 bits wide inside, too */
		snprintf(numbers[n++], NUMBER, "%u", (uint32_t)inside);
		snprintf(numbers[n++], NUMBER, "%u", ids->range[i].first);
		snprintf(numbers[n++], NUMBER, "%u", ids->range[i].count);
		inside += ids->range[i].count;
	}
	for (int i = 0; i < n; i++)
		argv[i] = numbers[i];
	argv[n] = NULL;
	execve(program, argv, envp);
}

static bool run(const char *program, pid_t target, uint32_t own, const struct subid *ids)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		/* What it would print is about our fallback, which the caller reports. */
		if (null >= 0 && dup2(null, 2) >= 0)
			execute(program, target, own, ids);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Exit status: 0 both maps are written, 1 none is, 2 only the first. */
static _Noreturn void help(const struct idmap *map, pid_t target, int go)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(go, &byte, 1) != 1)
		_exit(1);
	if (!run(map->newgidmap, target, map->gid, &map->gids))
		_exit(1);
	_exit(run(map->newuidmap, target, map->uid, &map->uids) ? 0 : 2);
}

int idmap_prepare(const struct idmap *map, struct idmap_helper *out, struct error *err)
{
	pid_t target = getpid();
	int pair[2];

	*out = (struct idmap_helper){.pid = -1, .go = -1};
	if (map->single)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, "socketpair");
	out->pid = fork();
	if (out->pid == 0) {
		close(pair[1]);
		help(map, target, pair[0]);
	}
	close(pair[0]);
	out->go = pair[1];
	if (out->pid > 0)
		return 0;
	error_sys(err, "fork");
	cleanup_fd(&out->go);
	return -1;
}

static int join_helper(struct idmap_helper *helper)
{
	int status = 0;

	cleanup_fd(&helper->go);
	while (helper->pid > 0 && waitpid(helper->pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	helper->pid = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void idmap_cancel(struct idmap_helper *helper)
{
	join_helper(helper);
}

static int write_map(const char *path, const char *text, struct error *err)
{
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return error_sys(err, "writing %s", path);
	return 0;
}

static int write_single(const struct idmap *map, struct error *err)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "0 %u 1", (unsigned int)map->uid);
	snprintf(gids, sizeof(gids), "0 %u 1", (unsigned int)map->gid);
	if (write_map("/proc/self/setgroups", "deny", err) < 0 ||
	    write_map("/proc/self/uid_map", uids, err) < 0 ||
	    write_map("/proc/self/gid_map", gids, err) < 0)
		return error_add(err, "mapping this user");
	return 0;
}

int idmap_apply(struct idmap *map, struct idmap_helper *helper, struct error *err)
{
	int status;

	if (map->single)
		return write_single(map, err);
	if (send(helper->go, "", 1, MSG_NOSIGNAL) != 1) {
		error_sys(err, "starting newuidmap");
		idmap_cancel(helper);
		return -1;
	}
	status = join_helper(helper);
	if (status == 0)
		return 0;
	if (status == 1) {
		be_single(map, "newgidmap failed", "see whether its set-uid bit works here");
		return write_single(map, err);
	}
	error_set(err, ERROR_CHILD, "newuidmap failed after newgidmap had succeeded");
	return error_hint(err, "look at your lines in /etc/subuid");
}
