/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image.h"
#include "layers/json.h"

#include <string.h>

/* null and missing are the same everywhere: docker writes null where OCI leaves out. */
static const struct json *member(const struct json *object, const char *key)
{
	const struct json *v = json_get(object, key);

	return json_is_null(v) ? NULL : v;
}

static int wrong(struct error *err, const char *where, const char *key, const char *wanted)
{
	return error_set(err, ERROR_FORMAT, "image config: %s%s is not %s", where, key, wanted);
}

static int get_text(struct config *c, const struct json *object, const char *where, const char *key,
		    const char **out, struct error *err)
{
	const struct json *v = member(object, key);

	if (v == NULL)
		return 0;
	if (json_string(v) == NULL)
		return wrong(err, where, key, "a string");
	*out = arena_strdup(&c->arena, json_string(v));
	return 0;
}

static int get_number(const struct json *object, const char *where, const char *key, int64_t *out,
		      struct error *err)
{
	const struct json *v = member(object, key);

	if (v != NULL && !json_number(v, out))
		return wrong(err, where, key, "an integer below 2^53");
	return 0;
}

static int get_object(const struct json *object, const char *where, const char *key,
		      const struct json **out, struct error *err)
{
	*out = member(object, key);
	if (*out != NULL && !json_is_object(*out))
		return wrong(err, where, key, "an object");
	return 0;
}

static int get_array(const struct json *object, const char *where, const char *key,
		     const struct json **out, struct error *err)
{
	*out = member(object, key);
	if (*out != NULL && !json_is_array(*out))
		return wrong(err, where, key, "an array");
	return 0;
}

static int get_strings(struct config *c, const struct json *object, const char *where,
		       const char *key, struct strings *out, struct error *err)
{
	const struct json *list;

	if (get_array(object, where, key, &list, err) < 0)
		return -1;
	out->present = list != NULL;
	for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
		if (json_string(v) == NULL)
			return wrong(err, where, key, "an array of strings");
		strings_add(&c->arena, out, json_string(v));
	}
	return 0;
}

/* The keys of {"/data":{}}. */
static int get_set(struct config *c, const struct json *object, const char *key,
		   struct strings *out, struct error *err)
{
	const struct json *set;

	if (get_object(object, "config.", key, &set, err) < 0)
		return -1;
	for (const struct json *v = json_first(set); v != NULL; v = json_next(v))
		strings_add(&c->arena, out, json_key(v));
	return 0;
}

/* An entry without a name or value would let a reader take the value from somewhere else, such as
   the environment of the caller (CVE-2026-57231): it is dropped. */
static int get_env(struct config *c, const struct json *object, struct error *err)
{
	struct strings all = {.present = false};

	if (get_strings(c, object, "config.", "Env", &all, err) < 0)
		return -1;
	c->env.present = all.present;
	for (size_t i = 0; i < all.count; i++)
		if (strchr(all.item[i], '=') != NULL && all.item[i][0] != '=')
			strings_add(&c->arena, &c->env, all.item[i]);
	return 0;
}

static int get_labels(struct config *c, const struct json *object, struct error *err)
{
	struct labels *l = &c->labels;
	const struct json *map;

	if (get_object(object, "config.", "Labels", &map, err) < 0)
		return -1;
	for (const struct json *v = json_first(map); v != NULL; v = json_next(v)) {
		const char *text = json_is_null(v) ? "" : json_string(v);

		if (text == NULL)
			return wrong(err, "config.", "Labels", "an object of strings");
		l->item = arena_grow(&c->arena, l->item, l->count, sizeof(*l->item));
		l->item[l->count++] = (struct label){.key = arena_strdup(&c->arena, json_key(v)),
						     .value = arena_strdup(&c->arena, text)};
	}
	return 0;
}

static int get_healthcheck(struct config *c, const struct json *object, struct error *err)
{
	static const char where[] = "config.Healthcheck.";
	struct healthcheck *h = &c->healthcheck;
	const struct json *o;

	if (get_object(object, "config.", "Healthcheck", &o, err) < 0)
		return -1;
	h->present = o != NULL;
	if (get_strings(c, o, where, "Test", &h->test, err) < 0 ||
	    get_number(o, where, "Interval", &h->interval, err) < 0 ||
	    get_number(o, where, "Timeout", &h->timeout, err) < 0 ||
	    get_number(o, where, "StartPeriod", &h->start_period, err) < 0 ||
	    get_number(o, where, "StartInterval", &h->start_interval, err) < 0 ||
	    get_number(o, where, "Retries", &h->retries, err) < 0)
		return -1;
	return 0;
}

static int get_run_config(struct config *c, const struct json *root, struct error *err)
{
	static const char where[] = "config.";
	const struct json *o;

	if (get_object(root, "", "config", &o, err) < 0 ||
	    get_text(c, o, where, "User", &c->user, err) < 0 ||
	    get_text(c, o, where, "WorkingDir", &c->working_dir, err) < 0 ||
	    get_text(c, o, where, "StopSignal", &c->stop_signal, err) < 0 ||
	    get_set(c, o, "ExposedPorts", &c->exposed_ports, err) < 0 ||
	    get_set(c, o, "Volumes", &c->volumes, err) < 0 || get_env(c, o, err) < 0 ||
	    get_labels(c, o, err) < 0 || get_healthcheck(c, o, err) < 0)
		return -1;
	if (get_strings(c, o, where, "Entrypoint", &c->entrypoint, err) < 0 ||
	    get_strings(c, o, where, "Cmd", &c->cmd, err) < 0 ||
	    get_strings(c, o, where, "Shell", &c->shell, err) < 0 ||
	    get_strings(c, o, where, "OnBuild", &c->onbuild, err) < 0)
		return -1;
	return 0;
}

static int get_rootfs(struct config *c, const struct json *root, struct error *err)
{
	const char *type = "layers";
	const struct json *o, *list;

	if (get_object(root, "", "rootfs", &o, err) < 0 ||
	    get_text(c, o, "rootfs.", "type", &type, err) < 0 ||
	    get_array(o, "rootfs.", "diff_ids", &list, err) < 0)
		return -1;
	if (strcmp(type, "layers") != 0)
		return error_set(err, ERROR_FORMAT,
				 "image config: rootfs.type is \"%.40s\", not \"layers\"", type);
	for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
		struct digest d;

		if (json_string(v) == NULL)
			return wrong(err, "rootfs.", "diff_ids", "an array of strings");
		if (digest_parse(json_string(v), &d, err) < 0)
			return error_add(err, "image config: rootfs.diff_ids");
		if (c->layer_count == IMAGE_MAX_LAYERS)
			return error_set(err, ERROR_LIMIT,
					 "the image has more layers than the %d that can be "
					 "mounted together",
					 IMAGE_MAX_LAYERS);
		config_add_diff_id(c, &d);
	}
	return 0;
}

static int get_history(struct config *c, const struct json *root, struct error *err)
{
	static const char where[] = "history.";
	const struct json *list;

	if (get_array(root, "", "history", &list, err) < 0)
		return -1;
	for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
		const struct json *empty = member(v, "empty_layer");
		struct history h = {.created = NULL};

		if (!json_is_object(v))
			return wrong(err, "", "history", "an array of objects");
		if (get_text(c, v, where, "created", &h.created, err) < 0 ||
		    get_text(c, v, where, "created_by", &h.created_by, err) < 0 ||
		    get_text(c, v, where, "author", &h.author, err) < 0 ||
		    get_text(c, v, where, "comment", &h.comment, err) < 0)
			return -1;
		if (empty != NULL && !json_is_bool(empty))
			return wrong(err, where, "empty_layer", "true or false");
		h.empty_layer = json_get_bool(v, "empty_layer");
		c->history =
			arena_grow(&c->arena, c->history, c->history_count, sizeof(*c->history));
		c->history[c->history_count++] = h;
	}
	return 0;
}

int config_parse(const char *text, size_t length, struct config *out, struct error *err)
{
	auto_(config) struct config c = CONFIG_INIT;
	auto_(json) struct json *root = NULL;

	if (length > IMAGE_MAX_CONFIG)
		return error_set(err, ERROR_LIMIT,
				 "image config: %zu bytes are more than the limit of %d", length,
				 IMAGE_MAX_CONFIG);
	root = json_parse(text, length, err);
	if (root == NULL)
		return error_add(err, "image config");
	if (!json_is_object(root))
		return error_set(err, ERROR_FORMAT, "image config: the document is not an object");
	if (json_get(root, "layers") != NULL || json_get(root, "manifests") != NULL)
		return error_set(err, ERROR_FORMAT,
				 "image config: the document is a manifest or an index");
	if (get_text(&c, root, "", "created", &c.created, err) < 0 ||
	    get_text(&c, root, "", "author", &c.author, err) < 0 ||
	    get_text(&c, root, "", "architecture", &c.architecture, err) < 0 ||
	    get_text(&c, root, "", "os", &c.os, err) < 0 ||
	    get_text(&c, root, "", "variant", &c.variant, err) < 0 ||
	    get_text(&c, root, "", "os.version", &c.os_version, err) < 0)
		return -1;
	if (get_run_config(&c, root, err) < 0 || get_rootfs(&c, root, err) < 0 ||
	    get_history(&c, root, err) < 0)
		return -1;
	*out = c;
	c = (struct config)CONFIG_INIT;
	return 0;
}
