/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: tar streams as entries, in and out. No file system here.
 *
 * The writer makes its headers itself: libarchive's pax writer (3.6) depends on the locale (a UTF-8
 * name costs a "hdrcharset" record that GNU tar warns about), percent-encodes xattr names that no
 * other tool decodes, and may change between releases, while an image ID must be the same wherever
 * it is built. The reader is libarchive behind a check (tar_check.h) that refuses what tar
 * implementations understand differently.
 */
#ifndef LAYERS_TAR_H
#define LAYERS_TAR_H

#include "common/buf.h"
#include "layers/compress.h"

#include <sys/stat.h>
#include <sys/types.h>

enum {
	TAR_BLOCK = 512,
	TAR_MAX_PAX = 1024 * 1024 + 16 * 1024, /* body of one pax header: xattrs and names */
	TAR_MAX_NAME = 4096,                   /* bytes of a path or link target */
	TAR_MAX_XATTR = 64 * 1024,             /* the kernel's XATTR_SIZE_MAX */
	TAR_MAX_XATTRS = 1024 * 1024,          /* names and values of one entry together */
};

struct tar_xattr {
	const char *name;
	const void *value;
	size_t size;
};

/* Names are raw bytes. A hard link has mode and owner of its own in the header, which count for
   nothing; size is that of regular files. */
struct tar_entry {
	const char *path;
	const char *link; /* of symbolic and hard links */
	bool hard_link;
	mode_t mode; /* type and permissions */
	uid_t uid;
	gid_t gid;
	uint64_t size;
	int64_t mtime;
	dev_t device;
	const struct tar_xattr *xattrs; /* to write: sorted by name */
	size_t xattr_count;
};

/* POSIX ustar headers; a pax header before those that need one, its records sorted by key; numbers
   that do not fit ustar are 0 there. Ends with two zero blocks and no further padding. */
struct tar_writer *tar_writer_new(compress_sink *sink, void *user);
void tar_writer_free(struct tar_writer *w);
DEFINE_CLEANUP(tar_writer, struct tar_writer *, tar_writer_free);
/* A directory's path gets its trailing slash here. */
int tar_write_entry(struct tar_writer *w, const struct tar_entry *entry, struct error *err);
/* Exactly size bytes of fd as the content of the entry just written. */
int tar_write_content(struct tar_writer *w, int fd, uint64_t size, struct error *err);
/* Content that comes in pieces, altogether the size of the entry, and then the padding. */
int tar_write_data(struct tar_writer *w, const void *data, size_t length, struct error *err);
/* Content that the caller itself brings to where the sink's bytes go: what there is so far is
   passed to the sink, and size bytes are counted. */
int tar_write_elsewhere(struct tar_writer *w, uint64_t size, struct error *err);
int tar_write_padding(struct tar_writer *w, struct error *err);
int tar_writer_finish(struct tar_writer *w, struct error *err);
uint64_t tar_writer_size(const struct tar_writer *w); /* bytes written so far */

struct tar_reader *tar_reader_new(compress_source *source, void *user, struct error *err);
void tar_reader_free(struct tar_reader *r);
DEFINE_CLEANUP(tar_reader, struct tar_reader *, tar_reader_free);
/* The next entry: 1 and *out, valid until the next call; 0 at the end, when the source was read to
   its own end and everything was consistent. */
int tar_next(struct tar_reader *r, struct tar_entry *out, struct error *err);
/* The next piece of its content: 1, or 0 at the end. Between pieces there may be holes. */
int tar_next_data(struct tar_reader *r, const void **data, size_t *length, uint64_t *offset,
		  struct error *err);

/* Whether this block begins an archive, judged by its checksum. */
bool tar_is_header(const unsigned char block[TAR_BLOCK]);

/* A source of plain bytes from a descriptor that holds them plain or compressed with gzip, bzip2,
   xz or zstd. Never runs a program. */
struct tar_filter *tar_filter_new(int fd, struct error *err);
ssize_t tar_filter_read(void *filter, void *data, size_t room, struct error *err);
void tar_filter_free(struct tar_filter *f);
DEFINE_CLEANUP(tar_filter, struct tar_filter *, tar_filter_free);

#endif
