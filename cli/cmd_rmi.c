/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/view.h"
#include "common/arena.h"
#include "layers/name.h"

#include <string.h>

struct rmi_values {
	bool force;
};

static const struct option_spec options[] = {
	{'f', "force", OPTION_FLAG, offsetof(struct rmi_values, force), NULL,
	 "remove all names of an image given by ID; ignore images that do not exist", NULL},
};

/* The key of a ref for ref_delete(): its name, or "@digest" of an image without one. */
static char *ref_key_of(const struct ref *ref)
{
	char text[DIGEST_TEXT_SIZE];

	return ref->name[0] != '\0' ? xstrdup(ref->name)
				    : xprintf("@%s", digest_text(&ref->manifest, text));
}

static int remove_ref(struct cli *cli, const struct ref *ref, struct error *err)
{
	auto_free char *key = ref_key_of(ref);

	if (ref_delete(cli->store, key, err) < 0)
		return -1;
	if (ref->name[0] != '\0')
		out_printf(cli->out, "Untagged: %s\n", ref->name);
	return 0;
}

/* Says so if no other name of the catalog stands for the image that `gone` stood for. */
static int report_last(struct cli *cli, const struct image *image, struct error *err)
{
	auto_(catalog) struct catalog left = CATALOG_INIT;
	char text[DIGEST_TEXT_SIZE];

	if (catalog_load(&left, cli->store, err) < 0)
		return -1;
	for (size_t i = 0; i < left.count; i++)
		if (ref_is_image(cli->store, &left.refs[i], image))
			return 0;
	out_printf(cli->out, "Deleted: %s\n", digest_text(&image->config_digest, text));
	return 0;
}

/* A name is removed even when its image is too damaged to be read. */
static int remove_name(struct cli *cli, const struct ref *ref, struct error *err)
{
	auto_(image) struct image image = {.manifest_size = 0};
	struct error unreadable = ERROR_INIT;

	if (remove_ref(cli, ref, err) < 0)
		return -1;
	if (image_load(cli->store, &ref->manifest, ref->size, &image, &unreadable) < 0)
		return 0;
	return report_last(cli, &image, err);
}

static int remove_image(struct cli *cli, const char *what, bool force, struct error *err)
{
	auto_(catalog) struct catalog catalog = CATALOG_INIT;
	auto_(image) struct image image = {.manifest_size = 0};
	auto_(buf) struct buf names = BUF_INIT;
	size_t named = 0;

	if (image_resolve(cli->store, what, &image, err) < 0 ||
	    catalog_load(&catalog, cli->store, err) < 0)
		return -1;
	for (size_t i = 0; i < catalog.count; i++) {
		if (catalog.refs[i].name[0] == '\0' ||
		    !ref_is_image(cli->store, &catalog.refs[i], &image))
			continue;
		buf_printf(&names, "%s%s", named++ == 0 ? "" : ", ", catalog.refs[i].name);
	}
	if (named > 1 && !force) {
		error_set(err, ERROR_EXISTS, "%s has several names: %s", what, names.data);
		return error_hint(err, "remove it by name, or all of them with -f");
	}
	for (size_t i = 0; i < catalog.count; i++)
		if (ref_is_image(cli->store, &catalog.refs[i], &image) &&
		    remove_ref(cli, &catalog.refs[i], err) < 0)
			return -1;
	return report_last(cli, &image, err);
}

static int remove_one(struct cli *cli, const char *what, bool force, struct error *err)
{
	struct error no_name = ERROR_INIT;
	auto_free char *name = name_canonical(what, &no_name);
	auto_(ref) struct ref ref = {.name = NULL};

	if (name != NULL && ref_get(cli->store, name, &ref, &no_name) == 0)
		return remove_name(cli, &ref, err);
	return remove_image(cli, what, force, err);
}

static int collect_garbage(struct cli *cli, struct error *err)
{
	struct prune_options want = {.cache = false};
	struct prune_report report;
	char text[FORMAT_SIZE];

	if (store_prune(cli->store, &want, &report, err) < 0)
		return error_add(err, "freeing what the images took");
	if (report.bytes > 0)
		out_printf(cli->out, "Freed: %s\n", size_format(report.bytes, text));
	return 0;
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct rmi_values *v = values;
	struct error failed;
	int status = 0;

	if (cli_store(cli, err) == NULL)
		return -1;
	for (int i = 0; i < argc; i++) {
		failed = (struct error)ERROR_INIT;
		if (remove_one(cli, argv[i], v->force, &failed) == 0 ||
		    (v->force && failed.code == ERROR_NOT_FOUND))
			continue;
		if (status < 0) /* one error can be returned; the earlier one is told now */
			error_print(err, stderr, cli->debug);
		*err = failed;
		status = -1;
	}
	failed = (struct error)ERROR_INIT;
	if (collect_garbage(cli, &failed) < 0) {
		if (status == 0)
			*err = failed;
		status = -1;
	}
	return status;
}

const struct command cmd_rmi = {
	.name = "rmi",
	.summary = "remove images, or names of images",
	.operands = "IMAGE...",
	.min_operands = 1,
	.max_operands = -1,
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct rmi_values),
	.run = run,
	.details =
		"A name is removed; with the last name of an image its blobs go too, except those\n"
		"that other images or the build cache still need ('varve prune --all').\n",
};
