/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/table.h"
#include "cli/view.h"
#include "layers/json.h"

struct history_values {
	bool no_trunc, quiet, json;
};

enum { CREATED_BY_WIDTH = 60 };

#define VALUE(member) offsetof(struct history_values, member)
static const struct option_spec options[] = {
	{0, "no-trunc", OPTION_FLAG, VALUE(no_trunc), NULL, "do not shorten texts and IDs", NULL},
	{'q', "quiet", OPTION_FLAG, VALUE(quiet), NULL, "print only the layers' diff IDs", NULL},
	{0, "json", OPTION_FLAG, VALUE(json), NULL, "print a JSON array", NULL},
};

static void add_optional(struct json *o, const char *key, const char *value)
{
	if (value != NULL)
		json_add_string(o, key, value);
	else
		json_add_null(o, key);
}

/* One history entry with its layer, or NULL. */
static void add_json(struct json *array, const struct history *h, const struct layer *layer)
{
	char text[DIGEST_TEXT_SIZE];
	struct json *o = json_add_object(array, NULL);

	add_optional(o, "Created", h->created);
	add_optional(o, "CreatedBy", h->created_by);
	add_optional(o, "Author", h->author);
	add_optional(o, "Comment", h->comment);
	json_add_number(o, "Size", layer != NULL ? (int64_t)layer->size : 0);
	add_optional(o, "DiffID", layer != NULL ? digest_text(&layer->diff_id, text) : NULL);
}

static void add_row(struct table *t, const struct history *h, const struct layer *layer,
		    bool no_trunc)
{
	auto_(buf) struct buf by = BUF_INIT;
	char id[DIGEST_TEXT_SIZE] = "-", text[FORMAT_SIZE];

	if (layer != NULL && no_trunc)
		digest_text(&layer->diff_id, id);
	else if (layer != NULL)
		digest_short(&layer->diff_id, id);
	if (no_trunc)
		text_clean(h->created_by != NULL ? h->created_by : "", &by);
	else
		text_clean_cut(h->created_by != NULL ? h->created_by : "", CREATED_BY_WIDTH, &by);
	table_add(t, id);
	table_add(t, created_age(h->created, text));
	table_add(t, by.data);
	table_add(t, size_format(layer != NULL ? layer->size : 0, text));
	table_add(t, h->comment != NULL ? h->comment : "");
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct history_values *v = values;
	auto_(table) struct table table = TABLE_INIT(5);
	auto_(image) struct image image = {.manifest_size = 0};
	auto_(json) struct json *array = json_new_array();
	char id[DIGEST_TEXT_SIZE];

	(void)argc;
	if (cli_store(cli, err) == NULL || image_resolve(cli->store, argv[0], &image, err) < 0)
		return -1;
	for (const char *const *h = (const char *const[]){"LAYER", "CREATED", "CREATED BY", "SIZE",
							  "COMMENT", NULL};
	     *h != NULL; h++)
		table_add(&table, *h);
	for (size_t i = image.config.history_count; i-- > 0;) {
		const struct history *h = &image.config.history[i];
		int64_t at = history_layer(&image, i);
		const struct layer *layer = at >= 0 ? &image.layers[at] : NULL;

		if (v->json)
			add_json(array, h, layer);
		else if (!v->quiet)
			add_row(&table, h, layer, v->no_trunc);
		else if (layer != NULL)
			out_printf(cli->out, "%s\n", digest_text(&layer->diff_id, id));
	}
	if (v->json)
		out_json(cli->out, array);
	else if (!v->quiet)
		table_print(&table, cli->out);
	return 0;
}

const struct command cmd_history = {
	.name = "history",
	.summary = "list the instructions that made an image, the last first",
	.operands = "IMAGE",
	.min_operands = 1,
	.max_operands = 1,
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct history_values),
	.run = run,
	.details =
		"LAYER is the beginning of the layer's diff ID, or - for an instruction that only\n"
		"changed the configuration or changed nothing. SIZE is what it takes in the "
		"store.\n",
};
