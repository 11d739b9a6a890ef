/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

enum { EXIT_FINDINGS = 5 };

struct fsck_values {
	bool repair;
};

static const struct option_spec options[] = {
	{0, "repair", OPTION_FLAG, offsetof(struct fsck_values, repair), NULL,
	 "restore damaged objects where possible, else remove them", NULL},
};

static void print_finding(void *user, const char *text)
{
	out_clean(user, text);
	out_str(user, "\n");
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct fsck_values *v = values;
	int findings;

	(void)argc;
	(void)argv;
	if (cli_store(cli, err) == NULL)
		return -1;
	findings = store_fsck(cli->store, v->repair, print_finding, cli->out, err);
	if (findings < 0)
		return -1;
	return findings > 0 ? EXIT_FINDINGS : 0;
}

const struct command cmd_fsck = {
	.name = "fsck",
	.summary = "check every byte of the store",
	.operands = "",
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct fsck_values),
	.run = run,
	.details =
		"Prints one line for each finding and exits with 5 if there is any, repaired or\n"
		"not; prints nothing and exits with 0 if all is well.\n",
};
