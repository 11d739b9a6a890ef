/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/mount.h"
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { QUIET = MS_NOSUID | MS_NOEXEC, SHM_SIZE = 64 * 1024 * 1024 };

static const struct node {
	const char *name;
	unsigned int major, minor;
} nodes[] = {
	{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
	{"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

static const struct link {
	const char *name, *target;
} links[] = {
	{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},      {"ptmx", "pts/ptmx"},
};

static const char *const directories[] = {"pts", "shm", "mqueue"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* In a user namespace nodes cannot be made. The host's are shown instead, after a look at what they
   are (CVE-2025-31133). */
static int bind_node(int host, int dev, const struct node *n, struct error *err)
{
	auto_fd int file = -1, mount = -1;
	struct stat st;

	file = openat(dev, n->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (file < 0)
		return error_sys(err, "creating /dev/%s", n->name);
	mount = mount_clone(host, n->name, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
	if (mount < 0)
		return error_add(err, "/dev");
	if (fstat(mount, &st) < 0)
		return error_sys(err, "/dev/%s", n->name);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(n->major, n->minor))
		return error_set(err, ERROR_IO, "the host's /dev/%s is not the device %u:%u",
				 n->name, n->major, n->minor);
	if (sys_move_mount(mount, dev, n->name, 0) < 0)
		return error_sys(err, "binding /dev/%s", n->name);
	return 0;
}

static int make_nodes(int host, int dev, struct error *err)
{
	for (const struct node *n = nodes; n < nodes + COUNT(nodes); n++) {
		if (mknodat(dev, n->name, S_IFCHR | 0666, makedev(n->major, n->minor)) == 0)
			continue;
		if (errno != EPERM)
			return error_sys(err, "creating /dev/%s", n->name);
		if (bind_node(host, dev, n, err) < 0)
			return -1;
	}
	return 0;
}

static int make_entries(int host, int dev, struct error *err)
{
	for (size_t i = 0; i < COUNT(directories); i++)
		if (mkdirat(dev, directories[i], 0755) < 0)
			return error_sys(err, "creating /dev/%s", directories[i]);
	for (const struct link *l = links; l < links + COUNT(links); l++)
		if (symlinkat(l->target, dev, l->name) < 0)
			return error_sys(err, "creating /dev/%s", l->name);
	return make_nodes(host, dev, err);
}

/* Group 5 owns terminals everywhere, but a user namespace with one id does not know it. */
static int mount_terminals(struct error *err)
{
	if (sys_mount("devpts", "/dev/pts", "devpts", QUIET, "ptmxmode=0666,mode=0620,gid=5") < 0 &&
	    (errno != EINVAL ||
	     sys_mount("devpts", "/dev/pts", "devpts", QUIET, "ptmxmode=0666,mode=0620") < 0))
		return error_sys(err, "mounting devpts");
	return 0;
}

static int mount_memory(uint64_t size, struct error *err)
{
	char options[48];

	snprintf(options, sizeof(options), "mode=1777,size=%llu",
		 (unsigned long long)(size > 0 ? size : SHM_SIZE));
	if (sys_mount("tmpfs", "/dev/shm", "tmpfs", QUIET | MS_NODEV, options) < 0)
		return error_sys(err, "mounting /dev/shm");
	if (sys_mount("mqueue", "/dev/mqueue", "mqueue", QUIET | MS_NODEV, NULL) < 0 &&
	    errno != ENODEV) /* a kernel without message queues */
		return error_sys(err, "mounting mqueue");
	return 0;
}

/* Of the host, for a program that is not confined: to load, mount and run what it has built. */
static const char *const more_nodes[] = {"kmsg", "cuse", "fuse", "kvm", "net/tun", "loop-control"};
enum { LOOP_MAJOR = 7, LOOPS = 16 };

static int add_node(int dev, const char *name, mode_t mode, dev_t device, struct error *err)
{
	/* In a user namespace nodes cannot be made, and could not be opened. */
	if (mknodat(dev, name, mode, device) < 0 && errno != EPERM)
		return error_sys(err, "creating /dev/%s", name);
	return 0;
}

static int add_nodes(int host, int dev, struct error *err)
{
	struct stat st;
	char name[16];

	if (mkdirat(dev, "net", 0755) < 0)
		return error_sys(err, "creating /dev/net");
	for (size_t i = 0; i < COUNT(more_nodes); i++)
		if (fstatat(host, more_nodes[i], &st, 0) == 0 && S_ISCHR(st.st_mode) &&
		    add_node(dev, more_nodes[i], st.st_mode, st.st_rdev, err) < 0)
			return -1;
	/* The kernel makes further loop devices on demand, but their nodes on the host only. */
	for (unsigned int i = 0; i < LOOPS; i++) {
		snprintf(name, sizeof(name), "loop%u", i);
		if (add_node(dev, name, S_IFBLK | 0660, makedev(LOOP_MAJOR, i), err) < 0)
			return -1;
	}
	return 0;
}

int device_mount(const struct sandbox_spec *spec, struct error *err)
{
	auto_fd int host = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd int dev = -1;

	if (host < 0)
		return error_sys(err, "/dev");
	if (sys_mount("tmpfs", "/dev", "tmpfs", QUIET, "mode=755,size=64k") < 0)
		return error_sys(err, "mounting /dev");
	dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dev < 0)
		return error_sys(err, "/dev");
	if (make_entries(host, dev, err) < 0 ||
	    (spec->unconfined && add_nodes(host, dev, err) < 0) || mount_terminals(err) < 0)
		return -1;
	return mount_memory(spec->shm_size, err);
}
