/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the registry: a server on loopback that gives odd answers and notes what it saw. */
#ifndef TESTS_HTTP_BOX_H
#define TESTS_HTTP_BOX_H

#include "common/arena.h"
#include "common/fd.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

/* What the server saw, in memory that it shares with the test. */
struct seen {
	int requests;
	char last[4096];
};

struct server {
	pid_t pid;
	int port;
	struct seen *seen;
};

/* --- the server ---------------------------------------------------------------------------- */

struct answer {
	const char *path;
	const char *text;  /* %d: the port of the second server */
	const char *later; /* from the second request on; NULL: the same */
};

static const struct answer answers[] = {
	{"/plain",
	 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Thing:  a b \r\nETag: \"x\"\r\n\r\nhello",
	 NULL},
	{"/empty", "HTTP/1.1 204 No Content\r\n\r\n", NULL},
	{"/missing", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", NULL},
	{"/chunked",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
	 NULL},
	{"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", NULL},
	{"/cut-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", NULL},
	{"/cut-once", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
	 "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"},
	{"/busy-once", "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
	 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	{"/drop-once", "", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	{"/busy", "HTTP/1.1 500 Oh\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", NULL},
	{"/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n", NULL},
	{"/near/from", "HTTP/1.1 301 Moved\r\nLocation: ../plain?q=1\r\nContent-Length: 0\r\n\r\n",
	 NULL},
	{"/far",
	 "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:%d/plain\r\n"
	 "Content-Length: 0\r\n\r\n",
	 NULL},
	{"/as-bob",
	 "HTTP/1.1 307 Go\r\nLocation: http://bob:pw@127.0.0.1:%d/plain\r\n"
	 "Content-Length: 0\r\n\r\n",
	 NULL},
	{"/to-file",
	 "HTTP/1.1 302 Go\r\nLocation: file:///etc/passwd\r\n"
	 "Content-Length: 0\r\n\r\n",
	 NULL},
	{"/no-location", "HTTP/1.1 302 Go\r\nContent-Length: 0\r\n\r\n", NULL},
	{"/named/",
	 "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
	 "Content-Disposition: attachment; filename=\"a b.txt\"\r\n\r\n!",
	 NULL},
	{"/secret", "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", NULL},
	{"/garbage", "hello\n", NULL},
	{"/interim",
	 "HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\n"
	 "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
	 NULL},
};

static void send_text(int fd, const char *text, int port)
{
	struct error err = ERROR_INIT;
	const char *hole = strstr(text, "%d");
	auto_free char *filled =
		hole != NULL ? xprintf("%.*s%d%s", (int)(hole - text), text, port, hole + 2)
			     : xstrdup(text);

	write_all(fd, filled, strlen(filled), &err);
}

/* Answers that are too long for a table. */
static bool send_special(int fd, const char *path, const struct seen *seen)
{
	static char block[16384];
	struct error err = ERROR_INIT;

	memset(block, 'x', sizeof(block));
	if (strcmp(path, "/long-header") == 0) {
		send_text(fd, "HTTP/1.1 200 OK\r\nX-Long: ", 0);
		for (int i = 0; i < 64; i++)
			if (write_all(fd, block, sizeof(block), &err) < 0)
				break;
	} else if (strcmp(path, "/many-headers") == 0) {
		send_text(fd, "HTTP/1.1 200 OK\r\n", 0);
		for (int i = 0; i < 4000; i++)
			send_text(fd, "X-Some: 01234567890123456789\r\n", 0);
		send_text(fd, "\r\n", 0);
	} else if (strcmp(path, "/endless-404") == 0) {
		send_text(fd, "HTTP/1.1 404 No\r\n\r\n", 0);
		while (write_all(fd, block, sizeof(block), &err) == 0)
			continue;
	} else if (strcmp(path, "/conditional") == 0) {
		if (strstr(seen->last, "If-None-Match: \"v1\"\r\n") != NULL &&
		    strstr(seen->last, "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n") !=
			    NULL)
			send_text(fd, "HTTP/1.1 304 Same\r\nETag: \"v1\"\r\n\r\n", 0);
		else
			send_text(fd,
				  "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 7\r\n"
				  "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\ncontent",
				  0);
	} else if (strcmp(path, "/stall") == 0) {
		send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", 0);
		/* Until the client gives up. */
		while (read(fd, block, sizeof(block)) > 0)
			continue;
	} else {
		return false;
	}
	return true;
}

static void serve_one(int fd, struct seen *seen, int port)
{
	char request[4096], path[256] = "";
	size_t used = 0;
	ssize_t n;

	while (used < sizeof(request) - 1 &&
	       (n = read(fd, request + used, sizeof(request) - 1 - used)) > 0) {
		used += (size_t)n;
		request[used] = '\0';
		if (strstr(request, "\r\n\r\n") != NULL)
			break;
	}
	request[used] = '\0';
	memcpy(seen->last, request, used + 1);
	seen->requests++;
	sscanf(request, "%*s %255[^ ?]", path);
	if (send_special(fd, path, seen))
		return;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		const struct answer *a = &answers[i];

		if (strcmp(path, a->path) == 0)
			send_text(fd, seen->requests > 1 && a->later != NULL ? a->later : a->text,
				  port);
	}
}

static void start(struct server *s, int other)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	s->seen = mmap(NULL, sizeof(*s->seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	assert_true(s->seen != MAP_FAILED && fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
	s->port = ntohs(at.sin_port);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		for (;;) {
			int connection = accept(fd, NULL, NULL);

			serve_one(connection, s->seen, other);
			close(connection);
		}
	}
	close(fd);
}

static void stop(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap(s->seen, sizeof(*s->seen));
}

#endif
