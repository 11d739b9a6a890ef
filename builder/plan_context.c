/* SPDX-License-Identifier: Apache-2.0 */
/* Named contexts: --build-context puts something in the place of a stage or an image. */
#include "builder/plan.h"

#include "layers/name.h"

#include <string.h>
#include <strings.h>

static bool same_name(const char *a, const char *b)
{
	struct error ignored = ERROR_INIT;
	auto_free char *x = NULL, *y = NULL;

	if (strcasecmp(a, b) == 0)
		return true;
	x = name_canonical(a, &ignored);
	y = name_canonical(b, &ignored);
	return x != NULL && y != NULL && strcmp(x, y) == 0;
}

static struct context *open_directory(struct plan *p, const struct build_context *given,
				      struct error *err)
{
	const struct build_options *o = p->options;
	struct context *c;
	int fd;

	for (c = p->contexts; c != NULL; c = c->next)
		if (strcmp(c->name, given->name) == 0)
			return c;
	if (context_open(o->store, o->host_cwd, given->text, &o->fetch, &fd, NULL, err) < 0)
		return NULL;
	c = arena_alloc(&p->arena, sizeof(*c));
	*c = (struct context){.name = given->name, .fd = fd, .next = p->contexts};
	p->contexts = c;
	if (context_kind(given->text) == CONTEXT_DIRECTORY &&
	    context_ignore(fd, -1, NULL, &c->ignore, err) < 0)
		return NULL;
	return c;
}

static const char *image_text(const char *text)
{
	static const char scheme[] = "docker-image://";

	return strncmp(text, scheme, sizeof(scheme) - 1) == 0 ? text + sizeof(scheme) - 1 : text;
}

const struct context *plan_context_directory(struct plan *p, const char *name, struct error *err)
{
	for (size_t i = 0; i < p->options->context_count; i++) {
		const struct build_context *given = &p->options->contexts[i];

		if (same_name(given->name, name) && context_kind(given->text) != CONTEXT_IMAGE)
			return open_directory(p, given, err);
	}
	return NULL;
}

int plan_context(struct plan *p, const struct stage_plan *stage, const struct dockerfile *file,
		 const char *name, struct span at, struct source_root *out)
{
	const struct build_context *given = NULL;
	struct context *directory;
	struct error err = ERROR_INIT;
	char text[ERROR_TEXT];

	for (size_t i = 0; i < p->options->context_count; i++)
		if (same_name(p->options->contexts[i].name, name))
			given = &p->options->contexts[i];
	if (given == NULL || strcmp(name, "scratch") == 0 || strcmp(name, "context") == 0)
		return 0;
	if (context_kind(given->text) == CONTEXT_IMAGE) {
		out->kind = FROM_IMAGE;
		out->image = plan_image(p, image_text(given->text), &stage->platform, &err);
	} else {
		directory = open_directory(p, given, &err);
		if (directory != NULL)
			*out = (struct source_root){.kind = FROM_CONTEXT, .context = directory};
	}
	if (err.code == ERROR_NONE)
		return 1;
	error_format(&err, text, sizeof(text));
	plan_report(p, file, DIAG_ERROR, at, err.hint[0] != '\0' ? err.hint : NULL,
		    "--build-context %s=%s: %s", given->name, given->text, text);
	return -1;
}
