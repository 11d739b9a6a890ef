/* SPDX-License-Identifier: Apache-2.0 */
/* ADD of URLs and git repositories. */
#include "builder/copy.h"

#include "builder/copier.h"
#include "common/arena.h"
#include "common/fd.h"
#include "layers/blob.h"
#include "layers/unpack.h"

#include <string.h>
#include <sys/stat.h>

enum { BLOB_CHUNK = 256 * 1024 };

static const char *git_checksum(const struct copy_spec *spec, const struct copy_source *source)
{
	return spec->checksum != NULL ? spec->checksum : source->git->checksum;
}

int copy_resolve(const struct copy_options *o, struct fetched *out, struct error *err)
{
	const struct copy_spec *spec = o->spec;

	for (size_t i = 0; i < spec->source_count; i++) {
		const struct copy_source *source = &spec->sources[i];
		int status = 0;

		if (source->kind == SOURCE_HTTP)
			status = fetch_http(o->store, source->written, spec->checksum, o->fetch,
					    &out[i], err);
		else if (source->kind == SOURCE_GIT)
			status = fetch_git_resolve(source->git, git_checksum(spec, source),
						   o->fetch, &out[i], err);
		if (status < 0)
			return -1;
	}
	return 0;
}

/* --- URLs ---------------------------------------------------------------------------------- */

/* Copies the blob, or with to -1 only checks that it is whole. */
static int read_blob(struct store *s, const struct fetched *f, int to, struct error *err)
{
	auto_(blob_reader) struct blob_reader *blob = blob_open(s, &f->content, f->size, err);
	auto_free char *chunk = xmalloc(BLOB_CHUNK);

	if (blob == NULL)
		return -1;
	for (;;) {
		ssize_t n = blob_read(blob, chunk, BLOB_CHUNK, err);

		if (n <= 0)
			return (int)n;
		if (to >= 0 && write_all(to, chunk, (size_t)n, err) < 0)
			return -1;
	}
}

/* --unpack: 1 if it was an archive and was extracted. */
static int unpack(struct copier *c, struct store *s, const struct fetched *f, struct error *err)
{
	auto_fd int blob = -1;

	if (c->spec->unpack != UNPACK_ALWAYS)
		return 0;
	blob = store_find(s, STORE_BLOBS, &f->content, err);
	if (blob < 0)
		return -1;
	if (!archive_probe(blob))
		return 0;
	if (read_blob(s, f, -1, err) < 0)
		return -1;
	return copier_extract(c, blob, err) < 0 ? -1 : 1;
}

struct filling {
	struct store *store;
	const struct fetched *fetched;
};

static int fill(void *user, int fd, struct error *err)
{
	const struct filling *f = user;

	return read_blob(f->store, f->fetched, fd, err);
}

/* --- repositories -------------------------------------------------------------------------- */

static int copy_checkout(struct copier *c, const struct copy_options *o, size_t i,
			 const struct ignore *exclude, struct error *err)
{
	const struct copy_source *source = &o->spec->sources[i];
	const bool keep = o->spec->keep_git_dir || source->git->keep_git_dir;
	struct walk_options tree = {.exclude = exclude};
	char name[RANDOM_NAME_SIZE];
	auto_fd int dir = -1;
	int stage = store_stage(o->store, err);

	if (stage < 0)
		return -1;
	random_name(name);
	dir = fetch_git(o->store, source->git, &o->fetched[i], keep, o->fetch, name, err);
	if (dir < 0)
		return -1;
	tree.root = dir;
	if (copier_copy(c, &tree, "", source->path, err) < 0)
		return -1;
	/* Not needed any more, and it may be large. */
	return remove_tree(stage, name, err);
}

int copy_remote(struct copier *c, const struct copy_options *o, size_t i,
		const struct ignore *exclude, struct error *err)
{
	const struct copy_source *source = &o->spec->sources[i];
	const struct fetched *f = &o->fetched[i];
	struct filling filling = {.store = o->store, .fetched = f};
	int status;

	if (source->kind == SOURCE_GIT) {
		status = copy_checkout(c, o, i, exclude, err);
	} else {
		c->parents.mtime = (struct timespec){.tv_sec = (time_t)f->mtime};
		status = unpack(c, o->store, f, err);
		if (status == 0)
			status = copier_file(c, f->name, 0600, &c->parents.mtime, fill, &filling,
					     err);
	}
	return status < 0 ? error_add(err, "%s", source->path) : 0;
}
