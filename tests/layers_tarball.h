/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar headers byte by byte, valid and not, for the tests of layers/.
 */
#ifndef TESTS_LAYERS_TARBALL_H
#define TESTS_LAYERS_TARBALL_H

#include "tests/layers_fixture.h"

enum { BLOCK = 512 };

struct head {
	char type;
	const char *name, *link, *data;
	size_t size;       /* of data; 0: its length as text */
	const char *octal; /* the size field, if it should lie */
	unsigned mode;     /* 0: 0644 */
	unsigned major, minor;
};

static inline void tarball_seal(unsigned char *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (int i = 0; i < BLOCK; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum & 0777777);
}

static inline void tarball_head(unsigned char *block, const struct head *h, size_t size)
{
	memset(block, 0, BLOCK);
	memcpy(block, h->name, strlen(h->name) < 100 ? strlen(h->name) : 100);
	snprintf((char *)block + 100, 8, "%07o", (h->mode != 0 ? h->mode : 0644) & 07777);
	snprintf((char *)block + 108, 8, "%07o", 0);
	snprintf((char *)block + 116, 8, "%07o", 0);
	if (h->octal != NULL)
		memcpy(block + 124, h->octal, 12);
	else
		snprintf((char *)block + 124, 12, "%011lo", (unsigned long)size);
	snprintf((char *)block + 136, 12, "%011o", 1000);
	block[156] = (unsigned char)h->type;
	if (h->link != NULL)
		memcpy(block + 157, h->link, strlen(h->link) < 100 ? strlen(h->link) : 100);
	memcpy(block + 257,
	       "ustar\0"
	       "00",
	       8);
	snprintf((char *)block + 329, 8, "%07o", h->major & 0xfff);
	snprintf((char *)block + 337, 8, "%07o", h->minor & 0xfffff);
	tarball_seal(block);
}

static inline void tarball_add(struct buf *tar, struct head h)
{
	static const char zeros[BLOCK];
	unsigned char block[BLOCK];
	size_t size = h.data == NULL ? 0 : h.size != 0 ? h.size : strlen(h.data);

	tarball_head(block, &h, size);
	buf_add(tar, block, BLOCK);
	if (size > 0)
		buf_add(tar, h.data, size);
	buf_add(tar, zeros, (BLOCK - size % BLOCK) % BLOCK);
}

/* "key=value" records, ended by NULL, as the body of a pax header. */
static inline void tarball_pax(struct buf *tar, char type, const char *const *records)
{
	auto_(buf) struct buf body = BUF_INIT;

	for (; *records != NULL; records++) {
		size_t rest = strlen(*records) + 2, total = rest + 1;
		char digits[24];

		while (total != rest + (size_t)snprintf(digits, sizeof(digits), "%zu", total))
			total++;
		buf_printf(&body, "%zu %s\n", total, *records);
	}
	tarball_add(tar, (struct head){.type = type, .name = "pax", .data = body.data});
}

#define PAX(tar, ...) tarball_pax(tar, 'x', (const char *const[]){__VA_ARGS__, NULL})

static inline void tarball_end(struct buf *tar)
{
	static const char zeros[2 * BLOCK];

	buf_add(tar, zeros, sizeof(zeros));
}

/* What extracting gave. */
struct outcome {
	enum error_code code; /* ERROR_NONE: it was taken */
	char text[1000];
	char *tree; /* a dump; the caller frees */
	uint64_t entries;
};

static inline void extract_bytes(struct scratch *s, const void *data, size_t size, bool overlay,
				 struct outcome *out)
{
	const struct unpack_options options = {.overlay = overlay, .owner = -1, .group = -1};
	struct error err = ERROR_INIT;
	auto_fd int jail = make_dir(s->dir, "jail");
	auto_fd int target = make_dir(jail, "target");
	auto_fd int secret = make_dir(jail, "secret");
	auto_fd int fd = -1;
	auto_free char *before = NULL;
	auto_free char *after = NULL;

	put_text(jail, "passwd", "root:x:0:0\n");
	put_text(secret, "key", "do not touch\n");
	set_mtime(jail, "secret", 77);
	set_mtime(jail, "passwd", 77);
	put_file(s->dir, "tar", data, size);
	before = dump_tree(secret, true);
	fd = openat(s->dir, "tar", O_RDONLY | O_CLOEXEC);
	memset(out, 0, sizeof(*out));
	if (archive_extract(fd, target, &options, &out->entries, &err) < 0) {
		error_format(&err, out->text, sizeof(out->text));
		assert_int_not_equal(err.code, ERROR_NONE);
		out->code = err.code;
	}
	out->tree = dump_tree(target, true);
	/* Nothing beside the target may have changed, whatever the archive was. */
	remove_dir(jail, "target");
	after = dump_tree(jail, true);
	assert_non_null(strstr(after, "/secret 40755 0:0 t77\n"));
	assert_non_null(strstr(after, "/passwd 100644 0:0 t77 s11 "));
	free(after);
	after = dump_tree(secret, true);
	assert_string_equal(before, after);
	remove_dir(s->dir, "jail");
}

#endif
