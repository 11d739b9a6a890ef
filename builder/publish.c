/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/publish.h"

#include <string.h>
#include <time.h>

void build_annotations(const struct build_annotation *list, size_t count, unsigned on,
		       const char *platform, struct arena *arena, struct labels *out)
{
	for (size_t i = 0; i < count; i++)
		if ((list[i].on & on) != 0 && (list[i].platform == NULL || platform == NULL ||
					       strcmp(list[i].platform, platform) == 0))
			labels_set(arena, out, list[i].key, list[i].value);
}

/* The image alone: an annotation that would be lost is a mistake. */
static int single(const struct build_result *result, const struct build_annotation *annotations,
		  size_t count, struct ref *out, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if ((annotations[i].on & (ANNOTATE_INDEX | ANNOTATE_INDEX_DESCRIPTOR)) == 0)
			continue;
		error_set(err, ERROR_USAGE,
			  "annotation %s is for an index, and one platform makes none",
			  annotations[i].key);
		return error_hint(err, "--build-arg BUILDKIT_MULTI_PLATFORM=1 makes an index of "
				       "one image");
	}
	*out = result->ref;
	out->name = NULL;
	out->media_type = xstrdup(result->ref.media_type);
	return 0;
}

int build_join(struct store *s, const struct build_result *results, size_t count, bool index,
	       const struct build_annotation *annotations, size_t annotation_count, struct ref *out,
	       struct error *err)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	struct index_entry *entries;
	struct labels of_index = {.item = NULL}, *of_entry;

	if (!index)
		return single(&results[0], annotations, annotation_count, out, err);
	entries = arena_alloc(&arena, count * sizeof(*entries));
	of_entry = arena_alloc(&arena, count * sizeof(*of_entry));
	for (size_t i = 0; i < count; i++) {
		entries[i].ref = &results[i].ref;
		entries[i].platform = results[i].platform;
		entries[i].annotations = &of_entry[i];
		build_annotations(annotations, annotation_count, ANNOTATE_MANIFEST_DESCRIPTOR,
				  platform_text(&arena, &results[i].platform), &arena,
				  &of_entry[i]);
	}
	build_annotations(annotations, annotation_count, ANNOTATE_INDEX, NULL, &arena, &of_index);
	return index_publish(s, entries, count, &of_index, out, err);
}

int build_name(struct store *s, const struct ref *what, const char *const *names, size_t count,
	       struct error *err)
{
	size_t ref_count = count > 0 ? count : 1;
	auto_free struct ref *refs = xcalloc(ref_count, sizeof(*refs));
	int status;

	for (size_t i = 0; i < ref_count; i++) {
		refs[i] = *what;
		refs[i].name = xstrdup(count > 0 ? names[i] : "");
		refs[i].when = (int64_t)time(NULL);
	}
	status = store_commit(s, refs, ref_count, err);
	for (size_t i = 0; i < ref_count; i++)
		free(refs[i].name);
	return status;
}

int build_annotate(struct store *s, const struct build_result *in,
		   const struct build_annotation *annotations, size_t annotation_count,
		   struct build_result *out, struct error *err)
{
	auto_(image) struct image image = {.layers = NULL};
	auto_(arena) struct arena arena = ARENA_INIT;
	struct build_result r = *in;

	if (image_load(s, &in->ref.manifest, in->ref.size, &image, err) < 0)
		return -1;
	build_annotations(annotations, annotation_count, ANNOTATE_MANIFEST,
			  platform_text(&arena, &in->platform), &image.config.arena,
			  &image.annotations);
	if (image_republish(s, &image, &r.ref, err) < 0)
		return -1;
	*out = r;
	return 0;
}
