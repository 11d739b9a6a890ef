/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images in and out of the store: OCI layout directories, OCI archives (the layout in a tar) and
 * docker archives (manifest.json), the last two also compressed.
 */
#ifndef LAYERS_ARCHIVE_H
#define LAYERS_ARCHIVE_H

#include "layers/image.h"

/* One image to write; names may be empty. */
struct save_item {
	const struct image *image;
	const char *const *names;
	size_t name_count;
};

enum save_format { SAVE_OCI, SAVE_DOCKER, SAVE_OCI_DIR };

/* Writes a tar to fd `to` (SAVE_OCI, SAVE_DOCKER) or fills directory `to` (SAVE_OCI_DIR).
   Every blob is verified while it is copied. Docker archives hold uncompressed layers, as docker,
   podman and skopeo expect. compression COMPRESS_ZSTD/GZIP/NONE transcodes the layers of OCI
   output; `as_stored` true copies the blobs as they are. mtimes of the tar are 0, its order fixed:
   equal images give equal archives. */
int archive_save(struct store *s, const struct save_item *items, size_t count,
		 enum save_format format, bool as_stored, enum compression compression, int to,
		 struct error *err);

/* Reads an archive from a descriptor, or a layout directory, into the store (pending; commit
   follows). Appends to *out one ref per image and name: canonical names from the archive, or "" for
   images without one. With `only` non-NULL just the image of that name. Every blob is verified
   against its descriptor; a truncated or inconsistent archive leaves nothing behind that could be
   named. The caller releases each ref and frees the array. */
int archive_load(struct store *s, int fd, const char *only, struct ref **out, size_t *count,
		 struct error *err);

/* Packs a root file system (tar, compressed or not, or a directory) as a one-layer image with the
   given config (platform and history are filled in). Fills *ref like image_publish(). */
int archive_import(struct store *s, int fd, const struct config *config, int64_t epoch,
		   enum compression compression, struct ref *ref, struct digest *id,
		   struct error *err);

#endif
