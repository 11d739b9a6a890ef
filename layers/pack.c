/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/pack.h"

#include "common/fd.h"
#include "layers/blob.h"
#include "layers/forms.h"
#include "layers/packer.h"

#include <string.h>

/* The way of the bytes: tar -> {diff id} -> compressor -> blob (which hashes again). It begins with
   the first byte, so that a step that changed nothing costs none of it. */
struct chain {
	struct store *store;
	enum compression compression;
	struct hasher *diff;
	struct compressor *compressor;
	struct blob_writer *blob;
};

static void chain_release(struct chain *c)
{
	hasher_free(c->diff);
	compressor_free(c->compressor);
	blob_abort(c->blob);
}
DEFINE_CLEANUP_STRUCT(chain, struct chain, chain_release);

static int to_blob(void *user, const void *data, size_t length, struct error *err)
{
	struct chain *c = user;

	return blob_add(c->blob, data, length, err);
}

static int chain_begin(struct chain *c, struct error *err)
{
	c->diff = hasher_new();
	c->blob = blob_begin(c->store, err);
	if (c->blob == NULL)
		return -1;
	c->compressor = compressor_new(c->compression, to_blob, c, err);
	return c->compressor == NULL ? -1 : 0;
}

static int to_chain(void *user, const void *data, size_t length, struct error *err)
{
	struct chain *c = user;

	if (c->diff == NULL && chain_begin(c, err) < 0)
		return -1;
	hasher_add(c->diff, data, length);
	return compressor_add(c->compressor, data, length, err);
}

static int chain_finish(struct chain *c, struct layer *out, struct error *err)
{
	if (compressor_finish(c->compressor, err) < 0)
		return -1;
	hasher_finish(c->diff, &out->diff_id);
	return blob_finish(steal(c->blob), &out->blob, &out->size, err);
}

int layer_pack(int upper, struct store *s, const struct pack_options *options, struct layer *out,
	       struct error *err)
{
	auto_(chain) struct chain chain = {.store = s, .compression = options->compression};
	auto_(tar_writer) struct tar_writer *tar = tar_writer_new(to_chain, &chain);
	struct layer layer = {.compression = options->compression};
	struct pack_counts counts;

	if (pack_tree(upper, options, tar, &counts, err) < 0)
		return -1;
	layer.empty = counts.empty;
	layer.added = counts.added;
	layer.modified = counts.modified;
	layer.removed = counts.removed;
	layer.repeated = counts.repeated;
	layer.repeated_by = counts.repeated_by;
	if (!layer.empty) {
		if (tar_writer_finish(tar, err) < 0 || chain_finish(&chain, &layer, err) < 0)
			return -1;
		layer.plain_size = tar_writer_size(tar);
		if (forms_add(s, &layer, err) < 0)
			return -1;
	}
	*out = layer;
	return 0;
}

static int to_descriptor(void *user, const void *data, size_t length, struct error *err)
{
	return write_all(*(const int *)user, data, length, err);
}

int tree_write_tar(int tree, const struct pack_options *options, int to, struct error *err)
{
	auto_(tar_writer) struct tar_writer *tar = tar_writer_new(to_descriptor, &to);
	struct pack_counts counts;

	if (pack_tree(tree, options, tar, &counts, err) < 0)
		return -1;
	return tar_writer_finish(tar, err);
}
