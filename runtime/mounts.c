/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/mount.h"
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <assert.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

enum { HARMLESS = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };

static int mount_proc(int root, struct error *err)
{
	int mount = mount_new("proc", NULL, HARMLESS, err);

	if (mount < 0) {
		if (err->os == EPERM)
			error_hint(err, "an outer container masks /proc; run that container with "
					"--security-opt systempaths=unconfined, or use "
					"--isolation=chroot");
		return -1;
	}
	if (mount_attach(mount, root, "proc", err) < 0)
		return error_add(err, "/proc of the image");
	return 0;
}

/* A new sysfs needs rights over the network namespace (EPERM, EACCES in a user namespace that uses
   the host's network); then the one we see is shown, without the cgroups in it (CVE-2023-25809). */
static int mount_sys(int root, struct error *err)
{
	int mount = mount_new("sysfs", NULL, HARMLESS | MOUNT_ATTR_RDONLY, err);

	if (mount < 0 && err->code != ERROR_DENIED)
		return -1;
	if (mount < 0) {
		int empty;

		error_clear(err);
		mount = mount_clone(AT_FDCWD, "/sys", AT_RECURSIVE, HARMLESS | MOUNT_ATTR_RDONLY,
				    err);
		if (mount < 0 || mount_attach(mount, root, "sys", err) < 0)
			return error_add(err, "/sys of the image");
		empty = mount_new("tmpfs", NULL, HARMLESS | MOUNT_ATTR_RDONLY, err);
		if (empty < 0)
			return -1;
		if (mount_attach(empty, root, "sys/fs/cgroup", err) < 0 &&
		    err->code != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
		return 0;
	}
	if (mount_attach(mount, root, "sys", err) < 0)
		return error_add(err, "/sys of the image");
	return 0;
}

static unsigned int attributes_of(const struct sandbox_mount *m)
{
	return (m->read_only ? MOUNT_ATTR_RDONLY : 0) | (m->exec ? 0 : MOUNT_ATTR_NOEXEC) |
	       (m->dev ? 0 : MOUNT_ATTR_NODEV) | (m->suid ? 0 : MOUNT_ATTR_NOSUID);
}

static int mount_tmpfs(const struct sandbox_mount *m, struct error *err)
{
	char mode[16], size[32];
	struct mount_option options[3] = { { "mode", mode }, { NULL, NULL }, { NULL, NULL } };

	snprintf(mode, sizeof(mode), "%o", (unsigned int)m->mode & 07777);
	if (m->size > 0) {
		snprintf(size, sizeof(size), "%llu", (unsigned long long)m->size);
		options[1] = (struct mount_option){ "size", size };
	}
	return mount_new("tmpfs", options, attributes_of(m), err);
}

/* A mount on a file of procfs or sysfs would undo the masks (CVE-2019-16884, CVE-2023-27561). */
static int open_target(int root, const char *path, struct error *err)
{
	auto_fd int fd = open_in(root, path, O_PATH, 0, err);
	struct statfs fs;

	if (fd < 0)
		return -1;
	if (fstatfs(fd, &fs) < 0)
		return error_sys(err, "%s", path);
	if (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)
		return error_set(err, ERROR_USAGE, "%s leads into /proc or /sys", path);
	return steal_fd(&fd);
}

static int mount_one(int root, const struct sandbox_mount *m, int source, struct error *err)
{
	auto_fd int target = open_target(root, m->target, err);
	auto_fd int mount = -1;

	if (target < 0)
		return -1;
	if (m->kind == SANDBOX_TMPFS)
		source = mount = mount_tmpfs(m, err);
	if (source < 0)
		return -1;
	if (sys_move_mount(source, target, "", MOVE_MOUNT_T_EMPTY_PATH) == 0)
		return 0;
	if (errno == ENOTDIR || errno == EINVAL)
		return error_set(err, ERROR_IO,
				 "one of source and target is a directory, the other a file");
	return error_sys(err, "attaching");
}

int mounts_build(const struct plan *plan, struct error *err)
{
	const struct sandbox_spec *spec = plan->spec;
	int root = plan->root;

	if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_sys(err, "making the mounts private");
	if (sys_move_mount(root, AT_FDCWD, "/", 0) < 0)
		return error_sys(err, "attaching the root");
	if (mount_proc(root, err) < 0 || mount_sys(root, err) < 0 || device_mount(root, err) < 0 ||
	    mask_mount(root, err) < 0)
		return -1;
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct sandbox_mount *m = &spec->mounts[i];

		if (mount_one(root, m, plan->sources[i], err) < 0)
			return error_add(err, "mounting on %s", m->target);
	}
	return 0;
}
