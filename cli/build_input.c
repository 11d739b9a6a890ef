/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_input.h"

#include "builder/context.h"
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
	cleanup_fd(&in->dir);
	free(in->path);
}

static int read_stdin(struct build_input *in, struct error *err)
{
	in->name = xstrdup("Dockerfile");
	if (read_all(STDIN_FILENO, DOCKERFILE_MAX_BYTES, &in->text, err) < 0)
		return error_add(err, "standard input");
	return 0;
}

/* Where the Dockerfile lies in the context; NULL if it is elsewhere. */
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

/* Where <Dockerfile>.dockerignore is looked for. */
static void find_place(struct build_input *in, const char *context, const char *file)
{
	const char *slash = strrchr(file, '/');
	auto_free char *parent =
		slash != NULL ? xstrndup(file, (size_t)(slash + 1 - file)) : xstrdup(".");

	in->path = path_in_context(context, file);
	if (in->path != NULL)
		return;
	in->dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->dir >= 0)
		in->path = xstrdup(slash != NULL ? slash + 1 : file);
}

static int read_dockerfile(struct build_input *in, int fd, const char *path, struct error *err)
{
	if (fd < 0)
		return err->code == ERROR_NOT_FOUND
			       ? error_hint(err, "-f FILE names another Dockerfile")
			       : -1;
	if (read_all(fd, DOCKERFILE_MAX_BYTES, &in->text, err) < 0)
		return error_add(err, "%s", path);
	in->name = xstrdup(path);
	return 0;
}

/* -f URL */
static int fetch_dockerfile(struct build_input *in, struct store *s,
			    const struct fetch_options *fetch, const char *url, struct error *err)
{
	int directory = -1;

	if (context_open(s, AT_FDCWD, url, fetch, &directory, &in->text, err) < 0)
		return -1;
	if (directory >= 0) {
		close(directory);
		return error_set(err, ERROR_USAGE, "--file names an archive, not a Dockerfile");
	}
	in->name = xstrdup("Dockerfile");
	return 0;
}

/* --- a directory --------------------------------------------------------------------------- */

static int open_directory(struct build_input *in, const char *context, struct error *err)
{
	in->context = open(context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->context >= 0)
		return 0;
	error_sys(err, "context %s", context);
	if (err->code == ERROR_NOT_FOUND && strncmp(context, "github.com/", 11) == 0)
		return error_hint(err, "a git repository is named by a URL: https://%s%s", context,
				  strstr(context, ".git") != NULL ? "" : ".git");
	return -1;
}

static int read_beside(struct build_input *in, const char *context, const char *file,
		       struct error *err)
{
	auto_free char *fallback = NULL;
	auto_fd int fd = -1;

	if (file == NULL) {
		size_t length = strlen(context);

		fallback = strcmp(context, ".") == 0
				   ? xstrdup("Dockerfile")
				   : xprintf("%s%sDockerfile", context,
					     context[length - 1] == '/' ? "" : "/");
		file = fallback;
	}
	find_place(in, context, file);
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		error_sys(err, "%s", file);
	return read_dockerfile(in, fd, file, err);
}

/* --- what had to be fetched ---------------------------------------------------------------- */

/* A name that leads out of what was fetched, also by a symlink in it, is an error. */
static int read_beneath(struct build_input *in, const char *file, struct error *err)
{
	auto_fd int fd = -1;

	file = file != NULL ? file : "Dockerfile";
	while (*file == '/')
		file++;
	fd = open_beneath(in->context, file, O_RDONLY | O_NONBLOCK, 0, err);
	if (fd < 0)
		error_add(err, "in the context");
	in->path = xstrdup(file);
	return read_dockerfile(in, fd, file, err);
}

static int open_fetched(struct build_input *in, struct store *s, const struct fetch_options *fetch,
			const char *context, const char *file, struct error *err)
{
	struct fetch_options own = *fetch;

	in->is_git = context_kind(context) == CONTEXT_GIT;
	/* Who names a repository on the command line may use his own keys for it. */
	if (own.ssh_socket == NULL)
		own.ssh_socket = getenv("SSH_AUTH_SOCK");
	if (context_open(s, AT_FDCWD, context, &own, &in->context, &in->text, err) < 0)
		return error_add(err, "context");
	if (in->context >= 0)
		return 0;
	if (file != NULL)
		return error_set(err, ERROR_USAGE,
				 "the context is a Dockerfile itself, so --file has no meaning");
	in->name = xstrdup("Dockerfile");
	return 0;
}

int build_input_open(struct build_input *in, struct store *s, const struct fetch_options *fetch,
		     const char *context, const char *file, struct error *err)
{
	bool local = context_kind(context) == CONTEXT_DIRECTORY;
	bool from_stdin = file != NULL && strcmp(file, "-") == 0;

	in->host_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->host_root < 0)
		return error_sys(err, "/");
	if (from_stdin && strcmp(context, "-") == 0)
		return error_set(err, ERROR_USAGE,
				 "standard input cannot be both the context and the Dockerfile");
	if ((local ? open_directory(in, context, err)
		   : open_fetched(in, s, fetch, context, file, err)) < 0)
		return -1;
	if (in->context < 0)
		return 0;
	if (from_stdin)
		return read_stdin(in, err);
	if (file != NULL && context_kind(file) == CONTEXT_HTTP)
		return fetch_dockerfile(in, s, fetch, file, err);
	return local ? read_beside(in, context, file, err) : read_beneath(in, file, err);
}
