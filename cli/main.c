/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "common/arena.h"
#include "parser/dockerfile.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

enum { EXIT_BROKEN_PIPE = 128 + SIGPIPE };

static void hint_about_help(const struct command *command, struct error *err)
{
	if (err->code == ERROR_USAGE && err->hint[0] == '\0')
		error_hint(err, "'varve %s%s--help' explains the options",
			   command != NULL ? command->name : "", command != NULL ? " " : "");
}

/* A global option after the command is the likeliest mistake of all. */
static void hint_about_order(const struct command *command, int argc, char **argv,
			     struct error *err)
{
	if (strncmp(err->frame[0].text, "unknown option --", strlen("unknown option --")) != 0)
		return;
	for (size_t i = 0; i < cli_option_count; i++) {
		const char *name = cli_options[i].name;

		for (int j = 1; j < argc; j++)
			if (strncmp(argv[j], "--", 2) == 0 &&
			    strncmp(argv[j] + 2, name, strlen(name)) == 0 &&
			    strstr(err->frame[0].text, name) != NULL)
				error_hint(err, "--%s stands before the command: varve --%s%s %s",
					   name, name, cli_options[i].value != NULL ? " ..." : "",
					   command->name);
	}
}

static int check_operands(const struct command *command, int count, struct error *err)
{
	if (count >= command->min_operands &&
	    (command->max_operands < 0 || count <= command->max_operands))
		return 0;
	if (command->max_operands == 0)
		error_set(err, ERROR_USAGE, "%s takes no operands", command->name);
	else
		error_set(err, ERROR_USAGE, "%s: too %s operands", command->name,
			  count < command->min_operands ? "few" : "many");
	return error_hint(err, "usage: varve %s [OPTIONS] %s", command->name, command->operands);
}

static int run_command(struct cli *cli, const struct command *command, int argc, char **argv,
		       struct error *err)
{
	auto_(buf) struct buf help = BUF_INIT;
	auto_free void *values = xcalloc(1, command->values_size + 1);
	int first = 0, status;

	status = option_parse(command->options, command->option_count, command->options_first,
			      values, argc, argv, &first, err);
	if (status > 0) {
		command_help(command, &help);
		out_str(cli->out, help.data);
		status = 0;
	} else if (status < 0) {
		hint_about_order(command, argc, argv, err);
	} else {
		status = check_operands(command, argc - first, err);
		if (status == 0)
			status = command->run(cli, values, argc - first, argv + first, err);
	}
	if (status < 0)
		hint_about_help(command, err);
	option_release(command->options, command->option_count, values);
	return status;
}

static int report(const struct cli *cli, const struct command *command, const struct error *err)
{
	int status = error_exit_code(err);

	error_print(err, stderr, cli->debug);
	return status == 1 && command != NULL && command->error_status != 0 ? command->error_status
									    : status;
}

/* Output that cannot be written is a failure, except that nobody wants to read more of it. */
static int finish(struct cli *cli, const struct command *command, int status)
{
	struct error err = ERROR_INIT;

	if (out_flush(cli->out, &err) == 0)
		return status;
	return cli->out->failure == EPIPE ? EXIT_BROKEN_PIPE : report(cli, command, &err);
}

static int find_root(struct cli *cli, const char *option, char **owned, struct error *err)
{
	const char *from_environment = getenv("VARVE_ROOT");

	if (option == NULL && from_environment != NULL && from_environment[0] != '\0')
		option = from_environment;
	if (option != NULL && option[0] == '\0')
		return error_set(err, ERROR_USAGE, "--root: the name of the directory is empty");
	cli->root_path = option;
	if (option == NULL)
		cli->root_path = *owned = cli_default_root(err);
	return cli->root_path != NULL ? 0 : -1;
}

static int dispatch(struct cli *cli, int argc, char **argv, const struct command **command,
		    struct error *err)
{
	auto_(buf) struct buf help = BUF_INIT;
	auto_free char *root = NULL;
	struct cli_values values = {NULL};
	int first = 0, status;

	status =
		option_parse(cli_options, cli_option_count, true, &values, argc, argv, &first, err);
	if (status > 0) {
		command_help_all(&help);
		out_str(cli->out, help.data);
		return 0;
	}
	if (status < 0) {
		hint_about_help(NULL, err);
		return -1;
	}
	cli->debug = values.debug;
	cli->fast = values.durability != NULL && strcmp(values.durability, "fast") == 0;
	if (values.version) {
		out_printf(cli->out, "varve %s\n", cli_version);
		return 0;
	}
	if (first == argc) {
		error_set(err, ERROR_USAGE, "no command given");
		return error_hint(err, "'varve help' lists the commands");
	}
	*command = command_find(argv[first]);
	if (*command == NULL)
		return command_unknown(argv[first], err);
	if (find_root(cli, values.root, &root, err) < 0)
		return -1;
	status = run_command(cli, *command, argc - first, argv + first, err);
	store_close(cli->store);
	cli->store = NULL;
	return status;
}

/* A closed descriptor 0, 1 or 2 would be given to the next file that is opened, and messages would
   end up in it. These stand-ins fail every read and write. */
static void keep_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* Work on a deep image holds a descriptor for each of its layers. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	auto_(out) struct out out = OUT_INIT(STDOUT_FILENO);
	struct cli cli = {.out = &out};
	const struct command *command = NULL;
	struct error err = ERROR_INIT;
	int status;

	keep_standard_descriptors();
	raise_descriptor_limit();
	signal(SIGPIPE, SIG_IGN);
	status = dispatch(&cli, argc, argv, &command, &err);
	if (status < 0 && out.failure != EPIPE) {
		struct error ignored = ERROR_INIT;

		out_flush(&out, &ignored); /* what is on the screen first belongs there first */
		return report(&cli, command, &err);
	}
	return finish(&cli, command, status < 0 ? 1 : status);
}
