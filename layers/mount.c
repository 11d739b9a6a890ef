/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of RUN --mount=type=cache: mounts/<hex of id>[.N]/{lock,fs}, while it is filled for
 * the first time `new` instead of fs.
 *
 * The lock is an open file description lock and not a flock, because it goes from exclusive to
 * shared without a moment in which somebody else can have it.
 */
#include "common/fd.h"
#include "layers/store_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { COPIES_MAX = 1024, SLOT_PATH_SIZE = sizeof("mounts/") + MOUNT_NAME_SIZE };

static const char fresh_name[] = "new", final_name[] = "fs", lock_name[] = "lock";

static int set_lock(int fd, short type, bool wait)
{
	int result;

	do {
		struct flock whole = {.l_type = type, .l_whence = SEEK_SET};

		result = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &whole);
	} while (result < 0 && errno == EINTR);
	return result;
}

static int take_lock(int fd, short type, bool wait, struct error *err)
{
	if (set_lock(fd, type, wait) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return error_set(err, ERROR_EXISTS, "the cache mount is in use");
	return error_sys(err, "locking a cache mount");
}

bool mount_is_name(const char *name)
{
	const size_t digits = DIGEST_HEX_SIZE - 1;
	char hex[DIGEST_HEX_SIZE] = "";
	struct digest id;

	if (strlen(name) < digits || strlen(name) >= MOUNT_NAME_SIZE)
		return false;
	memcpy(hex, name, digits);
	if (!digest_parse_hex(hex, &id))
		return false;
	name += digits;
	return *name == '\0' || (name[0] == '.' && name[1] >= '1' && name[1] <= '9' &&
				 name[1 + strspn(name + 1, "0123456789")] == '\0');
}

/* Prune may have taken the directory between our opening and locking. */
static bool is_in_place(const struct store *s, const char *slot, int lock)
{
	char path[SLOT_PATH_SIZE + sizeof(lock_name)];
	struct stat held, named;

	snprintf(path, sizeof(path), "%s/%s", slot, lock_name);
	return fstat(lock, &held) == 0 &&
	       fstatat(s->root, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       held.st_ino == named.st_ino;
}

static int open_lock(int slot, struct error *err)
{
	return open_child(slot, lock_name, O_RDWR | O_CREAT, 0600, err);
}

/* The directory as it was left, with the lock that sharing asks for; fs -1 if there is none yet,
   and then the lock is exclusive. */
static int lock_slot(int slot, int lock, enum store_sharing sharing, bool wait, int *fs,
		     struct error *err)
{
	const bool shared = sharing == STORE_MOUNT_SHARED;

	if (take_lock(lock, shared ? F_RDLCK : F_WRLCK, wait, err) < 0)
		return -1;
	*fs = openat(slot, final_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fs < 0 && errno == ENOENT && shared) {
		/* Two who both hold it shared would wait for each other. */
		if (take_lock(lock, F_UNLCK, false, err) < 0 ||
		    take_lock(lock, F_WRLCK, wait, err) < 0)
			return -1;
		*fs = openat(slot, final_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (*fs >= 0 && take_lock(lock, F_RDLCK, false, err) < 0)
			return -1;
	}
	if (*fs < 0 && errno != ENOENT)
		return error_sys(err, "opening a cache mount");
	return 0;
}

/* What a killed process had begun is begun again. */
static int make_fresh(int slot, struct error *err)
{
	auto_fd int fs = -1;

	if (remove_tree(slot, fresh_name, err) < 0)
		return -1;
	fs = mkdir_child(slot, fresh_name, 0755, err);
	if (fs >= 0 && fchmod(fs, 0755) < 0)
		return error_sys(err, "making a cache mount");
	return steal_fd(&fs);
}

static int open_slot(struct store *s, const char *path, enum store_sharing sharing, bool wait,
		     int *lock_out, bool *fresh, struct error *err)
{
	for (;;) {
		auto_fd int slot = mkdirs(s->root, path, 0700, err);
		auto_fd int lock = slot < 0 ? -1 : open_lock(slot, err);
		auto_fd int fs = -1;

		if (lock < 0 && err->os == ENOENT) {
			error_clear(err);
			continue;
		}
		if (lock < 0 || lock_slot(slot, lock, sharing, wait, &fs, err) < 0)
			return -1;
		if (!is_in_place(s, path, lock))
			continue;
		/* The time of its last use, for prune. */
		if (futimens(lock, NULL) < 0)
			return error_sys(err, "marking a cache mount as used");
		*fresh = fs < 0;
		if (fs < 0)
			fs = make_fresh(slot, err);
		if (fs >= 0)
			*lock_out = steal_fd(&lock);
		return steal_fd(&fs);
	}
}

int store_mount_open(struct store *s, const struct digest *id, enum store_sharing sharing,
		     bool wait, int *lock, bool *fresh, struct error *err)
{
	const bool private = sharing == STORE_MOUNT_PRIVATE;
	char hex[DIGEST_HEX_SIZE], path[SLOT_PATH_SIZE];
	int fs;

	snprintf(path, sizeof(path), "mounts/%s", digest_hex(id, hex));
	fs = open_slot(s, path, sharing, wait && !private, lock, fresh, err);
	for (int copy = 1; private && fs < 0 && err->code == ERROR_EXISTS; copy++) {
		error_clear(err);
		if (copy > COPIES_MAX)
			return error_set(err, ERROR_LIMIT, "a cache mount has %d private copies",
					 COPIES_MAX);
		snprintf(path, sizeof(path), "mounts/%s.%d", hex, copy);
		fs = open_slot(s, path, sharing, false, lock, fresh, err);
	}
	return fs;
}

int store_mount_ready(int directory, int lock, enum store_sharing sharing, struct error *err)
{
	auto_fd int slot = openat(directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (slot < 0 || renameat(slot, fresh_name, slot, final_name) < 0)
		return error_sys(err, "finishing a cache mount");
	return sharing == STORE_MOUNT_SHARED ? take_lock(lock, F_RDLCK, false, err) : 0;
}

void store_mount_close(int lock)
{
	if (lock < 0)
		return;
	set_lock(lock, F_UNLCK, false);
	close(lock);
}

int mount_claim(const struct store *s, const char *name, bool take, struct stat *st,
		struct error *err)
{
	char path[SLOT_PATH_SIZE];
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	auto_fd int slot = -1, lock = -1;

	assert(mount_is_name(name));
	snprintf(path, sizeof(path), "mounts/%s", name);
	slot = store_openat(s, path, O_RDONLY | O_DIRECTORY, 0);
	if (slot < 0)
		return error_sys(err, "%s of the store", path);
	lock = open_lock(slot, err);
	if (lock < 0 || fstat(lock, st) < 0)
		return lock < 0 ? -1 : error_sys(err, "%s of the store", path);
	if (take)
		return take_lock(lock, F_WRLCK, false, err) < 0 ? -1 : steal_fd(&lock);
	/* Only asked: whoever comes in this moment shall not find it in use. */
	if (fcntl(lock, F_OFD_GETLK, &whole) < 0)
		return error_sys(err, "%s of the store", path);
	if (whole.l_type != F_UNLCK)
		return error_set(err, ERROR_EXISTS, "the cache mount is in use");
	return steal_fd(&lock);
}
