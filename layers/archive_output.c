/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include "common/fd.h"
#include "layers/tar.h"

#include <string.h>

static int to_fd(void *user, const void *data, size_t length, struct error *err)
{
	if (write_all(*(const int *)user, data, length, err) < 0)
		return error_add(err, "writing the archive");
	return 0;
}

void output_begin(struct tar_output *o, int fd)
{
	o->fd = fd;
	o->writer = tar_writer_new(to_fd, &o->fd);
}

void output_release(struct tar_output *o)
{
	tar_writer_free(o->writer);
}

int output_directory(struct tar_output *o, const char *path, struct error *err)
{
	const struct tar_entry entry = {.path = path, .mode = S_IFDIR | 0755};

	return tar_write_entry(o->writer, &entry, err);
}

int output_header(struct tar_output *o, const char *path, uint64_t size, struct error *err)
{
	const struct tar_entry entry = {.path = path, .mode = S_IFREG | 0644, .size = size};

	return tar_write_entry(o->writer, &entry, err);
}

int output_text(struct tar_output *o, const char *path, const struct buf *text, struct error *err)
{
	if (output_header(o, path, text->length, err) < 0 ||
	    tar_write_data(o->writer, text->data, text->length, err) < 0)
		return -1;
	return tar_write_padding(o->writer, err);
}

void digest_set_release(struct digest_set *set)
{
	free(set->item);
	*set = (struct digest_set){.item = NULL};
}

bool digest_set_add(struct digest_set *set, const struct digest *d)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = digest_compare(&set->item[middle], d);

		if (order == 0)
			return false;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	set->item = xgrow(set->item, set->count, sizeof(*set->item));
	memmove(set->item + low + 1, set->item + low, (set->count - low) * sizeof(*set->item));
	set->item[low] = *d;
	set->count++;
	return true;
}
