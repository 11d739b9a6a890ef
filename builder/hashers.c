/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/hashers.h"

#include "common/arena.h"
#include "common/fd.h"
#include "common/job.h"

#include <pthread.h>
#include <string.h>

enum {
	MAX_THREADS = 4,
	SLOTS = 32, /* files that wait or are being read, each with an open descriptor */
	CHUNK = 256 * 1024,
	SMALL_BYTES = 32 * 1024, /* waking a thread takes longer */
};

/* Filled by the caller, hashed by a thread, handed back to the caller in the order of adding. */
struct slot {
	enum { SLOT_FREE, SLOT_FILLED, SLOT_TAKEN, SLOT_DONE } state;
	struct hashed file;
	char *path;
	struct error err;
};

struct hashers {
	void (*known)(void *user, const struct hashed *file);
	void *user;
	char *chunk; /* of the caller's thread */
	pthread_t thread[MAX_THREADS];
	int threads; /* running; 0 until a large file comes */
	pthread_mutex_t lock;
	pthread_cond_t filled, done;
	bool ending;
	struct slot slots[SLOTS];
	unsigned first, count; /* of the slots in use */
};

static int hash_file(int fd, char *chunk, struct digest *out, struct error *err)
{
	auto_(hasher) struct hasher *h = hasher_new();

	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, "reading");
		if (n == 0)
			break;
		hasher_add(h, chunk, (size_t)n);
	}
	hasher_finish(h, out);
	return 0;
}

/* --- threads ------------------------------------------------------------------------------- */

static struct slot *next_filled(struct hashers *h)
{
	for (unsigned i = 0; i < h->count; i++) {
		struct slot *s = &h->slots[(h->first + i) % SLOTS];

		if (s->state == SLOT_FILLED)
			return s;
	}
	return NULL;
}

static void *work(void *arg)
{
	struct hashers *h = arg;
	auto_free char *chunk = xmalloc(CHUNK);

	pthread_mutex_lock(&h->lock);
	for (;;) {
		struct slot *s = h->ending ? NULL : next_filled(h);

		if (h->ending)
			break;
		if (s == NULL) {
			pthread_cond_wait(&h->filled, &h->lock);
			continue;
		}
		s->state = SLOT_TAKEN;
		pthread_mutex_unlock(&h->lock);
		hash_file(s->file.fd, chunk, &s->file.digest, &s->err);
		pthread_mutex_lock(&h->lock);
		s->state = SLOT_DONE;
		pthread_cond_signal(&h->done);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* As many as there are processors: finding the files takes little of one. */
static void start_threads(struct hashers *h)
{
	int wanted = job_threads(MAX_THREADS);

	while (wanted > 1 && h->threads < wanted &&
	       pthread_create(&h->thread[h->threads], NULL, work, h) == 0)
		h->threads++;
}

/* --- the caller ---------------------------------------------------------------------------- */

struct hashers *hashers_new(void (*known)(void *user, const struct hashed *file), void *user)
{
	struct hashers *h = xcalloc(1, sizeof(*h));

	h->known = known;
	h->user = user;
	h->chunk = xmalloc(CHUNK);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->filled, NULL);
	pthread_cond_init(&h->done, NULL);
	return h;
}

void hashers_free(struct hashers *h)
{
	if (h == NULL)
		return;
	pthread_mutex_lock(&h->lock);
	h->ending = true;
	pthread_cond_broadcast(&h->filled);
	pthread_mutex_unlock(&h->lock);
	for (int i = 0; i < h->threads; i++)
		pthread_join(h->thread[i], NULL);
	for (unsigned i = 0; i < h->count; i++) {
		struct slot *s = &h->slots[(h->first + i) % SLOTS];

		close(s->file.fd);
		free(s->path);
	}
	pthread_cond_destroy(&h->done);
	pthread_cond_destroy(&h->filled);
	pthread_mutex_destroy(&h->lock);
	free(h->chunk);
	free(h);
}

/* Hands back the oldest, when it is hashed. */
static int take_first(struct hashers *h, struct error *err)
{
	struct slot *s = &h->slots[h->first];
	int status = 0;

	pthread_mutex_lock(&h->lock);
	while (s->state != SLOT_DONE)
		pthread_cond_wait(&h->done, &h->lock);
	s->state = SLOT_FREE;
	h->first = (h->first + 1) % SLOTS;
	h->count--;
	pthread_mutex_unlock(&h->lock);
	close(s->file.fd);
	if (s->err.code != ERROR_NONE) {
		*err = s->err;
		status = error_add(err, "%s", s->path);
	} else {
		h->known(h->user, &s->file);
	}
	free(s->path);
	return status;
}

static int hash_here(struct hashers *h, const struct hashed *file, const char *path,
		     struct error *err)
{
	struct hashed done = *file;
	int status = hash_file(file->fd, h->chunk, &done.digest, err);

	close(file->fd);
	if (status < 0)
		return error_add(err, "%s", path);
	h->known(h->user, &done);
	return 0;
}

int hashers_add(struct hashers *h, const struct hashed *file, const char *path, struct error *err)
{
	struct slot *s;

	if (file->st.st_size > SMALL_BYTES && h->threads == 0)
		start_threads(h);
	if (file->st.st_size <= SMALL_BYTES || h->threads == 0)
		return hash_here(h, file, path, err);
	if (h->count == SLOTS && take_first(h, err) < 0) {
		close(file->fd);
		return -1;
	}
	s = &h->slots[(h->first + h->count) % SLOTS];
	s->file = *file;
	s->path = xstrdup(path);
	error_clear(&s->err);
	pthread_mutex_lock(&h->lock);
	s->state = SLOT_FILLED;
	h->count++;
	pthread_cond_signal(&h->filled);
	pthread_mutex_unlock(&h->lock);
	return 0;
}

int hashers_wait(struct hashers *h, struct error *err)
{
	while (h->count > 0)
		if (take_first(h, err) < 0)
			return -1;
	return 0;
}
