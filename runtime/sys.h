/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux system calls that musl, or glibc before 2.36, has no function for.
 *
 * Same names and arguments as in the manual pages with "sys_" before them; -1 and errno on failure.
 * <sys/mount.h> is not used anywhere in this folder, because glibc's collides with <linux/mount.h>.
 */
#ifndef RUNTIME_SYS_H
#define RUNTIME_SYS_H

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { SYS_DETACH = 2 }; /* MNT_DETACH of umount2 */

struct sys_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
	uint64_t stack, stack_size, tls;
};

static inline pid_t sys_clone3(struct sys_clone_args *args)
{
	return (pid_t)syscall(SYS_clone3, args, sizeof(*args));
}

static inline int sys_fsopen(const char *type)
{
	return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
}

static inline int sys_fsconfig(int fs, unsigned int command, const char *key, const void *value,
			       int aux)
{
	return (int)syscall(SYS_fsconfig, fs, command, key, value, aux);
}

static inline int sys_fsmount(int fs, unsigned int attributes)
{
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
}

static inline int sys_open_tree(int dir, const char *path, unsigned int flags)
{
	return (int)syscall(SYS_open_tree, dir, path, flags | OPEN_TREE_CLOEXEC);
}

static inline int sys_move_mount(int mount, int dir, const char *path, unsigned int flags)
{
	return (int)syscall(SYS_move_mount, mount, "", dir, path, flags | MOVE_MOUNT_F_EMPTY_PATH);
}

static inline int sys_mount_setattr(int dir, unsigned int flags, uint64_t set)
{
	struct mount_attr attributes = {.attr_set = set};

	return (int)syscall(SYS_mount_setattr, dir, "", flags | AT_EMPTY_PATH, &attributes,
			    sizeof(attributes));
}

static inline int sys_mount_clearattr(int dir, uint64_t clear)
{
	struct mount_attr attributes = {.attr_clr = clear};

	return (int)syscall(SYS_mount_setattr, dir, "", AT_EMPTY_PATH, &attributes,
			    sizeof(attributes));
}

static inline int sys_mount(const char *source, const char *target, const char *type,
			    unsigned long flags, const void *data)
{
	return (int)syscall(SYS_mount, source, target, type, flags, data);
}

static inline int sys_umount2(const char *target, int flags)
{
	return (int)syscall(SYS_umount2, target, flags);
}

static inline int sys_pivot_root(const char *root, const char *old)
{
	return (int)syscall(SYS_pivot_root, root, old);
}

static inline int sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

static inline int sys_pidfd_send_signal(int pidfd, int signal)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

#endif
