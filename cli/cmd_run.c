/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/container.h"
#include "common/arena.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

enum { EXIT_NOT_EXECUTABLE = 126, EXIT_NO_PROGRAM = 127, EXIT_SIGNAL = 128, PATIENCE = 3 };

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct run_values {
	bool rm, read_only;
	struct option_list env;
	const char *workdir, *user, *entrypoint, *network;
};

static const char *const networks[] = {"host", "none", NULL};

#define VALUE(member) offsetof(struct run_values, member)
static const struct option_spec options[] = {
	{0, "rm", OPTION_FLAG, VALUE(rm), NULL,
	 "remove the container when its program ends; required", NULL},
	{'e', "env", OPTION_LIST, VALUE(env), "NAME[=VALUE]",
	 "set an environment variable, or pass on the caller's", NULL},
	{'w', "workdir", OPTION_STRING, VALUE(workdir), "DIR",
	 "start in DIR of the container; it is made if it does not exist", NULL},
	{'u', "user", OPTION_STRING, VALUE(user), "USER[:GROUP]",
	 "run as this user of the image, by name or number", NULL},
	{0, "entrypoint", OPTION_STRING, VALUE(entrypoint), "PROGRAM",
	 "in place of the image's entrypoint; empty for none", NULL},
	{0, "network", OPTION_CHOICE, VALUE(network), "host|none",
	 "the host's network (default), or none but the loopback", networks},
	{0, "read-only", OPTION_FLAG, VALUE(read_only), NULL, "refuse writes to the image's files",
	 NULL},
};

/* --- arguments and environment ------------------------------------------------------------- */

/* A NULL-terminated list of strings. */
struct list {
	char **item;
	size_t count;
};

#define LIST_INIT                                                                                  \
	{                                                                                          \
		.item = NULL, .count = 0                                                           \
	}

static void list_release(struct list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->item[i]);
	free(l->item);
}
DEFINE_CLEANUP_STRUCT(list, struct list, list_release);

static void list_take(struct list *l, char *text)
{
	l->item = xrealloc(l->item, l->count + 2, sizeof(*l->item));
	l->item[l->count++] = text;
	l->item[l->count] = NULL;
}

static void list_add_all(struct list *l, const struct strings *from)
{
	for (size_t i = 0; i < from->count; i++)
		list_take(l, xstrdup(from->item[i]));
}

static int make_arguments(const struct run_values *v, const struct config *config, int argc,
			  char **argv, struct list *out, struct error *err)
{
	if (v->entrypoint == NULL)
		list_add_all(out, &config->entrypoint);
	else if (v->entrypoint[0] != '\0')
		list_take(out, xstrdup(v->entrypoint));
	for (int i = 0; i < argc; i++)
		list_take(out, xstrdup(argv[i]));
	if (argc == 0 && v->entrypoint == NULL)
		list_add_all(out, &config->cmd);
	if (out->count > 0)
		return 0;
	error_set(err, ERROR_USAGE, "the image names no command");
	return error_hint(err, "write one after the image");
}

/* The value of NAME in a list of NAME=VALUE, or NULL. */
static char **find_variable(const struct list *l, const char *name, size_t length)
{
	for (size_t i = 0; i < l->count; i++)
		if (strncmp(l->item[i], name, length) == 0 && l->item[i][length] == '=')
			return &l->item[i];
	return NULL;
}

static void set_variable(struct list *l, const char *text)
{
	char **old = find_variable(l, text, strcspn(text, "="));

	if (old == NULL) {
		list_take(l, xstrdup(text));
	} else {
		free(*old);
		*old = xstrdup(text);
	}
}

static int make_environment(const struct run_values *v, const struct container *c, struct list *out,
			    struct error *err)
{
	for (size_t i = 0; i < c->image.config.env.count; i++)
		set_variable(out, c->image.config.env.item[i]);
	for (size_t i = 0; i < v->env.count; i++) {
		const char *text = v->env.item[i], *own;
		auto_free char *passed = NULL;

		if (text[0] == '=' || text[0] == '\0')
			return error_set(err, ERROR_USAGE, "--env: no name in \"%s\"", text);
		if (strchr(text, '=') == NULL) {
			own = getenv(text);
			if (own == NULL)
				continue;
			passed = xprintf("%s=%s", text, own);
			text = passed;
		}
		set_variable(out, text);
	}
	if (find_variable(out, "PATH", 4) == NULL)
		list_take(out, xprintf("PATH=%s", default_path));
	if (find_variable(out, "HOME", 4) == NULL)
		list_take(out, xprintf("HOME=%s", c->user.home));
	if (find_variable(out, "HOSTNAME", 8) == NULL)
		list_take(out, xprintf("HOSTNAME=%s", c->hostname));
	return 0;
}

/* --- the running program ------------------------------------------------------------------- */

static int catch_signals(struct error *err)
{
	static const int caught[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(&set, caught[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_sys(err, "blocking signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd >= 0 ? fd : error_sys(err, "watching for signals");
}

/* Waits for the program and passes signals on. Who interrupts it for the third time means it. */
static int supervise(struct sandbox *box, int signals, struct sandbox_result *result,
		     struct error *err)
{
	struct pollfd watch[] = {{.fd = sandbox_fd(box), .events = POLLIN},
				 {.fd = signals, .events = POLLIN}};
	int interrupts = 0;

	for (;;) {
		struct signalfd_siginfo info;
		struct error gone = ERROR_INIT;

		if (poll(watch, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return error_sys(err, "waiting for the program");
		}
		if (watch[0].revents != 0)
			return sandbox_finish(box, result, err);
		if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
			continue;
		if (info.ssi_signo == SIGINT && ++interrupts == PATIENCE) {
			sandbox_kill(box);
			return error_set(err, ERROR_CANCELLED, "interrupted %d times", PATIENCE);
		}
		/* It fails if the program has just ended, which the next round sees. */
		sandbox_signal(box, (int)info.ssi_signo, &gone);
	}
}

/* As shells and docker do it: 126 and 127 say that the program never ran. */
static int start_failed(const struct cli *cli, struct error *err)
{
	if (err->code != ERROR_NOT_FOUND && err->code != ERROR_DENIED)
		return -1;
	error_print(err, stderr, cli->debug);
	return err->code == ERROR_NOT_FOUND ? EXIT_NO_PROGRAM : EXIT_NOT_EXECUTABLE;
}

static int execute(struct cli *cli, struct container *c, const struct list *argv,
		   const struct list *envp, enum sandbox_network network, struct error *err)
{
	auto_(sandbox) struct sandbox *box = NULL;
	struct sandbox_result result = {.wait_status = 0};
	auto_fd int signals = catch_signals(err);

	if (signals < 0)
		return -1;
	box = container_start(c, argv->item, envp->item, network, err);
	if (box == NULL)
		return -1;
	if (supervise(box, signals, &result, err) < 0)
		return start_failed(cli, err);
	return WIFSIGNALED(result.wait_status) ? EXIT_SIGNAL + WTERMSIG(result.wait_status)
					       : WEXITSTATUS(result.wait_status);
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct run_values *v = values;
	auto_(container) struct container c = CONTAINER_INIT;
	auto_(list) struct list arguments = LIST_INIT, environment = LIST_INIT;
	bool none = v->network != NULL && strcmp(v->network, "none") == 0;

	if (!v->rm) {
		error_set(err, ERROR_USAGE, "a container is removed when its program ends");
		return error_hint(err, "say that this is what you want: varve run --rm %s",
				  argv[0]);
	}
	if (cli_store(cli, err) == NULL ||
	    container_prepare(&c, cli->store, argv[0], v->user, v->workdir, v->read_only, err) <
		    0 ||
	    make_arguments(v, &c.image.config, argc - 1, argv + 1, &arguments, err) < 0 ||
	    make_environment(v, &c, &environment, err) < 0)
		return -1;
	return execute(cli, &c, &arguments, &environment,
		       none ? SANDBOX_NO_NETWORK : SANDBOX_HOST_NETWORK, err);
}

const struct command cmd_run = {
	.name = "run",
	.summary = "run a program in a container made of an image",
	.operands = "IMAGE [COMMAND...]",
	.min_operands = 1,
	.max_operands = -1,
	.options_first = true,
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct run_values),
	.run = run,
	.details =
		"The container is removed when the program ends, and --rm says that this is what\n"
		"you want. The exit status is the program's, or 128 and the signal that ended it;\n"
		"126 and 127 if it could not be executed or does not exist. Signals are passed on\n"
		"to the program, which has no controlling terminal; the third interrupt kills "
		"it.\n",
};
