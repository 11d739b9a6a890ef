/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	const struct command *command;

	(void)values;
	if (argc == 0) {
		command_help_all(&text);
	} else {
		command = command_find(argv[0]);
		if (command == NULL)
			return command_unknown(argv[0], err);
		command_help(command, &text);
	}
	out_str(cli->out, text.data);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.summary = "explain varve, or one command",
	.operands = "[COMMAND]",
	.max_operands = 1,
	.run = run,
};
