/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/snapshot.h"

#include "common/arena.h"

#include <assert.h>
#include <string.h>

/* --- one layer over what lies below --------------------------------------------------------- */

/* A hard link whose first name was taken away. */
struct orphan {
	const char *link;
	struct entry *entry;
};

static int by_link(const void *a, const void *b)
{
	const struct orphan *left = a, *right = b;
	int order = path_compare(left->link, right->link);

	return order != 0 ? order : path_compare(left->entry->path, right->entry->path);
}

/* When the first name of a file is replaced, its next one becomes the first. kept marks the rows
   that come from below. */
static void adopt_orphans(struct rows *r, const bool *kept)
{
	auto_free struct orphan *orphans = NULL;
	size_t count = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct entry *first;

		if (!r->item[i].hard_link || !kept[i])
			continue;
		first = rows_find(r, r->item[i].link);
		if (first != NULL && kept[first - r->item])
			continue;
		orphans = xgrow(orphans, count, sizeof(*orphans));
		orphans[count++] = (struct orphan){r->item[i].link, &r->item[i]};
	}
	if (count > 1)
		qsort(orphans, count, sizeof(*orphans), by_link);
	for (size_t i = 0, next; i < count; i = next) {
		struct entry *first = orphans[i].entry;

		for (next = i + 1; next < count && strcmp(orphans[next].link, orphans[i].link) == 0;
		     next++)
			orphans[next].entry->link = first->path;
		first->hard_link = false;
		first->link = NULL;
	}
}

/* Where the rows of both sides are merged. */
struct merge {
	struct rows *out;
	bool *kept;         /* per row of out: it comes from below */
	const char *hidden; /* nothing below this path is taken from below; NULL: no such path */
	bool self;          /* nor the path itself */
};

static bool is_hidden(const struct merge *m, const char *path)
{
	if (m->hidden == NULL)
		return false;
	return path_below(path, m->hidden) || (m->self && strcmp(path, m->hidden) == 0);
}

static void put(struct merge *m, const struct entry *e, bool kept)
{
	m->out->item[m->out->count] = *e;
	m->kept[m->out->count++] = kept;
}

static void take_above(struct merge *m, const struct entry *above, const struct entry *below)
{
	assert(above != NULL);
	/* An inner path adds nothing to an outer one that is hidden. */
	if ((above->whiteout || above->opaque || !S_ISDIR(above->mode)) &&
	    (m->hidden == NULL || !path_below(above->path, m->hidden))) {
		m->hidden = above->path;
		m->self = above->whiteout;
	}
	if (above->whiteout)
		return;
	if (above->implied && below != NULL && S_ISDIR(below->mode)) {
		put(m, below, true);
	} else {
		put(m, above, false);
		m->out->item[m->out->count - 1].opaque = false;
	}
}

void rows_apply(const struct rows *from, const struct rows *layer, struct rows *out)
{
	auto_free bool *kept = xcalloc(from->count + layer->count + 1, sizeof(*kept));
	struct rows rows = {xcalloc(from->count + layer->count + 1, sizeof(*rows.item)), 0};
	struct merge m = {.out = &rows, .kept = kept};
	size_t i = 0, j = 0;

	while (i < from->count || j < layer->count) {
		const struct entry *a = i < from->count ? &from->item[i] : NULL;
		const struct entry *b = j < layer->count ? &layer->item[j] : NULL;
		int order = a == NULL ? 1 : b == NULL ? -1 : path_compare(a->path, b->path);

		i += order <= 0;
		j += order >= 0;
		if (order >= 0)
			take_above(&m, b, order == 0 && !is_hidden(&m, a->path) ? a : NULL);
		else if (!is_hidden(&m, a->path))
			put(&m, a, true);
	}
	adopt_orphans(&rows, kept);
	*out = rows;
}

/* --- snapshots ----------------------------------------------------------------------------- */

static struct rows rows_of(const struct snapshot *s)
{
	return (struct rows){s->entries, s->count};
}

int snapshot_layer(struct store *s, const struct layer *layer, struct snapshot *out,
		   struct error *err)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	char text[DIGEST_TEXT_SIZE];
	struct rows rows;

	if (rows_of_layer(s, layer, &arena, &rows, err) < 0)
		return error_add(err, "layer %s", digest_text(&layer->diff_id, text));
	*out = (struct snapshot){.arena = arena, .entries = rows.item, .count = rows.count};
	arena = (struct arena)ARENA_INIT;
	return 0;
}

int snapshot_layers(struct store *s, const struct layer *layers, size_t count, struct snapshot *out,
		    struct error *err)
{
	auto_(snapshot) struct snapshot all = SNAPSHOT_INIT;
	char text[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		const struct rows below = rows_of(&all);
		struct rows layer, merged;

		if (rows_of_layer(s, &layers[i], &all.arena, &layer, err) < 0)
			return error_add(err, "layer %s", digest_text(&layers[i].diff_id, text));
		rows_apply(&below, &layer, &merged);
		free(layer.item);
		free(all.entries);
		all.entries = merged.item;
		all.count = merged.count;
	}
	*out = all;
	all = (struct snapshot)SNAPSHOT_INIT;
	return 0;
}

int snapshot_apply(const struct snapshot *from, const struct snapshot *layer, struct snapshot *out,
		   struct error *err)
{
	const struct rows below = rows_of(from), above = rows_of(layer);
	struct snapshot copy = SNAPSHOT_INIT;
	struct rows merged;

	(void)err; /* nothing can fail; callers treat all makers of snapshots alike */
	rows_apply(&below, &above, &merged);
	for (size_t i = 0; i < merged.count; i++) {
		struct entry *e = &merged.item[i];

		e->path = arena_strdup(&copy.arena, e->path);
		if (e->link != NULL)
			e->link = arena_strdup(&copy.arena, e->link);
	}
	copy.entries = merged.item;
	copy.count = merged.count;
	*out = copy;
	return 0;
}
