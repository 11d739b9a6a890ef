/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts for shells, made from the tables of commands and options. */
#include "cli/cli.h"

#include <string.h>

static const char header[] = "# Completion of varve for %s; written by 'varve completion %s'.\n";

/* Every option of a table on one line, as "-t --tag". */
static void option_words(const struct option_spec *options, size_t count, struct buf *out)
{
	auto_(buf) struct buf names = BUF_INIT;
	const char *space = "";

	option_names(options, count, &names);
	for (char *rest = names.data, *line; (line = strsep(&rest, "\n")) != NULL;) {
		size_t length = strcspn(line, "=");

		if (length == 0)
			continue;
		buf_printf(out, "%s%.*s", space, (int)length, line);
		space = " ";
	}
}

static void command_words(struct buf *out)
{
	for (size_t i = 0; i < cli_command_count; i++)
		buf_printf(out, "%s%s", i > 0 ? " " : "", cli_commands[i]->name);
}

/* What to complete after an option or as an operand, judged by the table's own words for it. */
enum argument { ARGUMENT_NONE, ARGUMENT_FILE, ARGUMENT_DIRECTORY, ARGUMENT_IMAGE };

static enum argument argument_kind(const char *text)
{
	if (text == NULL)
		return ARGUMENT_NONE;
	if (strstr(text, "IMAGE") != NULL)
		return ARGUMENT_IMAGE;
	if (strstr(text, "FILE") != NULL || strstr(text, "TAR") != NULL)
		return ARGUMENT_FILE;
	if (strstr(text, "DIR") != NULL || strstr(text, "CONTEXT") != NULL)
		return ARGUMENT_DIRECTORY;
	return ARGUMENT_NONE;
}

/* --- bash ---------------------------------------------------------------------------------- */

/* "$cur" completed from words, files, directories or image names. */
static void bash_reply(enum argument kind, const char *indent, struct buf *out)
{
	static const char *const actions[] = {
		[ARGUMENT_NONE] = "COMPREPLY=()",
		[ARGUMENT_FILE] = "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))",
		[ARGUMENT_DIRECTORY] =
			"compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\"))",
		[ARGUMENT_IMAGE] = "_varve_images; _varve_colons",
	};

	buf_printf(out, "%s%s\n", indent, actions[kind]);
}

/* The cases of "$command$previous-word" that take a value. */
static void bash_values(const char *command, const struct option_spec *options, size_t count,
			struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct option_spec *o = &options[i];

		if (o->kind == OPTION_FLAG)
			continue;
		buf_printf(out, "\t\"%s --%s\"", command, o->name);
		if (o->letter != 0)
			buf_printf(out, "|\"%s -%c\"", command, o->letter);
		buf_add_str(out, ")\n");
		if (o->kind == OPTION_CHOICE) {
			buf_add_str(out, "\t\tCOMPREPLY=($(compgen -W \"");
			for (const char *const *c = o->choices; *c != NULL; c++)
				buf_printf(out, "%s%s", c == o->choices ? "" : " ", *c);
			buf_add_str(out, "\" -- \"$cur\"))\n");
		} else {
			bash_reply(argument_kind(o->value), "\t\t", out);
		}
		buf_add_str(out, "\t\treturn;;\n");
	}
}

static const char bash_start[] =
	"_varve_images() {\n"
	"\tlocal repository tag rest\n"
	"\tCOMPREPLY=($(compgen -W \"$(varve images 2>/dev/null |\n"
	"\t\twhile read -r repository tag rest; do\n"
	"\t\t\t[ \"$repository\" = REPOSITORY ] || [ \"$repository\" = '<none>' ] ||\n"
	"\t\t\t\techo \"$repository:$tag\"\n"
	"\t\tdone)\" -- \"$cur\"))\n"
	"}\n"
	"# Bash takes a colon for the end of a word.\n"
	"_varve_colons() {\n"
	"\tlocal i head=${cur%\"${cur##*:}\"}\n"
	"\t[[ \"$cur\" == *:* ]] || return 0\n"
	"\tfor i in \"${!COMPREPLY[@]}\"; do COMPREPLY[i]=${COMPREPLY[i]#\"$head\"}; done\n"
	"}\n"
	"_varve() {\n"
	"\tlocal cur prev command= i word words='' line=${COMP_LINE:0:COMP_POINT}\n"
	"\tcur=${line##*[[:space:]]}\n"
	"\tline=${line%\"$cur\"}\n"
	"\tread -r -a words <<<\"$line\"\n"
	"\tprev=${words[${#words[@]} - 1]}\n"
	"\tfor ((i = 1; i < ${#words[@]}; i++)); do\n"
	"\t\tword=${words[i]}\n"
	"\t\tcase $word in\n"
	"\t\t--root|--durability) i=$((i + 1));;\n"
	"\t\t-*) ;;\n"
	"\t\t*) command=$word; break;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tcase \"$command $prev\" in\n";

static void bash_script(struct buf *out)
{
	buf_printf(out, header, "bash", "bash");
	buf_add_str(out, bash_start);
	bash_values("", cli_options, cli_option_count, out);
	for (size_t i = 0; i < cli_command_count; i++)
		bash_values(cli_commands[i]->name, cli_commands[i]->options,
			    cli_commands[i]->option_count, out);
	buf_add_str(out, "\tesac\n\tcase \"$command $cur\" in\n\t' -'*)\n"
			 "\t\tCOMPREPLY=($(compgen -W \"");
	option_words(cli_options, cli_option_count, out);
	buf_add_str(out, "\" -- \"$cur\"));;\n\t' '*)\n\t\tCOMPREPLY=($(compgen -W \"");
	command_words(out);
	buf_add_str(out, "\" -- \"$cur\"));;\n");
	for (size_t i = 0; i < cli_command_count; i++) {
		const struct command *c = cli_commands[i];

		buf_printf(out, "\t\"%s -\"*)\n\t\tCOMPREPLY=($(compgen -W \"", c->name);
		option_words(c->options, c->option_count, out);
		buf_printf(out, "\" -- \"$cur\"));;\n\t\"%s \"*)\n", c->name);
		if (strcmp(c->operands, "[COMMAND]") == 0) {
			buf_add_str(out, "\t\tCOMPREPLY=($(compgen -W \"");
			command_words(out);
			buf_add_str(out, "\" -- \"$cur\"))\n");
		} else {
			bash_reply(argument_kind(c->operands), "\t\t", out);
		}
		buf_add_str(out, "\t\t;;\n");
	}
	buf_add_str(out, "\tesac\n}\ncomplete -F _varve varve\n");
}

/* --- zsh ----------------------------------------------------------------------------------- */

/* Text inside a specification of _arguments in single quotes. */
static void zsh_quote(const char *text, struct buf *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			buf_add_str(out, "'\\''");
		else if (strchr("[]:\\", *text) != NULL)
			buf_printf(out, "\\%c", *text);
		else
			buf_add_char(out, *text);
	}
}

static void zsh_action(const struct option_spec *o, struct buf *out)
{
	static const char *const actions[] = {
		[ARGUMENT_NONE] = " ",
		[ARGUMENT_FILE] = "_files",
		[ARGUMENT_DIRECTORY] = "_files -/",
		[ARGUMENT_IMAGE] = "_varve_images",
	};

	if (o->kind != OPTION_CHOICE) {
		buf_add_str(out, actions[argument_kind(o->value)]);
		return;
	}
	for (const char *const *c = o->choices; *c != NULL; c++)
		buf_printf(out, "%s%s", c == o->choices ? "(" : " ", *c);
	buf_add_char(out, ')');
}

static void zsh_option(const struct option_spec *o, struct buf *out)
{
	const char *repeat = o->kind == OPTION_LIST ? "*" : "";
	const char *equals = o->kind == OPTION_FLAG ? "" : "=";

	for (int form = o->letter != 0 ? 0 : 1; form < 2; form++) {
		if (form == 0)
			buf_printf(out, " \\\n\t\t'%s-%c%s[", repeat, o->letter,
				   o->kind == OPTION_FLAG ? "" : "+");
		else
			buf_printf(out, " \\\n\t\t'%s--%s%s[", repeat, o->name, equals);
		zsh_quote(o->help, out);
		buf_add_char(out, ']');
		if (o->kind != OPTION_FLAG) {
			buf_add_char(out, ':');
			zsh_quote(o->value != NULL ? o->value : o->name, out);
			buf_add_char(out, ':');
			zsh_action(o, out);
		}
		buf_add_char(out, '\'');
	}
}

static void zsh_options(const struct option_spec *options, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++)
		zsh_option(&options[i], out);
	buf_add_str(out, " \\\n\t\t'--help[print this and exit]'");
}

static const char zsh_start[] = "_varve_images() {\n"
				"\tlocal -a names\n"
				"\tnames=(${(f)\"$(varve images 2>/dev/null |\n"
				"\t\tawk 'NR > 1 && $1 != \"<none>\" { print $1 \":\" $2 }')\"})\n"
				"\tcompadd -a names\n"
				"}\n"
				"_varve() {\n"
				"\tlocal curcontext=$curcontext state line\n"
				"\tlocal -a commands\n"
				"\tcommands=(\n";

static void zsh_script(struct buf *out)
{
	static const char *const actions[] = {
		[ARGUMENT_NONE] = "",
		[ARGUMENT_FILE] = " \\\n\t\t'*:file:_files'",
		[ARGUMENT_DIRECTORY] = " \\\n\t\t'*:directory:_files -/'",
		[ARGUMENT_IMAGE] = " \\\n\t\t'*:image:_varve_images'",
	};

	buf_add_str(out, "#compdef varve\n");
	buf_printf(out, header, "zsh", "zsh");
	buf_add_str(out, zsh_start);
	for (size_t i = 0; i < cli_command_count; i++) {
		buf_printf(out, "\t\t'%s:", cli_commands[i]->name);
		zsh_quote(cli_commands[i]->summary, out);
		buf_add_str(out, "'\n");
	}
	buf_add_str(out, "\t)\n\t_arguments -C");
	zsh_options(cli_options, cli_option_count, out);
	buf_add_str(out, " \\\n\t\t'1:command:->command' '*::argument:->argument'\n"
			 "\tcase $state in\n"
			 "\tcommand) _describe command commands; return;;\n"
			 "\targument) ;;\n\t*) return;;\n\tesac\n\tcase $words[1] in\n");
	for (size_t i = 0; i < cli_command_count; i++) {
		const struct command *c = cli_commands[i];

		buf_printf(out, "\t%s)\n\t\t_arguments", c->name);
		zsh_options(c->options, c->option_count, out);
		if (strcmp(c->operands, "[COMMAND]") == 0)
			buf_add_str(out, " \\\n\t\t'1:command:->command'\n"
					 "\t\t_describe command commands");
		else
			buf_add_str(out, actions[argument_kind(c->operands)]);
		buf_add_str(out, ";;\n");
	}
	buf_add_str(out, "\tesac\n}\n_varve \"$@\"\n");
}

/* --- plain --------------------------------------------------------------------------------- */

static void list_options(const char *command, const struct option_spec *options, size_t count,
			 struct buf *out)
{
	auto_(buf) struct buf names = BUF_INIT;

	option_names(options, count, &names);
	for (char *rest = names.data, *line; (line = strsep(&rest, "\n")) != NULL;)
		if (*line != '\0')
			buf_printf(out, "%s %s\n", command, line);
}

/* "COMMAND OPTION" on each line, for the test that compares the manual page with the tables. */
static void plain_list(struct buf *out)
{
	list_options("varve", cli_options, cli_option_count, out);
	for (size_t i = 0; i < cli_command_count; i++)
		list_options(cli_commands[i]->name, cli_commands[i]->options,
			     cli_commands[i]->option_count, out);
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;

	(void)values;
	(void)argc;
	if (strcmp(argv[0], "bash") == 0) {
		bash_script(&text);
	} else if (strcmp(argv[0], "zsh") == 0) {
		zsh_script(&text);
	} else if (strcmp(argv[0], "list") == 0) {
		plain_list(&text);
	} else {
		error_set(err, ERROR_USAGE, "no completion for %s", argv[0]);
		return error_hint(err, "there is one for bash and one for zsh");
	}
	out_str(cli->out, text.data);
	return 0;
}

const struct command cmd_completion = {
	.name = "completion",
	.summary = "print the completion script for a shell",
	.operands = "bash|zsh|list",
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
	.details = "For bash: varve completion bash >/etc/bash_completion.d/varve\n"
		   "For zsh:  varve completion zsh >DIR/_varve, with DIR in $fpath\n"
		   "list prints every command with every option, one on a line.\n",
};
