/* SPDX-License-Identifier: Apache-2.0 */
/* Git repositories: which commit a reference means, and the files of a commit. */
#include "builder/fetch.h"

#include "builder/git_run.h"
#include "builder/remote.h"
#include "builder/walk.h"
#include "common/fd.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

/* --- resolving ----------------------------------------------------------------------------- */

static bool is_commit(const char *text)
{
	size_t length = strlen(text);

	return (length == 40 || length == 64) && strspn(text, "0123456789abcdef") == length;
}

/* The object of a line "<hex>\t<name>" of ls-remote. */
static bool find_line(const char *lines, const char *name, const char *suffix,
		      char out[GIT_ID_SIZE])
{
	auto_free char *wanted = xprintf("%s%s", name, suffix);

	for (const char *at = lines; *at != '\0';) {
		size_t length = strcspn(at, "\n");
		size_t id = strcspn(at, "\t\n");

		if (at[id] == '\t' && id < GIT_ID_SIZE && length - id - 1 == strlen(wanted) &&
		    memcmp(at + id + 1, wanted, length - id - 1) == 0) {
			memcpy(out, at, id);
			out[id] = '\0';
			return is_commit(out);
		}
		at += length + (at[length] != '\0');
	}
	return false;
}

/* A branch wins over a tag of the same name, as with git checkout; a tag is followed to its
   commit. */
static bool pick(const char *lines, const char *ref, char out[GIT_ID_SIZE])
{
	static const char *const prefixes[] = {"", "refs/", "refs/heads/", "refs/tags/"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		auto_free char *name = xprintf("%s%s", prefixes[i], ref);

		if (find_line(lines, name, "^{}", out) || find_line(lines, name, "", out))
			return true;
	}
	return false;
}

static int ask(const struct git_source *g, const struct fetch_options *o, char out[GIT_ID_SIZE],
	       struct error *err)
{
	auto_(git) struct git git = GIT_INIT;
	auto_(buf) struct buf lines = BUF_INIT;
	const char *ref = g->ref != NULL ? g->ref : "HEAD";
	auto_free char *peeled = xprintf("%s^{}", ref);
	const char *const arguments[] = {"ls-remote", "--", NULL, ref, peeled, NULL};
	const char *filled[sizeof(arguments) / sizeof(*arguments)];

	if (git_open(&git, g, o, err) < 0)
		return -1;
	memcpy(filled, arguments, sizeof(filled));
	filled[2] = git.url;
	if (git_run(&git, -1, filled, &lines, err) < 0)
		return -1;
	if (pick(lines.data, ref, out))
		return 0;
	if (g->ref == NULL)
		return error_set(err, ERROR_NOT_FOUND, "%s has no commits", git.url);
	error_set(err, ERROR_NOT_FOUND, "%s has no branch or tag \"%s\"", git.url, g->ref);
	if (strspn(g->ref, "0123456789abcdef") == strlen(g->ref) && strlen(g->ref) >= 4)
		return error_hint(err, "a commit is named by all of its 40 digits");
	return -1;
}

static int check(const struct git_source *g, const char *checksum, const char *commit,
		 struct error *err)
{
	auto_free char *shown = url_public(g->url);

	if (checksum == NULL || strncasecmp(checksum, commit, strlen(checksum)) == 0)
		return 0;
	return error_set(err, ERROR_DIGEST, "%s: the commit should be %s, but %s is %s", shown,
			 checksum, g->ref != NULL ? g->ref : "HEAD", commit);
}

int fetch_git_resolve(const struct git_source *g, const char *checksum,
		      const struct fetch_options *o, struct fetched *out, struct error *err)
{
	struct fetched f = {.size = 0};

	if (g->ref != NULL && is_commit(g->ref))
		memcpy(f.commit, g->ref, strlen(g->ref) + 1);
	else if (ask(g, o, f.commit, err) < 0)
		return -1;
	if (check(g, checksum, f.commit, err) < 0 || check(g, g->checksum, f.commit, err) < 0)
		return -1;
	digest_of(f.commit, strlen(f.commit), &f.content);
	*out = f;
	return 0;
}

/* --- checking out -------------------------------------------------------------------------- */

struct checkout {
	const struct git_source *source;
	const char *commit;
	bool keep_git_dir;
	struct git git;
	int stage; /* borrowed */
	int work;  /* the working tree, in the stage */
	char name[RANDOM_NAME_SIZE];
	char git_name[RANDOM_NAME_SIZE]; /* where its .git waits in the stage; or "" */
	struct timespec time;            /* of every file, if wanted */
};

static void checkout_release(struct checkout *c)
{
	struct error ignored = ERROR_INIT;

	cleanup_fd(&c->work);
	if (c->name[0] != '\0')
		remove_tree(c->stage, c->name, &ignored);
	if (c->git_name[0] != '\0')
		remove_tree(c->stage, c->git_name, &ignored);
	git_release(&c->git);
}
DEFINE_CLEANUP_STRUCT(checkout, struct checkout, checkout_release);

#define GIT(c, out, err, ...)                                                                      \
	git_run(&(c)->git, (c)->work, (const char *const[]){__VA_ARGS__, NULL}, out, err)

static int begin(struct checkout *c, struct error *err)
{
	const char *format =
		strlen(c->commit) == 64 ? "--object-format=sha256" : "--object-format=sha1";

	random_name(c->name);
	c->work = mkdir_child(c->stage, c->name, 0755, err);
	if (c->work < 0 || GIT(c, NULL, err, "init", "--quiet", "--template=", format) < 0)
		return -1;
	/* Submodules may have URLs relative to it. */
	return GIT(c, NULL, err, "remote", "add", "--", "origin", c->git.url);
}

/* Where a server does not give single commits, all branches and tags must have it, or what the
   user named. */
static int fetch_all(struct checkout *c, struct error *err)
{
	const char *ref = c->source->ref;
	auto_free char *extra = NULL;

	if (ref != NULL && strncmp(ref, "refs/", 5) == 0)
		extra = xprintf("+%s:refs/varve/wanted", ref);
	return GIT(c, NULL, err, "fetch", "--quiet", "--tags", "--no-recurse-submodules", "origin",
		   "+refs/heads/*:refs/remotes/origin/*", extra);
}

static int fetch_commit(struct checkout *c, struct error *err)
{
	struct error shallow = ERROR_INIT;

	if (GIT(c, NULL, &shallow, "fetch", "--quiet", "--depth=1", "--no-tags",
		"--no-recurse-submodules", "origin", c->commit) == 0)
		return 0;
	if (shallow.code != ERROR_IO) {
		*err = shallow;
		return -1;
	}
	return fetch_all(c, err);
}

static int update_submodules(struct checkout *c, struct error *err)
{
	struct error shallow = ERROR_INIT;
	struct stat st;

	if (!c->source->submodules || fstatat(c->work, ".gitmodules", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (GIT(c, NULL, &shallow, "submodule", "--quiet", "update", "--init", "--recursive",
		"--depth=1") == 0)
		return 0;
	if (GIT(c, NULL, err, "submodule", "--quiet", "update", "--init", "--recursive") < 0)
		return error_add(err, "submodules");
	return 0;
}

static int read_time(struct checkout *c, struct error *err)
{
	auto_(buf) struct buf out = BUF_INIT;

	if (!c->source->commit_times)
		return 0;
	if (GIT(c, &out, err, "log", "-1", "--format=%ct", c->commit, "--") < 0)
		return -1;
	c->time.tv_sec = strtoll(out.data, NULL, 10);
	return 0;
}

static int populate(struct checkout *c, struct error *err)
{
	if (begin(c, err) < 0 || fetch_commit(c, err) < 0)
		return -1;
	if (GIT(c, NULL, err, "checkout", "--quiet", "--detach", "--force", c->commit, "--") < 0)
		return error_add(err, "commit %s", c->commit);
	if (update_submodules(c, err) < 0)
		return -1;
	return read_time(c, err);
}

/* --- from a working tree to a source ------------------------------------------------------- */

/* The same modes whatever the umask and file system were; no .git of submodules, whose names git
   refuses to track, so nothing else can be meant. */
static int tidy_entry(void *user, const struct walk_entry *e, bool leaving, struct error *err)
{
	struct checkout *c = user;
	bool whole = c->keep_git_dir && c->source->subdir[0] == '\0';
	struct timespec times[2] = {c->time, c->time};
	mode_t mode = S_ISDIR(e->st.st_mode) || (e->st.st_mode & S_IXUSR) ? 0755 : 0644;

	if (S_ISDIR(e->st.st_mode) && !leaving)
		return 0;
	if (strcmp(e->name, ".git") == 0 && !whole)
		return remove_tree(e->dir, e->name, err);
	if (!S_ISLNK(e->st.st_mode) && fchmodat(e->dir, e->name, mode, 0) < 0)
		return error_sys(err, "%s", e->path);
	if (c->source->commit_times && utimensat(e->dir, e->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "%s", e->path);
	return 0;
}

static int tidy(struct checkout *c, struct error *err)
{
	struct walk_options options = {.root = c->work};
	char name[RANDOM_NAME_SIZE];

	random_name(name);
	if (renameat(c->work, ".git", c->stage, name) < 0)
		return error_sys(err, "the repository's .git");
	memcpy(c->git_name, name, sizeof(name));
	return walk_tree(&options, "", ".", tidy_entry, c, err);
}

/* The path of the subdirectory without symlinks, relative to the working tree. */
static int real_subdir(struct checkout *c, char out[PATH_MAX], struct error *err)
{
	char top[PATH_MAX], link[FD_PATH_SIZE];
	auto_fd int fd = open_beneath(c->work, c->source->subdir, O_PATH | O_DIRECTORY, 0, err);
	ssize_t n, top_length;

	if (fd < 0)
		return error_add(err, "%s: the subdirectory", c->git.url);
	top_length = readlink(fd_path(c->work, link), top, sizeof(top) - 1);
	n = readlink(fd_path(fd, link), out, PATH_MAX - 1);
	if (n < top_length || top_length <= 0 || n >= PATH_MAX - 1)
		return error_sys(err, "%s: the subdirectory %s", c->git.url, c->source->subdir);
	out[n] = '\0';
	memmove(out, out + top_length, (size_t)(n - top_length) + 1);
	return 0;
}

/* Moves what is wanted to stage/name. */
static int deliver(struct checkout *c, const char *name, struct error *err)
{
	char path[PATH_MAX] = "";
	auto_fd int dir = -1;

	if (c->source->subdir[0] != '\0' && real_subdir(c, path, err) < 0)
		return -1;
	if (path[0] == '\0') {
		if (renameat(c->stage, c->name, c->stage, name) < 0)
			return error_sys(err, "%s", c->git.url);
		c->name[0] = '\0';
	} else if (renameat(c->work, path + 1, c->stage, name) < 0) {
		return error_sys(err, "%s: the subdirectory %s", c->git.url, c->source->subdir);
	}
	dir = open_child(c->stage, name, O_RDONLY | O_DIRECTORY, 0, err);
	if (dir < 0)
		return -1;
	if (c->keep_git_dir) {
		if (renameat(c->stage, c->git_name, dir, ".git") < 0)
			return error_sys(err, "the repository's .git");
		c->git_name[0] = '\0';
	}
	return steal_fd(&dir);
}

int fetch_git(struct store *s, const struct git_source *g, const struct fetched *at,
	      bool keep_git_dir, const struct fetch_options *o, const char *name, struct error *err)
{
	auto_(checkout) struct checkout c = {.source = g,
					     .commit = at->commit,
					     .keep_git_dir = keep_git_dir || g->keep_git_dir,
					     .git = GIT_INIT,
					     .stage = store_stage(s, err),
					     .work = -1};

	if (c.stage < 0 || git_open(&c.git, g, o, err) < 0 || populate(&c, err) < 0 ||
	    tidy(&c, err) < 0)
		return -1;
	return deliver(&c, name, err);
}
