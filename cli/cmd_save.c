/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/view.h"
#include "common/arena.h"
#include "layers/archive.h"
#include "layers/name.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct save_values {
	const char *output, *format, *compression;
};

static const char *const formats[] = {"oci", "docker", "oci-dir", NULL};
static const char *const compressions[] = {"zstd", "gzip", "none", NULL};

#define VALUE(member) offsetof(struct save_values, member)
static const struct option_spec options[] = {
	{'o', "output", OPTION_STRING, VALUE(output), "FILE|DIR|-",
	 "where to write; - is standard output, the default", NULL},
	{0, "format", OPTION_CHOICE, VALUE(format), "oci|docker|oci-dir",
	 "OCI archive (default), docker archive, or OCI layout directory", formats},
	{0, "compression", OPTION_CHOICE, VALUE(compression), "zstd|gzip|none",
	 "recompress the layers of OCI output; the default copies them", compressions},
};

/* The images to save, each once, with the names it was asked for by. */
struct selection {
	struct image *images;
	struct ref *indexes; /* beside images: what the name points at if that is an index */
	struct save_item *items;
	char **names;        /* all of them, one per operand; NULL for an ID */
	size_t *image_of;    /* per operand */
	const char **sorted; /* names again, those of one image side by side */
	size_t count, operands;
};

static void selection_release(struct selection *s)
{
	for (size_t i = 0; i < s->count; i++)
		image_release(&s->images[i]);
	for (size_t i = 0; i < s->count; i++)
		ref_release(&s->indexes[i]);
	for (size_t i = 0; i < s->operands; i++)
		free(s->names[i]);
	free(s->images);
	free(s->indexes);
	free(s->items);
	free(s->names);
	free(s->image_of);
	free(s->sorted);
}
DEFINE_CLEANUP_STRUCT(selection, struct selection, selection_release);

/* What is saved: the image, or the index that leads to it. */
static const struct digest *top_of(const struct selection *sel, size_t at)
{
	return sel->indexes[at].media_type != NULL ? &sel->indexes[at].manifest
						   : &sel->images[at].manifest;
}

static int select_one(struct selection *sel, struct store *s, const char *what, struct error *err)
{
	struct image image = {.manifest_size = 0};
	struct error no_name = ERROR_INIT;
	auto_free char *name = name_canonical(what, &no_name);
	auto_(ref) struct ref ref = {.name = NULL};
	bool is_name, is_index;
	size_t at = 0;

	if (image_resolve(s, what, &image, err) < 0)
		return -1;
	is_name = name != NULL && ref_get(s, name, &ref, &no_name) == 0;
	is_index = is_name && !digest_equal(&ref.manifest, &image.manifest);
	while (at < sel->count &&
	       !digest_equal(top_of(sel, at), is_index ? &ref.manifest : &image.manifest))
		at++;
	if (is_name)
		sel->names[sel->operands] = steal(name);
	if (at < sel->count) {
		image_release(&image);
	} else {
		sel->images[at] = image;
		if (is_index) {
			sel->indexes[at] = ref;
			ref = (struct ref){.name = NULL};
		}
		sel->count++;
	}
	sel->image_of[sel->operands++] = at;
	return 0;
}

static int select_all(struct selection *sel, struct store *s, int argc, char **argv,
		      struct error *err)
{
	size_t used = 0;

	sel->images = xcalloc((size_t)argc, sizeof(*sel->images));
	sel->indexes = xcalloc((size_t)argc, sizeof(*sel->indexes));
	sel->items = xcalloc((size_t)argc, sizeof(*sel->items));
	sel->names = xcalloc((size_t)argc, sizeof(*sel->names));
	sel->image_of = xcalloc((size_t)argc, sizeof(*sel->image_of));
	sel->sorted = xcalloc((size_t)argc, sizeof(*sel->sorted));
	for (int i = 0; i < argc; i++)
		if (select_one(sel, s, argv[i], err) < 0)
			return -1;
	for (size_t i = 0; i < sel->count; i++) {
		sel->items[i].image = &sel->images[i];
		if (sel->indexes[i].media_type != NULL)
			sel->items[i].index = &sel->indexes[i];
		sel->items[i].names = &sel->sorted[used];
		for (size_t j = 0; j < sel->operands; j++)
			if (sel->image_of[j] == i && sel->names[j] != NULL)
				sel->sorted[used++] = sel->names[j];
		sel->items[i].name_count = (size_t)(&sel->sorted[used] - sel->items[i].names);
	}
	return 0;
}

static enum save_format choose_format(const struct save_values *v, const char *output)
{
	if (v->format == NULL)
		return strcmp(output, "-") != 0 && file_is_directory(output) ? SAVE_OCI_DIR
									     : SAVE_OCI;
	if (strcmp(v->format, "docker") == 0)
		return SAVE_DOCKER;
	return strcmp(v->format, "oci-dir") == 0 ? SAVE_OCI_DIR : SAVE_OCI;
}

static int open_directory(const char *path, struct error *err)
{
	int fd;

	if (strcmp(path, "-") == 0) {
		error_set(err, ERROR_USAGE, "an OCI layout directory needs a place");
		return error_hint(err, "name one with -o DIR");
	}
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return error_sys(err, "creating %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : error_sys(err, "%s", path);
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct save_values *v = values;
	const char *output = v->output != NULL ? v->output : "-";
	enum save_format format = choose_format(v, output);
	enum compression compression = COMPRESS_NONE;
	auto_(selection) struct selection sel = {.count = 0};
	auto_(file_output) struct file_output file = FILE_OUTPUT_INIT;
	auto_fd int directory = -1;

	if (v->compression != NULL && format == SAVE_DOCKER)
		return error_set(err, ERROR_USAGE,
				 "--compression: a docker archive holds uncompressed layers");
	if (v->compression != NULL)
		compression_parse(v->compression, &compression);
	if (format != SAVE_OCI_DIR && strcmp(output, "-") != 0 && file_is_directory(output))
		return error_set(err, ERROR_USAGE, "%s is a directory; --format=%s writes a file",
				 output, v->format);
	if (cli_store(cli, err) == NULL || select_all(&sel, cli->store, argc, argv, err) < 0)
		return -1;
	if (format == SAVE_OCI_DIR)
		directory = open_directory(output, err);
	if (format == SAVE_OCI_DIR ? directory < 0 : file_output_open(&file, output, err) < 0)
		return -1;
	if (archive_save(cli->store, sel.items, sel.count, format, v->compression == NULL,
			 compression, format == SAVE_OCI_DIR ? directory : file.fd, err) < 0)
		return error_add(err, "saving to %s",
				 strcmp(output, "-") == 0 ? "standard output" : output);
	return format == SAVE_OCI_DIR ? 0 : file_output_finish(&file, err);
}

const struct command cmd_save = {
	.name = "save",
	.summary = "write images to an archive or a directory",
	.operands = "IMAGE...",
	.min_operands = 1,
	.max_operands = -1,
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct save_values),
	.run = run,
	.details =
		"An output that is a directory, or ends in /, becomes an OCI layout. Equal images\n"
		"give equal archives. A docker archive is what 'docker load' of any version "
		"reads.\n",
};
