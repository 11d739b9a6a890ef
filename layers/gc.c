/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Garbage collection: mark from names, cache records and leases, move the rest to trash under
 * lock/gc, delete it after the lock is released.
 *
 * What refers goes before what it refers to: names, records, layers, trees, blobs. So a crash in
 * between leaves nothing that points at something gone.
 */
#include "common/fd.h"
#include "layers/store_private.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct sweep {
	struct store *store;
	const struct prune_options *options;
	struct prune_report *report;
	struct reach held;    /* by living processes */
	struct reach reached; /* by anything */
	enum store_area area;
	int64_t before; /* cache records written earlier than this go; INT64_MIN: none */
	int grave;      /* where things are moved; -1 in a dry run */
	bool full;      /* no space for a grave of our own: grave is trash itself */
	char grave_name[RANDOM_NAME_SIZE]; /* in the stage, where no other GC deletes */
};

static void sweep_release(struct sweep *w)
{
	reach_release(&w->held);
	reach_release(&w->reached);
	cleanup_fd(&w->grave);
}
DEFINE_CLEANUP_STRUCT(sweep, struct sweep, sweep_release);

/* Where an object is, if it is there; records may be in both places. */
static bool stat_object(const struct sweep *w, const struct digest *id, bool pending,
			char path[OBJECT_PATH_SIZE], struct stat *st)
{
	object_path(w->store, w->area, id, pending, path);
	return fstatat(w->store->root, path, st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What is in a grave of our own is measured when the lock is released. */
static int measure(struct sweep *w, const char *path, struct error *err)
{
	auto_fd int dir = -1;
	struct tree_size size = {.disk = 0};
	struct stat st;

	if (!w->options->dry_run && !w->full)
		return 0;
	if (fstatat(w->store->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "%s of the store", path);
	w->report->bytes += (uint64_t)st.st_blocks * 512;
	if (!S_ISDIR(st.st_mode))
		return 0;
	dir = store_openat(w->store, path, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return error_sys(err, "%s of the store", path);
	if (tree_measure(dir, &size, err) < 0)
		return -1;
	w->report->bytes += size.disk;
	return 0;
}

static void count(struct sweep *w)
{
	if (w->area == STORE_BLOBS)
		w->report->blobs++;
	else if (w->area == STORE_TREES)
		w->report->trees++;
	else
		w->report->records++;
}

static int bury(struct sweep *w, const char *path, struct error *err)
{
	char name[RANDOM_NAME_SIZE];

	if (w->grave < 0)
		return 0;
	random_name(name);
	if (renameat(w->store->root, path, w->grave, name) == 0 || errno == ENOENT)
		return 0;
	/* Even a name in trash may cost a block; what frees space must not need it. */
	if ((errno == ENOSPC || errno == EDQUOT) &&
	    (unlinkat(w->store->root, path, 0) == 0 || errno == EISDIR))
		return 0;
	return error_sys(err, "moving %s to the trash", path);
}

static int sweep_object(void *user, const struct digest *id, struct error *err)
{
	struct sweep *w = user;
	char path[OBJECT_PATH_SIZE];
	bool found = false;

	if (reach_has(&w->reached, w->area, id))
		return 0;
	for (int pending = 0; pending < 2; pending++) {
		struct stat st;

		if (!stat_object(w, id, pending, path, &st))
			continue;
		found = true;
		if (measure(w, path, err) < 0 || bury(w, path, err) < 0)
			return -1;
	}
	if (found)
		count(w);
	return 0;
}

static int sweep_area(struct sweep *w, enum store_area area, struct error *err)
{
	w->area = area;
	return store_each(w->store, area, sweep_object, w, err);
}

static int hold(void *user, enum store_area area, const struct digest *id, struct error *err)
{
	struct sweep *w = user;

	if (reach_add(&w->held, area, id, err) < 0)
		return -1;
	return reach_add(&w->reached, area, id, err);
}

/* Old cache records that nobody holds are no roots; the sweep of STORE_CACHE then takes them. */
static int keep_record(void *user, const struct digest *id, struct error *err)
{
	struct sweep *w = user;
	char path[OBJECT_PATH_SIZE];
	struct stat st;

	if (w->before != INT64_MIN && !reach_has(&w->held, STORE_CACHE, id) &&
	    (stat_object(w, id, true, path, &st) || stat_object(w, id, false, path, &st)) &&
	    (w->options->older == 0 || st.st_mtim.tv_sec < w->before))
		return 0;
	return reach_add(&w->reached, STORE_CACHE, id, err);
}

static bool must_go(const struct sweep *w, const struct ref *r)
{
	uint64_t size;

	/* A name set with STORE_FAST whose image a power cut took. */
	if (!object_size(w->store, STORE_BLOBS, &r->manifest, &size))
		return true;
	return w->options->unnamed && r->name[0] == '\0' &&
	       !reach_has(&w->held, STORE_BLOBS, &r->manifest);
}

struct names_sweep {
	struct sweep *sweep;
	bool remove;
};

static int sweep_ref(void *user, const char *file, const struct ref *r, struct error *err)
{
	struct names_sweep *n = user;
	struct sweep *w = n->sweep;
	char path[sizeof("refs/") + REF_NAME_SIZE];

	if (!must_go(w, r)) {
		if (n->remove || reach_ref(&w->reached, r, err) == 0)
			return 0;
		return error_hint(err, "varve fsck --repair removes what is damaged");
	}
	snprintf(path, sizeof(path), "refs/%s", file);
	if (n->remove)
		return bury(w, path, err);
	w->report->names++;
	return measure(w, path, err);
}

/* Before anything they led to goes, the removal of names has to be durable. */
static int sweep_names(struct sweep *w, struct error *err)
{
	struct names_sweep n = {.sweep = w, .remove = true};
	bool dirty;
	auto_fd int lock = -1;

	if (w->report->names == 0 || w->options->dry_run)
		return 0;
	lock = refs_lock(w->store, &dirty, err);
	if (lock < 0 || refs_mark(lock, true, err) < 0 ||
	    ref_each(w->store, sweep_ref, &n, err) < 0)
		return -1;
	return refs_settle(w->store, lock, err);
}

static int mark_roots(struct sweep *w, struct error *err)
{
	struct names_sweep n = {.sweep = w, .remove = false};

	w->held.store = w->reached.store = w->store;
	w->area = STORE_CACHE;
	w->before = INT64_MIN;
	if (w->options->cache)
		w->before = (int64_t)time(NULL) - w->options->older;
	if (lease_each(w->store, hold, w, err) < 0 || ref_each(w->store, sweep_ref, &n, err) < 0)
		return -1;
	return store_each(w->store, STORE_CACHE, keep_record, w, err);
}

/* Nobody waits for or holds a lock file whose lock we get while no one can open it anew. */
static int sweep_key_locks(struct sweep *w, struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;
	auto_fd int dir = store_openat(w->store, "lock/key", O_RDONLY | O_DIRECTORY, 0);

	if (dir < 0)
		return errno == ENOENT ? 0 : error_sys(err, "lock/key of the store");
	if (names_read(w->store, "lock/key", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		auto_fd int fd = open_child(dir, names.item[i], O_RDONLY | O_NONBLOCK, 0, err);

		if (fd < 0)
			return -1;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat(dir, names.item[i], 0) < 0)
			return error_sys(err, "lock/key/%s of the store", names.item[i]);
	}
	return 0;
}

/* Logs of builds, and memos, go after a week, or with the cache. */
static int sweep_old(struct sweep *w, const char *directory, struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;
	int64_t before = (int64_t)time(NULL) - LOG_KEEP_SECONDS;
	struct stat st;

	if (fstatat(w->store->root, directory, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, "%s of the store", directory);
	if (names_read(w->store, directory, &names, err) < 0)
		return -1;
	if (w->before > before)
		before = w->options->older == 0 ? INT64_MAX : w->before;
	for (size_t i = 0; i < names.count; i++) {
		const char *path = arena_printf(&names.arena, "%s/%s", directory, names.item[i]);

		if (fstatat(w->store->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_mtim.tv_sec >= before)
			continue;
		if (measure(w, path, err) < 0 || bury(w, path, err) < 0)
			return -1;
	}
	return 0;
}

/* 1 if it was taken, or would be; 0 if somebody uses it or has used it lately. */
static int sweep_mount(struct sweep *w, const char *name, const char *path, struct error *err)
{
	const int64_t before = (int64_t)time(NULL) - w->options->older;
	struct error busy = ERROR_INIT;
	struct stat st;
	auto_fd int lock = mount_claim(w->store, name, !w->options->dry_run, &st, &busy);

	if (lock < 0 && busy.code == ERROR_EXISTS)
		return 0;
	if (lock < 0) {
		*err = busy;
		return -1;
	}
	if (w->options->older != 0 && st.st_mtim.tv_sec >= before)
		return 0;
	return measure(w, path, err) < 0 || bury(w, path, err) < 0 ? -1 : 1;
}

static int sweep_mounts(struct sweep *w, struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;

	if (!w->options->mounts)
		return 0;
	if (names_read(w->store, "mounts", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		const char *path = arena_printf(&names.arena, "mounts/%s", names.item[i]);
		int taken;

		if (!mount_is_name(names.item[i]))
			continue; /* for fsck to report */
		taken = sweep_mount(w, names.item[i], path, err);
		if (taken < 0)
			return -1;
		w->report->mounts += (uint64_t)taken;
	}
	return 0;
}

static int dig_grave(struct sweep *w, struct error *err)
{
	int stage = store_stage(w->store, err);

	random_name(w->grave_name);
	if (stage >= 0)
		w->grave = mkdir_child(stage, w->grave_name, 0700, err);
	if (w->grave < 0 && err->code == ERROR_SPACE) {
		error_clear(err);
		w->full = true;
		w->grave = mkdirs(w->store->root, "trash", 0700, err);
	}
	return w->grave < 0 ? -1 : 0;
}

static int sweep_all(struct sweep *w, struct error *err)
{
	static const enum store_area order[] = {STORE_CACHE, STORE_LISTS, STORE_LAYERS, STORE_TREES,
						STORE_BLOBS};
	auto_fd int gc = store_lock(w->store, "gc", w->options->dry_run ? LOCK_SH : LOCK_EX, err);

	if (gc < 0 || mark_roots(w, err) < 0)
		return -1;
	if (!w->options->dry_run && dig_grave(w, err) < 0)
		return -1;
	if (sweep_names(w, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		if (sweep_area(w, order[i], err) < 0)
			return -1;
	if (sweep_old(w, "logs", err) < 0 || sweep_old(w, "memos", err) < 0 ||
	    sweep_mounts(w, err) < 0)
		return -1;
	return w->options->dry_run ? 0 : sweep_key_locks(w, err);
}

static int delete_buried(struct sweep *w, struct error *err)
{
	struct tree_size size = {.disk = 0};

	if (w->grave >= 0 && !w->full &&
	    (tree_measure(w->grave, &size, err) < 0 ||
	     trash_put(w->store, w->store->stage, w->grave_name, NULL, err) < 0))
		return -1;
	w->report->bytes += size.disk;
	if (trash_empty(w->store, NULL, true, err) < 0)
		return error_add(err, "emptying the trash");
	return 0;
}

int store_prune(struct store *s, const struct prune_options *options, struct prune_report *out,
		struct error *err)
{
	struct prune_report report = {.blobs = 0};
	auto_(sweep) struct sweep w = {
		.store = s, .options = options, .report = &report, .grave = -1};
	struct error late = ERROR_INIT;
	int result = sweep_all(&w, err);

	/* What was moved is deleted even if moving the rest failed: the disk may be full. */
	if (!options->dry_run && delete_buried(&w, &late) < 0 && result == 0) {
		*err = late;
		result = -1;
	}
	if (result == 0)
		*out = report;
	return result;
}
