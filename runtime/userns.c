/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/userns.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/idmap.h"
#include "runtime/sys.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>

enum { INITIAL_USERNS = 0xEFFFFFFD }; /* PROC_USER_INIT_INO, part of the kernel's interface */

static const unsigned int needed[] = {
	CAP_SYS_ADMIN, CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_SETUID, CAP_SETGID,
};

bool userns_privileged(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (geteuid() != 0 || syscall(SYS_capget, &header, data) < 0)
		return false;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if ((data[0].effective & UINT32_C(1) << needed[i]) == 0)
			return false;
	return true;
}

bool userns_inside(void)
{
	struct stat st;

	return geteuid() == 0 && stat("/proc/self/ns/user", &st) == 0 &&
	       st.st_ino != (ino_t)INITIAL_USERNS;
}

int userns_ranges(struct error *why)
{
	struct idmap map;

	if (idmap_plan(&map, why) < 0)
		return -1;
	if (!map.single)
		return 0;
	error_set(why, ERROR_NOT_FOUND, "%s", map.reason);
	return error_hint(why, "%s", map.hint);
}

/* First character of a sysctl, or '\0' if this kernel has it not. */
static char sysctl_value(const char *path)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char value = '\0';

	if (fd < 0 || read(fd, &value, 1) != 1)
		return '\0';
	return value;
}

#define UNPRIVILEGED "/proc/sys/kernel/unprivileged_userns_clone"
#define APPARMOR "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
#define MAX_USER "/proc/sys/user/max_user_namespaces"

static int explain_apparmor(struct error *err)
{
	return error_hint(err, "Ubuntu's AppArmor blocks it; allow this program with a profile: "
			       "\"abi <abi/4.0>, include <tunables/global> profile varve "
			       "/usr/bin/varve flags=(unconfined) { userns, }\" in "
			       "/etc/apparmor.d/varve, then apparmor_parser -r on it");
}

static int explain_unshare(struct error *err)
{
	error_sys(err, "making a user namespace");
	if (sysctl_value(UNPRIVILEGED) == '0')
		return error_hint(err, "unprivileged user namespaces are disabled: sudo sysctl "
				       "kernel.unprivileged_userns_clone=1");
	if (err->os == ENOSPC || err->os == EUSERS || sysctl_value(MAX_USER) == '0')
		return error_hint(err,
				  "their number is limited to what exists already: sudo sysctl "
				  "user.max_user_namespaces=65536");
	if (sysctl_value(APPARMOR) == '1')
		return explain_apparmor(err);
	return error_hint(err, "an outer container may forbid it: run that container with "
			       "--security-opt seccomp=unconfined, or use --isolation=chroot");
}

/* With AppArmor's restriction unshare() succeeds and everything after it is denied. */
static int explain_denied(struct error *err)
{
	if (err->code == ERROR_DENIED && sysctl_value(APPARMOR) == '1')
		return explain_apparmor(err);
	return -1;
}

static int become_root(bool single, struct error *err)
{
	if (!single && setgroups(0, NULL) < 0)
		return error_sys(err, "leaving the caller's groups");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return error_sys(err, "becoming root of the user namespace");
	if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_sys(err, "making the mounts private");
	return 0;
}

int userns_enter(bool *single, struct error *err)
{
	struct idmap map;
	struct idmap_helper helper;

	if (idmap_plan(&map, err) < 0 || idmap_prepare(&map, &helper, err) < 0)
		return -1;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
		explain_unshare(err);
		idmap_cancel(&helper);
		return -1;
	}
	if (idmap_apply(&map, &helper, err) < 0 || become_root(map.single, err) < 0)
		return explain_denied(err);
	*single = map.single;
	return 0;
}
