/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merged root of an image as plain files: build -o type=local and type=tar.
 */
#ifndef BUILDER_EXPORT_H
#define BUILDER_EXPORT_H

#include "layers/image.h"

/* Writes the root as one uncompressed tar; later mtimes are clamped to epoch unless it is -1.
   Blocks; unpacks layers that are not there as trees. */
int export_tar(struct store *s, const struct image *image, int64_t epoch, int to,
	       struct error *err);

/* Copies the root into a directory; files that are there already are replaced, others stay. */
int export_directory(struct store *s, const struct image *image, int64_t epoch, int to,
		     struct error *err);

#endif
