/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a built image goes besides the store: -o, --iidfile, --metadata-file.
 */
#ifndef CLI_BUILD_OUTPUT_H
#define CLI_BUILD_OUTPUT_H

#include "builder/build.h"

struct output_spec {
	enum output_type { OUTPUT_NONE, OUTPUT_OCI, OUTPUT_DOCKER, OUTPUT_TAR, OUTPUT_LOCAL } type;
	char *dest; /* path, or "-" */
};

#define OUTPUT_INIT                                                                                \
	{                                                                                          \
		.type = OUTPUT_NONE, .dest = NULL                                                  \
	}

void build_output_release(struct output_spec *o);
DEFINE_CLEANUP_STRUCT(build_output, struct output_spec, build_output_release);

/* "type=oci|docker|tar|local,dest=PATH", or a directory (local), or "-" (tar). */
int output_parse(const char *text, struct output_spec *out, struct error *err);

int output_write(const struct output_spec *o, struct store *s, const struct build_result *result,
		 const char *const *tags, size_t tag_count, int64_t epoch, struct error *err);

/* The image ID into a file. */
int output_iidfile(const char *path, const struct build_result *result, struct error *err);
/* containerimage.digest and its kin, as buildx writes them. */
int output_metadata(const char *path, const struct build_result *result, const char *const *tags,
		    size_t tag_count, struct error *err);

#endif
