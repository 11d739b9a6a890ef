/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/view.h"
#include "common/arena.h"
#include "layers/archive.h"
#include "layers/name.h"

#include <string.h>
#include <time.h>

struct load_values {
	const char *input, *only, *tag;
	bool quiet;
};

#define VALUE(member) offsetof(struct load_values, member)
static const struct option_spec options[] = {
	{'i', "input", OPTION_STRING, VALUE(input), "FILE|DIR|-",
	 "what to read; - is standard input, the default", NULL},
	{0, "only", OPTION_STRING, VALUE(only), "NAME",
	 "load only the image that has this name in the archive", NULL},
	{0, "tag", OPTION_STRING, VALUE(tag), "NAME",
	 "call the image NAME, whatever the archive calls it", NULL},
	{'q', "quiet", OPTION_FLAG, VALUE(quiet), NULL, "print only the names, or IDs", NULL},
};

/* With --tag every name of the archive must stand for one image, which then has that name alone. */
static int rename_all(struct catalog *c, const char *name, struct error *err)
{
	for (size_t i = 1; i < c->count; i++)
		if (!digest_equal(&c->refs[i].manifest, &c->refs[0].manifest)) {
			error_set(err, ERROR_USAGE, "--tag: the archive holds more than one image");
			return error_hint(err, "choose one of them with --only");
		}
	for (size_t i = 1; i < c->count; i++)
		ref_release(&c->refs[i]);
	if (c->count > 0) {
		c->count = 1;
		free(c->refs[0].name);
		c->refs[0].name = xstrdup(name);
	}
	return 0;
}

/* A name that is about to point at something else than before is worth a line of its own. */
static void announce(struct cli *cli, const struct ref *ref, bool quiet)
{
	char was[DIGEST_TEXT_SIZE], is[DIGEST_TEXT_SIZE];
	auto_(ref) struct ref old = {.name = NULL};
	struct error none = ERROR_INIT;

	if (ref->name[0] == '\0' || ref_get(cli->store, ref->name, &old, &none) < 0 ||
	    digest_equal(&old.manifest, &ref->manifest))
		return;
	if (quiet)
		fprintf(stderr, "varve: %s moved from %s to %s\n", ref->name,
			digest_text(&old.manifest, was), digest_text(&ref->manifest, is));
	else
		out_printf(cli->out, "Moved: %s from %s to %s\n", ref->name,
			   digest_text(&old.manifest, was), digest_text(&ref->manifest, is));
}

static int report(struct cli *cli, const struct ref *ref, bool quiet, struct error *err)
{
	auto_(image) struct image image = {.manifest_size = 0};
	char text[DIGEST_TEXT_SIZE];

	if (ref->name[0] != '\0') {
		out_printf(cli->out, "%s%s\n", quiet ? "" : "Loaded image: ", ref->name);
		return 0;
	}
	if (image_load(cli->store, &ref->manifest, ref->size, &image, err) < 0)
		return -1;
	out_printf(cli->out, "%s%s\n",
		   quiet ? "" : "Loaded image ID: ", digest_text(&image.config_digest, text));
	return 0;
}

static int load(struct cli *cli, const struct load_values *v, const char *only, const char *tag,
		int input, struct error *err)
{
	auto_(catalog) struct catalog loaded = CATALOG_INIT;

	if (archive_load(cli->store, input, only, &loaded.refs, &loaded.count, err) < 0)
		return error_add(err, "loading %s",
				 v->input == NULL || strcmp(v->input, "-") == 0 ? "standard input"
										: v->input);
	if (loaded.count == 0)
		return error_set(err, ERROR_NOT_FOUND, "the archive holds no image");
	if (tag != NULL && rename_all(&loaded, tag, err) < 0)
		return -1;
	for (size_t i = 0; i < loaded.count; i++) {
		loaded.refs[i].when = (int64_t)time(NULL);
		announce(cli, &loaded.refs[i], v->quiet);
	}
	if (store_commit(cli->store, loaded.refs, loaded.count, err) < 0)
		return -1;
	for (size_t i = 0; i < loaded.count; i++)
		if (report(cli, &loaded.refs[i], v->quiet, err) < 0)
			return -1;
	return 0;
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct load_values *v = values;
	auto_free char *tag = NULL, *only = NULL;
	auto_fd int input = -1;

	(void)argc;
	(void)argv;
	if (v->tag != NULL && (tag = name_canonical(v->tag, err)) == NULL)
		return error_add(err, "--tag");
	if (v->only != NULL && (only = name_canonical(v->only, err)) == NULL)
		return error_add(err, "--only");
	input = file_open_input(v->input != NULL ? v->input : "-", true, false, err);
	if (input < 0 || cli_store(cli, err) == NULL)
		return -1;
	return load(cli, v, only, tag, input, err);
}

const struct command cmd_load = {
	.name = "load",
	.summary = "read images from an archive or a directory",
	.operands = "",
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct load_values),
	.run = run,
	.details = "Reads docker archives, OCI archives (both also compressed), and OCI layout\n"
		   "directories; every blob is verified. A name that exists already is moved, and "
		   "the\n"
		   "digests it moves from and to are printed.\n",
};
