/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include "layers/blob.h"
#include "layers/json.h"

#include <string.h>

/* A config named by its digest, as every tool does, must have it. */
static int check_config_name(const char *path, const struct member *m, struct error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	auto_free char *hex = xstrndup(name, strnlen(name, DIGEST_HEX_SIZE - 1));
	char text[DIGEST_TEXT_SIZE];
	struct digest named;

	if (!digest_parse_hex(hex, &named) || digest_equal(&named, &m->content))
		return 0;
	return error_set(err, ERROR_DIGEST, "the config %s holds content of %s", path,
			 digest_text(&m->content, text));
}

/* Returns the member that it is, NULL on failure. */
static const struct member *load_config(struct store *s, const struct contents *c,
					const struct json *image, struct config *out,
					struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	const char *path = json_get_string(image, "Config");
	const struct member *m = path != NULL ? contents_find(c, path) : NULL;

	if (path == NULL) {
		error_set(err, ERROR_FORMAT, "manifest.json: an image has no Config");
		return NULL;
	}
	if (m == NULL) {
		error_set(err, ERROR_FORMAT, "the archive lacks the config %.200s", path);
		return NULL;
	}
	if (check_config_name(path, m, err) < 0)
		return NULL;
	if (blob_get(s, &m->blob, m->size, IMAGE_MAX_CONFIG, &text, err) < 0 ||
	    config_parse(text.data, text.length, out, err) < 0) {
		error_add(err, "%.200s", path);
		return NULL;
	}
	return m;
}

/* What a plain layer hashes to is its diff id; a compressed one is checked when it is unpacked. */
static int load_layer(const struct contents *c, const char *path, const struct digest *diff_id,
		      struct layer *out, struct error *err)
{
	const struct member *m = path != NULL ? contents_find(c, path) : NULL;
	bool compressed;

	if (path == NULL)
		return error_set(err, ERROR_FORMAT, "manifest.json: Layers is not a list of paths");
	if (m == NULL)
		return error_set(err, ERROR_FORMAT, "the archive lacks the layer %.200s", path);
	compressed = m->compression != COMPRESS_NONE && digest_equal(&m->content, &m->blob);
	if (!compressed && !digest_equal(&m->content, diff_id)) {
		char is[DIGEST_TEXT_SIZE], should[DIGEST_TEXT_SIZE];

		return error_set(err, ERROR_DIGEST,
				 "the layer %.100s has digest %s, the config says %s", path,
				 digest_text(&m->content, is), digest_text(diff_id, should));
	}
	*out = (struct layer){.diff_id = *diff_id,
			      .blob = m->blob,
			      .size = m->size,
			      .compression = m->compression};
	return 0;
}

static int load_layers(const struct contents *c, const struct json *image,
		       const struct config *config, struct layer *out, struct error *err)
{
	const struct json *list = json_get(image, "Layers");
	size_t i = 0;

	if (list != NULL && !json_is_null(list) && !json_is_array(list))
		return error_set(err, ERROR_FORMAT, "manifest.json: Layers is not a list");
	if (json_count(list) != config->layer_count)
		return error_set(err, ERROR_FORMAT,
				 "manifest.json lists %zu layers, the config %zu diff ids",
				 json_count(list), config->layer_count);
	for (const struct json *v = json_first(list); v != NULL; v = json_next(v), i++)
		if (load_layer(c, json_string(v), &config->diff_ids[i], &out[i], err) < 0)
			return -1;
	return 0;
}

/* The canonical names of an image; "" if it has none. */
static int load_names(const struct json *image, struct arena *a, struct strings *out,
		      struct error *err)
{
	const struct json *tags = json_get(image, "RepoTags");

	if (tags != NULL && !json_is_null(tags) && !json_is_array(tags))
		return error_set(err, ERROR_FORMAT, "manifest.json: RepoTags is not a list");
	for (const struct json *v = json_first(tags); v != NULL; v = json_next(v)) {
		auto_free char *name = NULL;

		if (json_string(v) == NULL)
			return error_set(err, ERROR_FORMAT,
					 "manifest.json: RepoTags is not a list of strings");
		name = loaded_name(json_string(v), err);
		if (name == NULL)
			return -1;
		strings_add(a, out, name);
	}
	if (out->count == 0)
		strings_add(a, out, "");
	return 0;
}

static bool is_wanted(const struct loaded *l, const char *name)
{
	return l->only == NULL || strcmp(l->only, name) == 0;
}

static int load_image(struct store *s, const struct contents *c, const struct json *image,
		      struct loaded *out, struct error *err)
{
	auto_(config) struct config config = CONFIG_INIT;
	auto_free struct layer *layers = NULL;
	auto_(buf) struct buf manifest = BUF_INIT;
	auto_(arena) struct arena scratch = ARENA_INIT;
	struct strings names = {.present = false};
	const struct member *member;
	struct digest digest;
	bool wanted = false;

	if (!json_is_object(image))
		return error_set(err, ERROR_FORMAT, "manifest.json is not a list of images");
	if (load_names(image, &scratch, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		wanted |= is_wanted(out, names.item[i]);
	if (!wanted)
		return 0;
	member = load_config(s, c, image, &config, err);
	if (member == NULL)
		return -1;
	layers = xcalloc(config.layer_count, sizeof(*layers));
	if (load_layers(c, image, &config, layers, err) < 0)
		return -1;
	manifest_render(&member->blob, member->size, layers, config.layer_count, NULL, &manifest);
	if (blob_put(s, manifest.data, manifest.length, &digest, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (is_wanted(out, names.item[i]) &&
		    loaded_add(out, names.item[i], &digest, manifest.length, MEDIA_MANIFEST, err) <
			    0)
			return -1;
	return 0;
}

int load_docker(struct store *s, const struct contents *c, struct loaded *out, struct error *err)
{
	auto_(json) struct json *root = json_parse(c->manifest.data, c->manifest.length, err);

	if (root == NULL)
		return error_add(err, "manifest.json");
	if (!json_is_array(root))
		return error_set(err, ERROR_FORMAT, "manifest.json is not a list of images");
	for (const struct json *v = json_first(root); v != NULL; v = json_next(v))
		if (load_image(s, c, v, out, err) < 0)
			return -1;
	return 0;
}
