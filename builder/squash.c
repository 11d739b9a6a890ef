/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/squash.h"

#include "common/arena.h"
#include "common/fd.h"
#include "common/job.h"
#include "layers/merge.h"
#include "layers/unpacker.h"

#include <string.h>

/* Trees of some layers, the top first. */
struct trees {
	int *fd;
	size_t count;
};

static void trees_release(struct trees *t)
{
	for (size_t i = 0; i < t->count; i++)
		cleanup_fd(&t->fd[i]);
	free(t->fd);
}
DEFINE_CLEANUP_STRUCT(trees, struct trees, trees_release);

static int trees_open(struct trees *t, struct store *s, const struct layer *layers, size_t count,
		      struct error *err)
{
	t->fd = xcalloc(count, sizeof(*t->fd));
	if (layer_trees(s, layers, count, t->fd, err) < 0)
		return -1;
	t->count = count;
	return 0;
}

/* --- remembering --------------------------------------------------------------------------- */

static void key_of(const struct layer *layers, size_t count, size_t base, struct digest *key)
{
	auto_(buf) struct buf text = BUF_INIT;
	char hex[DIGEST_HEX_SIZE];

	buf_printf(&text, "squash 1\n%zu\n", base);
	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%s\n", digest_hex(&layers[i].diff_id, hex));
	digest_of(text.data, text.length, key);
}

static bool recall(struct store *s, const struct digest *key, enum compression compression,
		   struct layer *out)
{
	auto_(record) struct record r = RECORD_INIT;
	struct error ignored = ERROR_INIT;
	struct digest diff_id;

	if (store_read_record(s, STORE_CACHE, key, "varve-squash", &r, &ignored) < 0)
		return false;
	if (record_get(&r, "empty") != NULL) {
		*out = (struct layer){.empty = true};
		return true;
	}
	return record_get_digest(&r, "diff_id", &diff_id, &ignored) == 0 &&
	       layer_find(s, &diff_id, compression, out, &ignored) == 0;
}

static int remember(struct store *s, const struct digest *key, const struct layer *layer,
		    struct error *err)
{
	auto_(record) struct record r = RECORD_INIT;

	if (layer->empty)
		record_add(&r, "empty", "yes");
	else
		record_add_digest(&r, "diff_id", &layer->diff_id);
	return store_write_record(s, STORE_CACHE, key, "varve-squash", &r, err);
}

/* --- the work ------------------------------------------------------------------------------ */

struct squash_work {
	struct store *store;
	const struct layer *layers;
	size_t count, base;
	enum compression compression;
};

static int merge_and_pack(const struct squash_work *w, int upper, struct layer *out,
			  struct error *err)
{
	auto_(trees) struct trees below = {.fd = NULL};
	auto_(trees) struct trees above = {.fd = NULL};
	struct pack_options options = {.compression = w->compression, .epoch = -1};
	struct stack added;

	if (trees_open(&below, w->store, w->layers, w->base, err) < 0 ||
	    trees_open(&above, w->store, w->layers + w->base, w->count - w->base, err) < 0)
		return -1;
	added = (struct stack){above.fd, above.count, store_userxattr(w->store)};
	options.below = (struct stack){below.fd, below.count, store_userxattr(w->store)};
	if (trees_merge(&added, upper, err) < 0)
		return -1;
	return layer_pack(upper, w->store, &options, out, err);
}

/* In a job: returns the layer. */
static int squash_run(void *arg, struct buf *result, struct error *err)
{
	const struct squash_work *w = arg;
	struct error ignored = ERROR_INIT;
	char name[RANDOM_NAME_SIZE];
	int stage = store_stage(w->store, err), status;
	auto_fd int upper = -1;
	struct layer layer;

	if (stage < 0)
		return -1;
	random_name(name);
	upper = mkdir_child(stage, name, 0755, err);
	if (upper < 0)
		return -1;
	status = merge_and_pack(w, upper, &layer, err);
	if (remove_tree(stage, name, status < 0 ? &ignored : err) < 0 || status < 0)
		return -1;
	buf_add(result, &layer, sizeof(layer));
	return 0;
}

int squash(struct store *s, const struct layer *layers, size_t count, size_t base,
	   enum compression compression, struct layer *out, struct error *err)
{
	struct squash_work work = {s, layers, count, base, compression};
	auto_(buf) struct buf result = BUF_INIT;
	struct digest key;

	key_of(layers, count, base, &key);
	if (recall(s, &key, compression, out))
		return 0;
	/* The stage must exist before the fork, or the job's own would die with it. */
	if (store_stage(s, err) < 0 || job_run("squashing", squash_run, &work, &result, err) < 0)
		return error_add(err, "making one layer of %zu", count - base);
	memcpy(out, result.data, sizeof(*out));
	return remember(s, &key, out, err);
}
