/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build will do, as data. Private to builder/.
 *
 * Every stage that the target needs has its final config and a list of steps (builder/step.h). All
 * other instructions have been folded into the config and remain as marks for the history.
 */
#ifndef BUILDER_PLAN_H
#define BUILDER_PLAN_H

#include "builder/build.h"
#include "builder/context.h"
#include "builder/ignore.h"
#include "builder/scope.h"
#include "builder/step.h"
#include "parser/rule.h"

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
	struct platform platform;     /* of its base; the image's config may say another */
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
	const char *display;      /* the Dockerfile's name in messages */
	struct platform platform; /* what is built */
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
int plan_context(struct plan *p, const struct stage_plan *stage, const struct dockerfile *file,
		 const char *name, struct span at, struct source_root *out);

/* The root that --from of COPY, or from= of a mount, names; false after reporting. */
bool plan_root(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
	       const char *name, struct span at, struct source_root *out);

/* The earlier stage that `name` (or number) means as seen from stage `before`, or NULL. */
struct stage_plan *plan_find_stage(struct plan *p, const char *name, int before);

/* Plans a stage and first what it is based on; once. */
void plan_need(struct plan *p, struct stage_plan *stage);

/* Base images: from the store, an OCI layout or an archive; loaded once per plan. */
struct base_image *plan_image(struct plan *p, const char *written, const struct platform *platform,
			      struct error *err);

/* The value that --build-arg gives, or NULL. */
const char *plan_build_arg(const struct plan *p, const char *name);

/* The directory that --build-context gives a name. NULL: there is none, or it cannot be opened, and
   then with err. */
const struct context *plan_context_directory(struct plan *p, const char *name, struct error *err);

/* Sets p->epoch from the options or a global ARG. */
int plan_epoch(struct plan *p, struct error *err);

/* What is built: --platform, else this machine's. */
int plan_target_platform(struct plan *p, struct error *err);
/* Sets the ARGs TARGET* and BUILD*. */
void plan_platform_args(struct plan *p);
/* FROM --platform, else what is built. */
void plan_stage_platform(struct plan *p, struct stage_plan *stage);

/* a/b joined and cleaned as an absolute path; b absolute wins. Lexical, in the arena. */
const char *path_join(struct arena *arena, const char *a, const char *b);

#endif
