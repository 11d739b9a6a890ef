/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/unpack.h"

#include "common/arena.h"
#include "common/fd.h"
#include "layers/extract.h"
#include "layers/store_private.h"
#include "layers/stream.h"

#include <inttypes.h>
#include <string.h>

_Static_assert((int)UNPACK_MAX_NAME == (int)TAR_MAX_NAME, "what is packed can be unpacked");
_Static_assert((int)UNPACK_MAX_XATTRS == (int)TAR_MAX_XATTRS, "what is packed can be unpacked");

enum { PROBE_BYTES = TAR_BLOCK };

/* --- one stream into one directory ---------------------------------------------------------- */

static int extract_all(struct extract *x, struct error *err)
{
	struct tar_entry entry;
	int more;

	if (extract_room(x, err) < 0)
		return -1;
	while ((more = tar_next(x->tar, &entry, err)) > 0)
		if (extract_entry(x, &entry, err) < 0)
			return -1;
	return more < 0 ? -1 : extract_finish(x, err);
}

/* --- a layer into the store ---------------------------------------------------------------- */

static int write_meta(int dir, int fs, const struct extract *x, struct error *err)
{
	struct tree_size size = {.entries = x->entries, .bytes = x->bytes};
	auto_(record) struct record meta = RECORD_INIT;
	auto_(buf) struct buf text = BUF_INIT;

	if (x->replaced && tree_measure(fs, &size, err) < 0)
		return -1;
	record_addf(&meta, "entries", "%" PRIu64, size.entries);
	record_addf(&meta, "bytes", "%" PRIu64, size.bytes);
	record_addf(&meta, "implied", "%" PRIu64, x->implied);
	record_render(&meta, TREE_KIND, &text);
	return replace_file(dir, "meta", text.data, text.length, err);
}

static int unpack_into(struct store *s, const struct layer *layer, int dir, struct error *err)
{
	struct unpack_options options = {
		.userxattr = store_userxattr(s),
		.overlay = true,
		.owner = -1,
		.group = -1,
		/* Nobody in a user namespace can make devices; docker and podman leave them out. */
		.strip_special = store_userxattr(s),
	};
	auto_(layer_stream) struct layer_stream *plain = NULL;
	auto_(tar_reader) struct tar_reader *tar = NULL;
	auto_(extract) struct extract x = {0};
	const struct timespec never[2] = {{0}, {0}};
	auto_fd int fs = mkdir_child(dir, "fs", 0755, err);

	if (fs < 0)
		return -1;
	if (fchmod(fs, 0755) < 0 || futimens(fs, never) < 0)
		return error_sys(err, "making the root of a tree");
	plain = layer_stream_open(s, layer, err);
	if (plain == NULL)
		return -1;
	tar = tar_reader_new(layer_stream_read, plain, err);
	if (tar == NULL || extract_init(&x, fs, &options, tar, err) < 0 || extract_all(&x, err) < 0)
		return -1;
	return write_meta(dir, fs, &x, err);
}

/* A lock of its own: whoever holds the key of a step may be waiting for this tree, and the diff id
   that an image claims to have may be any digest, also such a key. */
static int lock_tree(struct store *s, const struct digest *diff_id, struct error *err)
{
	char text[sizeof("tree ") + DIGEST_HEX_SIZE], hex[DIGEST_HEX_SIZE];
	int length = snprintf(text, sizeof(text), "tree %s", digest_hex(diff_id, hex));
	struct digest key;

	digest_of(text, (size_t)length, &key);
	return store_lock_key(s, &key, true, err);
}

int layer_unpack(struct store *s, const struct layer *layer, struct error *err)
{
	char name[RANDOM_NAME_SIZE], text[DIGEST_TEXT_SIZE];
	struct error ignored = ERROR_INIT;
	auto_fd int dir = -1, lock = -1;
	int stage;

	if (store_has(s, STORE_TREES, &layer->diff_id))
		return 0;
	stage = store_stage(s, err);
	if (stage < 0)
		return -1;
	lock = lock_tree(s, &layer->diff_id, err);
	if (lock < 0)
		return -1;
	if (store_has(s, STORE_TREES, &layer->diff_id))
		return 0;
	random_name(name);
	dir = mkdir_child(stage, name, 0700, err);
	if (dir < 0)
		return -1;
	if (unpack_into(s, layer, dir, err) < 0 ||
	    store_publish(s, STORE_TREES, &layer->diff_id, name, err) < 0) {
		remove_tree(stage, name, &ignored);
		return error_add(err, "unpacking layer %s", digest_text(&layer->diff_id, text));
	}
	return 0;
}

/* --- archives of ADD ----------------------------------------------------------------------- */

int archive_extract(int fd, int target, const struct unpack_options *options, uint64_t *entries,
		    struct error *err)
{
	auto_(tar_filter) struct tar_filter *filter = tar_filter_new(fd, err);
	auto_(tar_reader) struct tar_reader *tar = NULL;
	auto_(extract) struct extract x = {0};

	if (filter == NULL)
		return -1;
	tar = tar_reader_new(tar_filter_read, filter, err);
	if (tar == NULL || extract_init(&x, target, options, tar, err) < 0 ||
	    extract_all(&x, err) < 0)
		return -1;
	*entries = x.seen;
	return 0;
}

/* A tar has at least one header; what only looks like one is left to ADD as a plain file. */
static bool probe(int fd, struct error *err)
{
	auto_(tar_filter) struct tar_filter *filter = tar_filter_new(fd, err);
	unsigned char block[PROBE_BYTES];
	size_t used = 0;

	while (filter != NULL && used < sizeof(block)) {
		ssize_t n = tar_filter_read(filter, block + used, sizeof(block) - used, err);

		if (n <= 0)
			return false;
		used += (size_t)n;
	}
	return filter != NULL && tar_is_header(block);
}

bool archive_probe(int fd)
{
	struct error ignored = ERROR_INIT;
	bool is = lseek(fd, 0, SEEK_SET) == 0 && probe(fd, &ignored);

	return lseek(fd, 0, SEEK_SET) == 0 && is;
}
