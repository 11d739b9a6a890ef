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

/* Not what is in a cache, a secret or an agent, nor which cache it is: BuildKit's rule. */
static void add_mount(const struct run_mount *m, struct record *r)
{
	static const char *const types[] = {"bind", "cache", "tmpfs", "secret", "ssh", "host"};

	record_addf(r, "mount", "%s %s %s %s%04o %u:%u %llu %s%s", types[m->type],
		    m->target != NULL ? m->target : "-", m->read_only ? "ro" : "rw",
		    m->has_from ? "from " : "", m->mode, m->uid, m->gid,
		    (unsigned long long)m->size, m->env != NULL ? "env " : "",
		    m->env != NULL      ? m->env
		    : m->source != NULL ? m->source
					: "");
}

static void add_run(const struct plan *p, const struct step *s, struct record *r)
{
	add_list(r, "argv", &s->run.argv);
	add_list(r, "env", &s->run.env);
	record_add(r, "cwd", s->run.cwd);
	record_add(r, "user", s->run.user);
	if (s->run.network == BUILD_NETWORK_NONE)
		record_add(r, "network", "none");
	if (s->run.insecure)
		record_add(r, "security", "insecure");
	for (size_t i = 0; i < s->run.mount_count; i++)
		add_mount(&s->run.mounts[i], r);
	for (size_t i = 0; i < p->options->host_count; i++)
		record_add(r, "host", p->options->hosts[i].name);
	if (s->run.script != NULL)
		add_file(r, s->run.script);
	if (p->options->volume_writes == VOLUME_DISCARD && s->volume_count > 0)
		record_add(r, "volume-writes", "discard");
}

static void add_copy(const struct step *s, struct record *r)
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
	if (s->copy.parents)
		record_add(r, "parents", "yes");
	if (s->copy.link)
		record_add(r, "link", "yes");
	if (s->copy.keep_git_dir)
		record_add(r, "keep-git-dir", "yes");
	if (s->copy.checksum != NULL)
		record_add(r, "checksum", s->copy.checksum);
	for (size_t i = 0; i < s->copy.exclude_count; i++)
		record_add(r, "exclude", s->copy.exclude[i]);
}

bool step_stands_alone(const struct step *s)
{
	const char *chown = s->copy.chown;

	if (s->kind != STEP_COPY || !s->copy.link)
		return false;
	/* A name means what the files of the image say. */
	return chown == NULL || strspn(chown, "0123456789:") == strlen(chown);
}

void key_after(const struct step *s, const struct digest *parent, const struct digest *result,
	       struct digest *id)
{
	char both[2 * DIGEST_TEXT_SIZE];

	if (!step_stands_alone(s)) {
		*id = *result;
		return;
	}
	digest_text(parent, both);
	digest_text(result, both + strlen(both));
	digest_of(both, strlen(both), id);
}

void key_of_step(const struct plan *p, const struct step *s, const struct digest *parent,
		 const struct digest *from, size_t from_count, const struct digest *list,
		 struct record *r, struct digest *key)
{
	static const char *const kinds[] = {"run", "copy", "workdir"};
	const struct config *c = &s->stage->config;
	auto_(buf) struct buf text = BUF_INIT;

	record_addf(r, "version", "%d", KEY_VERSION);
	record_add(r, "kind", kinds[s->kind]);
	if (!step_stands_alone(s))
		record_add_digest(r, "parent", parent);
	record_addf(r, "platform", "%s/%s/%s", c->os, c->architecture,
		    c->variant != NULL ? c->variant : "");
	if (p->epoch >= 0)
		record_addf(r, "epoch", "%lld", (long long)p->epoch);
	if (s->kind == STEP_RUN)
		add_run(p, s, r);
	else if (s->kind == STEP_COPY)
		add_copy(s, r);
	if (s->kind == STEP_WORKDIR) {
		record_add(r, "directory", s->directory);
		record_add(r, "user", s->directory_user);
	}
	for (size_t i = 0; i < from_count; i++)
		record_add_digest(r, "from", &from[i]);
	if (list != NULL)
		record_add_digest(r, "files", list);
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
