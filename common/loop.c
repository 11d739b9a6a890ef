/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop.h"

#include "common/arena.h"

#include <string.h>
#include <sys/epoll.h>
#include <time.h>

enum { EVENTS_PER_ROUND = 32 };

struct watch {
	int fd; /* -1: free */
	void (*ready)(void *user);
	void *user;
};

struct loop {
	int epoll;
	struct watch *watches;
	size_t count;
};

struct loop *loop_new(struct error *err)
{
	struct loop *l;
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0) {
		error_sys(err, "creating the event loop");
		return NULL;
	}
	l = xcalloc(1, sizeof(*l));
	l->epoll = fd;
	return l;
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	close(l->epoll);
	free(l->watches);
	free(l);
}

static struct watch *find(struct loop *l, int fd)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->watches[i].fd == fd)
			return &l->watches[i];
	return NULL;
}

int loop_watch(struct loop *l, int fd, void (*ready)(void *user), void *user, struct error *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	struct watch *w = find(l, -1);

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return error_sys(err, "watching a descriptor");
	if (w == NULL) {
		l->watches = xgrow(l->watches, l->count, sizeof(*l->watches));
		w = &l->watches[l->count++];
	}
	*w = (struct watch){.fd = fd, .ready = ready, .user = user};
	return 0;
}

void loop_unwatch(struct loop *l, int fd)
{
	struct watch *w = fd >= 0 ? find(l, fd) : NULL;

	if (w == NULL)
		return;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
	w->fd = -1;
}

int loop_step(struct loop *l, int timeout_ms, struct error *err)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	int n = epoll_wait(l->epoll, events, EVENTS_PER_ROUND, timeout_ms);
	int called = 0;

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0)
		return error_sys(err, "waiting for events");
	for (int i = 0; i < n; i++) {
		/* A handler of this round may have unwatched it. */
		struct watch *w = find(l, events[i].data.fd);

		if (w == NULL)
			continue;
		w->ready(w->user);
		called++;
	}
	return called;
}

uint64_t loop_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
