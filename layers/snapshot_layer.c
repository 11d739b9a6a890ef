/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer's tar as sorted rows. Entries may come in any order and more than once; what is left at
 * the end is what layer_unpack() would have made.
 */
#include "layers/snapshot.h"

#include "common/arena.h"
#include "layers/extract.h"
#include "layers/stream.h"
#include "layers/xattr.h"

#include <inttypes.h>
#include <string.h>

/* One entry of the tar. */
struct item {
	struct entry entry;
	enum whiteout_kind kind; /* WHITEOUT_CLEAR: entry.path is the directory */
	uint64_t number;
};

struct loader {
	struct tar_reader *tar;
	struct arena *arena;
	struct item *items;
	size_t count;
	struct parts parts;
};

static void loader_release(struct loader *l)
{
	free(l->items);
}
DEFINE_CLEANUP_STRUCT(loader, struct loader, loader_release);

/* The first `count` parts, the last one replaced by name unless that is NULL. */
static const char *join(struct arena *arena, const struct parts *p, size_t count, const char *name)
{
	auto_(buf) struct buf path = BUF_INIT;

	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_char(&path, '/');
		buf_add_str(&path, i + 1 == count && name != NULL ? name : p->part[i]);
	}
	return arena_strndup(arena, path.data, path.length);
}

static void hash_zeros(struct hasher *h, uint64_t count)
{
	static const char zeros[4096];

	while (count > 0) {
		size_t n = count < sizeof(zeros) ? (size_t)count : sizeof(zeros);

		hasher_add(h, zeros, n);
		count -= n;
	}
}

static int hash_content(struct tar_reader *tar, uint64_t size, struct digest *out,
			struct error *err)
{
	auto_(hasher) struct hasher *h = hasher_new();
	uint64_t at = 0, offset;
	const void *data;
	size_t length;
	int more;

	if (size > SNAPSHOT_MAX_FILE)
		return error_set(err, ERROR_LIMIT, "a file of %" PRIu64 " bytes", size);
	while ((more = tar_next_data(tar, &data, &length, &offset, err)) > 0) {
		if (offset < at || offset > size || length > size - offset)
			return error_set(err, ERROR_FORMAT, "content beyond its size");
		hash_zeros(h, offset - at);
		hasher_add(h, data, length);
		at = offset + length;
	}
	if (more < 0)
		return -1;
	hash_zeros(h, size - at);
	hasher_finish(h, out);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct tar_xattr *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static void take_xattrs(const struct tar_entry *from, struct entry *to)
{
	auto_free struct tar_xattr *kept = NULL;
	size_t count = 0;

	if (from->xattr_count == 0)
		return;
	kept = xcalloc(from->xattr_count, sizeof(*kept));
	for (size_t i = 0; i < from->xattr_count; i++)
		if (xattr_allowed(from->xattrs[i].name))
			kept[count++] = from->xattrs[i];
	qsort(kept, count, sizeof(*kept), by_name);
	xattrs_digest(kept, count, &to->xattrs);
}

static int take_link(struct loader *l, const struct tar_entry *from, struct entry *to,
		     struct error *err)
{
	struct parts target;

	to->hard_link = from->hard_link;
	if (from->link == NULL)
		return 0;
	if (!from->hard_link) {
		to->link = arena_strdup(l->arena, from->link);
		return 0;
	}
	if (parts_parse(&target, from->link, err) < 0)
		return error_add(err, "a hard link to %.100s", from->link);
	to->link = join(l->arena, &target, target.count, NULL);
	return 0;
}

static int take_entry(struct loader *l, const struct tar_entry *from, struct error *err)
{
	struct item item = {.number = l->count};
	struct entry *to = &item.entry;
	const char *name = NULL;
	size_t parts;

	if (parts_parse(&l->parts, from->path, err) < 0 ||
	    parts_classify(&l->parts, &item.kind, &name, err) < 0)
		return -1;
	if (item.kind == WHITEOUT_IGNORE)
		return 0;
	if (item.kind == WHITEOUT_INVALID)
		return error_set(err, ERROR_FORMAT, "not a valid whiteout");
	parts = l->parts.count - (item.kind == WHITEOUT_CLEAR);
	to->path = join(l->arena, &l->parts, parts, item.kind == WHITEOUT_HIDE ? name : NULL);
	if (item.kind == WHITEOUT_NONE) {
		to->mode = from->mode;
		to->uid = from->uid;
		to->gid = from->gid;
		to->mtime = from->mtime;
		if (S_ISCHR(from->mode) || S_ISBLK(from->mode))
			to->device = from->device;
		if (S_ISREG(from->mode) || S_ISDIR(from->mode))
			take_xattrs(from, to);
		if (take_link(l, from, to, err) < 0)
			return -1;
		if (S_ISREG(from->mode) && !from->hard_link) {
			to->size = from->size;
			if (hash_content(l->tar, from->size, &to->content, err) < 0)
				return -1;
		}
	}
	l->items = xgrow(l->items, l->count, sizeof(*l->items));
	l->items[l->count++] = item;
	return 0;
}

static int by_path_and_number(const void *a, const void *b)
{
	const struct item *left = a, *right = b;
	int order = path_compare(left->entry.path, right->entry.path);

	return order != 0 ? order : left->number < right->number ? -1 : 1;
}

static struct entry implied_directory(const char *path)
{
	return (struct entry){.path = path, .mode = S_IFDIR | 0755, .implied = true};
}

/* One item per path: the last real entry, with what the whiteouts of that name mean for it. */
static void merge_duplicates(struct loader *l)
{
	size_t kept = 0;

	for (size_t i = 0, next; i < l->count; i = next) {
		bool hide = false, clear = false;
		const struct item *real = NULL;
		struct item result;

		for (next = i; next < l->count &&
			       path_compare(l->items[next].entry.path, l->items[i].entry.path) == 0;
		     next++) {
			hide |= l->items[next].kind == WHITEOUT_HIDE;
			clear |= l->items[next].kind == WHITEOUT_CLEAR;
			if (l->items[next].kind == WHITEOUT_NONE)
				real = &l->items[next];
		}
		result = real != NULL ? *real : l->items[i];
		result.kind = WHITEOUT_NONE;
		if (real == NULL && hide && !clear)
			result.entry.whiteout = true;
		else if (real == NULL)
			result.entry = implied_directory(result.entry.path);
		result.entry.opaque = S_ISDIR(result.entry.mode) && (hide || clear);
		l->items[kept++] = result;
	}
	l->count = kept;
}

/* A non-directory and entries below it: whichever came last stays. */
static void settle_conflicts(struct loader *l)
{
	size_t kept = 0;

	for (size_t i = 0, end; i < l->count; i++) {
		struct item *item = &l->items[i];
		bool later = false;

		if (item->entry.whiteout) {
			/* It hides what lies below the layer, never what the layer itself has. */
			if (i + 1 < l->count &&
			    path_below(l->items[i + 1].entry.path, item->entry.path)) {
				item->entry = implied_directory(item->entry.path);
				item->entry.opaque = true;
			}
		} else if (!S_ISDIR(item->entry.mode)) {
			for (end = i + 1; end < l->count &&
					  path_below(l->items[end].entry.path, item->entry.path);
			     end++)
				later |= l->items[end].number > item->number;
			for (size_t j = i + 1; j < end; j++)
				if (l->items[j].number < item->number)
					l->items[j].number = UINT64_MAX; /* gone */
			if (later)
				item->entry = implied_directory(item->entry.path);
		}
		if (item->number != UINT64_MAX)
			l->items[kept++] = *item;
	}
	l->count = kept;
}

/* Adds the directories that nothing describes, as unpacking makes them. */
static void add_implied(struct loader *l, struct rows *out)
{
	const char *last = "";

	for (size_t i = 0; i < l->count; i++) {
		const char *path = l->items[i].entry.path;

		for (const char *slash = strchr(path, '/'); slash != NULL;
		     slash = strchr(slash + 1, '/')) {
			const char *parent;

			/* In this order a directory is there if it is on the way to the last path.
			 */
			if (strncmp(path, last, (size_t)(slash - path)) == 0 &&
			    (last[slash - path] == '/' || last[slash - path] == '\0'))
				continue;
			parent = arena_strndup(l->arena, path, (size_t)(slash - path));
			out->item = xgrow(out->item, out->count, sizeof(*out->item));
			out->item[out->count++] = implied_directory(parent);
		}
		out->item = xgrow(out->item, out->count, sizeof(*out->item));
		out->item[out->count++] = l->items[i].entry;
		last = path;
	}
}

/* Hard links get what their file has. Links to links end at the first name. */
static int resolve_links(struct rows *r, struct error *err)
{
	for (size_t i = 0; i < r->count; i++) {
		struct entry *e = &r->item[i];
		const struct entry *target = e;
		const char *path;

		if (!e->hard_link)
			continue;
		for (int hops = 0; target != NULL && target->hard_link; hops++)
			target = hops < UNPACK_MAX_DEPTH ? rows_find(r, target->link) : NULL;
		if (target == NULL || S_ISDIR(target->mode) || target->whiteout)
			return error_set(err, ERROR_FORMAT,
					 "%s: a hard link to %s, which the layer "
					 "does not have",
					 e->path, e->link);
		path = e->path;
		*e = *target;
		e->path = path;
		/* A symlink's link is where it leads; that it has several names is left out. */
		if (!S_ISLNK(target->mode)) {
			e->link = target->path;
			e->hard_link = true;
		}
	}
	return 0;
}

int rows_of_layer(struct store *s, const struct layer *layer, struct arena *arena, struct rows *out,
		  struct error *err)
{
	auto_(layer_stream) struct layer_stream *plain = layer_stream_open(s, layer, err);
	auto_(tar_reader) struct tar_reader *tar =
		plain == NULL ? NULL : tar_reader_new(layer_stream_read, plain, err);
	auto_(loader) struct loader l = {.tar = tar, .arena = arena};
	struct tar_entry entry;
	struct rows rows = {NULL, 0};
	int more;

	if (tar == NULL)
		return -1;
	while ((more = tar_next(tar, &entry, err)) > 0) {
		if (l.count >= UNPACK_MAX_ENTRIES)
			return error_set(err, ERROR_LIMIT, "more than %" PRIu64 " entries",
					 UNPACK_MAX_ENTRIES);
		if (take_entry(&l, &entry, err) < 0)
			return error_add(err, "%.300s", entry.path);
	}
	if (more < 0)
		return -1;
	if (l.count > 1)
		qsort(l.items, l.count, sizeof(*l.items), by_path_and_number);
	merge_duplicates(&l);
	settle_conflicts(&l);
	add_implied(&l, &rows);
	if (resolve_links(&rows, err) < 0) {
		free(rows.item);
		return -1;
	}
	*out = rows;
	return 0;
}
