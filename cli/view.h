/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reports say about images, read from the store.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "cli/format.h"
#include "layers/image.h"

/* The names in the store; sorted, images without a name first. */
struct catalog {
	struct ref *refs;
	size_t count;
};

#define CATALOG_INIT                                                                               \
	{                                                                                          \
		.refs = NULL, .count = 0                                                           \
	}

int catalog_load(struct catalog *c, struct store *s, struct error *err);
void catalog_release(struct catalog *c);
DEFINE_CLEANUP_STRUCT(catalog, struct catalog, catalog_release);

/* Whether a name stands for this image, directly or through an index. An unreadable one does not.
 */
bool ref_is_image(struct store *s, const struct ref *ref, const struct image *image);

/* "repository:tag" in two; both are "<none>" for an image without a name. The caller frees. */
void ref_split(const char *name, char **repository, char **tag);

/* Bytes of all layers as they are stored. */
uint64_t image_size(const struct image *image);

/* The history entry of a layer, or NULL; and the other way round: the layer's index, or -1. */
const struct history *layer_history(const struct image *image, size_t layer);
int64_t history_layer(const struct image *image, size_t entry);

/* What a layer's instruction was, without the wrappings that builders put around it. */
void history_instruction(const struct history *h, struct buf *out);

/* Bytes of the layer's plain tar: recorded, else counted by reading the blob. */
int layer_plain_size(struct store *s, const struct layer *layer, uint64_t *size, struct error *err);

/* "3 hours ago", or "N/A" for a time that is absent or malformed. */
const char *created_age(const char *timestamp, char out[FORMAT_SIZE]);

#endif
