/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build will do, as data. Private to builder/.
 *
 * Every stage that the target needs has its final config and a list of steps. A step is what
 * changes files: RUN, COPY, ADD, WORKDIR; everything in it is expanded. All other instructions have
 * been folded into the config and remain as marks for the history.
 */
#ifndef BUILDER_PLAN_H
#define BUILDER_PLAN_H

#include "builder/build.h"
#include "builder/context.h"
#include "builder/ignore.h"
#include "builder/scope.h"
#include "parser/rule.h"

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

/* One instruction in the history; step is NULL for those that change only the config. */
struct mark {
	const char *created_by;
	struct step *step;
};

struct base_image {
	const char *written;  /* as in FROM */
	const char *platform; /* "os/arch[/variant]" that was asked for */
	struct image image;
	struct base_image *next;
};

enum base_kind { BASE_SCRATCH, BASE_IMAGE, BASE_STAGE };

struct stage_plan {
	int index;
	const struct stage *source;
	const char *name; /* as given, or "stage-N" */
	bool needed, planned;
	bool no_cache; /* its steps are executed */
	enum base_kind base;
	struct base_image *image;
	struct stage_plan *base_stage;
	struct context *base_context; /* BASE_SCRATCH with the files of this in it */
	struct config config;         /* complete but for layers, history and created */
	struct scope scope;
	bool cmd_set; /* by CMD in this stage: ENTRYPOINT then keeps it */
	struct step **steps;
	size_t step_count;
	struct mark *marks;
	size_t mark_count;
	struct volume *volumes;
	size_t volume_count;
};

struct plan {
	struct arena arena;
	const struct build_options *options;
	struct dockerfile *file;
	const char *display; /* the Dockerfile's name in messages */
	struct scope globals;
	struct stage_plan *stages;
	size_t stage_count;
	struct stage_plan *target;
	struct stage_plan *current; /* whose instructions are being planned */
	struct base_image *images;
	struct dockerfile **triggers; /* parsed ONBUILD texts of base images */
	size_t trigger_count;
	struct step **steps; /* of all needed stages, in an order that respects dependencies */
	size_t step_count;
	struct context context;   /* the build's; fd -1: none */
	struct context *contexts; /* named ones that were used */
	int64_t epoch;
};

/* Adds an error or warning at a span of the instruction. Errors make build_plan() fail at its end;
   so the caller goes on. */
void plan_report(struct plan *p, const struct dockerfile *file, enum diag_severity severity,
		 struct span at, const char *hint, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* Adds a finding of a rule, unless the user switched it off there. */
void plan_warn(struct plan *p, const struct dockerfile *file, enum rule rule, struct span at,
	       const char *hint, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Expands a word in the stage's scope into the plan's arena. NULL after reporting. */
const char *plan_expand(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
			const struct word *word, struct span at);

/* Applies one instruction to a stage: its config, scope, marks, steps. */
void plan_instruction(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		      const char *place, const struct insn *insn);
/* The parts of it that live in files of their own. */
void plan_config(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		 const char *place, const struct insn *insn);
void plan_run(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
	      const char *place, const struct insn *insn);
/* Adds one --mount to run; false after reporting. */
bool plan_mount(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		const struct flag *flag, struct run_spec *run);
/* The name behind from= of a --mount text, in the arena; or NULL. */
const char *plan_mount_from(struct arena *arena, const char *text);
void plan_copy(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
	       const char *place, const struct insn *insn);
void plan_workdir(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		  const char *place, const struct insn *insn);

struct step *plan_add_step(struct plan *p, struct stage_plan *stage, enum step_kind kind,
			   const struct dockerfile *file, const char *place,
			   const struct insn *insn, const char *created_by);
void plan_mark(struct plan *p, struct stage_plan *stage, const char *created_by, struct step *step);
void plan_add_volume(struct plan *p, struct stage_plan *stage, const char *path,
		     const char *origin);

/* The flag, or NULL. */
const struct flag *flag_of(const struct insn *insn, const char *name);
/* The value of a bool flag; it was checked by the parser. */
bool flag_is_true(const struct flag *flag);
/* Reports every flag that is not in known, a list that ends with NULL; false if there is one. */
bool plan_flags_supported(struct plan *p, const struct dockerfile *file, const struct insn *insn,
			  const char *const *known);

/* The body without the tabs that <<- takes away. */
const char *plan_heredoc(struct plan *p, const struct heredoc *h, size_t *length);

/* What --build-context gives a name: 1 with *out; 0 if it gives it nothing; -1 after reporting. */
int plan_context(struct plan *p, const struct dockerfile *file, const char *name, struct span at,
		 struct source_root *out);

/* The root that --from of COPY, or from= of a mount, names; false after reporting. */
bool plan_root(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
	       const char *name, struct span at, struct source_root *out);

/* The earlier stage that `name` (or number) means as seen from stage `before`, or NULL. */
struct stage_plan *plan_find_stage(struct plan *p, const char *name, int before);

/* Plans a stage and first what it is based on; once. */
void plan_need(struct plan *p, struct stage_plan *stage);

/* Base images: from the store, an OCI layout or an archive; loaded once per plan. */
struct base_image *plan_image(struct plan *p, const char *written, struct error *err);

/* a/b joined and cleaned as an absolute path; b absolute wins. Lexical, in the arena. */
const char *path_join(struct arena *arena, const char *a, const char *b);

#endif
