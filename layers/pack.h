/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An overlay upper directory becomes a layer: a canonical tar, hashed, compressed and stored.
 *
 * Canonical: every directory is followed by its content, names sorted bytewise as they stand in the
 * tar; numeric owners, no names; whole-second mtimes, clamped to the epoch if there is one; pax
 * records only where ustar cannot say it (long names, xattrs, large or negative numbers); xattrs by
 * allow-list (user.* but not user.overlay.*, and security.capability), sorted; hard links to the
 * first name; whiteouts as ".wh." files and opaque directories as ".wh..wh..opq", both with fixed
 * metadata; sockets left out; two zero blocks at the end and no more padding. So equal content
 * gives equal bytes on every machine, and pack(unpack(blob)) == blob.
 *
 * Exact: an entry identical to what lies below it (type, mode, owner, size, mtime, xattrs,
 * content) is dropped unless it got a second name, a whiteout of nothing is dropped, and an opaque
 * mark is kept only where a directory of that name lies below (HARDENING 4.1). The directories on
 * the way to a change are in the layer even if they did not change, with the metadata that
 * overlayfs copied up: a layer is used as an overlay lower, where its directories' metadata wins
 * over those below, so a parent that was left out would show wrong ones.
 */
#ifndef LAYERS_PACK_H
#define LAYERS_PACK_H

#include "layers/compress.h"
#include "layers/stack.h"
#include "layers/store.h"

enum layer_field { LAYER_MODE = 1, LAYER_OWNER = 2, LAYER_TIME = 4, LAYER_XATTRS = 8 };

/* One packed layer. */
struct layer {
	struct digest diff_id; /* of the plain tar */
	struct digest blob;    /* of the stored bytes */
	uint64_t size;         /* of the stored bytes */
	uint64_t plain_size;   /* of the plain tar */
	enum compression compression;
	uint64_t added, modified, removed; /* entries, the opaque ones counted by what they hide */
	uint64_t repeated;    /* bytes of modified files whose content is that of the file below */
	unsigned repeated_by; /* enum layer_field bits: why they had to be in the layer again */
	bool empty;           /* nothing changed: no blob was made, the digests are zero */
};

enum entry_change { ENTRY_ADDED, ENTRY_MODIFIED, ENTRY_REMOVED };

/* A directory from elsewhere that is packed as if its content had been copied into the upper. What
   a copy could not do is an error: a directory over something else, something else over one. */
struct pack_graft {
	const char *path; /* of the directory in the upper that gets the content; no leading slash;
			     "" is the root. It is there, with the metadata that it will have. */
	int directory;
	/* Gives an entry the owner and mode that a copy would have; false: it is not copied. path
	   is relative to `directory`; NULL for one that was said to be copied before. */
	bool (*take)(void *user, const char *path, struct stat *st);
	void *user;
};

struct pack_options {
	struct stack below; /* what the upper lay on; count 0 for a base layer */
	enum compression compression;
	int64_t epoch;                  /* clamp later mtimes to this; -1: none */
	bool keep_root;                 /* also emit "./" for the root's own metadata (import), if
					   it differs from the root below */
	const struct pack_graft *graft; /* or NULL */
	/* Called for each change in the order of the tar, not for directories that are only on the
	   way to one; may be NULL. path has no leading slash. What an opaque directory hides is
	   reported by the names directly in it. */
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
