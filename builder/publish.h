/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What builds made becomes one image, or an index of one for each platform, and gets its names.
 */
#ifndef BUILDER_PUBLISH_H
#define BUILDER_PUBLISH_H

#include "builder/build.h"

/* Those of a list that are for one kind of document (an annotation_on) and a platform. */
void build_annotations(const struct build_annotation *list, size_t count, unsigned on,
		       const char *platform, struct arena *arena, struct labels *out);

/* What names should point at: the image, or with index an index of all. Writes the index, commits
   nothing. The caller releases *out. ERROR_USAGE if there are annotations for an index and no
   index. */
int build_join(struct store *s, const struct build_result *results, size_t count, bool index,
	       const struct build_annotation *annotations, size_t annotation_count, struct ref *out,
	       struct error *err);

/* Gives what build_join() made its names, durably and all at once; without a name it is kept under
   its digest. */
int build_name(struct store *s, const struct ref *what, const char *const *names, size_t count,
	       struct error *err);

/* The same image under a manifest with annotations. The caller releases out->ref. */
int build_annotate(struct store *s, const struct build_result *in,
		   const struct build_annotation *annotations, size_t annotation_count,
		   struct build_result *out, struct error *err);

#endif
