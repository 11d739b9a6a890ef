/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this kernel and environment allow, in words, for `varve info` and for error hints.
 */
#ifndef RUNTIME_PROBE_H
#define RUNTIME_PROBE_H

#include "common/error.h"

#include <stdbool.h>

enum { PROBE_MAX = 32 };

struct probe_result {
	struct probe_item {
		const char *name; /* "overlay with lowerdir+", "user namespaces", ... */
		bool ok;
		char detail[400]; /* version, or why not and what to do; cut */
	} item[PROBE_MAX];
	int count;
};

/* Tries each feature in forked children; store is a directory on the file system that would hold
   uppers. Leaves nothing behind. */
void probe_run(int store, struct probe_result *out);

#endif
