/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/unpacker.h"

#include "common/arena.h"
#include "common/fd.h"
#include "common/job.h"

/* One tree that is wanted. */
struct wanted {
	struct unpacker *unpacker;
	struct layer layer;
	int fd; /* -1: not there yet */
	struct job *job;
	bool failed;
};

struct unpacker {
	struct store *store;
	struct loop *loop;
	unsigned jobs, running;
	unpacker_failed *failed;
	void *user;
	bool cancelled;
	struct wanted **wanted;
	size_t count;
};

struct unpacker *unpacker_new(struct store *s, struct loop *l, unsigned jobs,
			      unpacker_failed *failed, void *user)
{
	struct unpacker *u = xcalloc(1, sizeof(*u));

	*u = (struct unpacker){.store = s, .loop = l, .jobs = jobs, .failed = failed, .user = user};
	return u;
}

void unpacker_free(struct unpacker *u)
{
	if (u == NULL)
		return;
	for (size_t i = 0; i < u->count; i++) {
		cleanup_fd(&u->wanted[i]->fd);
		free(u->wanted[i]);
	}
	free(u->wanted);
	free(u);
}

static struct wanted *find(struct unpacker *u, const struct layer *layer)
{
	struct wanted *w;

	for (size_t i = 0; i < u->count; i++)
		if (digest_equal(&u->wanted[i]->layer.diff_id, &layer->diff_id))
			return u->wanted[i];
	w = xcalloc(1, sizeof(*w));
	*w = (struct wanted){.unpacker = u, .layer = *layer, .fd = -1};
	u->wanted = xgrow(u->wanted, u->count, sizeof(struct wanted *));
	u->wanted[u->count++] = w;
	return w;
}

int unpacker_get(struct unpacker *u, const struct layer *layer, int *fd)
{
	struct wanted *w = find(u, layer);
	struct error missing = ERROR_INIT;

	if (w->fd < 0 && w->job == NULL)
		w->fd = store_find(u->store, STORE_TREES, &layer->diff_id, &missing);
	if (w->fd < 0)
		return 0;
	*fd = w->fd;
	return 1;
}

/* --- jobs ---------------------------------------------------------------------------------- */

static int unpack_work(void *arg, struct buf *result, struct error *err)
{
	const struct wanted *w = arg;

	(void)result;
	return layer_unpack(w->unpacker->store, &w->layer, err);
}

static void unpack_done(void *user, const struct buf *result, const struct error *err)
{
	struct wanted *w = user;
	struct unpacker *u = w->unpacker;
	struct error outcome = *err;

	(void)result;
	w->job = NULL;
	u->running--;
	if (outcome.code == ERROR_NONE)
		w->fd = store_find(u->store, STORE_TREES, &w->layer.diff_id, &outcome);
	w->failed = w->fd < 0;
	if (!w->failed && unpacker_start(u, &outcome) == 0)
		return;
	u->failed(u->user, &outcome);
}

/* One large layer that is begun last would be unpacked while the other processors rest. */
static struct wanted *largest(const struct unpacker *u)
{
	struct wanted *best = NULL;

	for (size_t i = 0; i < u->count; i++) {
		struct wanted *w = u->wanted[i];

		if (w->fd < 0 && w->job == NULL && !w->failed &&
		    (best == NULL || w->layer.size > best->layer.size))
			best = w;
	}
	return best;
}

int unpacker_start(struct unpacker *u, struct error *err)
{
	struct wanted *w;

	while (!u->cancelled && u->running < u->jobs && (w = largest(u)) != NULL) {
		/* A stage made by the job would be the job's and end with it. */
		if (store_stage(u->store, err) < 0)
			return -1;
		w->job = job_start(u->loop, "unpacking a layer", unpack_work, w, unpack_done, w,
				   err);
		if (w->job == NULL)
			return -1;
		u->running++;
	}
	return 0;
}

void unpacker_cancel(struct unpacker *u)
{
	u->cancelled = true;
	for (size_t i = 0; i < u->count; i++)
		if (u->wanted[i]->job != NULL)
			job_cancel(u->wanted[i]->job);
}

bool unpacker_busy(const struct unpacker *u)
{
	return u->running > 0;
}

/* --- without a loop ------------------------------------------------------------------------ */

static void note_failure(void *user, const struct error *err)
{
	struct error *first = user;

	if (first->code == ERROR_NONE)
		*first = *err;
}

/* 1 when all are there, 0 if not yet. */
static int copy_all(struct unpacker *u, const struct layer *layers, size_t count, int *fds,
		    struct error *err)
{
	int ready = 1, fd;

	for (size_t i = 0; i < count; i++) {
		int *own = &fds[count - 1 - i];

		if (*own >= 0)
			continue;
		if (unpacker_get(u, &layers[i], &fd) == 0) {
			ready = 0;
			continue;
		}
		*own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (*own < 0)
			return error_sys(err, "opening a tree");
	}
	return ready;
}

static int wait_for_all(struct unpacker *u, struct loop *l, const struct layer *layers,
			size_t count, int *fds, const struct error *failure, struct error *err)
{
	int ready;

	while ((ready = copy_all(u, layers, count, fds, err)) == 0) {
		if (unpacker_start(u, err) < 0 || loop_step(l, -1, err) < 0)
			return -1;
		if (failure->code != ERROR_NONE) {
			*err = *failure;
			return -1;
		}
	}
	return ready < 0 ? -1 : 0;
}

int layer_trees(struct store *s, const struct layer *layers, size_t count, int *fds,
		struct error *err)
{
	struct error failure = ERROR_INIT, ignored = ERROR_INIT;
	auto_(loop) struct loop *l = loop_new(err);
	auto_(unpacker) struct unpacker *u = NULL;
	int status;

	if (l == NULL)
		return -1;
	for (size_t i = 0; i < count; i++)
		fds[i] = -1;
	u = unpacker_new(s, l, job_slots(), note_failure, &failure);
	status = wait_for_all(u, l, layers, count, fds, &failure, err);
	if (status == 0)
		return 0;
	unpacker_cancel(u);
	while (unpacker_busy(u) && loop_step(l, -1, &ignored) >= 0)
		continue;
	for (size_t i = 0; i < count; i++)
		cleanup_fd(&fds[i]);
	return -1;
}
