/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/view.h"
#include "common/arena.h"
#include "layers/name.h"

#include <time.h>

/* A name keeps pointing at what it points at, which may be an index; an ID means one image. */
static int find_source(struct store *s, const char *what, struct ref *out, struct error *err)
{
	auto_(image) struct image image = {.manifest_size = 0};
	struct error no_name = ERROR_INIT;
	auto_free char *canonical = name_canonical(what, &no_name);

	if (canonical != NULL && ref_get(s, canonical, out, &no_name) == 0)
		return 0;
	if (image_resolve(s, what, &image, err) < 0)
		return -1;
	out->manifest = image.manifest;
	out->size = image.manifest_size;
	out->media_type = xstrdup(image.media_type);
	return 0;
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	auto_(ref) struct ref ref = {.name = NULL};
	auto_free char *name = name_canonical(argv[1], err);

	(void)values;
	(void)argc;
	if (name == NULL || cli_store(cli, err) == NULL ||
	    find_source(cli->store, argv[0], &ref, err) < 0)
		return -1;
	free(ref.name);
	ref.name = steal(name);
	ref.when = (int64_t)time(NULL);
	return store_commit(cli->store, &ref, 1, err);
}

const struct command cmd_tag = {
	.name = "tag",
	.summary = "give an image one more name",
	.operands = "IMAGE NAME",
	.min_operands = 2,
	.max_operands = 2,
	.run = run,
	.details = "If NAME exists already it is moved to IMAGE.\n",
};
