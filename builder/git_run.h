/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to fetching: the program git, in an environment that holds nothing of the caller's but
 * the way to it, proxies and trusted certificates. No configuration file of the host, hook, prompt,
 * credential helper or local transport takes part (CVE-2022-39253, CVE-2024-32002), in submodules
 * neither.
 */
#ifndef BUILDER_GIT_RUN_H
#define BUILDER_GIT_RUN_H

#include "builder/fetch.h"
#include "common/buf.h"

enum { GIT_MAX_OUTPUT = 4 * 1024 * 1024 };

/* One repository and how to speak with it. */
struct git {
	struct arena arena;
	const char *url;  /* as an argument: never with a password */
	char **variables; /* NAME=VALUE, ended by NULL */
	size_t count;
	size_t settings; /* of git's configuration, among the variables */
};

#define GIT_INIT                                                                                   \
	{                                                                                          \
		.arena = ARENA_INIT, .url = NULL                                                   \
	}

void git_release(struct git *g);
DEFINE_CLEANUP_STRUCT(git, struct git, git_release);

/* User and password of the URL and the secrets become a header that git reads from its environment,
   where other users do not see it. */
int git_open(struct git *g, const struct git_source *source, const struct fetch_options *o,
	     struct error *err);

/* Runs git with the arguments, ended by NULL, in a directory (-1: the root of the host) with umask
   022. What it prints is appended to out, at most GIT_MAX_OUTPUT; out may be NULL. What it
   complains about becomes the error. It dies, with all it started, when this process does. */
int git_run(const struct git *g, int directory, const char *const *arguments, struct buf *out,
	    struct error *err);

#endif
