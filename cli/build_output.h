/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a built image goes besides the store: -o, --iidfile, --metadata-file.
 */
#ifndef CLI_BUILD_OUTPUT_H
#define CLI_BUILD_OUTPUT_H

#include "builder/build.h"

struct output_spec {
	enum output_type { OUTPUT_OCI, OUTPUT_DOCKER, OUTPUT_TAR, OUTPUT_LOCAL, OUTPUT_IMAGE } type;
	const char *dest; /* path, or "-"; NULL for OUTPUT_IMAGE */
	bool directory;   /* of OUTPUT_OCI: a layout directory, not a tar of it */
	bool recompress;  /* the layers, as compression says */
	enum compression compression;
	const char *const *names; /* canonical: what the image is called there besides the tags */
	size_t name_count;
	const struct build_annotation *annotations;
	size_t annotation_count;
};

/* "type=oci|docker|tar|local|image,dest=PATH,...", or a directory (local), or "-" (tar). Texts are
   in the arena. */
int output_parse(struct arena *arena, const char *text, struct output_spec *out, struct error *err);

/* What was built. */
struct built {
	const struct build_result *results; /* one for each platform */
	size_t count;
	bool index;
	const struct ref *named; /* what the tags point at */
	const char *const *tags;
	size_t tag_count;
	const struct build_annotation *annotations;
	size_t annotation_count;
};

/* The image ID, or the digest of the index. */
const struct digest *built_id(const struct built *b);

int output_write(const struct output_spec *o, struct store *s, const struct built *built,
		 struct error *err);

/* The ID into a file. */
int output_iidfile(const char *path, const struct built *built, struct error *err);
/* containerimage.digest and its kin, as buildx writes them. */
int output_metadata(const char *path, const struct built *built, const struct dockerfile *file,
		    struct error *err);

#endif
