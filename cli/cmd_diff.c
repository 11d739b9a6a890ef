/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/diff_report.h"
#include "cli/diff_side.h"
#include "cli/format.h"
#include "cli/view.h"

enum { EXIT_DIFFERENT = 1, EXIT_TROUBLE = 2, INSTRUCTION_WIDTH = 60 };

struct diff_values {
	struct option_list ignore;
	bool json, stat;
};

#define VALUE(member) offsetof(struct diff_values, member)
static const struct option_spec options[] = {
	{0, "ignore", OPTION_LIST, VALUE(ignore), "FIELD,...",
	 "fields that do not count: mode, owner, size, link, device, content, xattr, mtime", NULL},
	{0, "stat", OPTION_FLAG, VALUE(stat), NULL, "only count the changes", NULL},
	{0, "json", OPTION_FLAG, VALUE(json), NULL, "print JSON", NULL},
};

static void json_text(struct out *o, const char *text)
{
	auto_(json) struct json *array = json_new_array();
	auto_(buf) struct buf line = BUF_INIT;

	json_add_string(array, NULL, text);
	json_render(array, false, &line);
	out_add(o, line.data + 1, line.length - 2);
}

static void layer_header(struct diff_report *r, const struct image *image, size_t at)
{
	const struct layer *layer = &image->layers[at];
	auto_(buf) struct buf instruction = BUF_INIT, cut = BUF_INIT;
	char text[DIGEST_TEXT_SIZE], size[FORMAT_SIZE];

	history_instruction(layer_history(image, at), &instruction);
	if (r->json) {
		out_printf(r->out, "%s{\"layer\":%zu,\"diff_id\":\"%s\",\"instruction\":",
			   at > 0 ? ",\n" : "", at + 1, digest_text(&layer->diff_id, text));
		json_text(r->out, instruction.data);
		out_str(r->out, ",");
		return;
	}
	text_clean_cut(instruction.data, INSTRUCTION_WIDTH, &cut);
	out_printf(r->out, "%slayer %zu/%zu %s %s %s\n", at > 0 ? "\n" : "", at + 1,
		   image->layer_count, digest_short(&layer->diff_id, text),
		   size_format(layer->size, size), cut.data);
}

/* What each layer changed against those below it. */
static int diff_each_layer(struct diff_report *r, struct store *s, const struct image *image,
			   struct error *err)
{
	auto_(snapshot) struct snapshot below = SNAPSHOT_INIT;

	if (r->json)
		out_str(r->out, "{\"layers\":[\n");
	for (size_t i = 0; i < image->layer_count && r->out->failure == 0; i++) {
		auto_(snapshot) struct snapshot layer = SNAPSHOT_INIT;
		struct snapshot next = SNAPSHOT_INIT;

		if (snapshot_layer(s, &image->layers[i], &layer, err) < 0 ||
		    snapshot_apply(&below, &layer, &next, err) < 0) {
			snapshot_release(&next);
			return error_add(err, "layer %zu", i + 1);
		}
		layer_header(r, image, i);
		diff_report(r, &below, &next);
		if (r->json)
			out_str(r->out, "}");
		snapshot_release(&below);
		below = next;
	}
	if (r->json)
		out_str(r->out, "\n]}\n");
	return 0;
}

static int diff_trees(struct diff_report *r, const char *from, const char *to,
		      const struct snapshot *old, const struct snapshot *new)
{
	if (r->json) {
		out_str(r->out, "{\"from\":");
		json_text(r->out, from);
		out_str(r->out, ",\"to\":");
		json_text(r->out, to);
		out_str(r->out, ",");
	}
	diff_report(r, old, new);
	if (r->json)
		out_str(r->out, "}\n");
	return 0;
}

/* IMAGE@N and IMAGE@N..M. */
static int diff_layers(struct diff_report *r, struct store *s, const struct side *side,
		       struct error *err)
{
	auto_(snapshot) struct snapshot old = SNAPSHOT_INIT, new = SNAPSHOT_INIT;
	auto_(buf) struct buf from = BUF_INIT, to = BUF_INIT;
	size_t below = side->has_range ? side->from : side->to - 1;

	if (side->to == 0 && !side->has_range)
		return error_set(err, ERROR_USAGE, "%s: the first layer is number 1", side->text);
	if (snapshot_layers(s, side->image.layers, below, &old, err) < 0 ||
	    snapshot_layers(s, side->image.layers, side->to, &new, err) < 0)
		return -1;
	buf_printf(&from, "%s@%zu", side->name, below);
	buf_printf(&to, "%s@%zu", side->name, side->to);
	return diff_trees(r, from.data, to.data, &old, &new);
}

static int diff_one(struct diff_report *r, struct store *s, const char *operand, struct error *err)
{
	auto_(side) struct side side = SIDE_INIT;

	if (side_resolve(&side, s, operand, err) < 0)
		return -1;
	if (side.directory) {
		error_set(err, ERROR_USAGE, "%s: a directory needs something to compare it with",
			  operand);
		return error_hint(err, "varve diff %s IMAGE", operand);
	}
	if (!side.has_layer)
		return diff_each_layer(r, s, &side.image, err);
	return diff_layers(r, s, &side, err);
}

static int diff_two(struct diff_report *r, struct store *s, char **operands, struct error *err)
{
	auto_(side) struct side a = SIDE_INIT, b = SIDE_INIT;
	auto_(snapshot) struct snapshot old = SNAPSHOT_INIT, new = SNAPSHOT_INIT;

	if (side_resolve(&a, s, operands[0], err) < 0 || side_resolve(&b, s, operands[1], err) < 0)
		return -1;
	if (a.has_range || b.has_range)
		return error_set(err, ERROR_USAGE, "%s: a range stands alone",
				 a.has_range ? a.text : b.text);
	if (side_tree(&a, s, &old, err) < 0 || side_tree(&b, s, &new, err) < 0)
		return -1;
	return diff_trees(r, operands[0], operands[1], &old, &new);
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct diff_values *v = values;
	struct diff_report report = {.out = cli->out, .json = v->json, .stat = v->stat};
	int status;

	for (size_t i = 0; i < v->ignore.count; i++)
		if (diff_fields_parse(v->ignore.item[i], &report.ignore, err) < 0)
			return -1;
	if (cli_store(cli, err) == NULL)
		return -1;
	status = argc == 1 ? diff_one(&report, cli->store, argv[0], err)
			   : diff_two(&report, cli->store, argv, err);
	if (status < 0)
		return -1;
	return report.total > 0 ? EXIT_DIFFERENT : 0;
}

const struct command cmd_diff = {
	.name = "diff",
	.summary = "show what differs between layers, images and directories",
	.operands = "IMAGE[@N[..M]]|DIR [IMAGE[@N]|DIR]",
	.min_operands = 1,
	.max_operands = 2,
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct diff_values),
	.run = run,
	.details =
		"One operand:\n"
		"  IMAGE        what each layer changed, the lowest first\n"
		"  IMAGE@N      what layer N changed; layers count from 1\n"
		"  IMAGE@N..M   what changed between the trees after layer N and after layer M\n"
		"Two operands, each a tree:\n"
		"  IMAGE        the whole image\n"
		"  IMAGE@N      the tree after layer N; N may be 0, the empty tree\n"
		"  DIR          a directory: begins with / or ./ or ../\n\n"
		"Lines begin with A (added), D (removed), M (modified) or m (only metadata\n"
		"differs). The exit status is 0 if nothing differs, 1 if something does, and more\n"
		"than 1 if the comparison failed.\n",
	.error_status = EXIT_TROUBLE,
};
