/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found in a Dockerfile, as the user sees it: text, lines of JSON, metadata.
 */
#ifndef CLI_FINDINGS_H
#define CLI_FINDINGS_H

#include "layers/json.h"
#include "parser/rule.h"

enum findings_which { FINDINGS_ALL, FINDINGS_ERRORS };

/* Errors in the order of the file, then warnings by rule, each with its place and line. */
void findings_text(const struct dockerfile *df, enum findings_which which, struct buf *out);
/* The same, one JSON document a line, in the form of the events of --progress=json. */
void findings_lines(const struct dockerfile *df, enum findings_which which, struct buf *out);

/* {"ranges": [{"start": {"line", "character"}, "end": ...}]} under "location", as BuildKit has it.
 */
void findings_add_location(struct json *to, const struct dockerfile *df, struct span at);
/* The warnings as buildx writes them into its metadata file: texts in base64. */
void findings_add_warnings(struct json *array, const struct dockerfile *df);

#endif
