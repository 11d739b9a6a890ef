/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/whiteout.h"

#include "common/fd.h"

#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static const char *opaque_name(bool userxattr)
{
	return userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque";
}

bool whiteout_is(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

int whiteout_make(int dir, const char *name, struct error *err)
{
	if (mknodat(dir, name, S_IFCHR, makedev(0, 0)) < 0) {
		error_sys(err, "%s: making an overlay whiteout", name);
		return error_hint(err, "the file system of the store must allow mknod of "
				       "character device 0:0");
	}
	return 0;
}

int opaque_get(int dir, bool userxattr, bool *opaque, struct error *err)
{
	char value;
	ssize_t n = fgetxattr(dir, opaque_name(userxattr), &value, sizeof(value));

	/* ERANGE: longer than one byte, so not "y". */
	if (n < 0 && errno != ENODATA && errno != ENOTSUP && errno != ERANGE)
		return error_sys(err, "reading %s", opaque_name(userxattr));
	*opaque = n == 1 && value == 'y';
	return 0;
}

int opaque_set(int dir, bool userxattr, struct error *err)
{
	if (fsetxattr(dir, opaque_name(userxattr), "y", 1, 0) < 0)
		return error_sys(err, "marking a directory with %s", opaque_name(userxattr));
	return 0;
}

enum whiteout_kind whiteout_parse(const char *base, const char **name)
{
	const char *rest = base + strlen(WHITEOUT_PREFIX);

	if (strncmp(base, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) != 0)
		return WHITEOUT_NONE;
	if (strcmp(base, WHITEOUT_OPAQUE) == 0)
		return WHITEOUT_CLEAR;
	if (strncmp(base, WHITEOUT_META_PREFIX, strlen(WHITEOUT_META_PREFIX)) == 0)
		return WHITEOUT_IGNORE;
	if (*rest == '\0' || is_dot(rest))
		return WHITEOUT_INVALID;
	*name = rest;
	return WHITEOUT_HIDE;
}
