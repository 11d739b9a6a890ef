/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/format.h"

#include <inttypes.h>

struct prune_values {
	bool all, mounts, dry_run;
	const char *older;
};

#define VALUE(member) offsetof(struct prune_values, member)
static const struct option_spec options[] = {
	{'a', "all", OPTION_FLAG, VALUE(all), NULL, "also the build cache and cache mounts", NULL},
	{0, "mounts", OPTION_FLAG, VALUE(mounts), NULL,
	 "also what RUN --mount=type=cache keeps and no build uses now", NULL},
	{0, "older", OPTION_STRING, VALUE(older), "AGE",
	 "of cache and mounts only what was not used for AGE, such as 24h or 7d", NULL},
	{'n', "dry-run", OPTION_FLAG, VALUE(dry_run), NULL, "only say what would be removed", NULL},
};

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct prune_values *v = values;
	struct prune_options want = {.cache = v->all,
				     .unnamed = true,
				     .mounts = v->all || v->mounts,
				     .dry_run = v->dry_run};
	struct prune_report report;
	char text[FORMAT_SIZE];

	(void)argc;
	(void)argv;
	if (v->older != NULL && !want.mounts) {
		error_set(err, ERROR_USAGE, "--older is about the build cache, which stays");
		return error_hint(err, "add --all or --mounts");
	}
	if (v->older != NULL && !age_parse(v->older, &want.older)) {
		error_set(err, ERROR_USAGE, "--older: not an age: %s", v->older);
		return error_hint(err, "an age is a number and a unit: 90s, 15m, 24h, 7d, 2w");
	}
	if (cli_store(cli, err) == NULL || store_prune(cli->store, &want, &report, err) < 0)
		return -1;
	out_printf(cli->out,
		   "%s %" PRIu64 " unnamed images, %" PRIu64 " records, %" PRIu64 " blobs, %" PRIu64
		   " unpacked layers, %" PRIu64 " cache mounts\n%s %s\n",
		   v->dry_run ? "Would remove:" : "Removed:", report.names, report.records,
		   report.blobs, report.trees, report.mounts,
		   v->dry_run ? "Would free:" : "Freed:", size_format(report.bytes, text));
	return 0;
}

const struct command cmd_prune = {
	.name = "prune",
	.summary = "remove what no image needs",
	.operands = "",
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct prune_values),
	.run = run,
	.details = "Removes images without a name, and blobs and unpacked layers that neither an\n"
		   "image nor the build cache needs. Builds that are running keep what they use.\n"
		   "Cache mounts go with --mounts or --all alone.\n",
};
