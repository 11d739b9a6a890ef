/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/exec.h"

#include "common/cleanup.h"
#include "common/fd.h"

#include <elf.h>
#include <errno.h>
#include <linux/openat2.h>
#include <string.h>

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

enum { HEADERS_MAX = 64, LINE_SIZE = 256, INTERPRETERS_MAX = 8 };

static const char *find_path(char *const *envp)
{
	for (; envp != NULL && *envp != NULL; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return default_path;
}

/* directory/name into out; false if it does not fit or directory is relative. A relative one would
   run what the working directory holds. */
static bool join(char out[PATH_MAX], const char *directory, size_t length, const char *name)
{
	size_t name_size = strlen(name) + 1;

	if (length == 0 || directory[0] != '/' || length + 1 + name_size > PATH_MAX)
		return false;
	memcpy(out, directory, length);
	out[length] = '/';
	memcpy(out + length + 1, name, name_size);
	return true;
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

/* The first regular file with an execute bit, as Docker searches; a file without one is reported
   only if there is no other. */
static bool find_program(const char *name, const char *path, char found[PATH_MAX])
{
	for (const char *at = path;; at++) {
		size_t length = strcspn(at, ":");

		if (join(found, at, length, name) && is_program(found))
			return true;
		at += length;
		if (*at == '\0')
			return false;
	}
}

/* The program named in a "#!" line, cut at the first blank. */
static bool script_interpreter(char *line, ssize_t length, char *name, size_t size)
{
	char *start;

	if (length < 3 || line[0] != '#' || line[1] != '!')
		return false;
	start = line + 2 + strspn(line + 2, " \t");
	start[strcspn(start, " \t\r\n")] = '\0';
	if (start == line || *start == '\0' || strlen(start) >= size)
		return false;
	memcpy(name, start, strlen(start) + 1);
	return true;
}

/* Until execve() is through, /proc/self/exe is varve itself on the host. A program or a script's
   interpreter that leads there would get hold of it and, as root, could overwrite it
   (CVE-2019-5736). 0, or the errno to refuse with. */
static int refuse_magic_links(const char *program)
{
	char path[PATH_MAX], line[LINE_SIZE + 1];

	memcpy(path, program, strlen(program) + 1);
	for (int depth = 0; depth < INTERPRETERS_MAX; depth++) {
		auto_fd int fd = -1;
		ssize_t length;

		if (!is_program(path))
			return 0; /* execve() finds the right words */
		fd = openat_policy(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
				   RESOLVE_NO_MAGICLINKS);
		/* Who is not root cannot write to varve either. */
		if (fd < 0)
			return errno == EACCES && geteuid() != 0 ? 0 : errno;
		length = pread(fd, line, LINE_SIZE, 0);
		line[length > 0 ? length : 0] = '\0';
		if (!script_interpreter(line, length, path, sizeof(path)))
			return 0;
	}
	return ELOOP; /* the kernel gives up earlier */
}

void exec_search(char *const *argv, char *const *envp, struct exec_failure *failure)
{
	const char *name = argv[0];
	size_t size = strlen(name) + 1;

	if (size == 1 || size > sizeof(failure->path)) {
		failure->os = size == 1 ? ENOENT : ENAMETOOLONG;
		return;
	}
	if (strchr(name, '/') != NULL) {
		memcpy(failure->path, name, size);
	} else if (!find_program(name, find_path(envp), failure->path)) {
		failure->searched = true;
		failure->os = ENOENT;
		return;
	}
	failure->os = refuse_magic_links(failure->path);
	if (failure->os != 0)
		return;
	execve(failure->path, argv, envp);
	failure->os = errno;
}

/* The dynamic loader that a 64-bit ELF file asks for. */
static bool elf_interpreter(int fd, char *name, size_t size)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(segment))
		return false;
	for (unsigned int i = 0; i < header.e_phnum && i < HEADERS_MAX; i++) {
		off_t at = (off_t)(header.e_phoff + i * sizeof(segment));

		if (pread(fd, &segment, sizeof(segment), at) != (ssize_t)sizeof(segment))
			return false;
		if (segment.p_type != PT_INTERP)
			continue;
		if (segment.p_filesz == 0 || segment.p_filesz > size ||
		    pread(fd, name, segment.p_filesz, (off_t)segment.p_offset) !=
			    (ssize_t)segment.p_filesz)
			return false;
		name[segment.p_filesz - 1] = '\0';
		return true;
	}
	return false;
}

static int explain_interpreter(const char *path, int fd, struct error *err)
{
	char line[LINE_SIZE + 1] = "", name[LINE_SIZE];
	ssize_t length = pread(fd, line, LINE_SIZE, 0);
	const char *last = length > 0 ? memchr(line, '\n', (size_t)length) : NULL;
	bool carriage_return = last != NULL && last > line && last[-1] == '\r';

	if (script_interpreter(line, length, name, sizeof(name))) {
		error_set(err, ERROR_NOT_FOUND, "exec %s: its interpreter %s does not exist", path,
			  name);
		if (carriage_return)
			return error_hint(err, "its first line ends in a carriage return; save "
					       "it with Unix line ends");
		return error_hint(err, "the image has no %s", name);
	}
	if (elf_interpreter(fd, name, sizeof(name))) {
		error_set(err, ERROR_NOT_FOUND, "exec %s: its loader %s does not exist", path,
			  name);
		return error_hint(err, "it was linked for another libc than the image has; link "
				       "it statically or choose a matching base image");
	}
	return error_set(err, ERROR_NOT_FOUND, "exec %s: its interpreter does not exist", path);
}

static int explain_format(const char *path, int fd, struct error *err)
{
	char start[SELFMAG] = "";

	error_set(err, ERROR_DENIED, "exec %s: not a program for this machine", path);
	if (fd >= 0 && pread(fd, start, sizeof(start), 0) == SELFMAG &&
	    memcmp(start, ELFMAG, SELFMAG) == 0)
		return error_hint(err,
				  "it was built for another architecture; programs of that run "
				  "where the package qemu-user-static has registered an "
				  "interpreter in /proc/sys/fs/binfmt_misc");
	return error_hint(err, "a script must begin with #! and its interpreter");
}

int exec_explain(const struct exec_failure *failure, const char *name, struct error *err)
{
	const char *path = failure->path;
	auto_fd int fd = -1;

	if (failure->searched || failure->path[0] == '\0') {
		error_set(err, ERROR_NOT_FOUND, "exec %s: not found in PATH", name);
		return error_hint(err, "the image has no program %s, or PATH does not lead there",
				  name);
	}
	/* Only a regular file is opened: a fifo would block, a device might act. */
	if (is_program(path))
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (failure->os == ENOENT && fd >= 0)
		return explain_interpreter(path, fd, err);
	if (failure->os == ENOEXEC)
		return explain_format(path, fd, err);
	errno = failure->os;
	error_sys(err, "exec %s", path);
	if (failure->os == ENOENT)
		return error_hint(err,
				  "the image has no %s; without a shell use the exec form, "
				  "such as RUN [\"/program\", \"argument\"]",
				  path);
	if (failure->os == EACCES)
		return error_hint(err, "it is not a file that this user may execute");
	if (failure->os == ELOOP)
		return error_hint(err, "it, or its interpreter, must not be a link into /proc");
	if (failure->os == E2BIG)
		return error_hint(err, "the arguments and the environment together are too long");
	if (failure->os == ENOTDIR)
		err->code = ERROR_NOT_FOUND;
	return -1;
}
