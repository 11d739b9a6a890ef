/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include "common/arena.h"
#include "common/fd.h"
#include "common/job.h"
#include "layers/blob.h"

enum {
	PIECE = 256 * 1024,
	LARGE_BYTES = 16 * 1024 * 1024, /* from here on a process more costs less than waiting */
	STEP_BYTES = 8 * 1024 * 1024,
};

/* Reads it to its verified end; file NULL: for nothing else. */
static int pass(struct store *s, const struct digest *digest, uint64_t size,
		struct output_file *file, struct error *err)
{
	auto_(blob_reader) struct blob_reader *r = blob_open(s, digest, size, err);
	auto_free char *piece = xmalloc(PIECE);
	ssize_t n;

	if (r == NULL)
		return -1;
	while ((n = blob_read(r, piece, PIECE, err)) > 0)
		if (file != NULL && output_bytes(file, piece, (size_t)n, err) < 0)
			return -1;
	return (int)n;
}

/* A blob that is being verified. */
struct check {
	struct store *store;
	const struct digest *digest;
	uint64_t size;
	bool ended;
	struct error outcome;
};

static int check_work(void *arg, struct buf *result, struct error *err)
{
	const struct check *c = arg;

	(void)result;
	return pass(c->store, c->digest, c->size, NULL, err);
}

static void check_done(void *user, const struct buf *result, const struct error *err)
{
	struct check *c = user;

	(void)result;
	c->ended = true;
	c->outcome = *err;
}

static int copy(const struct check *c, struct output_file *f, struct error *err)
{
	auto_fd int from = store_find(c->store, STORE_BLOBS, c->digest, err);

	if (from < 0)
		return -1;
	for (uint64_t left = c->size, step; left > 0; left -= step) {
		step = left < STEP_BYTES ? left : STEP_BYTES;
		if (copy_bytes(from, f->fd, step, err) < 0)
			return error_add(err, "writing the archive");
		f->written += step;
		begin_writeback(f->fd, f->written, &f->begun);
	}
	return 0;
}

int output_blob(struct output_file *f, struct store *s, const struct digest *digest, uint64_t size,
		struct error *err)
{
	struct check c = {.store = s, .digest = digest, .size = size, .outcome = ERROR_INIT};
	auto_(blob_reader) struct blob_reader *whole = NULL;
	auto_(loop) struct loop *l = NULL;
	struct job *job;
	int status;

	if (size < LARGE_BYTES)
		return pass(s, digest, size, f, err);
	whole = blob_open(s, digest, size, err); /* by its size */
	if (whole == NULL)
		return -1;
	l = loop_new(err);
	if (l == NULL)
		return -1;
	job = job_start(l, "verifying a layer", check_work, &c, check_done, &c, err);
	if (job == NULL)
		return -1;
	status = copy(&c, f, err);
	if (status < 0)
		job_cancel(job);
	while (!c.ended)
		if (loop_step(l, -1, status < 0 ? &(struct error)ERROR_INIT : err) < 0)
			return -1;
	if (c.outcome.code == ERROR_NONE || c.outcome.code == ERROR_CANCELLED)
		return status;
	*err = c.outcome;
	return -1;
}
