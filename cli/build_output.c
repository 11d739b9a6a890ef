/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_output.h"

#include "builder/export.h"
#include "cli/file.h"
#include "cli/findings.h"
#include "common/arena.h"
#include "common/fd.h"
#include "layers/archive.h"
#include "layers/json.h"

#include <string.h>

static int write_local(const char *path, struct store *s, const struct image *image, int64_t epoch,
		       struct error *err)
{
	auto_fd int dir = -1;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_sys(err, "creating %s", path);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, "%s", path);
	return export_directory(s, image, epoch, dir, err);
}

int output_write(const struct output_spec *o, struct store *s, const struct build_result *result,
		 const char *const *tags, size_t tag_count, int64_t epoch, struct error *err)
{
	auto_(image) struct image image = {.layers = NULL};
	auto_(file_output) struct file_output file = FILE_OUTPUT_INIT;
	struct save_item item = {.image = &image, .names = tags, .name_count = tag_count};
	int status;

	if (o->type == OUTPUT_IMAGE)
		return 0;
	if (image_load(s, &result->ref.manifest, result->ref.size, &image, err) < 0)
		return -1;
	if (o->type == OUTPUT_LOCAL)
		return write_local(o->dest, s, &image, epoch, err);
	if (file_output_open(&file, o->dest, err) < 0)
		return -1;
	if (o->type == OUTPUT_TAR)
		status = export_tar(s, &image, epoch, file.fd, err);
	else
		status = archive_save(s, &item, 1, o->type == OUTPUT_OCI ? SAVE_OCI : SAVE_DOCKER,
				      !o->recompress, o->compression, file.fd, err);
	if (status < 0)
		return error_add(err, "writing %s", o->dest);
	return file_output_finish(&file, err);
}

static int write_file(const char *path, const struct buf *text, struct error *err)
{
	auto_(file_output) struct file_output file = FILE_OUTPUT_INIT;

	if (file_output_open(&file, path, err) < 0 ||
	    write_all(file.fd, text->data, text->length, err) < 0)
		return error_add(err, "writing %s", path);
	return file_output_finish(&file, err);
}

int output_iidfile(const char *path, const struct build_result *result, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	char id[DIGEST_TEXT_SIZE];

	buf_add_str(&text, digest_text(&result->id, id));
	return write_file(path, &text, err);
}

int output_metadata(const char *path, const struct build_result *result,
		    const struct dockerfile *file, const char *const *tags, size_t tag_count,
		    struct error *err)
{
	auto_(json) struct json *o = json_new_object();
	auto_(buf) struct buf text = BUF_INIT, names = BUF_INIT;
	char digest[DIGEST_TEXT_SIZE];
	struct json *descriptor;

	for (size_t i = 0; i < tag_count; i++)
		buf_printf(&names, "%s%s", i > 0 ? "," : "", tags[i]);
	json_add_string(o, "containerimage.config.digest", digest_text(&result->id, digest));
	descriptor = json_add_object(o, "containerimage.descriptor");
	json_add_string(descriptor, "mediaType", result->ref.media_type);
	json_add_string(descriptor, "digest", digest_text(&result->ref.manifest, digest));
	json_add_number(descriptor, "size", (int64_t)result->ref.size);
	json_add_string(o, "containerimage.digest", digest);
	if (tag_count > 0)
		json_add_string(o, "image.name", names.data);
	json_add_number(o, "varve.steps", result->steps);
	json_add_number(o, "varve.cached", result->cached);
	json_add_number(o, "varve.warnings", result->warnings);
	if (result->warnings > 0)
		findings_add_warnings(json_add_array(o, "buildx.build.warnings"), file);
	json_render(o, true, &text);
	buf_add_char(&text, '\n');
	return write_file(path, &text, err);
}
