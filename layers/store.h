/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: an OCI image layout with a build cache beside it.
 *
 *	oci-layout  index.json          the layout; index.json is derived from refs/
 *	blobs/sha256/<hex>              0444; layers, configs, manifests, indexes: the truth
 *	format                          record "varve-store 1", created last at first use
 *	refs/<hex of sha256(name)>      record: name -> manifest
 *	cache/<key hex>                 record: build step -> result
 *	layers/<diff id hex>            record: diff id -> its blobs by compression
 *	lists/<digest hex>              what a COPY key was made of, to explain a miss
 *	trees/<diff id hex>/{fs,meta}   unpacked layer, ready to be an overlay lower; meta is the
 *	                                record "varve-tree" with the fields entries and bytes
 *	mounts/<id hex>[.N]/{lock,fs}   RUN --mount=type=cache; N > 0: further private ones. Written
 *	                                by programs and not part of a commit: never synced
 *	memos/<digest hex>              what saves work; see layers/memo.h
 *	logs/<time>-<random>.log        what the programs of a build wrote; prune keeps a week
 *	lock/gc  lock/refs
 *	lock/key/<hex>                  of a cache key, or of a tree that is being unpacked
 *	pending/<boot id>/{blobs,cache,layers,lists,trees}/
 *	                                complete, trusted only by this boot, not yet synced
 *	stage/<boot id>-<pid>-<random>/ private to one process, which holds a flock on it
 *	lease/<boot id>-<pid>-<random>  flock'd file naming objects that GC must keep
 *	trash/<random>                  moved here by GC and deleted without locks
 *
 * Blobs are the truth; everything else can be deleted and rebuilt. Nothing is visible under its
 * name before it is complete, and nothing in `pending` of another boot is ever read: an object
 * becomes durable when store_commit() has synced the file system once and renamed everything
 * pending into place. So kill -9 loses nothing of this boot, and a power cut loses nothing that was
 * acknowledged. Readers look in the final place, in pending, and in the final place again, because
 * the object may move between two looks. For records, which can be replaced, the newer one is in
 * pending, so there the order is pending, final, pending.
 *
 * Names of things in the store are digests or random; no path in it comes from input. Any number
 * of processes may use a store. A struct store may be used by forked jobs of the process that
 * opened it.
 */
#ifndef LAYERS_STORE_H
#define LAYERS_STORE_H

#include "common/buf.h"
#include "common/error.h"
#include "layers/digest.h"
#include "layers/record.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

enum store_flags {
	STORE_CREATE = 1 << 0,    /* make an empty directory a store */
	STORE_USERXATTR = 1 << 1, /* overlay metadata in user.overlay.*: inside a user namespace */
	/* --durability=fast: store_commit() does not sync. Objects stay in pending, where a later
	   commit without this flag finds them; kill -9 still loses nothing, but a power cut before
	   that loses the image, and until then index.json does not show it to other tools. */
	STORE_FAST = 1 << 2,
};

/* What lives under a digest in the store. */
enum store_area { STORE_BLOBS, STORE_CACHE, STORE_LAYERS, STORE_LISTS, STORE_TREES };

/* root is an open directory; the store keeps its own descriptor, opened before the first write so
   that syncfs reports every writeback error since. Collects what dead processes and earlier boots
   left in stage, pending and lease. A store of a newer format is ERROR_FORMAT and untouched. */
struct store *store_open(int root, enum store_flags flags, struct error *err);
/* Removes this process's stage directory and lease. NULL is fine. */
void store_close(struct store *s);
DEFINE_CLEANUP(store, struct store *, store_close);

int store_root(const struct store *s); /* borrowed fd */
bool store_userxattr(const struct store *s);

/* This process's private directory (borrowed fd), made at first use together with its lease. In a
   forked job it is the parent's, so that what the job publishes stays protected when it ends: call
   this before forking the first job that writes, else the job's first write is ERROR_BUG. Use
   random_name() for entries. */
int store_stage(struct store *s, struct error *err);

/* --- objects ------------------------------------------------------------------------------- */

/* Opens a blob, record or list file, or the fs directory of a tree. flags are those of open. */
int store_find(struct store *s, enum store_area area, const struct digest *id, struct error *err);
bool store_has(struct store *s, enum store_area area, const struct digest *id);

/* Publishes stage/name under id in pending, and pins it; an object that is already there wins and
   ours is removed, unless its size shows that it is damaged. The file's mode must be final. A tree
   is a directory with fs and perhaps meta, which is written if it is missing. Not for records. */
int store_publish(struct store *s, enum store_area area, const struct digest *id,
		  const char *stage_name, struct error *err);
/* Measures a tree in the stage and writes its meta already now: a walk over all of it. */
int store_measure_tree(struct store *s, const char *stage_name, struct error *err);

/* Records (STORE_CACHE, STORE_LAYERS). Reading a missing or damaged one is ERROR_NOT_FOUND. Writing
   replaces atomically and pins; an equal record only gets a new mtime. kind as in record.h. */
int store_read_record(struct store *s, enum store_area area, const struct digest *id,
		      const char *kind, struct record *out, struct error *err);
int store_write_record(struct store *s, enum store_area area, const struct digest *id,
		       const char *kind, const struct record *r, struct error *err);
/* Calls each() for every id of an area, final and pending, once each and in order; stops when it
   returns <0. */
int store_each(struct store *s, enum store_area area,
	       int (*each)(void *user, const struct digest *id, struct error *err), void *user,
	       struct error *err);

/* --- names --------------------------------------------------------------------------------- */

/* What a name points at. media_type is the manifest's or index's. */
struct ref {
	char *name; /* canonical: see layers/name.h; "" for an image without a name */
	struct digest manifest;
	uint64_t size;
	char *media_type;
	int64_t when; /* seconds since the epoch, when the name was set */
};

void ref_release(struct ref *r);
DEFINE_CLEANUP_STRUCT(ref, struct ref, ref_release);

/* An image without a name goes by "@" and its manifest's digest, here and in ref_delete(). */
int ref_get(struct store *s, const char *name, struct ref *out, struct error *err);
/* All of them, sorted by name; the caller releases each and frees the array. */
int ref_list(struct store *s, struct ref **out, size_t *count, struct error *err);
/* Removes a name and rewrites index.json, durably. */
int ref_delete(struct store *s, const char *name, struct error *err);

/* --- commit -------------------------------------------------------------------------------- */

/* Makes everything pending durable with one syncfs, moves it into place, then sets the refs (may
   be none) and rewrites index.json. After it returned 0 the refs and all they reach survive a power
   cut. A ref that already holds these values and whose manifest is in its final place costs no
   sync. An image with name "" is kept under its digest. Blocks on the disk: run it in a job. */
int store_commit(struct store *s, const struct ref *refs, size_t count, struct error *err);

/* --- protection from GC -------------------------------------------------------------------- */

/* From now until store_close() GC keeps this object and what it reaches. Returns 0 and sets *found
   to whether it existed. */
int store_pin(struct store *s, enum store_area area, const struct digest *id, bool *found,
	      struct error *err);

/* Exclusive lock on a cache key, so that two builds do an identical step once. Returns a
   descriptor that holds the lock until store_unlock_key(), or until it is closed everywhere; with
   wait false ERROR_EXISTS if somebody else has it. */
int store_lock_key(struct store *s, const struct digest *key, bool wait, struct error *err);
/* Gives the lock back, also if forked jobs still hold the descriptor: one of them may wait for a
   process that waits for this lock. -1 is fine. */
void store_unlock_key(int lock);

/* --- cache mounts --------------------------------------------------------------------------- */

enum store_sharing {
	STORE_MOUNT_SHARED,  /* with everybody */
	STORE_MOUNT_PRIVATE, /* one that nobody else has now: the first free of id, id.1, ... */
	STORE_MOUNT_LOCKED,  /* one at a time; who comes second waits */
};

/* Opens the directory of a cache mount and makes it, 0755 and empty, if there is none; *fresh then
   says so, and the caller sets its mode, fills it, and calls store_mount_ready(): until then nobody
   else gets it, and if the caller dies, the next one finds nothing and begins again. *lock keeps it
   from prune, and as sharing says from others: shared ones wait for a private or locked one and the
   other way round. With wait false ERROR_EXISTS if it is in use. */
int store_mount_open(struct store *s, const struct digest *id, enum store_sharing sharing,
		     bool wait, int *lock, bool *fresh, struct error *err);
/* May be called in a forked job, too. */
int store_mount_ready(int directory, int lock, enum store_sharing sharing, struct error *err);
/* Gives the lock back, also if forked jobs still hold the descriptor. The end of the process and of
   its jobs does that, too. -1 is fine. */
void store_mount_close(int lock);

/* --- care ---------------------------------------------------------------------------------- */

/* Removes what no name, no cache record and no living process leads to: trees, blobs, layers and
   lists; also names whose image is gone altogether. A cache record leads to the layer in its field
   diff_id, the list in its fields list, the blob in its field blob, and the image in its field
   manifest. A damaged manifest is an error, because what it leads to is not known. */
enum { LOG_KEEP_SECONDS = 7 * 24 * 60 * 60 };

struct prune_options {
	bool cache;    /* also build cache records (and what only they reach) */
	int64_t older; /* with cache: only those not written for this many seconds; 0 = all */
	bool unnamed;  /* also images without a name */
	bool mounts;   /* also cache mounts that nobody uses now; older applies */
	bool dry_run;
};
struct prune_report {
	uint64_t blobs, trees, records, names, mounts;
	uint64_t bytes; /* on disk */
};
int store_prune(struct store *s, const struct prune_options *options, struct prune_report *out,
		struct error *err);

/* Re-hashes every blob and list, checks the sum of every record and that what it names is there,
   trees against their meta, names down to every layer, and index.json. Each finding is one line of
   text to finding(). With repair what is damaged goes to the trash, with the records and names that
   are worth nothing without it: the next build or pull makes it again. Builds wait meanwhile.
   Returns the number of findings, -1 on error. */
int store_fsck(struct store *s, bool repair, void (*finding)(void *user, const char *text),
	       void *user, struct error *err);

/* Bytes by area, for `varve info` and tests. */
struct store_usage {
	uint64_t blobs, blob_bytes, trees, cache, refs, mounts, mount_bytes;
};
int store_usage(struct store *s, struct store_usage *out, struct error *err);

#endif
