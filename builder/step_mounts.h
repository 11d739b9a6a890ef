/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mount of a RUN at run time. Private to builder/step_*.c.
 */
#ifndef BUILDER_STEP_MOUNTS_H
#define BUILDER_STEP_MOUNTS_H

#include "builder/agent.h"
#include "builder/run.h"

struct mount {
	const struct run_mount *spec;
	bool ready;
	bool absent;   /* an optional secret or agent that was not given */
	int fd;        /* what is mounted: a directory, a file, a socket, or a detached mount */
	bool detached; /* the last of these; subpath says what of it */
	const char *subpath;
	bool directory; /* what is mounted is one */
	int copy;       /* the directory that a copy of the source was made in; or -1 */
	int lock;       /* of a cache */
	struct agent *agent;
	char *target; /* resolved inside the root */
};

struct mounts {
	struct mount *item;
	size_t count;
};

/* Gives everything back that was opened for it. */
void mount_forget(struct mount *m);

/* Of a job of the step: goes on, or fails the step. */
void mount_job_ended(void *user, const struct buf *result, const struct error *err);

/* Starts to copy what the mount shows of its root, of these lowers, into a directory, in a job.
   lock: of a cache that is fresh, and ready then; or -1. */
int mount_fill(struct execution *e, const struct run_mount *spec, const struct lowers *lowers,
	       int directory, int lock, struct error *err);

enum store_sharing mount_sharing(const struct run_mount *spec);

/* 1: it is there; 0: not yet, ask again; -1: err. */
int mount_prepare_cache(struct execution *e, struct mount *m, struct error *err);
int mount_prepare_ssh(struct execution *e, struct mount *m, struct error *err);

/* Opens, locks, copies and starts what the mounts of a RUN need. 1: all is there; 0: not yet, ask
   again after an event; -1: err. */
int step_mounts_prepare(struct execution *e, struct error *err);
/* Resolves the links in their targets; then what has to exist in the root for them, and the mounts
   themselves. out has room for run.mount_count; the number used is returned. Valid until
   step_mounts_release(). */
int step_mounts_resolve(struct execution *e, const struct stack *root, struct error *err);
size_t step_mounts_targets(const struct execution *e, struct stub_target *out);
size_t step_mounts_fill(const struct execution *e, struct sandbox_mount *out);
/* The secret of a mount, or NULL. */
const struct build_secret *step_mounts_secret(const struct build *b, const struct run_mount *m);
void step_mounts_release(struct execution *e);

#endif
