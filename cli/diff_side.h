/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operands of `varve diff`, and the trees that they stand for.
 *
 *	IMAGE          the image, all its layers
 *	IMAGE@N        alone: what layer N changed; as one of two: the tree after layer N
 *	IMAGE@N..M     alone: what changed from the tree after layer N to that after layer M
 *	/DIR ./DIR     a directory of the host
 */
#ifndef CLI_DIFF_SIDE_H
#define CLI_DIFF_SIDE_H

#include "layers/compare.h"

struct side {
	const char *text; /* the operand as written; borrowed */
	bool directory;
	char *name; /* of the image */
	bool has_layer, has_range;
	size_t from, to;    /* has_layer: to; has_range: both */
	struct image image; /* loaded by side_resolve() */
};

#define SIDE_INIT                                                                                  \
	{                                                                                          \
		.text = NULL                                                                       \
	}

/* Takes the operand apart and loads the image; numbers are checked against its layers. */
int side_resolve(struct side *side, struct store *s, const char *operand, struct error *err);
void side_release(struct side *side);
DEFINE_CLEANUP_STRUCT(side, struct side, side_release);

/* The tree: of the directory, or after the side's layer (all layers if none was named). */
int side_tree(const struct side *side, struct store *s, struct snapshot *out, struct error *err);

#endif
