/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that blocks, in a forked process with a result pipe.
 *
 * The main process has one thread, so a plain fork is safe and the job may use everything that was
 * set up before it: open stores, trees, plans. What it changes in memory is lost; what it returns
 * are bytes (append them to *result) or an error. A job dies with its parent.
 */
#ifndef COMMON_JOB_H
#define COMMON_JOB_H

#include "common/buf.h"
#include "common/error.h"
#include "common/loop.h"

struct job;

/* Runs in the child. Returns 0 with the result's bytes, or -1 with err. */
typedef int job_work(void *arg, struct buf *result, struct error *err);

/* Runs in the parent, from the loop, when the child has ended and was reaped; the job is gone when
   it returns. err->code is ERROR_NONE on success. A child that died of a signal is ERROR_BUG, or
   ERROR_CANCELLED after job_cancel(). */
typedef void job_done(void *user, const struct buf *result, const struct error *err);

/* Returns NULL with err if it cannot be started. `what` names the work in errors ("packing step
   3"); it is copied. */
struct job *job_start(struct loop *l, const char *what, job_work *work, void *arg, job_done *done,
		      void *user, struct error *err);

/* Kills it; done() is still called, with ERROR_CANCELLED. */
void job_cancel(struct job *j);

/* How many jobs keep all the processors busy that this process may use; at least 1. */
unsigned job_slots(void);

/* Starts a job and waits for it alone: for callers without a loop. result may be NULL. */
int job_run(const char *what, job_work *work, void *arg, struct buf *result, struct error *err);

/* In a job whose result nobody waits for yet: programs that run beside it come first. */
void job_step_back(void);

/* How many threads a job may well use for work that takes nothing but processor time: one for each
   processor it may run on, at most max. */
int job_threads(int max);

#endif
