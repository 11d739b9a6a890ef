/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .dockerignore and wildcards (Go's filepath.Match with "**", as moby/patternmatcher has them).
 *
 * A pattern matches a path if it matches it or any parent directory; the last matching line wins;
 * "!" negates. With negations an excluded directory must still be walked.
 */
#ifndef BUILDER_IGNORE_H
#define BUILDER_IGNORE_H

#include "common/buf.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { IGNORE_MAX_BYTES = 1024 * 1024 };

struct ignore;

/* Parses the text of an ignore file; name is for errors. */
struct ignore *ignore_parse(const char *name, const char *text, size_t length, struct error *err);
void ignore_free(struct ignore *ig);
DEFINE_CLEANUP(ignore, struct ignore *, ignore_free);

/* Is path (relative, clean) excluded? NULL excludes nothing. */
bool ignore_match(const struct ignore *ig, const char *path);
/* May anything below an excluded directory be included again? */
bool ignore_has_exceptions(const struct ignore *ig);

/* Shell-like matching of a whole path against a pattern, component by component: * ? [a-z] \x do
   not cross '/', "**" matches any number of components. */
bool glob_match(const char *pattern, const char *path);
/* Whether text contains an unescaped wildcard. */
bool glob_has_wildcard(const char *text);
/* ERROR_FORMAT for a pattern that cannot match anything, such as "[". */
int glob_check(const char *pattern, struct error *err);

#endif
