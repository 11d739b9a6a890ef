/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/scope.h"

#include <string.h>
#include <strings.h>

void scope_init(struct scope *s, struct arena *arena)
{
	*s = (struct scope){.arena = arena};
}

void scope_copy(const struct scope *from, struct scope *to)
{
	for (size_t i = 0; i < from->count; i++)
		scope_set(to, from->vars[i].name, from->vars[i].value, from->vars[i].arg);
}

void scope_from_env(struct scope *s, const struct strings *env)
{
	for (size_t i = 0; i < env->count; i++) {
		const char *equals = strchr(env->item[i], '=');

		if (equals != NULL)
			scope_set(s,
				  arena_strndup(s->arena, env->item[i],
						(size_t)(equals - env->item[i])),
				  equals + 1, false);
	}
}

static struct var *find(const struct scope *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->vars[i].name, name) == 0)
			return &s->vars[i];
	return NULL;
}

void scope_set(struct scope *s, const char *name, const char *value, bool arg)
{
	struct var *v = find(s, name);

	if (v == NULL) {
		s->vars = arena_grow(s->arena, s->vars, s->count, sizeof(*s->vars));
		v = &s->vars[s->count++];
		v->name = arena_strdup(s->arena, name);
	}
	v->value = arena_strdup(s->arena, value);
	v->arg = arg;
}

const char *scope_get(const struct scope *s, const char *name)
{
	const struct var *v = find(s, name);

	return v != NULL ? v->value : NULL;
}

const char *scope_lookup(void *user, const char *name)
{
	return scope_get(user, name);
}

bool scope_is_proxy(const char *name)
{
	static const char *const names[] = {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY",
					    "ALL_PROXY"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}
