/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process in one root.
 *
 * sandbox_start() clones an init into new mount, pid, ipc, uts and cgroup namespaces. Init mounts
 * the overlay, /proc, /sys, /dev and the caller's mounts from detached mounts, pivots, drops
 * privileges in a child and executes the program there. Nothing is mounted in the caller's
 * namespace, so the kernel removes everything when init dies; init dies with the caller (lifeline
 * pipe, HARDENING 3.3), and with init every process of the sandbox.
 *
 * When the program has exited, init kills and reaps what is left, so that nothing writes to the
 * upper any more, and reports through a pipe before the namespaces are torn down: the caller may
 * use the upper at that moment and let sandbox_free() wait for the rest.
 *
 *	struct sandbox *box = sandbox_start(&spec, err);
 *	... poll sandbox_fd(box) for reading ...
 *	if (sandbox_finish(box, &result, err) == 0) ...
 *	sandbox_free(box);
 */
#ifndef RUNTIME_SANDBOX_H
#define RUNTIME_SANDBOX_H

#include "runtime/overlay.h"

#include "common/cleanup.h"

#include <stdint.h>
#include <sys/types.h>

enum { SANDBOX_MAX_MOUNTS = 256 }; /* more is ERROR_LIMIT */

/* A mount on top of the root. target is absolute and must exist in the root as a directory or a
   file, whichever source is; it is resolved inside the root. Only below an earlier mount of the
   list, where no stub layer can show, it is made if it is missing. */
struct sandbox_mount {
	enum sandbox_mount_kind {
		SANDBOX_BIND,    /* source: a directory, file or socket (O_PATH); cloned */
		SANDBOX_TMPFS,   /* size, mode, uid, gid */
		SANDBOX_MOVE,    /* source: a detached mount, as overlay_mount() gives; attached */
		SANDBOX_SUBTREE, /* source: the same, as often as wanted; subpath is attached */
		SANDBOX_DATA,    /* data, length, mode, uid, gid: a read-only file in memory that
				    no disk sees, swap included */
	} kind;
	int source;
	const char *target;
	bool read_only;
	bool recursive;       /* of a bind: with the mounts below source */
	bool exec, dev, suid; /* false: mounted noexec, nodev, nosuid */
	uint64_t size;        /* of a tmpfs in bytes; 0: the kernel's default */
	mode_t mode;          /* of a tmpfs or a file */
	const char *subpath;  /* relative; "" is the whole; links are resolved inside source */
	const void *data;
	size_t length;
	uid_t uid; /* owner of a tmpfs's root or a file */
	gid_t gid;
};

enum sandbox_network {
	SANDBOX_HOST_NETWORK,
	SANDBOX_NO_NETWORK,   /* a new namespace with lo up */
	SANDBOX_JOIN_NETWORK, /* enter spec.netns */
};

struct sandbox_spec {
	struct overlay_spec root;
	char *const *argv; /* argv[0] without '/' is searched in PATH of envp, inside the root */
	char *const *envp;
	const char *cwd; /* absolute; must exist */
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* supplementary, exactly these */
	size_t group_count;
	const char *hostname;
	enum sandbox_network network;
	int netns;
	const struct sandbox_mount *mounts; /* in order */
	size_t mount_count;
	int input, output, error; /* the program's 0, 1, 2; -1: /dev/null. Borrowed. */
	uint64_t capabilities;    /* mask of CAP_*; SANDBOX_CAPABILITIES is Docker's set */
	bool new_session;         /* setsid; no controlling terminal */
	bool read_only_root;
	bool unconfined;   /* RUN --security=insecure: nothing masked, /sys writable, no filter,
			      every capability of the caller, more devices of the host */
	uint64_t shm_size; /* of /dev/shm, bytes; 0: 64 MiB */
	const struct sandbox_limit {
		int resource; /* RLIMIT_* */
		uint64_t soft, hard;
	} * limits; /* what the caller may not raise is ERROR_DENIED */
	size_t limit_count;
};

#define SANDBOX_CAPABILITIES UINT64_C(0xa80425fb)

struct sandbox_result {
	int wait_status; /* of the program, as from waitpid */
};

/* What the root must hold before it can be mounted on; the caller provides a stub layer for those
   that the image has not, or not as the right type. */
struct sandbox_target {
	const char *path; /* without leading slash */
	bool directory;
};
const struct sandbox_target *sandbox_targets(size_t *count);

/* Everything spec points at may be freed once it returns. NULL: nothing runs. */
struct sandbox *sandbox_start(const struct sandbox_spec *spec, struct error *err);

/* The same in two steps, for a caller who knows the program before its root is there: init makes
   everything else and waits. Of spec->root only volatile_upper counts. */
struct sandbox *sandbox_prepare(const struct sandbox_spec *spec, struct error *err);
/* Mounts the root and lets the program start in it; once. */
int sandbox_enter(struct sandbox *box, const struct overlay_spec *root, struct error *err);

/* Readable when sandbox_finish() will not block. */
int sandbox_fd(const struct sandbox *box);

/* Waits for the report. 0: the program ran and ended as *result says. -1: it could not be started
   (mounting, chdir, exec), or init was killed; err says why, with ERROR_NOT_FOUND or ERROR_DENIED
   for a program that does not exist or may not be executed. */
int sandbox_finish(struct sandbox *box, struct sandbox_result *result, struct error *err);

/* Passes a signal on to the program (not to all of its process group). */
int sandbox_signal(struct sandbox *box, int signal, struct error *err);

/* Kills everything in the sandbox at once. */
void sandbox_kill(struct sandbox *box);

/* Reaps init; kills it first if sandbox_finish() has not returned. NULL is fine. */
void sandbox_free(struct sandbox *box);
DEFINE_CLEANUP(sandbox, struct sandbox *, sandbox_free);

/* A network namespace with nothing but lo, up; for SANDBOX_JOIN_NETWORK of several sandboxes. It
   lasts as long as the descriptor, or a process in it. */
int sandbox_new_network(struct error *err);

/* Has the teardown ended, so that sandbox_free() will not wait? For callers that reap later. */
bool sandbox_gone(struct sandbox *box);

#endif
