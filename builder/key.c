/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/key.h"

#include <string.h>

static void add_list(struct record *r, const char *field, const struct strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		record_add(r, field, list->item[i]);
}

static void add_file(struct record *r, const struct inline_file *f)
{
	char text[DIGEST_TEXT_SIZE];
	struct digest d;

	digest_of(f->data, f->length, &d);
	record_addf(r, "file", "%s %s", f->name, digest_text(&d, text));
}

static void add_run(const struct plan *p, const struct step *s, struct record *r)
{
	add_list(r, "argv", &s->run.argv);
	add_list(r, "env", &s->run.env);
	record_add(r, "cwd", s->run.cwd);
	record_add(r, "user", s->run.user);
	if (s->run.network == BUILD_NETWORK_NONE)
		record_add(r, "network", "none");
	if (s->run.script != NULL)
		add_file(r, s->run.script);
	if (p->options->volume_writes == VOLUME_DISCARD && s->volume_count > 0)
		record_add(r, "volume-writes", "discard");
}

static void add_copy(const struct step *s, const struct digest *from, const struct digest *list,
		     struct record *r)
{
	for (size_t i = 0; i < s->copy.source_count; i++)
		record_add(r, "source", s->copy.sources[i].path);
	for (size_t i = 0; i < s->copy.file_count; i++)
		add_file(r, &s->copy.files[i]);
	record_add(r, "dest", s->copy.dest);
	if (s->copy.chown != NULL)
		record_add(r, "chown", s->copy.chown);
	if (s->copy.chmod != NULL)
		record_add(r, "chmod", s->copy.chmod);
	if (s->copy.unpack != UNPACK_NEVER)
		record_add(r, "unpack", s->copy.unpack == UNPACK_LOCAL ? "yes" : "always");
	if (from != NULL)
		record_add_digest(r, "from", from);
	if (list != NULL)
		record_add_digest(r, "files", list);
}

void key_of_step(const struct plan *p, const struct step *s, const struct digest *parent,
		 const struct digest *from, const struct digest *list, struct record *r,
		 struct digest *key)
{
	static const char *const kinds[] = {"run", "copy", "workdir"};
	const struct config *c = &s->stage->config;
	auto_(buf) struct buf text = BUF_INIT;

	record_addf(r, "version", "%d", KEY_VERSION);
	record_add(r, "kind", kinds[s->kind]);
	record_add_digest(r, "parent", parent);
	record_addf(r, "platform", "%s/%s/%s", c->os, c->architecture,
		    c->variant != NULL ? c->variant : "");
	if (p->epoch >= 0)
		record_addf(r, "epoch", "%lld", (long long)p->epoch);
	if (s->kind == STEP_RUN)
		add_run(p, s, r);
	else if (s->kind == STEP_COPY)
		add_copy(s, from, list, r);
	if (s->kind == STEP_WORKDIR) {
		record_add(r, "directory", s->directory);
		record_add(r, "user", s->directory_user);
	}
	/* The record of the result names writes below these, so it depends on them. */
	for (size_t i = 0; i < s->volume_count; i++)
		record_add(r, "volume", s->volumes[i].path);
	record_render(r, "key", &text);
	digest_of(text.data, text.length, key);
}

void key_of_base(const struct base_image *image, struct digest *id)
{
	auto_(buf) struct buf text = BUF_INIT;
	char hex[DIGEST_HEX_SIZE];

	buf_add_str(&text, image != NULL ? "image" : "scratch");
	if (image != NULL) {
		const struct config *c = &image->image.config;

		buf_printf(&text, " %s/%s/%s", c->os, c->architecture,
			   c->variant != NULL ? c->variant : "");
		for (size_t i = 0; i < c->layer_count; i++)
			buf_printf(&text, " %s", digest_hex(&c->diff_ids[i], hex));
	}
	digest_of(text.data, text.length, id);
}
