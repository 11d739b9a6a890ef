/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing gzip, with libdeflate at its first level: seven times as fast as zlib at its usual one,
 * for a twelfth more bytes.
 *
 * libdeflate compresses whole buffers, so the input is cut into pieces of a fixed size. They do not
 * depend on each other, so threads share the work and the bytes are the same for any number of
 * them. A piece becomes one member of the file or several (RFC 1952, 2.2: members in a row are one
 * file): where it is noise, of which deflate makes nothing at its slowest, a member holds it as it
 * is. The header has no time, name or system, so the bytes say nothing about the machine.
 */
#include "layers/codec.h"

#include "common/arena.h"
#include "common/job.h"
#include "layers/noise.h"

#include <libdeflate.h>
#include <pthread.h>
#include <string.h>

enum {
	LEVEL = 1,
	PIECE_BYTES = NOISE_MAX_CELLS * NOISE_CELL_BYTES,
	MAX_WORKERS = 4, /* hashing the plain bytes on one core feeds no more than this */
	SLOTS = 2 * MAX_WORKERS,
	MIN_NOISE = 2,     /* cells: what follows a member cannot refer back into it */
	HEADER_SYSTEM = 9, /* where a gzip header names the system */
	SYSTEM_UNKNOWN = 255,
};

/* One piece on its way: filled by the caller, compressed by a worker, written by the caller. */
struct slot {
	enum { SLOT_FREE, SLOT_FILLED, SLOT_TAKEN, SLOT_DONE } state;
	unsigned char *plain, *packed;
	size_t length, packed_length;
};

/* What a thread compresses with. */
struct tools {
	struct libdeflate_compressor *deflate, *store;
};

struct encoder {
	struct tools tools[MAX_WORKERS];
	pthread_t thread[MAX_WORKERS];
	int threads; /* running; 0 until the first piece is full */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ending;
	struct slot slots[SLOTS];
	unsigned first, count; /* of the slots in use */
	bool filling;          /* the last of them is still the caller's */
	bool any;              /* a piece was written: an empty file needs a member too */
};

static bool tools_ready(struct tools *t)
{
	if (t->deflate == NULL)
		t->deflate = libdeflate_alloc_compressor(LEVEL);
	if (t->store == NULL)
		t->store = libdeflate_alloc_compressor(0);
	return t->deflate != NULL && t->store != NULL;
}

/* If each cell became a member. */
static size_t packed_room(const struct tools *t)
{
	size_t one = libdeflate_gzip_compress_bound(t->deflate, NOISE_CELL_BYTES);
	size_t other = libdeflate_gzip_compress_bound(t->store, NOISE_CELL_BYTES);

	return NOISE_MAX_CELLS * (one > other ? one : other);
}

static bool compress_member(const struct tools *t, bool noise, struct slot *s, size_t from,
			    size_t to)
{
	unsigned char *at = s->packed + s->packed_length;
	size_t length = libdeflate_gzip_compress(noise ? t->store : t->deflate, s->plain + from,
						 to - from, at, packed_room(t) - s->packed_length);

	if (length <= HEADER_SYSTEM)
		return false;
	at[HEADER_SYSTEM] = SYSTEM_UNKNOWN;
	s->packed_length += length;
	return true;
}

/* Few cells of noise in a row are not worth a member. */
static void drop_short_runs(bool *noise, size_t cells)
{
	for (size_t i = 0, run = 0; i <= cells; i++) {
		if (noise[i]) {
			run++;
			continue;
		}
		if (run < MIN_NOISE)
			memset(noise + i - run, 0, run * sizeof(*noise));
		run = 0;
	}
}

/* packed_length is 0 if it fails. */
static void compress_slot(const struct tools *t, struct slot *s)
{
	bool noise[NOISE_MAX_CELLS + 1] = {false}; /* the last: what is no whole cell, or nothing */
	size_t from = 0;

	noise_find(s->plain, s->length, noise);
	drop_short_runs(noise, s->length / NOISE_CELL_BYTES);
	s->packed_length = 0;
	do {
		size_t i = from / NOISE_CELL_BYTES, to = from;
		bool kind = noise[i];

		while (to < s->length && noise[i] == kind)
			to = ++i * NOISE_CELL_BYTES;
		if (to > s->length)
			to = s->length;
		if (!compress_member(t, kind, s, from, to)) {
			s->packed_length = 0;
			return;
		}
		from = to;
	} while (from < s->length);
}

struct worker {
	struct encoder *e;
	const struct tools *tools;
};

static struct slot *next_filled(struct encoder *e)
{
	for (unsigned i = 0; i < e->count; i++) {
		struct slot *s = &e->slots[(e->first + i) % SLOTS];

		if (s->state == SLOT_FILLED)
			return s;
	}
	return NULL;
}

static void *work(void *arg)
{
	struct worker w = *(struct worker *)arg;
	struct encoder *e = w.e;

	free(arg);
	pthread_mutex_lock(&e->lock);
	for (;;) {
		struct slot *s = next_filled(e);

		if (s == NULL && e->ending)
			break;
		if (s == NULL) {
			pthread_cond_wait(&e->changed, &e->lock);
			continue;
		}
		s->state = SLOT_TAKEN;
		pthread_mutex_unlock(&e->lock);
		compress_slot(w.tools, s);
		pthread_mutex_lock(&e->lock);
		s->state = SLOT_DONE;
		pthread_cond_broadcast(&e->changed);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

static void start_threads(struct encoder *e)
{
	int wanted = job_threads(MAX_WORKERS);

	while (e->threads < wanted) {
		struct worker *w = xmalloc(sizeof(*w));

		*w = (struct worker){.e = e, .tools = &e->tools[e->threads]};
		if (!tools_ready(&e->tools[e->threads]) ||
		    pthread_create(&e->thread[e->threads], NULL, work, w) != 0) {
			free(w);
			return; /* fewer will do; none, and the caller compresses itself */
		}
		e->threads++;
	}
}

void gzip_encoder_free(void *encoder)
{
	struct encoder *e = encoder;

	pthread_mutex_lock(&e->lock);
	e->ending = true;
	/* What nobody will write need not be compressed. */
	for (int i = 0; i < SLOTS; i++)
		if (e->slots[i].state == SLOT_FILLED)
			e->slots[i].state = SLOT_FREE;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
	for (int i = 0; i < e->threads; i++)
		pthread_join(e->thread[i], NULL);
	for (int i = 0; i < MAX_WORKERS; i++) {
		libdeflate_free_compressor(e->tools[i].deflate);
		libdeflate_free_compressor(e->tools[i].store);
	}
	for (int i = 0; i < SLOTS; i++) {
		free(e->slots[i].plain);
		free(e->slots[i].packed);
	}
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

void *gzip_encoder_new(struct error *err)
{
	struct encoder *e = xcalloc(1, sizeof(*e));

	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
	if (!tools_ready(&e->tools[0])) {
		gzip_encoder_free(e);
		error_set(err, ERROR_IO, "setting up compression: out of memory");
		return NULL;
	}
	return e;
}

/* Writes the oldest piece, when it is compressed. */
static int write_first(struct encoder *e, const struct codec_output *to, struct error *err)
{
	struct slot *s = &e->slots[e->first];
	int status;

	pthread_mutex_lock(&e->lock);
	while (e->threads > 0 && s->state != SLOT_DONE)
		pthread_cond_wait(&e->changed, &e->lock);
	pthread_mutex_unlock(&e->lock);
	if (e->threads == 0)
		compress_slot(&e->tools[0], s);
	if (s->packed_length == 0)
		return error_set(err, ERROR_BUG, "compressing: deflate refused its input");
	status = to->sink(to->user, s->packed, s->packed_length, err);
	pthread_mutex_lock(&e->lock);
	s->state = SLOT_FREE;
	e->first = (e->first + 1) % SLOTS;
	e->count--;
	pthread_mutex_unlock(&e->lock);
	e->any = true;
	return status;
}

/* The slot that is being filled; begins one if there is none. */
static int current(struct encoder *e, struct slot **out, const struct codec_output *to,
		   struct error *err)
{
	struct slot *s;

	if (e->filling) {
		*out = &e->slots[(e->first + e->count - 1) % SLOTS];
		return 0;
	}
	if (e->count == SLOTS && write_first(e, to, err) < 0)
		return -1;
	s = &e->slots[(e->first + e->count) % SLOTS];
	if (s->plain == NULL) {
		s->plain = xmalloc(PIECE_BYTES);
		s->packed = xmalloc(packed_room(&e->tools[0]));
	}
	s->length = 0;
	pthread_mutex_lock(&e->lock);
	e->count++;
	pthread_mutex_unlock(&e->lock);
	e->filling = true;
	*out = s;
	return 0;
}

static void submit(struct encoder *e, struct slot *s)
{
	pthread_mutex_lock(&e->lock);
	s->state = SLOT_FILLED;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
	e->filling = false;
}

int gzip_encode(void *encoder, const void *data, size_t length, const struct codec_output *to,
		struct error *err)
{
	struct encoder *e = encoder;
	const unsigned char *at = data;

	while (length > 0) {
		struct slot *s;
		size_t step;

		if (current(e, &s, to, err) < 0)
			return -1;
		step = PIECE_BYTES - s->length;
		if (step > length)
			step = length;
		memcpy(s->plain + s->length, at, step);
		s->length += step;
		at += step;
		length -= step;
		if (s->length < PIECE_BYTES)
			continue;
		if (e->threads == 0)
			start_threads(e);
		submit(e, s);
	}
	return 0;
}

int gzip_encode_end(void *encoder, const struct codec_output *to, struct error *err)
{
	struct encoder *e = encoder;
	struct slot *s;

	if (e->count == 0 && !e->any && current(e, &s, to, err) < 0)
		return -1;
	if (e->filling)
		submit(e, &e->slots[(e->first + e->count - 1) % SLOTS]);
	while (e->count > 0)
		if (write_first(e, to, err) < 0)
			return -1;
	return 0;
}
