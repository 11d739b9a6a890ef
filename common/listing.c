/* SPDX-License-Identifier: Apache-2.0 */
#include "common/listing.h"

#include "common/fd.h"

#include <string.h>

void listing_release(struct listing *n)
{
	arena_release(&n->arena);
	free(n->item);
	n->item = NULL;
	n->count = 0;
}

int listing_read(int dir, struct listing *out, struct error *err)
{
	auto_fd int fd = reopen_dir(dir, err);
	auto_(dir) DIR *d = NULL;

	if (fd < 0)
		return -1;
	d = fdopendir(fd);
	if (d == NULL)
		return error_sys(err, "reading a directory");
	steal_fd(&fd);
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(d);
		if (entry == NULL && errno != 0)
			return error_sys(err, "reading a directory");
		if (entry == NULL)
			return 0;
		if (is_dot(entry->d_name))
			continue;
		out->item = xgrow(out->item, out->count, sizeof(*out->item));
		out->item[out->count++] = (struct listed){
			.name = arena_strdup(&out->arena, entry->d_name),
			.type = entry->d_type,
		};
	}
}

static int by_name(const void *a, const void *b)
{
	const struct listed *left = a, *right = b;

	return strcmp(left->name, right->name);
}

void listing_sort(struct listing *n)
{
	if (n->count > 1)
		qsort(n->item, n->count, sizeof(*n->item), by_name);
}
