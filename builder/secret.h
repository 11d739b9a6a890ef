/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the values of secrets out of what a program prints.
 *
 * Every byte that belongs to an occurrence of a value is hidden, however occurrences overlap and
 * wherever the output is cut into pieces; each run of such bytes becomes "***". Hidden are
 *
 *	- a value without the line ends at its end, if it has SECRET_MIN_VALUE bytes or more: a
 *	  shorter one would be found by chance everywhere;
 *	- each line of a value of several lines, without the blanks around it, if it has
 *	  SECRET_MIN_LINE bytes or more.
 *
 * Not hidden is what a program makes of a value: in base 64, cut into pieces, escaped.
 *
 * The time is linear in the output (Aho-Corasick). The memory is about 50 bytes for each byte of a
 * value.
 */
#ifndef BUILDER_SECRET_H
#define BUILDER_SECRET_H

#include "builder/fetch.h"
#include "common/buf.h"

enum { SECRET_MIN_VALUE = 4, SECRET_MIN_LINE = 8 };

struct redactor;

/* For one stream. Copies what it needs; NULL if there is nothing to hide. */
struct redactor *redactor_new(const struct build_secret *const *secrets, size_t count);
void redactor_free(struct redactor *r); /* NULL is fine */
DEFINE_CLEANUP(redactor, struct redactor *, redactor_free);

/* Appends to out what is known to be no secret, or "***" for what is one. Only what may be the
   beginning of a value is kept until more comes. */
void redactor_feed(struct redactor *r, const char *data, size_t length, struct buf *out);

/* At the end of the stream: what was kept. */
void redactor_flush(struct redactor *r, struct buf *out);

#endif
