/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/mount.h"
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <errno.h>

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
static int mount_sys(bool writable, struct error *err)
{
	const unsigned int attributes = HARMLESS | (writable ? 0 : MOUNT_ATTR_RDONLY);
	auto_fd int mount = mount_new("sysfs", NULL, attributes, err);
	bool shared = mount < 0 && err->code == ERROR_DENIED;

	if (shared) {
		error_clear(err);
		mount = mount_clone(AT_FDCWD, "/sys", AT_RECURSIVE, attributes, err);
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
int mounts_prepare(const struct sandbox_spec *spec, struct furniture *out, struct error *err)
{
	if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_sys(err, "making the mounts private");
	if (device_mount(spec, err) < 0 || mount_proc(err) < 0 ||
	    mount_sys(spec->unconfined, err) < 0 || (!spec->unconfined && mask_mount(err) < 0))
		return -1;
	out->dev = open_staged("/dev", err);
	out->proc = out->dev < 0 ? -1 : open_staged("/proc", err);
	out->sys = out->proc < 0 ? -1 : open_staged("/sys", err);
	if (out->sys < 0)
		return -1;
	out->null = openat(out->dev, "null", O_RDWR | O_CLOEXEC);
	return out->null >= 0 ? 0 : error_sys(err, "/dev/null");
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
	if (spec->unconfined && sys_mount_clearattr(root, MOUNT_ATTR_NODEV) < 0)
		return error_sys(err, "allowing devices in the root");
	for (size_t i = 0; i < spec->mount_count; i++)
		if (attach(plan, i, root, err) < 0)
			return error_add(err, "mounting on %s", spec->mounts[i].target);
	if (spec->read_only_root && sys_mount_setattr(root, 0, MOUNT_ATTR_RDONLY) < 0)
		return error_sys(err, "making the root read-only");
	return 0;
}
