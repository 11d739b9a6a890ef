/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw system calls: libc's setuid family would act on all threads of init, whose memory this
 * process borrows, and libcap allocates.
 */
#include "common/cleanup.h"
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>

#if defined(__i386__) || defined(__arm__)
#error "16-bit ids: use the setresuid32 family of system calls"
#endif

static int drop_bounding(uint64_t keep, struct error *err)
{
	for (unsigned int cap = 0; cap < 64; cap++) {
		if (keep & UINT64_C(1) << cap)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL) /* beyond the last capability that the kernel knows */
			return 0;
		return error_sys(err, "dropping capability %u", cap);
	}
	return 0;
}

/* In a namespace with a single id the kernel forbids setgroups(); nothing can be set there. */
static bool groups_are_denied(void)
{
	auto_fd int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
	char answer[5] = "";

	return fd >= 0 && read(fd, answer, 4) == 4 && strcmp(answer, "deny") == 0;
}

static int set_ids(const struct sandbox_spec *spec, struct error *err)
{
	if (syscall(SYS_setgroups, spec->group_count, spec->groups) < 0 &&
	    !(errno == EPERM && groups_are_denied()))
		error_sys(err, "setting the supplementary groups");
	else if (syscall(SYS_setresgid, spec->gid, spec->gid, spec->gid) < 0)
		error_sys(err, "becoming group %u", (unsigned int)spec->gid);
	else if (syscall(SYS_setresuid, spec->uid, spec->uid, spec->uid) < 0)
		error_sys(err, "becoming user %u", (unsigned int)spec->uid);
	else
		return 0;
	if (err->os == EINVAL)
		error_hint(err, "this user namespace has no such id; install newuidmap (package "
				"uidmap) and give yourself a range in /etc/subuid and /etc/subgid");
	return -1;
}

/* The inheritable and ambient sets are empty (CVE-2022-24769, CVE-2022-27651). */
static int set_capabilities(uint64_t wanted, struct error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &header, data) < 0)
		return error_sys(err, "reading the capabilities");
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(wanted >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return error_sys(err, "setting the capabilities");
	return 0;
}

/* The bounding set is inherited and limits what the program can gain, not what init has. Each of
   the 27 drops copies the credentials: time that passes beside the mounting of the root. */
int confine_early(const struct sandbox_spec *spec, struct error *err)
{
	return drop_bounding(spec->capabilities, err);
}

int confine(const struct sandbox_spec *spec, struct error *err)
{
	/* The order is fixed: each step needs a privilege that a later one takes away. */
	if (set_ids(spec, err) < 0 || set_capabilities(spec->capabilities, err) < 0)
		return -1;
	return 0;
}
