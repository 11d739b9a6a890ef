/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/packer.h"

#include "common/arena.h"
#include "common/fd.h"
#include "common/listing.h"
#include "layers/links.h"
#include "layers/same.h"
#include "layers/unpack.h"
#include "layers/whiteout.h"

#include <limits.h>
#include <string.h>

struct packer {
	const struct pack_options *o;
	struct tar_writer *tar;
	struct pack_counts *counts;
	struct links links;
	struct buf path; /* of the entry at hand, no leading slash */
	struct same_side above, below;
	struct error *err;
};

/* A directory of the upper on the way to the entry at hand. */
struct frame {
	struct frame *up; /* NULL at the root */
	struct stat st;
	int fd;
	int content; /* where its names are: fd, or what is grafted onto it */
	bool grafted;
	int depth;
	size_t path_length;
	bool written;       /* its entry is in the tar */
	bool opaque;        /* and there is something that it hides */
	struct level below; /* what lies below it; empty if that is hidden */
};

static void packer_release(struct packer *p)
{
	links_release(&p->links);
	buf_release(&p->path);
	xattrs_release(&p->above.xattrs);
	xattrs_release(&p->below.xattrs);
}
DEFINE_CLEANUP_STRUCT(packer, struct packer, packer_release);

static void frame_release(struct frame *f)
{
	cleanup_fd(&f->fd);
	level_release(&f->below);
}
DEFINE_CLEANUP_STRUCT(frame, struct frame, frame_release);

static void count(struct packer *p, const char *path, enum entry_change change)
{
	switch (change) {
	case ENTRY_ADDED:
		p->counts->added++;
		break;
	case ENTRY_MODIFIED:
		p->counts->modified++;
		break;
	case ENTRY_REMOVED:
		p->counts->removed++;
		break;
	}
	if (p->o->visit != NULL)
		p->o->visit(p->o->user, path, change);
}

static int fail(struct packer *p)
{
	return error_add(p->err, "/%s", p->path.data);
}

static int write_entry(struct packer *p, struct tar_entry *entry, const struct stat *st)
{
	entry->uid = st->st_uid;
	entry->gid = st->st_gid;
	entry->mtime = clamp_time(st->st_mtim.tv_sec, p->o->epoch);
	p->counts->empty = false;
	return tar_write_entry(p->tar, entry, p->err);
}

/* A directory enters the tar when it changed itself, or when the first change below it does. */
static int write_frame(struct packer *p, struct frame *f)
{
	auto_(xattrs) struct xattrs xattrs = XATTRS_INIT;
	auto_free char *path = NULL;

	if (f->written)
		return 0;
	if (f->up != NULL && write_frame(p, f->up) < 0)
		return -1;
	if (xattrs_read(f->fd, &xattrs, p->err) < 0)
		return fail(p);
	path = f->up != NULL ? xstrndup(p->path.data, f->path_length) : xstrdup("./");
	f->written = true;
	return write_entry(p,
			   &(struct tar_entry){.path = path,
					       .mode = f->st.st_mode,
					       .xattrs = xattrs.item,
					       .xattr_count = xattrs.count},
			   &f->st);
}

/* --- what is gone -------------------------------------------------------------------------- */

/* A whiteout has no metadata of its own; fixed values keep it the same everywhere. */
static int write_whiteout(struct packer *p, struct frame *dir, const char *tar_name)
{
	auto_free char *path = xprintf("%.*s%s%s", (int)dir->path_length, p->path.data,
				       dir->path_length > 0 ? "/" : "", tar_name);

	if (write_frame(p, dir) < 0)
		return -1;
	p->counts->empty = false;
	return tar_write_entry(p->tar, &(struct tar_entry){.path = path, .mode = S_IFREG}, p->err);
}

static int pack_removed(struct packer *p, struct frame *dir, const char *tar_name)
{
	const char *name = tar_name + strlen(WHITEOUT_PREFIX);
	struct stat st;
	bool found;
	int tree;

	if (level_stat(&dir->below, name, p->o->below.userxattr, &found, &st, &tree, p->err) < 0)
		return fail(p);
	if (!found)
		return 0;
	if (write_whiteout(p, dir, tar_name) < 0)
		return fail(p);
	count(p, p->path.data, ENTRY_REMOVED);
	return 0;
}

/* Counts what an opaque directory hides, one entry for each name that is not there again. */
static int count_hidden(struct packer *p, const struct frame *f)
{
	auto_(listing) struct listing hidden = LISTING_INIT;
	size_t length = p->path.length;

	if (level_list(&f->below, p->o->below.userxattr, &hidden, p->err) < 0)
		return fail(p);
	for (size_t i = 0; i < hidden.count; i++) {
		struct stat st;

		if (fstatat(f->fd, hidden.item[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		buf_printf(&p->path, "/%s", hidden.item[i].name);
		count(p, p->path.data, ENTRY_REMOVED);
		buf_truncate(&p->path, length);
	}
	return 0;
}

/* --- files --------------------------------------------------------------------------------- */

/* What a copy of a grafted entry would look like; false: there would be none. */
static bool take(const struct packer *p, const struct frame *dir, struct stat *st)
{
	const struct pack_graft *g = p->o->graft;
	size_t skip;

	if (!dir->grafted)
		return true;
	skip = strlen(g->path);
	return !S_ISSOCK(st->st_mode) && g->take(g->user, p->path.data + skip + (skip > 0), st);
}

/* The same for what was read again. */
static void take_again(const struct packer *p, const struct frame *dir, struct stat *st)
{
	if (dir->grafted)
		p->o->graft->take(p->o->graft->user, NULL, st);
}

/* Opens p->above, whose dir, name and st are set, if it is a regular file. */
static int open_file(struct packer *p, const struct frame *dir)
{
	struct same_side *file = &p->above;
	struct stat st;

	file->fd = -1;
	file->xattrs.count = 0;
	if (!S_ISREG(file->st.st_mode))
		return 0;
	file->fd = open_child(file->dir, file->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, p->err);
	if (file->fd < 0)
		return -1;
	if (fstat(file->fd, &st) < 0)
		return error_sys(p->err, "stat");
	if (st.st_ino != file->st.st_ino || st.st_dev != file->st.st_dev)
		return error_set(p->err, ERROR_IO, "replaced while it was packed");
	file->st = st;
	take_again(p, dir, &file->st);
	return xattrs_read(file->fd, &file->xattrs, p->err);
}

static int write_file(struct packer *p, struct frame *dir)
{
	const struct same_side *file = &p->above;
	char target[PATH_MAX + 1];
	struct tar_entry entry = {
		.path = p->path.data,
		.mode = file->st.st_mode,
		.device = file->st.st_rdev,
		.xattrs = file->xattrs.item,
		.xattr_count = file->xattrs.count,
	};

	if (write_frame(p, dir) < 0)
		return -1;
	if (S_ISREG(entry.mode))
		entry.size = (uint64_t)file->st.st_size;
	if (file->st.st_nlink > 1) {
		entry.link = links_seen(&p->links, &file->st, p->path.data);
		entry.hard_link = entry.link != NULL;
		if (entry.hard_link)
			entry.xattr_count = 0;
	}
	if (S_ISLNK(entry.mode) && !entry.hard_link) {
		ssize_t n = readlinkat(file->dir, file->name, target, PATH_MAX);

		if (n < 0)
			return error_sys(p->err, "reading the symbolic link");
		target[n] = '\0';
		entry.link = target;
	}
	if (write_entry(p, &entry, &file->st) < 0)
		return -1;
	if (!S_ISREG(entry.mode) || entry.hard_link)
		return 0;
	return tar_write_content(p->tar, file->fd, entry.size, p->err);
}

/* Overlayfs copies a whole file up for a change of its mode. */
static int count_repeated(struct packer *p)
{
	unsigned fields;

	if (same_but(&p->above, &p->below, p->o->epoch, &fields, p->err) < 0)
		return -1;
	if (fields != 0)
		p->counts->repeated += (uint64_t)p->above.st.st_size;
	p->counts->repeated_by |= fields;
	return 0;
}

static int pack_file(struct packer *p, struct frame *dir, const char *name, const struct stat *st)
{
	auto_fd int fd = -1; /* owns p->above.fd */
	bool found, same = false;
	int opened;

	p->above.dir = dir->content;
	p->above.name = p->below.name = name;
	p->above.st = *st;
	opened = open_file(p, dir);
	fd = p->above.fd;
	if (opened < 0 || level_stat(&dir->below, name, p->o->below.userxattr, &found, &p->below.st,
				     &p->below.dir, p->err) < 0)
		return fail(p);
	if (dir->grafted && found && S_ISDIR(p->below.st.st_mode)) {
		error_set(p->err, ERROR_EXISTS, "cannot replace a directory with a file");
		return fail(p);
	}
	/* Overlayfs breaks hard links when it copies up, so a file with several names in the upper
	   got one of them in this step. */
	if (found && p->above.st.st_nlink == 1 &&
	    same_file(&p->above, &p->below, p->o->epoch, &same, p->err) < 0)
		return fail(p);
	if (same)
		return 0;
	if (found && p->above.st.st_nlink == 1 && count_repeated(p) < 0)
		return fail(p);
	if (write_file(p, dir) < 0)
		return fail(p);
	count(p, p->path.data, found ? ENTRY_MODIFIED : ENTRY_ADDED);
	return 0;
}

/* --- directories --------------------------------------------------------------------------- */

static int pack_directory(struct packer *p, struct frame *f);

/* Whether the directory's own metadata differs from what lies below. */
static int frame_differs(struct packer *p, const struct frame *f, const struct stat *below,
			 bool *differs)
{
	*differs = true;
	if (!same_metadata(&f->st, below, p->o->epoch))
		return 0;
	if (xattrs_read(f->fd, &p->above.xattrs, p->err) < 0 ||
	    xattrs_read(f->below.trees[0], &p->below.xattrs, p->err) < 0)
		return -1;
	*differs = !xattrs_equal(&p->above.xattrs, &p->below.xattrs);
	return 0;
}

static int enter_directory(struct packer *p, struct frame *f, const char *name)
{
	const struct frame *up = f->up;
	bool userxattr = p->o->below.userxattr, found, differs = true;
	struct stat below;
	int tree;

	if (f->depth > UNPACK_MAX_DEPTH)
		return error_set(p->err, ERROR_LIMIT, "more than %d directories deep",
				 UNPACK_MAX_DEPTH);
	f->fd = open_child(up->content, name, O_RDONLY | O_DIRECTORY, 0, p->err);
	if (f->fd < 0)
		return -1;
	if (fstat(f->fd, &f->st) < 0)
		return error_sys(p->err, "stat");
	f->content = f->fd;
	take_again(p, up, &f->st);
	if (level_stat(&up->below, name, userxattr, &found, &below, &tree, p->err) < 0 ||
	    level_enter(&up->below, name, userxattr, &f->below, p->err) < 0)
		return -1;
	if (up->grafted && found && !S_ISDIR(below.st_mode))
		return error_set(p->err, ERROR_EXISTS,
				 "cannot copy a directory to a non-directory");
	if (f->below.count > 0) {
		if ((!up->grafted && opaque_get(f->fd, userxattr, &f->opaque, p->err) < 0) ||
		    frame_differs(p, f, &below, &differs) < 0)
			return -1;
	}
	if ((differs || f->opaque) && write_frame(p, f) < 0)
		return -1;
	if (differs)
		count(p, p->path.data, found ? ENTRY_MODIFIED : ENTRY_ADDED);
	return 0;
}

/* Is this the directory that gets the content of another one? */
static void graft(const struct packer *p, struct frame *f)
{
	const struct pack_graft *g = p->o->graft;

	if (g != NULL && !f->grafted && strcmp(p->path.data, g->path) == 0) {
		f->grafted = true;
		f->content = g->directory;
	}
}

static int pack_subdirectory(struct packer *p, struct frame *up, const char *name)
{
	auto_(frame) struct frame f = {
		.up = up, .fd = -1, .depth = up->depth + 1, .grafted = up->grafted};

	f.path_length = p->path.length;
	if (enter_directory(p, &f, name) < 0)
		return fail(p);
	if (f.opaque) {
		if (count_hidden(p, &f) < 0)
			return -1;
		level_release(&f.below);
	}
	graft(p, &f);
	return pack_directory(p, &f);
}

/* Gives whiteouts, and sockets (which cannot be in a layer but hide what lies below), the names
   they have in a tar, so that the list can be sorted by those. */
static int name_hidden(struct packer *p, const struct frame *f, struct listing *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct listed *item = &list->item[i];
		struct stat st;

		if (item->type != DT_CHR && item->type != DT_SOCK && item->type != DT_UNKNOWN &&
		    strncmp(item->name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) != 0)
			continue;
		if (fstatat(f->content, item->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return error_sys(p->err, "%s", item->name);
		/* A graft holds no whiteouts: what looks like one is a device. */
		item->hides = !f->grafted && (whiteout_is(&st) || S_ISSOCK(st.st_mode));
		if (item->hides) {
			item->name = arena_printf(&list->arena, WHITEOUT_PREFIX "%s", item->name);
		} else if (strncmp(item->name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0) {
			error_set(p->err, ERROR_FORMAT,
				  "%s: a layer cannot hold a file whose name begins "
				  "with " WHITEOUT_PREFIX,
				  item->name);
			return error_hint(p->err, "in a layer such a name means that a file was "
						  "removed (OCI image-spec)");
		}
	}
	return 0;
}

static int pack_name(struct packer *p, struct frame *f, const struct listed *item)
{
	const char *name = item->hides ? item->name + strlen(WHITEOUT_PREFIX) : item->name;
	struct stat st;

	if (f->path_length > 0)
		buf_add_char(&p->path, '/');
	buf_add_str(&p->path, name);
	if (item->hides)
		return pack_removed(p, f, item->name);
	if (fstatat(f->content, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(p->err, "/%s", p->path.data);
	if (!take(p, f, &st))
		return 0;
	if (f->grafted && whiteout_is(&st))
		return error_set(p->err, ERROR_FORMAT, "/%s: a layer cannot hold a device 0:0",
				 p->path.data);
	return S_ISDIR(st.st_mode) ? pack_subdirectory(p, f, name) : pack_file(p, f, name, &st);
}

static int pack_directory(struct packer *p, struct frame *f)
{
	auto_(listing) struct listing list = LISTING_INIT;

	if (listing_read(f->content, &list, p->err) < 0 || name_hidden(p, f, &list) < 0)
		return fail(p);
	listing_sort(&list);
	/* An opaque directory has nothing below it, so all its other whiteouts are dropped and the
	   mark's place among them does not matter: what sorts before ".wh." comes first. */
	for (size_t i = 0; i <= list.count; i++) {
		if (f->opaque &&
		    (i == list.count || strcmp(list.item[i].name, WHITEOUT_OPAQUE) > 0)) {
			if (write_whiteout(p, f, WHITEOUT_OPAQUE) < 0)
				return fail(p);
			f->opaque = false;
		}
		if (i < list.count && pack_name(p, f, &list.item[i]) < 0)
			return -1;
		buf_truncate(&p->path, f->path_length);
	}
	return 0;
}

/* --- the root ------------------------------------------------------------------------------ */

/* The root has an entry only if that is wanted, and then like any other directory. */
static int enter_root(struct packer *p, struct frame *f, int upper)
{
	bool differs = true;
	struct stat below;

	f->fd = reopen_dir(upper, p->err);
	if (f->fd < 0)
		return -1;
	if (fstat(f->fd, &f->st) < 0)
		return error_sys(p->err, "stat");
	level_root(&p->o->below, &f->below);
	f->written = !p->o->keep_root;
	if (f->written)
		return 0;
	if (f->below.count > 0) {
		if (fstat(f->below.trees[0], &below) < 0)
			return error_sys(p->err, "stat");
		if (frame_differs(p, f, &below, &differs) < 0)
			return -1;
	}
	if (!differs)
		return 0;
	count(p, "", f->below.count > 0 ? ENTRY_MODIFIED : ENTRY_ADDED);
	return write_frame(p, f);
}

int pack_tree(int upper, const struct pack_options *options, struct tar_writer *tar,
	      struct pack_counts *counts, struct error *err)
{
	auto_(packer) struct packer p = {
		.o = options,
		.tar = tar,
		.counts = counts,
		.links = LINKS_INIT,
		.path = BUF_INIT,
		.above = {.fd = -1, .xattrs = XATTRS_INIT},
		.below = {.fd = -1, .xattrs = XATTRS_INIT},
		.err = err,
	};
	auto_(frame) struct frame root = {.up = NULL, .fd = -1};

	*counts = (struct pack_counts){.empty = true};
	if (enter_root(&p, &root, upper) < 0)
		return -1;
	root.content = root.fd;
	graft(&p, &root);
	return pack_directory(&p, &root);
}
