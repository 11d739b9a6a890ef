/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running without root: one user namespace for the whole process.
 */
#ifndef RUNTIME_USERNS_H
#define RUNTIME_USERNS_H

#include "common/error.h"

#include <stdbool.h>

/* True if this process has the full capabilities of the initial user namespace or is already root
   of a namespace with usable id maps. */
bool userns_privileged(void);

/* True if this process is root of a user namespace other than the initial one: overlays then need
   userxattr and devices cannot be made. */
bool userns_inside(void);

/* Moves this single-threaded process into a new user and mount namespace and becomes uid 0 there:
   with newuidmap and newgidmap and the caller's ranges of /etc/subuid and /etc/subgid, so that
   root plus 65536 ids exist; else with the caller's own id alone, and *single is set. Mount
   propagation is private. Each stage that fails has its own message and hint (HARDENING 3.11). */
int userns_enter(bool *single, struct error *err);

/* Whether userns_enter() can give more than one id: 0, else -1 with the reason and a hint what to
   install or configure. Says nothing about user namespaces being allowed at all. */
int userns_ranges(struct error *why);

#endif
