/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_output.h"

#include "builder/export.h"
#include "builder/publish.h"
#include "cli/file.h"
#include "cli/findings.h"
#include "common/arena.h"
#include "common/fd.h"
#include "layers/archive.h"
#include "layers/json.h"

#include <string.h>

const struct digest *built_id(const struct built *b)
{
	return b->index ? &b->named->manifest : &b->results[0].id;
}

static int open_directory(const char *path, struct error *err)
{
	int fd;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_sys(err, "creating %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : error_sys(err, "%s", path);
}

/* --- the root file system ------------------------------------------------------------------ */

struct roots {
	struct image *images;
	struct export_root *item;
	size_t count;
	struct arena arena;
};

static void roots_release(struct roots *r)
{
	for (size_t i = 0; i < r->count; i++)
		image_release(&r->images[i]);
	free(r->images);
	free(r->item);
	arena_release(&r->arena);
}
DEFINE_CLEANUP_STRUCT(roots, struct roots, roots_release);

static int roots_load(struct roots *r, struct store *s, const struct built *b, struct error *err)
{
	r->images = xcalloc(b->count, sizeof(*r->images));
	r->item = xcalloc(b->count, sizeof(*r->item));
	for (; r->count < b->count; r->count++) {
		const struct build_result *result = &b->results[r->count];
		struct export_root *root = &r->item[r->count];

		if (image_load(s, &result->ref.manifest, result->ref.size, &r->images[r->count],
			       err) < 0)
			return -1;
		root->image = &r->images[r->count];
		root->epoch = result->epoch;
		if (b->index)
			root->directory = platform_directory(&r->arena, &result->platform);
	}
	return 0;
}

static int write_roots(const struct output_spec *o, struct store *s, const struct built *b,
		       struct error *err)
{
	auto_(roots) struct roots roots = {.arena = ARENA_INIT};
	auto_(file_output) struct file_output file = FILE_OUTPUT_INIT;
	auto_fd int dir = -1;

	if (roots_load(&roots, s, b, err) < 0)
		return -1;
	if (o->type == OUTPUT_LOCAL) {
		dir = open_directory(o->dest, err);
		return dir < 0 ? -1 : export_directory(s, roots.item, roots.count, dir, err);
	}
	if (file_output_open(&file, o->dest, err) < 0)
		return -1;
	if (export_tar(s, roots.item, roots.count, file.fd, err) < 0)
		return error_add(err, "writing %s", o->dest);
	return file_output_finish(&file, err);
}

/* --- archives ------------------------------------------------------------------------------ */

/* What goes into an archive: the built, or if the output has annotations of its own, the same
   images under other manifests. */
struct annotated {
	struct arena arena;
	struct build_annotation *all;
	size_t all_count;
	struct build_result *results;
	size_t count;
	struct ref top;
};

static void annotated_release(struct annotated *a)
{
	for (size_t i = 0; i < a->count; i++)
		build_result_release(&a->results[i]);
	ref_release(&a->top);
	arena_release(&a->arena);
}
DEFINE_CLEANUP_STRUCT(annotated, struct annotated, annotated_release);

static int annotate(struct annotated *a, const struct output_spec *o, struct store *s,
		    const struct built *b, struct error *err)
{
	a->all_count = b->annotation_count + o->annotation_count;
	a->all = arena_alloc(&a->arena, a->all_count * sizeof(*a->all));
	for (size_t i = 0; i < a->all_count; i++)
		a->all[i] = i < b->annotation_count ? b->annotations[i]
						    : o->annotations[i - b->annotation_count];
	a->results = arena_alloc(&a->arena, b->count * sizeof(*a->results));
	for (; a->count < b->count; a->count++)
		if (build_annotate(s, &b->results[a->count], a->all, a->all_count,
				   &a->results[a->count], err) < 0)
			return -1;
	return build_join(s, a->results, a->count, b->index, a->all, a->all_count, &a->top, err);
}

static int save(const struct output_spec *o, struct store *s, const struct save_item *item,
		struct error *err)
{
	enum save_format format = o->type == OUTPUT_DOCKER ? SAVE_DOCKER
				  : o->directory           ? SAVE_OCI_DIR
							   : SAVE_OCI;
	auto_(file_output) struct file_output file = FILE_OUTPUT_INIT;
	auto_fd int dir = -1;

	if (o->directory)
		dir = open_directory(o->dest, err);
	if (o->directory ? dir < 0 : file_output_open(&file, o->dest, err) < 0)
		return -1;
	if (archive_save(s, item, 1, format, !o->recompress, o->compression,
			 o->directory ? dir : file.fd, err) < 0)
		return error_add(err, "writing %s", o->dest);
	return o->directory ? 0 : file_output_finish(&file, err);
}

static int write_archive(const struct output_spec *o, struct store *s, const struct built *b,
			 struct error *err)
{
	auto_(annotated) struct annotated a = {.arena = ARENA_INIT};
	auto_(image) struct image image = {.layers = NULL};
	size_t name_count = b->tag_count + o->name_count;
	const char **names = arena_alloc(&a.arena, name_count * sizeof(*names));
	struct labels of_entry = {.item = NULL};
	struct save_item item = {.image = &image,
				 .index = b->index ? &a.top : NULL,
				 .annotations = &of_entry,
				 .names = names,
				 .name_count = name_count};

	for (size_t i = 0; i < name_count; i++)
		names[i] = i < b->tag_count ? b->tags[i] : o->names[i - b->tag_count];
	if (annotate(&a, o, s, b, err) < 0)
		return -1;
	build_annotations(a.all, a.all_count,
			  b->index ? ANNOTATE_INDEX_DESCRIPTOR : ANNOTATE_MANIFEST_DESCRIPTOR,
			  b->index ? NULL : platform_text(&a.arena, &a.results[0].platform),
			  &a.arena, &of_entry);
	if (image_load(s, &a.top.manifest, a.top.size, &image, err) < 0)
		return -1;
	return save(o, s, &item, err);
}

int output_write(const struct output_spec *o, struct store *s, const struct built *built,
		 struct error *err)
{
	switch (o->type) {
	case OUTPUT_IMAGE:
		return 0; /* its names were given with the tags */
	case OUTPUT_LOCAL:
	case OUTPUT_TAR:
		return write_roots(o, s, built, err);
	case OUTPUT_OCI:
	case OUTPUT_DOCKER:
		break;
	}
	return write_archive(o, s, built, err);
}

/* --- files --------------------------------------------------------------------------------- */

static int write_file(const char *path, const struct buf *text, struct error *err)
{
	auto_(file_output) struct file_output file = FILE_OUTPUT_INIT;

	if (file_output_open(&file, path, err) < 0 ||
	    write_all(file.fd, text->data, text->length, err) < 0)
		return error_add(err, "writing %s", path);
	return file_output_finish(&file, err);
}

int output_iidfile(const char *path, const struct built *built, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	char id[DIGEST_TEXT_SIZE];

	buf_add_str(&text, digest_text(built_id(built), id));
	return write_file(path, &text, err);
}

int output_metadata(const char *path, const struct built *built, const struct dockerfile *file,
		    struct error *err)
{
	auto_(json) struct json *o = json_new_object();
	auto_(buf) struct buf text = BUF_INIT, names = BUF_INIT;
	unsigned steps = 0, cached = 0, warnings = built->results[0].warnings;
	char digest[DIGEST_TEXT_SIZE];
	struct json *descriptor;

	for (size_t i = 0; i < built->tag_count; i++)
		buf_printf(&names, "%s%s", i > 0 ? "," : "", built->tags[i]);
	for (size_t i = 0; i < built->count; i++) {
		steps += built->results[i].steps;
		cached += built->results[i].cached;
	}
	if (!built->index)
		json_add_string(o, "containerimage.config.digest",
				digest_text(built_id(built), digest));
	descriptor = json_add_object(o, "containerimage.descriptor");
	json_add_string(descriptor, "mediaType", built->named->media_type);
	json_add_string(descriptor, "digest", digest_text(&built->named->manifest, digest));
	json_add_number(descriptor, "size", (int64_t)built->named->size);
	json_add_string(o, "containerimage.digest", digest);
	if (built->tag_count > 0)
		json_add_string(o, "image.name", names.data);
	json_add_number(o, "varve.steps", steps);
	json_add_number(o, "varve.cached", cached);
	json_add_number(o, "varve.warnings", warnings);
	if (warnings > 0)
		findings_add_warnings(json_add_array(o, "buildx.build.warnings"), file);
	json_render(o, true, &text);
	buf_add_char(&text, '\n');
	return write_file(path, &text, err);
}
