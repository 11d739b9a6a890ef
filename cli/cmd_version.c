/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

struct version_values {
	bool verbose;
};

static const struct option_spec options[] = {
	{0, "verbose", OPTION_FLAG, offsetof(struct version_values, verbose), NULL,
	 "also the libraries that varve was built with", NULL},
};

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct version_values *v = values;

	(void)argc;
	(void)argv;
	(void)err;
	out_printf(cli->out, "varve %s\n", cli_version);
	if (v->verbose)
		out_printf(cli->out, "built with %s\n", cli_libraries);
	return 0;
}

const struct command cmd_version = {
	.name = "version",
	.summary = "print the version",
	.operands = "",
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct version_values),
	.run = run,
};
