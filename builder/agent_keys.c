/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/agent_keys.h"

#include "builder/agent.h"
#include "common/arena.h"
#include "common/fd.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const char socket_name[] = "agent";

/* "openssh-key-v1", zero, and the length 4 and name "none" of its cipher, in base 64. */
static const char open_format[] = "b3BlbnNzaC1rZXktdjE",
		  open_plain[] = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";

bool agent_key_is_protected(const char *text)
{
	const char *body = strstr(text, open_format);

	if (body != NULL)
		return strncmp(body, open_plain, sizeof(open_plain) - 1) != 0;
	return strstr(text, "BEGIN ENCRYPTED PRIVATE KEY") != NULL ||
	       strstr(text, "Proc-Type: 4,ENCRYPTED") != NULL;
}

/* The relative name keeps within the 107 bytes of a socket's path. */
static _Noreturn void run_program(char *const *argv, int input, int output)
{
	char path[PATH_MAX + 8];
	char *envp[] = {path, (char[]){"SSH_AUTH_SOCK=agent"},
			(char[]){"SSH_ASKPASS_REQUIRE=never"}, NULL};
	const char *given = getenv("PATH");

	snprintf(path, sizeof(path), "PATH=%s",
		 given != NULL && strlen(given) < PATH_MAX ? given : "/usr/bin:/bin");
	/* Debian's ssh-agent is setgid; that would take the death signal away. */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid(); /* no terminal to ask for a passphrase on */
	if (input >= 0)
		dup2(input, 0);
	if (output >= 0)
		dup2(output, 1);
	execvpe(argv[0], argv, envp);
	_exit(127);
}

static int explain_missing(const char *program, struct error *err)
{
	error_set(err, ERROR_NOT_FOUND, "%s cannot be run", program);
	return error_hint(err, "key files need ssh-agent and ssh-add in PATH (package "
			       "openssh-client); or use the socket of an agent that runs");
}

/* It says where it listens as soon as it does. */
static int start_agent(struct error *err)
{
	char *argv[] = {(char[]){"ssh-agent"}, (char[]){"-D"}, (char[]){"-a"}, (char[]){"agent"},
			NULL};
	char byte;
	int ends[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "creating a pipe");
	pid = fork();
	if (pid == 0)
		run_program(argv, -1, ends[1]);
	close(ends[1]);
	do
		n = pid < 0 ? -1 : read(ends[0], &byte, 1);
	while (n < 0 && errno == EINTR);
	close(ends[0]);
	return n == 1 ? 0 : explain_missing("ssh-agent", err);
}

/* Passed on through a pipe: ssh-add would refuse a file that others may read, and find its name
   only from our directory. A key fits into a pipe. */
static int add_key(const struct buf *key, struct error *err)
{
	char *argv[] = {(char[]){"ssh-add"}, (char[]){"-q"}, (char[]){"-"}, NULL};
	auto_fd int output = -1;
	int ends[2], status = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "creating a pipe");
	output = ends[1];
	pid = fork();
	if (pid == 0)
		run_program(argv, ends[0], -1);
	close(ends[0]);
	if (pid < 0)
		return error_sys(err, "starting ssh-add");
	if (write_all(output, key->data, key->length, err) < 0)
		error_clear(err); /* its exit status says why it did not read */
	cleanup_fd(&output);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return explain_missing("ssh-add", err);
	if (status != 0)
		return error_set(err, ERROR_FORMAT, "not a private key that ssh-add understands");
	return 0;
}

static int read_key(const char *path, struct buf *out, struct error *err)
{
	auto_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "%s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_USAGE, "%s is neither a socket nor a key file", path);
	if (read_all(fd, AGENT_MAX_KEY, out, err) < 0)
		return error_add(err, "%s", path);
	if (!agent_key_is_protected(out->data))
		return 0;
	error_set(err, ERROR_DENIED, "%s is protected by a passphrase", path);
	return error_hint(err, "load it into an agent with ssh-add, and give that: --ssh default");
}

int agent_keys_load(int directory, const struct build_ssh *ssh, struct error *err)
{
	struct buf *keys = xcalloc(ssh->path_count, sizeof(*keys));
	int status = 0;

	/* Their paths may be relative: read before the change of directory. */
	for (size_t i = 0; i < ssh->path_count; i++)
		keys[i] = (struct buf)BUF_INIT;
	for (size_t i = 0; status == 0 && i < ssh->path_count; i++)
		status = read_key(ssh->paths[i], &keys[i], err);
	if (status == 0 && fchdir(directory) < 0)
		status = error_sys(err, "entering the agent's directory");
	if (status == 0)
		status = start_agent(err);
	for (size_t i = 0; status == 0 && i < ssh->path_count; i++) {
		status = add_key(&keys[i], err);
		if (status < 0)
			error_add(err, "%s", ssh->paths[i]);
	}
	for (size_t i = 0; i < ssh->path_count; i++) {
		explicit_bzero(keys[i].data, keys[i].length);
		buf_release(&keys[i]);
	}
	free(keys);
	return status < 0 ? -1 : open_child(directory, socket_name, O_PATH, 0, err);
}
