/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/inputs.h"

#include "builder/copy.h"
#include "common/arena.h"

#include <string.h>

const struct source_root *step_root(const struct step *s, size_t i)
{
	if (s->kind == STEP_COPY)
		return i == 0 && s->copy.source_count > 0 ? &s->copy.from : NULL;
	for (size_t j = 0; s->kind == STEP_RUN && j < s->run.mount_count; j++)
		if (s->run.mounts[j].has_from && i-- == 0)
			return &s->run.mounts[j].from;
	return NULL;
}

bool step_has_list(const struct step *s)
{
	const struct source_root *root;

	for (size_t i = 0; (root = step_root(s, i)) != NULL; i++)
		if (root->kind == FROM_CONTEXT)
			return true;
	return false;
}

bool step_is_remote(const struct step *s)
{
	for (size_t i = 0; s->kind == STEP_COPY && i < s->copy.source_count; i++)
		if (s->copy.sources[i].kind != SOURCE_PATH)
			return true;
	return false;
}

static int list_copy(const struct plan *p, const struct copy_spec *spec, bool remote,
		     struct buf *out, struct step_found *found, struct error *err)
{
	auto_free struct fetched *fetched =
		remote ? xcalloc(spec->source_count, sizeof(*fetched)) : NULL;
	const struct copy_options options = {.spec = spec,
					     .source = spec->from.context->fd,
					     .ignore = spec->from.context->ignore,
					     .store = p->options->store,
					     .fetch = &p->options->fetch,
					     .fetched = fetched,
					     .stats = found->stats,
					     .known_only = found->known_only,
					     .linked = &found->linked,
					     .foreign = &found->foreign};

	if ((remote && copy_resolve(&options, fetched, err) < 0) ||
	    copy_list(&options, out, err) < 0)
		return -1;
	found->fetched = steal(fetched);
	return 0;
}

void mount_copy_init(struct mount_copy *c, const struct run_mount *m, const char *dest)
{
	auto_(buf) struct buf pattern = BUF_INIT;

	for (const char *at = m->source; *at != '\0'; at++) {
		if (strchr("*?[\\", *at) != NULL)
			buf_add_char(&pattern, '\\');
		buf_add_char(&pattern, *at);
	}
	c->pattern = xstrdup(pattern.data);
	c->source =
		(struct copy_source){.kind = SOURCE_PATH, .path = c->pattern, .written = m->source};
	c->spec = (struct copy_spec){
		.from = m->from, .sources = &c->source, .source_count = 1, .dest = dest};
}

int step_list(const struct plan *p, const struct step *s, struct buf *out, struct step_found *found,
	      struct error *err)
{
	if (s->kind == STEP_COPY)
		return list_copy(p, &s->copy, step_is_remote(s), out, found, err);
	for (size_t i = 0; i < s->run.mount_count; i++) {
		const struct run_mount *m = &s->run.mounts[i];
		struct mount_copy copy;
		int status;

		if (!m->has_from || m->from.kind != FROM_CONTEXT)
			continue;
		mount_copy_init(&copy, m, "/");
		status = list_copy(p, &copy.spec, false, out, found, err);
		free(copy.pattern);
		if (status < 0)
			return error_add(err, "--mount target=%s", m->target);
	}
	return 0;
}
