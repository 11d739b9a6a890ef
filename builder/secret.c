/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/secret.h"

#include "common/arena.h"

#include <stdint.h>
#include <string.h>

static const char mask[] = "***";

enum { ROOT = 0, NONE = 0 }; /* nothing leads to the root, so 0 is free to mean nothing */

/* A prefix of one or more values. */
struct node {
	uint32_t child, sibling; /* the first longer prefix; the next of the same length */
	uint32_t fallback;       /* the longest suffix of it that is a prefix, too */
	uint32_t depth;          /* its length */
	uint32_t found;          /* the longest value that it ends with */
	unsigned char byte;      /* its last */
};

/* Positions in the stream, from start up to but without end. */
struct run {
	uint64_t start, end;
};

struct redactor {
	struct node *node;
	size_t count;
	uint32_t first[256]; /* children of the root */
	/* the stream */
	uint32_t state;
	uint64_t done; /* position of held's first byte that was not passed on */
	uint64_t end;
	struct buf held; /* from done - skipped on */
	size_t skipped;
	struct run *runs; /* to be hidden, not yet passed on altogether; ascending, apart */
	size_t run_first, run_count;
	bool hiding; /* the last byte passed on was hidden */
};

/* --- the values ---------------------------------------------------------------------------- */

static uint32_t next(const struct redactor *r, uint32_t from, unsigned char byte)
{
	if (from == ROOT)
		return r->first[byte];
	for (uint32_t at = r->node[from].child; at != NONE; at = r->node[at].sibling)
		if (r->node[at].byte == byte)
			return at;
	return NONE;
}

static uint32_t add_node(struct redactor *r, uint32_t parent, unsigned char byte)
{
	const uint32_t at = (uint32_t)r->count;

	r->node = xgrow(r->node, r->count++, sizeof(*r->node));
	r->node[at] = (struct node){.byte = byte, .depth = r->node[parent].depth + 1};
	if (parent == ROOT) {
		r->first[byte] = at;
	} else {
		r->node[at].sibling = r->node[parent].child;
		r->node[parent].child = at;
	}
	return at;
}

static void add_value(struct redactor *r, const char *value, size_t length)
{
	uint32_t at = ROOT;

	for (size_t i = 0; i < length; i++) {
		const unsigned char byte = (unsigned char)value[i];
		const uint32_t old = next(r, at, byte);

		at = old != NONE ? old : add_node(r, at, byte);
	}
	r->node[at].found = (uint32_t)length;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void add_lines(struct redactor *r, const char *value, size_t length)
{
	const char *end = value + length;

	for (const char *line = value, *stop; line < end; line = stop + 1) {
		const char *last;

		stop = memchr(line, '\n', (size_t)(end - line));
		last = stop = stop != NULL ? stop : end;
		while (line < last && is_blank(*line))
			line++;
		while (last > line && is_blank(last[-1]))
			last--;
		if (last - line >= SECRET_MIN_LINE)
			add_value(r, line, (size_t)(last - line));
	}
}

static void add_secret(struct redactor *r, const struct build_secret *secret)
{
	const char *value = secret->data;
	size_t length = secret->length;

	while (length > 0 && (value[length - 1] == '\n' || value[length - 1] == '\r'))
		length--;
	if (length < SECRET_MIN_VALUE)
		return;
	add_value(r, value, length);
	if (memchr(value, '\n', length) != NULL)
		add_lines(r, value, length);
}

/* Where a byte leads: to the longest prefix of a value that the stream ends with then. */
static uint32_t step(const struct redactor *r, uint32_t from, unsigned char byte)
{
	uint32_t to;

	while ((to = next(r, from, byte)) == NONE && from != ROOT)
		from = r->node[from].fallback;
	return to;
}

/* Level by level, as a fallback is always shorter. */
static void link_nodes(struct redactor *r)
{
	auto_free uint32_t *queue = xcalloc(r->count, sizeof(*queue));
	size_t count = 0;

	for (size_t byte = 0; byte < 256; byte++)
		if (r->first[byte] != NONE)
			queue[count++] = r->first[byte];
	for (size_t i = 0; i < count; i++) {
		const struct node *parent = &r->node[queue[i]];

		for (uint32_t at = parent->child; at != NONE; at = r->node[at].sibling) {
			struct node *n = &r->node[at];

			n->fallback = step(r, parent->fallback, n->byte);
			if (n->found == 0)
				n->found = r->node[n->fallback].found;
			queue[count++] = at;
		}
	}
}

struct redactor *redactor_new(const struct build_secret *const *secrets, size_t count)
{
	auto_(redactor) struct redactor *r = xcalloc(1, sizeof(*r));

	r->held = (struct buf)BUF_INIT;
	r->node = xgrow(NULL, r->count++, sizeof(*r->node));
	r->node[ROOT] = (struct node){.depth = 0};
	for (size_t i = 0; i < count; i++)
		add_secret(r, secrets[i]);
	if (r->count == 1)
		return NULL;
	link_nodes(r);
	return steal(r);
}

void redactor_free(struct redactor *r)
{
	if (r == NULL)
		return;
	explicit_bzero(r->node, r->count * sizeof(*r->node));
	explicit_bzero(r->held.data, r->held.length);
	free(r->node);
	free(r->runs);
	buf_release(&r->held);
	free(r);
}

/* --- the stream ---------------------------------------------------------------------------- */

/* Joins it with the runs that it touches. */
static void hide(struct redactor *r, uint64_t start, uint64_t end)
{
	if (start < r->done)
		start = r->done;
	while (r->run_count > r->run_first && r->runs[r->run_count - 1].end >= start) {
		const struct run *last = &r->runs[--r->run_count];

		if (last->start < start)
			start = last->start;
	}
	r->runs = xgrow(r->runs, r->run_count, sizeof(*r->runs));
	r->runs[r->run_count++] = (struct run){.start = start, .end = end};
}

/* Everything before until, and what is hidden in any case. */
static void pass_on(struct redactor *r, uint64_t until, struct buf *out)
{
	for (;;) {
		const struct run *run = r->run_first < r->run_count ? &r->runs[r->run_first] : NULL;
		const bool inside = run != NULL && run->start <= r->done;
		uint64_t stop = until;
		size_t length;

		if (inside || (run != NULL && run->start < until))
			stop = inside ? run->end : run->start;
		if (stop <= r->done)
			return;
		length = (size_t)(stop - r->done);
		if (!inside)
			buf_add(out, r->held.data + r->skipped, length);
		else if (!r->hiding)
			buf_add_str(out, mask);
		r->hiding = inside;
		r->skipped += length;
		r->done = stop;
		r->run_first += inside;
	}
}

/* Now and then, so that each byte is moved a few times at most. */
static void forget_passed(struct redactor *r)
{
	const size_t rest = r->held.length - r->skipped, runs = r->run_count - r->run_first;

	if (r->run_first > runs) {
		memmove(r->runs, r->runs + r->run_first, runs * sizeof(*r->runs));
		r->run_first = 0;
		r->run_count = runs;
	}
	if (r->skipped < rest)
		return;
	memmove(r->held.data, r->held.data + r->skipped, rest);
	buf_truncate(&r->held, rest);
	r->skipped = 0;
}

void redactor_feed(struct redactor *r, const char *data, size_t length, struct buf *out)
{
	buf_add(&r->held, data, length);
	for (size_t i = 0; i < length; i++) {
		const struct node *n;

		r->state = step(r, r->state, (unsigned char)data[i]);
		r->end++;
		n = &r->node[r->state];
		if (n->found > 0)
			hide(r, r->end - n->found, r->end);
	}
	pass_on(r, r->end - r->node[r->state].depth, out);
	forget_passed(r);
}

void redactor_flush(struct redactor *r, struct buf *out)
{
	pass_on(r, r->end, out);
	forget_passed(r);
	r->state = ROOT;
	r->hiding = false;
}
