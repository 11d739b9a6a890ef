/* SPDX-License-Identifier: Apache-2.0 */
/* Why a step was no cache hit. */
#include "builder/cache.h"

#include "builder/remote.h"
#include "common/fd.h"

#include <string.h>
#include <uthash.h>

enum { MAX_LIST = 256 * 1024 * 1024, MAX_LINES = 20 };

static const char *const names[][2] = {
	{"argv", "the command"},
	{"env", "a variable"},
	{"cwd", "the working directory"},
	{"user", "the user"},
	{"parent", "an earlier step"},
	{"from", "the stage or image copied from"},
	{"platform", "the platform"},
	{"epoch", "SOURCE_DATE_EPOCH"},
	{"file", "a here-document"},
	{"files", "the content of the sources"},
	{"source", "a source"},
	{"dest", "the destination"},
	{"volume", "a declared volume"},
	{"network", "the network"},
	{"exclude", "a pattern of --exclude"},
	{"checksum", "the checksum"},
};

static const char *say(const char *field)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i][0], field) == 0)
			return names[i][1];
	return field;
}

/* One of two records: the recorded one, whose keys have a prefix, or the inputs of now. */
struct side {
	const struct record *r;
	const char *prefix;
};

/* The field's key without the prefix, or NULL if it is about something else. */
static const char *key_of(const struct side *s, size_t i)
{
	size_t skip = strlen(s->prefix);

	return strncmp(s->r->fields[i].key, s->prefix, skip) == 0 ? s->r->fields[i].key + skip
								  : NULL;
}

static bool has_field(const struct side *s, const char *key, const char *value)
{
	for (size_t i = 0; i < s->r->count; i++)
		if (key_of(s, i) != NULL && strcmp(key_of(s, i), key) == 0 &&
		    strcmp(s->r->fields[i].value, value) == 0)
			return true;
	return false;
}

/* --- the nearest record -------------------------------------------------------------------- */

struct search {
	struct store *store;
	const struct record *inputs;
	const char *text;
	int best_score;
	int64_t best_created;
	bool found;
	struct digest best;
};

static int score(const struct search *s, const struct record *r)
{
	const char *text = record_get(r, "text");
	const char *kind = record_get(r, "key.kind");
	const struct side then = {.r = r, .prefix = "key."};
	int points = 0;

	if (kind == NULL || strcmp(kind, record_get(s->inputs, "kind")) != 0)
		return -1;
	if (text != NULL && strcmp(text, s->text) == 0)
		points += 1000;
	for (size_t i = 0; i < s->inputs->count; i++) {
		const struct field *f = &s->inputs->fields[i];

		if (has_field(&then, f->key, f->value))
			points += strcmp(f->key, "parent") == 0 ? 500 : 10;
	}
	return points;
}

static int consider(void *user, const struct digest *id, struct error *err)
{
	struct search *s = user;
	auto_(record) struct record r = RECORD_INIT;
	struct error bad = ERROR_INIT;
	uint64_t created;
	int points;

	(void)err;
	if (store_read_record(s->store, STORE_CACHE, id, "varve-cache", &r, &bad) < 0 ||
	    record_get_number(&r, "created", &created, &bad) < 0)
		return 0;
	points = score(s, &r);
	if (points < s->best_score ||
	    (points == s->best_score && (int64_t)created <= s->best_created))
		return 0;
	s->best_score = points;
	s->best_created = (int64_t)created;
	s->best = *id;
	s->found = true;
	return 0;
}

/* --- lists of files ------------------------------------------------------------------------ */

/* "  PATH MODE ...": the entry of one file. */
struct list_line {
	const char *name, *rest;
	size_t name_length, rest_length;
	bool seen; /* the other list has the name too */
	UT_hash_handle hh;
};

/* The next entry of a list, skipping the lines that name sources. */
static bool next_line(const char **text, struct list_line *out)
{
	for (;;) {
		const char *line = *text, *end = strchr(line, '\n'), *space;

		if (end == NULL)
			return false;
		*text = end + 1;
		if (strncmp(line, "  ", 2) != 0)
			continue;
		line += 2;
		/* Blanks in names are not quoted, but the mode is six octal digits. */
		for (space = line; space < end; space++)
			if (*space == ' ' && end - space > 6 && strspn(space + 1, "01234567") >= 6)
				break;
		*out = (struct list_line){.name = line,
					  .name_length = (size_t)(space - line),
					  .rest = space,
					  .rest_length = (size_t)(end - space)};
		return true;
	}
}

static struct list_line *index_list(const char *text, struct arena *arena)
{
	struct list_line *index = NULL, line;

	while (next_line(&text, &line)) {
		struct list_line *kept = arena_alloc(arena, sizeof(*kept));

		*kept = line;
		HASH_ADD_KEYPTR(hh, index, kept->name, kept->name_length, kept);
	}
	return index;
}

static void say_line(struct buf *out, int *lines, char mark, const struct list_line *l,
		     const struct list_line *old)
{
	int blank = old != NULL && old->rest_length > 0;

	if (++*lines > MAX_LINES)
		return;
	buf_printf(out, "  %c %.*s", mark, (int)l->name_length, l->name);
	if (old != NULL)
		buf_printf(out, " (%.*s ->%.*s)", (int)old->rest_length - blank, old->rest + blank,
			   (int)l->rest_length, l->rest);
	buf_add_char(out, '\n');
}

static void compare_lists(const char *before, const char *after, struct buf *out)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	struct list_line *index = index_list(before, &arena), *old, *next, line;
	int lines = 0;

	while (next_line(&after, &line)) {
		HASH_FIND(hh, index, line.name, line.name_length, old);
		if (old == NULL)
			say_line(out, &lines, 'A', &line, NULL);
		else if (line.rest_length != old->rest_length ||
			 memcmp(line.rest, old->rest, line.rest_length) != 0)
			say_line(out, &lines, 'M', &line, old);
		if (old != NULL)
			old->seen = true;
	}
	HASH_ITER(hh, index, old, next)
	if (!old->seen)
		say_line(out, &lines, 'D', old, NULL);
	HASH_CLEAR(hh, index);
	if (lines > MAX_LINES)
		buf_printf(out, "  and %d more\n", lines - MAX_LINES);
}

static void explain_list(struct store *s, const struct record *old, const struct buf *list,
			 struct buf *out)
{
	auto_(buf) struct buf before = BUF_INIT;
	struct error ignored = ERROR_INIT;
	struct digest id;
	auto_fd int fd = -1;

	if (list == NULL || record_get_digest(old, "list", &id, &ignored) < 0)
		return;
	fd = store_find(s, STORE_LISTS, &id, &ignored);
	if (fd >= 0 && read_all(fd, MAX_LIST, &before, &ignored) == 0)
		compare_lists(before.data, list->data, out);
}

/* --- fields -------------------------------------------------------------------------------- */

/* How much of two values must be the same for them to be two values of one thing: the name of a
   variable; nothing for all others. */
static size_t name_length(const char *key, const char *value)
{
	return strcmp(key, "env") == 0 ? strcspn(value, "=") + 1 : 0;
}

/* What the other side has in the place of field i of this one, which it does not have, or NULL:
   words of a command come several times, so the first that only one side has is taken for the first
   that only the other has, and so on. */
static const char *counterpart(const struct side *own, size_t i, const struct side *other)
{
	const char *key = key_of(own, i), *value = own->r->fields[i].value;
	size_t length = name_length(key, value), rank = 0;

	for (size_t j = 0; j < i; j++)
		if (key_of(own, j) != NULL && strcmp(key_of(own, j), key) == 0 && length == 0 &&
		    !has_field(other, key, own->r->fields[j].value))
			rank++;
	for (size_t j = 0; j < other->r->count; j++) {
		const char *there = other->r->fields[j].value;

		if (key_of(other, j) == NULL || strcmp(key_of(other, j), key) != 0 ||
		    strncmp(there, value, length) != 0 || has_field(own, key, there))
			continue;
		if (rank-- == 0)
			return there;
	}
	return NULL;
}

/* Values of these are digests, which say nothing to a reader. */
static bool is_opaque(const char *field)
{
	return strcmp(field, "parent") == 0 || strcmp(field, "files") == 0 ||
	       strcmp(field, "from") == 0;
}

static void explain_fields(const struct record *old, const struct record *inputs, struct buf *out)
{
	const struct side then = {.r = old, .prefix = "key."}, now = {.r = inputs, .prefix = ""};

	for (size_t i = 0; i < inputs->count; i++) {
		const struct field *f = &inputs->fields[i];
		const char *before;

		if (has_field(&then, f->key, f->value))
			continue;
		before = counterpart(&now, i, &then);
		if (is_opaque(f->key))
			buf_printf(out, "%s changed\n", say(f->key));
		else if (before != NULL)
			buf_printf(out, "%s: %s -> %s\n", say(f->key), before, f->value);
		else
			buf_printf(out, "%s is new: %s\n", say(f->key), f->value);
	}
	for (size_t i = 0; i < old->count; i++) {
		const char *key = key_of(&then, i), *value = old->fields[i].value;

		if (key != NULL && !is_opaque(key) && !has_field(&now, key, value) &&
		    counterpart(&then, i, &now) == NULL)
			buf_printf(out, "%s is gone: %s\n", say(key), value);
	}
}

void cache_explain(struct store *s, const struct record *inputs, const char *text,
		   const struct buf *list, struct buf *out)
{
	auto_free char *shown = urls_public(text); /* as cache_put() keeps it */
	struct search search = {.store = s, .inputs = inputs, .text = shown, .best_score = 30};
	auto_(record) struct record old = RECORD_INIT;
	struct error ignored = ERROR_INIT;

	store_each(s, STORE_CACHE, consider, &search, &ignored);
	if (!search.found ||
	    store_read_record(s, STORE_CACHE, &search.best, "varve-cache", &old, &ignored) < 0) {
		buf_add_str(out, "nothing like it was built before\n");
		return;
	}
	explain_fields(&old, inputs, out);
	explain_list(s, &old, list, out);
}
