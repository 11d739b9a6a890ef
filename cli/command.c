/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "common/arena.h"
#include "parser/dockerfile.h"

#include <string.h>

extern const struct command cmd_build, cmd_completion, cmd_diff, cmd_fsck, cmd_help, cmd_history,
	cmd_images, cmd_import, cmd_info, cmd_inspect, cmd_layers, cmd_load, cmd_parse, cmd_prune,
	cmd_rmi, cmd_run, cmd_save, cmd_tag, cmd_version;

const struct command *const cli_commands[] = {
	&cmd_build,   &cmd_run,     &cmd_parse,      &cmd_images, &cmd_inspect,
	&cmd_history, &cmd_layers,  &cmd_diff,       &cmd_tag,    &cmd_rmi,
	&cmd_save,    &cmd_load,    &cmd_import,     &cmd_prune,  &cmd_fsck,
	&cmd_info,    &cmd_version, &cmd_completion, &cmd_help,
};
const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);

static const char *const durabilities[] = {"full", "fast", NULL};

#define VALUE(member) offsetof(struct cli_values, member)
const struct option_spec cli_options[] = {
	{0, "root", OPTION_STRING, VALUE(root), "DIR", "keep images and build cache in DIR", NULL},
	{0, "durability", OPTION_CHOICE, VALUE(durability), "full|fast",
	 "fast: a power cut may lose results that were reported as done", durabilities},
	{0, "debug", OPTION_FLAG, VALUE(debug), NULL, "show where in the program an error arose",
	 NULL},
	{'v', "version", OPTION_FLAG, VALUE(version), NULL, "print the version and exit", NULL},
};
const size_t cli_option_count = sizeof(cli_options) / sizeof(cli_options[0]);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < cli_command_count; i++)
		if (strcmp(cli_commands[i]->name, name) == 0)
			return cli_commands[i];
	return NULL;
}

int command_unknown(const char *name, struct error *err)
{
	auto_free const char **names = xcalloc(cli_command_count, sizeof(*names));
	const char *near;

	for (size_t i = 0; i < cli_command_count; i++)
		names[i] = cli_commands[i]->name;
	error_set(err, ERROR_USAGE, "no such command: %s", name);
	near = suggest(name, names, cli_command_count);
	if (near != NULL)
		return error_hint(err, "did you mean 'varve %s'?", near);
	return error_hint(err, "'varve help' lists the commands");
}

static const char environment[] =
	"Environment:\n"
	"  VARVE_ROOT                the store, where --root is not given\n"
	"  XDG_DATA_HOME             where the store of an ordinary user lies: "
	"$XDG_DATA_HOME/varve\n"
	"  SOURCE_DATE_EPOCH         seconds since 1970 that all timestamps of an image are "
	"clamped to\n";

static const char exit_status[] =
	"Exit status:\n"
	"  0    success\n"
	"  1    any other failure; diff: there are differences\n"
	"  2    the command line is wrong; diff: any other failure\n"
	"  3    the Dockerfile is wrong\n"
	"  4    something named does not exist\n"
	"  5    a document, archive or blob is damaged or over a limit; fsck: something was found\n"
	"  6    a program that was run failed (run: exits with that program's own status)\n"
	"  7    no space left\n"
	"  130  interrupted\n";

void command_help_all(struct buf *out)
{
	buf_add_str(out, "Usage: varve [OPTIONS] COMMAND ...\n\n"
			 "Build container images from Dockerfiles, and look into them.\n\n"
			 "Commands:\n");
	for (size_t i = 0; i < cli_command_count; i++)
		buf_printf(out, "  %-12s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
	buf_add_str(out, "\nOptions:\n");
	option_help(cli_options, cli_option_count, out);
	buf_printf(out, "\n%s\n%s\n'varve help COMMAND' explains a command, varve(1) everything.\n",
		   environment, exit_status);
}

void command_help(const struct command *command, struct buf *out)
{
	buf_printf(out, "Usage: varve %s [OPTIONS]%s%s\n\n", command->name,
		   command->operands[0] != '\0' ? " " : "", command->operands);
	buf_printf(out, "%s: %s\n\nOptions:\n", command->name, command->summary);
	option_help(command->options, command->option_count, out);
	if (command->details != NULL)
		buf_printf(out, "\n%s", command->details);
}
