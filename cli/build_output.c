/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_output.h"

#include "builder/export.h"
#include "cli/file.h"
#include "common/arena.h"
#include "common/fd.h"
#include "layers/archive.h"
#include "layers/json.h"

#include <string.h>

void build_output_release(struct output_spec *o)
{
	free(o->dest);
	o->dest = NULL;
}

static int set_type(struct output_spec *o, const char *name, struct error *err)
{
	static const char *const names[] = {"", "oci", "docker", "tar", "local"};

	for (int i = OUTPUT_OCI; i <= OUTPUT_LOCAL; i++) {
		if (strcmp(name, names[i]) == 0) {
			o->type = (enum output_type)i;
			return 0;
		}
	}
	error_set(err, ERROR_USAGE, "--output: unknown type %s", name);
	return error_hint(err, "oci, docker, tar and local are known");
}

int output_parse(const char *text, struct output_spec *out, struct error *err)
{
	auto_(build_output) struct output_spec o = OUTPUT_INIT;
	auto_free char *copy = xstrdup(text);
	char *rest = copy, *field;

	if (strchr(text, '=') == NULL) {
		o.type = strcmp(text, "-") == 0 ? OUTPUT_TAR : OUTPUT_LOCAL;
		o.dest = xstrdup(text);
	}
	while (o.dest == NULL && (field = strsep(&rest, ",")) != NULL) {
		if (strncmp(field, "type=", 5) == 0) {
			if (set_type(&o, field + 5, err) < 0)
				return -1;
		} else if (strncmp(field, "dest=", 5) == 0) {
			/* The rest: a path may hold a comma. */
			o.dest = rest != NULL ? xprintf("%s,%s", field + 5, rest)
					      : xstrdup(field + 5);
			for (char *type; (type = strstr(o.dest, ",type=")) != NULL;) {
				if (set_type(&o, type + 6, err) < 0)
					return -1;
				*type = '\0';
			}
		} else {
			error_set(err, ERROR_USAGE, "--output: unknown key in %s", field);
			return error_hint(err, "write type=oci,dest=image.tar");
		}
	}
	if (o.type == OUTPUT_NONE)
		return error_set(err, ERROR_USAGE, "--output=%s: type= is missing", text);
	if (o.dest == NULL && o.type == OUTPUT_LOCAL)
		return error_set(err, ERROR_USAGE, "--output=%s: dest= is missing", text);
	if (o.dest == NULL)
		o.dest = xstrdup("-");
	if (*o.dest == '\0' || (o.type == OUTPUT_LOCAL && strcmp(o.dest, "-") == 0))
		return error_set(err, ERROR_USAGE, "--output=%s: dest must be a path", text);
	*out = o;
	o.dest = NULL;
	return 0;
}

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

	if (o->type == OUTPUT_NONE)
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
				      true, COMPRESS_ZSTD, file.fd, err);
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

int output_metadata(const char *path, const struct build_result *result, const char *const *tags,
		    size_t tag_count, struct error *err)
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
	json_render(o, true, &text);
	buf_add_char(&text, '\n');
	return write_file(path, &text, err);
}
