/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step is what changes files: RUN, COPY, ADD, WORKDIR. Everything in it is expanded. Private to
 * builder/.
 */
#ifndef BUILDER_STEP_H
#define BUILDER_STEP_H

#include "builder/build.h"
#include "builder/context.h"

struct stage_plan;
struct base_image;

enum step_kind { STEP_RUN, STEP_COPY, STEP_WORKDIR };

/* A declared volume and who declared it. */
struct volume {
	const char *path;   /* clean and absolute */
	const char *origin; /* "Dockerfile:12" or "image busybox:latest" */
};

/* A file that a here-document of COPY or ADD makes, or the script of RUN. */
struct inline_file {
	const char *name;
	const char *data;
	size_t length;
};

/* Where COPY --from and RUN --mount=from find files. */
struct source_root {
	enum { FROM_CONTEXT, FROM_STAGE, FROM_IMAGE } kind;
	struct context *context;  /* FROM_CONTEXT: the build's or a named one */
	struct stage_plan *stage; /* FROM_STAGE */
	struct base_image *image; /* FROM_IMAGE */
};

/* RUN --mount */
struct run_mount {
	enum run_mount_type {
		MOUNT_BIND,
		MOUNT_CACHE,
		MOUNT_TMPFS,
		MOUNT_SECRET,
		MOUNT_SSH,
		MOUNT_HOST, /* build --volume */
	} type;
	const struct build_bind *host; /* MOUNT_HOST */
	const char *target;            /* clean and absolute; NULL: a secret that is only env */
	const char *id;                /* of a cache, secret or agent */
	bool has_from;                 /* bind: always; cache: initial content */
	struct source_root from;
	const char *source; /* in from; clean, without leading slash, "" is all */
	const char *env;    /* secret: the variable that holds it; or NULL */
	bool read_only, required;
	enum { SHARING_SHARED, SHARING_PRIVATE, SHARING_LOCKED } sharing;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t size; /* tmpfs, bytes; 0: no limit of its own */
	struct span at;
};

struct run_spec {
	struct strings argv;
	struct strings env;   /* what the key and the program see */
	struct strings proxy; /* what only the program sees */
	const char *cwd, *user;
	const struct inline_file *script; /* placed in the root for this step only; or NULL */
	enum build_network network;
	bool insecure; /* --security=insecure */
	struct run_mount *mounts;
	size_t mount_count;
};

#define SCRIPT_DIRECTORY "run/varve" /* where run_spec.script is found inside the root */

struct copy_source {
	enum { SOURCE_PATH, SOURCE_HTTP, SOURCE_GIT } kind;
	const char *path;    /* SOURCE_PATH: clean, relative to the root of `from`; may hold
				wildcards. With --parents the pivot is kept as "/./". */
	const char *written; /* as the user wrote it, for messages */
	const struct git_source *git; /* SOURCE_GIT */
};

struct copy_spec {
	struct source_root from;
	struct copy_source *sources;
	size_t source_count;
	struct inline_file *files; /* here-documents */
	size_t file_count;
	const char *dest;  /* absolute; a trailing slash means a directory */
	const char *chown; /* or NULL */
	const char *chmod; /* or NULL; checked */
	enum {
		UNPACK_NEVER,
		UNPACK_LOCAL,
		UNPACK_ALWAYS
	} unpack;     /* archives are extracted;
local ones by ADD, those from a URL only with --unpack */
	bool parents; /* the path of a source is kept below dest */
	bool link;    /* onto an empty root: nothing of the image below is looked at */
	bool keep_git_dir;
	const char *checksum;       /* of the one remote source; or NULL */
	const char *const *exclude; /* --exclude patterns */
	size_t exclude_count;
};

struct step {
	int number; /* 1-based over the whole plan */
	enum step_kind kind;
	struct stage_plan *stage;
	struct step *previous; /* in the same stage, or NULL */
	const struct insn *insn;
	const struct dockerfile *file; /* the insn's: the user's, or that of an ONBUILD trigger */
	const char *label;             /* "[build 2/5] RUN make" */
	const char *created_by;        /* for the history */
	const char *place; /* "Dockerfile:7", or the image that an ONBUILD trigger came from */
	struct run_spec run;
	struct copy_spec copy;
	const char *directory, *directory_user; /* WORKDIR */
	struct volume *volumes;                 /* declared before this step */
	size_t volume_count;
};

#endif
