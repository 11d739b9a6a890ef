/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/view.h"
#include "layers/json.h"

#include <string.h>

static void add_text(struct json *o, const char *key, const char *value)
{
	json_add_string(o, key, value != NULL ? value : "");
}

static void add_list(struct json *o, const char *key, const struct strings *list)
{
	struct json *array;

	if (!list->present && list->count == 0) {
		json_add_null(o, key);
		return;
	}
	array = json_add_array(o, key);
	for (size_t i = 0; i < list->count; i++)
		json_add_string(array, NULL, list->item[i]);
}

static void add_set(struct json *o, const char *key, const struct strings *set)
{
	struct json *object;

	if (set->count == 0)
		return;
	object = json_add_object(o, key);
	for (size_t i = 0; i < set->count; i++)
		json_add_object(object, set->item[i]);
}

static void add_healthcheck(struct json *o, const struct healthcheck *h)
{
	static const char *const names[] = {"Interval", "Timeout", "StartPeriod", "StartInterval",
					    "Retries"};
	const int64_t numbers[] = {h->interval, h->timeout, h->start_period, h->start_interval,
				   h->retries};
	struct json *object;

	if (!h->present)
		return;
	object = json_add_object(o, "Healthcheck");
	add_list(object, "Test", &h->test);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (numbers[i] != 0)
			json_add_number(object, names[i], numbers[i]);
}

static void add_config(struct json *o, const struct config *c)
{
	struct json *config = json_add_object(o, "Config"), *labels;

	add_text(config, "User", c->user);
	add_set(config, "ExposedPorts", &c->exposed_ports);
	add_list(config, "Env", &c->env);
	add_list(config, "Entrypoint", &c->entrypoint);
	add_list(config, "Cmd", &c->cmd);
	add_set(config, "Volumes", &c->volumes);
	add_text(config, "WorkingDir", c->working_dir);
	labels = json_add_object(config, "Labels");
	for (size_t i = 0; i < c->labels.count; i++)
		json_add_string(labels, c->labels.item[i].key, c->labels.item[i].value);
	if (c->stop_signal != NULL && c->stop_signal[0] != '\0')
		json_add_string(config, "StopSignal", c->stop_signal);
	add_healthcheck(config, &c->healthcheck);
	if (c->onbuild.count > 0)
		add_list(config, "OnBuild", &c->onbuild);
	if (c->shell.count > 0)
		add_list(config, "Shell", &c->shell);
}

static void add_layers(struct json *o, const struct image *image)
{
	char text[DIGEST_TEXT_SIZE];
	struct json *root = json_add_object(o, "RootFS"), *list;

	json_add_string(root, "Type", "layers");
	list = json_add_array(root, "Layers");
	for (size_t i = 0; i < image->layer_count; i++)
		json_add_string(list, NULL, digest_text(&image->layers[i].diff_id, text));
	list = json_add_array(o, "Layers");
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct layer *layer = &image->layers[i];
		struct json *entry = json_add_object(list, NULL);

		json_add_string(entry, "DiffID", digest_text(&layer->diff_id, text));
		json_add_string(entry, "Digest", digest_text(&layer->blob, text));
		json_add_string(entry, "MediaType", compression_media_type(layer->compression));
		json_add_number(entry, "Size", (int64_t)layer->size);
	}
}

/* RepoTags and RepoDigests: every name of the store that stands for the image. */
static void add_names(struct json *o, struct store *s, const struct catalog *c,
		      const struct image *image)
{
	char text[DIGEST_TEXT_SIZE];
	struct json *tags = json_add_array(o, "RepoTags");
	struct json *digests = json_add_array(o, "RepoDigests");
	auto_free char *last = NULL;

	for (size_t i = 0; i < c->count; i++) {
		auto_free char *repository = NULL, *tag = NULL;

		if (c->refs[i].name[0] == '\0' || !ref_is_image(s, &c->refs[i], image))
			continue;
		json_add_string(tags, NULL, c->refs[i].name);
		ref_split(c->refs[i].name, &repository, &tag);
		if (last == NULL || strcmp(last, repository) != 0) {
			auto_(buf) struct buf name = BUF_INIT;

			buf_printf(&name, "%s@%s", repository,
				   digest_text(&c->refs[i].manifest, text));
			json_add_string(digests, NULL, name.data);
		}
		free(last);
		last = steal(repository);
	}
}

static void describe(struct json *o, struct store *s, const struct catalog *catalog,
		     const struct image *image)
{
	const struct config *c = &image->config;
	char text[DIGEST_TEXT_SIZE];
	struct json *manifest;

	json_add_string(o, "Id", digest_text(&image->config_digest, text));
	add_names(o, s, catalog, image);
	if (c->created != NULL)
		json_add_string(o, "Created", c->created);
	else
		json_add_null(o, "Created");
	add_text(o, "Author", c->author);
	add_text(o, "Architecture", c->architecture);
	if (c->variant != NULL && c->variant[0] != '\0')
		json_add_string(o, "Variant", c->variant);
	add_text(o, "Os", c->os);
	add_config(o, c);
	json_add_number(o, "Size", (int64_t)image_size(image));
	add_layers(o, image);
	manifest = json_add_object(o, "Manifest");
	json_add_string(manifest, "Digest", digest_text(&image->manifest, text));
	json_add_string(manifest, "MediaType", image->media_type);
	json_add_number(manifest, "Size", (int64_t)image->manifest_size);
}

/* Like docker: what exists is printed, and then the first that does not is the error. */
static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	auto_(catalog) struct catalog catalog = CATALOG_INIT;
	auto_(json) struct json *array = json_new_array();
	int status = 0;

	(void)values;
	if (cli_store(cli, err) == NULL || catalog_load(&catalog, cli->store, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++) {
		auto_(image) struct image image = {.manifest_size = 0};
		struct error failed = ERROR_INIT;

		if (image_resolve(cli->store, argv[i], &image, &failed) == 0) {
			describe(json_add_object(array, NULL), cli->store, &catalog, &image);
			continue;
		}
		if (status == 0)
			*err = failed;
		status = -1;
	}
	out_json(cli->out, array);
	return status;
}

const struct command cmd_inspect = {
	.name = "inspect",
	.summary = "print everything about images as JSON",
	.operands = "IMAGE...",
	.min_operands = 1,
	.max_operands = -1,
	.run = run,
	.details =
		"IMAGE is a name, an image ID, a manifest digest, or four or more first digits of\n"
		"either.\n",
};
