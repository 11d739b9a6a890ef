/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How changes between two trees are printed: lines for people, or JSON written as it is found, so
 * that the memory does not grow with the number of changes.
 */
#ifndef CLI_DIFF_REPORT_H
#define CLI_DIFF_REPORT_H

#include "cli/out.h"
#include "layers/compare.h"

struct diff_report {
	struct out *out;
	bool json, stat;
	unsigned ignore; /* change_fields */
	uint64_t total;  /* changes of all comparisons */
	uint64_t count[CHANGE_METADATA + 1], bytes[CHANGE_METADATA + 1]; /* of the current one */
	uint64_t old_bytes; /* of modified files before */
	uint64_t listed;    /* changes in the current JSON array */
};

/* Compares and prints. In JSON mode the members "changes" and "summary" of an object that the
   caller has opened. */
void diff_report(struct diff_report *r, const struct snapshot *old, const struct snapshot *new);

/* "mtime,owner" into change_fields. */
int diff_fields_parse(const char *list, unsigned *fields, struct error *err);

#endif
