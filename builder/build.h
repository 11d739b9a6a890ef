/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Dockerfile and a context become an image in the store.
 *
 * build_plan() turns the tree into data: which stages and steps the target needs, with every word
 * expanded. build_run() executes a plan. Neither prints; they emit events and add diagnostics to
 * the dockerfile.
 */
#ifndef BUILDER_BUILD_H
#define BUILDER_BUILD_H

#include "common/event.h"
#include "layers/image.h"
#include "layers/store.h"
#include "parser/dockerfile.h"

enum volume_writes { VOLUME_KEEP, VOLUME_DISCARD, VOLUME_ERROR };

struct build_arg {
	const char *name, *value;
};

struct build_options {
	struct dockerfile *file; /* diagnostics are added to it */
	struct store *store;
	int context;                       /* directory; -1: none */
	const char *dockerfile_in_context; /* its path relative to the context, for
					      <file>.dockerignore; NULL if it lies elsewhere */
	int host_root;                     /* "/" of the host, for FROM with a path; -1: refused */
	int host_cwd;                      /* what relative paths of FROM are relative to */
	const char *target;                /* stage name or number; NULL: the last */
	const struct build_arg *args;
	size_t arg_count;
	const struct build_arg *labels;
	size_t label_count;
	const char *const *tags; /* canonical names; may be none */
	size_t tag_count;
	enum compression compression;
	bool recompress; /* also the base image's layers */
	enum volume_writes volume_writes;
	int64_t epoch; /* SOURCE_DATE_EPOCH; -1: none */
	bool no_cache;
	bool reread;   /* images from paths, although they look unchanged */
	bool explain;  /* say why a step was no hit */
	unsigned jobs; /* steps at a time; 0: the number of cores */
	const struct event_sink *sink;
	int interrupt; /* readable when the user wants to stop (a signalfd); -1: none */
};

enum { BUILD_LOG_NAME = 64 };

struct build_result {
	struct ref ref;   /* manifest, size, media type; name NULL */
	struct digest id; /* config digest: the image ID */
	unsigned steps, cached;
	unsigned warnings;
	char log[BUILD_LOG_NAME]; /* the whole output, in the store's logs/; "" if there was none;
				     also set when the build failed */
};

void build_result_release(struct build_result *r);

struct plan;

/* Checks everything that needs no file: stages, target, flags, words, ports, signals, durations.
   Mistakes in the Dockerfile are added to its diagnostics, all of them, and give ERROR_SYNTAX. */
struct plan *build_plan(const struct build_options *options, struct error *err);
void plan_free(struct plan *p);
DEFINE_CLEANUP(plan, struct plan *, plan_free);

/* How many steps it has. */
int build_step_count(const struct plan *p);

/* The config that the image will have, but for layers, history and times. */
const struct config *build_target_config(const struct plan *p);

/* The plan as text for --plan: stages, steps, what is expected to hit. Starts no process and
   writes nothing. json: one JSON document instead. */
int plan_describe(struct plan *p, bool json, struct buf *out, struct error *err);

/* Executes it. On success the image is committed under the tags. On failure nothing is named; steps
   that completed stay in the cache. A step that fails gives ERROR_CHILD with its exit status in
   *exit_status (128 + signal for a signal). */
int build_run(struct plan *p, struct build_result *result, int *exit_status, struct error *err);

#endif
