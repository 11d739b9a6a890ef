/* SPDX-License-Identifier: Apache-2.0 */
/* The lists are moby's of August 2026 (HARDENING 3.6). */
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <errno.h>
#include <stdio.h>

static const char *const hidden_files[] = {
	"/proc/interrupts",  "/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
	"/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats", NULL,
};
static const char *const hidden_directories[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
	NULL,
};
static const char *const protected_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};
#define THROTTLE "/sys/devices/system/cpu/cpu%d/thermal_throttle"
enum { CPUS_MAX = 8192 }; /* CONFIG_NR_CPUS of x86-64 at most */

enum { QUIET = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC };

/* 1: hidden. 0: this kernel has it not. The first directory gets an empty file system, the others
   a bind of that; *first is its path or NULL. */
static int hide_directory(const char *path, const char **first, struct error *err)
{
	int status;

	if (*first == NULL)
		status = sys_mount("tmpfs", path, "tmpfs", QUIET,
				   "mode=755,nr_blocks=1,nr_inodes=1");
	else
		status = sys_mount(*first, path, NULL, MS_BIND, NULL);
	if (status < 0)
		return errno == ENOENT ? 0 : error_sys(err, "hiding %s", path);
	if (*first == NULL)
		*first = path;
	return 1;
}

static int hide_directories(struct error *err)
{
	const char *first = NULL;
	int status = 1;

	for (const char *const *path = hidden_directories; *path != NULL; path++)
		if (hide_directory(*path, &first, err) < 0)
			return -1;
	/* A processor has it for each of its cores or for none. */
	for (int cpu = 0; cpu < CPUS_MAX && status > 0; cpu++) {
		char path[sizeof(THROTTLE) + 8];

		snprintf(path, sizeof(path), THROTTLE, cpu);
		status = hide_directory(path, &first, err);
		if (first == path)
			first = NULL;
	}
	return status;
}

int mask_mount(struct error *err)
{
	/* /dev is ours, so this is the real null device (CVE-2025-31133). */
	for (const char *const *path = hidden_files; *path != NULL; path++)
		if (sys_mount("/dev/null", *path, NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
			return error_sys(err, "hiding %s", *path);
	if (hide_directories(err) < 0)
		return -1;
	for (const char *const *path = protected_paths; *path != NULL; path++) {
		if (sys_mount(*path, *path, NULL, MS_BIND, NULL) < 0) {
			if (errno == ENOENT)
				continue;
			return error_sys(err, "binding %s", *path);
		}
		if (sys_mount(NULL, *path, NULL, MS_BIND | MS_REMOUNT | QUIET, NULL) < 0)
			return error_sys(err, "protecting %s", *path);
	}
	return 0;
}
