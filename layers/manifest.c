/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/manifest.h"

#include "layers/blob.h"
#include "layers/json.h"

#include <string.h>

void manifest_release(struct manifest *m)
{
	arena_release(&m->arena);
	*m = (struct manifest)MANIFEST_INIT;
}

static bool same(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

bool media_type_is_index(const char *media_type)
{
	return same(media_type, MEDIA_INDEX) || same(media_type, MEDIA_DOCKER_INDEX);
}

bool media_type_is_manifest(const char *media_type)
{
	return same(media_type, MEDIA_MANIFEST) || same(media_type, MEDIA_DOCKER_MANIFEST);
}

static int refuse(struct error *err, const char *where, const char *why)
{
	return error_set(err, ERROR_FORMAT, "%s: %s", where, why);
}

/* --- parsing ------------------------------------------------------------------------------- */

static int get_text(struct arena *a, const struct json *object, const char *where, const char *key,
		    const char **out, struct error *err)
{
	const struct json *v = json_get(object, key);

	if (v == NULL || json_is_null(v))
		return 0;
	if (json_string(v) == NULL)
		return error_set(err, ERROR_FORMAT, "%s: %s is not a string", where, key);
	*out = arena_strdup(a, json_string(v));
	return 0;
}

static int get_object(const struct json *object, const char *where, const char *key,
		      const struct json **out, struct error *err)
{
	const struct json *v = json_get(object, key);

	*out = v != NULL && !json_is_null(v) ? v : NULL;
	if (*out != NULL && !json_is_object(*out))
		return error_set(err, ERROR_FORMAT, "%s: %s is not an object", where, key);
	return 0;
}

/* What only entries of an index have. */
static int parse_entry(struct arena *a, const struct json *v, const char *where,
		       struct descriptor *d, struct error *err)
{
	const struct json *platform, *notes;

	if (get_object(v, where, "platform", &platform, err) < 0 ||
	    get_object(v, where, "annotations", &notes, err) < 0 ||
	    get_text(a, platform, where, "os", &d->os, err) < 0 ||
	    get_text(a, platform, where, "architecture", &d->architecture, err) < 0 ||
	    get_text(a, platform, where, "variant", &d->variant, err) < 0 ||
	    get_text(a, notes, where, ANNOTATION_IMAGE_NAME, &d->image_name, err) < 0 ||
	    get_text(a, notes, where, ANNOTATION_REF_NAME, &d->ref_name, err) < 0)
		return -1;
	return 0;
}

static int parse_descriptor(struct arena *a, const struct json *v, const char *where,
			    struct descriptor *out, struct error *err)
{
	const char *digest = NULL;
	int64_t size;

	if (!json_is_object(v))
		return refuse(err, where, "a descriptor is missing or not an object");
	if (get_text(a, v, where, "mediaType", &out->media_type, err) < 0 ||
	    get_text(a, v, where, "digest", &digest, err) < 0)
		return -1;
	if (digest == NULL)
		return refuse(err, where, "a descriptor has no digest");
	if (digest_parse(digest, &out->digest, err) < 0)
		return error_add(err, "%s", where);
	if (!json_get_number(v, "size", &size) || size < 0)
		return refuse(err, where, "a descriptor has no size that is a whole number");
	if (out->media_type == NULL)
		return refuse(err, where, "a descriptor has no mediaType");
	out->size = (uint64_t)size;
	return parse_entry(a, v, where, out, err);
}

static int parse_list(struct manifest *m, const struct json *list, const char *where,
		      struct error *err)
{
	if (!json_is_array(list))
		return refuse(err, where,
			      m->is_index ? "manifests is not an array" : "layers is not an array");
	for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
		struct descriptor d = {.size = 0};

		if (m->count == MANIFEST_MAX_ENTRIES)
			return error_set(err, ERROR_LIMIT, "%s: more than %d entries", where,
					 MANIFEST_MAX_ENTRIES);
		if (parse_descriptor(&m->arena, v, where, &d, err) < 0)
			return -1;
		m->items = arena_grow(&m->arena, m->items, m->count, sizeof(d));
		m->items[m->count++] = d;
	}
	return 0;
}

/* The kind and media type of a document, from its members and from who refers to it. */
static int parse_kind(struct manifest *m, const struct json *root, const char *media_type,
		      struct error *err)
{
	static const char where[] = "manifest";
	bool manifests = json_get(root, "manifests") != NULL;
	bool layers = json_get(root, "layers") != NULL;
	int64_t version;

	if (!json_is_object(root))
		return refuse(err, where, "the document is not an object");
	if (!json_get_number(root, "schemaVersion", &version) || version != 2)
		return refuse(err, where,
			      "schemaVersion is not 2 (older images must be pushed "
			      "again with a current tool)");
	if (manifests && (layers || json_get(root, "config") != NULL))
		return refuse(err, where, "the document is both a manifest and an index");
	if (!manifests && !layers)
		return refuse(err, where, "the document has neither layers nor manifests");
	m->is_index = manifests;
	if (get_text(&m->arena, root, where, "mediaType", &m->media_type, err) < 0)
		return -1;
	if (m->media_type != NULL && media_type != NULL && !same(media_type, m->media_type))
		return error_set(
			err, ERROR_FORMAT,
			"%s: the document says it is %.100s, what refers to it says %.100s", where,
			m->media_type, media_type);
	if (m->media_type == NULL && media_type != NULL)
		m->media_type = arena_strdup(&m->arena, media_type);
	if (m->media_type == NULL)
		m->media_type = m->is_index ? MEDIA_INDEX : MEDIA_MANIFEST;
	if (m->is_index ? !media_type_is_index(m->media_type)
			: !media_type_is_manifest(m->media_type))
		return error_set(err, ERROR_FORMAT,
				 "%s: the content is that of %s, the type %.100s", where,
				 m->is_index ? "an index" : "an image manifest", m->media_type);
	return 0;
}

static int parse_annotations(struct manifest *m, const struct json *root, struct error *err)
{
	const struct json *notes;

	if (get_object(root, "manifest", "annotations", &notes, err) < 0)
		return -1;
	for (const struct json *v = json_first(notes); v != NULL; v = json_next(v)) {
		if (json_string(v) == NULL)
			return error_set(err, ERROR_FORMAT,
					 "manifest: annotation %.100s is no text", json_key(v));
		labels_set(&m->arena, &m->annotations, json_key(v), json_string(v));
	}
	return 0;
}

int manifest_parse(const char *text, size_t length, const char *media_type, struct manifest *out,
		   struct error *err)
{
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	auto_(json) struct json *root = NULL;

	if (length > IMAGE_MAX_MANIFEST)
		return error_set(err, ERROR_LIMIT,
				 "manifest: %zu bytes are more than the limit of %d", length,
				 IMAGE_MAX_MANIFEST);
	root = json_parse(text, length, err);
	if (root == NULL)
		return error_add(err, "manifest");
	if (parse_kind(&m, root, media_type, err) < 0 || parse_annotations(&m, root, err) < 0)
		return -1;
	if (m.is_index) {
		if (parse_list(&m, json_get(root, "manifests"), "index", err) < 0)
			return -1;
	} else if (parse_descriptor(&m.arena, json_get(root, "config"), "manifest config",
				    &m.config, err) < 0 ||
		   parse_list(&m, json_get(root, "layers"), "manifest", err) < 0) {
		return -1;
	}
	*out = m;
	m = (struct manifest)MANIFEST_INIT;
	return 0;
}

int manifest_compression(const struct descriptor *layer, enum compression *out, struct error *err)
{
	if (!compression_from_media_type(layer->media_type, out))
		return error_set(err, ERROR_FORMAT, "unknown layer type %.100s", layer->media_type);
	return 0;
}

int manifest_check_image(const struct manifest *m, struct error *err)
{
	static const char where[] = "manifest";

	if (m->is_index)
		return refuse(err, where, "an index was found where an image was expected");
	if (!same(m->config.media_type, MEDIA_CONFIG) &&
	    !same(m->config.media_type, MEDIA_DOCKER_CONFIG))
		return error_set(err, ERROR_FORMAT,
				 "%s: this is not a container image, its config is of type %.100s",
				 where, m->config.media_type);
	if (m->count > IMAGE_MAX_LAYERS)
		return error_set(err, ERROR_LIMIT,
				 "the image has %zu layers; %d can be mounted together", m->count,
				 IMAGE_MAX_LAYERS);
	for (size_t i = 0; i < m->count; i++) {
		enum compression ignored;

		if (manifest_compression(&m->items[i], &ignored, err) < 0)
			return error_add(err, "%s: layer %zu", where, i + 1);
	}
	return 0;
}

/* --- rendering ----------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

void annotations_add(struct json *object, const struct labels *annotations)
{
	auto_free struct label *sorted = NULL;
	struct json *o;

	if (annotations == NULL || annotations->count == 0)
		return;
	sorted = xcalloc(annotations->count, sizeof(*sorted));
	memcpy(sorted, annotations->item, annotations->count * sizeof(*sorted));
	qsort(sorted, annotations->count, sizeof(*sorted), compare_keys);
	o = json_add_object(object, "annotations");
	for (size_t i = 0; i < annotations->count; i++)
		json_add_string(o, sorted[i].key, sorted[i].value);
}

static void add_descriptor(struct json *o, const char *media_type, const struct digest *digest,
			   uint64_t size)
{
	char text[DIGEST_TEXT_SIZE];

	json_add_string(o, "mediaType", media_type);
	json_add_string(o, "digest", digest_text(digest, text));
	json_add_number(o, "size", (int64_t)size);
}

void manifest_render(const struct digest *config, uint64_t config_size, const struct layer *layers,
		     size_t count, const struct labels *annotations, struct buf *out)
{
	auto_(json) struct json *root = json_new_object();
	struct json *list;

	json_add_number(root, "schemaVersion", 2);
	json_add_string(root, "mediaType", MEDIA_MANIFEST);
	add_descriptor(json_add_object(root, "config"), MEDIA_CONFIG, config, config_size);
	list = json_add_array(root, "layers");
	for (size_t i = 0; i < count; i++)
		add_descriptor(json_add_object(list, NULL),
			       compression_media_type(layers[i].compression), &layers[i].blob,
			       layers[i].size);
	annotations_add(root, annotations);
	json_render(root, false, out);
}
