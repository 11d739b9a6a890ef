/* SPDX-License-Identifier: Apache-2.0 */
/* The lists are moby's of August 2026 (HARDENING 3.6). */
#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/mount.h"
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <stdio.h>

static const char *const hidden_files[] = {
	"interrupts",  "kcore",	     "keys",	    "latency_stats",
	"sched_debug", "timer_list", "timer_stats", NULL,
};
static const char *const hidden_in_proc[] = { "acpi", "asound", "scsi", NULL };
static const char *const hidden_in_sys[] = { "firmware", "devices/virtual/powercap", NULL };
static const char *const protected_in_proc[] = { "bus",	"fs", "irq", "sys", "sysrq-trigger", NULL };

#define THROTTLE "devices/system/cpu/cpu%d/thermal_throttle"
enum { CPUS_MAX = 8192 }; /* CONFIG_NR_CPUS of x86-64 at most */

static const struct mount_option empty_options[] = {
	{ "mode", "755" }, { "nr_blocks", "1" }, { "nr_inodes", "1" }, { NULL, NULL },
};

/* Looked for first: to throw a clone away unused, the kernel waits for an RCU grace period. */
static bool exists(int dir, const char *path)
{
	return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* /dev is ours, so its null is the real null device (CVE-2025-31133). */
static int hide_files(const struct furniture *f, struct error *err)
{
	for (const char *const *path = hidden_files; *path != NULL; path++) {
		int cover;

		if (!exists(f->proc, *path))
			continue;
		cover = mount_clone(f->dev, "null", 0, 0, err);
		if (cover < 0 || mount_attach(cover, f->proc, *path, err) < 0)
			return error_add(err, "hiding /proc/%s", *path);
	}
	return 0;
}

/* All directories are covered by one empty file system; *cover is its first mount, or -1. */
static int hide_directory(int dir, const char *path, int *cover, struct error *err)
{
	const unsigned int attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					MOUNT_ATTR_NOEXEC;
	int mount;

	if (*cover < 0) {
		*cover = mount_new("tmpfs", empty_options, attributes, err);
		if (*cover < 0)
			return -1;
		if (sys_move_mount(*cover, dir, path, 0) < 0)
			return error_sys(err, "hiding %s", path);
		return 0;
	}
	mount = mount_clone(*cover, "", 0, 0, err);
	if (mount < 0 || mount_attach(mount, dir, path, err) < 0)
		return error_add(err, "hiding %s", path);
	return 0;
}

static int hide_directories(const struct furniture *f, struct error *err)
{
	auto_fd int cover = -1;

	for (const char *const *path = hidden_in_proc; *path != NULL; path++)
		if (exists(f->proc, *path) && hide_directory(f->proc, *path, &cover, err) < 0)
			return -1;
	for (const char *const *path = hidden_in_sys; *path != NULL; path++)
		if (exists(f->sys, *path) && hide_directory(f->sys, *path, &cover, err) < 0)
			return -1;
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		char path[sizeof(THROTTLE) + 8];

		snprintf(path, sizeof(path), THROTTLE, cpu);
		if (!exists(f->sys, path))
			break; /* the processor has it for each of its cores or for none */
		if (hide_directory(f->sys, path, &cover, err) < 0)
			return -1;
	}
	return 0;
}

static int protect(int proc, const char *path, struct error *err)
{
	int mount = mount_clone(proc, path, AT_RECURSIVE, MOUNT_ATTR_RDONLY, err);

	return mount < 0 ? -1 : mount_attach(mount, proc, path, err);
}

int mask_mount(const struct furniture *f, struct error *err)
{
	if (hide_files(f, err) < 0 || hide_directories(f, err) < 0)
		return -1;
	for (const char *const *path = protected_in_proc; *path != NULL; path++)
		if (exists(f->proc, *path) && protect(f->proc, *path, err) < 0)
			return -1;
	return 0;
}
