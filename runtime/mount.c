/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mount.h"

#include "common/cleanup.h"
#include "runtime/sys.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

int mount_error(int fs, struct error *err, const char *format, ...)
{
	int saved = errno;
	char log[300], what[200];
	ssize_t n = read(fs, log, sizeof(log) - 1);
	size_t length = n > 0 ? (size_t)n : 0;
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	while (length > 0 && log[length - 1] == '\n')
		length--;
	log[length] = '\0';
	errno = saved;
	if (length > 2) /* "e overlay: ...", the letter being the severity */
		return error_sys(err, "%s: %s", what, log + 2);
	return error_sys(err, "%s", what);
}

int mount_new(const char *type, const struct mount_option *options, unsigned int attributes,
	      struct error *err)
{
	auto_fd int fs = sys_fsopen(type);
	int mount;

	if (fs < 0)
		return error_sys(err, "%s", type);
	for (; options != NULL && options->key != NULL; options++)
		if (sys_fsconfig(fs, FSCONFIG_SET_STRING, options->key, options->value, 0) < 0)
			return mount_error(fs, err, "%s: setting %s=%s", type, options->key,
					   options->value);
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return mount_error(fs, err, "mounting %s", type);
	mount = sys_fsmount(fs, attributes);
	return mount >= 0 ? mount : mount_error(fs, err, "mounting %s", type);
}

int mount_clone(int dir, const char *name, unsigned int flags, uint64_t attributes,
		struct error *err)
{
	auto_fd int mount = sys_open_tree(
		dir, name, OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | flags);

	if (mount < 0)
		return error_sys(err, "binding %s", name);
	if (attributes != 0 && sys_mount_setattr(mount, flags, attributes) < 0)
		return error_sys(err, "restricting the bind of %s", name);
	return steal_fd(&mount);
}
