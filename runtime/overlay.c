/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/overlay.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/overlay_options.h"
#include "runtime/sys.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static int set_directory(int fs, enum overlay_way way, const char *key, int dir)
{
	char name[FD_PATH_SIZE];

	if (way == OVERLAY_BY_DESCRIPTOR)
		return sys_fsconfig(fs, FSCONFIG_SET_FD, key, NULL, dir);
	return sys_fsconfig(fs, FSCONFIG_SET_STRING, key, fd_path(dir, name), 0);
}

static int hint_for_create(struct error *err)
{
	if (err->os == EPERM || err->os == EACCES)
		return error_hint(err, "run as root, or let varve use a user namespace");
	if (err->os == ENODEV)
		return error_hint(err, "the kernel has no overlayfs: modprobe overlay");
	if (err->os == EINVAL)
		return error_hint(err, "the store must be on a local file system such as ext4, "
				       "xfs, btrfs or tmpfs; set VARVE_ROOT");
	return -1;
}

static int set_directories(int fs, const struct overlay_spec *spec, enum overlay_way way,
			   bool *unsupported, struct error *err)
{
	for (size_t i = 0; i < spec->count; i++) {
		if (set_directory(fs, way, "lowerdir+", spec->lower[i]) == 0)
			continue;
		*unsupported = i == 0 && errno == EINVAL;
		return mount_error(fs, err, "overlay: adding a layer");
	}
	if (spec->upper < 0)
		return 0;
	if (set_directory(fs, way, "upperdir", spec->upper) < 0) {
		mount_error(fs, err, "overlay: setting the upper directory");
		return hint_for_create(err);
	}
	if (set_directory(fs, way, "workdir", spec->work) < 0)
		return mount_error(fs, err, "overlay: setting the work directory");
	return 0;
}

static int set_options(int fs, const struct overlay_spec *spec, struct error *err)
{
	for (const struct mount_option *o = overlay_options; o->key != NULL; o++)
		if (sys_fsconfig(fs, FSCONFIG_SET_STRING, o->key, o->value, 0) < 0)
			return mount_error(fs, err, "overlay: setting %s", o->key);
	if (spec->userxattr && sys_fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0) {
		mount_error(fs, err, "overlay: setting userxattr");
		return error_hint(err, "overlays without root need Linux 5.11 or newer");
	}
	if (spec->upper >= 0 && spec->volatile_upper &&
	    sys_fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
		return mount_error(fs, err, "overlay: setting volatile");
	return 0;
}

static int mount_by_context(const struct overlay_spec *spec, enum overlay_way way,
			    bool *unsupported, struct error *err)
{
	auto_fd int fs = sys_fsopen("overlay");
	int mount;

	if (fs < 0) {
		error_sys(err, "overlay");
		return hint_for_create(err);
	}
	if (set_directories(fs, spec, way, unsupported, err) < 0 || set_options(fs, spec, err) < 0)
		return -1;
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
		mount_error(fs, err, "mounting an overlay");
		return hint_for_create(err);
	}
	mount = sys_fsmount(fs, MOUNT_ATTR_NODEV);
	return mount >= 0 ? mount : mount_error(fs, err, "mounting an overlay");
}

/* A device node in a layer must not be openable (HARDENING 2.1 A9), hence nodev here and above. */
static int clone_read_only(int dir, struct error *err)
{
	auto_fd int mount = sys_open_tree(dir, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);

	if (mount < 0)
		return error_sys(err, "cloning a layer as the root");
	if (sys_mount_setattr(mount, 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV) < 0)
		return error_sys(err, "making the root read-only");
	return steal_fd(&mount);
}

int overlay_mount_by(const struct overlay_spec *spec, enum overlay_way way, bool *unsupported,
		     struct error *err)
{
	*unsupported = false;
	switch (way) {
	case OVERLAY_BY_DESCRIPTOR:
	case OVERLAY_BY_NAME:
		return mount_by_context(spec, way, unsupported, err);
	case OVERLAY_BY_OPTIONS:
		return overlay_mount_by_options(spec, err);
	case OVERLAY_WAYS:
		break;
	}
	assert(!"a way to mount");
	return -1;
}

int overlay_mount(const struct overlay_spec *spec, struct error *err)
{
	assert(spec->count > 0);
	assert((spec->upper < 0) == (spec->work < 0));
	if (spec->count > OVERLAY_MAX_LOWERS) {
		error_set(err, ERROR_LIMIT, "%zu layers: overlayfs stacks at most %d", spec->count,
			  OVERLAY_MAX_LOWERS);
		return error_hint(err, "join some steps, or start from an image with fewer layers");
	}
	if (spec->count == 1 && spec->upper < 0)
		return clone_read_only(spec->lower[0], err);
	for (enum overlay_way way = 0; way < OVERLAY_WAYS; way++) {
		bool unsupported;
		int mount = overlay_mount_by(spec, way, &unsupported, err);

		if (mount >= 0 || !unsupported)
			return mount;
		error_clear(err);
	}
	assert(!"the last way is supported everywhere");
	return -1;
}
