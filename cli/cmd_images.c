/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/table.h"
#include "cli/view.h"
#include "layers/json.h"
#include "layers/name.h"

#include <fnmatch.h>
#include <string.h>

struct images_values {
	bool quiet, digests, no_trunc, json;
};

#define VALUE(member) offsetof(struct images_values, member)
static const struct option_spec options[] = {
	{'q', "quiet", OPTION_FLAG, VALUE(quiet), NULL, "print only image IDs, each once", NULL},
	{0, "digests", OPTION_FLAG, VALUE(digests), NULL, "also show manifest digests", NULL},
	{0, "no-trunc", OPTION_FLAG, VALUE(no_trunc), NULL, "do not shorten IDs", NULL},
	{0, "json", OPTION_FLAG, VALUE(json), NULL, "print a JSON array", NULL},
};

/* What the output is gathered in. */
struct image_table {
	const struct images_values *values;
	struct table table;
	struct json *array;
	struct digest *ids; /* seen, for --quiet */
	size_t id_count;
	struct out *out;
};

static bool matches(const char *name, const char *repository, const char *filter)
{
	struct error no_name = ERROR_INIT;
	auto_(name) struct name parsed = {.repository = NULL};
	const char *slash = strrchr(filter, '/');

	if (fnmatch(filter, name, FNM_PATHNAME) == 0 ||
	    fnmatch(filter, repository, FNM_PATHNAME) == 0)
		return true;
	if (name_parse(filter, &parsed, &no_name) < 0)
		return false;
	/* "docker.io/library/x" is x, with or without a tag of its own */
	return !parsed.has_digest && strcmp(parsed.repository, repository) == 0 &&
	       (strchr(slash != NULL ? slash : filter, ':') == NULL ||
		strcmp(name + strlen(repository) + 1, parsed.tag) == 0);
}

static void list_id(struct image_table *l, const struct image *image, const char *id)
{
	for (size_t i = 0; i < l->id_count; i++)
		if (digest_equal(&l->ids[i], &image->config_digest))
			return;
	l->ids = xgrow(l->ids, l->id_count, sizeof(*l->ids));
	l->ids[l->id_count++] = image->config_digest;
	out_printf(l->out, "%s\n", id);
}

static void list_json(struct image_table *l, const struct ref *ref, const struct image *image,
		      const char *repository, const char *tag)
{
	char text[DIGEST_TEXT_SIZE];
	struct json *o = json_add_object(l->array, NULL);

	json_add_string(o, "Id", digest_text(&image->config_digest, text));
	if (ref->name[0] != '\0') {
		json_add_string(o, "Repository", repository);
		json_add_string(o, "Tag", tag);
	} else {
		json_add_null(o, "Repository");
		json_add_null(o, "Tag");
	}
	json_add_string(o, "Digest", digest_text(&ref->manifest, text));
	if (image->config.created != NULL)
		json_add_string(o, "Created", image->config.created);
	else
		json_add_null(o, "Created");
	json_add_number(o, "Size", (int64_t)image_size(image));
}

static void list_one(struct image_table *l, const struct ref *ref, const struct image *image)
{
	auto_free char *repository = NULL, *tag = NULL;
	char id[DIGEST_TEXT_SIZE], digest[DIGEST_TEXT_SIZE], text[FORMAT_SIZE];

	if (l->values->no_trunc)
		digest_text(&image->config_digest, id);
	else
		digest_short(&image->config_digest, id);
	ref_split(ref->name, &repository, &tag);
	if (l->values->json) {
		list_json(l, ref, image, repository, tag);
	} else if (l->values->quiet) {
		list_id(l, image, id);
	} else {
		table_add(&l->table, repository);
		table_add(&l->table, tag);
		if (l->values->digests)
			table_add(&l->table, digest_text(&ref->manifest, digest));
		table_add(&l->table, id);
		table_add(&l->table, created_age(image->config.created, text));
		table_add(&l->table, size_format(image_size(image), text));
	}
}

static void list_header(struct image_table *l)
{
	table_add(&l->table, "REPOSITORY");
	table_add(&l->table, "TAG");
	if (l->values->digests)
		table_add(&l->table, "DIGEST");
	table_add(&l->table, "IMAGE ID");
	table_add(&l->table, "CREATED");
	table_add(&l->table, "SIZE");
}

/* Lists what the filters let through. An unreadable image is reported and does not hide the others;
   the status of the last one is returned. */
static int list_all(struct cli *cli, struct image_table *l, const struct catalog *c, char **filters,
		    int filter_count)
{
	int status = 0;

	for (size_t i = 0; i < c->count; i++) {
		auto_(image) struct image image = {.manifest_size = 0};
		auto_free char *repository = NULL, *tag = NULL;
		struct error err = ERROR_INIT;
		bool wanted = filter_count == 0;

		ref_split(c->refs[i].name, &repository, &tag);
		for (int f = 0; f < filter_count && !wanted; f++)
			wanted = c->refs[i].name[0] != '\0' &&
				 matches(c->refs[i].name, repository, filters[f]);
		if (!wanted)
			continue;
		if (image_load(cli->store, &c->refs[i].manifest, c->refs[i].size, &image, &err) <
		    0) {
			error_add(&err, "image %s",
				  c->refs[i].name[0] != '\0' ? c->refs[i].name : "without a name");
			error_hint(&err, "'varve fsck' says what else is damaged");
			error_print(&err, stderr, cli->debug);
			status = error_exit_code(&err);
			continue;
		}
		list_one(l, &c->refs[i], &image);
	}
	return status;
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct images_values *v = values;
	struct image_table l = {.values = v, .out = cli->out};
	auto_(catalog) struct catalog catalog = CATALOG_INIT;
	auto_(json) struct json *array = json_new_array();
	int status;

	if (cli_store(cli, err) == NULL || catalog_load(&catalog, cli->store, err) < 0)
		return -1;
	l.array = array;
	l.table.columns = v->digests ? 6 : 5;
	list_header(&l);
	status = list_all(cli, &l, &catalog, argv, argc);
	if (v->json)
		out_json(cli->out, array);
	else if (!v->quiet)
		table_print(&l.table, cli->out);
	table_release(&l.table);
	free(l.ids);
	return status;
}

const struct command cmd_images = {
	.name = "images",
	.summary = "list the images of the store",
	.operands = "[NAME...]",
	.max_operands = -1,
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct images_values),
	.run = run,
	.details = "A NAME may hold *, ? and [...], and lists only images of such names. SIZE is "
		   "what\n"
		   "the layers take in the store; layers that images share are counted in each.\n",
};
