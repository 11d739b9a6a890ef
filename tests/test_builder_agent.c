/* SPDX-License-Identifier: Apache-2.0 */
/* The agent of RUN --mount=type=ssh, in front of one that answers whatever it gets. */
#include "builder/agent.h"
#include "builder/agent_keys.h"
#include "builder/relay.h"
#include "common/arena.h"
#include "common/fd.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#define ok(call)                                                                                   \
	do {                                                                                       \
		if ((call) < 0) {                                                                  \
			error_print(&err, stderr, true);                                           \
			fail_msg("%s", #call);                                                     \
		}                                                                                  \
	} while (0)

enum { ANSWER = 12 };

struct box {
	char path[64], upstream[80];
	int stage;
	pid_t agent;
	struct loop *loop;
};

static bool read_fully(int fd, void *data, size_t size)
{
	for (size_t have = 0; have < size;) {
		ssize_t n = read(fd, (char *)data + have, size - have);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

static uint32_t number(const unsigned char *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Sends every message back as an answer. */
static _Noreturn void echo(int client)
{
	static unsigned char data[4 + RELAY_MAX_MESSAGE];
	struct error err = ERROR_INIT;

	while (read_fully(client, data, 4) && read_fully(client, data + 4, number(data))) {
		data[4] = ANSWER;
		if (write_all(client, data, 4 + number(data), &err) < 0)
			break;
	}
	_exit(0);
}

static _Noreturn void fake_agent(int listener)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int client = accept(listener, NULL, NULL);

		if (client >= 0 && fork() == 0)
			echo(client);
		close(client);
	}
}

static int make(void **state)
{
	static struct box b;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct error err = ERROR_INIT;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(b.path, sizeof(b.path), "/tmp/varve-test-XXXXXX");
	assert_non_null(mkdtemp(b.path));
	b.stage = open(b.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(b.upstream, sizeof(b.upstream), "%s/upstream", b.path);
	memcpy(address.sun_path, b.upstream, sizeof(b.upstream));
	assert_return_code(bind(listener, (struct sockaddr *)&address, sizeof(address)), errno);
	assert_return_code(listen(listener, 128), errno);
	b.agent = fork();
	if (b.agent == 0)
		fake_agent(listener);
	close(listener);
	b.loop = loop_new(&err);
	*state = &b;
	return b.loop == NULL;
}

static int drop(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;

	kill(b->agent, SIGKILL);
	waitpid(b->agent, NULL, 0);
	loop_free(b->loop);
	close(b->stage);
	ok(remove_tree(AT_FDCWD, b->path, &err));
	return 0;
}

/* Waits for its report: what agent_status() says. */
static int await(struct box *b, const struct agent *a, struct error *err)
{
	int status;

	while ((status = agent_status(a, err)) == 0)
		if (loop_step(b->loop, -1, err) < 0)
			return -1;
	return status;
}

static struct agent *start_with(struct box *b, const char *const *paths, size_t count,
				struct error *err)
{
	const struct build_ssh ssh = {.id = "default", .paths = paths, .path_count = count};

	return agent_start(b->loop, b->stage, &ssh, 0600, geteuid(), getegid(), err);
}

static struct agent *start(struct box *b)
{
	struct error err = ERROR_INIT;
	const char *const paths[] = {b->upstream};
	struct agent *a = start_with(b, paths, 1, &err);

	if (a == NULL || await(b, a, &err) != 1) {
		error_print(&err, stderr, true);
		fail_msg("no agent");
	}
	return a;
}

/* A client, which blocks. */
static int dial(const struct agent *a)
{
	int fd = relay_connect(agent_socket(a));

	assert_true(fd >= 0);
	assert_return_code(fcntl(fd, F_SETFL, 0), errno);
	return fd;
}

static size_t message(unsigned char *out, unsigned char type, const char *body, size_t length)
{
	const uint32_t size = (uint32_t)length + 1;

	out[0] = (unsigned char)(size >> 24);
	out[1] = (unsigned char)(size >> 16);
	out[2] = (unsigned char)(size >> 8);
	out[3] = (unsigned char)size;
	out[4] = type;
	memcpy(out + 5, body, length);
	return length + 5;
}

static void tell(int fd, unsigned char type, const char *body, size_t length)
{
	unsigned char data[1000];
	struct error err = ERROR_INIT;

	ok(write_all(fd, data, message(data, type, body, length), &err));
}

/* The type of the answer, whose body must have that length. */
static int hear(int fd, size_t length)
{
	unsigned char data[1000];

	assert_true(read_fully(fd, data, 4));
	assert_int_equal(number(data), length + 1);
	assert_true(read_fully(fd, data + 4, length + 1));
	return data[4];
}

static const char bind_body[] = "\0\0\0\x18session-bind@openssh.com and more";
static const char other_body[] = "\0\0\0\x18session-bind@openssh.org and more";
static const char short_body[] = "\0\0\0\x18session-bind";

static void only_lists_signatures_and_bindings_pass(void **state)
{
	struct box *b = *state;
	struct agent *a = start(b);
	int fd = dial(a);

	for (int type = 0; type < 256; type++) {
		const bool passes = type == 11 || type == 13;

		tell(fd, (unsigned char)type, "body", 4);
		assert_int_equal(hear(fd, passes ? 4 : 0), passes ? ANSWER : 5);
	}
	tell(fd, 27, bind_body, sizeof(bind_body));
	assert_int_equal(hear(fd, sizeof(bind_body)), ANSWER);
	tell(fd, 27, other_body, sizeof(other_body));
	assert_int_equal(hear(fd, 0), 5);
	tell(fd, 27, short_body, sizeof(short_body));
	assert_int_equal(hear(fd, 0), 5);
	close(fd);
	agent_free(a);
}

static void messages_may_come_in_any_pieces(void **state)
{
	struct box *b = *state;
	struct agent *a = start(b);
	unsigned char data[200];
	struct error err = ERROR_INIT;
	size_t length = 0;
	int fd = dial(a);

	for (int i = 0; i < 3; i++) {
		length += message(data + length, 11, "first", 5);
		length += message(data + length, 17, "add", 3);
	}
	for (size_t i = 0; i < length; i++)
		ok(write_all(fd, data + i, 1, &err));
	ok(write_all(fd, data, length, &err));
	for (int i = 0; i < 6; i++) {
		assert_int_equal(hear(fd, 5), ANSWER);
		assert_int_equal(hear(fd, 0), 5);
	}
	close(fd);
	agent_free(a);
}

static void long_messages_end_the_connection(void **state)
{
	static unsigned char data[5 + RELAY_MAX_MESSAGE], answer[sizeof(data)];
	struct box *b = *state;
	struct agent *a = start(b);
	struct error err = ERROR_INIT;
	const unsigned char too_long[] = {0, 4, 0, 1, 11}, longest[] = {255, 255, 255, 255, 11};
	int fd = dial(a);

	data[1] = 4; /* 256 KiB */
	data[4] = 13;
	ok(write_all(fd, data, 4 + RELAY_MAX_MESSAGE, &err));
	assert_true(read_fully(fd, answer, 4 + RELAY_MAX_MESSAGE));
	assert_int_equal(answer[4], ANSWER);
	ok(write_all(fd, too_long, sizeof(too_long), &err));
	assert_false(read_fully(fd, answer, 1));
	close(fd);
	fd = dial(a);
	ok(write_all(fd, longest, sizeof(longest), &err));
	assert_false(read_fully(fd, answer, 1));
	close(fd);
	/* An empty message has no type. */
	fd = dial(a);
	ok(write_all(fd, "\0\0\0\0", 4, &err));
	assert_int_equal(hear(fd, 0), 5);
	close(fd);
	agent_free(a);
}

static void many_clients_are_served(void **state)
{
	enum { CLIENTS = RELAY_MAX_CLIENTS + 36 };
	struct box *b = *state;
	struct agent *a = start(b);
	int fds[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = dial(a);
		tell(fds[i], 11, "", 0);
	}
	/* Who goes makes room for who waits. */
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(hear(fds[i], 0), ANSWER);
		close(fds[i]);
	}
	agent_free(a);
}

static void a_client_that_does_not_read_stops_nobody(void **state)
{
	struct box *b = *state;
	struct agent *a = start(b);
	unsigned char data[200];
	size_t length = message(data, 11, "some text", 9);
	int silent = dial(a), fd;

	assert_return_code(fcntl(silent, F_SETFL, O_NONBLOCK), errno);
	while (send(silent, data, length, MSG_NOSIGNAL) >= 0)
		continue;
	fd = dial(a);
	tell(fd, 11, "x", 1);
	assert_int_equal(hear(fd, 1), ANSWER);
	close(fd);
	close(silent);
	agent_free(a);
}

static void the_socket_has_mode_and_owner_and_goes(void **state)
{
	struct box *b = *state;
	const char *const paths[] = {b->upstream};
	const struct build_ssh ssh = {.id = "x", .paths = paths, .path_count = 1};
	struct error err = ERROR_INIT;
	const bool root = geteuid() == 0;
	struct agent *a = agent_start(b->loop, b->stage, &ssh, 0640, root ? 5 : geteuid(),
				      root ? 7 : getegid(), &err);
	auto_(dir) DIR *d = opendir(b->path);
	struct stat st;
	int fd, names = 0;

	assert_non_null(a);
	ok(await(b, a, &err));
	assert_return_code(fstatat(agent_socket(a), "", &st, AT_EMPTY_PATH), errno);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0640);
	if (root) {
		assert_int_equal(st.st_uid, 5);
		assert_int_equal(st.st_gid, 7);
	}
	fd = dial(a);
	tell(fd, 11, "", 0);
	assert_int_equal(hear(fd, 0), ANSWER);
	agent_free(a);
	assert_int_equal(read(fd, &st, 1), 0);
	close(fd);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		names += !is_dot(e->d_name);
	assert_int_equal(names, 1); /* the upstream */
}

/* A client of the only agent in the stage, which another process has started. */
static int dial_stage(const struct box *b)
{
	auto_(dir) DIR *d = opendir(b->path);
	char path[400] = "";
	int file, fd;

	for (struct dirent *e; (e = readdir(d)) != NULL;)
		if (!is_dot(e->d_name) && e->d_type == DT_DIR)
			snprintf(path, sizeof(path), "%s/%s/socket", b->path, e->d_name);
	file = open(path, O_PATH | O_CLOEXEC);
	assert_true(file >= 0);
	fd = relay_connect(file);
	close(file);
	assert_true(fd >= 0);
	assert_return_code(fcntl(fd, F_SETFL, 0), errno);
	return fd;
}

static void it_ends_with_its_parent(void **state)
{
	int pair[2], client, status;
	char byte;
	pid_t pid;

	assert_return_code(pipe2(pair, O_CLOEXEC), errno);
	pid = fork();
	if (pid == 0) {
		start(*state);
		if (write(pair[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(pair[0], &byte, 1), 1);
	client = dial_stage(*state);
	tell(client, 11, "", 0);
	assert_int_equal(hear(client, 0), ANSWER);
	assert_return_code(kill(pid, SIGKILL), errno);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(read(client, &byte, 1), 0);
	close(client);
	close(pair[0]);
	close(pair[1]);
}

static void must_fail(struct box *b, const char *const *paths, size_t count, const char *text,
		      const char *hint)
{
	struct error err = ERROR_INIT;
	auto_(agent) struct agent *a = start_with(b, paths, count, &err);
	char message_text[1000];

	if (a != NULL && await(b, a, &err) > 0)
		fail_msg("it works");
	error_format(&err, message_text, sizeof(message_text));
	if (strstr(message_text, text) == NULL || strstr(err.hint, hint) == NULL)
		fail_msg("%s (hint: %s)", message_text, err.hint);
}

static void what_is_no_agent_is_explained(void **state)
{
	struct box *b = *state;
	const char *const missing[] = {"/nonexistent/agent"}, *const directory[] = {"/"};
	const char *const two[] = {b->upstream, b->upstream};

	unsetenv("SSH_AUTH_SOCK");
	must_fail(b, NULL, 0, "--ssh default: there is no ssh agent: SSH_AUTH_SOCK is not set",
		  "ssh-add");
	setenv("SSH_AUTH_SOCK", "/dev/null", 1);
	must_fail(b, NULL, 0, "SSH_AUTH_SOCK: /dev/null is not a socket", "");
	must_fail(b, missing, 1, "/nonexistent/agent: No such file", "");
	must_fail(b, directory, 1, "/ is neither a socket nor a key file", "");
	must_fail(b, two, 2, "is a socket: only one can be given", "");
	setenv("SSH_AUTH_SOCK", b->upstream, 1);
	struct error err = ERROR_INIT;
	auto_(agent) struct agent *a = start_with(b, NULL, 0, &err);

	assert_non_null(a);
	assert_int_equal(await(b, a, &err), 1);
}

static void protected_keys_are_recognized(void **state)
{
	(void)state;
	assert_false(agent_key_is_protected("-----BEGIN OPENSSH PRIVATE KEY-----\n"
					    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"));
	assert_true(agent_key_is_protected("-----BEGIN OPENSSH PRIVATE KEY-----\n"
					   "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHI"));
	assert_true(agent_key_is_protected("-----BEGIN RSA PRIVATE KEY-----\n"
					   "Proc-Type: 4,ENCRYPTED\n"));
	assert_true(agent_key_is_protected("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
	assert_false(agent_key_is_protected("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw"));
	assert_false(agent_key_is_protected(""));
}

static bool make_key(const struct box *b, const char *name, const char *passphrase, char *path)
{
	char command[300];

	snprintf(path, 100, "%s/%s", b->path, name);
	snprintf(command, sizeof(command), "ssh-keygen -q -t ed25519 -N '%s' -C comment -f %s",
		 passphrase, path);
	return system(command) == 0;
}

static void key_files_are_loaded(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	char one[100], two[100], locked[100], broken[100];
	unsigned char answer[5 + 4];
	int fd;

	if (system("command -v ssh-agent ssh-add ssh-keygen >/dev/null") != 0)
		skip();
	assert_true(make_key(b, "one", "", one) && make_key(b, "two", "", two) &&
		    make_key(b, "locked", "secret", locked));
	snprintf(broken, sizeof(broken), "%s/broken", b->path);
	ok(replace_file(b->stage, "broken", "no key\n", 7, &err));
	const char *const keys[] = {one, two}, *const bad[] = {one, broken};
	const char *const secret[] = {locked};
	auto_(agent) struct agent *a = start_with(b, keys, 2, &err);

	assert_non_null(a);
	assert_int_equal(await(b, a, &err), 1);
	fd = dial(a);
	tell(fd, 11, "", 0);
	assert_true(read_fully(fd, answer, sizeof(answer)));
	assert_int_equal(answer[4], ANSWER);
	assert_int_equal(number(answer + 5), 2);
	close(fd);
	must_fail(b, bad, 2, "broken: not a private key", "");
	must_fail(b, secret, 1, "locked is protected by a passphrase", "ssh-add");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_lists_signatures_and_bindings_pass, make,
						drop),
		cmocka_unit_test_setup_teardown(messages_may_come_in_any_pieces, make, drop),
		cmocka_unit_test_setup_teardown(long_messages_end_the_connection, make, drop),
		cmocka_unit_test_setup_teardown(many_clients_are_served, make, drop),
		cmocka_unit_test_setup_teardown(a_client_that_does_not_read_stops_nobody, make,
						drop),
		cmocka_unit_test_setup_teardown(the_socket_has_mode_and_owner_and_goes, make, drop),
		cmocka_unit_test_setup_teardown(it_ends_with_its_parent, make, drop),
		cmocka_unit_test_setup_teardown(what_is_no_agent_is_explained, make, drop),
		cmocka_unit_test_setup_teardown(protected_keys_are_recognized, make, drop),
		cmocka_unit_test_setup_teardown(key_files_are_loaded, make, drop),
	};

	return cmocka_run_group_tests_name("builder/agent", tests, NULL, NULL);
}
