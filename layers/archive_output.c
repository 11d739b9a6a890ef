/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include "common/fd.h"
#include "layers/tar.h"

#include <string.h>

int output_bytes(struct output_file *f, const void *data, size_t length, struct error *err)
{
	if (write_all(f->fd, data, length, err) < 0)
		return error_add(err, "writing the archive");
	f->written += length;
	begin_writeback(f->fd, f->written, &f->begun);
	return 0;
}

static int to_file(void *user, const void *data, size_t length, struct error *err)
{
	return output_bytes(user, data, length, err);
}

void output_begin(struct tar_output *o, int fd)
{
	o->file = (struct output_file){.fd = fd};
	o->writer = tar_writer_new(to_file, &o->file);
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
