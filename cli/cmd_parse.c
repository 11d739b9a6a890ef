/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/parse_json.h"
#include "common/fd.h"
#include "parser/dockerfile.h"

#include <string.h>

struct parse_values {
	bool json;
};

static const struct option_spec options[] = {
	{0, "json", OPTION_FLAG, offsetof(struct parse_values, json), NULL,
	 "print the tree as JSON", NULL},
};

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct parse_values *v = values;
	auto_(buf) struct buf text = BUF_INIT, tree = BUF_INIT, diag = BUF_INIT;
	auto_(dockerfile) struct dockerfile *df = NULL;
	auto_fd int fd = file_open_input(argv[0], false, true, err);
	const struct diag *diags;
	size_t count;

	(void)argc;
	if (fd < 0)
		return -1;
	if (read_all(fd, DOCKERFILE_MAX_BYTES, &text, err) < 0)
		return error_add(err, "%s", argv[0]);
	df = dockerfile_parse(strcmp(argv[0], "-") == 0 ? "<stdin>" : argv[0], text.data,
			      text.length, err);
	if (df == NULL)
		return -1;
	if (v->json)
		parse_json(df, &tree);
	else
		dockerfile_print(df, &tree);
	out_add(cli->out, tree.data, tree.length);
	if (out_flush(cli->out, err) < 0)
		return -1;
	diags = dockerfile_diags(df, &count);
	for (size_t i = 0; i < count; i++)
		dockerfile_render_diag(df, &diags[i], &diag);
	fputs(diag.data, stderr);
	return dockerfile_errors(df) > 0 ? 3 : 0;
}

const struct command cmd_parse = {
	.name = "parse",
	.summary = "print the syntax tree of a Dockerfile",
	.operands = "FILE|-",
	.min_operands = 1,
	.max_operands = 1,
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct parse_values),
	.run = run,
	.details = "The tree is printed as far as the file could be understood; what is wrong with "
		   "it\n"
		   "goes to standard error, and the exit status is then 3.\n",
};
