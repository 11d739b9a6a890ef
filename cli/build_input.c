/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_input.h"

#include "common/arena.h"
#include "common/fd.h"
#include "parser/dockerfile.h"

#include <limits.h>
#include <string.h>

void build_input_release(struct build_input *in)
{
	cleanup_fd(&in->context);
	cleanup_fd(&in->host_root);
	buf_release(&in->text);
	free(in->name);
	free(in->in_context);
}

static int read_stdin(struct build_input *in, struct error *err)
{
	static const size_t ustar_magic = 257;

	in->name = xstrdup("Dockerfile");
	if (read_all(STDIN_FILENO, DOCKERFILE_MAX_BYTES, &in->text, err) < 0)
		return error_add(err, "standard input");
	if (in->text.length > ustar_magic + 5 &&
	    memcmp(in->text.data + ustar_magic, "ustar", 5) == 0) {
		error_set(err, ERROR_USAGE, "standard input is a tar, not a Dockerfile");
		return error_hint(err, "unpack it and name the directory as the context");
	}
	return 0;
}

/* Where the Dockerfile lies in the context, for <Dockerfile>.dockerignore. */
static char *path_in_context(const char *context, const char *file)
{
	char whole_context[PATH_MAX], whole_file[PATH_MAX];
	size_t length;

	if (realpath(context, whole_context) == NULL || realpath(file, whole_file) == NULL)
		return NULL;
	length = strlen(whole_context);
	if (strncmp(whole_context, whole_file, length) != 0 || whole_file[length] != '/')
		return NULL;
	return xstrdup(whole_file + length + 1);
}

static int read_dockerfile(struct build_input *in, const char *path, struct error *err)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		error_sys(err, "%s", path);
		return err->code == ERROR_NOT_FOUND
			       ? error_hint(err, "-f FILE names another Dockerfile")
			       : -1;
	}
	if (read_all(fd, DOCKERFILE_MAX_BYTES, &in->text, err) < 0)
		return error_add(err, "%s", path);
	in->name = xstrdup(path);
	return 0;
}

int build_input_open(struct build_input *in, const char *context, const char *file,
		     struct error *err)
{
	auto_free char *fallback = NULL;
	bool only_file = strcmp(context, "-") == 0;

	in->host_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->host_root < 0)
		return error_sys(err, "/");
	if (only_file && file != NULL)
		return error_set(err, ERROR_USAGE,
				 "the context - reads the Dockerfile from standard input, so "
				 "--file has no meaning");
	if (!only_file) {
		in->context = open(context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (in->context < 0)
			return error_sys(err, "context %s", context);
	}
	if (only_file || (file != NULL && strcmp(file, "-") == 0))
		return read_stdin(in, err);
	if (file == NULL) {
		size_t length = strlen(context);

		fallback = strcmp(context, ".") == 0
				   ? xstrdup("Dockerfile")
				   : xprintf("%s%sDockerfile", context,
					     context[length - 1] == '/' ? "" : "/");
		file = fallback;
	}
	in->in_context = path_in_context(context, file);
	return read_dockerfile(in, file, err);
}
