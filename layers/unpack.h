/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer blob becomes a directory tree that overlayfs can use as a lower.
 *
 * The tar stream is hostile: every entry is created by descriptor below the target, parents are
 * walked one component at a time and never through a symlink, metadata is set only on the
 * descriptor just created, whiteouts become overlay whiteouts and opaque marks and never delete
 * anything, overlay xattrs of the archive are dropped (HARDENING 2.1 A1-A13, 2.2 O1-O2).
 */
#ifndef LAYERS_UNPACK_H
#define LAYERS_UNPACK_H

#include "layers/pack.h"

enum {
	UNPACK_MAX_DEPTH = 256,          /* components of a path */
	UNPACK_MAX_NAME = 4096,          /* bytes of a path or link target */
	UNPACK_MAX_XATTRS = 1024 * 1024, /* bytes of all xattrs of one entry */
};
#define UNPACK_MAX_ENTRIES UINT64_C(10000000)

/* Makes sure trees/<diff id> exists: unpacks the blob if it does not, verifying the blob's size and
   digest and the stream's diff id while it goes. Blocks; run it in a job. A directory that the
   layer needs but has no entry for becomes 0755, 0:0, mtime 0; the tree's meta record counts those
   as "implied". A layer that hides everything below it (an opaque root) is ERROR_FORMAT. In a user
   namespace devices are left out, as nobody can make them there. Waits while another process
   unpacks the same layer. unpacker.h does many side by side. */
int layer_unpack(struct store *s, const struct layer *layer, struct error *err);

/* The image root that a directory is extracted into. */
struct unpack_root {
	int fd;
	const char *path; /* of the directory, inside the root */
};

struct unpack_options {
	bool userxattr; /* how to write opaque marks */
	bool overlay;   /* a layer: whiteouts become overlay whiteouts, and an entry for the root
			   sets its metadata; false: ".wh." names are an error and the root stays */
	bool take_root; /* without overlay: an entry for the root sets its metadata nevertheless */
	int64_t owner;  /* give everything to this uid, or -1 to keep the archive's */
	int64_t group;
	/* Symlinks that stand where an entry needs a parent directory are followed inside this
	   root, as docker's ADD does, so that bin/x lands in usr/bin of a merged-usr image. NULL:
	   they are replaced. */
	const struct unpack_root *follow;
	bool strip_special; /* skip devices (ADD of an archive without the right to make them) */
};

/* Any archive format of `ADD local.tar` (tar, plain or gzip, bzip2, xz, zstd) from a descriptor
   into a directory that may hold files already; existing non-directories are replaced, links never
   followed, and directories that were there keep their times. *entries counts. ERROR_FORMAT if it
   is no archive, ERROR_SPACE before a file that would not leave some space free. */
int archive_extract(int fd, int target, const struct unpack_options *options, uint64_t *entries,
		    struct error *err);
/* Whether a regular file is such an archive, judged by content. Leaves the offset at 0. */
bool archive_probe(int fd);

#endif
