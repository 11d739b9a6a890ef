/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to walk.c and walk_match.c.
 */
#ifndef BUILDER_WALK_PRIVATE_H
#define BUILDER_WALK_PRIVATE_H

#include "builder/walk.h"
#include "common/listing.h"

/* a/b; "" and b is b. */
char *walk_join(const char *a, const char *b);

/* --parents met nothing for a path without wildcards: 0 if that is --exclude's doing, else
   ERROR_NOT_FOUND with a hint at what hides it. */
int walk_missed(const struct walk_options *o, const char *base, const char *pattern,
		const char *written, struct error *err);

#endif
