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

#include "builder/fetch.h"
#include "common/event.h"
#include "layers/image.h"
#include "layers/store.h"
#include "parser/dockerfile.h"

enum volume_writes { VOLUME_KEEP, VOLUME_DISCARD, VOLUME_ERROR };

struct build_arg {
	const char *name, *value;
};

enum build_network { BUILD_NETWORK_DEFAULT, BUILD_NETWORK_NONE, BUILD_NETWORK_HOST };

/* --ssh: an agent that RUN --mount=type=ssh may ask for signatures. */
struct build_ssh {
	const char *id;
	const char *const *paths; /* one socket, or key files */
	size_t path_count;
};

/* --build-context: what FROM, COPY --from and RUN --mount=from= find under a name before they look
   for a stage or an image. text as context_kind() understands it. */
struct build_context {
	const char *name, *text;
};

/* --volume during the build: a host directory or file that every RUN sees. The history says so,
   because the result depends on more than the Dockerfile and its context. */
struct build_bind {
	const char *text; /* as written */
	int source;
	const char *target;
	bool read_only;
};

/* --ulimit; see setrlimit(2) */
struct build_limit {
	int resource;
	const char *name;
	uint64_t soft, hard;
};

/* --annotation; on is a set of enum annotation_on. */
enum annotation_on {
	ANNOTATE_MANIFEST = 1 << 0,
	ANNOTATE_INDEX = 1 << 1,
	ANNOTATE_MANIFEST_DESCRIPTOR = 1 << 2, /* the manifest's entry in the index */
	ANNOTATE_INDEX_DESCRIPTOR = 1 << 3,    /* the entry of what a tag names in index.json */
};
struct build_annotation {
	unsigned on;
	const char *platform; /* normalised text; NULL: every platform */
	const char *key, *value;
};

struct build_options {
	struct dockerfile *file; /* diagnostics are added to it */
	struct store *store;
	int context;                 /* directory; -1: none */
	int dockerfile_dir;          /* what dockerfile_path starts from; -1: the context */
	const char *dockerfile_path; /* for <file>.dockerignore beside it; NULL: no file */
	bool context_is_git;         /* its .dockerignore is an ordinary file */
	const struct build_context *contexts;
	size_t context_count;
	struct fetch_options fetch; /* with the secrets of --secret */
	const struct build_ssh *ssh;
	size_t ssh_count;
	int host_root;              /* "/" of the host, for FROM with a path; -1: refused */
	int host_cwd;               /* what relative paths of FROM are relative to */
	const char *target;         /* stage name or number; NULL: the last */
	bool all_stages;            /* plan every stage, not only what the target needs */
	bool no_build;              /* nothing will be executed: what the build asks of its caller
				       (secrets, agents, permissions) may be missing */
	const char *platform;       /* "os/arch[/variant]"; NULL: this machine's */
	bool several_platforms;     /* so that labels of steps say which */
	enum build_network network; /* of RUN without --network */
	bool allow_host_network, allow_insecure; /* --allow */
	const struct build_arg *hosts;           /* --add-host: name, address */
	size_t host_count;
	uint64_t shm_size; /* of /dev/shm, bytes; 0: 64 MiB */
	const struct build_limit *limits;
	size_t limit_count;
	const struct build_bind *binds;
	size_t bind_count;
	const struct build_annotation *annotations;
	size_t annotation_count;
	bool squash; /* all layers of the build become one */
	const struct build_arg *args;
	size_t arg_count;
	const struct build_arg *labels;
	size_t label_count;
	const char *const *tags; /* canonical names; may be none */
	size_t tag_count;
	enum compression compression;
	bool recompress; /* also the base image's layers */
	enum volume_writes volume_writes;
	int64_t epoch;        /* SOURCE_DATE_EPOCH; -1: none */
	const char *epoch_of; /* "context" or a named context whose newest file decides; or NULL */
	bool no_cache;
	bool no_cutoff; /* a step that ran again is new, even if it did what it did before */
	const char *const *no_cache_filter; /* stages whose steps are executed */
	size_t no_cache_count;
	bool reread;   /* images from paths, although they look unchanged */
	bool explain;  /* say why a step was no hit */
	unsigned jobs; /* steps at a time, and jobs of each kind; 0: as many jobs as cores, and
			  twice as many steps, because programs wait more than they compute */
	const struct event_sink *sink;
	int interrupt; /* readable when the user wants to stop (a signalfd); -1: none */
};

enum { BUILD_LOG_NAME = 64 };

struct build_result {
	struct ref ref;           /* manifest, size, media type; name NULL */
	struct digest id;         /* config digest: the image ID */
	struct platform platform; /* texts live as long as the plan */
	int64_t epoch;            /* SOURCE_DATE_EPOCH that applied; -1: none */
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

/* Executes it. On success the image is in the store; builder/publish.h names it. On failure steps
   that completed stay in the cache. A step that fails gives ERROR_CHILD with its exit status in
   *exit_status (128 + signal for a signal). */
int build_run(struct plan *p, struct build_result *result, int *exit_status, struct error *err);

#endif
