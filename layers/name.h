/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image names: [HOST[:PORT]/]PATH[:TAG][@DIGEST] (distribution reference grammar).
 *
 * The canonical form that the store uses is the familiar one: "docker.io/library/" and "docker.io/"
 * are dropped, a missing tag is ":latest". So busybox, busybox:latest and
 * docker.io/library/busybox are one name.
 */
#ifndef LAYERS_NAME_H
#define LAYERS_NAME_H

#include "common/error.h"
#include "layers/digest.h"

#include <stdbool.h>

struct name {
	char *repository; /* familiar, without tag: "busybox", "quay.io/a/b" */
	char *tag; /* "latest" if none was written and there is no digest; else may be NULL */
	bool has_digest;
	struct digest digest;
};

int name_parse(const char *text, struct name *out, struct error *err);
void name_release(struct name *n);
DEFINE_CLEANUP_STRUCT(name, struct name, name_release);

/* "repository:tag", the key of refs; caller frees. ERROR_USAGE for a name with a digest. */
char *name_canonical(const char *text, struct error *err);

/* The same with the registry written out, as other tools want it: "docker.io/library/busybox:1" of
   the canonical "busybox:1"; caller frees. */
char *name_qualified(const char *canonical);

#endif
