/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/extract.h"

#include "common/fd.h"
#include "layers/xattr.h"

#include <inttypes.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static uid_t owner_of(const struct extract *x, const struct tar_entry *entry)
{
	return x->options->owner >= 0 ? (uid_t)x->options->owner : entry->uid;
}

static gid_t group_of(const struct extract *x, const struct tar_entry *entry)
{
	return x->options->group >= 0 ? (gid_t)x->options->group : entry->gid;
}

static int chown_failed(const struct extract *x, const struct tar_entry *entry, struct error *err)
{
	int os = errno;

	error_sys(err, "giving it to %u:%u", owner_of(x, entry), group_of(x, entry));
	if (os == EINVAL)
		error_hint(err,
			   "this user namespace has no such id; give the user more subordinate "
			   "ids in /etc/subuid and /etc/subgid");
	return -1;
}

/* Only through the descriptor of what was just made, never by name (CVE-2021-32760). The order
   matters: a new owner clears the set-id bits and file capabilities. */
static int apply(const struct extract *x, int fd, const struct tar_entry *entry, struct error *err)
{
	if (fchown(fd, owner_of(x, entry), group_of(x, entry)) < 0)
		return chown_failed(x, entry, err);
	for (size_t i = 0; i < entry->xattr_count; i++) {
		const struct tar_xattr *a = &entry->xattrs[i];

		if (xattr_allowed(a->name) && fsetxattr(fd, a->name, a->value, a->size, 0) < 0)
			return error_sys(err, "setting the extended attribute %s", a->name);
	}
	if (fchmod(fd, entry->mode & 07777) < 0)
		return error_sys(err, "setting its mode");
	return 0;
}

static int set_time(int fd, const struct tar_entry *entry, int flags, struct error *err)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = entry->mtime}};
	int result = flags == 0 ? futimens(fd, times) : utimensat(fd, "", times, flags);

	return result < 0 ? error_sys(err, "setting its time") : 0;
}

/* For what must not be opened: links and devices. fd is an O_PATH descriptor. */
static int apply_path(const struct extract *x, int fd, const struct tar_entry *entry,
		      struct error *err)
{
	char path[FD_PATH_SIZE];

	if (fchownat(fd, "", owner_of(x, entry), group_of(x, entry), AT_EMPTY_PATH) < 0)
		return chown_failed(x, entry, err);
	if (!S_ISLNK(entry->mode) &&
	    fchmodat(AT_FDCWD, fd_path(fd, path), entry->mode & 07777, 0) < 0)
		return error_sys(err, "setting its mode");
	return set_time(fd, entry, AT_EMPTY_PATH, err);
}

/* --- space --------------------------------------------------------------------------------- */

/* Space that unpacking leaves free, so that a bomb does not fill the disk of the store. */
static const uint64_t reserve = UINT64_C(64) * 1024 * 1024;

/* Others write as well, not least the jobs that unpack other layers: after so many bytes the room
   is looked at again. */
enum { LOOK_AGAIN = 1024 * 1024, FILE_COST = 4096 /* of an empty file */ };

int extract_room(struct extract *x, struct error *err)
{
	struct statvfs fs;
	uint64_t keep;

	if (fstatvfs(x->rungs[0].fd, &fs) < 0)
		return error_sys(err, "statvfs");
	x->room = (uint64_t)fs.f_bavail * fs.f_frsize;
	keep = (uint64_t)fs.f_blocks * fs.f_frsize / 16; /* a small disk is not all reserve */
	keep = keep < reserve ? keep : reserve;
	x->room = x->room > keep ? x->room - keep : 0;
	x->written = 0;
	return 0;
}

static int no_room(uint64_t size, struct error *err)
{
	return error_set(err, ERROR_SPACE, "no space left on the disk for its %" PRIu64 " bytes",
			 size);
}

/* So much was or will be written. */
static int count_written(struct extract *x, size_t bytes, struct error *err)
{
	x->written += bytes;
	return x->written < LOOK_AGAIN ? 0 : extract_room(x, err);
}

/* --- kinds of entries ---------------------------------------------------------------------- */

static int write_content(struct extract *x, int fd, const struct tar_entry *entry,
			 struct error *err)
{
	uint64_t end = 0, offset;
	const void *data;
	size_t length;
	int more;

	while ((more = tar_next_data(x->tar, &data, &length, &offset, err)) > 0) {
		const char *at = data;

		if (offset > entry->size || length > entry->size - offset)
			return error_set(err, ERROR_FORMAT, "content beyond its size");
		while (length > 0) {
			ssize_t n = pwrite(fd, at, length, (off_t)offset);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return error_sys(err, "writing");
			at += n;
			offset += (uint64_t)n;
			length -= (size_t)n;
			if (count_written(x, (size_t)n, err) < 0)
				return -1;
			if (entry->size - offset > x->room)
				return no_room(entry->size, err);
		}
		end = offset > end ? offset : end;
	}
	if (more == 0 && end < entry->size && ftruncate(fd, (off_t)entry->size) < 0)
		return error_sys(err, "writing");
	return more;
}

static int make_file(struct extract *x, int dir, const char *name, const struct tar_entry *entry,
		     struct error *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL;
	auto_fd int fd =
		openat_policy(dir, name, flags, 0600, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

	if (fd < 0 && errno == EEXIST) {
		if (ladder_clear(x, dir, name, NULL, err) < 0)
			return -1;
		fd = open_child(dir, name, flags, 0600, err);
		if (fd < 0)
			return -1;
	} else if (fd < 0) {
		return error_sys(err, "creating it");
	}
	if (count_written(x, FILE_COST, err) < 0)
		return -1;
	if (entry->size > x->room)
		return no_room(entry->size, err);
	x->bytes += entry->size;
	if (write_content(x, fd, entry, err) < 0 || apply(x, fd, entry, err) < 0)
		return -1;
	return set_time(fd, entry, 0, err);
}

/* Calls make() again after removing what is in its way. */
static int make_replacing(struct extract *x, int dir, const char *name, struct error *err,
			  int (*create)(int dir, const char *name, const struct tar_entry *entry),
			  const struct tar_entry *entry)
{
	if (create(dir, name, entry) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	if (ladder_clear(x, dir, name, NULL, err) < 0)
		return -1;
	errno = 0;
	return create(dir, name, entry);
}

static int create_symlink(int dir, const char *name, const struct tar_entry *entry)
{
	return symlinkat(entry->link, dir, name);
}

static int create_node(int dir, const char *name, const struct tar_entry *entry)
{
	return mknodat(dir, name, (entry->mode & S_IFMT) | 0600, entry->device);
}

static int make_special(struct extract *x, int dir, const char *name, const struct tar_entry *entry,
			struct error *err)
{
	bool device = S_ISCHR(entry->mode) || S_ISBLK(entry->mode);
	bool symlink = S_ISLNK(entry->mode);
	auto_fd int fd = -1;

	if (symlink && (entry->link == NULL || entry->link[0] == '\0'))
		return error_set(err, ERROR_FORMAT, "a symbolic link to nothing");
	if (symlink && strlen(entry->link) >= UNPACK_MAX_NAME)
		return error_set(err, ERROR_LIMIT, "a link longer than %d bytes",
				 UNPACK_MAX_NAME - 1);
	/* It would be an overlay whiteout (HARDENING 2.2 O2). */
	if (S_ISCHR(entry->mode) && entry->device == makedev(0, 0))
		return error_set(err, ERROR_FORMAT, "a character device 0:0");
	err->code = ERROR_NONE;
	if (make_replacing(x, dir, name, err, symlink ? create_symlink : create_node, entry) < 0) {
		if (err->code != ERROR_NONE)
			return -1;
		if (device && errno == EPERM && x->options->strip_special)
			return 0;
		return error_sys(err, device ? "making a device" : "creating it");
	}
	x->entries++;
	fd = open_child(dir, name, O_PATH | O_NOFOLLOW, 0, err);
	if (fd < 0)
		return -1;
	return apply_path(x, fd, entry, err);
}

/* The target is found by the same rules as any path: component by component, no links
   (CVE-2025-4330). Without AT_SYMLINK_FOLLOW a link to a symlink is another name of the symlink
   itself. */
static int make_hard_link(struct extract *x, int dir, const char *name,
			  const struct tar_entry *entry, struct error *err)
{
	auto_(buf) struct buf parent = BUF_INIT;
	struct stat target, present;
	struct parts parts;
	auto_fd int at = -1;

	if (parts_parse(&parts, entry->link, err) < 0)
		return error_add(err, "a hard link to %.100s", entry->link);
	if (parts.count == 0)
		return error_set(err, ERROR_FORMAT, "a hard link to the root");
	buf_add_str(&parent, ".");
	for (size_t i = 0; i + 1 < parts.count; i++)
		buf_printf(&parent, "/%s", parts.part[i]);
	at = openat_policy(x->rungs[0].fd, parent.data, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	if (at < 0 || fstatat(at, parts.part[parts.count - 1], &target, AT_SYMLINK_NOFOLLOW) < 0 ||
	    whiteout_is(&target))
		return error_set(err, ERROR_FORMAT,
				 "a hard link to %s, which the archive does not have before it",
				 entry->link);
	if (S_ISDIR(target.st_mode))
		return error_set(err, ERROR_FORMAT, "a hard link to the directory %s", entry->link);
	if (fstatat(dir, name, &present, AT_SYMLINK_NOFOLLOW) == 0) {
		if (present.st_ino == target.st_ino && present.st_dev == target.st_dev)
			return 0;
		if (ladder_clear(x, dir, name, NULL, err) < 0)
			return -1;
	}
	if (linkat(at, parts.part[parts.count - 1], dir, name, 0) < 0)
		return error_sys(err, "linking it to %s", entry->link);
	x->entries++;
	if (S_ISREG(target.st_mode))
		x->bytes += (uint64_t)target.st_size;
	return 0;
}

static int make_directory(struct extract *x, const char *name, const struct tar_entry *entry,
			  struct error *err)
{
	uint64_t implied = x->implied;
	int fd = ladder_step(x, name, err);

	if (fd < 0)
		return -1;
	x->implied = implied;
	x->rungs[x->height - 1].mtime = (struct timespec){.tv_sec = entry->mtime};
	return apply(x, fd, entry, err);
}

/* The root may only be described, never be something else (CVE-2021-29136). */
static int take_root(struct extract *x, const struct tar_entry *entry, struct error *err)
{
	if (!S_ISDIR(entry->mode) || entry->hard_link)
		return error_set(err, ERROR_FORMAT, "the root of an archive must be a directory");
	/* As everywhere, ADD leaves the directory it extracts into as it is. */
	if (!x->options->overlay && !x->options->take_root)
		return 0;
	if (ladder_descend(x, 1, err) < 0)
		return -1;
	x->rungs[0].mtime = (struct timespec){.tv_sec = entry->mtime};
	return apply(x, x->rungs[0].fd, entry, err);
}

/* --- whiteouts ----------------------------------------------------------------------------- */

/* Hides what lies below this layer, never what the layer itself holds, in whatever order they
   come. */
static int hide(struct extract *x, int dir, const char *name, struct error *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		auto_fd int fd = -1;

		if (!S_ISDIR(st.st_mode))
			return 0;
		fd = open_child(dir, name, O_RDONLY | O_DIRECTORY, 0, err);
		return fd < 0 ? -1 : opaque_set(fd, x->options->userxattr, err);
	}
	if (errno != ENOENT)
		return error_sys(err, "%s", name);
	if (whiteout_make(dir, name, err) < 0)
		return -1;
	x->entries++;
	return 0;
}

static int take_whiteout(struct extract *x, enum whiteout_kind kind, const char *name,
			 const struct tar_entry *entry, struct error *err)
{
	int dir;

	if (!x->options->overlay)
		return error_set(err, ERROR_FORMAT,
				 "names beginning with " WHITEOUT_PREFIX
				 " mean removed files and cannot be extracted");
	if (kind == WHITEOUT_IGNORE)
		return 0;
	if (kind == WHITEOUT_INVALID || !S_ISREG(entry->mode) || entry->hard_link ||
	    entry->size > 0)
		return error_set(err, ERROR_FORMAT, "not a valid whiteout");
	/* Overlayfs ignores the mark there, so the layer could not be shown as it is meant. */
	if (kind == WHITEOUT_CLEAR && x->path.count == 1)
		return error_set(err, ERROR_FORMAT,
				 "a layer that removes everything below it is not supported");
	dir = ladder_climb(x, &x->path, x->path.count - 1, err);
	if (dir < 0)
		return -1;
	return kind == WHITEOUT_CLEAR ? opaque_set(dir, x->options->userxattr, err)
				      : hide(x, dir, name, err);
}

static int take_entry(struct extract *x, const struct tar_entry *entry, struct error *err)
{
	const struct parts *p = &x->path;
	enum whiteout_kind kind = WHITEOUT_NONE;
	const char *name = NULL;
	int dir;

	if (parts_parse(&x->path, entry->path, err) < 0 || parts_classify(p, &kind, &name, err) < 0)
		return -1;
	if (p->count == 0)
		return take_root(x, entry, err);
	if (kind != WHITEOUT_NONE)
		return take_whiteout(x, kind, name, entry, err);
	dir = ladder_climb(x, p, p->count - 1, err);
	if (dir < 0)
		return -1;
	name = p->part[p->count - 1];
	if (entry->hard_link)
		return make_hard_link(x, dir, name, entry, err);
	switch (entry->mode & S_IFMT) {
	case S_IFREG:
		x->entries++;
		return make_file(x, dir, name, entry, err);
	case S_IFDIR:
		return make_directory(x, name, entry, err);
	case S_IFLNK:
	case S_IFIFO:
	case S_IFCHR:
	case S_IFBLK:
		return make_special(x, dir, name, entry, err);
	default:
		return error_set(err, ERROR_FORMAT, "an entry of an unknown type");
	}
}

int extract_entry(struct extract *x, const struct tar_entry *entry, struct error *err)
{
	if (++x->seen > UNPACK_MAX_ENTRIES)
		return error_set(err, ERROR_LIMIT, "more than %" PRIu64 " entries",
				 UNPACK_MAX_ENTRIES);
	return take_entry(x, entry, err) < 0 ? error_add(err, "%.300s", entry->path) : 0;
}
