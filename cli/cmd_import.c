/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/change.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "common/arena.h"
#include "layers/archive.h"
#include "layers/name.h"

#include <string.h>
#include <time.h>

struct import_values {
	struct option_list change;
	const char *compression, *platform;
};

static const char *const compressions[] = {"zstd", "gzip", "none", NULL};

#define VALUE(member) offsetof(struct import_values, member)
static const struct option_spec options[] = {
	{'c', "change", OPTION_LIST, VALUE(change), "INSTRUCTION",
	 "apply a Dockerfile instruction to the config, such as CMD or ENV", NULL},
	{0, "compression", OPTION_CHOICE, VALUE(compression), "zstd|gzip|none",
	 "of the layer in the store; zstd is the default", compressions},
	{0, "platform", OPTION_STRING, VALUE(platform), "OS/ARCH[/VARIANT]",
	 "what the image is for; this machine unless given", NULL},
};

static int source_date_epoch(int64_t *epoch, struct error *err)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	char *end;

	*epoch = -1;
	if (text == NULL || *text == '\0')
		return 0;
	errno = 0;
	*epoch = strtoll(text, &end, 10);
	if (*end != '\0' || errno != 0 || *epoch < 0)
		return error_set(err, ERROR_USAGE, "SOURCE_DATE_EPOCH: not a number of seconds: %s",
				 text);
	return 0;
}

static int set_platform(struct config *c, const char *text, struct error *err)
{
	struct platform p;

	if (platform_parse(&c->arena, text, &p, err) < 0)
		return error_add(err, "--platform");
	c->os = p.os;
	c->architecture = p.architecture;
	c->variant = *p.variant != '\0' ? p.variant : NULL;
	return 0;
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct import_values *v = values;
	auto_(config) struct config config = CONFIG_INIT;
	auto_(ref) struct ref ref = {.name = NULL};
	auto_free char *name = NULL;
	auto_fd int input = -1;
	enum compression compression = COMPRESS_ZSTD;
	char text[DIGEST_TEXT_SIZE];
	struct digest id;
	int64_t epoch;

	if (argc > 1 && (name = name_canonical(argv[1], err)) == NULL)
		return -1;
	if (v->compression != NULL)
		compression_parse(v->compression, &compression);
	input = file_open_input(argv[0], true, false, err);
	if (input < 0 || source_date_epoch(&epoch, err) < 0 || cli_store(cli, err) == NULL ||
	    config_from_changes(cli->store, &v->change, &config, err) < 0 ||
	    (v->platform != NULL && set_platform(&config, v->platform, err) < 0))
		return -1;
	if (archive_import(cli->store, input, &config, epoch, compression, &ref, &id, err) < 0)
		return error_add(err, "importing %s", argv[0]);
	free(ref.name);
	ref.name = name != NULL ? steal(name) : xstrdup("");
	ref.when = (int64_t)time(NULL);
	if (store_commit(cli->store, &ref, 1, err) < 0)
		return -1;
	out_printf(cli->out, "%s\n", digest_text(&id, text));
	return 0;
}

const struct command cmd_import = {
	.name = "import",
	.summary = "make an image of one layer from a root file system",
	.operands = "TAR|DIR|- [NAME]",
	.min_operands = 1,
	.max_operands = 2,
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct import_values),
	.run = run,
	.details = "Prints the image ID. The tar may be compressed with gzip, zstd, bzip2 or xz.\n",
};
