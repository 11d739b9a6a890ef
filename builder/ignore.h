/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of patterns that leave files out: .dockerignore and --exclude. With --parents the same
 * lists say what is taken.
 *
 * A pattern matches a path if it matches it or a directory above it; the last matching line wins;
 * "!" negates. As in BuildKit, a line is only asked if it could change what the lines before it
 * said, also about the directories above: "!docs" brings nothing back from a directory that no line
 * had excluded. With negations an excluded directory must still be walked.
 */
#ifndef BUILDER_IGNORE_H
#define BUILDER_IGNORE_H

#include "builder/glob.h"
#include "common/buf.h"

enum { IGNORE_MAX_BYTES = 1024 * 1024 };

struct ignore;

/* Parses the text of an ignore file; name is for errors. */
struct ignore *ignore_parse(const char *name, const char *text, size_t length, struct error *err);
void ignore_free(struct ignore *ig);
DEFINE_CLEANUP(ignore, struct ignore *, ignore_free);

/* An empty list, and one more pattern for it: blanks around it are dropped, "!" negates. */
struct ignore *ignore_new(void);
int ignore_add(struct ignore *ig, const char *pattern, struct error *err);
/* The same for a pattern whose first character means itself. */
int ignore_add_plain(struct ignore *ig, const char *pattern, struct error *err);

/* The name that ignore_parse() got; NULL for other lists. */
const char *ignore_name(const struct ignore *ig);

/* Does the list match the path (relative, clean)? NULL matches nothing. */
bool ignore_match(const struct ignore *ig, const char *path);

/* The same for who goes through a tree: `above` is what the call for the directory above left in
   its `own`, NULL at the top. Both have ignore_count() elements; own may be NULL. */
bool ignore_match_below(const struct ignore *ig, const bool *above, const char *path, bool *own);
size_t ignore_count(const struct ignore *ig);

/* May anything below an excluded directory be included again? */
bool ignore_has_exceptions(const struct ignore *ig);

#endif
