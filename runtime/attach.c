/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's mounts: sources that can only be made in init's namespace, and their targets. */
#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/mount.h"
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

/* A directory of the host, below which pivot_root() leaves everything behind. A part of a mount can
   be cloned only when that is attached somewhere in this namespace (before Linux 6.15). */
static const char staging[] = "/dev";

unsigned int mount_attributes(const struct sandbox_mount *m)
{
	return (m->read_only ? MOUNT_ATTR_RDONLY : 0) | (m->exec ? 0 : MOUNT_ATTR_NOEXEC) |
	       (m->dev ? 0 : MOUNT_ATTR_NODEV) | (m->suid ? 0 : MOUNT_ATTR_NOSUID);
}

/* --- sources ------------------------------------------------------------------------------ */

static int mount_tmpfs(const struct sandbox_mount *m, struct error *err)
{
	char mode[16], uid[16], gid[16], size[32];
	struct mount_option options[5] = {{"mode", mode}, {"uid", uid}, {"gid", gid}};

	snprintf(mode, sizeof(mode), "%o", (unsigned int)m->mode & 07777);
	snprintf(uid, sizeof(uid), "%u", (unsigned int)m->uid);
	snprintf(gid, sizeof(gid), "%u", (unsigned int)m->gid);
	if (m->size > 0) {
		snprintf(size, sizeof(size), "%llu", (unsigned long long)m->size);
		options[3] = (struct mount_option){"size", size};
	}
	return mount_new("tmpfs", options, mount_attributes(m), err);
}

static int own_file(int file, const struct sandbox_mount *m, struct error *err)
{
	if (fchown(file, m->uid, m->gid) < 0) {
		error_sys(err, "giving a file to %u:%u", (unsigned int)m->uid,
			  (unsigned int)m->gid);
		if (err->os == EINVAL)
			error_hint(err, "this user namespace has no such id; install newuidmap "
					"(package uidmap) and give yourself a range in "
					"/etc/subuid and /etc/subgid");
		return -1;
	}
	return fchmod(file, m->mode & 07777) == 0 ? 0 : error_sys(err, "setting a file's mode");
}

/* ramfs is never swapped out. tmpfs could promise that from Linux 6.4 on, but never to who is root
   of a user namespace only. */
static int mount_data(const struct sandbox_mount *m, struct error *err)
{
	auto_fd int fs = mount_new("ramfs", NULL,
				   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
	auto_fd int file = -1;

	if (fs < 0)
		return -1;
	if (sys_move_mount(fs, AT_FDCWD, staging, 0) < 0)
		return error_sys(err, "attaching a file system in memory");
	file = openat(fs, "data", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return error_sys(err, "creating a file in memory");
	if (write_all(file, m->data, m->length, err) < 0 || own_file(file, m, err) < 0)
		return -1;
	return mount_clone(file, "", 0, mount_attributes(m) | MOUNT_ATTR_RDONLY, err);
}

/* Has an earlier mount of the list attached the same source already? */
static bool is_staged(const struct sandbox_spec *spec, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (spec->mounts[k].kind == SANDBOX_SUBTREE &&
		    spec->mounts[k].source == spec->mounts[i].source)
			return true;
	return false;
}

static int mount_subtree(const struct plan *plan, size_t i, struct error *err)
{
	const struct sandbox_mount *m = &plan->spec->mounts[i];
	const unsigned int deep = m->recursive ? AT_RECURSIVE : 0;
	auto_fd int part = -1;

	if (!is_staged(plan->spec, i) && sys_move_mount(plan->sources[i], AT_FDCWD, staging, 0) < 0)
		return error_sys(err, "attaching its source");
	part = open_in(plan->sources[i], m->subpath[0] != '\0' ? m->subpath : ".", O_PATH, 0, err);
	return part < 0 ? -1 : mount_clone(part, "", deep, mount_attributes(m), err);
}

static int make_source(const struct plan *plan, size_t i, struct error *err)
{
	const struct sandbox_mount *m = &plan->spec->mounts[i];

	switch (m->kind) {
	case SANDBOX_BIND:
	case SANDBOX_MOVE:
		return steal_fd(&plan->sources[i]);
	case SANDBOX_TMPFS:
		return mount_tmpfs(m, err);
	case SANDBOX_DATA:
		return mount_data(m, err);
	case SANDBOX_SUBTREE:
		return mount_subtree(plan, i, err);
	}
	return -1;
}

/* --- targets ------------------------------------------------------------------------------ */

/* Anything that is made in the root itself would become part of the layer. */
static bool is_same_mount(int a, int b)
{
	struct statx x = {.stx_mnt_id = 0}, y = {.stx_mnt_id = 0};

	return statx(a, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) < 0 ||
	       statx(b, "", AT_EMPTY_PATH, STATX_MNT_ID, &y) < 0 || x.stx_mnt_id == y.stx_mnt_id;
}

static int make_child(int parent, const char *name, bool directory)
{
	auto_fd int made = -1;

	if (directory)
		return mkdirat(parent, name, 0755);
	made = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return made < 0 ? -1 : 0;
}

/* Makes what is missing of path, a component at a time: each prefix is resolved again, because
   links may lead anywhere in the root. */
static int make_target(int root, const char *path, bool directory, struct error *err)
{
	char prefix[PATH_MAX];
	auto_fd int parent = fcntl(root, F_DUPFD_CLOEXEC, 3);
	const size_t size = strlen(path);

	if (size >= sizeof(prefix))
		return error_set(err, ERROR_LIMIT, "%s: longer than %d bytes", path, PATH_MAX - 1);
	for (size_t start = strspn(path, "/"), end; start < size;
	     start = end + strspn(path + end, "/")) {
		int next;

		end = start + strcspn(path + start, "/");
		memcpy(prefix, path, end);
		prefix[end] = '\0';
		next = openat_policy(root, prefix, O_PATH, 0,
				     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
		if (next < 0 && errno == ENOENT && !is_same_mount(root, parent)) {
			const bool last = path[end + strspn(path + end, "/")] == '\0';

			if (make_child(parent, prefix + start, directory || !last) < 0)
				return error_sys(err, "making %s", prefix);
			next = open_child(parent, prefix + start, O_PATH, 0, err);
			if (next < 0)
				return -1;
		}
		if (next < 0)
			return error_sys(err, "%s", path);
		close(parent);
		parent = next;
	}
	return steal_fd(&parent);
}

/* A mount on a file of procfs or sysfs would undo the masks (CVE-2019-16884, CVE-2023-27561). */
static int open_target(int root, const char *path, bool directory, struct error *err)
{
	auto_fd int fd = make_target(root, path, directory, err);
	struct statfs fs;

	if (fd < 0)
		return -1;
	if (fstatfs(fd, &fs) < 0)
		return error_sys(err, "%s", path);
	if (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)
		return error_set(err, ERROR_USAGE, "%s leads into /proc or /sys", path);
	return steal_fd(&fd);
}

int attach(const struct plan *plan, size_t i, int root, struct error *err)
{
	auto_fd int mount = make_source(plan, i, err);
	auto_fd int target = -1;
	struct stat st;

	if (mount < 0)
		return -1;
	if (fstat(mount, &st) < 0)
		return error_sys(err, "looking at its source");
	target = open_target(root, plan->spec->mounts[i].target, S_ISDIR(st.st_mode), err);
	if (target < 0)
		return -1;
	if (sys_move_mount(mount, target, "", MOVE_MOUNT_T_EMPTY_PATH) == 0)
		return 0;
	if (errno == ENOTDIR || errno == EINVAL)
		return error_set(err, ERROR_IO,
				 "one of source and target is a directory, the other a file");
	return error_sys(err, "attaching");
}
