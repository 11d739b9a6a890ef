/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to runtime: the network namespace of a sandbox, seen from its init.
 */
#ifndef RUNTIME_NETWORK_H
#define RUNTIME_NETWORK_H

#include "runtime/sandbox.h"

/* Joins spec->netns, or brings lo up in the new namespace that init was cloned into. */
int network_enter(const struct sandbox_spec *spec, struct error *err);

#endif
