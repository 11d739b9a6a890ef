/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/container.h"

#include "common/arena.h"
#include "common/fd.h"
#include "layers/unpacker.h"

#include <string.h>

enum { MAX_RESOLV_CONF = 1024 * 1024 };

static const struct {
	const char *name, *target;
} etc_files[CONTAINER_ETC_FILES] = {
	{"hosts", "/etc/hosts"},
	{"hostname", "/etc/hostname"},
	{"resolv.conf", "/etc/resolv.conf"},
};

void container_release(struct container *c)
{
	for (size_t i = 1; i < c->tree_count; i++)
		cleanup_fd(&c->trees[i]);
	free(c->trees);
	stub_release(&c->stub);
	user_release(&c->user);
	buf_release(&c->cwd);
	cleanup_fd(&c->upper);
	cleanup_fd(&c->work);
	for (int i = 0; i < CONTAINER_ETC_FILES; i++)
		cleanup_fd(&c->etc[i]);
	image_release(&c->image);
	*c = (struct container)CONTAINER_INIT;
}

/* --- the image's trees --------------------------------------------------------------------- */

/* With the image pinned its trees stay while the container runs, whatever is pruned meanwhile. */
static int open_trees(struct container *c, const char *image, struct error *err)
{
	const struct platform local = platform_local();
	bool found;

	if (image_resolve_for(c->store, image, &local, &c->image, err) < 0 ||
	    store_pin(c->store, STORE_BLOBS, &c->image.manifest, &found, err) < 0)
		return -1;
	c->trees = xcalloc(c->image.layer_count + 1, sizeof(*c->trees));
	c->trees[0] = -1;
	c->tree_count = 1;
	if (layer_trees(c->store, c->image.layers, c->image.layer_count, c->trees + 1, err) < 0)
		return error_add(err, "%s", image);
	c->tree_count += c->image.layer_count;
	return 0;
}

static struct stack image_stack(const struct container *c)
{
	return (struct stack){.trees = c->trees + 1,
			      .count = c->tree_count - 1,
			      .userxattr = store_userxattr(c->store)};
}

/* --- what lies over them ------------------------------------------------------------------- */

/* The working directory with its symlinks resolved, so that the stub layer can supply it without
   covering a link. */
static int find_cwd(struct container *c, const struct stack *root, const char *cwd,
		    struct error *err)
{
	struct error missing = ERROR_INIT;
	struct stat st;
	size_t tree;

	if (cwd == NULL)
		cwd = c->image.config.working_dir;
	if (cwd == NULL || cwd[0] == '\0')
		cwd = "/";
	if (cwd[0] != '/')
		return error_set(err, ERROR_USAGE, "the working directory must be absolute: %s",
				 cwd);
	if (root->count == 0)
		buf_add_str(&c->cwd, cwd);
	else if (stack_resolve(root, cwd, &c->cwd, err) < 0)
		return error_add(err, "working directory %s", cwd);
	if (root->count > 0 && stack_stat(root, c->cwd.data, true, &st, &tree, &missing) == 0 &&
	    !S_ISDIR(st.st_mode))
		return error_set(err, ERROR_FORMAT, "working directory %s: not a directory", cwd);
	return 0;
}

static int make_stub(struct container *c, const struct stack *root, int stage, struct error *err)
{
	size_t count;
	const struct sandbox_target *wanted = sandbox_targets(&count);
	auto_free struct stub_target *targets =
		xcalloc(count + CONTAINER_ETC_FILES + 1, sizeof(*targets));

	for (size_t i = 0; i < count; i++)
		targets[i] = (struct stub_target){.path = wanted[i].path,
						  .directory = wanted[i].directory};
	for (int i = 0; i < CONTAINER_ETC_FILES; i++)
		targets[count++] = (struct stub_target){.path = etc_files[i].target + 1};
	if (strcmp(c->cwd.data, "/") != 0)
		targets[count++] = (struct stub_target){.path = c->cwd.data + 1, .directory = true};
	if (stub_make(root, stage, targets, count, &c->stub, err) < 0)
		return error_add(err, "making the mount points");
	c->trees[0] = c->stub.fd;
	return 0;
}

/* The merged root shows the upper's own metadata, so it must be that of the root below. */
static int make_upper(struct container *c, int stage, struct error *err)
{
	int top = c->trees[0] >= 0 ? c->trees[0] : c->trees[1];
	struct stat st;

	if (fstat(top, &st) < 0)
		return error_sys(err, "reading the root directory");
	c->upper = mkdir_child(stage, "upper", 0755, err);
	c->work = c->upper >= 0 ? mkdir_child(stage, "work", 0700, err) : -1;
	if (c->work < 0)
		return -1;
	if (fchown(c->upper, st.st_uid, st.st_gid) < 0 || fchmod(c->upper, st.st_mode & 07777) < 0)
		return error_sys(err, "making the root directory");
	return 0;
}

static void etc_text(const struct container *c, int file, struct buf *out)
{
	struct error ignored = ERROR_INIT;
	auto_fd int fd = -1;

	if (file == 0) {
		buf_printf(out,
			   "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
			   "127.0.0.1\t%s\n",
			   c->hostname);
	} else if (file == 1) {
		buf_printf(out, "%s\n", c->hostname);
	} else {
		/* Without one, as in an isolated network, names are simply not resolved. */
		fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0)
			read_all(fd, MAX_RESOLV_CONF, out, &ignored);
	}
}

static int make_etc(struct container *c, int stage, struct error *err)
{
	char name[RANDOM_NAME_SIZE];
	auto_fd int dir = mkdir_child(stage, "etc", 0755, err);

	if (dir < 0)
		return -1;
	random_name(name);
	memcpy(c->hostname, name, CONTAINER_HOSTNAME_SIZE - 1);
	for (int i = 0; i < CONTAINER_ETC_FILES; i++) {
		auto_(buf) struct buf text = BUF_INIT;

		etc_text(c, i, &text);
		if (replace_file(dir, etc_files[i].name, text.data, text.length, err) < 0)
			return -1;
		c->etc[i] = open_child(dir, etc_files[i].name, O_RDONLY, 0, err);
		if (c->etc[i] < 0)
			return -1;
	}
	return 0;
}

int container_prepare(struct container *c, struct store *s, const char *image, const char *user,
		      const char *cwd, bool read_only, struct error *err)
{
	struct stack root;
	int stage;

	c->store = s;
	/* Made before any job is forked, so that it is this process that removes it. */
	stage = store_stage(s, err);
	if (stage < 0 || open_trees(c, image, err) < 0)
		return -1;
	root = image_stack(c);
	if (user == NULL)
		user = c->image.config.user != NULL ? c->image.config.user : "";
	if (user_resolve(&root, user, &c->user, err) < 0 || find_cwd(c, &root, cwd, err) < 0)
		return -1;
	if (make_stub(c, &root, stage, err) < 0 || make_etc(c, stage, err) < 0)
		return -1;
	return read_only ? 0 : make_upper(c, stage, err);
}

struct sandbox *container_start(struct container *c, char *const *argv, char *const *envp,
				enum sandbox_network network, struct error *err)
{
	struct sandbox_mount mounts[CONTAINER_ETC_FILES];
	bool stub = c->trees[0] >= 0, read_only = c->upper < 0;
	struct sandbox_spec spec = {
		.root = {.lower = c->trees + !stub,
			 .count = c->tree_count - !stub,
			 .upper = c->upper,
			 .work = c->work,
			 .userxattr = store_userxattr(c->store),
			 .volatile_upper = !read_only},
		.argv = argv,
		.envp = envp,
		.cwd = c->cwd.data,
		.uid = c->user.uid,
		.gid = c->user.gid,
		.groups = c->user.groups,
		.group_count = c->user.group_count,
		.hostname = c->hostname,
		.network = network,
		.mounts = mounts,
		.mount_count = CONTAINER_ETC_FILES,
		.input = STDIN_FILENO,
		.output = STDOUT_FILENO,
		.error = STDERR_FILENO,
		.capabilities = SANDBOX_CAPABILITIES,
		/* Without a controlling terminal it cannot type into the user's (CVE-2017-5226). */
		.new_session = true,
		.read_only_root = read_only,
	};

	for (int i = 0; i < CONTAINER_ETC_FILES; i++)
		mounts[i] = (struct sandbox_mount){
			.kind = SANDBOX_BIND, .source = c->etc[i], .target = etc_files[i].target};
	return sandbox_start(&spec, err);
}
