/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image.h"

#include <string.h>

void config_release(struct config *c)
{
	arena_release(&c->arena);
	*c = (struct config)CONFIG_INIT;
}

void strings_add(struct arena *a, struct strings *s, const char *item)
{
	s->item = arena_grow(a, s->item, s->count, sizeof(*s->item));
	s->item[s->count++] = arena_strdup(a, item);
	s->present = true;
}

void strings_set(struct arena *a, struct strings *s, const char *const *item, size_t count)
{
	struct strings fresh = {.present = true};

	for (size_t i = 0; i < count; i++)
		strings_add(a, &fresh, item[i]);
	*s = fresh;
}

static bool strings_has(const struct strings *s, const char *item)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->item[i], item) == 0)
			return true;
	return false;
}

static bool is_variable(const char *entry, const char *name, size_t length)
{
	return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

void config_set_env(struct config *c, const char *name, const char *value)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < c->env.count; i++)
		if (is_variable(c->env.item[i], name, length)) {
			c->env.item[i] = arena_printf(&c->arena, "%s=%s", name, value);
			return;
		}
	c->env.item = arena_grow(&c->arena, c->env.item, c->env.count, sizeof(*c->env.item));
	c->env.item[c->env.count++] = arena_printf(&c->arena, "%s=%s", name, value);
	c->env.present = true;
}

const char *config_env(const struct config *c, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < c->env.count; i++)
		if (is_variable(c->env.item[i], name, length))
			return c->env.item[i] + length + 1;
	return NULL;
}

void labels_set(struct arena *arena, struct labels *l, const char *key, const char *value)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->item[i].key, key) == 0) {
			l->item[i].value = arena_strdup(arena, value);
			return;
		}
	l->item = arena_grow(arena, l->item, l->count, sizeof(*l->item));
	l->item[l->count++] = (struct label){.key = arena_strdup(arena, key),
					     .value = arena_strdup(arena, value)};
}

void config_set_label(struct config *c, const char *key, const char *value)
{
	labels_set(&c->arena, &c->labels, key, value);
}

void config_add_volume(struct config *c, const char *path)
{
	if (!strings_has(&c->volumes, path))
		strings_add(&c->arena, &c->volumes, path);
}

void config_add_port(struct config *c, const char *port)
{
	if (!strings_has(&c->exposed_ports, port))
		strings_add(&c->arena, &c->exposed_ports, port);
}

static const char *copy_text(struct arena *a, const char *text)
{
	return text != NULL ? arena_strdup(a, text) : NULL;
}

void config_add_history(struct config *c, const struct history *h)
{
	struct arena *a = &c->arena;

	c->history = arena_grow(a, c->history, c->history_count, sizeof(*c->history));
	c->history[c->history_count++] = (struct history){
		.created = copy_text(a, h->created),
		.created_by = copy_text(a, h->created_by),
		.author = copy_text(a, h->author),
		.comment = copy_text(a, h->comment),
		.empty_layer = h->empty_layer,
	};
}

void config_add_diff_id(struct config *c, const struct digest *diff_id)
{
	c->diff_ids = arena_grow(&c->arena, c->diff_ids, c->layer_count, sizeof(*c->diff_ids));
	c->diff_ids[c->layer_count++] = *diff_id;
}

static void copy_strings(struct arena *a, const struct strings *from, struct strings *to)
{
	if (from->present)
		strings_set(a, to, from->item, from->count);
}

void config_copy(const struct config *from, struct config *to)
{
	struct arena *a = &to->arena;

	to->created = copy_text(a, from->created);
	to->author = copy_text(a, from->author);
	to->architecture = copy_text(a, from->architecture);
	to->os = copy_text(a, from->os);
	to->variant = copy_text(a, from->variant);
	to->os_version = copy_text(a, from->os_version);
	to->user = copy_text(a, from->user);
	to->working_dir = copy_text(a, from->working_dir);
	to->stop_signal = copy_text(a, from->stop_signal);
	copy_strings(a, &from->env, &to->env);
	copy_strings(a, &from->entrypoint, &to->entrypoint);
	copy_strings(a, &from->cmd, &to->cmd);
	copy_strings(a, &from->shell, &to->shell);
	copy_strings(a, &from->onbuild, &to->onbuild);
	copy_strings(a, &from->exposed_ports, &to->exposed_ports);
	copy_strings(a, &from->volumes, &to->volumes);
	for (size_t i = 0; i < from->labels.count; i++)
		config_set_label(to, from->labels.item[i].key, from->labels.item[i].value);
	to->healthcheck = from->healthcheck;
	to->healthcheck.test = (struct strings){.present = false};
	copy_strings(a, &from->healthcheck.test, &to->healthcheck.test);
	for (size_t i = 0; i < from->layer_count; i++)
		config_add_diff_id(to, &from->diff_ids[i]);
	for (size_t i = 0; i < from->history_count; i++)
		config_add_history(to, &from->history[i]);
}
