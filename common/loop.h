/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of the main process: one thread, epoll, no blocking calls in handlers.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include "common/cleanup.h"
#include "common/error.h"

#include <stdint.h>

struct loop;

struct loop *loop_new(struct error *err);
void loop_free(struct loop *l); /* NULL is fine */
DEFINE_CLEANUP(loop, struct loop *, loop_free);

/* Calls ready(user) whenever fd is readable or at its end, until loop_unwatch(). One watch per fd;
   the fd stays the caller's. */
int loop_watch(struct loop *l, int fd, void (*ready)(void *user), void *user, struct error *err);
void loop_unwatch(struct loop *l, int fd);

/* Waits for one round of events at most timeout_ms (-1: for ever) and dispatches them. Returns the
   number of handlers called. */
int loop_step(struct loop *l, int timeout_ms, struct error *err);

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t loop_now(void);

#endif
