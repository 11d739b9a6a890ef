/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of git repositories as ADD, contexts and --build-context take them (REFERENCE 1.9 point 19,
 * 2.1): git@host:path, ssh://, git://, http(s)://...git, each with #ref:subdir or ?query.
 */
#ifndef BUILDER_GIT_H
#define BUILDER_GIT_H

#include "common/arena.h"
#include "common/error.h"

#include <stdbool.h>

enum { GIT_ID_SIZE = 65 }; /* hex of a SHA-1 or SHA-256 commit name, and NUL */

struct git_source {
	const char *url;      /* for git itself, without fragment and query */
	const char *ref;      /* branch, tag, full ref or commit; NULL: HEAD */
	const char *subdir;   /* clean, relative; "" is the root */
	const char *checksum; /* ?checksum= or ?commit=; or NULL */
	bool keep_git_dir;    /* ?keep-git-dir= */
	bool submodules;      /* default true; ?submodules=false */
	bool commit_times;    /* ?mtime=commit: every file gets the commit's time */
};

/* Does the text name a git repository rather than a file or a plain URL? */
bool git_is_source(const char *text);

/* Parses it into the arena. ERROR_USAGE for a conflict (branch and tag), an unknown query key, a
   ref that git check-ref-format would refuse, or anything that git could take for an option. */
int git_parse(struct arena *arena, const char *text, struct git_source *out, struct error *err);

#endif
