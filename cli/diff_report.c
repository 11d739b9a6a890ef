/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_report.h"

#include "cli/format.h"
#include "common/arena.h"
#include "layers/image.h"
#include "parser/dockerfile.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct {
	enum change_fields field;
	const char *name;
} fields[] = {
	{FIELD_TYPE, "type"},       {FIELD_MODE, "mode"},   {FIELD_OWNER, "owner"},
	{FIELD_SIZE, "size"},       {FIELD_LINK, "link"},   {FIELD_DEVICE, "device"},
	{FIELD_CONTENT, "content"}, {FIELD_XATTR, "xattr"}, {FIELD_MTIME, "mtime"},
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static const char *const kind_names[] = {"added", "modified", "removed", "metadata"};
static const char kind_letters[] = "AMDm";

int diff_fields_parse(const char *list, unsigned *out, struct error *err)
{
	const char *names[FIELD_COUNT], *near;

	for (size_t i = 0; i < FIELD_COUNT; i++)
		names[i] = fields[i].name;
	while (*list != '\0') {
		size_t length = strcspn(list, ","), i = 0;
		auto_free char *name = xstrndup(list, length);

		while (i < FIELD_COUNT && strcmp(names[i], name) != 0)
			i++;
		if (i == FIELD_COUNT || fields[i].field == FIELD_TYPE) {
			error_set(err, ERROR_USAGE, "--ignore: no such field: %s", name);
			near = suggest(name, names + 1, FIELD_COUNT - 1);
			return near != NULL ? error_hint(err, "did you mean %s?", near)
					    : error_hint(err, "fields are mode, owner, size, link, "
							      "device, content, xattr and mtime");
		}
		*out |= fields[i].field;
		list += length + (list[length] == ',');
	}
	return 0;
}

/* --- one field ----------------------------------------------------------------------------- */

static const char *type_name(const struct entry *e)
{
	if (e->whiteout)
		return "whiteout";
	if (e->hard_link)
		return "hard link";
	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "fifo";
	default:
		return "file";
	}
}

static const char *xattr_text(const struct entry *e, char out[DIGEST_TEXT_SIZE])
{
	static const struct digest none = {.sha256 = {0}};

	return digest_equal(&e->xattrs, &none) ? "-" : digest_text(&e->xattrs, out);
}

static void add_value(enum change_fields field, const struct entry *e, struct buf *out)
{
	char text[DIGEST_TEXT_SIZE];

	switch (field) {
	case FIELD_TYPE:
		buf_add_str(out, type_name(e));
		break;
	case FIELD_MODE:
		buf_printf(out, "%04o", (unsigned)(e->mode & 07777));
		break;
	case FIELD_OWNER:
		buf_printf(out, "%u:%u", (unsigned)e->uid, (unsigned)e->gid);
		break;
	case FIELD_SIZE:
		buf_printf(out, "%" PRIu64, e->size);
		break;
	case FIELD_CONTENT:
		buf_add_str(out, S_ISREG(e->mode) ? digest_text(&e->content, text) : "-");
		break;
	case FIELD_MTIME:
		buf_add_str(out, timestamp_format(e->mtime, text));
		break;
	case FIELD_LINK:
		buf_add_str(out, e->link != NULL ? e->link : "-");
		break;
	case FIELD_DEVICE:
		buf_printf(out, "%u:%u", major(e->device), minor(e->device));
		break;
	case FIELD_XATTR:
		buf_add_str(out, xattr_text(e, text));
		break;
	}
}

static bool is_digest(enum change_fields field)
{
	return field == FIELD_CONTENT || field == FIELD_XATTR;
}

/* Of a digest people see the first digits. */
static void print_value(struct out *o, enum change_fields field, const struct entry *e)
{
	enum { PREFIX = sizeof("sha256:") - 1, DIGITS = 12 };
	auto_(buf) struct buf text = BUF_INIT;
	bool digest;

	add_value(field, e, &text);
	digest = is_digest(field) && text.length > PREFIX + DIGITS;
	if (digest)
		buf_truncate(&text, PREFIX + DIGITS);
	out_clean(o, text.data + (digest ? PREFIX : 0));
}

/* --- one change ---------------------------------------------------------------------------- */

/* What there is to say about an entry that only one side has. */
static void print_entry(struct out *o, const struct entry *e)
{
	char size[FORMAT_SIZE];

	if (e->link != NULL) {
		out_printf(o, " %s ", e->hard_link ? "=" : "->");
		out_clean(o, e->link);
	} else if (S_ISREG(e->mode)) {
		out_printf(o, " (%s)", size_format(e->size, size));
	} else if (!S_ISDIR(e->mode)) {
		out_printf(o, " (%s)", type_name(e));
	}
}

static void print_change(struct out *o, const struct change *c)
{
	const struct entry *e = c->new != NULL ? c->new : c->old;
	const char *comma = " (";

	out_printf(o, "%c /", kind_letters[c->kind]);
	out_clean(o, e->path);
	if (S_ISDIR(e->mode) && e->path[0] != '\0')
		out_str(o, "/");
	if (c->old == NULL || c->new == NULL) {
		print_entry(o, e);
	} else {
		for (size_t i = 0; i < FIELD_COUNT; i++) {
			if (!(c->fields & fields[i].field))
				continue;
			out_printf(o, "%s%s ", comma, fields[i].name);
			print_value(o, fields[i].field, c->old);
			out_str(o, " -> ");
			print_value(o, fields[i].field, c->new);
			comma = ", ";
		}
		if (comma[0] == ',')
			out_str(o, ")");
	}
	out_str(o, "\n");
}

static void json_value(struct json *o, const char *key, enum change_fields field,
		       const struct entry *e)
{
	auto_(buf) struct buf text = BUF_INIT;

	if (field == FIELD_SIZE) {
		json_add_number(o, key, (int64_t)e->size);
		return;
	}
	add_value(field, e, &text);
	json_add_string(o, key, text.data);
}

static void json_change(struct diff_report *r, const struct change *c)
{
	const struct entry *e = c->new != NULL ? c->new : c->old;
	auto_(json) struct json *o = json_new_object();
	auto_(buf) struct buf path = BUF_INIT;
	struct json *changed;

	buf_printf(&path, "/%s", e->path);
	json_add_string(o, "kind", kind_names[c->kind]);
	json_add_string(o, "path", path.data);
	json_add_string(o, "type", type_name(e));
	if (S_ISREG(e->mode))
		json_add_number(o, "size", (int64_t)e->size);
	if (e->link != NULL)
		json_add_string(o, "link", e->link);
	if (c->old != NULL && c->new != NULL) {
		changed = json_add_object(o, "fields");
		for (size_t i = 0; i < FIELD_COUNT; i++) {
			struct json *pair;

			if (!(c->fields & fields[i].field))
				continue;
			pair = json_add_object(changed, fields[i].name);
			json_value(pair, "old", fields[i].field, c->old);
			json_value(pair, "new", fields[i].field, c->new);
		}
	}
	buf_reset(&path);
	json_render(o, false, &path);
	out_printf(r->out, "%s\n%s", r->listed++ > 0 ? "," : "", path.data);
}

static int report_change(void *user, const struct change *c)
{
	struct diff_report *r = user;
	const struct entry *e = c->new != NULL ? c->new : c->old;

	/* An archive may or may not have an entry for the root; every tree has one. */
	if (e->path[0] == '\0' && (c->old == NULL || c->new == NULL))
		return 0;
	r->total++;
	r->count[c->kind]++;
	if (S_ISREG(e->mode) && !e->hard_link)
		r->bytes[c->kind] += e->size;
	if (c->kind == CHANGE_MODIFIED && S_ISREG(c->old->mode) && !c->old->hard_link)
		r->old_bytes += c->old->size;
	if (r->json && !r->stat)
		json_change(r, c);
	else if (!r->json && !r->stat)
		print_change(r->out, c);
	return r->out->failure != 0 ? -1 : 0;
}

static void print_summary(struct diff_report *r)
{
	char added[FORMAT_SIZE], old[FORMAT_SIZE], new[FORMAT_SIZE], removed[FORMAT_SIZE];

	out_printf(r->out,
		   "added %" PRIu64 " (%s), modified %" PRIu64 " (%s -> %s), removed %" PRIu64
		   " (%s), metadata %" PRIu64 "\n",
		   r->count[CHANGE_ADDED], size_format(r->bytes[CHANGE_ADDED], added),
		   r->count[CHANGE_MODIFIED], size_format(r->old_bytes, old),
		   size_format(r->bytes[CHANGE_MODIFIED], new), r->count[CHANGE_REMOVED],
		   size_format(r->bytes[CHANGE_REMOVED], removed), r->count[CHANGE_METADATA]);
}

static void json_summary(struct diff_report *r)
{
	auto_(json) struct json *o = json_new_object();
	auto_(buf) struct buf text = BUF_INIT;

	for (int kind = CHANGE_ADDED; kind <= CHANGE_METADATA; kind++)
		json_add_number(o, kind_names[kind], (int64_t)r->count[kind]);
	json_add_number(o, "added_bytes", (int64_t)r->bytes[CHANGE_ADDED]);
	json_add_number(o, "modified_bytes_old", (int64_t)r->old_bytes);
	json_add_number(o, "modified_bytes_new", (int64_t)r->bytes[CHANGE_MODIFIED]);
	json_add_number(o, "removed_bytes", (int64_t)r->bytes[CHANGE_REMOVED]);
	json_render(o, false, &text);
	out_printf(r->out, "\"summary\":%s", text.data);
}

void diff_report(struct diff_report *r, const struct snapshot *old, const struct snapshot *new)
{
	memset(r->count, 0, sizeof(r->count));
	memset(r->bytes, 0, sizeof(r->bytes));
	r->old_bytes = r->listed = 0;
	if (r->json && !r->stat)
		out_str(r->out, "\"changes\":[");
	snapshot_compare(old, new, r->ignore, report_change, r);
	if (r->json && !r->stat)
		out_str(r->out, "],");
	if (r->json)
		json_summary(r);
	else if (r->stat)
		print_summary(r);
}
