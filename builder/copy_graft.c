/* SPDX-License-Identifier: Apache-2.0 */
/* A copy that is never made: its files are packed from where they are. */
#include "builder/copy.h"

#include "builder/syntax.h"
#include "builder/user.h"
#include "common/fd.h"

#include <linux/openat2.h>
#include <string.h>

static bool is_ignored(const struct copy_graft *g, const char *path)
{
	const char *source = g->spec->sources[0].path;
	auto_free char *whole = NULL;

	if (g->ignore == NULL)
		return false;
	if (*source == '\0')
		return ignore_match(g->ignore, path);
	whole = xprintf("%s/%s", source, path);
	return ignore_match(g->ignore, whole);
}

static bool take(void *user, const char *path, struct stat *st)
{
	const struct copy_graft *g = user;
	const char *chmod = g->spec->chmod;

	if (path != NULL && is_ignored(g, path))
		return false;
	st->st_uid = g->uid;
	st->st_gid = g->gid;
	if (chmod != NULL && !S_ISLNK(st->st_mode))
		st->st_mode = (st->st_mode & S_IFMT) |
			      mode_apply(chmod, st->st_mode, S_ISDIR(st->st_mode));
	return true;
}

int copy_graft_directory(const struct copy_spec *spec, int context)
{
	const char *path = spec->sources[0].path;

	return openat_policy(context, *path != '\0' ? path : ".", O_RDONLY | O_DIRECTORY, 0,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int copy_graft_open(const struct copy_options *o, const char *path, struct copy_graft *out,
		    struct error *err)
{
	*out = (struct copy_graft){
		.graft = {.path = path, .directory = -1, .take = take, .user = out},
		.spec = o->spec,
		.ignore = o->ignore,
	};
	if (o->spec->chown != NULL &&
	    owner_resolve(o->below, o->spec->chown, &out->uid, &out->gid, err) < 0)
		return -1;
	out->graft.directory = copy_graft_directory(o->spec, o->source);
	return out->graft.directory < 0 ? error_sys(err, "%s", o->spec->sources[0].written) : 0;
}

void copy_graft_close(struct copy_graft *g)
{
	cleanup_fd(&g->graft.directory);
}
