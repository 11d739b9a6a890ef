/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/stat_cache.h"

#include "builder/inputs.h"
#include "layers/memo.h"

#include <string.h>
#include <time.h>

/* Coarse clocks of file systems, and servers whose clock is not ours. */
enum { SETTLED_SECONDS = 3 };

/* As it is kept; the same machine reads it, so the byte order is its own. */
struct known {
	uint64_t dev, ino, size;
	int64_t mtime, mtime_ns, ctime, ctime_ns;
	struct digest content;
};

struct stat_cache {
	struct digest id;
	struct buf old; /* sorted by inode */
	struct buf new; /* in the order of the walk */
	bool *used;     /* one for each of the old */
	size_t hits;
	int64_t began;
};

static const char magic[8] = "stat 1\n";

static const struct known *old_items(const struct stat_cache *c, size_t *count)
{
	*count = c->old.length > sizeof(magic)
			 ? (c->old.length - sizeof(magic)) / sizeof(struct known)
			 : 0;
	return (const void *)(c->old.data + sizeof(magic));
}

static void add_root(struct buf *text, const struct source_root *root)
{
	struct stat st;

	if (root->kind == FROM_CONTEXT && fstat(root->context->fd, &st) == 0)
		buf_printf(text, "root %llu %llu\n", (unsigned long long)st.st_dev,
			   (unsigned long long)st.st_ino);
}

static void cache_id(const struct step *s, struct digest *out)
{
	auto_(buf) struct buf text = BUF_INIT;
	const struct source_root *root;

	buf_add_str(&text, "stat\n");
	for (size_t i = 0; (root = step_root(s, i)) != NULL; i++)
		add_root(&text, root);
	for (size_t i = 0; s->kind == STEP_COPY && i < s->copy.source_count; i++)
		buf_printf(&text, "%s\n", s->copy.sources[i].path);
	for (size_t i = 0; s->kind == STEP_RUN && i < s->run.mount_count; i++)
		if (s->run.mounts[i].has_from)
			buf_printf(&text, "%s\n", s->run.mounts[i].source);
	digest_of(text.data, text.length, out);
}

struct stat_cache *stat_cache_open(struct store *s, const struct step *step, size_t most)
{
	struct stat_cache *c = xcalloc(1, sizeof(*c));
	const size_t bytes = sizeof(magic) + most * sizeof(struct known) + sizeof(struct digest);
	struct error missing = ERROR_INIT;
	size_t count;

	c->old = c->new = (struct buf)BUF_INIT;
	c->began = (int64_t)time(NULL);
	cache_id(step, &c->id);
	if (memo_read(s, &c->id, bytes, &c->old, &missing) == 0 &&
	    (c->old.length < sizeof(magic) || memcmp(c->old.data, magic, sizeof(magic)) != 0))
		buf_reset(&c->old);
	old_items(c, &count);
	c->used = xcalloc(count + 1, sizeof(*c->used));
	return c;
}

void stat_cache_free(struct stat_cache *c)
{
	if (c == NULL)
		return;
	buf_release(&c->old);
	buf_release(&c->new);
	free(c->used);
	free(c);
}

static void describe(const struct stat *st, struct known *out)
{
	memset(out, 0, sizeof(*out));
	out->dev = st->st_dev;
	out->ino = st->st_ino;
	out->size = (uint64_t)st->st_size;
	out->mtime = st->st_mtim.tv_sec;
	out->mtime_ns = st->st_mtim.tv_nsec;
	out->ctime = st->st_ctim.tv_sec;
	out->ctime_ns = st->st_ctim.tv_nsec;
}

/* Its place among the old ones, or how many there are. */
static size_t find(const struct known *items, size_t all, const struct known *wanted)
{
	size_t count = all, low = 0;

	while (count > 0) {
		size_t half = count / 2;

		if (items[low + half].ino < wanted->ino) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	for (; low < all && items[low].ino == wanted->ino; low++)
		if (memcmp(&items[low], wanted, offsetof(struct known, content)) == 0)
			return low;
	return all;
}

bool stat_cache_get(struct stat_cache *c, const struct stat *st, struct digest *out)
{
	struct known wanted;
	size_t count, at;
	const struct known *items = old_items(c, &count);

	describe(st, &wanted);
	at = find(items, count, &wanted);
	if (at == count)
		return false;
	*out = items[at].content;
	c->hits += !c->used[at];
	c->used[at] = true;
	return true;
}

void stat_cache_put(struct stat_cache *c, const struct stat *st, const struct digest *d)
{
	struct known k;

	if (st->st_ctim.tv_sec > c->began - SETTLED_SECONDS)
		return;
	describe(st, &k);
	k.content = *d;
	buf_add(&c->new, &k, sizeof(k));
}

static int by_inode(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

bool stat_cache_is_complete(const struct stat_cache *c)
{
	size_t count;

	old_items(c, &count);
	return c->new.length == 0 && c->hits == count;
}

int stat_cache_save(struct stat_cache *c, struct store *s, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	size_t count;
	const struct known *items = old_items(c, &count);

	if (stat_cache_is_complete(c))
		return 0;
	buf_add(&text, magic, sizeof(magic));
	for (size_t i = 0; i < count; i++)
		if (c->used[i])
			buf_add(&text, &items[i], sizeof(*items));
	buf_add(&text, c->new.data, c->new.length);
	qsort(text.data + sizeof(magic), (text.length - sizeof(magic)) / sizeof(*items),
	      sizeof(*items), by_inode);
	return memo_write(s, &c->id, text.data, text.length, err);
}
