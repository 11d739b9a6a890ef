/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tar.h"

#include "common/arena.h"
#include "layers/tar_check.h"

#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#include <string.h>

enum { PIECE = 128 * 1024 };

struct tar_reader {
	compress_source *source;
	void *user;
	struct archive *archive;
	struct tar_check check;
	uint64_t entries;
	bool ended;
	struct error *err; /* of the call under way, for the callback */
	bool failed;       /* the callback set it */
	struct tar_xattr *xattrs;
	size_t xattr_count;
	unsigned char piece[PIECE];
};

static ssize_t pull(struct tar_reader *r, struct error *err)
{
	ssize_t n = r->source(r->user, r->piece, sizeof(r->piece), err);

	if (n > 0)
		return tar_check_add(&r->check, r->piece, (size_t)n, err) < 0 ? -1 : n;
	if (n == 0)
		r->ended = true;
	return n;
}

static la_ssize_t on_read(struct archive *archive, void *user, const void **data)
{
	struct tar_reader *r = user;
	ssize_t n = r->ended ? 0 : pull(r, r->err);

	*data = r->piece;
	if (n < 0) {
		r->failed = true;
		archive_set_error(archive, EIO, "reading failed");
	}
	return n;
}

static int archive_fail(struct tar_reader *r, struct error *err)
{
	const char *text = archive_error_string(r->archive);

	if (r->failed)
		return -1;
	return error_set(err, ERROR_FORMAT, "not a valid tar: %s", text != NULL ? text : "damaged");
}

struct tar_reader *tar_reader_new(compress_source *source, void *user, struct error *err)
{
	auto_(tar_reader) struct tar_reader *r = xmalloc(sizeof(*r));

	memset(r, 0, offsetof(struct tar_reader, piece));
	tar_check_init(&r->check);
	r->source = source;
	r->user = user;
	r->err = err;
	r->archive = archive_read_new();
	if (r->archive == NULL) {
		error_set(err, ERROR_IO, "reading a tar: out of memory");
		return NULL;
	}
	archive_read_support_format_tar(r->archive);
	archive_read_support_format_empty(r->archive);
	if (archive_read_open(r->archive, r, NULL, on_read, NULL) != ARCHIVE_OK) {
		archive_fail(r, err);
		return NULL;
	}
	return steal(r);
}

void tar_reader_free(struct tar_reader *r)
{
	struct error ignored = ERROR_INIT;

	if (r == NULL)
		return;
	/* cppcheck-suppress autoVariables; r is gone before `ignored` is */
	r->err = &ignored;
	r->ended = true;
	archive_read_free(r->archive);
	tar_check_release(&r->check);
	free(r->xattrs);
	free(r);
}

static int take_xattrs(struct tar_reader *r, struct archive_entry *entry, struct error *err)
{
	size_t total = 0;
	int count = archive_entry_xattr_reset(entry);

	r->xattr_count = 0;
	if (count == 0)
		return 0;
	r->xattrs = xrealloc(r->xattrs, (size_t)count, sizeof(*r->xattrs));
	for (int i = 0; i < count; i++) {
		struct tar_xattr *x = &r->xattrs[i];

		if (archive_entry_xattr_next(entry, &x->name, &x->value, &x->size) != ARCHIVE_OK)
			break;
		total += strlen(x->name) + x->size;
		if (x->size > TAR_MAX_XATTR || total > TAR_MAX_XATTRS)
			return error_set(err, ERROR_LIMIT,
					 "%s: more than %d bytes of extended attributes",
					 archive_entry_pathname(entry), TAR_MAX_XATTRS);
		r->xattr_count++;
	}
	return 0;
}

static int take_entry(struct tar_reader *r, struct archive_entry *entry, struct tar_entry *out,
		      struct error *err)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
	const char *hard_link = archive_entry_hardlink(entry);
	const char *path = archive_entry_pathname(entry);

	if (path == NULL)
		return error_set(err, ERROR_FORMAT, "not a valid tar: an entry without a name");
	/* (uid_t)-1 means "do not change" to chown. */
	if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return error_set(err, ERROR_FORMAT,
				 "%s: owner %" PRId64 ":%" PRId64 " is out of range", path, uid,
				 gid);
	*out = (struct tar_entry){
		.path = path,
		.link = hard_link != NULL ? hard_link : archive_entry_symlink(entry),
		.hard_link = hard_link != NULL,
		.mode = archive_entry_filetype(entry) | archive_entry_perm(entry),
		.uid = (uid_t)uid,
		.gid = (gid_t)gid,
		.size = (uint64_t)archive_entry_size(entry),
		.mtime = archive_entry_mtime(entry),
		.device = archive_entry_rdev(entry),
	};
	if (archive_entry_size(entry) < 0)
		return error_set(err, ERROR_FORMAT, "%s: a negative size", path);
	if (take_xattrs(r, entry, err) < 0)
		return -1;
	out->xattrs = r->xattrs;
	out->xattr_count = r->xattr_count;
	return 0;
}

/* Everything after the end of the archive, so that the source can check its digest. */
static int finish(struct tar_reader *r, struct error *err)
{
	while (!r->ended)
		if (pull(r, err) < 0)
			return -1;
	if (tar_check_end(&r->check, err) < 0)
		return -1;
	if (r->check.entries != r->entries)
		return error_set(err, ERROR_FORMAT,
				 "not a valid tar: %" PRIu64 " or %" PRIu64 " entries, depending "
				 "on how it is read",
				 r->check.entries, r->entries);
	return 0;
}

int tar_next(struct tar_reader *r, struct tar_entry *out, struct error *err)
{
	struct archive_entry *entry;
	int state;

	r->err = err;
	do {
		state = archive_read_next_header(r->archive, &entry);
	} while (state == ARCHIVE_RETRY);
	if (state == ARCHIVE_EOF)
		return r->failed ? -1 : finish(r, err);
	/* Warnings are about names that are no text in this locale, which are taken as bytes, and
	   about attributes that are not used; what matters was checked by tar_check. */
	if (state != ARCHIVE_OK && state != ARCHIVE_WARN)
		return archive_fail(r, err);
	r->entries++;
	return take_entry(r, entry, out, err) < 0 ? -1 : 1;
}

int tar_next_data(struct tar_reader *r, const void **data, size_t *length, uint64_t *offset,
		  struct error *err)
{
	la_int64_t at;
	int state;

	r->err = err;
	state = archive_read_data_block(r->archive, data, length, &at);
	if (state == ARCHIVE_EOF)
		return r->failed ? -1 : 0;
	if (state != ARCHIVE_OK && state != ARCHIVE_WARN)
		return archive_fail(r, err);
	*offset = (uint64_t)at;
	return 1;
}

/* --- compressed archives of unknown kind ---------------------------------------------------- */

struct tar_filter {
	struct archive *archive;
	bool begun;
};

/* Where a decoder is not built in, libarchive would run a program and says so with a warning; that
   decoder is then treated as unknown (CVE-2026-41567). */
static bool enable(struct archive *archive, int (*support)(struct archive *))
{
	return support(archive) == ARCHIVE_OK;
}

struct tar_filter *tar_filter_new(int fd, struct error *err)
{
	auto_(tar_filter) struct tar_filter *f = xcalloc(1, sizeof(*f));

	f->archive = archive_read_new();
	if (f->archive == NULL || !enable(f->archive, archive_read_support_filter_gzip) ||
	    !enable(f->archive, archive_read_support_filter_bzip2) ||
	    !enable(f->archive, archive_read_support_filter_xz) ||
	    !enable(f->archive, archive_read_support_filter_zstd)) {
		error_set(err, ERROR_IO,
			  "this libarchive has no gzip, bzip2, xz and zstd built in");
		return NULL;
	}
	archive_read_support_format_raw(f->archive);
	archive_read_support_format_empty(f->archive);
	if (archive_read_open_fd(f->archive, fd, PIECE) != ARCHIVE_OK) {
		error_set(err, ERROR_FORMAT, "not an archive: %s",
			  archive_error_string(f->archive));
		return NULL;
	}
	return steal(f);
}

ssize_t tar_filter_read(void *filter, void *data, size_t room, struct error *err)
{
	struct tar_filter *f = filter;
	struct archive_entry *entry;
	la_ssize_t n;

	if (!f->begun) {
		int state = archive_read_next_header(f->archive, &entry);

		if (state == ARCHIVE_EOF)
			return 0;
		if (state != ARCHIVE_OK)
			return error_set(err, ERROR_FORMAT, "not an archive: %s",
					 archive_error_string(f->archive));
		f->begun = true;
	}
	n = archive_read_data(f->archive, data, room);
	if (n < 0)
		return error_set(err, ERROR_FORMAT, "damaged archive: %s",
				 archive_error_string(f->archive));
	return n;
}

void tar_filter_free(struct tar_filter *f)
{
	if (f == NULL)
		return;
	archive_read_free(f->archive);
	free(f);
}
