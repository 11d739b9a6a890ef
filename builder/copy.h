/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COPY, ADD and WORKDIR inside the merged view of a step (REFERENCE 1.9, 1.12).
 */
#ifndef BUILDER_COPY_H
#define BUILDER_COPY_H

#include "builder/plan.h"
#include "layers/pack.h"
#include "layers/stack.h"

struct copy_options {
	const struct copy_spec *spec;
	int source;                  /* root of the context, stage or image; -1 without sources */
	const struct ignore *ignore; /* of the context; or NULL */
	/* For remote sources: */
	struct store *store;
	const struct fetch_options *fetch;
	const struct fetched *fetched; /* one a source, from copy_resolve() */
	int target;                    /* the step's merged root */
	const struct stack *below;     /* the image's root, for --chown names */
	struct stat_cache *stats;      /* copy_list: or NULL */
	bool known_only;               /* copy_list: what the stats lack is an error */
	bool *linked;                  /* copy_list: set if a file has several names */
	bool *foreign; /* copy_list: set if a file is not owned by 0:0; NULL: of no interest */
};

/* Finds out what the remote sources are at the moment, and loads the URLs into the store. out has
   room for spec->source_count; only spec, store and fetch are used. Blocks: run it in a job. */
int copy_resolve(const struct copy_options *o, struct fetched *out, struct error *err);

/* Copies everything. Blocks: run it in a job. */
int copy_run(const struct copy_options *o, struct error *err);

/* What the copy depends on, one line a file with its content digest: the input of the step's key,
   and what a miss is explained with. Only spec, source, ignore and fetched are used. */
int copy_list(const struct copy_options *o, struct buf *out, struct error *err);

/* --exclude as a list, for the walks of both; *out is NULL without any. The caller frees it. */
int copy_excludes(const struct copy_spec *spec, struct ignore **out, struct error *err);

/* Makes the directory that the content of a single directory is copied into, and those above it,
   as copy_run() would, so that all of them are in the upper of `target`. */
int copy_skeleton(const struct copy_options *o, struct error *err);

/* A pack_graft in the place of copying: what copy_run() would have made of a directory. Needs spec,
   source, ignore and below. path is where it goes; borrowed. */
struct copy_graft {
	struct pack_graft graft;
	const struct copy_spec *spec;
	const struct ignore *ignore;
	uid_t uid;
	gid_t gid;
};
/* Its directory, if no link leads there: what an ignore file says is about the real path. -1 with
   errno. */
int copy_graft_directory(const struct copy_spec *spec, int context);
int copy_graft_open(const struct copy_options *o, const char *path, struct copy_graft *out,
		    struct error *err);
void copy_graft_close(struct copy_graft *g);

#endif
