/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `varve build --call` tells of a Dockerfile instead of building it.
 */
#ifndef CLI_BUILD_CALL_H
#define CLI_BUILD_CALL_H

#include "builder/build.h"
#include "cli/out.h"

enum call_method { CALL_BUILD, CALL_CHECK, CALL_OUTLINE, CALL_TARGETS };

struct build_call {
	enum call_method method;
	bool json;
};

/* METHOD[,format=text|json]; NULL is CALL_BUILD. */
int call_parse(const char *text, struct build_call *out, struct error *err);

/* The stages that --target may name. Returns the exit status. */
int call_targets(const struct build_call *call, const struct dockerfile *df, struct out *out);
/* What the target can be given. */
int call_outline(const struct build_call *call, struct plan *p, struct out *out);
/* Everything that was found: 1 if there is anything. */
int call_check(const struct build_call *call, const struct dockerfile *df, struct out *out);

#endif
