/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/scout.h"

#include "common/fd.h"
#include "common/job.h"

#include <pthread.h>

/* 144 bytes each are kept of the directories ahead. */
enum { MAX_STATS = 16 * 1024 };

struct errand {
	struct errand *next;
	enum { ERRAND_ASKED, ERRAND_BEGUN, ERRAND_DONE } state;
	int dir;
	const char *name;
	bool found;
	struct scouted result;
};

struct scout {
	pthread_t thread;
	bool running; /* from the first errand on */
	pthread_mutex_t lock;
	pthread_cond_t asked, done;
	bool ending;
	struct errand *first, **last; /* not begun */
};

void scouted_release(struct scouted *s)
{
	cleanup_fd(&s->fd);
	listing_release(&s->entries);
	free(s->stats);
	s->stats = NULL;
}

static void run(struct errand *e)
{
	struct error ignored = ERROR_INIT;
	struct scouted *r = &e->result;

	r->fd = open_child(e->dir, e->name, O_RDONLY | O_DIRECTORY, 0, &ignored);
	if (r->fd < 0 || listing_read(r->fd, &r->entries, &ignored) < 0)
		return;
	listing_sort(&r->entries);
	e->found = true;
	if (r->entries.count > MAX_STATS)
		return;
	r->stats = xcalloc(r->entries.count + 1, sizeof(*r->stats));
	for (size_t i = 0; i < r->entries.count; i++)
		if (fstatat(r->fd, r->entries.item[i].name, &r->stats[i], AT_SYMLINK_NOFOLLOW) < 0)
			r->stats[i].st_nlink = 0;
}

/* Runs the next errand; the lock is held before and after. */
static void run_first(struct scout *s)
{
	struct errand *e = s->first;

	s->first = e->next;
	if (s->first == NULL)
		s->last = &s->first;
	e->state = ERRAND_BEGUN;
	pthread_mutex_unlock(&s->lock);
	run(e);
	pthread_mutex_lock(&s->lock);
	e->state = ERRAND_DONE;
	pthread_cond_signal(&s->done);
}

static void *work(void *arg)
{
	struct scout *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->ending) {
		if (s->first != NULL)
			run_first(s);
		else
			pthread_cond_wait(&s->asked, &s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct scout *scout_new(void)
{
	struct scout *s;

	if (job_threads(2) < 2)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->last = &s->first;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->asked, NULL);
	pthread_cond_init(&s->done, NULL);
	return s;
}

void scout_free(struct scout *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_cond_signal(&s->asked);
	pthread_mutex_unlock(&s->lock);
	if (s->running)
		pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->done);
	pthread_cond_destroy(&s->asked);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct errand *scout_ask(struct scout *s, int dir, const char *name)
{
	struct errand *e = xcalloc(1, sizeof(*e));

	*e = (struct errand){.dir = dir, .name = name, .result = SCOUTED_INIT};
	/* Without a thread the errand is never begun. */
	if (!s->running)
		s->running = pthread_create(&s->thread, NULL, work, s) == 0;
	pthread_mutex_lock(&s->lock);
	*s->last = e;
	s->last = &e->next;
	pthread_cond_signal(&s->asked);
	pthread_mutex_unlock(&s->lock);
	return e;
}

/* Out of the queue again. */
static void withdraw(struct scout *s, struct errand *e)
{
	struct errand **at = &s->first;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	if (*at == NULL)
		s->last = at;
}

bool scout_take(struct scout *s, struct errand *e, struct scouted *out)
{
	bool found;

	pthread_mutex_lock(&s->lock);
	if (e->state == ERRAND_ASKED)
		withdraw(s, e);
	/* Who would wait for the scout runs the next errand meanwhile. */
	while (e->state == ERRAND_BEGUN) {
		if (s->first != NULL)
			run_first(s);
		else
			pthread_cond_wait(&s->done, &s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	found = e->found;
	if (found)
		*out = e->result;
	else
		scouted_release(&e->result);
	free(e);
	return found;
}
