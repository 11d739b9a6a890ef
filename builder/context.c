/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/context.h"

#include "builder/remote.h"
#include "common/arena.h"
#include "common/fd.h"
#include "common/job.h"
#include "layers/unpack.h"
#include "parser/dockerfile.h"

#include <string.h>
#include <strings.h>

enum context_kind context_kind(const char *text)
{
	static const struct {
		const char *prefix;
		enum context_kind kind;
	} prefixes[] = {{"docker-image://", CONTEXT_IMAGE},
			{"oci-layout://", CONTEXT_IMAGE},
			{"http://", CONTEXT_HTTP},
			{"https://", CONTEXT_HTTP}};

	if (strcmp(text, "-") == 0)
		return CONTEXT_STDIN;
	if (git_is_source(text))
		return CONTEXT_GIT;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncasecmp(text, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0)
			return prefixes[i].kind;
	return CONTEXT_DIRECTORY;
}

int context_ignore(int directory, int beside, const char *dockerfile, struct ignore **out,
		   struct error *err)
{
	auto_free char *own = dockerfile != NULL ? xprintf("%s.dockerignore", dockerfile) : NULL;
	const char *candidates[2] = {own, ".dockerignore"};
	const int directories[2] = {beside, directory};
	auto_(buf) struct buf text = BUF_INIT;

	*out = NULL;
	for (int i = 0; i < 2; i++) {
		auto_fd int fd = -1;
		struct error missing = ERROR_INIT;

		if (candidates[i] == NULL)
			continue;
		/* O_NOFOLLOW: a link could show a host file's text in messages (CVE-2022-4122). */
		fd = open_beneath(directories[i], candidates[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
				  0, &missing);
		if (fd < 0 && missing.code == ERROR_NOT_FOUND)
			continue;
		if (fd < 0) {
			*err = missing;
			return -1;
		}
		if (read_all(fd, IGNORE_MAX_BYTES, &text, err) < 0)
			return error_add(err, "%s", candidates[i]);
		*out = ignore_parse(candidates[i], text.data, text.length, err);
		return *out != NULL ? 0 : -1;
	}
	return 0;
}

void context_release(struct context *c)
{
	cleanup_fd(&c->fd);
	ignore_free(c->ignore);
	c->ignore = NULL;
}

/* --- contexts that are no directory -------------------------------------------------------- */

struct opening {
	struct store *store;
	const char *text;
	const char *shown; /* in messages */
	const struct git_source *git;
	const struct fetch_options *fetch;
	char name[RANDOM_NAME_SIZE]; /* of the directory in the stage */
};

/* First byte of a job's result; after IS_TEXT the text follows. */
enum { IS_DIRECTORY = 'd', IS_TEXT = 't' };

static int extract(const struct opening *o, int fd, struct error *err)
{
	struct unpack_options options = {
		.userxattr = store_userxattr(o->store), .owner = 0, .group = 0};
	struct error ignored = ERROR_INIT;
	int stage = store_stage(o->store, err);
	uint64_t entries;
	auto_fd int dir = stage >= 0 ? mkdir_child(stage, o->name, 0755, err) : -1;

	options.strip_special = options.userxattr;
	if (dir < 0)
		return -1;
	if (archive_extract(fd, dir, &options, &entries, err) == 0)
		return 0;
	remove_tree(stage, o->name, &ignored);
	return error_add(err, "unpacking %s", o->shown);
}

static int take_text(const struct opening *o, int fd, struct buf *result, struct error *err)
{
	struct error why = ERROR_INIT;

	buf_add_char(result, IS_TEXT);
	if (read_all(fd, DOCKERFILE_MAX_BYTES, result, &why) < 0 && why.code != ERROR_LIMIT) {
		*err = why;
		return error_add(err, "%s", o->shown);
	}
	if (why.code == ERROR_LIMIT || memchr(result->data, '\0', result->length) != NULL)
		return error_set(err, ERROR_FORMAT, "%s is neither an archive nor a Dockerfile",
				 o->shown);
	return 0;
}

static int take_content(const struct opening *o, int fd, struct buf *result, struct error *err)
{
	if (!archive_probe(fd))
		return take_text(o, fd, result, err);
	buf_add_char(result, IS_DIRECTORY);
	return extract(o, fd, err);
}

/* What a pipe gives must be looked at before it is read as one thing or the other. */
static int spool(const struct opening *o, struct error *err)
{
	const size_t room = (size_t)64 * 1024;
	auto_(buf) struct buf chunk = BUF_INIT;
	char name[RANDOM_NAME_SIZE];
	int stage = store_stage(o->store, err);
	auto_fd int fd = -1;

	if (stage < 0)
		return -1;
	random_name(name);
	fd = open_child(stage, name, O_RDWR | O_CREAT | O_EXCL, 0600, err);
	if (fd < 0 || (unlinkat(stage, name, 0) < 0 && error_sys(err, "%s", o->shown) < 0))
		return -1;
	for (uint64_t total = 0;;) {
		ssize_t n = read(STDIN_FILENO, buf_reserve(&chunk, room), room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, "%s", o->shown);
		if (n == 0)
			return steal_fd(&fd);
		total += (uint64_t)n;
		if (total > FETCH_MAX_BYTES)
			return error_set(err, ERROR_LIMIT, "%s gives more than %llu bytes",
					 o->shown, (unsigned long long)FETCH_MAX_BYTES);
		if (write_all(fd, chunk.data, (size_t)n, err) < 0)
			return error_add(err, "%s", o->shown);
	}
}

static int open_stdin(void *arg, struct buf *result, struct error *err)
{
	const struct opening *o = arg;
	auto_fd int fd = spool(o, err);

	if (fd < 0 || (lseek(fd, 0, SEEK_SET) < 0 && error_sys(err, "%s", o->shown) < 0))
		return -1;
	return take_content(o, fd, result, err);
}

static int open_http(void *arg, struct buf *result, struct error *err)
{
	const struct opening *o = arg;
	auto_fd int fd = -1;
	struct fetched f;

	if (fetch_http(o->store, o->text, NULL, o->fetch, &f, err) < 0)
		return -1;
	fd = store_find(o->store, STORE_BLOBS, &f.content, err);
	return fd < 0 ? -1 : take_content(o, fd, result, err);
}

static int open_git(void *arg, struct buf *result, struct error *err)
{
	const struct opening *o = arg;
	struct git_source git = *o->git;
	auto_fd int fd = -1;
	struct fetched f;

	git.commit_times = git.commit_times || o->fetch->commit_times;
	if (fetch_git_resolve(o->git, NULL, o->fetch, &f, err) < 0)
		return -1;
	fd = fetch_git(o->store, &git, &f, o->fetch->keep_git_dir, o->fetch, o->name, err);
	buf_add_char(result, IS_DIRECTORY);
	return fd < 0 ? -1 : 0;
}

static int deliver(struct opening *o, const struct buf *result, int *directory,
		   struct buf *dockerfile, struct error *err)
{
	int fd = -1;

	if (result->data[0] == IS_DIRECTORY) {
		fd = open_child(store_stage(o->store, err), o->name, O_RDONLY | O_DIRECTORY, 0,
				err);
		if (fd < 0)
			return -1;
	} else if (dockerfile != NULL) {
		buf_add(dockerfile, result->data + 1, result->length - 1);
	} else {
		return error_set(err, ERROR_FORMAT, "%s is no archive", o->shown);
	}
	*directory = fd;
	return 0;
}

static int open_remote(struct store *s, const char *text, enum context_kind kind,
		       const struct fetch_options *fetch, int *directory, struct buf *dockerfile,
		       struct error *err)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	auto_(buf) struct buf result = BUF_INIT;
	auto_free char *shown = url_public(text);
	struct git_source git;
	struct opening o = {.store = s,
			    .text = text,
			    .shown = kind == CONTEXT_STDIN ? "standard input" : shown,
			    .git = &git,
			    .fetch = fetch};
	job_work *work = kind == CONTEXT_STDIN  ? open_stdin
			 : kind == CONTEXT_HTTP ? open_http
						: open_git;

	if (kind == CONTEXT_GIT && git_parse(&arena, text, &git, err) < 0)
		return -1;
	random_name(o.name);
	if (store_stage(s, err) < 0 || job_run(o.shown, work, &o, &result, err) < 0)
		return -1;
	return deliver(&o, &result, directory, dockerfile, err);
}

int context_open(struct store *s, int host_cwd, const char *text, const struct fetch_options *fetch,
		 int *directory, struct buf *dockerfile, struct error *err)
{
	enum context_kind kind = context_kind(text);
	int fd;

	switch (kind) {
	case CONTEXT_DIRECTORY:
		fd = openat(host_cwd, text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return error_sys(err, "%s", text);
		*directory = fd;
		return 0;
	case CONTEXT_STDIN:
	case CONTEXT_GIT:
	case CONTEXT_HTTP:
		return open_remote(s, text, kind, fetch, directory, dockerfile, err);
	case CONTEXT_IMAGE:
		break;
	}
	return error_set(err, ERROR_USAGE, "%s is an image, not a directory", text);
}
