/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/git_run.h"

#include "builder/remote.h"
#include "common/fd.h"

#include <assert.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	MAX_COMPLAINT = 16 * 1024, /* bytes of stderr that are kept, the last ones */
	MAX_CAUSE = 300,           /* bytes of it in an error */
	MAX_ARGUMENTS = 16,
	EXIT_NO_GIT = 127,
};

/* --- environment --------------------------------------------------------------------------- */

void git_release(struct git *g)
{
	arena_release(&g->arena);
	*g = (struct git)GIT_INIT;
}

static void set_variable(struct git *g, const char *name, const char *value)
{
	g->variables = arena_grow(&g->arena, g->variables, g->count, sizeof(*g->variables));
	g->variables[g->count++] = arena_printf(&g->arena, "%s=%s", name, value);
}

static void setting(struct git *g, const char *key, const char *value)
{
	set_variable(g, arena_printf(&g->arena, "GIT_CONFIG_KEY_%zu", g->settings), key);
	set_variable(g, arena_printf(&g->arena, "GIT_CONFIG_VALUE_%zu", g->settings), value);
	g->settings++;
}

static void inherit(struct git *g)
{
	static const char *const names[] = {
		"PATH",           "TMPDIR",        "http_proxy",  "https_proxy", "HTTPS_PROXY",
		"all_proxy",      "ALL_PROXY",     "no_proxy",    "NO_PROXY",    "GIT_SSL_CAINFO",
		"GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR"};
	const char *trusted = getenv("SSL_CERT_FILE");

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (getenv(names[i]) != NULL)
			set_variable(g, names[i], getenv(names[i]));
	/* git reads it under its own name only. */
	if (trusted != NULL && *trusted != '\0' && getenv("GIT_SSL_CAINFO") == NULL)
		set_variable(g, "GIT_SSL_CAINFO", trusted);
}

/* Without an agent that the user offered, ssh has no key: a Dockerfile must not use those of the
   one who builds it. The caller's GIT_SSH_COMMAND is an order of the caller. */
static void set_ssh(struct git *g, const struct fetch_options *o)
{
	const char *own = getenv("GIT_SSH_COMMAND");
	const char *keys = o->ssh_socket != NULL ? ""
						 : " -o IdentityAgent=none -o IdentitiesOnly=yes "
						   "-o IdentityFile=none";

	if (o->ssh_socket != NULL)
		set_variable(g, "SSH_AUTH_SOCK", o->ssh_socket);
	set_variable(g, "GIT_SSH_COMMAND",
		     own != NULL && *own != '\0'
			     ? own
			     : arena_printf(&g->arena,
					    "ssh -F none -o BatchMode=yes -o ConnectTimeout=30 "
					    "-o ServerAliveInterval=30%s",
					    keys));
	set_variable(g, "GIT_SSH_VARIANT", "ssh");
}

static void set_basics(struct git *g)
{
	static const char *const variables[][2] = {
		{"LC_ALL", "C"},
		{"HOME", "/dev/null"}, /* no .gitconfig, .netrc or attributes */
		{"GIT_CONFIG_NOSYSTEM", "1"},
		{"GIT_CONFIG_GLOBAL", "/dev/null"},
		{"GIT_ATTR_NOSYSTEM", "1"},
		{"GIT_TERMINAL_PROMPT", "0"},
		/* Stronger than the setting below, which later versions of git also have as their
		   default: nothing can allow another transport again. */
		{"GIT_ALLOW_PROTOCOL", "git:http:https:ssh"},
	};
	static const char *const settings[][2] = {
		{"protocol.file.allow", "never"}, {"core.hooksPath", "/dev/null"},
		{"core.fsmonitor", "false"},      {"core.autocrlf", "false"},
		{"credential.helper", ""},        {"gc.auto", "0"},
		{"maintenance.auto", "false"},    {"advice.detachedHead", "false"},
		{"init.defaultBranch", "main"},   {"http.lowSpeedLimit", "1"},
		{"http.lowSpeedTime", "60"},
	};

	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		set_variable(g, variables[i][0], variables[i][1]);
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		setting(g, settings[i][0], settings[i][1]);
}

/* A secret for this host, NAME_<host> or NAME.<host> as BuildKit has it, or for all. */
static int find_secret(const struct fetch_options *o, const char *name, const char *host,
		       struct buf *out, struct error *err)
{
	auto_free char *dotted = xprintf("%s.%s", name, host);
	int found = remote_secret(o, name, host, out, err);

	if (found == 0)
		found = remote_secret(o, dotted, NULL, out, err);
	if (found == 0)
		found = remote_secret(o, name, NULL, out, err);
	return found;
}

static int authorization(const char *url, const struct fetch_options *o, struct buf *out,
			 struct error *err)
{
	auto_(buf) struct buf login = BUF_INIT;
	auto_free char *host = url_host(url);
	int found = find_secret(o, "GIT_AUTH_HEADER", host, out, err);

	if (found != 0)
		return found;
	buf_add_str(&login, "x-access-token:");
	found = find_secret(o, "GIT_AUTH_TOKEN", host, &login, err);
	if (found == 0) {
		buf_reset(&login);
		found = url_credentials(url, &login);
	}
	if (found > 0)
		basic_authorization(login.data, out);
	return found;
}

static int set_authorization(struct git *g, const char *url, const struct fetch_options *o,
			     struct error *err)
{
	auto_(buf) struct buf value = BUF_INIT;
	auto_free char *shown = url_public(url);
	const char *path = strchr(strstr(shown, "://") + 3, '/');
	int found;

	g->url = arena_strdup(&g->arena, shown);
	buf_add_str(&value, "Authorization: ");
	found = authorization(url, o, &value, err);
	if (found > 0)
		setting(g,
			arena_printf(&g->arena, "http.%.*s/.extraHeader", (int)(path - shown),
				     shown),
			value.data);
	return found < 0 ? -1 : 0;
}

int git_open(struct git *g, const struct git_source *source, const struct fetch_options *o,
	     struct error *err)
{
	g->url = arena_strdup(&g->arena, source->url);
	inherit(g);
	set_basics(g);
	set_ssh(g, o);
	if (strncmp(source->url, "http", 4) == 0 && set_authorization(g, source->url, o, err) < 0)
		return -1;
	set_variable(g, "GIT_CONFIG_COUNT", arena_printf(&g->arena, "%zu", g->settings));
	g->variables = arena_grow(&g->arena, g->variables, g->count, sizeof(*g->variables));
	g->variables[g->count] = NULL;
	return 0;
}

/* --- the process --------------------------------------------------------------------------- */

struct spawn {
	int directory, input, output, complaint;
	int readers[2]; /* the other ends, for the parent only */
	const char *const *arguments;
	char *const *variables;
};

static _Noreturn void become_git(const struct spawn *s)
{
	char *const *arguments;

	/* exec takes them without const for historical reasons. */
	memcpy(&arguments, &s->arguments, sizeof(arguments));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	umask(022);
	if ((s->directory >= 0 ? fchdir(s->directory) : chdir("/")) == 0 &&
	    dup2(s->input, 0) == 0 && dup2(s->output, 1) == 1 && dup2(s->complaint, 2) == 2)
		execvpe("git", arguments, s->variables);
	_exit(EXIT_NO_GIT);
}

/* Stands between us and git. As the first process of a PID namespace it takes with it everything
   that git started, whatever ends it; git itself would leave its helpers behind. */
static _Noreturn void keep_git(const struct spawn *s)
{
	struct pollfd reader = {.fd = s->output};
	int status = 0;
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(s->readers[0]);
	close(s->readers[1]);
	/* Our parent may have died before that call: then nobody reads. */
	if (poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR))
		_exit(1);
	pid = fork();
	if (pid == 0)
		become_git(s);
	close(s->output);
	close(s->complaint);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	_exit(pid < 0 ? 1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

struct pipe_end {
	int fd;
	struct buf *into;
	size_t limit;
	bool keep_last; /* what is too much goes from the front; else it is an error */
};

/* Returns 1 at the end of the pipe. */
static int pump(struct pipe_end *p, struct error *err)
{
	const size_t room = (size_t)16 * 1024;
	ssize_t n = read(p->fd, buf_reserve(p->into, room), room);

	if (n < 0)
		return errno == EINTR ? 0 : error_sys(err, "reading what git says");
	buf_added(p->into, (size_t)n);
	if (p->into->length > p->limit) {
		size_t excess = p->into->length - p->limit;

		if (!p->keep_last)
			return error_set(err, ERROR_LIMIT, "git printed more than %zu bytes",
					 p->limit);
		memmove(p->into->data, p->into->data + excess, p->limit);
		buf_truncate(p->into, p->limit);
	}
	return n == 0;
}

static int pump_all(struct pipe_end *ends, struct error *err)
{
	struct pollfd polled[2] = {{.fd = ends[0].fd, .events = POLLIN},
				   {.fd = ends[1].fd, .events = POLLIN}};

	while (polled[0].fd >= 0 || polled[1].fd >= 0) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return error_sys(err, "waiting for git");
		for (int i = 0; i < 2; i++) {
			int ended = polled[i].fd >= 0 && polled[i].revents != 0
					    ? pump(&ends[i], err)
					    : 0;

			if (ended < 0)
				return -1;
			if (ended > 0)
				polled[i].fd = -1;
		}
	}
	return 0;
}

/* --- what it says -------------------------------------------------------------------------- */

/* Lines that repeat in other words what the line before them said. */
static bool is_chatter(const char *line, size_t length)
{
	static const char *const chatter[] = {
		"Please make sure you have the correct access rights",
		"and the repository exists.",
		"fatal: Could not read from remote repository.",
		"hint: ",
		"warning: ",
	};

	for (size_t i = 0; i < sizeof(chatter) / sizeof(*chatter); i++)
		if (length >= strlen(chatter[i]) &&
		    strncmp(line, chatter[i], strlen(chatter[i])) == 0)
			return true;
	return length == 0;
}

/* The lines that tell something, "; " between them, the last MAX_CAUSE bytes. */
static const char *cause(const struct buf *complaint, struct buf *out)
{
	for (const char *at = complaint->data; *at != '\0';) {
		size_t length = strcspn(at, "\r\n");
		bool prefixed = strncmp(at, "fatal: ", 7) == 0;

		if (!is_chatter(at, length)) {
			buf_add_str(out, out->length > 0 ? "; " : "");
			buf_add(out, at + (prefixed ? 7 : 0), length - (prefixed ? 7 : 0));
		}
		at += length + (at[length] != '\0');
	}
	if (out->length == 0)
		buf_add_str(out, complaint->length > 0 ? "it could not read from the repository"
						       : "it failed and did not say why");
	return out->length > MAX_CAUSE ? out->data + out->length - MAX_CAUSE : out->data;
}

static int explain(const struct git *g, const struct buf *complaint, int status, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;

	if (status == EXIT_NO_GIT && complaint->length == 0) {
		error_set(err, ERROR_NOT_FOUND, "the program git is needed for %s", g->url);
		return error_hint(err, "install git");
	}
	error_set(err, ERROR_IO, "%s: git says: %s", g->url, cause(complaint, &text));
	if (strstr(complaint->data, "could not read Username") != NULL ||
	    strstr(complaint->data, "Authentication failed") != NULL)
		return error_hint(err, "--secret id=GIT_AUTH_TOKEN,src=FILE sends the token in "
				       "FILE");
	if (strstr(complaint->data, "Permission denied (") != NULL)
		return error_hint(err, "--ssh default lets git use the keys of your ssh-agent");
	if (strstr(complaint->data, "Host key verification failed") != NULL)
		return error_hint(err, "add the host's key to ~/.ssh/known_hosts, for instance "
				       "with ssh-keyscan");
	return -1;
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t start(const struct spawn *s, struct error *err)
{
	/* Without the right to a PID namespace git's helpers end when their pipes do. */
	pid_t pid = (pid_t)syscall(SYS_clone, (long)(CLONE_NEWPID | SIGCHLD), 0L, 0L, 0L, 0L);

	if (pid < 0)
		pid = fork();
	if (pid == 0)
		keep_git(s);
	return pid < 0 ? error_sys(err, "starting git") : pid;
}

int git_run(const struct git *g, int directory, const char *const *arguments, struct buf *out,
	    struct error *err)
{
	const char *argv[MAX_ARGUMENTS] = {"git"};
	auto_(buf) struct buf complaint = BUF_INIT;
	auto_(buf) struct buf ignored = BUF_INIT;
	auto_fd int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int said[2], printed[2], status, pumped;
	struct spawn s = {.directory = directory, .arguments = argv, .variables = g->variables};
	pid_t pid;

	for (size_t i = 0; arguments[i] != NULL; i++) {
		assert(i + 2 < MAX_ARGUMENTS);
		argv[i + 1] = arguments[i];
	}
	if (input < 0 || pipe2(printed, O_CLOEXEC) < 0)
		return error_sys(err, "starting git");
	if (pipe2(said, O_CLOEXEC) < 0) {
		error_sys(err, "starting git");
		close(printed[0]);
		close(printed[1]);
		return -1;
	}
	s.input = input;
	s.readers[0] = printed[0];
	s.readers[1] = said[0];
	s.output = printed[1];
	s.complaint = said[1];
	pid = start(&s, err);
	close(printed[1]);
	close(said[1]);
	pumped = pid < 0 ? -1
			 : pump_all((struct pipe_end[]){{printed[0], out != NULL ? out : &ignored,
							 GIT_MAX_OUTPUT, false},
							{said[0], &complaint, MAX_COMPLAINT, true}},
				    err);
	close(printed[0]);
	close(said[0]);
	if (pid < 0)
		return -1;
	if (pumped < 0)
		kill(pid, SIGKILL);
	status = wait_for(pid);
	if (pumped < 0)
		return -1;
	return status == 0 ? 0 : explain(g, &complaint, status, err);
}
