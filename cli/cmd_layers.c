/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/table.h"
#include "cli/view.h"
#include "layers/compare.h"
#include "layers/json.h"

struct layers_values {
	bool no_trunc, json;
};

#define VALUE(member) offsetof(struct layers_values, member)
static const struct option_spec options[] = {
	{0, "no-trunc", OPTION_FLAG, VALUE(no_trunc), NULL, "do not shorten texts and IDs", NULL},
	{0, "json", OPTION_FLAG, VALUE(json), NULL, "print a JSON array", NULL},
};

enum { INSTRUCTION_WIDTH = 60 };

struct counts {
	uint64_t added, modified, removed;
};

static int count_change(void *user, const struct change *change)
{
	struct counts *c = user;

	switch (change->kind) {
	case CHANGE_ADDED:
		c->added++;
		break;
	case CHANGE_REMOVED:
		c->removed++;
		break;
	case CHANGE_MODIFIED:
	case CHANGE_METADATA:
		c->modified++;
		break;
	}
	return 0;
}

/* Counts what a layer changes and moves *state up by it. */
static int count_layer(struct store *s, const struct layer *layer, struct snapshot *state,
		       struct counts *out, struct error *err)
{
	auto_(snapshot) struct snapshot change = SNAPSHOT_INIT;
	struct snapshot next = SNAPSHOT_INIT;

	*out = (struct counts){.added = 0};
	if (snapshot_layer(s, layer, &change, err) < 0 ||
	    snapshot_apply(state, &change, &next, err) < 0) {
		snapshot_release(&next);
		return -1;
	}
	snapshot_compare(state, &next, 0, count_change, out);
	snapshot_release(state);
	*state = next;
	return 0;
}

static void add_json(struct json *array, size_t number, const struct layer *layer, uint64_t plain,
		     const struct counts *counts, const struct history *h)
{
	char text[DIGEST_TEXT_SIZE];
	struct json *o = json_add_object(array, NULL);

	json_add_number(o, "Number", (int64_t)number);
	json_add_string(o, "DiffID", digest_text(&layer->diff_id, text));
	json_add_string(o, "Digest", digest_text(&layer->blob, text));
	json_add_string(o, "MediaType", compression_media_type(layer->compression));
	json_add_number(o, "Size", (int64_t)layer->size);
	json_add_number(o, "PlainSize", (int64_t)plain);
	json_add_number(o, "Added", (int64_t)counts->added);
	json_add_number(o, "Modified", (int64_t)counts->modified);
	json_add_number(o, "Removed", (int64_t)counts->removed);
	json_add_string(o, "CreatedBy", h != NULL && h->created_by != NULL ? h->created_by : "");
}

static void add_row(struct table *t, size_t number, const struct layer *layer, uint64_t plain,
		    const struct counts *counts, const struct history *h, bool no_trunc)
{
	auto_(buf) struct buf instruction = BUF_INIT, cut = BUF_INIT;
	char id[DIGEST_TEXT_SIZE], text[FORMAT_SIZE];

	if (no_trunc)
		digest_text(&layer->diff_id, id);
	else
		digest_short(&layer->diff_id, id);
	history_instruction(h, &instruction);
	text_clean_cut(instruction.data, no_trunc ? SIZE_MAX : INSTRUCTION_WIDTH, &cut);
	table_printf(t, "%zu", number);
	table_add(t, id);
	table_add(t, size_format(layer->size, text));
	table_add(t, size_format(plain, text));
	table_printf(t, "+%llu ~%llu -%llu", (unsigned long long)counts->added,
		     (unsigned long long)counts->modified, (unsigned long long)counts->removed);
	table_add(t, cut.data);
}

static int list_layers(struct store *s, const struct image *image, bool no_trunc,
		       struct table *table, struct json *array, struct error *err)
{
	auto_(snapshot) struct snapshot state = SNAPSHOT_INIT;

	for (size_t i = 0; i < image->layer_count; i++) {
		const struct layer *layer = &image->layers[i];
		const struct history *h = layer_history(image, i);
		struct counts counts;
		uint64_t plain;

		if (count_layer(s, layer, &state, &counts, err) < 0 ||
		    layer_plain_size(s, layer, &plain, err) < 0)
			return error_add(err, "layer %zu", i + 1);
		add_json(array, i + 1, layer, plain, &counts, h);
		add_row(table, i + 1, layer, plain, &counts, h, no_trunc);
	}
	return 0;
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct layers_values *v = values;
	auto_(table) struct table table = TABLE_INIT(6);
	auto_(image) struct image image = {.manifest_size = 0};
	auto_(json) struct json *array = json_new_array();

	(void)argc;
	if (cli_store(cli, err) == NULL || image_resolve(cli->store, argv[0], &image, err) < 0)
		return -1;
	table_add(&table, "#");
	table_add(&table, "LAYER");
	table_add(&table, "STORED");
	table_add(&table, "PLAIN");
	table_add(&table, "CHANGES");
	table_add(&table, "INSTRUCTION");
	if (list_layers(cli->store, &image, v->no_trunc, &table, array, err) < 0)
		return error_add(err, "%s", argv[0]);
	if (v->json)
		out_json(cli->out, array);
	else
		table_print(&table, cli->out);
	return 0;
}

const struct command cmd_layers = {
	.name = "layers",
	.summary = "list the layers of an image, the lowest first, with what each changes",
	.operands = "IMAGE",
	.min_operands = 1,
	.max_operands = 1,
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct layers_values),
	.run = run,
	.details =
		"STORED is the size of the blob, PLAIN that of the tar in it. CHANGES counts the\n"
		"entries added, modified and removed. 'varve diff IMAGE@NUMBER' lists them.\n",
};
