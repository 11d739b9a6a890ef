/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images in and out of the store: OCI layout directories, OCI archives (the layout in a tar) and
 * docker archives (manifest.json), the last two also compressed.
 */
#ifndef LAYERS_ARCHIVE_H
#define LAYERS_ARCHIVE_H

#include "layers/image.h"

/* One image to write; names are canonical and may be none. */
struct save_item {
	const struct image *image;
	/* What the names point at if it is an index: then all of its images are written, but a
	   docker archive can hold only this one. NULL: the image itself. */
	const struct ref *index;
	const struct labels *annotations; /* of the entry in index.json; NULL: none */
	const char *const *names;
	size_t name_count;
};

enum save_format { SAVE_OCI, SAVE_DOCKER, SAVE_OCI_DIR };

/* Writes a tar to fd `to` (SAVE_OCI, SAVE_DOCKER) or fills directory `to` (SAVE_OCI_DIR). Every
   blob is verified while it is copied. Docker archives hold uncompressed layers, as docker, podman
   and skopeo expect. `as_stored` true copies the blobs of OCI output as they are; else layers of
   another compression are replaced by that form, which stays in the store, under a manifest of
   their own (the image ID stays the same). mtimes of the tar are 0, its order fixed, index.json or
   manifest.json last: equal images give equal archives, and one that was cut short holds no image.
   In a directory that is a layout already its other images stay. Nothing is synced. */
int archive_save(struct store *s, const struct save_item *items, size_t count,
		 enum save_format format, bool as_stored, enum compression compression, int to,
		 struct error *err);

/* Reads an archive from a descriptor, or a layout directory, into the store (pending; commit
   follows). Appends to *out one ref per image and name: canonical names from the archive, or "" for
   images without one. With `only` non-NULL just the image of that name. A descriptor may be a pipe:
   it is read once, to its end.

   Every blob is verified against its descriptor or file name, and a plain layer of a docker archive
   against its diff id; the diff ids of compressed layers are verified when they are unpacked. A
   truncated or inconsistent archive leaves nothing behind that could be named. Documents are kept
   byte by byte; a docker archive gets an OCI manifest around its own config, so its image ID stays.
   Of an index for several platforms everything must be there to be kept, else the name points at
   the image for the platform that is wanted. The caller releases each ref and frees the array. */
int archive_load_for(struct store *s, int fd, const char *only, const struct platform *want,
		     struct ref **out, size_t *count, struct error *err);
/* For platform_any. */
int archive_load(struct store *s, int fd, const char *only, struct ref **out, size_t *count,
		 struct error *err);

/* Packs a root file system (tar, compressed or not, or a directory) as a one-layer image with the
   given config, which has no layers (platform, creation time and history are filled in). Fills *ref
   like image_publish(). */
int archive_import(struct store *s, int fd, const struct config *config, int64_t epoch,
		   enum compression compression, struct ref *ref, struct digest *id,
		   struct error *err);

#endif
