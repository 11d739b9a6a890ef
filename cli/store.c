/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "common/arena.h"
#include "runtime/userns.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

char *cli_default_root(struct error *err)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (geteuid() == 0)
		return xstrdup("/var/lib/varve");
	if (data != NULL && data[0] == '/') /* the XDG specification: relative ones are ignored */
		return xprintf("%s/varve", data);
	if (home != NULL && home[0] == '/')
		return xprintf("%s/.local/share/varve", home);
	error_set(err, ERROR_USAGE, "no place for the store: HOME is not set");
	error_hint(err, "name one with --root or VARVE_ROOT");
	return NULL;
}

/* The caller's own path, symlinks and all; each missing directory is made for this user only. */
static int make_directories(const char *path, struct error *err)
{
	auto_free char *copy = xstrdup(path);

	for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return error_sys(err, "creating %s", copy);
		if (slash == NULL)
			return 0;
		*slash = '/';
	}
}

static int open_root(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		if (make_directories(path, err) < 0)
			return -1;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return fd >= 0 ? fd : error_sys(err, "%s", path);
}

struct store *cli_store(struct cli *cli, struct error *err)
{
	enum store_flags flags = STORE_CREATE;
	auto_fd int root = -1;

	if (cli->store != NULL)
		return cli->store;
	if (!userns_privileged()) {
		if (userns_enter(&cli->single_id, err) < 0)
			return NULL;
		cli->user_namespace = true;
	}
	root = open_root(cli->root_path, err);
	if (root < 0) {
		error_add(err, "opening the store");
		return NULL;
	}
	if (userns_inside())
		flags |= STORE_USERXATTR;
	if (cli->fast) {
		flags |= STORE_FAST;
		fprintf(stderr, "varve: --durability=fast: a power cut may lose this result\n");
	}
	cli->store = store_open(root, flags, err);
	if (cli->store == NULL)
		error_add(err, "opening the store %s", cli->root_path);
	return cli->store;
}
