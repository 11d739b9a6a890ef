/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ssh agent for one RUN --mount=type=ssh.
 *
 * A forked process listens on a socket in the stage and passes what it may (builder/relay.h) on to
 * the agent of the user, or to an ssh-agent of its own that it has loaded with key files. It lives
 * in a pid namespace of its own, so that nothing of it is left when it is ended, and it ends with
 * this process at the latest.
 */
#ifndef BUILDER_AGENT_H
#define BUILDER_AGENT_H

#include "builder/build.h"
#include "common/loop.h"

#include <sys/types.h>

enum { AGENT_MAX_KEY = 64 * 1024 }; /* bytes of a key file */

struct agent;

/* ssh->paths: one socket, or key files; none: $SSH_AUTH_SOCK. The socket file gets mode, uid, gid.
   Does not wait; the loop gets an event when agent_status() has changed. */
struct agent *agent_start(struct loop *l, int stage, const struct build_ssh *ssh, mode_t mode,
			  uid_t uid, gid_t gid, struct error *err);

/* 1: it serves. 0: not yet. -1: a key cannot be loaded, there is no agent at that path, ... */
int agent_status(const struct agent *a, struct error *err);

/* The socket file, O_PATH; belongs to the agent. */
int agent_socket(const struct agent *a);

/* Ends it and removes its files. NULL is fine. */
void agent_free(struct agent *a);
DEFINE_CLEANUP(agent, struct agent *, agent_free);

#endif
