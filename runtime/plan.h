/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to runtime: what the processes of a sandbox have in common.
 *
 *	caller (sandbox.c) --clone3--> init (init.c), PID 1 --vfork--> program (program.c)
 *
 * Init is a fork of the caller and finds the plan in its copy of the memory. The program's child
 * shares init's memory until it executes, so it leaves its errors there.
 */
#ifndef RUNTIME_PLAN_H
#define RUNTIME_PLAN_H

#include "runtime/sandbox.h"

#include <stddef.h>

struct plan {
	const struct sandbox_spec *spec; /* its strings do not lie in the stack's argv or environ */
	int *sources;                    /* of spec->mounts: detached; -1: made by init */
	int lifeline; /* seqpacket socket. To init: the root's mount, then numbers of signals to
			 pass on; it ends when the caller dies. From init: one struct report */
	bool oom_protected; /* the caller has a negative oom_score_adj */
};

/* What init has made while the caller was mounting the root. */
struct furniture {
	int proc, sys, dev; /* attached over those of the host, in init's namespace */
	int null;           /* our /dev/null, open */
};

enum report_kind { REPORT_ENDED, REPORT_FAILED };

struct report {
	enum report_kind kind;
	struct sandbox_result result; /* REPORT_ENDED */
	struct error err;             /* REPORT_FAILED; not sent otherwise */
};
#define REPORT_ENDED_SIZE offsetof(struct report, err)

/* Everything that PID 1 does. */
_Noreturn void init_run(const struct plan *plan);

/* mounts.c: makes /proc, /sys and /dev with everything in them. */
int mounts_prepare(const struct sandbox_spec *spec, struct furniture *out, struct error *err);

/* mounts.c: attaches the root, and everything else in it. */
int mounts_build(const struct plan *plan, const struct furniture *f, int root, struct error *err);

/* attach.c: mounts spec->mounts[i] in the root, after those before it. */
int attach(const struct plan *plan, size_t i, int root, struct error *err);

/* attach.c: MOUNT_ATTR_* of one of the caller's mounts. */
unsigned int mount_attributes(const struct sandbox_mount *m);

/* device.c: /dev with its own mounts, over the host's /dev. */
int device_mount(const struct sandbox_spec *spec, struct error *err);

/* mask.c: hides or write-protects what does not belong into a sandbox, in /proc and /sys. */
int mask_mount(struct error *err);

/* program.c: starts the program in the root and returns its pid, once it executes. */
pid_t program_start(const struct plan *plan, const struct furniture *f, struct error *err);

/* limits.c: the defaults, in init, where the caller did not say otherwise; the caller's, in the
   program's child. */
int limits_set_defaults(const struct sandbox_spec *spec, struct error *err);
int limits_set(const struct sandbox_spec *spec, struct error *err);

/* confine.c: takes every privilege away that the program shall not have: first what init can do
   without itself, in its own time, then the rest, in the program's child. */
int confine_early(const struct sandbox_spec *spec, struct error *err);
int confine(const struct sandbox_spec *spec, struct error *err);

#endif
