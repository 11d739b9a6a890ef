/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several layers become one: the trees of layers that lie on each other, joined into a tree that
 * hides and shows the same above anything that lies below them.
 */
#ifndef LAYERS_MERGE_H
#define LAYERS_MERGE_H

#include "layers/stack.h"

/* Copies the merged content of the trees into `to`, an empty directory, with whiteouts and opaque
   marks for what they hide below. Names that one tree has for one file stay names of one file. The
   trees are only read. Blocks. */
int trees_merge(const struct stack *trees, int to, struct error *err);

#endif
