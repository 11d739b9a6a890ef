/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/relay.h"

#include "common/buf.h"
#include "common/fd.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
	REQUEST_IDENTITIES = 11,
	SIGN_REQUEST = 13,
	EXTENSION = 27,
	HEADER = 4, /* the length of what follows, big-endian */
	CHUNK = 4096,
};

static const unsigned char failure[] = {0, 0, 0, 1, 5};
static const char session_bind[] = "session-bind@openssh.com";

/* One client; buffer holds the message on its way. */
struct link {
	int client, agent;
	enum link_state {
		LINK_ASKING,   /* reading a request from the client */
		LINK_PASSING,  /* writing it to the agent */
		LINK_WAITING,  /* reading the agent's answer */
		LINK_ANSWERING /* writing it to the client */
	} state;
	struct buf buffer;
	size_t sent;
};

struct relay {
	int listener, agent, lifeline;
	struct link links[RELAY_MAX_CLIENTS];
	size_t count;
};

static size_t number(const char *at)
{
	const unsigned char *b = (const unsigned char *)at;

	return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

static bool is_allowed(const struct buf *message)
{
	const char *body = message->data + HEADER;
	const size_t length = message->length - HEADER, name = sizeof(session_bind) - 1;

	if (length == 0)
		return false;
	if (*body == REQUEST_IDENTITIES || *body == SIGN_REQUEST)
		return true;
	return *body == EXTENSION && length >= 1 + HEADER + name && number(body + 1) == name &&
	       memcmp(body + 1 + HEADER, session_bind, name) == 0;
}

/* Reads no more than one message. 1: it is complete; 0: not yet; -1: the end. */
static int receive(struct link *l, int from)
{
	size_t missing = HEADER - l->buffer.length;
	ssize_t n;

	if (l->buffer.length >= HEADER) {
		size_t length = number(l->buffer.data);

		if (length > RELAY_MAX_MESSAGE)
			return -1;
		missing = HEADER + length - l->buffer.length;
	}
	if (missing == 0)
		return 1;
	if (missing > CHUNK)
		missing = CHUNK;
	n = read(from, buf_reserve(&l->buffer, missing), missing);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	buf_added(&l->buffer, (size_t)n);
	return receive(l, from);
}

/* 1: all of it is sent; 0: not yet; -1: nobody is there. */
static int deliver(struct link *l, int to)
{
	ssize_t n = send(to, l->buffer.data + l->sent, l->buffer.length - l->sent, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	l->sent += (size_t)n;
	return l->sent == l->buffer.length;
}

static void set_state(struct link *l, enum link_state state)
{
	l->state = state;
	l->sent = 0;
	if (state == LINK_ASKING || state == LINK_WAITING)
		buf_reset(&l->buffer);
}

static void refuse(struct link *l)
{
	set_state(l, LINK_ANSWERING);
	buf_reset(&l->buffer);
	buf_add(&l->buffer, failure, sizeof(failure));
}

static void begin_request(const struct relay *r, struct link *l)
{
	if (!is_allowed(&l->buffer)) {
		refuse(l);
		return;
	}
	if (l->agent < 0)
		l->agent = relay_connect(r->agent);
	if (l->agent < 0)
		refuse(l);
	else
		set_state(l, LINK_PASSING);
}

/* False: the connection is over. */
static bool advance(const struct relay *r, struct link *l)
{
	int status = 0;

	switch (l->state) {
	case LINK_ASKING:
		status = receive(l, l->client);
		if (status > 0)
			begin_request(r, l);
		break;
	case LINK_PASSING:
		status = deliver(l, l->agent);
		if (status > 0)
			set_state(l, LINK_WAITING);
		break;
	case LINK_WAITING:
		status = receive(l, l->agent);
		if (status > 0)
			set_state(l, LINK_ANSWERING);
		break;
	case LINK_ANSWERING:
		status = deliver(l, l->client);
		if (status > 0)
			set_state(l, LINK_ASKING);
		break;
	}
	return status >= 0;
}

int relay_connect(int file)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	_Static_assert(sizeof(address.sun_path) >= FD_PATH_SIZE, "the name fits");
	fd_path(file, address.sun_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return steal_fd(&fd);
}

static void welcome(struct relay *r)
{
	int client = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (client >= 0)
		r->links[r->count++] =
			(struct link){.client = client, .agent = -1, .buffer = BUF_INIT};
}

static void link_release(struct link *l)
{
	cleanup_fd(&l->client);
	cleanup_fd(&l->agent);
	buf_release(&l->buffer);
}

/* The client's descriptor comes first, the agent's second: a client that has gone away is noticed
   while the agent still thinks. */
static void watch(const struct link *l, struct pollfd *out)
{
	static const short client[] = {POLLIN, 0, 0, POLLOUT}, agent[] = {0, POLLOUT, POLLIN, 0};

	out[0] = (struct pollfd){.fd = l->client, .events = client[l->state]};
	out[1] = (struct pollfd){.fd = agent[l->state] != 0 ? l->agent : -1,
				 .events = agent[l->state]};
}

/* From the last to the first, since one that ends is replaced by the last. */
static void advance_all(struct relay *r, const struct pollfd *ready)
{
	for (size_t i = r->count; i-- > 0;) {
		const short client = ready[2 * i].revents, agent = ready[2 * i + 1].revents;

		if (client == 0 && agent == 0)
			continue;
		if ((client & (POLLHUP | POLLERR)) == 0 || (client & POLLIN) != 0)
			if (advance(r, &r->links[i]))
				continue;
		link_release(&r->links[i]);
		r->links[i] = r->links[--r->count];
	}
}

int relay_run(int listener, int agent, int lifeline, struct error *err)
{
	struct relay r = {.listener = listener, .agent = agent, .lifeline = lifeline};
	struct pollfd ready[2 + 2 * RELAY_MAX_CLIENTS];
	bool alive = true;

	while (alive) {
		ready[0] = (struct pollfd){.fd = lifeline, .events = POLLIN};
		ready[1] = (struct pollfd){.fd = r.count < RELAY_MAX_CLIENTS ? listener : -1,
					   .events = POLLIN};
		for (size_t i = 0; i < r.count; i++)
			watch(&r.links[i], ready + 2 + 2 * i);
		if (poll(ready, 2 + 2 * r.count, -1) < 0) {
			if (errno == EINTR)
				continue;
			error_sys(err, "waiting for clients");
			break;
		}
		alive = ready[0].revents == 0;
		advance_all(&r, ready + 2);
		if (ready[1].revents != 0)
			welcome(&r);
	}
	for (size_t i = 0; i < r.count; i++)
		link_release(&r.links[i]);
	return alive ? -1 : 0;
}
