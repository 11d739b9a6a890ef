/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: the walk of an upper beside what lies below it, writing what differs to a
 * tar.
 */
#ifndef LAYERS_PACKER_H
#define LAYERS_PACKER_H

#include "layers/pack.h"
#include "layers/tar.h"

struct pack_counts {
	uint64_t added, modified, removed, repeated;
	unsigned repeated_by;
	bool empty; /* nothing was written */
};

/* Writes the entries; the caller finishes the tar. */
int pack_tree(int upper, const struct pack_options *options, struct tar_writer *tar,
	      struct pack_counts *counts, struct error *err);

#endif
