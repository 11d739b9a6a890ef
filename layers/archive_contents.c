/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include "layers/blob.h"
#include "layers/forms.h"
#include "layers/tar.h"

#include <string.h>

void contents_release(struct contents *c)
{
	arena_release(&c->arena);
	buf_release(&c->layout);
	buf_release(&c->index);
	buf_release(&c->manifest);
	*c = (struct contents)CONTENTS_INIT;
}

/* --- paths --------------------------------------------------------------------------------- */

const char *contents_clean(struct arena *a, const char *from, const char *path)
{
	auto_(buf) struct buf out = BUF_INIT;
	const char *slash = from != NULL && path[0] != '/' ? strrchr(from, '/') : NULL;

	if (slash != NULL)
		buf_add(&out, from, (size_t)(slash - from));
	while (*path != '\0') {
		size_t length = strcspn(path, "/");

		if (length == 2 && strncmp(path, "..", 2) == 0) {
			char *last = strrchr(out.data, '/');

			if (out.length == 0)
				return NULL;
			buf_truncate(&out, last != NULL ? (size_t)(last - out.data) : 0);
		} else if (length > 0 && !(length == 1 && path[0] == '.')) {
			if (out.length > 0)
				buf_add_char(&out, '/');
			buf_add(&out, path, length);
		}
		path += length + (path[length] == '/');
	}
	return arena_strdup(a, out.data);
}

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order != 0 ? order : x->order < y->order ? -1 : 1;
}

static const struct member *find_path(const struct contents *c, const char *path)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(c->members[middle].path, path);

		if (order == 0)
			return &c->members[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct member *contents_find(const struct contents *c, const char *path)
{
	auto_(arena) struct arena scratch = ARENA_INIT;
	const char *clean = contents_clean(&scratch, NULL, path);

	for (int links = 0; clean != NULL && links <= ARCHIVE_MAX_LINKS; links++) {
		const struct member *m = find_path(c, clean);

		if (m == NULL || m->target == NULL)
			return m;
		clean = m->target;
	}
	return NULL;
}

/* Tools that read the first of two files of one name and tools that read the last must not see
   different images. */
static int sort_members(struct contents *c, struct error *err)
{
	if (c->count > 1)
		qsort(c->members, c->count, sizeof(*c->members), compare_members);
	for (size_t i = 1; i < c->count; i++) {
		const struct member *a = &c->members[i - 1], *b = &c->members[i];

		if (strcmp(a->path, b->path) == 0 && (a->target != NULL || b->target != NULL ||
						      !digest_equal(&a->content, &b->content)))
			return error_set(err, ERROR_FORMAT,
					 "the archive holds two different files named %s", a->path);
	}
	return 0;
}

/* --- content ------------------------------------------------------------------------------- */

/* One file on its way into the store. */
struct intake {
	struct store *store;
	struct blob_writer *writer;
	struct compressor *compressor; /* if it is stored in another form */
	struct hasher *hasher;         /* of the content, in that case */
	uint64_t length;
	char head[TAR_BLOCK]; /* what decides the form */
	size_t head_length;
	bool decided, as_is;
};

static void intake_release(struct intake *in)
{
	compressor_free(in->compressor);
	blob_abort(in->writer);
	hasher_free(in->hasher);
}
DEFINE_CLEANUP_STRUCT(intake, struct intake, intake_release);

static int to_writer(void *user, const void *data, size_t length, struct error *err)
{
	return blob_add(user, data, length, err);
}

static bool is_plain_tar(const char *head, size_t length)
{
	return length == TAR_BLOCK && memcmp(head + 257, "ustar", 5) == 0;
}

static int intake_pass(struct intake *in, const void *data, size_t length, struct error *err)
{
	if (in->compressor == NULL)
		return blob_add(in->writer, data, length, err);
	hasher_add(in->hasher, data, length);
	return compressor_add(in->compressor, data, length, err);
}

static int intake_decide(struct intake *in, struct error *err)
{
	in->decided = true;
	if (!in->as_is && is_plain_tar(in->head, in->head_length)) {
		in->compressor = compressor_new(COMPRESS_ZSTD, to_writer, in->writer, err);
		if (in->compressor == NULL)
			return -1;
		in->hasher = hasher_new();
	}
	return intake_pass(in, in->head, in->head_length, err);
}

static int intake_add(struct intake *in, const void *data, size_t length, struct error *err)
{
	const char *at = data;

	in->length += length;
	if (!in->decided) {
		size_t room = sizeof(in->head) - in->head_length;
		size_t n = length < room ? length : room;

		memcpy(in->head + in->head_length, at, n);
		in->head_length += n;
		at += n;
		length -= n;
		if (in->head_length == sizeof(in->head) && intake_decide(in, err) < 0)
			return -1;
	}
	return length > 0 ? intake_pass(in, at, length, err) : 0;
}

static int intake_finish(struct intake *in, struct member *m, struct error *err)
{
	if (!in->decided && intake_decide(in, err) < 0)
		return -1;
	if (in->compressor != NULL && compressor_finish(in->compressor, err) < 0)
		return -1;
	if (blob_finish(steal(in->writer), &m->blob, &m->size, err) < 0)
		return -1;
	m->content = m->blob;
	m->compression = compression_detect(in->head, in->head_length);
	if (in->compressor != NULL) {
		hasher_finish(in->hasher, &m->content);
		m->compression = COMPRESS_ZSTD;
		return forms_add(in->store,
				 &(struct layer){.diff_id = m->content,
						 .blob = m->blob,
						 .size = m->size,
						 .plain_size = in->length,
						 .compression = COMPRESS_ZSTD},
				 err);
	}
	return 0;
}

/* The next piece of an entry: 1, 0 at its end. Holes are for sparse files, which no tool writes
   into an image archive. */
static int next_piece(struct tar_reader *r, const struct tar_entry *entry, uint64_t done,
		      const void **data, size_t *length, struct error *err)
{
	uint64_t offset;
	int more = tar_next_data(r, data, length, &offset, err);

	if (more < 0)
		return -1;
	if (more > 0 ? offset != done : done != entry->size)
		return error_set(err, ERROR_FORMAT,
				 "%s is a sparse file, which an image cannot hold", entry->path);
	return more;
}

static int read_blob(struct store *s, struct tar_reader *r, const struct tar_entry *entry,
		     struct member *m, struct error *err)
{
	static const char blobs[] = "blobs/";
	auto_(intake) struct intake in = {.store = s};
	const void *data;
	size_t length;
	int more;

	in.as_is = strncmp(m->path, blobs, strlen(blobs)) == 0;
	in.writer = blob_begin(s, err);
	if (in.writer == NULL)
		return -1;
	while ((more = next_piece(r, entry, in.length, &data, &length, err)) > 0)
		if (intake_add(&in, data, length, err) < 0)
			return -1;
	return more < 0 ? -1 : intake_finish(&in, m, err);
}

/* A blob must be what its name says: a flipped bit is found here and not by the next user. */
static int check_name(const struct member *m, struct error *err)
{
	static const char blobs[] = "blobs/sha256/";
	char text[DIGEST_TEXT_SIZE];
	struct digest named;

	if (strncmp(m->path, blobs, strlen(blobs)) != 0 ||
	    !digest_parse_hex(m->path + strlen(blobs), &named) || digest_equal(&named, &m->content))
		return 0;
	return error_set(err, ERROR_DIGEST, "%s of the archive holds content of %s", m->path,
			 digest_text(&m->content, text));
}

static int read_document(struct tar_reader *r, const struct tar_entry *entry, struct buf *out,
			 bool *seen, struct error *err)
{
	const void *data;
	size_t length;
	int more;

	if (entry->link != NULL)
		return error_set(err, ERROR_FORMAT, "%s is a link", entry->path);
	if (*seen)
		return error_set(err, ERROR_FORMAT, "the archive holds two files named %s",
				 entry->path);
	if (entry->size > IMAGE_MAX_MANIFEST)
		return error_set(err, ERROR_LIMIT, "%s has %llu bytes, more than the limit of %d",
				 entry->path, (unsigned long long)entry->size, IMAGE_MAX_MANIFEST);
	*seen = true;
	while ((more = next_piece(r, entry, out->length, &data, &length, err)) > 0)
		buf_add(out, data, length);
	return more;
}

/* Where a document goes, and the mark that it was seen; NULL for other files. */
static struct buf *document_of(struct contents *c, const char *path, bool **seen)
{
	if (strcmp(path, "oci-layout") == 0) {
		*seen = &c->has_layout;
		return &c->layout;
	}
	if (strcmp(path, "index.json") == 0) {
		*seen = &c->has_index;
		return &c->index;
	}
	if (strcmp(path, "manifest.json") == 0) {
		*seen = &c->has_manifest;
		return &c->manifest;
	}
	return NULL;
}

static int read_link(const struct tar_entry *entry, struct arena *a, struct member *m,
		     struct error *err)
{
	if (strlen(entry->link) > ARCHIVE_MAX_PATH)
		return error_set(err, ERROR_LIMIT, "%s: a link of more than %d bytes", entry->path,
				 ARCHIVE_MAX_PATH);
	m->target = contents_clean(a, entry->hard_link ? NULL : m->path, entry->link);
	if (m->target == NULL)
		return error_set(err, ERROR_FORMAT, "%s links out of the archive", entry->path);
	return 0;
}

static int read_entry(struct store *s, struct tar_reader *r, const struct tar_entry *entry,
		      struct contents *c, struct error *err)
{
	struct member m = {.order = c->count};
	struct buf *document;
	bool *seen;

	if (!entry->hard_link && !S_ISREG(entry->mode) && !S_ISLNK(entry->mode))
		return 0;
	if (strlen(entry->path) > ARCHIVE_MAX_PATH)
		return error_set(err, ERROR_LIMIT,
				 "%.100s...: a path in the archive is longer than %d bytes",
				 entry->path, ARCHIVE_MAX_PATH);
	if (c->count == ARCHIVE_MAX_ENTRIES)
		return error_set(err, ERROR_LIMIT, "the archive holds more than %d files",
				 ARCHIVE_MAX_ENTRIES);
	m.path = contents_clean(&c->arena, NULL, entry->path);
	if (m.path == NULL)
		return error_set(err, ERROR_FORMAT, "%s leads out of the archive", entry->path);
	document = document_of(c, m.path, &seen);
	if (document != NULL)
		return read_document(r, entry, document, seen, err);
	if (entry->link != NULL) {
		if (read_link(entry, &c->arena, &m, err) < 0)
			return -1;
	} else if (read_blob(s, r, entry, &m, err) < 0 || check_name(&m, err) < 0) {
		return -1;
	}
	c->members = arena_grow(&c->arena, c->members, c->count, sizeof(m));
	c->members[c->count++] = m;
	return 0;
}

int contents_read(struct store *s, int fd, struct contents *out, struct error *err)
{
	auto_(tar_filter) struct tar_filter *filter = tar_filter_new(fd, err);
	auto_(tar_reader) struct tar_reader *r = NULL;
	auto_(contents) struct contents c = CONTENTS_INIT;
	struct tar_entry entry;
	int more;

	if (filter == NULL)
		return -1;
	r = tar_reader_new(tar_filter_read, filter, err);
	if (r == NULL)
		return -1;
	while ((more = tar_next(r, &entry, err)) > 0)
		if (read_entry(s, r, &entry, &c, err) < 0)
			return -1;
	if (more < 0 || sort_members(&c, err) < 0)
		return -1;
	*out = c;
	c = (struct contents)CONTENTS_INIT;
	return 0;
}
