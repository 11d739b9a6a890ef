/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan being executed. Private to builder/.
 *
 * Each step is a small state machine; schedule() advances every one that can advance, and is called
 * after each event of the loop. Nothing here blocks: programs run in sandboxes, everything that
 * reads or writes much in jobs.
 */
#ifndef BUILDER_RUN_H
#define BUILDER_RUN_H

#include "builder/cache.h"
#include "builder/facts.h"
#include "builder/key.h"
#include "builder/plan.h"
#include "common/fd.h"
#include "common/job.h"
#include "common/loop.h"
#include "layers/unpacker.h"
#include "runtime/sandbox.h"

enum { TAIL_BYTES = 8 * 1024, ETC_FILES = 3 };

enum step_state {
	STEP_WAITING,   /* for the steps it depends on, and for its list of files */
	STEP_LOCKING,   /* another process executes the same step */
	STEP_PREPARING, /* its lower trees are being unpacked */
	STEP_RUNNING,   /* program or copy */
	STEP_PRUNING,   /* writes below volumes are being discarded */
	STEP_COMPARING, /* with what other steps on the same root did before */
	STEP_SEALED,    /* the upper is final: successors may start; not packed yet */
	STEP_PACKING,
	STEP_DONE, /* the outcome is known */
};

/* One step in execution. */
struct execution {
	struct build *build;
	const struct step *step;
	enum step_state state;
	bool cached, announced;
	bool same; /* it ran, and did what another step had done before: that one's layer */
	uint64_t started, sealed;
	struct digest parent, key;
	struct record inputs; /* of the key */
	bool have_key;
	struct outcome outcome;
	bool have_outcome; /* as packed or recorded, not only its id */
	/* files of a COPY from the context */
	enum { LIST_NONE, LIST_RUNNING, LIST_READY } list_state;
	struct buf list; /* only kept when a miss is to be explained */
	struct digest list_digest;
	struct fetched *fetched; /* what its remote sources are, one a source; or NULL */
	bool foreign;            /* some of them are not owned by 0:0 */
	bool linked;             /* some have several names */
	char *graft; /* where in the upper the source of the copy is packed; NULL: it is copied */
	struct mounts *mounts;     /* of a RUN; NULL: none, or not prepared */
	struct redactor *redactor; /* of its output; NULL: the step has no secrets */
	/* the writable layer */
	char name[RANDOM_NAME_SIZE]; /* of its directory in the stage */
	int upper;                   /* its fs directory; valid until the build ends */
	int lock;
	struct root_facts *facts;    /* of a RUN that has started; the next one may take them */
	struct spare {               /* made while the step before runs, and not yet in use */
		struct sandbox *box; /* has yet to get its root */
		char name[RANDOM_NAME_SIZE];
		int upper, work;
	} spare;
	struct sandbox *box;
	struct job *job;
	int output; /* read end of the program's output */
	char tail[TAIL_BYTES];
	size_t tail_length;
};

struct build {
	struct plan *plan;
	const struct build_options *options;
	struct store *store;
	struct loop *loop;
	struct execution *steps;   /* steps[number - 1] */
	struct unpacker *unpacker; /* the trees of stored layers that serve as lowers */
	struct sandbox **leaving;  /* finished, being torn down */
	size_t leaving_count;
	int netns;                /* of steps without a network, made for the first of them; -1 */
	int etc[ETC_FILES];       /* as the sandbox sees them */
	struct execution **order; /* the same, by what waits for them; order.c */
	unsigned steps_at_once;   /* that run, which mostly wait for something */
	unsigned jobs;            /* of each kind of work that keeps a processor busy */
	unsigned running, packing, listing;
	uint64_t began;
	int interrupts, signal;
	uint64_t interrupted_at;
	bool pinned;  /* hits are protected from GC: something will be executed */
	int log;      /* -1 before the first output */
	int log_step; /* whose output was written last */
	bool log_failed;
	char log_name[BUILD_LOG_NAME];
	struct error error; /* the first failure; code ERROR_NONE while all is well */
	int exit_status;
};

/* --- schedule.c ---------------------------------------------------------------------------- */
/* Returns in how many microseconds it must be called again, or PACK_NOTHING. */
uint64_t schedule(struct build *b);
/* Remembers the first failure of a build and stops the rest. */
void build_fail(struct build *b, const struct error *err);
/* After a failure or an interruption nothing is begun any more; what is sealed is still packed. */
bool is_stopping(const struct build *b);
void step_fail(struct execution *e, const struct error *err);
/* Must the step be executed, whatever is recorded? */
bool is_uncached(const struct execution *e);
void step_seal(struct execution *e);
void step_packed(struct execution *e);
/* Sends an event about a step; its step, label and time are filled in. */
void step_event(const struct execution *e, struct event event);

/* What a step that is being executed reads from: equal ids, equal content. Of a context it is what
   the step sees of all its contexts. */
void id_of_root(const struct execution *e, const struct source_root *root, struct digest *id);

/* --- trees.c ------------------------------------------------------------------------------- */
struct lowers {
	int *fd; /* the top first */
	size_t count;
};
void lowers_release(struct lowers *l);
DEFINE_CLEANUP_STRUCT(lowers, struct lowers, lowers_release);

/* The trees a step lies on, or with `whole` those of a whole stage. 1: they are all there; 0: some
   are being unpacked, ask again; -1: err. */
int trees_below(struct build *b, const struct step *s, struct lowers *out, struct error *err);
int trees_of_stage(struct build *b, const struct stage_plan *stage, struct lowers *out,
		   struct error *err);
int trees_of_image(struct build *b, const struct base_image *image, struct lowers *out,
		   struct error *err);
/* Those of a stage or an image. */
int trees_of_root(struct build *b, const struct source_root *root, struct lowers *out,
		  struct error *err);
struct stack lowers_stack(const struct build *b, const struct lowers *l);

/* --- the kinds of work --------------------------------------------------------------------- */
/* Each starts the step's work over these lowers; when it ends it calls step_finished or step_fail.
 */
int start_run(struct execution *e, const struct lowers *below, struct error *err);
int start_copy(struct execution *e, const struct lowers *below, const struct lowers *source,
	       struct error *err);
int start_workdir(struct execution *e, const struct lowers *below, struct error *err);
/* After a RUN with --volume-writes=discard. */
int start_discard(struct execution *e, const struct lowers *below, struct error *err);

/* A hit whose layer is there only in another compression. */
int start_transcode(struct execution *e, struct error *err);
/* The directories of the writable layer: makes them, makes them ahead. */
int make_upper(struct execution *e, const struct lowers *below, int *work, struct error *err);
int make_spare_upper(struct execution *e, struct error *err);

/* Of a step that will not run, or not so. */
void spare_drop(struct execution *e);

/* --- list.c -------------------------------------------------------------------------------- */
/* The list may be there already when it returns: see e->list_state. */
int start_list(struct execution *e, struct error *err);

/* --- etc.c --------------------------------------------------------------------------------- */
/* Makes hosts, hostname and resolv.conf, once. */
int etc_make(struct build *b, struct error *err);
extern const char *const etc_paths[ETC_FILES];
const char *etc_hostname(const struct build *b);

/* --- cutoff.c ------------------------------------------------------------------------------ */
/* The upper is final. Seals the step, unless another one did the same before. */
void step_finished(struct execution *e);
/* Notes that the step ran on its root. Blocks: for the job that records it. */
int cutoff_remember(const struct execution *e, struct error *err);

/* --- step_output.c ------------------------------------------------------------------------------
 */
/* Begins to pass on what the program will write to the descriptor that is returned. */
int step_output_begin(struct execution *e, struct error *err);
/* The rest of it, once nothing can write any more. */
void step_output_end(struct execution *e);

/* --- order.c ------------------------------------------------------------------------------- */
/* Fills b->order: those with the longest chain of steps behind them first. */
void order_steps(struct build *b);

/* --- packing.c ----------------------------------------------------------------------------- */
#define PACK_NOTHING UINT64_MAX
/* Starts to pack what is sealed; ends in step_packed() or step_fail(). Returns in how many
   microseconds it is to be called again although nothing has happened. */
uint64_t pack_sealed(struct build *b);
/* Is nothing below it looked at? */
bool is_linked(const struct step *s);

/* --- direct.c ------------------------------------------------------------------------------ */
/* A copy whose result nobody mounts is packed from where its files are: sets e->graft if it can be.
   below are the trees under the step. */
int direct_choose(struct execution *e, const struct lowers *below, struct error *err);
/* Packs it. options is complete but for the graft. */
int direct_pack(struct execution *e, const struct pack_options *options, struct layer *out,
		struct error *err);

/* --- log.c -------------------------------------------------------------------------------- * */
void log_output(struct execution *e, const char *data, size_t length);

/* --- hint.c -------------------------------------------------------------------------------- */
/* Appends how the layer of a step that was executed could be smaller, in one sentence, if there is
   a way that is worth it. */
void layer_hint(const struct execution *e, struct buf *out);

/* --- finish.c ------------------------------------------------------------------------------ */
/* Config, manifest, commit, tags. Blocks, by jobs of its own. */
int finish(struct build *b, struct build_result *result, struct error *err);

#endif
