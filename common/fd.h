/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files by directory descriptor.
 *
 * Only cli/ turns strings of the caller into descriptors; everything below takes a directory fd
 * and a relative path. No path that comes from an image, archive, context or Dockerfile reaches a
 * plain system call: it goes through openat2 with one of the three policies here
 * (CVE-2014-6407, CVE-2019-14271, CVE-2026-17106: checks on strings lose against symlinks).
 * All descriptors are close-on-exec. EINTR and EAGAIN of openat2 are retried.
 */
#ifndef COMMON_FD_H
#define COMMON_FD_H

#include "common/buf.h"
#include "common/error.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Image roots: absolute symlinks and ".." stay inside root, as if by chroot (RESOLVE_IN_ROOT). */
int open_in(int root, const char *path, int flags, mode_t mode, struct error *err);

/* The build context: a path or symlink that leaves it is an error (RESOLVE_BENEATH). */
int open_beneath(int root, const char *path, int flags, mode_t mode, struct error *err);

/* One component, never a symlink, never "..": walking and creating (RESOLVE_BENEATH|NO_SYMLINKS).
   Missing is reported like any other error, as ERROR_NOT_FOUND. */
int open_child(int dir, const char *name, int flags, mode_t mode, struct error *err);

/* The raw openat2 with retries; returns -1 with errno for callers that expect failure. */
int openat_policy(int root, const char *path, int flags, mode_t mode, uint64_t resolve);

/* A new descriptor for the directory itself, with its own offset, for readdir. */
int reopen_dir(int dir, struct error *err);

/* Creates a directory in dir and opens it (O_RDONLY); an existing directory is fine. */
int mkdir_child(int dir, const char *name, mode_t mode, struct error *err);
/* The same for every component of a relative path we made up ourselves, such as "blobs/sha256". */
int mkdirs(int dir, const char *path, mode_t mode, struct error *err);

/* Removes name and everything below it without following links; missing is success. Descends by
   descriptor, at any depth, with bounded descriptors, and makes unreadable directories readable. */
int remove_tree(int dir, const char *name, struct error *err);

/* Everything of a file up to limit bytes; more is ERROR_LIMIT. Appends to out. */
int read_all(int fd, size_t limit, struct buf *out, struct error *err);
/* The same for a regular file dir/name (not a symlink, device or fifo). */
int read_file(int dir, const char *name, size_t limit, struct buf *out, struct error *err);

int write_all(int fd, const void *data, size_t length, struct error *err);

/* Of a large file that is being written from its start and will be synced: has the kernel begin to
   put it on the disk meanwhile, so that the sync finds little left to wait for. size is how much is
   written; *begun, 0 at first, remembers how much of it was asked for. A hint: it cannot fail. */
void begin_writeback(int fd, uint64_t size, uint64_t *begun);

/* Copies size bytes, or to the end if size is UINT64_MAX, by the cheapest way the two files allow
   (reflink, copy_file_range, then read and write). Returns -1 if input ends early. */
int copy_bytes(int from, int to, uint64_t size, struct error *err);

/* Writes a small file so that it appears complete or not at all: a temporary in the same
   directory, mode 0644, renamed over name. Not synced. */
int replace_file(int dir, const char *name, const void *data, size_t length, struct error *err);

/* "/proc/self/fd/N", for calls that have no AT_EMPTY_PATH form. */
enum { FD_PATH_SIZE = 32 };
const char *fd_path(int fd, char buffer[FD_PATH_SIZE]);

/* 16 random bytes as 32 hex digits, NUL-terminated. */
enum { RANDOM_NAME_SIZE = 33 };
void random_name(char name[RANDOM_NAME_SIZE]);

/* True for "." and "..". */
bool is_dot(const char *name);

static inline void dir_close(DIR *d)
{
	if (d != NULL)
		closedir(d);
}
DEFINE_CLEANUP(dir, DIR *, dir_close);

#endif
