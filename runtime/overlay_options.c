/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/overlay_options.h"

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/pass.h"
#include "runtime/sys.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { OPTIONS_MAX = 4095 }; /* mount(2) copies one page, its NUL included */

const struct mount_option overlay_options[] = {
	{"redirect_dir", "nofollow"}, /* CVE-like smuggling by xattrs in layers: HARDENING 2.2 */
	{"metacopy", "off"},          {"index", "off"}, {"xino", "off"}, {NULL, NULL},
};

static int receive_result(int socket, struct error *err)
{
	struct error result;
	int mount;

	if (pass_receive(socket, &mount, &result, sizeof(result)) < 0)
		return error_sys(err, "the helper that mounts overlays was killed");
	if (mount < 0)
		*err = result;
	return mount;
}

/* Overlayfs refuses directories whose mount belongs to another namespace, so each is opened again
   in the new one, by name; dev and ino prove that the name still means the same directory. */
static int reopen_here(int *fd, struct error *err)
{
	char link[FD_PATH_SIZE], path[PATH_MAX];
	struct stat old, new;
	ssize_t n = readlink(fd_path(*fd, link), path, sizeof(path) - 1);
	auto_fd int again = -1;

	if (n < 0)
		return error_sys(err, "finding a layer directory's name");
	path[n] = '\0';
	again = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (again < 0)
		return error_sys(err, "%s", path);
	if (fstat(*fd, &old) < 0 || fstat(again, &new) < 0)
		return error_sys(err, "%s", path);
	if (old.st_dev != new.st_dev || old.st_ino != new.st_ino)
		return error_set(err, ERROR_IO, "%s is not the layer it was", path);
	*fd = steal_fd(&again);
	return 0;
}

static int build_options(const struct overlay_spec *spec, struct buf *out, struct error *err)
{
	/* Names are relative to /proc/self/fd: 500 short numbers fit in the page, paths do not. */
	for (size_t i = 0; i < spec->count; i++) {
		int fd = spec->lower[i];

		if (reopen_here(&fd, err) < 0)
			return -1;
		buf_printf(out, "%s%d", i == 0 ? "lowerdir=" : ":", fd);
	}
	if (spec->upper >= 0) {
		int upper = spec->upper, work = spec->work;

		if (reopen_here(&upper, err) < 0 || reopen_here(&work, err) < 0)
			return -1;
		buf_printf(out, ",upperdir=%d,workdir=%d", upper, work);
	}
	for (const struct mount_option *o = overlay_options; o->key != NULL; o++)
		buf_printf(out, ",%s=%s", o->key, o->value);
	if (spec->userxattr)
		buf_add_str(out, ",userxattr");
	if (spec->upper >= 0 && spec->volatile_upper)
		buf_add_str(out, ",volatile");
	if (out->length > OPTIONS_MAX)
		return error_set(err, ERROR_LIMIT,
				 "%zu layers need more than %d bytes of mount options", spec->count,
				 OPTIONS_MAX);
	return 0;
}

static int mount_in_helper(const struct overlay_spec *spec, struct error *err)
{
	auto_(buf) struct buf options = BUF_INIT;
	int mount;

	if (unshare(CLONE_NEWNS) < 0)
		return error_sys(err, "making a mount namespace");
	if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_sys(err, "making the mounts private");
	if (build_options(spec, &options, err) < 0)
		return -1;
	if (chdir("/proc/self/fd") < 0)
		return error_sys(err, "/proc/self/fd");
	if (sys_mount("overlay", "/proc", "overlay", MS_NODEV, options.data) < 0)
		return error_sys(err, "mounting an overlay of %zu layers", spec->count);
	mount = sys_open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE);
	return mount >= 0 ? mount : error_sys(err, "detaching an overlay");
}

int overlay_mount_by_options(const struct overlay_spec *spec, struct error *err)
{
	int pair[2], mount;
	pid_t helper;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, "socketpair");
	helper = fork();
	if (helper == 0) {
		struct error result = ERROR_INIT;

		close(pair[0]);
		mount = mount_in_helper(spec, &result);
		_exit(pass_send(pair[1], mount, &result, sizeof(result)) < 0);
	}
	close(pair[1]);
	mount = helper < 0 ? error_sys(err, "fork") : receive_result(pair[0], err);
	close(pair[0]);
	while (helper > 0 && waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		continue;
	return mount;
}
