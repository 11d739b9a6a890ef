/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fd.h"

#include "common/arena.h"

#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>

enum { OPEN_RETRIES = 1000, COPY_CHUNK = 64 * 1024, COPY_SMALL = COPY_CHUNK };

/* As much as a disk takes well at once. */
enum { WRITEBACK_BYTES = 8 * 1024 * 1024 };

int openat_policy(int root, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | O_TMPFILE) ? mode & 07777 : 0,
		.resolve = resolve,
	};

	/* EAGAIN: a rename elsewhere raced with a ".." of the walk; the kernel asks to try again.
	 */
	for (int i = 0; i < OPEN_RETRIES; i++) {
		int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

		if (fd >= 0 || (errno != EINTR && errno != EAGAIN))
			return fd;
	}
	return -1;
}

static int open_or_explain(int root, const char *path, int flags, mode_t mode, uint64_t resolve,
			   struct error *err)
{
	int fd = openat_policy(root, path, flags, mode, resolve);

	if (fd >= 0)
		return fd;
	if (errno == ENOSYS) {
		error_sys(err, "this kernel or its seccomp profile blocks openat2");
		return error_hint(err, "varve needs Linux 5.15 or newer");
	}
	if (errno == EXDEV)
		return error_set(err, ERROR_DENIED, "%s: leads outside its root", path);
	return error_sys(err, "%s", path);
}

int open_in(int root, const char *path, int flags, mode_t mode, struct error *err)
{
	return open_or_explain(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
			       err);
}

int open_beneath(int root, const char *path, int flags, mode_t mode, struct error *err)
{
	return open_or_explain(root, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
			       err);
}

int open_child(int dir, const char *name, int flags, mode_t mode, struct error *err)
{
	if (strchr(name, '/') != NULL || name[0] == '\0' || strcmp(name, "..") == 0)
		return error_set(err, ERROR_BUG, "not a file name: %s", name);
	return open_or_explain(dir, name, flags | O_NOFOLLOW, mode,
			       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, err);
}

int reopen_dir(int dir, struct error *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 ? fd : error_sys(err, "reopening a directory");
}

int mkdir_child(int dir, const char *name, mode_t mode, struct error *err)
{
	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return error_sys(err, "creating directory %s", name);
	return open_child(dir, name, O_RDONLY | O_DIRECTORY, 0, err);
}

int mkdirs(int dir, const char *path, mode_t mode, struct error *err)
{
	auto_free char *copy = xstrdup(path);
	auto_fd int at = reopen_dir(dir, err);
	char *rest = copy;

	for (char *name; at >= 0 && (name = strsep(&rest, "/")) != NULL;) {
		int next;

		if (*name == '\0')
			continue;
		next = mkdir_child(at, name, mode, err);
		close(at);
		at = next;
	}
	return steal_fd(&at);
}

bool is_dot(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Opens a directory for removal, first making it accessible: overlay's work/work has mode 000. */
static int open_for_removal(int dir, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags);

	if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0700, 0) == 0)
		fd = openat(dir, name, flags);
	return fd;
}

/* Unlinks everything in d that is no directory and returns the name of the first directory it
   cannot rmdir, in name; 0 when the directory is empty, 1 with a name, -1 on error. */
static int empty_directory(DIR *d, char name[NAME_MAX + 1])
{
	int fd = dirfd(d);

	for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
		if (is_dot(entry->d_name))
			continue;
		if (entry->d_type != DT_DIR) {
			if (unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT)
				continue;
			if (errno != EISDIR && errno != EPERM)
				return -1;
		}
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		if (errno == EACCES && fchmod(fd, 0700) == 0 &&
		    (unlinkat(fd, entry->d_name, 0) == 0 ||
		     unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0))
			continue;
		if (errno != ENOTEMPTY && errno != EEXIST && errno != EISDIR)
			return -1;
		memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
		return 1;
	}
	return 0;
}

/* Depth is bounded only by the tree, so instead of keeping a descriptor per level the walk moves a
   deep subdirectory up to `top` under a random name and empties it from there. */
static int remove_contents(int top, int at, struct error *err)
{
	for (;;) {
		char name[NAME_MAX + 1], hoisted[RANDOM_NAME_SIZE];
		auto_(dir) DIR *d = NULL;
		auto_fd int again = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		auto_fd int child = -1;
		int state;

		if (again < 0 || (d = fdopendir(again)) == NULL)
			return error_sys(err, "reading a directory to remove");
		steal_fd(&again);
		state = empty_directory(d, name);
		if (state < 0)
			return error_sys(err, "removing a file");
		if (state == 0)
			return 0;
		child = open_for_removal(at, name);
		if (child < 0)
			return error_sys(err, "removing %s", name);
		/* First flatten: everything below child that is a directory moves up beside it. */
		for (;;) {
			char sub[NAME_MAX + 1];
			auto_(dir) DIR *c = NULL;
			int dup_fd = openat(child, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			if (dup_fd < 0 || (c = fdopendir(dup_fd)) == NULL)
				return error_sys(err, "reading %s to remove it", name);
			state = empty_directory(c, sub);
			if (state < 0)
				return error_sys(err, "removing a file in %s", name);
			if (state == 0)
				break;
			random_name(hoisted);
			if (renameat(child, sub, top, hoisted) == 0)
				continue;
			if (errno != EXDEV)
				return error_sys(err, "moving %s to remove it", sub);
			/* Overlayfs does not move directories of its lower layers. */
			if (remove_contents(child, child, err) < 0)
				return -1;
		}
		if (unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return error_sys(err, "removing directory %s", name);
	}
}

int remove_tree(int dir, const char *name, struct error *err)
{
	auto_fd int top = -1;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	top = open_for_removal(dir, name);
	if (top < 0)
		return error_sys(err, "removing %s", name);
	if (remove_contents(top, top, err) < 0)
		return error_add(err, "removing %s", name);
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, "removing %s", name);
	return 0;
}

int read_all(int fd, size_t limit, struct buf *out, struct error *err)
{
	size_t total = 0;

	for (;;) {
		const size_t room = (size_t)16 * 1024;
		ssize_t n = read(fd, buf_reserve(out, room), room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, "reading");
		if (n == 0)
			return 0;
		buf_added(out, (size_t)n);
		total += (size_t)n;
		if (total > limit)
			return error_set(err, ERROR_LIMIT, "larger than %zu bytes", limit);
	}
}

int read_file(int dir, const char *name, size_t limit, struct buf *out, struct error *err)
{
	auto_fd int fd = open_child(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return error_sys(err, "%s", name);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_FORMAT, "%s: not a regular file", name);
	if (read_all(fd, limit, out, err) < 0)
		return error_add(err, "%s", name);
	return 0;
}

int write_all(int fd, const void *data, size_t length, struct error *err)
{
	const char *at = data;

	while (length > 0) {
		ssize_t n = write(fd, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, "writing");
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

void begin_writeback(int fd, uint64_t size, uint64_t *begun)
{
	uint64_t more = (size - *begun) / WRITEBACK_BYTES * WRITEBACK_BYTES;

	if (more == 0)
		return;
	sync_file_range(fd, (off_t)*begun, (off_t)more, SYNC_FILE_RANGE_WRITE);
	*begun += more;
}

static int copy_by_hand(int from, int to, uint64_t size, struct error *err)
{
	auto_free char *chunk = xmalloc(COPY_CHUNK);

	while (size > 0) {
		size_t want = size < COPY_CHUNK ? (size_t)size : COPY_CHUNK;
		ssize_t n = read(from, chunk, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, "reading");
		if (n == 0 && size == UINT64_MAX)
			return 0;
		if (n == 0)
			return error_set(err, ERROR_IO, "file ended before its size");
		if (write_all(to, chunk, (size_t)n, err) < 0)
			return -1;
		if (size != UINT64_MAX)
			size -= (uint64_t)n;
	}
	return 0;
}

int copy_bytes(int from, int to, uint64_t size, struct error *err)
{
	struct stat st;

	/* A small file is read and written sooner than the kernel says that it cannot clone it. */
	if (size == UINT64_MAX && fstat(from, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= COPY_SMALL)
		return copy_by_hand(from, to, size, err);
	if (size == UINT64_MAX && ioctl(to, FICLONE, from) == 0)
		return 0;
	while (size > 0) {
		size_t want = size < (1U << 30) ? (size_t)size : 1U << 30;
		ssize_t n = copy_file_range(from, NULL, to, NULL, want, 0);

		if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
			      errno == EOPNOTSUPP || errno == EBADF || errno == EISDIR))
			return copy_by_hand(from, to, size, err);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, "copying");
		/* 0 can also mean a file whose size is not known to the kernel, as in procfs. */
		if (n == 0)
			return copy_by_hand(from, to, size, err);
		if (size != UINT64_MAX)
			size -= (uint64_t)n;
	}
	return 0;
}

int replace_file(int dir, const char *name, const void *data, size_t length, struct error *err)
{
	char temporary[RANDOM_NAME_SIZE + 8] = ".tmp-";
	auto_fd int fd = -1;

	random_name(temporary + 5);
	fd = open_child(dir, temporary, O_WRONLY | O_CREAT | O_EXCL, 0644, err);
	if (fd < 0)
		return -1;
	if (write_all(fd, data, length, err) < 0) {
		unlinkat(dir, temporary, 0);
		return error_add(err, "%s", name);
	}
	if (renameat(dir, temporary, dir, name) < 0) {
		error_sys(err, "%s", name);
		unlinkat(dir, temporary, 0);
		return -1;
	}
	return 0;
}

const char *fd_path(int fd, char buffer[FD_PATH_SIZE])
{
	snprintf(buffer, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
	return buffer;
}

void random_name(char name[RANDOM_NAME_SIZE])
{
	unsigned char bytes[(RANDOM_NAME_SIZE - 1) / 2];

	while (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		continue;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(name + 2 * i, 3, "%02x", bytes[i]);
}
