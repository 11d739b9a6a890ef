/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step reads besides the root it works on: the sources of a COPY, the binds of a RUN.
 */
#ifndef BUILDER_INPUTS_H
#define BUILDER_INPUTS_H

#include "builder/plan.h"

/* The roots it reads, in order; NULL behind the last. */
const struct source_root *step_root(const struct step *s, size_t i);

/* Does it read anything whose state has to be looked at before its key is known? */
bool step_has_list(const struct step *s);

/* Is any of it elsewhere, so that it takes the network to look at it? */
bool step_is_remote(const struct step *s);

/* What looking at it brought to light. */
struct step_found {
	struct stat_cache *stats; /* given: what is known of the files; or NULL */
	bool known_only;          /* given: what the stats do not have is an error, and not read */
	bool linked;              /* a file has several names */
	bool foreign;             /* a file of a context does not belong to 0:0, as its copy will */
	struct fetched *fetched;  /* of a COPY with remote sources: one a source; the caller's */
};

/* Appends one line a file, as copy_list() does: the input of the step's key, and what a miss is
   explained with. Remote sources are asked and URLs loaded. Blocks; run it in a job. */
int step_list(const struct plan *p, const struct step *s, struct buf *out, struct step_found *found,
	      struct error *err);

/* What a mount shows, as a copy: for listing it, and for making a copy of it. c must stay where it
   is; c->pattern is freed by the caller. */
struct mount_copy {
	struct copy_spec spec;
	struct copy_source source;
	char *pattern; /* the source with its wildcard characters escaped */
};
void mount_copy_init(struct mount_copy *c, const struct run_mount *m, const char *dest);

#endif
