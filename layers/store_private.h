/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files behind layers/store.h share.
 *
 * Lock order: lock/gc, then lock/refs. Every lock is taken on a descriptor opened for it, never on
 * a kept one: forked jobs share open file descriptions, and with them flocks.
 */
#ifndef LAYERS_STORE_PRIVATE_H
#define LAYERS_STORE_PRIVATE_H

#include "common/arena.h"
#include "common/fd.h"
#include "layers/store.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/types.h>

enum {
	AREA_COUNT = STORE_TREES + 1,
	BOOT_ID_MAX = 64,
	OWNER_NAME_SIZE = BOOT_ID_MAX + 48, /* <boot id>-<pid>-<random> */
	OBJECT_PATH_SIZE = BOOT_ID_MAX + 128,
	REF_NAME_SIZE = DIGEST_HEX_SIZE,
};

struct store {
	int root;
	enum store_flags flags;
	pid_t opener;
	char boot[BOOT_ID_MAX + 1];
	bool boot_known; /* false: nothing goes to pending, every object is synced at once */
	int stage, lease;
	char stage_name[OWNER_NAME_SIZE], lease_name[OWNER_NAME_SIZE];
};

#define STORE_KIND "varve-store"
#define REF_KIND "varve-ref"
#define TREE_KIND "varve-tree"

/* --- store.c ------------------------------------------------------------------------------- */

/* openat2 below the root without symlinks; -1 with errno. path is of our own making. */
int store_openat(const struct store *s, const char *path, int flags, mode_t mode);

/* The names in a directory, sorted; a missing directory has none. */
struct names {
	struct arena arena;
	const char **item;
	size_t count;
};
#define NAMES_INIT                                                                                 \
	{                                                                                          \
		.arena = ARENA_INIT, .item = NULL, .count = 0                                      \
	}
void names_release(struct names *n);
DEFINE_CLEANUP_STRUCT(names, struct names, names_release);
int names_read(const struct store *s, const char *path, struct names *out, struct error *err);

/* Moves dir/name into trash and writes where to in trash_name (may be NULL). 1 if it was moved, 0
   if it was not there. */
int trash_put(struct store *s, int dir, const char *name, char *trash_name, struct error *err);
/* Deletes one entry of trash, or everything in it with NULL. With wait false somebody else who is
   deleting is left alone. */
int trash_empty(struct store *s, const char *name, bool wait, struct error *err);

/* Writes a small file into the stage, where a crash leaves nothing that lasts, under a random name;
   the second also renames it to path, so that it appears complete or not at all. sync: its content
   is durable then. */
int store_stage_file(struct store *s, const struct buf *text, bool sync,
		     char name[RANDOM_NAME_SIZE], struct error *err);
int store_replace(struct store *s, const char *path, const struct buf *text, bool sync,
		  struct error *err);

extern const char store_oci_layout[]; /* the text of the file oci-layout */
void store_format_render(struct buf *out);
/* Writes the files oci-layout and format. */
int store_write_marks(struct store *s, struct error *err);
/* Everything that may stand in the root, ended by NULL. */
extern const char *const store_root_names[];

/* --- lease.c ------------------------------------------------------------------------------- */

/* A descriptor that holds a flock on lock/<name>; operation as for flock(2). With LOCK_NB
   ERROR_EXISTS if somebody else has it. */
int store_lock(const struct store *s, const char *name, int operation, struct error *err);

/* Notes an object in this process's lease: made (true) or only used. */
int lease_note(struct store *s, bool made, enum store_area area, const struct digest *id,
	       struct error *err);
/* Whether this process or its jobs made the object, and so know that it is whole. */
bool lease_made(const struct store *s, enum store_area area, const struct digest *id);
/* Calls each() for the objects of all live leases. */
int lease_each(struct store *s,
	       int (*each)(void *user, enum store_area area, const struct digest *id,
			   struct error *err),
	       void *user, struct error *err);
/* Collects stage directories and leases whose owners are gone, and pending of other boots. What
   cannot be removed now stays for the next one. */
void store_collect(struct store *s);

/* --- object.c ------------------------------------------------------------------------------ */

extern const char *const area_names[AREA_COUNT]; /* in pending and in leases */
extern const char *const area_paths[AREA_COUNT]; /* final */

/* "blobs/sha256/<hex>" or "pending/<boot id>/blobs/<hex>". */
const char *object_path(const struct store *s, enum store_area area, const struct digest *id,
			bool pending, char out[OBJECT_PATH_SIZE]);
/* "pending/<boot id>/<area>" */
const char *pending_path(const struct store *s, enum store_area area, char out[OBJECT_PATH_SIZE]);
static inline bool area_of_records(enum store_area area)
{
	return area == STORE_CACHE || area == STORE_LAYERS;
}
/* renameat2(RENAME_NOREPLACE) inside the root, with a fallback; -1 with errno. */
int rename_new(int from_dir, const char *from, int to_dir, const char *to);
/* Size of a blob or list wherever it is; false if there is none. */
bool object_size(const struct store *s, enum store_area area, const struct digest *id,
		 uint64_t *size);

/* --- tree.c -------------------------------------------------------------------------------- */

/* What a walk of a tree finds: entries without the root, the sizes of regular files (a file with
   two names counts twice), and the bytes its blocks take on disk (once per file). */
struct tree_size {
	uint64_t entries, bytes, disk;
};
int tree_measure(int fs, struct tree_size *out, struct error *err);
/* Writes the record meta beside fs in dir/name if there is none: what a whole tree counts. */
int tree_seal(int dir, const char *name, struct error *err);
/* Compares the tree in dir (which holds fs and meta) with its meta: 1 if equal, else 0 and why. */
int tree_check(int dir, struct error *err);

/* --- mount.c ------------------------------------------------------------------------------- */

enum { MOUNT_NAME_SIZE = DIGEST_HEX_SIZE + 8 }; /* <hex>[.N] */

/* Can it be a name in mounts/? */
bool mount_is_name(const char *name);
/* A descriptor that keeps others from a cache mount, or with take false one that does not; *st is
   of its lock, whose mtime is its last use. ERROR_EXISTS if somebody uses it. */
int mount_claim(const struct store *s, const char *name, bool take, struct stat *st,
		struct error *err);

/* --- ref.c --------------------------------------------------------------------------------- */

/* The file name below refs/. */
const char *ref_file(const struct ref *r, char out[REF_NAME_SIZE]);
int ref_load(const struct store *s, const char *file, struct ref *out, struct error *err);
void ref_render(const struct ref *r, struct buf *out);
/* Every record in refs/ that can be read. */
int ref_each(struct store *s,
	     int (*each)(void *user, const char *file, const struct ref *r, struct error *err),
	     void *user, struct error *err);

/* lock/refs, held. While it is dirty the refs on disk may not be durable and index.json may not
   match them; the mark outlives its writer, so whoever comes next finishes the work. */
int refs_lock(const struct store *s, bool *dirty, struct error *err);
int refs_mark(int lock, bool dirty, struct error *err);
/* Makes refs/ and index.json durable and takes the mark away. */
int refs_sync(struct store *s, int lock, struct error *err);
/* After names were removed: rewrites index.json from refs/ if it differs, and makes both durable.
   On a full disk index.json lags behind, marked, for giving up names must be possible there. */
int refs_settle(struct store *s, int lock, struct error *err);
/* What index.json should hold, once these have been set as well. */
int index_render(struct store *s, const struct ref *const *set, size_t count, struct buf *out,
		 struct error *err);
bool index_is_current(const struct store *s, const struct buf *text);
/* Does what a killed process left undone; nothing in the usual case. */
void refs_recover(struct store *s);

/* --- reach.c ------------------------------------------------------------------------------- */

/* A set of objects, filled with everything that leads from roots. */
struct reach {
	struct store *store;
	struct reach_item {
		struct digest id;
		enum store_area area;
		bool used;
	} * items;
	size_t count, capacity;
	/* Called for what is missing or has another size than its parent says. NULL: missing
	   objects end the walk quietly, and a document that cannot be read is an error, because
	   what it leads to is not known. */
	void (*finding)(void *user, const char *text);
	void *user;
};

void reach_release(struct reach *r);
DEFINE_CLEANUP_STRUCT(reach, struct reach, reach_release);
bool reach_has(const struct reach *r, enum store_area area, const struct digest *id);
/* An object that somebody holds, with what it leads to. */
int reach_add(struct reach *r, enum store_area area, const struct digest *id, struct error *err);
/* What a name leads to. */
int reach_ref(struct reach *r, const struct ref *ref, struct error *err);

#endif
