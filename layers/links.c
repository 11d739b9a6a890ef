/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/links.h"

#include "common/arena.h"

#include <stdint.h>

enum { FIRST_CAPACITY = 64 };

struct link {
	struct link *next;
	dev_t device;
	ino_t inode;
	char *path;
};

static void link_free(struct link *link)
{
	free(link->path);
	free(link);
}

void links_release(struct links *l)
{
	for (size_t i = 0; i < l->capacity; i++) {
		for (struct link *at = l->buckets[i], *next; at != NULL; at = next) {
			next = at->next;
			link_free(at);
		}
	}
	free(l->buckets);
	*l = (struct links)LINKS_INIT;
}

static struct link **bucket(const struct links *l, dev_t device, ino_t inode)
{
	uint64_t hash = ((uint64_t)inode ^ (uint64_t)device << 32) * UINT64_C(0x9e3779b97f4a7c15);

	return &l->buckets[(hash >> 32) & (l->capacity - 1)];
}

static void grow(struct links *l)
{
	struct links bigger = {
		.capacity = l->capacity > 0 ? 2 * l->capacity : FIRST_CAPACITY,
		.count = l->count,
	};

	/* NOLINTNEXTLINE(bugprone-sizeof-expression): buckets are pointers */
	bigger.buckets = xcalloc(bigger.capacity, sizeof(*bigger.buckets));
	for (size_t i = 0; i < l->capacity; i++) {
		for (struct link *at = l->buckets[i], *next; at != NULL; at = next) {
			struct link **to = bucket(&bigger, at->device, at->inode);

			next = at->next;
			at->next = *to;
			*to = at;
		}
	}
	free(l->buckets);
	*l = bigger;
}

const char *links_seen(struct links *l, const struct stat *st, const char *path)
{
	struct link **at, *new;

	if (l->count == l->capacity)
		grow(l);
	for (at = bucket(l, st->st_dev, st->st_ino); *at != NULL; at = &(*at)->next) {
		struct link *link = *at;

		if (link->device != st->st_dev || link->inode != st->st_ino)
			continue;
		return link->path;
	}
	new = xmalloc(sizeof(*new));
	*new = (struct link){
		.next = NULL,
		.device = st->st_dev,
		.inode = st->st_ino,
		.path = xstrdup(path),
	};
	*at = new;
	l->count++;
	return NULL;
}
