/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image.h"
#include "layers/json.h"

#include <string.h>

/* Go's omitempty: what is absent or empty is left out. */
static void add_text(struct json *o, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_add_string(o, key, text);
}

static void add_number(struct json *o, const char *key, int64_t number)
{
	if (number != 0)
		json_add_number(o, key, number);
}

static void add_strings(struct json *o, const char *key, const struct strings *s)
{
	struct json *list;

	if (s->count == 0)
		return;
	list = json_add_array(o, key);
	for (size_t i = 0; i < s->count; i++)
		json_add_string(list, NULL, s->item[i]);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_labels(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

static void add_set(struct json *o, const char *key, const struct strings *s)
{
	auto_free const char **sorted = NULL;
	struct json *set;

	if (s->count == 0)
		return;
	sorted = xcalloc(s->count, sizeof(*sorted));
	memcpy(sorted, s->item, s->count * sizeof(*sorted));
	qsort(sorted, s->count, sizeof(*sorted), compare_texts);
	set = json_add_object(o, key);
	for (size_t i = 0; i < s->count; i++)
		if (i == 0 || strcmp(sorted[i - 1], sorted[i]) != 0)
			json_add_object(set, sorted[i]);
}

static void add_labels(struct json *o, const struct labels *l)
{
	auto_free struct label *sorted = NULL;
	struct json *map;

	if (l->count == 0)
		return;
	sorted = xcalloc(l->count, sizeof(*sorted));
	memcpy(sorted, l->item, l->count * sizeof(*sorted));
	qsort(sorted, l->count, sizeof(*sorted), compare_labels);
	map = json_add_object(o, "Labels");
	for (size_t i = 0; i < l->count; i++)
		json_add_string(map, sorted[i].key, sorted[i].value);
}

static void add_healthcheck(struct json *o, const struct healthcheck *h)
{
	struct json *check;

	if (!h->present)
		return;
	check = json_add_object(o, "Healthcheck");
	add_strings(check, "Test", &h->test);
	add_number(check, "Interval", h->interval);
	add_number(check, "Timeout", h->timeout);
	add_number(check, "StartPeriod", h->start_period);
	add_number(check, "StartInterval", h->start_interval);
	add_number(check, "Retries", h->retries);
}

static void add_run_config(struct json *root, const struct config *c)
{
	struct json *o = json_add_object(root, "config");

	add_text(o, "User", c->user);
	add_set(o, "ExposedPorts", &c->exposed_ports);
	add_strings(o, "Env", &c->env);
	add_strings(o, "Entrypoint", &c->entrypoint);
	add_strings(o, "Cmd", &c->cmd);
	add_set(o, "Volumes", &c->volumes);
	add_text(o, "WorkingDir", c->working_dir);
	add_labels(o, &c->labels);
	add_text(o, "StopSignal", c->stop_signal);
	add_healthcheck(o, &c->healthcheck);
	add_strings(o, "OnBuild", &c->onbuild);
	add_strings(o, "Shell", &c->shell);
}

static void add_history(struct json *root, const struct config *c)
{
	struct json *list;

	if (c->history_count == 0)
		return;
	list = json_add_array(root, "history");
	for (size_t i = 0; i < c->history_count; i++) {
		const struct history *h = &c->history[i];
		struct json *o = json_add_object(list, NULL);

		add_text(o, "created", h->created);
		add_text(o, "created_by", h->created_by);
		add_text(o, "author", h->author);
		add_text(o, "comment", h->comment);
		if (h->empty_layer)
			json_add_bool(o, "empty_layer", true);
	}
}

void config_render(const struct config *c, struct buf *out)
{
	auto_(json) struct json *root = json_new_object();
	struct json *rootfs, *diff_ids;

	add_text(root, "created", c->created);
	add_text(root, "author", c->author);
	/* Required by the specification, so present even if unknown. */
	json_add_string(root, "architecture", c->architecture != NULL ? c->architecture : "");
	add_text(root, "variant", c->variant);
	json_add_string(root, "os", c->os != NULL ? c->os : "");
	add_text(root, "os.version", c->os_version);
	add_run_config(root, c);
	rootfs = json_add_object(root, "rootfs");
	json_add_string(rootfs, "type", "layers");
	diff_ids = json_add_array(rootfs, "diff_ids");
	for (size_t i = 0; i < c->layer_count; i++) {
		char text[DIGEST_TEXT_SIZE];

		json_add_string(diff_ids, NULL, digest_text(&c->diff_ids[i], text));
	}
	add_history(root, c);
	json_render(root, false, out);
}
