/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/file.h"

#include "common/arena.h"
#include "common/fd.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>

int file_open_input(const char *path, bool directory, bool terminal, struct error *err)
{
	auto_fd int fd = -1;
	struct stat st;

	if (strcmp(path, "-") == 0) {
		if (!terminal && isatty(STDIN_FILENO)) {
			error_set(err, ERROR_USAGE, "standard input is a terminal");
			return error_hint(err, "name a file, or redirect the input");
		}
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		return fd >= 0 ? steal_fd(&fd) : error_sys(err, "standard input");
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "%s", path);
	if (S_ISDIR(st.st_mode) && !directory) {
		errno = EISDIR;
		return error_sys(err, "%s", path);
	}
	return steal_fd(&fd);
}

bool file_is_directory(const char *path)
{
	size_t length = strlen(path);
	struct stat st;

	if (length > 0 && path[length - 1] == '/')
		return true;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static char *temporary_name(const char *path)
{
	char random[RANDOM_NAME_SIZE];

	random_name(random);
	return xprintf("%s.%.8s.tmp", path, random);
}

/* Without a name nothing stays behind when the program is killed; not every file system can. */
static int open_unnamed(const char *path)
{
	auto_free char *copy = xstrdup(path);

	return open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
}

static int open_standard_output(struct error *err)
{
	int fd;

	if (isatty(STDOUT_FILENO)) {
		error_set(err, ERROR_USAGE, "an archive is not written to a terminal");
		return error_hint(err, "name a file with -o, or redirect the output");
	}
	fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return fd >= 0 ? fd : error_sys(err, "standard output");
}

int file_output_open(struct file_output *f, const char *path, struct error *err)
{
	struct stat st;

	if (strcmp(path, "-") == 0) {
		f->fd = open_standard_output(err);
		return f->fd >= 0 ? 0 : -1;
	}
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		f->fd = open(path, O_WRONLY | O_CLOEXEC);
		return f->fd >= 0 ? 0 : error_sys(err, "%s", path);
	}
	f->fd = open_unnamed(path);
	if (f->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		f->temporary = temporary_name(path);
		f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	}
	if (f->fd < 0)
		return error_sys(err, "%s", path);
	f->path = xstrdup(path);
	return 0;
}

int file_output_finish(struct file_output *f, struct error *err)
{
	char from[FD_PATH_SIZE];

	if (f->path == NULL)
		return 0;
	if (fsync(f->fd) < 0)
		return error_sys(err, "%s", f->path);
	if (f->temporary == NULL) {
		auto_free char *name = temporary_name(f->path);

		if (linkat(AT_FDCWD, fd_path(f->fd, from), AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0)
			return error_sys(err, "%s", name);
		f->temporary = steal(name);
	}
	if (rename(f->temporary, f->path) < 0)
		return error_sys(err, "%s", f->path);
	free(steal(f->temporary));
	return 0;
}

void file_output_release(struct file_output *f)
{
	if (f->temporary != NULL)
		unlink(f->temporary);
	free(steal(f->temporary));
	free(steal(f->path));
	cleanup_fd(&f->fd);
}
