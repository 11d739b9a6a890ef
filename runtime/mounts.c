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

static int mount_proc(struct error *err)
{
	if (sys_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
		return 0;
	error_sys(err, "mounting proc");
	if (err->os == EPERM)
		error_hint(err, "an outer container masks /proc; run that container with "
				"--security-opt systempaths=unconfined, or use --isolation=chroot");
	return -1;
}

/* A new sysfs needs rights over the network namespace (EPERM, EACCES in a user namespace that uses
   the host's network); then the one we see is shown, without the cgroups in it (CVE-2023-25809).
   mount(2) would refuse the same sysfs on itself. */
static int mount_sys(struct error *err)
{
	auto_fd int mount = mount_new("sysfs", NULL, HARMLESS | MOUNT_ATTR_RDONLY, err);
	bool shared = mount < 0 && err->code == ERROR_DENIED;

	if (shared) {
		error_clear(err);
		mount = mount_clone(AT_FDCWD, "/sys", AT_RECURSIVE, HARMLESS | MOUNT_ATTR_RDONLY,
				    err);
	}
	if (mount < 0)
		return -1;
	if (sys_move_mount(mount, AT_FDCWD, "/sys", 0) < 0)
		return error_sys(err, "attaching /sys");
	if (shared &&
	    sys_mount("tmpfs", "/sys/fs/cgroup", "tmpfs",
		      MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 &&
	    errno != ENOENT)
		return error_sys(err, "hiding /sys/fs/cgroup");
	return 0;
}

static int open_staged(const char *path, struct error *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 ? fd : error_sys(err, "%s", path);
}

/* On the host's own directories, in init's namespace: no name of an image is looked up yet, so
   plain mount(2) is safe, and one call where detached mounts take five. Moving a mount takes what
   is mounted on it along. */
int mounts_prepare(struct furniture *out, struct error *err)
{
	if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_sys(err, "making the mounts private");
	if (device_mount(err) < 0 || mount_proc(err) < 0 || mount_sys(err) < 0 ||
	    mask_mount(err) < 0)
		return -1;
	out->dev = open_staged("/dev", err);
	out->proc = out->dev < 0 ? -1 : open_staged("/proc", err);
	out->sys = out->proc < 0 ? -1 : open_staged("/sys", err);
	if (out->sys < 0)
		return -1;
	out->null = openat(out->dev, "null", O_RDWR | O_CLOEXEC);
	return out->null >= 0 ? 0 : error_sys(err, "/dev/null");
}

unsigned int mount_attributes(const struct sandbox_mount *m)
{
	return (m->read_only ? MOUNT_ATTR_RDONLY : 0) | (m->exec ? 0 : MOUNT_ATTR_NOEXEC) |
	       (m->dev ? 0 : MOUNT_ATTR_NODEV) | (m->suid ? 0 : MOUNT_ATTR_NOSUID);
}

static int mount_tmpfs(const struct sandbox_mount *m, struct error *err)
{
	char mode[16], size[32];
	struct mount_option options[3] = {{"mode", mode}, {NULL, NULL}, {NULL, NULL}};

	snprintf(mode, sizeof(mode), "%o", (unsigned int)m->mode & 07777);
	if (m->size > 0) {
		snprintf(size, sizeof(size), "%llu", (unsigned long long)m->size);
		options[1] = (struct mount_option){"size", size};
	}
	return mount_new("tmpfs", options, mount_attributes(m), err);
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

static int move(int mount, int root, const char *name, struct error *err)
{
	if (sys_move_mount(mount, root, name, 0) == 0)
		return 0;
	if (errno == ENOTDIR || errno == EINVAL)
		return error_set(err, ERROR_IO, "/%s of the image is not a directory", name);
	return error_sys(err, "mounting on /%s of the image", name);
}

int mounts_build(const struct plan *plan, const struct furniture *f, int root, struct error *err)
{
	const struct sandbox_spec *spec = plan->spec;

	if (sys_move_mount(root, AT_FDCWD, "/", 0) < 0)
		return error_sys(err, "attaching the root");
	if (move(f->proc, root, "proc", err) < 0 || move(f->sys, root, "sys", err) < 0 ||
	    move(f->dev, root, "dev", err) < 0)
		return -1;
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct sandbox_mount *m = &spec->mounts[i];

		if (mount_one(root, m, plan->sources[i], err) < 0)
			return error_add(err, "mounting on %s", m->target);
	}
	if (spec->read_only_root && sys_mount_setattr(root, 0, MOUNT_ATTR_RDONLY) < 0)
		return error_sys(err, "making the root read-only");
	return 0;
}
