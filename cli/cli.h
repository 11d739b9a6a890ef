/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: a table of commands, each with a table of options, one file per command.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/option.h"
#include "cli/out.h"
#include "common/error.h"
#include "layers/store.h"

/* What every command gets. */
struct cli {
	const char *root_path; /* of the store: --root, $VARVE_ROOT, or the default */
	bool debug;            /* errors with their trail of source lines */
	bool fast;             /* --durability=fast */
	struct out *out;       /* standard output; flushed and checked after the command */
	struct store *store;   /* opened by cli_store() */
	bool user_namespace;   /* entered because the caller is not root */
	bool single_id;        /* ... and it has only one id */
};

struct command {
	const char *name;
	const char *summary;            /* one line, lower case, no full stop */
	const char *operands;           /* "CONTEXT", "IMAGE [COMMAND...]", or "" */
	int min_operands, max_operands; /* max -1: any number */
	bool options_first;             /* options end at the first operand (run) */
	const struct option_spec *options;
	size_t option_count;
	size_t values_size; /* of the struct that the options fill in; zeroed before */
	/* Returns 0, a documented exit status above 0 that was already explained, or -1 with err.
	 */
	int (*run)(struct cli *cli, void *values, int argc, char **argv, struct error *err);
	const char *details; /* paragraphs of --help after the options, or NULL */
	int error_status; /* exit status of errors that would be 1, where 1 means something else */
};

/* The members of struct command for a table of options. */
#define COMMAND_OPTIONS(table)                                                                     \
	.options = (table), .option_count = sizeof(table) / sizeof((table)[0])

/* Every command, in the order of `varve help`; cmd_*.c define them. */
extern const struct command *const cli_commands[];
extern const size_t cli_command_count;

/* What the options before the command say. */
struct cli_values {
	const char *root, *durability;
	bool debug, version;
};

extern const struct option_spec cli_options[];
extern const size_t cli_option_count;

extern const char cli_version[];
extern const char cli_libraries[]; /* "libarchive 3.6.2, ..." at build time */

/* NULL if there is no such command. */
const struct command *command_find(const char *name);
/* ERROR_USAGE with the nearest name as a hint. Yields -1. */
int command_unknown(const char *name, struct error *err);
/* What `varve help` and `varve help NAME` print. */
void command_help_all(struct buf *out);
void command_help(const struct command *command, struct buf *out);

/* The store's place when neither --root nor $VARVE_ROOT says: /var/lib/varve for root, else
   $XDG_DATA_HOME/varve or ~/.local/share/varve. NULL with err; the caller frees it. */
char *cli_default_root(struct error *err);

/* Opens the store at first use, making it when it does not exist; in a user namespace if the
   caller is not root. NULL with err. */
struct store *cli_store(struct cli *cli, struct error *err);

#endif
