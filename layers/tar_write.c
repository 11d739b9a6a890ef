/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tar.h"

#include "common/arena.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { BUFFER = 256 * 1024 };

/* The ustar header of POSIX.1-1988; all of it is text. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
	char link[100], magic[6], version[2], user[32], group[32], major[8], minor[8];
	char prefix[155], unused[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a tar header is one block");

struct tar_writer {
	compress_sink *sink;
	void *user;
	uint64_t size;
	struct buf path, pax; /* of the current entry */
	size_t used;
	char buffer[BUFFER];
};

struct tar_writer *tar_writer_new(compress_sink *sink, void *user)
{
	struct tar_writer *w = xmalloc(sizeof(*w));

	w->sink = sink;
	w->user = user;
	w->size = 0;
	w->path = (struct buf)BUF_INIT;
	w->pax = (struct buf)BUF_INIT;
	w->used = 0;
	return w;
}

void tar_writer_free(struct tar_writer *w)
{
	if (w == NULL)
		return;
	buf_release(&w->path);
	buf_release(&w->pax);
	free(w);
}

uint64_t tar_writer_size(const struct tar_writer *w)
{
	return w->size;
}

static int flush(struct tar_writer *w, struct error *err)
{
	size_t length = w->used;

	w->used = 0;
	return length == 0 ? 0 : w->sink(w->user, w->buffer, length, err);
}

static int add(struct tar_writer *w, const void *data, size_t length, struct error *err)
{
	const char *at = data;

	w->size += length;
	if (length >= BUFFER)
		return flush(w, err) < 0 ? -1 : w->sink(w->user, data, length, err);
	while (length > 0) {
		size_t n = BUFFER - w->used < length ? BUFFER - w->used : length;

		memcpy(w->buffer + w->used, at, n);
		w->used += n;
		at += n;
		length -= n;
		if (w->used == BUFFER && flush(w, err) < 0)
			return -1;
	}
	return 0;
}

static int pad(struct tar_writer *w, struct error *err)
{
	static const char zeros[TAR_BLOCK];

	return add(w, zeros, (TAR_BLOCK - w->size % TAR_BLOCK) % TAR_BLOCK, err);
}

/* Octal digits and a NUL that fill the field; false if the value needs more. */
static bool octal(char *field, size_t width, uint64_t value)
{
	field[width - 1] = '\0';
	for (size_t i = width - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
	return value == 0;
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts its own digits. */
static void pax_record(struct buf *out, const char *prefix, const char *key, const void *value,
		       size_t size)
{
	size_t rest = strlen(prefix) + strlen(key) + size + 3; /* space, '=', newline */
	size_t total = rest + 1;
	char digits[24];

	while (total != rest + (size_t)snprintf(digits, sizeof(digits), "%zu", total))
		total++;
	buf_printf(out, "%zu %s%s=", total, prefix, key);
	buf_add(out, value, size);
	buf_add_char(out, '\n');
}

static void pax_number(struct buf *out, const char *key, int64_t value)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%" PRId64, value);

	pax_record(out, "", key, text, (size_t)length);
}

/* A number into its field, or 0 there and a record in the pax header. */
static void number(char *field, size_t width, int64_t value, struct buf *pax, const char *key)
{
	if (value >= 0 && octal(field, width, (uint64_t)value))
		return;
	octal(field, width, 0);
	pax_number(pax, key, value);
}

/* The path into name, or split at a slash into prefix and name; false if it fits neither. */
static bool put_path(struct header *h, const char *path, size_t length)
{
	if (length <= sizeof(h->name)) {
		memcpy(h->name, path, length);
		return true;
	}
	for (size_t slash = length - 2; slash > 0; slash--) {
		if (path[slash] != '/' || slash > sizeof(h->prefix))
			continue;
		if (length - slash - 1 > sizeof(h->name))
			break;
		memcpy(h->prefix, path, slash);
		memcpy(h->name, path + slash + 1, length - slash - 1);
		return true;
	}
	memcpy(h->name, path, sizeof(h->name));
	return false;
}

static char entry_type(const struct tar_entry *entry)
{
	if (entry->hard_link)
		return '1';
	switch (entry->mode & S_IFMT) {
	case S_IFREG:
		return '0';
	case S_IFLNK:
		return '2';
	case S_IFCHR:
		return '3';
	case S_IFBLK:
		return '4';
	case S_IFDIR:
		return '5';
	case S_IFIFO:
		return '6';
	default:
		return 0;
	}
}

static void seal_header(struct header *h, char type)
{
	const unsigned char *byte = (const unsigned char *)h;
	unsigned sum = 0;

	h->type = type;
	memcpy(h->magic, "ustar", sizeof(h->magic));
	memcpy(h->version, "00", sizeof(h->version));
	memset(h->checksum, ' ', sizeof(h->checksum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += byte[i];
	octal(h->checksum, sizeof(h->checksum) - 1, sum);
}

static int write_pax(struct tar_writer *w, struct error *err)
{
	struct header h;

	memset(&h, 0, sizeof(h));
	memcpy(h.name, "PaxHeaders/x", sizeof("PaxHeaders/x"));
	octal(h.mode, sizeof(h.mode), 0644);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), w->pax.length);
	octal(h.mtime, sizeof(h.mtime), 0);
	octal(h.major, sizeof(h.major), 0);
	octal(h.minor, sizeof(h.minor), 0);
	seal_header(&h, 'x');
	if (add(w, &h, sizeof(h), err) < 0 || add(w, w->pax.data, w->pax.length, err) < 0)
		return -1;
	return pad(w, err);
}

static int check_entry(const struct tar_entry *entry, struct error *err)
{
	size_t total = 0;

	if (entry_type(entry) == 0)
		return error_set(err, ERROR_FORMAT, "%s: a file of this type cannot be in a layer",
				 entry->path);
	if (strlen(entry->path) >= TAR_MAX_NAME)
		return error_set(err, ERROR_LIMIT, "%s: the path is longer than %d bytes",
				 entry->path, TAR_MAX_NAME - 1);
	if (entry->link != NULL && strlen(entry->link) >= TAR_MAX_NAME)
		return error_set(err, ERROR_LIMIT, "%s: the link is longer than %d bytes",
				 entry->path, TAR_MAX_NAME - 1);
	for (size_t i = 0; i < entry->xattr_count; i++) {
		const struct tar_xattr *x = &entry->xattrs[i];

		total += strlen(x->name) + x->size;
		if (strchr(x->name, '=') != NULL)
			return error_set(err, ERROR_FORMAT,
					 "%s: the extended attribute %s has '=' in its name, which "
					 "tar cannot express",
					 entry->path, x->name);
		if (x->size > TAR_MAX_XATTR || total > TAR_MAX_XATTRS)
			return error_set(err, ERROR_LIMIT,
					 "%s: more than %d bytes of extended attributes",
					 entry->path, TAR_MAX_XATTRS);
	}
	return 0;
}

int tar_write_entry(struct tar_writer *w, const struct tar_entry *entry, struct error *err)
{
	bool directory = S_ISDIR(entry->mode) && !entry->hard_link;
	uint64_t size = S_ISREG(entry->mode) && !entry->hard_link ? entry->size : 0;
	bool device = S_ISCHR(entry->mode) || S_ISBLK(entry->mode);
	struct header h;

	if (check_entry(entry, err) < 0)
		return -1;
	memset(&h, 0, sizeof(h));
	buf_reset(&w->pax);
	buf_reset(&w->path);
	buf_add_str(&w->path, entry->path);
	if (directory && entry->path[strlen(entry->path) - 1] != '/')
		buf_add_char(&w->path, '/');
	octal(h.mode, sizeof(h.mode), entry->mode & 07777);
	octal(h.major, sizeof(h.major), device ? major(entry->device) : 0);
	octal(h.minor, sizeof(h.minor), device ? minor(entry->device) : 0);
	/* In the order of the keys. */
	for (size_t i = 0; i < entry->xattr_count; i++)
		pax_record(&w->pax, "SCHILY.xattr.", entry->xattrs[i].name, entry->xattrs[i].value,
			   entry->xattrs[i].size);
	number(h.gid, sizeof(h.gid), entry->gid, &w->pax, "gid");
	if (entry->link != NULL) {
		size_t length = strlen(entry->link);

		memcpy(h.link, entry->link, length < sizeof(h.link) ? length : sizeof(h.link));
		if (length > sizeof(h.link))
			pax_record(&w->pax, "", "linkpath", entry->link, length);
	}
	number(h.mtime, sizeof(h.mtime), entry->mtime, &w->pax, "mtime");
	if (!put_path(&h, w->path.data, w->path.length))
		pax_record(&w->pax, "", "path", w->path.data, w->path.length);
	number(h.size, sizeof(h.size), (int64_t)size, &w->pax, "size");
	number(h.uid, sizeof(h.uid), entry->uid, &w->pax, "uid");
	seal_header(&h, entry_type(entry));
	if (w->pax.length > 0 && write_pax(w, err) < 0)
		return -1;
	return add(w, &h, sizeof(h), err);
}

int tar_write_content(struct tar_writer *w, int fd, uint64_t size, struct error *err)
{
	while (size > 0) {
		size_t room = BUFFER - w->used;
		ssize_t n = read(fd, w->buffer + w->used, size < room ? (size_t)size : room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, "reading");
		if (n == 0)
			return error_set(err, ERROR_IO,
					 "the file became shorter while it was read");
		w->used += (size_t)n;
		w->size += (uint64_t)n;
		size -= (uint64_t)n;
		if (w->used == BUFFER && flush(w, err) < 0)
			return -1;
	}
	return pad(w, err);
}

int tar_write_data(struct tar_writer *w, const void *data, size_t length, struct error *err)
{
	return add(w, data, length, err);
}

int tar_write_elsewhere(struct tar_writer *w, uint64_t size, struct error *err)
{
	w->size += size;
	return flush(w, err);
}

int tar_write_padding(struct tar_writer *w, struct error *err)
{
	return pad(w, err);
}

int tar_writer_finish(struct tar_writer *w, struct error *err)
{
	static const char end[2 * TAR_BLOCK];

	assert(w->size % TAR_BLOCK == 0);
	if (add(w, end, sizeof(end), err) < 0)
		return -1;
	return flush(w, err);
}
