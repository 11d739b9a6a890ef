/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of the store: looking them up, publishing them, records. */
#include "common/fd.h"
#include "layers/store_private.h"

#include <assert.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>

enum { PUBLISH_RETRIES = 1000 };

const char *const area_names[AREA_COUNT] = {
	[STORE_BLOBS] = "blobs", [STORE_CACHE] = "cache", [STORE_LAYERS] = "layers",
	[STORE_LISTS] = "lists", [STORE_TREES] = "trees",
};

const char *const area_paths[AREA_COUNT] = {
	[STORE_BLOBS] = "blobs/sha256", [STORE_CACHE] = "cache", [STORE_LAYERS] = "layers",
	[STORE_LISTS] = "lists",        [STORE_TREES] = "trees",
};

const char *pending_path(const struct store *s, enum store_area area, char out[OBJECT_PATH_SIZE])
{
	snprintf(out, OBJECT_PATH_SIZE, "pending/%s/%s", s->boot, area_names[area]);
	return out;
}

const char *object_path(const struct store *s, enum store_area area, const struct digest *id,
			bool pending, char out[OBJECT_PATH_SIZE])
{
	char hex[DIGEST_HEX_SIZE];
	size_t used;

	if (pending)
		pending_path(s, area, out);
	else
		snprintf(out, OBJECT_PATH_SIZE, "%s", area_paths[area]);
	used = strlen(out);
	snprintf(out + used, OBJECT_PATH_SIZE - used, "/%s", digest_hex(id, hex));
	return out;
}

/* What another process left in pending may have lost its pages without a reboot, when the disk was
   pulled or the file system shut down; sizes show it, because ext4, xfs and btrfs grow a file on
   disk only after its data. */
static bool tree_whole(const struct store *s, const struct digest *id, int dir)
{
	struct error err = ERROR_INIT;

	return lease_made(s, STORE_TREES, id) || tree_check(dir, &err) == 1;
}

static int look(const struct store *s, enum store_area area, const struct digest *id, bool pending)
{
	char path[OBJECT_PATH_SIZE];
	auto_fd int dir = -1;

	object_path(s, area, id, pending, path);
	if (area != STORE_TREES)
		return store_openat(s, path, O_RDONLY | O_NOCTTY, 0);
	dir = store_openat(s, path, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return -1;
	if (pending && !tree_whole(s, id, dir)) {
		errno = ENOENT;
		return -1;
	}
	return openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int store_find(struct store *s, enum store_area area, const struct digest *id, struct error *err)
{
	bool first = area_of_records(area);
	char hex[DIGEST_HEX_SIZE];
	int fd = -1;

	for (int i = 0; i < 3 && fd < 0; i++) {
		fd = look(s, area, id, i == 1 ? !first : first);
		if (fd < 0 && errno != ENOENT)
			break;
	}
	return fd >= 0 ? fd : error_sys(err, "%s/%s", area_paths[area], digest_hex(id, hex));
}

bool store_has(struct store *s, enum store_area area, const struct digest *id)
{
	char path[OBJECT_PATH_SIZE];

	if (area == STORE_TREES) {
		struct error err = ERROR_INIT;
		auto_fd int fd = store_find(s, area, id, &err);

		return fd >= 0;
	}
	for (int i = 0; i < 3; i++)
		if (faccessat(s->root, object_path(s, area, id, i == 1, path), F_OK, 0) == 0)
			return true;
	return false;
}

bool object_size(const struct store *s, enum store_area area, const struct digest *id,
		 uint64_t *size)
{
	char path[OBJECT_PATH_SIZE];
	struct stat st;

	for (int i = 0; i < 3; i++) {
		object_path(s, area, id, i == 1, path);
		if (fstatat(s->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			*size = (uint64_t)st.st_size;
			return true;
		}
	}
	return false;
}

int rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	/* File systems without the flag: replacing a file by its equal is harmless, and a directory
	   that is not empty cannot be replaced. */
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (renameat(from_dir, from, to_dir, to) == 0)
		return 0;
	if (errno == ENOTEMPTY)
		errno = EEXIST;
	return -1;
}

/* Without a boot id nothing may wait in pending, so it has to be on disk before it is visible. */
static int sync_object(const struct store *s, enum store_area area, const char *name,
		       struct error *err)
{
	auto_fd int fd = open_child(s->stage, name, O_RDONLY | O_NONBLOCK, 0, err);

	if (fd < 0)
		return -1;
	if ((area == STORE_TREES ? syncfs(s->root) : fsync(fd)) < 0)
		return error_sys(err, "syncing an object of the store");
	return 0;
}

/* Whether what stands at path is the object that ours, in the stage, is as well. */
static bool same_object(const struct store *s, enum store_area area, const char *ours,
			const char *path, bool pending)
{
	struct error why = ERROR_INIT;
	struct stat a, b;

	if (area == STORE_TREES) {
		auto_fd int dir = store_openat(s, path, O_RDONLY | O_DIRECTORY, 0);

		/* The lease lists ours already, so it proves nothing here. */
		return dir >= 0 && (!pending || tree_check(dir, &why) == 1);
	}
	return fstatat(s->stage, ours, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(s->root, path, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_size == b.st_size;
}

static int rename_into(struct store *s, enum store_area area, const char *name, const char *path,
		       unsigned flags, struct error *err)
{
	char dir[OBJECT_PATH_SIZE];

	/* A commit removes the directories of pending that it has emptied. */
	for (int tries = 0;; tries++) {
		auto_fd int made = -1;
		int result = flags ? renameat2(s->stage, name, s->root, path, flags)
				   : renameat(s->stage, name, s->root, path);

		if (result == 0)
			return 0;
		if (errno != ENOENT || !s->boot_known || tries == PUBLISH_RETRIES)
			return error_sys(err, "publishing %s", path);
		made = mkdirs(s->root, pending_path(s, area, dir), 0700, err);
		if (made < 0 && err->os != ENOENT)
			return -1;
		if (made < 0)
			error_clear(err);
	}
}

/* A copy of other size is damaged; ours takes its place, the damaged one goes to the stage. In the
   final place that has to be durable at once, for no commit looks there again. */
static int displace(struct store *s, const char *name, const char *path, struct error *err)
{
	auto_fd int fd = open_child(s->stage, name, O_RDONLY | O_NONBLOCK, 0, err);

	if (fd < 0)
		return -1;
	if (fsync(fd) < 0)
		return error_sys(err, "syncing %s", path);
	if (renameat2(s->stage, name, s->root, path, RENAME_EXCHANGE) < 0)
		return error_sys(err, "replacing the damaged %s", path);
	if (syncfs(s->root) < 0)
		return error_sys(err, "syncing %s", path);
	return 0;
}

/* 1: ours is in place. 0: ours is no longer needed and still in the stage. -1 with ERROR_NOT_FOUND:
   what stood in pending was moved away by a commit in between. */
static int place_once(struct store *s, enum store_area area, const struct digest *id,
		      const char *name, struct error *err)
{
	char final[OBJECT_PATH_SIZE], path[OBJECT_PATH_SIZE];

	object_path(s, area, id, false, final);
	if (faccessat(s->root, final, F_OK, 0) == 0) {
		if (same_object(s, area, name, final, false))
			return 0;
		return displace(s, name, final, err);
	}
	object_path(s, area, id, s->boot_known, path);
	if (rename_into(s, area, name, path, RENAME_NOREPLACE, err) == 0)
		return 1;
	if (err->os == EINVAL && rename_new(s->stage, name, s->root, path) == 0) {
		error_clear(err);
		return 1;
	}
	if (err->code != ERROR_EXISTS)
		return -1;
	error_clear(err);
	if (same_object(s, area, name, path, true))
		return 0;
	return displace(s, name, path, err);
}

static int place(struct store *s, enum store_area area, const struct digest *id, const char *name,
		 struct error *err)
{
	for (int tries = 0;; tries++) {
		int placed = place_once(s, area, id, name, err);

		if (placed >= 0 || err->code != ERROR_NOT_FOUND || tries == PUBLISH_RETRIES)
			return placed;
		error_clear(err);
	}
}

int store_measure_tree(struct store *s, const char *stage_name, struct error *err)
{
	return store_stage(s, err) < 0 ? -1 : tree_seal(s->stage, stage_name, err);
}

int store_publish(struct store *s, enum store_area area, const struct digest *id,
		  const char *stage_name, struct error *err)
{
	assert(!area_of_records(area));
	if (store_stage(s, err) < 0 ||
	    (!s->boot_known && sync_object(s, area, stage_name, err) < 0))
		return -1;
	if (area == STORE_TREES && tree_seal(s->stage, stage_name, err) < 0)
		return -1;

	auto_fd int gc = store_lock(s, "gc", LOCK_SH, err);
	int placed;

	if (gc < 0 || lease_note(s, true, area, id, err) < 0)
		return -1;
	placed = place(s, area, id, stage_name, err);
	if (placed < 0)
		return -1;
	cleanup_fd(&gc);
	return placed ? 0 : remove_tree(s->stage, stage_name, err);
}

int store_read_record(struct store *s, enum store_area area, const struct digest *id,
		      const char *kind, struct record *out, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	char hex[DIGEST_HEX_SIZE];
	auto_fd int fd = store_find(s, area, id, err);

	if (fd < 0)
		return -1;
	if (read_all(fd, RECORD_MAX_BYTES, &text, err) < 0) {
		error_add(err, "%s/%s", area_paths[area], digest_hex(id, hex));
		if (err->code == ERROR_LIMIT)
			err->code = ERROR_NOT_FOUND;
		return -1;
	}
	if (record_parse(text.data, text.length, kind, out, err) < 0) {
		error_add(err, "%s/%s is damaged", area_paths[area], digest_hex(id, hex));
		err->code = ERROR_NOT_FOUND;
		return -1;
	}
	return 0;
}

/* A record that says the same already only becomes young again; nothing is left to sync. */
static bool refresh_record(struct store *s, enum store_area area, const struct digest *id,
			   const struct buf *text)
{
	auto_(buf) struct buf old = BUF_INIT;
	struct error err = ERROR_INIT;
	auto_fd int fd = store_find(s, area, id, &err);

	return fd >= 0 && read_all(fd, RECORD_MAX_BYTES, &old, &err) == 0 &&
	       old.length == text->length && memcmp(old.data, text->data, old.length) == 0 &&
	       futimens(fd, NULL) == 0;
}

int store_write_record(struct store *s, enum store_area area, const struct digest *id,
		       const char *kind, const struct record *r, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	char path[OBJECT_PATH_SIZE], name[RANDOM_NAME_SIZE];
	auto_fd int gc = -1;

	assert(area_of_records(area));
	record_render(r, kind, &text);
	if (text.length > RECORD_MAX_BYTES)
		return error_set(err, ERROR_LIMIT, "a %s record would be larger than %d bytes",
				 kind, RECORD_MAX_BYTES);
	if (store_stage(s, err) < 0)
		return -1;
	gc = store_lock(s, "gc", LOCK_SH, err);
	if (gc < 0 || lease_note(s, true, area, id, err) < 0)
		return -1;
	if (refresh_record(s, area, id, &text))
		return 0;
	if (store_stage_file(s, &text, !s->boot_known, name, err) < 0)
		return -1;
	if (rename_into(s, area, name, object_path(s, area, id, s->boot_known, path), 0, err) < 0) {
		unlinkat(s->stage, name, 0);
		return -1;
	}
	return 0;
}

struct id_list {
	struct digest *item;
	size_t count;
};

static void id_list_release(struct id_list *l)
{
	free(l->item);
}
DEFINE_CLEANUP_STRUCT(id_list, struct id_list, id_list_release);

static int id_order(const void *a, const void *b)
{
	return digest_compare(a, b);
}

static int read_ids(const struct store *s, const char *path, struct id_list *out, struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;
	struct digest id;

	if (names_read(s, path, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (!digest_parse_hex(names.item[i], &id))
			continue;
		out->item = xgrow(out->item, out->count, sizeof(*out->item));
		out->item[out->count++] = id;
	}
	return 0;
}

int store_each(struct store *s, enum store_area area,
	       int (*each)(void *user, const struct digest *id, struct error *err), void *user,
	       struct error *err)
{
	auto_(id_list) struct id_list ids = {NULL, 0};
	char path[OBJECT_PATH_SIZE];

	/* Pending first: an object that moves between the two reads is then seen twice, not never.
	 */
	if (read_ids(s, pending_path(s, area, path), &ids, err) < 0 ||
	    read_ids(s, area_paths[area], &ids, err) < 0)
		return -1;
	if (ids.count > 1)
		qsort(ids.item, ids.count, sizeof(*ids.item), id_order);
	for (size_t i = 0; i < ids.count; i++) {
		if (i > 0 && digest_equal(&ids.item[i - 1], &ids.item[i]))
			continue;
		if (each(user, &ids.item[i], err) < 0)
			return -1;
	}
	return 0;
}

struct usage_of {
	struct store *store;
	uint64_t count, bytes;
};

static int usage_add(void *user, const struct digest *id, struct error *err)
{
	struct usage_of *u = user;
	uint64_t size;

	(void)err;
	u->count++;
	if (object_size(u->store, STORE_BLOBS, id, &size))
		u->bytes += size;
	return 0;
}

static int usage_mounts(const struct store *s, struct store_usage *out, struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;

	if (names_read(s, "mounts", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		const char *path = arena_printf(&names.arena, "mounts/%s", names.item[i]);
		auto_fd int dir = store_openat(s, path, O_RDONLY | O_DIRECTORY, 0);
		struct tree_size size = {.disk = 0};

		if (dir < 0 && errno == ENOENT)
			continue;
		if (dir < 0)
			return error_sys(err, "%s of the store", path);
		if (tree_measure(dir, &size, err) < 0)
			return -1;
		out->mounts++;
		out->mount_bytes += size.disk;
	}
	return 0;
}

int store_usage(struct store *s, struct store_usage *out, struct error *err)
{
	struct usage_of blobs = {.store = s}, trees = blobs, cache = blobs;
	auto_(names) struct names refs = NAMES_INIT;

	if (store_each(s, STORE_BLOBS, usage_add, &blobs, err) < 0 ||
	    store_each(s, STORE_TREES, usage_add, &trees, err) < 0 ||
	    store_each(s, STORE_CACHE, usage_add, &cache, err) < 0 ||
	    names_read(s, "refs", &refs, err) < 0)
		return -1;
	*out = (struct store_usage){.blobs = blobs.count,
				    .blob_bytes = blobs.bytes,
				    .trees = trees.count,
				    .cache = cache.count,
				    .refs = refs.count};
	return usage_mounts(s, out, err);
}
