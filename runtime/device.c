/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/mount.h"
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { QUIET = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC };

static const struct node {
	const char *name;
	unsigned int major, minor;
} nodes[] = {
	{ "null", 1, 3 }, { "zero", 1, 5 },    { "full", 1, 7 },
	{ "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct link {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "core", "/proc/kcore" },       { "ptmx", "pts/ptmx" },
};

static const char *const directories[] = { "pts", "shm", "mqueue" };

static const struct mount_option device_options[] = {
	{ "mode", "755" }, { "size", "64k" }, { NULL, NULL },
};
static const struct mount_option shm_options[] = {
	{ "mode", "1777" }, { "size", "64m" }, { NULL, NULL },
};
static const struct mount_option pts_options[] = {
	{ "ptmxmode", "0666" }, { "mode", "0620" }, { "gid", "5" }, { NULL, NULL },
};
static const struct mount_option pts_options_without_group[] = {
	{ "ptmxmode", "0666" }, { "mode", "0620" }, { NULL, NULL },
};

#define array_each(item, array)                                                                    \
	for (item = (array); item < (array) + sizeof(array) / sizeof((array)[0]); item++)

/* In a user namespace nodes cannot be made. The host's are shown instead, after a look at what they
   are (CVE-2025-31133). */
static int bind_node(int host, int dev, const struct node *n, struct error *err)
{
	auto_fd int file = -1, mount = -1;
	struct stat st;

	file = openat(dev, n->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (file < 0)
		return error_sys(err, "creating /dev/%s", n->name);
	mount = mount_clone(host, n->name, 0, QUIET, err);
	if (mount < 0)
		return error_add(err, "/dev");
	if (fstat(mount, &st) < 0)
		return error_sys(err, "/dev/%s", n->name);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(n->major, n->minor))
		return error_set(err, ERROR_IO, "the host's /dev/%s is not the device %u:%u",
				 n->name, n->major, n->minor);
	return mount_attach(steal_fd(&mount), dev, n->name, err);
}

static int make_nodes(int host, int dev, struct error *err)
{
	const struct node *n;

	array_each(n, nodes) {
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
	const char *const *d;
	const struct link *l;

	array_each(d, directories)
		if (mkdirat(dev, *d, 0755) < 0)
			return error_sys(err, "creating /dev/%s", *d);
	array_each(l, links)
		if (symlinkat(l->target, dev, l->name) < 0)
			return error_sys(err, "creating /dev/%s", l->name);
	return make_nodes(host, dev, err);
}

static int mount_terminals(int dev, struct error *err)
{
	int mount = mount_new("devpts", pts_options, QUIET, err);

	if (mount < 0 && err->os == EINVAL) { /* group 5 is not mapped */
		error_clear(err);
		mount = mount_new("devpts", pts_options_without_group, QUIET, err);
	}
	return mount < 0 ? -1 : mount_attach(mount, dev, "pts", err);
}

static int mount_memory(int dev, struct error *err)
{
	int mount = mount_new("tmpfs", shm_options, QUIET | MOUNT_ATTR_NODEV, err);

	if (mount < 0 || mount_attach(mount, dev, "shm", err) < 0)
		return -1;
	mount = mount_new("mqueue", NULL, QUIET | MOUNT_ATTR_NODEV, err);
	if (mount < 0 && err->os == ENODEV) { /* a kernel without message queues */
		error_clear(err);
		return 0;
	}
	return mount < 0 ? -1 : mount_attach(mount, dev, "mqueue", err);
}

int device_mount(struct error *err)
{
	auto_fd int host = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd int dev = -1;

	if (host < 0)
		return error_sys(err, "/dev");
	dev = mount_stage(mount_new("tmpfs", device_options, QUIET, err), "/dev", err);
	if (dev < 0 || make_entries(host, dev, err) < 0 || mount_terminals(dev, err) < 0 ||
	    mount_memory(dev, err) < 0)
		return -1;
	return steal_fd(&dev);
}
