/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commit point: one syncfs, renames into place, then the names.
 *
 * The list of what is published is frozen before the sync, so nothing that was written later is
 * taken for durable. While it runs, lock/gc is held shared, so GC never sees half a commit.
 */
#include "common/fd.h"
#include "layers/store_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct frozen {
	struct arena arena;
	struct frozen_object {
		enum store_area area;
		const char *name;
		ino_t inode;
	} * item;
	size_t count;
};

static void frozen_release(struct frozen *f)
{
	arena_release(&f->arena);
}
DEFINE_CLEANUP_STRUCT(frozen, struct frozen, frozen_release);

static const char *path_of(const struct store *s, const struct frozen_object *o, bool pending,
			   char out[OBJECT_PATH_SIZE])
{
	size_t used;

	if (pending)
		pending_path(s, o->area, out);
	else
		snprintf(out, OBJECT_PATH_SIZE, "%s", area_paths[o->area]);
	used = strlen(out);
	snprintf(out + used, OBJECT_PATH_SIZE - used, "/%s", o->name);
	return out;
}

static int freeze_area(struct store *s, enum store_area area, struct frozen *f, struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;
	char path[OBJECT_PATH_SIZE];

	if (names_read(s, pending_path(s, area, path), &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct frozen_object o = {.area = area, .name = names.item[i]};
		struct digest id;
		struct stat st;

		if (!digest_parse_hex(o.name, &id))
			continue;
		if (fstatat(s->root, path_of(s, &o, true, path), &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT) /* another commit has just moved it */
				continue;
			return error_sys(err, "%s of the store", path);
		}
		o.inode = st.st_ino;
		o.name = arena_strdup(&f->arena, o.name);
		f->item = arena_grow(&f->arena, f->item, f->count, sizeof(*f->item));
		f->item[f->count++] = o;
	}
	return 0;
}

/* In the order of publishing: what is referred to comes first, so that a crash half way leaves no
   record that names something lost. */
static int freeze(struct store *s, struct frozen *f, struct error *err)
{
	static const enum store_area order[] = {STORE_BLOBS, STORE_LISTS, STORE_TREES, STORE_LAYERS,
						STORE_CACHE};

	for (size_t i = 0; s->boot_known && i < sizeof(order) / sizeof(*order); i++)
		if (freeze_area(s, order[i], f, err) < 0)
			return -1;
	return 0;
}

/* After a failed writeback the kernel calls the lost pages clean, so a second sync would succeed
   and prove nothing: what was to be published is thrown away instead. */
static void condemn(struct store *s, const struct frozen *f)
{
	char path[OBJECT_PATH_SIZE];
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < f->count; i++)
		trash_put(s, s->root, path_of(s, &f->item[i], true, path), NULL, &err);
}

static int drop_pending(struct store *s, const struct frozen_object *o, const char *path,
			struct error *err)
{
	if (o->area == STORE_TREES)
		return trash_put(s, s->root, path, NULL, err) < 0 ? -1 : 0;
	if (unlinkat(s->root, path, 0) < 0 && errno != ENOENT)
		return error_sys(err, "%s of the store", path);
	return 0;
}

/* A record that was rewritten since the list was frozen has not been synced yet. */
static int publish_record(struct store *s, const struct frozen_object *o, const char *from,
			  const char *to, struct error *err)
{
	auto_fd int fd = -1;
	struct stat st;

	if (renameat(s->root, from, s->root, to) < 0)
		return errno == ENOENT ? 0 : error_sys(err, "publishing %s", to);
	fd = store_openat(s, to, O_RDONLY, 0);
	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, "publishing %s", to);
	if (fstat(fd, &st) < 0 || (st.st_ino != o->inode && fsync(fd) < 0))
		return error_sys(err, "publishing %s", to);
	return 0;
}

static int publish(struct store *s, const struct frozen_object *o, struct error *err)
{
	char from[OBJECT_PATH_SIZE], to[OBJECT_PATH_SIZE];

	path_of(s, o, true, from);
	path_of(s, o, false, to);
	if (area_of_records(o->area))
		return publish_record(s, o, from, to, err);
	if (rename_new(s->root, from, s->root, to) == 0 || errno == ENOENT)
		return 0;
	if (errno != EEXIST)
		return error_sys(err, "publishing %s", to);
	return drop_pending(s, o, from, err);
}

/* ext4 never shrinks a directory: one that held much once would slow every later look into it. */
static void drop_empty(const struct store *s)
{
	char path[OBJECT_PATH_SIZE];

	for (int a = 0; a < AREA_COUNT; a++)
		unlinkat(s->root, pending_path(s, (enum store_area)a, path), AT_REMOVEDIR);
}

static int publish_all(struct store *s, const struct frozen *f, struct error *err)
{
	bool touched[AREA_COUNT] = {false};

	for (size_t i = 0; i < f->count; i++) {
		enum store_area area = f->item[i].area;

		if (!touched[area]) {
			auto_fd int made = mkdirs(s->root, area_paths[area], 0700, err);

			if (made < 0)
				return -1;
			touched[area] = true;
		}
		if (publish(s, &f->item[i], err) < 0)
			return -1;
	}
	drop_empty(s);
	return 0;
}

/* Last of all, so that the journal is written once for all the names. It keeps their order: none is
   on the disk before what it leads to. */
static int sync_areas(struct store *s, const struct frozen *f, struct error *err)
{
	bool touched[AREA_COUNT] = {false};

	for (size_t i = 0; i < f->count; i++)
		touched[f->item[i].area] = true;
	for (int a = 0; a < AREA_COUNT; a++) {
		auto_fd int fd = -1;

		if (!touched[a])
			continue;
		fd = store_openat(s, area_paths[a], O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0 || fsync(fd) < 0)
			return error_sys(err, "syncing %s of the store", area_paths[a]);
	}
	return 0;
}

/* Whether the name says this already, durably. */
static bool ref_stands(struct store *s, const struct ref *r)
{
	char file[REF_NAME_SIZE], path[OBJECT_PATH_SIZE];
	auto_(ref) struct ref old = {.name = NULL};
	struct error err = ERROR_INIT;

	object_path(s, STORE_BLOBS, &r->manifest, false, path);
	return ref_load(s, ref_file(r, file), &old, &err) == 0 &&
	       digest_equal(&old.manifest, &r->manifest) && old.size == r->size &&
	       strcmp(old.media_type, r->media_type) == 0 &&
	       (s->flags & STORE_FAST || faccessat(s->root, path, F_OK, 0) == 0);
}

/* What will become refs/<file>, written before the sync that makes it durable. */
struct new_refs {
	const struct ref **item;
	char (*staged)[RANDOM_NAME_SIZE];
	size_t count;
};

static void new_refs_release(struct new_refs *n)
{
	free(n->item);
	free(n->staged);
}
DEFINE_CLEANUP_STRUCT(new_refs, struct new_refs, new_refs_release);

static int find_new(struct store *s, const struct ref *refs, size_t count, bool *dirty,
		    struct new_refs *out, struct error *err)
{
	auto_fd int lock = refs_lock(s, dirty, err);

	if (lock < 0)
		return -1;
	out->item = xcalloc(count + 1, sizeof(void *));
	for (size_t i = 0; i < count; i++)
		if (!ref_stands(s, &refs[i]))
			out->item[out->count++] = &refs[i];
	return 0;
}

static int stage_refs(struct store *s, struct new_refs *n, struct error *err)
{
	n->staged = xcalloc(n->count + 1, sizeof(*n->staged));
	for (size_t i = 0; i < n->count; i++) {
		auto_(buf) struct buf text = BUF_INIT;

		ref_render(n->item[i], &text);
		if (store_stage_file(s, &text, false, n->staged[i], err) < 0)
			return error_add(err, "naming %s", n->item[i]->name);
	}
	return 0;
}

static void first_finding(void *user, const char *text)
{
	struct buf *first = user;

	if (first->length == 0)
		buf_add_str(first, text);
}

/* A name may only lead to whole images: a part that another process's failed commit threw away, or
   that lost its pages, is noticed here by its absence or size. */
static int check_whole(struct store *s, const struct new_refs *n, struct error *err)
{
	for (size_t i = 0; i < n->count; i++) {
		auto_(buf) struct buf text = BUF_INIT;
		auto_(reach) struct reach r = {.store = s, .finding = first_finding, .user = &text};

		if (reach_ref(&r, n->item[i], err) < 0)
			return -1;
		if (text.length == 0)
			continue;
		error_set(err, ERROR_DIGEST, "the image is not whole: %s", text.data);
		return error_hint(err,
				  "build or pull it again; varve fsck --repair removes what is "
				  "damaged");
	}
	return 0;
}

/* Everything that needs space is written before the first name changes. */
static int set_refs(struct store *s, const struct frozen *f, const struct new_refs *n,
		    struct error *err)
{
	char path[sizeof("refs/") + REF_NAME_SIZE], file[REF_NAME_SIZE], index[RANDOM_NAME_SIZE];
	auto_(buf) struct buf text = BUF_INIT;
	bool dirty, same;
	auto_fd int lock = refs_lock(s, &dirty, err);

	if (lock < 0 || index_render(s, n->item, n->count, &text, err) < 0)
		return -1;
	same = index_is_current(s, &text);
	if (!same && store_stage_file(s, &text, false, index, err) < 0)
		return error_add(err, "index.json of the store");
	if (refs_mark(lock, true, err) < 0)
		return -1;
	for (size_t i = 0; i < n->count; i++) {
		snprintf(path, sizeof(path), "refs/%s", ref_file(n->item[i], file));
		if (renameat(s->stage, n->staged[i], s->root, path) < 0)
			return error_sys(err, "naming %s", n->item[i]->name);
	}
	if (!same && renameat(s->stage, index, s->root, "index.json") < 0)
		return error_sys(err, "replacing index.json of the store");
	return sync_areas(s, f, err) < 0 ? -1 : refs_sync(s, lock, err);
}

static int make_durable(struct store *s, const struct frozen *f, struct error *err)
{
	if (s->flags & STORE_FAST)
		return 0;
	if (syncfs(s->root) < 0) {
		error_sys(err, "writing the store to disk");
		condemn(s, f);
		return -1;
	}
	return publish_all(s, f, err);
}

int store_commit(struct store *s, const struct ref *refs, size_t count, struct error *err)
{
	auto_(frozen) struct frozen frozen = {.arena = ARENA_INIT};
	auto_(new_refs) struct new_refs new = {NULL, NULL, 0};
	auto_fd int gc = store_lock(s, "gc", LOCK_SH, err);
	bool dirty, fast = s->flags & STORE_FAST;

	if (gc < 0 || find_new(s, refs, count, &dirty, &new, err) < 0)
		return -1;
	if (fast && new.count == 0)
		return 0;
	if (stage_refs(s, &new, err) < 0 || (!fast && freeze(s, &frozen, err) < 0))
		return -1;
	if (!fast && frozen.count == 0 && new.count == 0 && !dirty)
		return 0;
	if (make_durable(s, &frozen, err) < 0 || check_whole(s, &new, err) < 0)
		return -1;
	return set_refs(s, &frozen, &new, err);
}
