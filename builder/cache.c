/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/cache.h"

#include "builder/remote.h"

#include <string.h>

static const char kind[] = "varve-cache";

void outcome_release(struct outcome *o)
{
	for (size_t i = 0; i < o->writes_count; i++) {
		for (size_t j = 0; j < o->writes[i].named; j++)
			free(o->writes[i].paths[j]);
		free(o->writes[i].paths);
		free(o->writes[i].volume);
	}
	free(o->writes);
	*o = (struct outcome){.created = 0};
}

/* "write COUNT VOLUME" and then "path PATH" for each that is named. */
static void put_fields(const struct outcome *o, struct record *r)
{
	record_add_digest(r, "id", &o->id);
	record_addf(r, "created", "%lld", (long long)o->created);
	if (!o->layer.empty)
		record_add_digest(r, "diff_id", &o->layer.diff_id);
	record_addf(r, "added", "%llu", (unsigned long long)o->layer.added);
	record_addf(r, "modified", "%llu", (unsigned long long)o->layer.modified);
	record_addf(r, "removed", "%llu", (unsigned long long)o->layer.removed);
	for (size_t i = 0; i < o->writes_count; i++) {
		record_addf(r, "write", "%llu %s", (unsigned long long)o->writes[i].count,
			    o->writes[i].volume);
		for (size_t j = 0; j < o->writes[i].named; j++)
			record_add(r, "path", o->writes[i].paths[j]);
	}
}

static int get_fields(const struct record *r, struct outcome *o, struct error *err)
{
	uint64_t created;

	if (record_get_digest(r, "id", &o->id, err) < 0 ||
	    record_get_number(r, "created", &created, err) < 0 ||
	    record_get_number(r, "added", &o->layer.added, err) < 0 ||
	    record_get_number(r, "modified", &o->layer.modified, err) < 0 ||
	    record_get_number(r, "removed", &o->layer.removed, err) < 0)
		return -1;
	o->created = (int64_t)created;
	o->layer.empty = record_get(r, "diff_id") == NULL;
	if (!o->layer.empty && record_get_digest(r, "diff_id", &o->layer.diff_id, err) < 0)
		return -1;
	for (size_t i = 0; i < r->count; i++) {
		struct volume_writes_found *w;
		char *rest;

		if (strcmp(r->fields[i].key, "write") == 0) {
			o->writes = xgrow(o->writes, o->writes_count, sizeof(*o->writes));
			w = &o->writes[o->writes_count++];
			*w = (struct volume_writes_found){
				.count = strtoull(r->fields[i].value, &rest, 10)};
			w->volume = xstrdup(*rest == ' ' ? rest + 1 : rest);
		} else if (strcmp(r->fields[i].key, "path") == 0 && o->writes_count > 0) {
			w = &o->writes[o->writes_count - 1];
			w->paths = xgrow(w->paths, w->named, sizeof(*w->paths));
			w->paths[w->named++] = xstrdup(r->fields[i].value);
		}
	}
	return 0;
}

int cache_get(struct store *s, const struct digest *key, enum compression want, struct outcome *out,
	      struct error *err)
{
	auto_(record) struct record r = RECORD_INIT;
	auto_(outcome) struct outcome o = {.created = 0};
	struct layer counts;

	if (store_read_record(s, STORE_CACHE, key, kind, &r, err) < 0)
		return -1;
	if (get_fields(&r, &o, err) < 0)
		return error_set(err, ERROR_NOT_FOUND, "the cache record is incomplete");
	if (!o.layer.empty) {
		counts = o.layer;
		if (layer_lookup(s, &counts.diff_id, want, &o.layer, err) < 0)
			return error_set(err, ERROR_NOT_FOUND, "the recorded layer is gone");
		o.layer.added = counts.added;
		o.layer.modified = counts.modified;
		o.layer.removed = counts.removed;
	}
	*out = o;
	o = (struct outcome){.created = 0};
	return 0;
}

int cache_put(struct store *s, const struct digest *key, const struct record *inputs,
	      const char *text, const struct digest *list, const struct outcome *o,
	      struct error *err)
{
	auto_(record) struct record r = RECORD_INIT;
	auto_(buf) struct buf field = BUF_INIT;
	auto_free char *shown = urls_public(text);

	put_fields(o, &r);
	record_add(&r, "text", shown);
	if (list != NULL)
		record_add_digest(&r, "list", list);
	for (size_t i = 0; i < inputs->count; i++) {
		buf_reset(&field);
		buf_printf(&field, "key.%s", inputs->fields[i].key);
		record_add(&r, field.data, inputs->fields[i].value);
	}
	return store_write_record(s, STORE_CACHE, key, kind, &r, err);
}

/* As a record, so that the one reader serves both. */
void outcome_write(const struct outcome *o, struct buf *out)
{
	auto_(record) struct record r = RECORD_INIT;

	put_fields(o, &r);
	buf_add(out, &o->layer, sizeof(o->layer));
	record_render(&r, "outcome", out);
}

int outcome_read(const struct buf *from, struct outcome *out, struct error *err)
{
	auto_(record) struct record r = RECORD_INIT;
	auto_(outcome) struct outcome o = {.created = 0};
	const size_t head = sizeof(o.layer);

	if (from->length < head)
		return error_set(err, ERROR_BUG, "a result was cut short");
	if (record_parse(from->data + head, from->length - head, "outcome", &r, err) < 0 ||
	    get_fields(&r, &o, err) < 0)
		return -1;
	memcpy(&o.layer, from->data, head);
	*out = o;
	o = (struct outcome){.created = 0};
	return 0;
}
