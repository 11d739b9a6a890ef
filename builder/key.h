/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of a step: SHA-256 over a record of everything the step's result depends on.
 *
 * The record is kept beside the result, so that a miss is explained by comparing records field by
 * field. Never in it: secrets, proxies, times, paths of the host (DESIGN section 6).
 */
#ifndef BUILDER_KEY_H
#define BUILDER_KEY_H

#include "builder/plan.h"

enum { KEY_VERSION = 1 };

/* Fills r with the step's inputs and *key with their digest. parent is what the step builds on,
   from the id of a step or key_of_base(); from are
   those of the stages and images that it reads, in the order of step_root(); list is the digest of
   what it reads of contexts, or NULL. */
void key_of_step(const struct plan *p, const struct step *s, const struct digest *parent,
		 const struct digest *from, size_t from_count, const struct digest *list,
		 struct record *r, struct digest *key);

/* --link: is what the step makes the same on every root? Its key then knows of none, and what
   follows it is keyed by key_after(). */
bool step_stands_alone(const struct step *s);

/* What the next step's key is made of: the result's id, for a step that stands alone together with
   what it is put on. */
void key_after(const struct step *s, const struct digest *parent, const struct digest *result,
	       struct digest *id);

/* The id of an empty root, or of an image: its layers and platform. */
void key_of_base(const struct base_image *image, struct digest *id);

#endif
