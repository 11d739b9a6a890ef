/* SPDX-License-Identifier: Apache-2.0 */
/* What the roots of the store lead to: the mark phase of GC, and the questions of fsck. */
#include "layers/blob.h"
#include "layers/json.h"
#include "layers/manifest.h"
#include "layers/store_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { REACH_TEXT = 512 };

void reach_release(struct reach *r)
{
	free(r->items);
	r->items = NULL;
	r->count = r->capacity = 0;
}

static struct reach_item *slot(struct reach_item *items, size_t capacity, enum store_area area,
			       const struct digest *id)
{
	uint64_t hash;

	/* Digests are uniform already. */
	memcpy(&hash, id->sha256, sizeof(hash));
	for (size_t i = (hash + area) & (capacity - 1);; i = (i + 1) & (capacity - 1)) {
		struct reach_item *item = &items[i];

		if (!item->used || (item->area == area && digest_equal(&item->id, id)))
			return item;
	}
}

bool reach_has(const struct reach *r, enum store_area area, const struct digest *id)
{
	return r->capacity > 0 && slot(r->items, r->capacity, area, id)->used;
}

static void grow(struct reach *r)
{
	size_t capacity = r->capacity > 0 ? r->capacity * 2 : 1024;
	struct reach_item *items = xcalloc(capacity, sizeof(*items));

	for (size_t i = 0; i < r->capacity; i++)
		if (r->items[i].used)
			*slot(items, capacity, r->items[i].area, &r->items[i].id) = r->items[i];
	free(r->items);
	r->items = items;
	r->capacity = capacity;
}

/* False if it was marked before. */
static bool mark(struct reach *r, enum store_area area, const struct digest *id)
{
	struct reach_item *item;

	if (r->count * 2 >= r->capacity)
		grow(r);
	item = slot(r->items, r->capacity, area, id);
	if (item->used)
		return false;
	*item = (struct reach_item){.id = *id, .area = area, .used = true};
	r->count++;
	return true;
}

static void find(struct reach *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void find(struct reach *r, const char *format, ...)
{
	auto_(buf) struct buf text = BUF_INIT;
	va_list args;

	if (r->finding == NULL)
		return;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	r->finding(r->user, text.data);
}

/* Marks a blob; false if it is not there. */
static bool add_blob(struct reach *r, const char *what, const struct descriptor *d,
		     const char *parent)
{
	char text[DIGEST_TEXT_SIZE];
	uint64_t size;

	mark(r, STORE_BLOBS, &d->digest);
	if (!object_size(r->store, STORE_BLOBS, &d->digest, &size)) {
		find(r, "%s %s of %s is missing", what, digest_text(&d->digest, text), parent);
		return false;
	}
	if (d->size != UINT64_MAX && d->size != size)
		find(r, "%s %s of %s is damaged: it has %" PRIu64 " bytes instead of %" PRIu64,
		     what, digest_text(&d->digest, text), parent, size, d->size);
	return true;
}

static int add_record_blobs(struct reach *r, const struct digest *diff_id, struct error *err)
{
	static const char *const forms[] = {"none", "gzip", "zstd"};
	auto_(record) struct record record = RECORD_INIT;
	struct error why = ERROR_INIT;

	if (store_read_record(r->store, STORE_LAYERS, diff_id, NULL, &record, &why) < 0) {
		if (why.code == ERROR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	for (size_t i = 0; i < record.count; i++) {
		for (size_t f = 0; f < sizeof(forms) / sizeof(*forms); f++) {
			char text[DIGEST_TEXT_SIZE] = "";
			struct digest blob;

			if (strcmp(record.fields[i].key, forms[f]) == 0 &&
			    sscanf(record.fields[i].value, "%71s", text) == 1 &&
			    digest_parse(text, &blob, &why) == 0)
				mark(r, STORE_BLOBS, &blob);
		}
	}
	return 0;
}

static int add_diff_id(struct reach *r, const struct digest *diff_id, struct error *err)
{
	mark(r, STORE_TREES, diff_id);
	return mark(r, STORE_LAYERS, diff_id) ? add_record_blobs(r, diff_id, err) : 0;
}

/* Anything may be the config of an artifact; only what looks like an image's has diff ids. */
static int add_diff_ids(struct reach *r, const struct digest *config, uint64_t size,
			struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	struct error why = ERROR_INIT;
	auto_(json) struct json *root = NULL;
	struct json *list;

	if (blob_get(r->store, config, size, IMAGE_MAX_CONFIG, &text, &why) < 0) {
		if (r->finding != NULL || why.code == ERROR_LIMIT || why.code == ERROR_DIGEST)
			return 0;
		*err = why;
		return -1;
	}
	root = json_parse(text.data, text.length, &why);
	list = root != NULL ? json_get(json_get(root, "rootfs"), "diff_ids") : NULL;
	if (list == NULL || !json_is_array(list))
		return 0;
	for (struct json *v = json_first(list); v != NULL; v = json_next(v)) {
		struct digest diff_id;

		if (json_string(v) != NULL && digest_parse(json_string(v), &diff_id, &why) == 0 &&
		    add_diff_id(r, &diff_id, err) < 0)
			return -1;
	}
	return 0;
}

static int add_document(struct reach *r, const struct descriptor *d, const char *parent, int depth,
			struct error *err);

static int add_children(struct reach *r, const struct manifest *m, const char *self, int depth,
			struct error *err)
{
	size_t here = 0;

	if (!m->is_index) {
		if (add_blob(r, "config", &m->config, self) &&
		    add_diff_ids(r, &m->config.digest, m->config.size, err) < 0)
			return -1;
		for (size_t i = 0; i < m->count; i++)
			add_blob(r, "layer", &m->items[i], self);
		return 0;
	}
	for (size_t i = 0; i < m->count; i++) {
		/* A pull takes one platform of an index; the others' manifests are not here. */
		if (!store_has(r->store, STORE_BLOBS, &m->items[i].digest))
			continue;
		here++;
		if (add_document(r, &m->items[i], self, depth + 1, err) < 0)
			return -1;
	}
	if (here == 0 && m->count > 0)
		find(r, "%s is an index whose manifests are all missing", self);
	return 0;
}

/* A manifest or index and everything below it. */
static int add_document(struct reach *r, const struct descriptor *d, const char *parent, int depth,
			struct error *err)
{
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	auto_(buf) struct buf text = BUF_INIT;
	struct error why = ERROR_INIT;
	char digest[DIGEST_TEXT_SIZE], self[REACH_TEXT];

	if (reach_has(r, STORE_BLOBS, &d->digest) && depth > 0)
		return 0;
	if (!add_blob(r, "manifest", d, parent))
		return 0;
	snprintf(self, sizeof(self), "manifest %s", digest_text(&d->digest, digest));
	if (depth > MANIFEST_MAX_NESTING)
		return error_set(err, ERROR_LIMIT, "%s: indexes nested too deeply", self);
	if (blob_get(r->store, &d->digest, UINT64_MAX, IMAGE_MAX_MANIFEST, &text, &why) < 0 ||
	    manifest_parse(text.data, text.length, d->media_type, &m, &why) < 0) {
		if (r->finding == NULL) {
			*err = why;
			return error_add(err, "%s of %s", self, parent);
		}
		error_format(&why, self, sizeof(self));
		find(r, "manifest %s of %s is damaged: %s", digest, parent, self);
		return 0;
	}
	return add_children(r, &m, self, depth, err);
}

int reach_ref(struct reach *r, const struct ref *ref, struct error *err)
{
	struct descriptor d = {
		.digest = ref->manifest, .size = ref->size, .media_type = ref->media_type};
	char parent[REACH_TEXT];

	if (ref->name != NULL && ref->name[0] != '\0')
		snprintf(parent, sizeof(parent), "image %s", ref->name);
	else
		snprintf(parent, sizeof(parent), "an image without a name");
	return add_document(r, &d, parent, 0, err);
}

/* A blob of unknown kind: if it is a document of an image, what it leads to is held as well. */
static int add_held_blob(struct reach *r, const struct digest *id, struct error *err)
{
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	auto_(buf) struct buf text = BUF_INIT;
	struct error why = ERROR_INIT;
	char digest[DIGEST_TEXT_SIZE], self[REACH_TEXT];
	char first = '\0';
	auto_fd int fd = -1;

	if (!mark(r, STORE_BLOBS, id))
		return 0;
	fd = store_find(r->store, STORE_BLOBS, id, &why);
	if (fd < 0 || pread(fd, &first, 1, 0) != 1 || first != '{' ||
	    blob_get(r->store, id, UINT64_MAX, IMAGE_MAX_MANIFEST, &text, &why) < 0)
		return 0;
	snprintf(self, sizeof(self), "blob %s", digest_text(id, digest));
	if (manifest_parse(text.data, text.length, NULL, &m, &why) == 0)
		return add_children(r, &m, self, 0, err);
	return add_diff_ids(r, id, text.length, err);
}

/* Builder records say what they lead to in fields of these names. */
static int add_cache_record(struct reach *r, const struct digest *key, struct error *err)
{
	auto_(record) struct record record = RECORD_INIT;
	struct error why = ERROR_INIT;

	if (!mark(r, STORE_CACHE, key))
		return 0;
	if (store_read_record(r->store, STORE_CACHE, key, NULL, &record, &why) < 0) {
		if (why.code == ERROR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	for (size_t i = 0; i < record.count; i++) {
		const struct field *f = &record.fields[i];
		struct digest d;
		int result = 0;

		if (digest_parse(f->value, &d, &why) < 0)
			continue;
		if (strcmp(f->key, "diff_id") == 0)
			result = add_diff_id(r, &d, err);
		else if (strcmp(f->key, "list") == 0)
			mark(r, STORE_LISTS, &d);
		else if (strcmp(f->key, "blob") == 0)
			mark(r, STORE_BLOBS, &d);
		else if (strcmp(f->key, "manifest") == 0)
			result = add_held_blob(r, &d, err);
		if (result < 0)
			return -1;
	}
	return 0;
}

int reach_add(struct reach *r, enum store_area area, const struct digest *id, struct error *err)
{
	switch (area) {
	case STORE_BLOBS:
		return add_held_blob(r, id, err);
	case STORE_CACHE:
		return add_cache_record(r, id, err);
	case STORE_LAYERS:
	case STORE_TREES:
		return add_diff_id(r, id, err);
	case STORE_LISTS:
		mark(r, area, id);
		break;
	}
	return 0;
}
