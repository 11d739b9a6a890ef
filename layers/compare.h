/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed between two trees: layers, ranges of layers, images, directories.
 *
 * A snapshot is the sorted list of entries of one side with everything that can differ; comparing
 * two is a merge. The same engine serves `varve diff`, `varve layers`, and the tests.
 */
#ifndef LAYERS_COMPARE_H
#define LAYERS_COMPARE_H

#include "common/arena.h"
#include "layers/image.h"

#include <sys/types.h>

struct entry {
	const char *path; /* no leading slash; "" is the root */
	mode_t mode;      /* type and permissions */
	uid_t uid;
	gid_t gid;
	uint64_t size;    /* of regular files */
	int64_t mtime;    /* seconds */
	dev_t device;     /* of device nodes */
	const char *link; /* target of a symlink, or the first name of a file of which this is
			     another (hard_link), or NULL */
	bool hard_link;
	struct digest content; /* of regular files */
	struct digest xattrs;  /* of the sorted, allowed xattrs; zero if there are none */
	bool whiteout, opaque; /* only in a snapshot of a single layer */
	bool implied; /* likewise: a directory that the layer needs but does not describe */
};

struct snapshot {
	struct arena arena;    /* of the strings */
	struct entry *entries; /* sorted by path, bytewise with '/' before everything */
	size_t count;
};

#define SNAPSHOT_INIT                                                                              \
	{                                                                                          \
		.arena = ARENA_INIT, .entries = NULL, .count = 0                                   \
	}

void snapshot_release(struct snapshot *s);
DEFINE_CLEANUP_STRUCT(snapshot, struct snapshot, snapshot_release);

/* One layer as it is, whiteouts included; read from its blob, verified. */
int snapshot_layer(struct store *s, const struct layer *layer, struct snapshot *out,
		   struct error *err);
/* Layers bottom..top merged, whiteouts applied. */
int snapshot_layers(struct store *s, const struct layer *layers, size_t count, struct snapshot *out,
		    struct error *err);
/* A directory of the host, at most UNPACK_MAX_DEPTH deep. Sockets are left out, as layers do. */
int snapshot_directory(int dir, struct snapshot *out, struct error *err);
/* What `from` looks like after `layer` is applied (takes nothing over; deep copy). */
int snapshot_apply(const struct snapshot *from, const struct snapshot *layer, struct snapshot *out,
		   struct error *err);

enum change_kind { CHANGE_ADDED, CHANGE_MODIFIED, CHANGE_REMOVED, CHANGE_METADATA };

enum change_fields {
	FIELD_TYPE = 1 << 0,
	FIELD_MODE = 1 << 1,
	FIELD_OWNER = 1 << 2,
	FIELD_SIZE = 1 << 3,
	FIELD_CONTENT = 1 << 4,
	FIELD_MTIME = 1 << 5,
	FIELD_LINK = 1 << 6,
	FIELD_DEVICE = 1 << 7,
	FIELD_XATTR = 1 << 8,
};

struct change {
	enum change_kind kind;
	unsigned fields;               /* of modified and metadata-only changes */
	const struct entry *old, *new; /* NULL where there is none */
};

/* Calls each() in path order. ignore is a set of change_fields that do not count. A change of
   nothing but metadata fields is CHANGE_METADATA. Returns the number of changes, or what each()
   returned if that was negative. */
int64_t snapshot_compare(const struct snapshot *old, const struct snapshot *new, unsigned ignore,
			 int (*each)(void *user, const struct change *change), void *user);

#endif
