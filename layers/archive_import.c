/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive.h"

#include "common/fd.h"
#include "layers/unpack.h"

#include <string.h>
#include <time.h>

static int pack_directory(struct store *s, int dir, int64_t epoch, enum compression compression,
			  struct layer *out, struct error *err)
{
	const struct pack_options options = {
		.compression = compression, .epoch = epoch, .keep_root = true};

	return layer_pack(dir, s, &options, out, err);
}

/* By way of a directory, so that the layer is as canonical as if varve had built it. */
static int pack_tar(struct store *s, int fd, int64_t epoch, enum compression compression,
		    struct layer *out, struct error *err)
{
	const struct unpack_options options = {
		.userxattr = store_userxattr(s), .take_root = true, .owner = -1, .group = -1};
	/* For an archive that does not describe its root. */
	static const struct timespec epoch_start[2];
	struct error cleaning = ERROR_INIT;
	char name[RANDOM_NAME_SIZE];
	int stage = store_stage(s, err), result;
	auto_fd int root = -1;
	uint64_t entries = 0;

	if (stage < 0)
		return -1;
	random_name(name);
	root = mkdir_child(stage, name, 0755, err);
	if (root < 0)
		return -1;
	result = futimens(root, epoch_start) < 0
			 ? error_sys(err, "preparing the root directory")
			 : archive_extract(fd, root, &options, &entries, err);
	if (result == 0 && entries == 0)
		result = error_set(err, ERROR_FORMAT, "the archive is empty");
	if (result == 0)
		result = pack_directory(s, root, epoch, compression, out, err);
	/* What cannot be removed now goes with the stage. */
	remove_tree(stage, name, &cleaning);
	return result;
}

int archive_import(struct store *s, int fd, const struct config *config, int64_t epoch,
		   enum compression compression, struct ref *ref, struct digest *id,
		   struct error *err)
{
	auto_(config) struct config c = CONFIG_INIT;
	char created[TIMESTAMP_SIZE];
	const char *os, *architecture, *variant;
	struct history history = {.created = created, .comment = "imported by varve"};
	struct layer layer = {.empty = false};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys(err, "reading the root file system");
	if ((S_ISDIR(st.st_mode) ? pack_directory : pack_tar)(s, fd, epoch, compression, &layer,
							      err) < 0)
		return -1;
	config_copy(config, &c);
	platform_host(&os, &architecture, &variant);
	if (c.os == NULL)
		c.os = os;
	if (c.architecture == NULL) {
		c.architecture = architecture;
		c.variant = variant;
	}
	timestamp_format(epoch >= 0 ? epoch : (int64_t)time(NULL), created);
	if (c.created == NULL)
		c.created = created;
	history.empty_layer = layer.empty;
	config_add_history(&c, &history);
	if (!layer.empty)
		config_add_diff_id(&c, &layer.diff_id);
	return image_publish(s, &c, &layer, layer.empty ? 0 : 1, NULL, ref, id, err);
}
