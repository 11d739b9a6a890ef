/* SPDX-License-Identifier: Apache-2.0 */
/* Writes below declared volumes: found, named, discarded or refused (DESIGN section 8). */
#include "builder/volume.h"

#include "common/listing.h"

#include <string.h>

struct watched {
	const char *declared;
	char *path; /* symlinks resolved, without leading slash */
	struct volume_writes_found found;
};

struct volume_watch {
	struct watched *item;
	size_t count;
};

static char *resolved(const struct stack *root, const char *path)
{
	auto_(buf) struct buf out = BUF_INIT;
	struct error ignored = ERROR_INIT;

	if (stack_resolve(root, path, &out, &ignored) < 0)
		return xstrdup(path + 1);
	return xstrdup(out.data + (out.data[0] == '/'));
}

struct volume_watch *volume_watch_new(const struct step *s, const struct stack *root)
{
	struct volume_watch *w = xcalloc(1, sizeof(*w));

	w->item = xcalloc(s->volume_count, sizeof(*w->item));
	w->count = s->volume_count;
	for (size_t i = 0; i < w->count; i++)
		w->item[i] = (struct watched){.declared = s->volumes[i].path,
					      .path = resolved(root, s->volumes[i].path)};
	return w;
}

static bool is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return length == 0 || (strncmp(path, directory, length) == 0 && path[length] == '/');
}

void volume_watch_visit(void *user, const char *path, enum entry_change change)
{
	struct volume_watch *w = user;

	for (size_t i = 0; i < w->count; i++) {
		struct volume_writes_found *f = &w->item[i].found;
		bool itself = strcmp(path, w->item[i].path) == 0;

		/* The directory itself is there for its content, unless it was removed. */
		if (!is_below(path, w->item[i].path) && !(itself && change == ENTRY_REMOVED))
			continue;
		if (f->count++ >= CACHE_WRITES_NAMED)
			continue;
		f->paths = xgrow(f->paths, f->named, sizeof(*f->paths));
		f->paths[f->named++] = xprintf("/%s", path);
	}
}

void volume_watch_finish(struct volume_watch *w, struct outcome *o)
{
	for (size_t i = 0; i < w->count; i++) {
		free(w->item[i].path);
		if (w->item[i].found.count == 0)
			continue;
		w->item[i].found.volume = xstrdup(w->item[i].declared);
		o->writes = xgrow(o->writes, o->writes_count, sizeof(*o->writes));
		o->writes[o->writes_count++] = w->item[i].found;
	}
	free(w->item);
	free(w);
}

/* Opens the upper's directory at a resolved path, or -1 if the step did not touch it. */
static int open_upper(int upper, const char *path, int flags)
{
	struct error ignored = ERROR_INIT;

	return open_beneath(upper, *path != '\0' ? path : ".", flags | O_NOFOLLOW, 0, &ignored);
}

static int empty_directory(int dir, struct error *err)
{
	auto_(listing) struct listing entries = LISTING_INIT;

	if (listing_read(dir, &entries, err) < 0)
		return -1;
	for (size_t i = 0; i < entries.count; i++)
		if (remove_tree(dir, entries.item[i].name, err) < 0)
			return -1;
	return 0;
}

/* What lay below comes to light again when the upper no longer has the path. A volume that only
   this step made stays as an empty directory, the mount point that docker would have left. */
int volume_discard(const struct step *s, const struct stack *root, int upper, struct error *err)
{
	for (size_t i = 0; i < s->volume_count; i++) {
		auto_free char *path = resolved(root, s->volumes[i].path);
		char *slash = strrchr(path, '/');
		auto_fd int dir = -1, parent = -1;
		struct error missing = ERROR_INIT;
		struct stat st;
		size_t tree;

		if (*path == '\0')
			continue; /* VOLUME / cannot be discarded without the whole step */
		if (stack_stat(root, path, false, &st, &tree, &missing) == 0) {
			if (slash != NULL)
				*slash = '\0';
			parent = open_upper(upper, slash != NULL ? path : "",
					    O_RDONLY | O_DIRECTORY);
			if (parent >= 0 &&
			    remove_tree(parent, slash != NULL ? slash + 1 : path, err) < 0)
				return error_add(err, "discarding writes below %s",
						 s->volumes[i].path);
			continue;
		}
		dir = open_upper(upper, path, O_RDONLY | O_DIRECTORY);
		if (dir >= 0 && empty_directory(dir, err) < 0)
			return error_add(err, "discarding writes below %s", s->volumes[i].path);
	}
	return 0;
}

static const char *origin_of(const struct step *s, const char *volume)
{
	for (size_t i = 0; i < s->volume_count; i++)
		if (strcmp(s->volumes[i].path, volume) == 0)
			return s->volumes[i].origin;
	return "an earlier instruction";
}

/* At the instruction; a trigger has no line in the file, the FROM that set it off has. */
static void warn(const struct execution *e, const char *text)
{
	const struct step *s = e->step;
	struct dockerfile *df = e->build->plan->file;
	struct span at = s->file == df ? s->insn->keyword_at : s->stage->source->from->at;

	dockerfile_warn(df, RULE_WRITE_UNDER_VOLUME, at,
			"declare the volume after the last write, or build with "
			"--volume-writes=discard",
			"%s", text);
}

int volume_report(struct execution *e, struct error *err)
{
	const struct step *s = e->step;
	enum volume_writes mode = e->build->options->volume_writes;

	for (size_t i = 0; i < e->outcome.writes_count; i++) {
		const struct volume_writes_found *w = &e->outcome.writes[i];
		auto_(buf) struct buf text = BUF_INIT;

		/* The warning about a trigger stands at the FROM that set it off. */
		if (mode != VOLUME_ERROR && s->file != e->build->plan->file)
			buf_printf(&text, "%s: %s: ", s->place, insn_name(s->insn->kind));
		buf_printf(&text, "%llu path%s below the volume %s declared by %s %s changed:",
			   (unsigned long long)w->count, w->count == 1 ? "" : "s", w->volume,
			   origin_of(s, w->volume), w->count == 1 ? "is" : "are");
		for (size_t j = 0; j < w->named; j++)
			buf_printf(&text, "%s%s", j > 0 ? ", " : " ", w->paths[j]);
		if (w->count > w->named)
			buf_printf(&text, ", and %llu more",
				   (unsigned long long)(w->count - w->named));
		if (mode == VOLUME_ERROR) {
			error_set(err, ERROR_SYNTAX, "%s", text.data);
			return error_hint(err, "declare the volume after the last write, or build "
					       "with --volume-writes=keep");
		}
		buf_printf(&text, "; %s kept in the image", w->count == 1 ? "it is" : "they are");
		warn(e, text.data);
	}
	return 0;
}
