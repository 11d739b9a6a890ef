/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/probe.h"

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/job.h"
#include "runtime/mount.h"
#include "runtime/overlay.h"
#include "runtime/sys.h"
#include "runtime/userns.h"

#include <assert.h>
#include <errno.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>

enum { OLDEST_MAJOR = 5, OLDEST_MINOR = 15, CGROUP_FILE_MAX = 64 * 1024 };

/* Tests one feature: 0 with something to say about it, or -1 with the reason. */
typedef int probe_test(int store, struct buf *detail, struct error *err);

static int test_kernel(int store, struct buf *detail, struct error *err)
{
	unsigned int major, minor;
	struct utsname name;

	(void)store;
	/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote these numbers */
	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return error_set(err, ERROR_FORMAT, "a kernel without a version");
	if (major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR))
		return error_set(err, ERROR_LIMIT, "%s: varve needs Linux %d.%d", name.release,
				 OLDEST_MAJOR, OLDEST_MINOR);
	buf_add_str(detail, name.release);
	return 0;
}

static int test_openat2(int store, struct buf *detail, struct error *err)
{
	auto_fd int fd = openat_policy(store, ".", O_PATH, 0, RESOLVE_BENEATH);

	(void)detail;
	return fd >= 0 ? 0 : error_sys(err, "openat2");
}

static int test_pidfd(int store, struct buf *detail, struct error *err)
{
	auto_fd int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	(void)store;
	(void)detail;
	return fd >= 0 ? 0 : error_sys(err, "pidfd_open");
}

static int test_memfd(int store, struct buf *detail, struct error *err)
{
	auto_fd int fd = memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)store;
	(void)detail;
	if (fd < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return error_sys(err, "sealing a memfd");
	return 0;
}

static int test_landlock(int store, struct buf *detail, struct error *err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	(void)store;
	if (abi < 0)
		return error_sys(err, "landlock");
	buf_printf(detail, "ABI %ld", abi);
	return 0;
}

static int test_seccomp(int store, struct buf *detail, struct error *err)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	(void)store;
	(void)detail;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return error_sys(err, "seccomp");
	return 0;
}

static int test_user_namespace(int store, struct buf *detail, struct error *err)
{
	bool single;

	(void)store;
	if (userns_enter(&single, err) < 0)
		return -1;
	buf_add_str(detail, single ? "one id" : "root and subordinate ids");
	return 0;
}

static int test_ranges(int store, struct buf *detail, struct error *err)
{
	(void)store;
	if (userns_ranges(err) == 0)
		return 0;
	if (!userns_privileged())
		return -1;
	buf_printf(detail, "not needed by root (%s)", err->frame[0].text);
	error_clear(err);
	return 0;
}

/* What the other tests run as: root, or root of a user namespace where there is none. */
static int gain_privileges(struct error *err)
{
	bool single;

	return userns_privileged() ? 0 : userns_enter(&single, err);
}

static int test_mount_setattr(int store, struct buf *detail, struct error *err)
{
	auto_fd int mount = -1;

	(void)detail;
	(void)store;
	if (gain_privileges(err) < 0)
		return -1;
	mount = mount_new("tmpfs", NULL, 0, err);
	if (mount < 0)
		return -1;
	return sys_mount_setattr(mount, 0, MOUNT_ATTR_RDONLY) == 0
		       ? 0
		       : error_sys(err, "mount_setattr");
}

static _Noreturn void mount_proc(int report)
{
	struct error err = ERROR_INIT;
	int mount = mount_new("proc", NULL, MOUNT_ATTR_NOSUID, &err);

	if (mount < 0 && write(report, &err, sizeof(err)) != (ssize_t)sizeof(err))
		_exit(2);
	_exit(mount < 0);
}

static int test_namespaces(int store, struct buf *detail, struct error *err)
{
	struct sys_clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD,
	};
	struct error inner = ERROR_INIT;
	int report[2], status;
	pid_t pid;

	(void)store;
	(void)detail;
	if (gain_privileges(err) < 0)
		return -1;
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	pid = sys_clone3(&args);
	if (pid == 0)
		mount_proc(report[1]);
	if (pid < 0)
		return error_sys(err, "mount, pid, ipc, uts and cgroup namespaces");
	if (waitpid(pid, &status, 0) != pid)
		return error_sys(err, "waitpid");
	if (status == 0)
		return 0;
	if (read(report[0], &inner, sizeof(inner)) == (ssize_t)sizeof(inner))
		*err = inner;
	else
		error_set(err, ERROR_CHILD, "the test process died");
	return error_add(err, "/proc in a new pid namespace");
}

static int test_network_namespace(int store, struct buf *detail, struct error *err)
{
	(void)store;
	(void)detail;
	if (gain_privileges(err) < 0)
		return -1;
	return unshare(CLONE_NEWNET) == 0 ? 0 : error_sys(err, "network namespace");
}

static int find_helper(const char *name, struct buf *detail, struct error *err)
{
	static const char *const places[] = {"/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		buf_reset(detail);
		buf_printf(detail, "%s/%s", places[i], name);
		if (access(detail->data, X_OK) == 0)
			return 0;
	}
	return error_set(err, ERROR_NOT_FOUND, "%s is not installed", name);
}

static int test_pasta(int store, struct buf *detail, struct error *err)
{
	(void)store;
	return find_helper("pasta", detail, err);
}

static int test_slirp(int store, struct buf *detail, struct error *err)
{
	(void)store;
	return find_helper("slirp4netns", detail, err);
}

/* Lines of /proc/self/cgroup: "0::/path" is version 2, "4:memory:/path" is version 1. */
static int find_cgroups(bool second, struct buf *detail, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	auto_fd int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	char *rest, *line;

	if (fd < 0)
		return error_sys(err, "/proc/self/cgroup");
	if (read_all(fd, CGROUP_FILE_MAX, &text, err) < 0)
		return -1;
	rest = text.data;
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *name = strchr(line, ':'), *end = name != NULL ? strchr(name + 1, ':') : NULL;

		if (end == NULL || (strncmp(line, "0::", 3) == 0) != second)
			continue;
		if (second) {
			buf_add_str(detail, end + 1);
		} else {
			*end = '\0';
			buf_printf(detail, "%s%s", detail->length > 0 ? " " : "", name + 1);
		}
	}
	return detail->length > 0 ? 0 : error_set(err, ERROR_NOT_FOUND, "not mounted");
}

static int test_cgroup1(int store, struct buf *detail, struct error *err)
{
	(void)store;
	return find_cgroups(false, detail, err);
}

static int test_cgroup2(int store, struct buf *detail, struct error *err)
{
	(void)store;
	return find_cgroups(true, detail, err);
}

static const char probe_directory[] = ".probe";

/* Removing and making a directory again needs an xattr on the upper, which a user namespace may
   only write with userxattr; without it the mount works and this fails. */
static int change_lower(int mount, struct error *err)
{
	if (unlinkat(mount, "d", AT_REMOVEDIR) < 0 || mkdirat(mount, "d", 0700) < 0)
		return error_sys(err, "replacing a directory in an overlay");
	return 0;
}

static int mount_there(int base, enum overlay_way way, bool *unsupported, struct error *err)
{
	auto_fd int lower = mkdir_child(base, "lower", 0700, err);
	auto_fd int upper = lower < 0 ? -1 : mkdir_child(base, "upper", 0700, err);
	auto_fd int work = upper < 0 ? -1 : mkdir_child(base, "work", 0700, err);
	auto_fd int below = work < 0 ? -1 : mkdir_child(lower, "d", 0700, err);
	struct overlay_spec spec = {.lower = &lower,
				    .count = 1,
				    .upper = upper,
				    .work = work,
				    .userxattr = userns_inside(),
				    .volatile_upper = true};
	auto_fd int mount = -1;

	*unsupported = false;
	if (below < 0)
		return -1;
	mount = overlay_mount_by(&spec, way, unsupported, err);
	return mount < 0 ? -1 : change_lower(mount, err);
}

/* Enters a user namespace if need be; store must be found again there, since overlayfs refuses
   directories of another mount namespace. */
static int open_store_again(int store, struct error *err)
{
	auto_fd int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fchdir(store) < 0)
		return error_sys(err, "entering the store");
	if (gain_privileges(err) < 0)
		return -1;
	cleanup_fd(&here);
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return here >= 0 ? steal_fd(&here) : error_sys(err, "the store");
}

static int try_overlay(int store, enum overlay_way way, struct buf *detail, struct error *err)
{
	struct error ignored = ERROR_INIT;
	char name[sizeof(probe_directory) + RANDOM_NAME_SIZE];
	auto_fd int here = open_store_again(store, err);
	auto_fd int base = -1;
	bool unsupported;
	int status;

	if (here < 0)
		return -1;
	memcpy(name, probe_directory, sizeof(probe_directory) - 1);
	random_name(name + sizeof(probe_directory) - 1);
	base = mkdir_child(here, name, 0700, err);
	if (base < 0)
		return -1;
	status = mount_there(base, way, &unsupported, err);
	remove_tree(here, name, &ignored);
	if (status < 0 && unsupported)
		return error_set(err, ERROR_LIMIT, "not in this kernel; an older way is used");
	if (status == 0 && userns_inside())
		buf_add_str(detail, "with userxattr");
	return status;
}

static int test_overlay_descriptor(int store, struct buf *detail, struct error *err)
{
	return try_overlay(store, OVERLAY_BY_DESCRIPTOR, detail, err);
}

static int test_overlay_name(int store, struct buf *detail, struct error *err)
{
	return try_overlay(store, OVERLAY_BY_NAME, detail, err);
}

static int test_overlay_options(int store, struct buf *detail, struct error *err)
{
	return try_overlay(store, OVERLAY_BY_OPTIONS, detail, err);
}

static const struct probe {
	const char *name;
	probe_test *test;
} probes[] = {
	{"kernel", test_kernel},
	{"openat2", test_openat2},
	{"mount_setattr", test_mount_setattr},
	{"pidfd", test_pidfd},
	{"memfd sealing", test_memfd},
	{"seccomp", test_seccomp},
	{"landlock", test_landlock},
	{"user namespaces", test_user_namespace},
	{"subordinate ids", test_ranges},
	{"sandbox namespaces", test_namespaces},
	{"network namespace", test_network_namespace},
	{"overlay by descriptor", test_overlay_descriptor},
	{"overlay with lowerdir+", test_overlay_name},
	{"overlay by options", test_overlay_options},
	{"cgroup v1", test_cgroup1},
	{"cgroup v2", test_cgroup2},
	{"pasta", test_pasta},
	{"slirp4netns", test_slirp},
};

struct task {
	const struct probe *probe;
	int store;
};

static int work(void *argument, struct buf *result, struct error *err)
{
	const struct task *task = argument;

	return task->probe->test(task->store, result, err);
}

void probe_run(int store, struct probe_result *out)
{
	const size_t count = sizeof(probes) / sizeof(probes[0]);

	static_assert(sizeof(probes) / sizeof(probes[0]) <= PROBE_MAX, "room for all");
	out->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct task task = {.probe = &probes[i], .store = store};
		struct probe_item *item = &out->item[out->count++];
		auto_(buf) struct buf detail = BUF_INIT;
		struct error err = ERROR_INIT;

		*item = (struct probe_item){.name = probes[i].name};
		item->ok = job_run("a test", work, &task, &detail, &err) == 0;
		if (!item->ok) {
			char text[ERROR_FRAMES * ERROR_TEXT];

			error_format(&err, text, sizeof(text));
			buf_reset(&detail);
			buf_printf(&detail, "%s%s%s", text, err.hint[0] != '\0' ? "; " : "",
				   err.hint);
		}
		buf_truncate(&detail, detail.length < sizeof(item->detail)
					      ? detail.length
					      : sizeof(item->detail) - 1);
		memcpy(item->detail, detail.data, detail.length + 1);
	}
}
