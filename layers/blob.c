/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/blob.h"

#include "common/arena.h"
#include "common/fd.h"
#include "layers/store_private.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Large enough that the cost of write and of hashing per call vanishes, small enough for a cache.
 */
enum { WRITE_BUFFER = 64 * 1024, SMALL_BLOB = 64 * 1024 };

struct blob_writer {
	struct store *store;
	struct hasher *hasher;
	int stage; /* borrowed */
	int fd;
	char name[RANDOM_NAME_SIZE];
	uint64_t size, begun; /* of those the kernel was asked to write begun to the disk */
	size_t used;
	char buffer[WRITE_BUFFER];
};

/* Frees w but leaves the staged file to its new owner. */
static void writer_free(struct blob_writer *w)
{
	cleanup_fd(&w->fd);
	hasher_free(w->hasher);
	free(w);
}

void blob_abort(struct blob_writer *w)
{
	if (w == NULL)
		return;
	unlinkat(w->stage, w->name, 0);
	writer_free(w);
}

struct blob_writer *blob_begin(struct store *s, struct error *err)
{
	struct blob_writer *w;
	char name[RANDOM_NAME_SIZE];
	int stage = store_stage(s, err);
	int fd;

	if (stage < 0)
		return NULL;
	random_name(name);
	fd = open_child(stage, name, O_WRONLY | O_CREAT | O_EXCL, 0444, err);
	if (fd < 0) {
		error_add(err, "creating a blob");
		return NULL;
	}
	w = xmalloc(sizeof(*w));
	w->store = s;
	w->hasher = hasher_new();
	w->stage = stage;
	w->fd = fd;
	memcpy(w->name, name, sizeof(name));
	w->size = 0;
	w->begun = 0;
	w->used = 0;
	return w;
}

static int put(struct blob_writer *w, const void *data, size_t length, struct error *err)
{
	hasher_add(w->hasher, data, length);
	w->size += length;
	if (write_all(w->fd, data, length, err) < 0)
		return error_add(err, "writing a blob");
	if ((w->store->flags & STORE_FAST) == 0)
		begin_writeback(w->fd, w->size, &w->begun);
	return 0;
}

static int flush(struct blob_writer *w, struct error *err)
{
	size_t length = w->used;

	w->used = 0;
	return length > 0 ? put(w, w->buffer, length, err) : 0;
}

int blob_add(struct blob_writer *w, const void *data, size_t length, struct error *err)
{
	if (w->used + length > WRITE_BUFFER && flush(w, err) < 0)
		return -1;
	if (length >= WRITE_BUFFER)
		return put(w, data, length, err);
	memcpy(w->buffer + w->used, data, length);
	w->used += length;
	return 0;
}

/* Ends the writing; w is freed unless 0 is returned. */
static int complete(struct blob_writer *w, struct digest *digest, struct error *err)
{
	if (flush(w, err) < 0 ||
	    (fchmod(w->fd, 0444) < 0 && error_sys(err, "closing a blob") < 0)) {
		blob_abort(w);
		return -1;
	}
	hasher_finish(w->hasher, digest);
	return 0;
}

static int publish(struct blob_writer *w, const struct digest *digest, struct error *err)
{
	if (store_publish(w->store, STORE_BLOBS, digest, w->name, err) < 0) {
		blob_abort(w);
		return -1;
	}
	writer_free(w);
	return 0;
}

int blob_finish(struct blob_writer *w, struct digest *digest, uint64_t *size, struct error *err)
{
	struct digest is;
	uint64_t length;

	if (complete(w, &is, err) < 0)
		return -1;
	length = w->size;
	if (publish(w, &is, err) < 0)
		return -1;
	*digest = is;
	if (size != NULL)
		*size = length;
	return 0;
}

static int size_differs(const struct digest *digest, uint64_t is, uint64_t should,
			struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	return error_set(err, ERROR_DIGEST, "%s has %" PRIu64 " bytes, %" PRIu64 " were expected",
			 digest_text(digest, text), is, should);
}

static int digest_differs(const struct digest *is, const struct digest *should, struct error *err)
{
	char a[DIGEST_TEXT_SIZE], b[DIGEST_TEXT_SIZE];

	return error_set(err, ERROR_DIGEST, "%s holds content of %s", digest_text(should, a),
			 digest_text(is, b));
}

int blob_finish_expect(struct blob_writer *w, const struct digest *digest, uint64_t size,
		       struct error *err)
{
	struct digest is;

	if (complete(w, &is, err) < 0)
		return -1;
	if (w->size != size || !digest_equal(&is, digest)) {
		if (w->size != size)
			size_differs(digest, w->size, size, err);
		else
			digest_differs(&is, digest, err);
		blob_abort(w);
		return -1;
	}
	return publish(w, digest, err);
}

static bool is_stored(struct store *s, const struct digest *digest, size_t length)
{
	struct error none = ERROR_INIT;
	auto_fd int fd = store_find(s, STORE_BLOBS, digest, &none);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == length;
}

int blob_put(struct store *s, const void *data, size_t length, struct digest *digest,
	     struct error *err)
{
	struct blob_writer *w;
	bool found = false;

	/* A rebuild with nothing changed makes the same documents again and must not write; but
	   nothing else may protect them from GC yet, and a damaged one has to be replaced. */
	digest_of(data, length, digest);
	if (is_stored(s, digest, length) && store_pin(s, STORE_BLOBS, digest, &found, err) < 0)
		return -1;
	if (found)
		return 0;
	w = blob_begin(s, err);
	if (w == NULL)
		return -1;
	if (blob_add(w, data, length, err) < 0) {
		blob_abort(w);
		return -1;
	}
	return blob_finish(w, digest, NULL, err);
}

struct blob_reader {
	int fd;
	struct hasher *hasher;
	struct digest digest;
	uint64_t size, done;
	bool ended, verified;
};

void blob_close(struct blob_reader *r)
{
	if (r == NULL)
		return;
	cleanup_fd(&r->fd);
	hasher_free(r->hasher);
	free(r);
}

struct blob_reader *blob_open(struct store *s, const struct digest *digest, uint64_t size,
			      struct error *err)
{
	auto_fd int fd = store_find(s, STORE_BLOBS, digest, err);
	struct blob_reader *r;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0) {
		error_sys(err, "opening a blob");
		return NULL;
	}
	/* A truncated blob is found before anything is done with its beginning. */
	if (size != UINT64_MAX && (uint64_t)st.st_size != size) {
		size_differs(digest, (uint64_t)st.st_size, size, err);
		return NULL;
	}
	r = xcalloc(1, sizeof(*r));
	r->fd = steal_fd(&fd);
	r->hasher = hasher_new();
	r->digest = *digest;
	r->size = (uint64_t)st.st_size;
	return r;
}

static ssize_t finish_read(struct blob_reader *r, struct error *err)
{
	struct digest is;

	if (r->verified)
		return 0;
	if (r->done != r->size || r->ended)
		return size_differs(&r->digest, r->done, r->size, err);
	hasher_finish(r->hasher, &is);
	r->ended = true;
	if (!digest_equal(&is, &r->digest))
		return digest_differs(&is, &r->digest, err);
	r->verified = true;
	return 0;
}

ssize_t blob_read(struct blob_reader *r, void *data, size_t room, struct error *err)
{
	ssize_t n;

	assert(room > 0);
	if (r->verified)
		return 0;
	do
		n = read(r->fd, data, room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_sys(err, "reading a blob");
	if (n == 0)
		return finish_read(r, err);
	hasher_add(r->hasher, data, (size_t)n);
	r->done += (uint64_t)n;
	if (r->done > r->size)
		return size_differs(&r->digest, r->done, r->size, err);
	return n;
}

int blob_get(struct store *s, const struct digest *digest, uint64_t size, size_t limit,
	     struct buf *out, struct error *err)
{
	auto_(blob_reader) struct blob_reader *r = blob_open(s, digest, size, err);
	char text[DIGEST_TEXT_SIZE];
	size_t before = out->length;

	if (r == NULL)
		return -1;
	if (r->size > limit)
		return error_set(err, ERROR_LIMIT, "%s has %" PRIu64 " bytes, the limit is %zu",
				 digest_text(digest, text), r->size, limit);
	for (;;) {
		size_t room = r->size - r->done < SMALL_BLOB ? (size_t)(r->size - r->done) + 1
							     : SMALL_BLOB;
		ssize_t n = blob_read(r, buf_reserve(out, room), room, err);

		if (n > 0)
			buf_added(out, (size_t)n);
		else if (n < 0)
			buf_truncate(out, before);
		if (n <= 0)
			return (int)n;
	}
}
