/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wildcards: * ? [a-z] [^a-z] \x as Go's filepath.Match has them, and "**" of ignore files.
 *
 * None but a class matches '/'. A pattern is taken apart once and then matched in time that is at
 * most proportional to pattern times path, whatever both hold. Characters are those of UTF-8; a
 * byte that is none counts as one.
 */
#ifndef BUILDER_GLOB_H
#define BUILDER_GLOB_H

#include "common/arena.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

enum glob_kind {
	GLOB_PATH, /* sources of COPY and ADD: "**" is the same as "*" */
	/* Ignore files, as moby/patternmatcher: "**" is any number of whole directories, at the end
	   of the pattern everything below, and before a plain text at its beginning any prefix at
	   all ("**.go" matches a/x.go). */
	GLOB_TREE,
};

struct glob;

/* Lives as long as the arena. The pattern must have passed glob_check(). */
struct glob *glob_new(struct arena *arena, const char *pattern, enum glob_kind kind);

/* Does it match the whole path? */
bool glob_matches(const struct glob *g, const char *path);

/* Whether text contains an unescaped wildcard. */
bool glob_has_wildcard(const char *text);

/* The text with its escapes removed: the only path that a pattern without wildcards matches. */
char *glob_literal(const char *text);

/* How many bytes of the pattern are leading components without wildcards and escapes; whatever it
   matches lies there. */
size_t glob_fixed_length(const char *pattern);

/* ERROR_SYNTAX for what Go calls a bad pattern: "[", "[]", "[-a]", an escape at the end. */
int glob_check(const char *pattern, struct error *err);

#endif
