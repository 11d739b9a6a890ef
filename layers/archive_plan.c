/* SPDX-License-Identifier: Apache-2.0 */
/* Which blobs an OCI archive will hold. */
#include "layers/archive_private.h"

#include "layers/blob.h"
#include "layers/forms.h"
#include "layers/json.h"

#include <string.h>

struct planner {
	struct save_plan *plan;
	bool as_stored;
	enum compression want;
	struct digest_set *seen; /* documents whose content was added */
};

void save_plan_release(struct save_plan *p)
{
	for (size_t i = 0; i < p->text_count; i++) {
		buf_release(p->texts[i]);
		free(p->texts[i]);
	}
	free(p->texts);
	free(p->tops);
	free(p->blobs);
}

static void add_blob(struct save_plan *p, const struct digest *digest, uint64_t size,
		     const struct buf *text)
{
	p->blobs = xgrow(p->blobs, p->blob_count, sizeof(*p->blobs));
	p->blobs[p->blob_count++] =
		(struct save_blob){.digest = *digest, .size = size, .text = text};
}

/* A document made for this archive. */
static void add_text(struct save_plan *p, struct buf *text, struct digest *digest, uint64_t *size)
{
	struct buf *kept = xmalloc(sizeof(*kept));

	*kept = *text;
	*text = (struct buf)BUF_INIT;
	p->texts = xgrow(p->texts, p->text_count, sizeof(*p->texts));
	p->texts[p->text_count++] = kept;
	digest_of(kept->data, kept->length, digest);
	*size = kept->length;
	add_blob(p, digest, kept->length, kept);
}

/* --- an image ------------------------------------------------------------------------------ */

/* A form that is recorded or can be made from a recorded one; a layer that came from elsewhere and
   was not unpacked yet has no record. */
static int convert(struct store *s, const struct layer *from, enum compression want,
		   struct layer *out, struct error *err)
{
	struct error unknown = ERROR_INIT;

	if (layer_lookup(s, &from->diff_id, want, out, &unknown) == 0 && out->compression == want)
		return 0;
	return layer_transcode(s, from, want, out, err);
}

/* The digest, size and media type of its manifest in the archive. */
static int plan_image(const struct planner *p, const struct image *image, struct save_top *out,
		      struct error *err)
{
	struct save_plan *plan = p->plan;
	auto_free struct layer *layers = xcalloc(image->layer_count, sizeof(*layers));
	auto_(buf) struct buf text = BUF_INIT;
	bool same = true;
	uint64_t size = 0;

	if (image_config_size(plan->store, image, &size, err) < 0)
		return -1;
	for (size_t i = 0; i < image->layer_count; i++) {
		layers[i] = image->layers[i];
		if (p->as_stored || layers[i].compression == p->want)
			continue;
		same = false;
		if (convert(plan->store, &image->layers[i], p->want, &layers[i], err) < 0)
			return error_add(err, "layer %zu", i + 1);
	}
	add_blob(plan, &image->config_digest, size, NULL);
	for (size_t i = 0; i < image->layer_count; i++)
		add_blob(plan, &layers[i].blob, layers[i].size, NULL);
	out->digest = image->manifest;
	out->size = image->manifest_size;
	out->media_type = image->media_type;
	if (same) {
		add_blob(plan, &out->digest, out->size, NULL);
		return 0;
	}
	manifest_render(&image->config_digest, size, layers, image->layer_count,
			&image->annotations, &text);
	add_text(plan, &text, &out->digest, &out->size);
	out->media_type = MEDIA_MANIFEST;
	return 0;
}

/* --- an index ------------------------------------------------------------------------------ */

/* Everything that a document leads to, as it is stored. */
static int plan_stored(const struct planner *p, const struct descriptor *d, int depth,
		       struct error *err)
{
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	uint64_t size = d->size;

	add_blob(p->plan, &d->digest, size, NULL);
	if (!media_type_is_manifest(d->media_type) && !media_type_is_index(d->media_type))
		return 0;
	/* An index may name another one ten thousand times. */
	if (!digest_set_add(p->seen, &d->digest))
		return 0;
	if (depth > MANIFEST_MAX_NESTING)
		return error_set(err, ERROR_LIMIT, "indexes are nested deeper than %d",
				 MANIFEST_MAX_NESTING);
	if (manifest_read(p->plan->store, &d->digest, &size, d->media_type, &m, err) < 0)
		return -1;
	if (!m.is_index)
		add_blob(p->plan, &m.config.digest, m.config.size, NULL);
	for (size_t i = 0; i < m.count; i++) {
		if (!m.is_index)
			add_blob(p->plan, &m.items[i].digest, m.items[i].size, NULL);
		else if (plan_stored(p, &m.items[i], depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

/* Only entries that are images have layers to convert. media_type NULL: as it was. */
static int plan_entry(const struct planner *p, const struct descriptor *d, struct save_top *out,
		      struct error *err)
{
	auto_(image) struct image image = {.layers = NULL};

	*out = (struct save_top){.digest = d->digest, .size = d->size};
	if (p->as_stored || descriptor_is_attestation(d) || !media_type_is_manifest(d->media_type))
		return plan_stored(p, d, 1, err);
	if (image_load(p->plan->store, &d->digest, d->size, &image, err) < 0 ||
	    plan_image(p, &image, out, err) < 0)
		return -1;
	out->media_type = digest_equal(&out->digest, &d->digest) ? NULL : MEDIA_MANIFEST;
	return 0;
}

/* The entry as it was, but for what it points at. */
static void copy_entry(struct json *list, const struct json *old, const struct save_top *to)
{
	struct json *o = json_add_object(list, NULL);
	char text[DIGEST_TEXT_SIZE];

	for (const struct json *v = json_first(old); v != NULL; v = json_next(v)) {
		if (strcmp(json_key(v), "digest") == 0)
			json_add_string(o, "digest", digest_text(&to->digest, text));
		else if (strcmp(json_key(v), "size") == 0)
			json_add_number(o, "size", (int64_t)to->size);
		else if (strcmp(json_key(v), "mediaType") == 0 && to->media_type != NULL)
			json_add_string(o, "mediaType", to->media_type);
		else
			json_add_copy(o, json_key(v), v);
	}
}

static void render_again(const struct json *old, const struct save_top *entries, struct buf *out)
{
	auto_(json) struct json *root = json_new_object();
	const struct json *entry;
	struct json *list;

	for (const struct json *v = json_first(old); v != NULL; v = json_next(v)) {
		if (strcmp(json_key(v), "manifests") != 0) {
			json_add_copy(root, json_key(v), v);
			continue;
		}
		list = json_add_array(root, "manifests");
		entry = json_first(v);
		for (size_t i = 0; entry != NULL; i++, entry = json_next(entry))
			copy_entry(list, entry, &entries[i]);
	}
	json_render(root, false, out);
}

static int plan_index(const struct planner *p, const struct ref *index, struct save_top *out,
		      struct error *err)
{
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	auto_(buf) struct buf text = BUF_INIT;
	auto_(json) struct json *old = NULL;
	auto_free struct save_top *entries = NULL;
	bool same = true;

	if (blob_get(p->plan->store, &index->manifest, index->size, IMAGE_MAX_MANIFEST, &text,
		     err) < 0 ||
	    manifest_parse(text.data, text.length, index->media_type, &m, err) < 0)
		return -1;
	entries = xcalloc(m.count, sizeof(*entries));
	for (size_t i = 0; i < m.count; i++) {
		if (plan_entry(p, &m.items[i], &entries[i], err) < 0)
			return -1;
		same = same && digest_equal(&entries[i].digest, &m.items[i].digest);
	}
	out->digest = index->manifest;
	out->size = index->size;
	out->media_type = index->media_type;
	if (same) {
		add_blob(p->plan, &out->digest, out->size, NULL);
		return 0;
	}
	old = json_parse(text.data, text.length, err);
	if (old == NULL)
		return -1;
	buf_reset(&text);
	render_again(old, entries, &text);
	add_text(p->plan, &text, &out->digest, &out->size);
	return 0;
}

/* --- together ------------------------------------------------------------------------------ */

static int compare_blobs(const void *a, const void *b)
{
	const struct save_blob *x = a, *y = b;

	return digest_compare(&x->digest, &y->digest);
}

/* Sorted by digest, each once. */
static void sort_blobs(struct save_plan *p)
{
	size_t kept = 0;

	qsort(p->blobs, p->blob_count, sizeof(*p->blobs), compare_blobs);
	for (size_t i = 0; i < p->blob_count; i++)
		if (kept == 0 || !digest_equal(&p->blobs[kept - 1].digest, &p->blobs[i].digest))
			p->blobs[kept++] = p->blobs[i];
	p->blob_count = kept;
}

int save_plan_make(struct save_plan *plan, const struct save_item *items, size_t count,
		   bool as_stored, enum compression want, struct error *err)
{
	auto_(digest_set) struct digest_set seen = {.item = NULL};
	const struct planner p = {
		.plan = plan, .as_stored = as_stored, .want = want, .seen = &seen};

	plan->tops = xcalloc(count, sizeof(*plan->tops));
	for (size_t i = 0; i < count; i++) {
		struct save_top *top = &plan->tops[plan->top_count++];

		top->item = &items[i];
		if ((items[i].index != NULL ? plan_index(&p, items[i].index, top, err)
					    : plan_image(&p, items[i].image, top, err)) < 0)
			return -1;
	}
	if (plan->blob_count > 0)
		sort_blobs(plan);
	return 0;
}
