/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For test_runtime_*: giving root up in a child of the test. Nothing of cmocka is used here: each
 * function returns NULL, or what is wrong.
 */
#ifndef TESTS_RUNTIME_USER_H
#define TESTS_RUNTIME_USER_H

#include "tests/runtime_box.h"

#include <grp.h>
#include <sys/prctl.h>

enum { USER = 65534, FIRST = 200000, RANGE = 65536 };

static inline const char *user_become(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 ||
	    setresuid(USER, USER, USER) < 0)
		return "cannot become another user";
	prctl(PR_SET_DUMPABLE, 1); /* else /proc/self belongs to root */
	return NULL;
}

/* Gives USER a range, in a mount namespace of this child. newuidmap itself reads these files. */
static inline const char *user_give_ranges(const struct box *box)
{
	char path[PATH_MAX + 16], line[64];

	snprintf(line, sizeof(line), "%d:%d:%d\n", USER, FIRST, RANGE);
	box_write(box->dir, "subid", line, 0644);
	snprintf(path, sizeof(path), "%s/subid", box->path);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(path, "/etc/subuid", NULL, MS_BIND, NULL) < 0 ||
	    mount(path, "/etc/subgid", NULL, MS_BIND, NULL) < 0)
		return "cannot replace /etc/subuid";
	return NULL;
}

#endif
