/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/compare.h"

#include "common/arena.h"
#include "layers/snapshot.h"

#include <string.h>

void snapshot_release(struct snapshot *s)
{
	arena_release(&s->arena);
	free(s->entries);
	s->entries = NULL;
	s->count = 0;
}

/* --- paths --------------------------------------------------------------------------------- */

static int rank(char c)
{
	return c == '\0' ? 0 : c == '/' ? 1 : (unsigned char)c + 1;
}

int path_compare(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b)
		a++, b++;
	return rank(*a) - rank(*b);
}

bool path_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	if (length == 0)
		return *path != '\0';
	return strncmp(path, directory, length) == 0 && path[length] == '/';
}

static int by_path(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	return path_compare(left->path, right->path);
}

struct entry *rows_find(const struct rows *r, const char *path)
{
	const struct entry key = {.path = path};

	return r->count == 0 ? NULL : bsearch(&key, r->item, r->count, sizeof(*r->item), by_path);
}

/* --- differences --------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static unsigned difference(const struct entry *a, const struct entry *b)
{
	unsigned fields = 0;

	if ((a->mode & S_IFMT) != (b->mode & S_IFMT) || a->whiteout != b->whiteout ||
	    a->opaque != b->opaque)
		fields |= FIELD_TYPE;
	if ((a->mode & 07777) != (b->mode & 07777))
		fields |= FIELD_MODE;
	if (a->uid != b->uid || a->gid != b->gid)
		fields |= FIELD_OWNER;
	if (a->mtime != b->mtime)
		fields |= FIELD_MTIME;
	if (!same_text(a->link, b->link) || a->hard_link != b->hard_link)
		fields |= FIELD_LINK;
	if (!digest_equal(&a->xattrs, &b->xattrs))
		fields |= FIELD_XATTR;
	if (S_ISREG(a->mode) && S_ISREG(b->mode)) {
		if (a->size != b->size)
			fields |= FIELD_SIZE;
		if (!digest_equal(&a->content, &b->content))
			fields |= FIELD_CONTENT;
	}
	if (a->device != b->device)
		fields |= FIELD_DEVICE;
	return fields;
}

static bool compare_entries(const struct entry *old, const struct entry *new, unsigned ignore,
			    struct change *out)
{
	const unsigned metadata = FIELD_MODE | FIELD_OWNER | FIELD_MTIME | FIELD_XATTR;

	*out = (struct change){.old = old, .new = new};
	if (old == NULL || new == NULL) {
		out->kind = old == NULL ? CHANGE_ADDED : CHANGE_REMOVED;
		return true;
	}
	out->fields = difference(old, new) & ~ignore;
	out->kind = (out->fields & ~metadata) == 0 ? CHANGE_METADATA : CHANGE_MODIFIED;
	return out->fields != 0;
}

int64_t snapshot_compare(const struct snapshot *old, const struct snapshot *new, unsigned ignore,
			 int (*each)(void *user, const struct change *change), void *user)
{
	size_t i = 0, j = 0;
	int64_t count = 0;

	while (i < old->count || j < new->count) {
		const struct entry *a = i < old->count ? &old->entries[i] : NULL;
		const struct entry *b = j < new->count ? &new->entries[j] : NULL;
		int order = a == NULL ? 1 : b == NULL ? -1 : path_compare(a->path, b->path);
		struct change change;

		i += order <= 0;
		j += order >= 0;
		if (!compare_entries(order <= 0 ? a : NULL, order >= 0 ? b : NULL, ignore, &change))
			continue;
		count++;
		if (each != NULL) {
			int status = each(user, &change);

			if (status < 0)
				return status;
		}
	}
	return count;
}
