/* SPDX-License-Identifier: Apache-2.0 */
/* Why a step was no cache hit. */
#include "builder/cache.h"

#include "common/fd.h"

#include <string.h>

enum { MAX_LIST = 256 * 1024 * 1024, MAX_LINES = 20 };

static const char *const names[][2] = {
	{"argv", "the command"},	  {"env", "a variable"},
	{"cwd", "the working directory"}, {"user", "the user"},
	{"parent", "an earlier step"},	  {"from", "the stage or image copied from"},
	{"platform", "the platform"},	  {"epoch", "SOURCE_DATE_EPOCH"},
	{"file", "a here-document"},	  {"files", "files of the context"},
	{"source", "a source"},		  {"dest", "the destination"},
	{"volume", "a declared volume"},  {"network", "the network"},
};

static const char *say(const char *field)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i][0], field) == 0)
			return names[i][1];
	return field;
}

static bool has_field(const struct record *r, const char *prefix, const struct field *f)
{
	size_t skip = strlen(prefix);

	for (size_t i = 0; i < r->count; i++)
		if (strncmp(r->fields[i].key, prefix, skip) == 0 &&
		    strcmp(r->fields[i].key + skip, f->key) == 0 &&
		    strcmp(r->fields[i].value, f->value) == 0)
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
	int points = 0;

	if (kind == NULL || strcmp(kind, record_get(s->inputs, "kind")) != 0)
		return -1;
	if (text != NULL && strcmp(text, s->text) == 0)
		points += 1000;
	for (size_t i = 0; i < s->inputs->count; i++)
		if (has_field(r, "key.", &s->inputs->fields[i]))
			points += strcmp(s->inputs->fields[i].key, "parent") == 0 ? 500 : 10;
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

struct list_line {
	const char *name;
	size_t name_length;
	const char *rest;
	size_t rest_length;
};

/* "  PATH MODE ..." : the next entry of a list, skipping source lines. */
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
			if (*space == ' ' && end - space > 6 &&
			    strspn(space + 1, "01234567") >= 6)
				break;
		*out = (struct list_line){line, (size_t)(space - line), space,
					  (size_t)(end - space)};
		return true;
	}
}

static int compare_lines(const struct list_line *a, const struct list_line *b)
{
	size_t shorter = a->name_length < b->name_length ? a->name_length : b->name_length;
	int order = memcmp(a->name, b->name, shorter);

	return order != 0 ? order : (a->name_length > b->name_length) -
					    (a->name_length < b->name_length);
}

static bool line_known(const char *list, const struct list_line *wanted, struct list_line *out)
{
	while (next_line(&list, out))
		if (compare_lines(out, wanted) == 0)
			return true;
	return false;
}

static void say_line(struct buf *out, int *lines, char mark, const struct list_line *l,
		     const struct list_line *old)
{
	if (++*lines > MAX_LINES)
		return;
	buf_printf(out, "  %c %.*s", mark, (int)l->name_length, l->name);
	if (old != NULL)
		buf_printf(out, " (%.*s ->%.*s)", (int)old->rest_length, old->rest,
			   (int)l->rest_length, l->rest);
	buf_add_char(out, '\n');
}

static void explain_list(struct store *s, const struct record *old, const struct buf *list,
			 struct buf *out)
{
	auto_(buf) struct buf before = BUF_INIT;
	struct error ignored = ERROR_INIT;
	struct list_line line, other;
	struct digest id;
	auto_fd int fd = -1;
	const char *at;
	int lines = 0;

	if (list == NULL || record_get_digest(old, "list", &id, &ignored) < 0)
		return;
	fd = store_find(s, STORE_LISTS, &id, &ignored);
	if (fd < 0 || read_all(fd, MAX_LIST, &before, &ignored) < 0)
		return;
	for (at = list->data; next_line(&at, &line);) {
		if (!line_known(before.data, &line, &other))
			say_line(out, &lines, 'A', &line, NULL);
		else if (line.rest_length != other.rest_length ||
			 memcmp(line.rest, other.rest, line.rest_length) != 0)
			say_line(out, &lines, 'M', &line, &other);
	}
	for (at = before.data; next_line(&at, &line);)
		if (!line_known(list->data, &line, &other))
			say_line(out, &lines, 'D', &line, NULL);
	if (lines > MAX_LINES)
		buf_printf(out, "  and %d more\n", lines - MAX_LINES);
}

/* --- fields -------------------------------------------------------------------------------- */

/* The old value of a variable or of a field that is there once. */
static const char *old_value(const struct record *old, const struct field *f)
{
	size_t name = strcmp(f->key, "env") == 0 ? strcspn(f->value, "=") + 1 : 0;

	for (size_t i = 0; i < old->count; i++)
		if (strncmp(old->fields[i].key, "key.", 4) == 0 &&
		    strcmp(old->fields[i].key + 4, f->key) == 0 &&
		    strncmp(old->fields[i].value, f->value, name) == 0)
			return old->fields[i].value;
	return NULL;
}

static void explain_fields(const struct record *old, const struct record *inputs, struct buf *out)
{
	for (size_t i = 0; i < inputs->count; i++) {
		const struct field *f = &inputs->fields[i];
		const char *before;

		if (has_field(old, "key.", f))
			continue;
		if (strcmp(f->key, "parent") == 0 || strcmp(f->key, "files") == 0 ||
		    strcmp(f->key, "from") == 0) {
			buf_printf(out, "%s changed\n", say(f->key));
			continue;
		}
		before = old_value(old, f);
		if (before != NULL)
			buf_printf(out, "%s: %s -> %s\n", say(f->key), before, f->value);
		else
			buf_printf(out, "%s is new: %s\n", say(f->key), f->value);
	}
	for (size_t i = 0; i < old->count; i++) {
		struct field f = old->fields[i];

		if (strncmp(f.key, "key.", 4) != 0)
			continue;
		f.key += 4;
		if (!has_field(inputs, "", &f) &&
		    record_get(inputs, f.key) == NULL)
			buf_printf(out, "%s is gone: %s\n", say(f.key), f.value);
		else if (strcmp(f.key, "env") == 0 && !has_field(inputs, "", &f)) {
			struct record renamed = {.fields = inputs->fields, .count = inputs->count};
			size_t name = strcspn(f.value, "=") + 1;
			bool still = false;

			for (size_t j = 0; j < renamed.count; j++)
				still = still || (strcmp(renamed.fields[j].key, "env") == 0 &&
						  strncmp(renamed.fields[j].value, f.value,
							  name) == 0);
			if (!still)
				buf_printf(out, "a variable is gone: %s\n", f.value);
		}
	}
}

void cache_explain(struct store *s, const struct record *inputs, const char *text,
		   const struct buf *list, struct buf *out)
{
	struct search search = {.store = s, .inputs = inputs, .text = text, .best_score = 30};
	auto_(record) struct record old = RECORD_INIT;
	struct error ignored = ERROR_INIT;

	store_each(s, STORE_CACHE, consider, &search, &ignored);
	if (!search.found || store_read_record(s, STORE_CACHE, &search.best, "varve-cache", &old,
					       &ignored) < 0) {
		buf_add_str(out, "nothing like it was built before\n");
		return;
	}
	explain_fields(&old, inputs, out);
	explain_list(s, &old, list, out);
}
