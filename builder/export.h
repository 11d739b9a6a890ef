/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merged root of an image as plain files: build -o type=local and type=tar.
 */
#ifndef BUILDER_EXPORT_H
#define BUILDER_EXPORT_H

#include "layers/image.h"

/* One image of the output. */
struct export_root {
	const struct image *image;
	const char *directory; /* where its root goes in the output; NULL: it is the output */
	int64_t epoch;         /* later mtimes are clamped to this; -1: none */
};

/* Writes the roots as one uncompressed tar. Blocks; unpacks layers that are not there as trees. */
int export_tar(struct store *s, const struct export_root *roots, size_t count, int to,
	       struct error *err);

/* Copies the roots into a directory; files that are there already are replaced, others stay. */
int export_directory(struct store *s, const struct export_root *roots, size_t count, int to,
		     struct error *err);

#endif
