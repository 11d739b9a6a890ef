/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/xattr.h"

#include "common/arena.h"

#include <string.h>
#include <sys/xattr.h>

enum { LIST_ROOM = 4096, VALUE_ROOM = 1024, RETRIES = 100 };

void xattrs_release(struct xattrs *x)
{
	free(x->item);
	x->item = NULL;
	x->count = 0;
	buf_release(&x->names);
	buf_release(&x->values);
}

bool xattr_allowed(const char *name)
{
	if (strcmp(name, "security.capability") == 0)
		return true;
	return strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0;
}

static int by_name(const void *a, const void *b)
{
	const struct tar_xattr *left = a, *right = b;

	return strcmp(left->name, right->name);
}

/* Sizes may grow between asking and reading, so read first and ask only when it did not fit. */
static int list(int fd, struct buf *out, struct error *err)
{
	size_t room = LIST_ROOM;

	for (int i = 0; i < RETRIES; i++) {
		ssize_t n = flistxattr(fd, buf_reserve(out, room), room);

		if (n >= 0) {
			buf_added(out, (size_t)n);
			return 0;
		}
		if (errno == ENOTSUP)
			return 0;
		if (errno != ERANGE)
			break;
		room *= 2;
	}
	return error_sys(err, "listing extended attributes");
}

static int append_value(int fd, const char *name, struct buf *out, size_t *size, bool *found,
			struct error *err)
{
	size_t room = VALUE_ROOM;

	for (int i = 0; i < RETRIES; i++) {
		ssize_t n = fgetxattr(fd, name, buf_reserve(out, room), room);

		*found = n >= 0;
		if (n >= 0) {
			buf_added(out, (size_t)n);
			*size = (size_t)n;
			return 0;
		}
		if (errno == ENODATA)
			return 0;
		if (errno != ERANGE)
			break;
		room *= 2;
	}
	return error_sys(err, "reading the extended attribute %s", name);
}

int xattrs_read(int fd, struct xattrs *out, struct error *err)
{
	size_t at = 0;

	out->count = 0;
	buf_reset(&out->names);
	buf_reset(&out->values);
	if (list(fd, &out->names, err) < 0)
		return -1;
	for (const char *name = out->names.data; name < out->names.data + out->names.length;
	     name += strlen(name) + 1) {
		size_t size;
		bool found;

		if (!xattr_allowed(name))
			continue;
		if (append_value(fd, name, &out->values, &size, &found, err) < 0)
			return -1;
		if (!found)
			continue;
		if (out->values.length > TAR_MAX_XATTRS)
			return error_set(err, ERROR_LIMIT,
					 "more than %d bytes of extended attributes",
					 TAR_MAX_XATTRS);
		out->item = xgrow(out->item, out->count, sizeof(*out->item));
		out->item[out->count++] = (struct tar_xattr){.name = name, .size = size};
	}
	/* Only now, because values may have moved while they were read. */
	for (size_t i = 0; i < out->count; at += out->item[i++].size)
		out->item[i].value = out->values.data + at;
	if (out->count > 1)
		qsort(out->item, out->count, sizeof(*out->item), by_name);
	return 0;
}

bool xattrs_equal(const struct xattrs *a, const struct xattrs *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->item[i].name, b->item[i].name) != 0 ||
		    a->item[i].size != b->item[i].size ||
		    memcmp(a->item[i].value, b->item[i].value, a->item[i].size) != 0)
			return false;
	return true;
}

void xattrs_digest(const struct tar_xattr *item, size_t count, struct digest *out)
{
	auto_(hasher) struct hasher *h = NULL;

	memset(out, 0, sizeof(*out));
	if (count == 0)
		return;
	h = hasher_new();
	for (size_t i = 0; i < count; i++) {
		uint64_t size = item[i].size;

		hasher_add(h, item[i].name, strlen(item[i].name) + 1);
		hasher_add(h, &size, sizeof(size));
		hasher_add(h, item[i].value, item[i].size);
	}
	hasher_finish(h, out);
}
