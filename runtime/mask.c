/* SPDX-License-Identifier: Apache-2.0 */
/* The lists are moby's of August 2026 (HARDENING 3.6). */
#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/mount.h"
#include "runtime/plan.h"
#include "runtime/sys.h"

#include <errno.h>
#include <stdio.h>

static const char *const hidden_files[] = {
	"proc/interrupts", "proc/kcore",       "proc/keys",        "proc/latency_stats",
	"proc/sched_debug", "proc/timer_list", "proc/timer_stats", NULL,
};
static const char *const hidden_directories[] = {
	"proc/acpi",    "proc/asound", "proc/scsi",
	"sys/firmware", "sys/devices/virtual/powercap", NULL,
};
static const char *const protected_paths[] = {
	"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger", NULL,
};
#define THROTTLE "sys/devices/system/cpu/cpu%d/thermal_throttle"
enum { CPUS_MAX = 8192 }; /* CONFIG_NR_CPUS of x86-64 at most */

static const struct mount_option empty_options[] = {
	{ "mode", "755" }, { "nr_blocks", "1" }, { "nr_inodes", "1" }, { NULL, NULL },
};

/* What covers hidden paths, and a clone of it that has not been used yet. */
struct cover {
	int root, spare;
	const char *source; /* below root, or NULL: the unused spare is the original */
	int original;
};

/* 1: hidden. 0: no such path. */
static int cover_path(struct cover *c, const char *path, struct error *err)
{
	if (c->spare < 0)
		c->spare = mount_clone(c->original, c->source, 0, 0, err);
	if (c->spare < 0)
		return -1;
	if (sys_move_mount(c->spare, c->root, path, 0) < 0)
		return errno == ENOENT ? 0 : error_sys(err, "hiding /%s", path);
	close(steal_fd(&c->spare));
	return 1;
}

static int cover_files(int root, struct error *err)
{
	/* /dev is ours already, so this is the real null device (CVE-2025-31133). */
	struct cover c = { .root = root, .spare = -1, .source = "dev/null", .original = root };
	int status = 0;

	for (const char *const *path = hidden_files; *path != NULL && status >= 0; path++)
		status = cover_path(&c, *path, err);
	cleanup_fd(&c.spare);
	return status < 0 ? -1 : 0;
}

static int cover_directories(int root, struct error *err)
{
	const unsigned int attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					MOUNT_ATTR_NOEXEC;
	struct cover c = { .root = root, .spare = -1, .source = "", .original = -1 };
	int status = 1;

	c.spare = mount_new("tmpfs", empty_options, attributes, err);
	if (c.spare < 0)
		return -1;
	c.original = fcntl(c.spare, F_DUPFD_CLOEXEC, 0);
	for (const char *const *path = hidden_directories; *path != NULL && status >= 0; path++)
		status = cover_path(&c, *path, err);
	for (int cpu = 0; cpu < CPUS_MAX && status >= 0; cpu++) {
		char path[sizeof(THROTTLE) + 8];

		snprintf(path, sizeof(path), THROTTLE, cpu);
		status = cover_path(&c, path, err);
		if (status == 0)
			break;
	}
	cleanup_fd(&c.spare);
	cleanup_fd(&c.original);
	return status < 0 ? -1 : 0;
}

static int protect(int root, const char *path, struct error *err)
{
	int mount = mount_clone(root, path, AT_RECURSIVE, MOUNT_ATTR_RDONLY, err);

	if (mount < 0 && err->code == ERROR_NOT_FOUND) {
		error_clear(err);
		return 0;
	}
	return mount < 0 ? -1 : mount_attach(mount, root, path, err);
}

int mask_mount(int root, struct error *err)
{
	if (cover_files(root, err) < 0 || cover_directories(root, err) < 0)
		return -1;
	for (const char *const *path = protected_paths; *path != NULL; path++)
		if (protect(root, *path, err) < 0)
			return -1;
	return 0;
}
