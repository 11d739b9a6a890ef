/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key of a step -> what it did. Records of kind "varve-cache" in the store's cache area; the fields
 * of the key are kept in them as "key.NAME", so that a miss can be explained.
 */
#ifndef BUILDER_CACHE_H
#define BUILDER_CACHE_H

#include "layers/pack.h"
#include "layers/store.h"

enum { CACHE_WRITES_NAMED = 10 }; /* paths below volumes that a record names; the rest is counted */

/* What a step wrote below a declared volume. */
struct volume_writes_found {
	char *volume;
	uint64_t count;
	char **paths; /* the first CACHE_WRITES_NAMED */
	size_t named;
};

/* The result of a step. */
struct outcome {
	struct digest id;   /* what the next step's key is made of */
	struct layer layer; /* .empty for a step that changed nothing */
	int64_t created;    /* when the step was executed, seconds */
	struct volume_writes_found *writes;
	size_t writes_count;
};

void outcome_release(struct outcome *o);
DEFINE_CLEANUP_STRUCT(outcome, struct outcome, outcome_release);

/* ERROR_NOT_FOUND if the key is not recorded, or its layer is no longer there in any form. The
   layer is in the wanted compression if that form exists, else in another. */
int cache_get(struct store *s, const struct digest *key, enum compression want, struct outcome *out,
	      struct error *err);

/* Records it. inputs are the fields of the key; text the instruction; list the digest of the list
   of files it copied, or NULL. */
int cache_put(struct store *s, const struct digest *key, const struct record *inputs,
	      const char *text, const struct digest *list, const struct outcome *o,
	      struct error *err);

/* Why `inputs` is no hit: the recorded step that is nearest is compared with it field by field, and
   its list of files with that in `list`. Appends one line a difference. */
void cache_explain(struct store *s, const struct record *inputs, const char *text,
		   const struct buf *list, struct buf *out);

/* Outcomes cross from a job to its parent as bytes. */
void outcome_write(const struct outcome *o, struct buf *out);
int outcome_read(const struct buf *from, struct outcome *out, struct error *err);

#endif
