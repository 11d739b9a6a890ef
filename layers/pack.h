/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An overlay upper directory becomes a layer: a canonical tar stream, hashed, compressed and stored.
 *
 * Canonical: entries sorted bytewise with parents first; numeric owners, no names; whole-second
 * mtimes, clamped to the epoch if there is one; PAX records only where ustar cannot say it (long
 * names, xattrs, large sizes and ids); xattrs by allow-list (user.*, security.capability,
 * security.ima/evm not; never *.overlay.*), sorted; hard links to the first name; whiteouts as
 * ".wh." files and opaque directories as ".wh..wh..opq"; sockets left out. So equal content gives
 * equal bytes on every machine, and pack(unpack(blob)) == blob.
 *
 * Exact: an entry identical to what lies below it (type, mode, owner, size, mtime, xattrs,
 * content) is dropped, a whiteout of nothing is dropped, and an opaque mark is kept only where a
 * directory of that name lies below (HARDENING 4.1).
 */
#ifndef LAYERS_PACK_H
#define LAYERS_PACK_H

#include "layers/compress.h"
#include "layers/stack.h"
#include "layers/store.h"

/* One packed layer. */
struct layer {
	struct digest diff_id; /* of the plain tar */
	struct digest blob;    /* of the stored bytes */
	uint64_t size;         /* of the stored bytes */
	uint64_t plain_size;   /* of the plain tar */
	enum compression compression;
	uint64_t added, modified, removed; /* entries, the opaque ones counted by what they hide */
	bool empty;            /* nothing changed: no blob was made, the digests are zero */
};

enum entry_change { ENTRY_ADDED, ENTRY_MODIFIED, ENTRY_REMOVED };

struct pack_options {
	struct stack below;           /* what the upper lay on; count 0 for a base layer */
	enum compression compression;
	int64_t epoch;                /* clamp later mtimes to this; -1: none */
	bool keep_root;               /* also emit "./" for the root's own metadata (import) */
	/* Called for each entry that goes into the layer; may be NULL. path has no leading slash. */
	void (*visit)(void *user, const char *path, enum entry_change change);
	void *user;
};

/* Packs the tree at `upper` into a blob of the store and writes its layers/ record. The upper is
   only read. Memory does not grow with file sizes or with the number of files beyond one
   directory level. */
int layer_pack(int upper, struct store *s, const struct pack_options *options, struct layer *out,
	       struct error *err);

/* The same tar stream, uncompressed, to a descriptor (for -o type=tar). */
int tree_write_tar(int tree, const struct pack_options *options, int to, struct error *err);

/* The blob of a known diff id in the wanted compression: from its layers/ record, else made by
   transcoding another form. out->added etc. are not set. ERROR_NOT_FOUND if no form is there. */
int layer_find(struct store *s, const struct digest *diff_id, enum compression want,
	       struct layer *out, struct error *err);
/* Like layer_find(), but only looks: any form that is there, wanted first; never transcodes. */
int layer_lookup(struct store *s, const struct digest *diff_id, enum compression want,
		 struct layer *out, struct error *err);

#endif
