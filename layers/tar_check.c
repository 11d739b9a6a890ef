/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tar_check.h"

#include <inttypes.h>
#include <string.h>

enum {
	/* Offsets in a header block. */
	AT_SIZE = 124,
	AT_MTIME = 136,
	AT_CHECKSUM = 148,
	AT_TYPE = 156,
	AT_SPARSE_MORE = 482,
	AT_SPARSE_MAP_MORE = 504,
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	MAX_DIGITS = 18, /* of a decimal number that fits 63 bits for certain */
	MAX_COMMENT = 64 * 1024,
};

static const int64_t ustar_max_size = INT64_C(077777777777);

void tar_check_init(struct tar_check *c)
{
	memset(c, 0, sizeof(*c));
	c->body = (struct buf)BUF_INIT;
	c->pax_size = -1;
}

void tar_check_release(struct tar_check *c)
{
	buf_release(&c->body);
}

static int bad(const struct tar_check *c, struct error *err, const char *what)
{
	return error_set(err, ERROR_FORMAT, "not a valid tar: %s, before byte %" PRIu64, what,
			 c->offset);
}

/* Octal text, or base 256 with the top bit set; false unless it is 0 .. 2^63-1 and nothing else is
   in the field. */
static bool number(const unsigned char *field, size_t width, int64_t *out)
{
	uint64_t value = 0;
	size_t i = 0;

	if (field[0] & 0x80) {
		if (field[0] != 0x80)
			return false;
		for (i = 1; i < width; i++) {
			if (value >> 55 != 0)
				return false;
			value = value << 8 | field[i];
		}
		*out = (int64_t)value;
		return true;
	}
	while (i < width && field[i] == ' ')
		i++;
	for (; i < width && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	for (; i < width; i++)
		if (field[i] != ' ' && field[i] != '\0')
			return false;
	*out = (int64_t)value;
	return true;
}

/* Times before 1970 are negative base 256. */
static bool time_number(const unsigned char *field, size_t width, int64_t *out)
{
	return field[0] == 0xff ? (*out = -1, true) : number(field, width, out);
}

static bool checksum_matches(const unsigned char *block)
{
	int64_t stored, sum = 0, signed_sum = 0;

	if (!number(block + AT_CHECKSUM, 8, &stored))
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		unsigned char byte = i >= AT_CHECKSUM && i < AT_CHECKSUM + 8 ? ' ' : block[i];

		sum += byte;
		signed_sum += (signed char)byte;
	}
	return stored == sum || stored == signed_sum;
}

static bool is_zero(const unsigned char *block, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (block[i] != 0)
			return false;
	return true;
}

bool tar_is_header(const unsigned char block[TAR_BLOCK])
{
	return !is_zero(block, TAR_BLOCK) && checksum_matches(block);
}

static bool decimal(const char *text, size_t length, int64_t *out)
{
	int64_t value = 0;

	if (length == 0 || length > MAX_DIGITS)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*out = value;
	return true;
}

/* Seconds, maybe negative, maybe with a fraction. */
static bool decimal_time(const char *text, size_t length)
{
	const char *point = memchr(text, '.', length);
	size_t whole = point != NULL ? (size_t)(point - text) : length;
	size_t sign = length > 0 && text[0] == '-';
	int64_t value;

	if (whole < sign || !decimal(text + sign, whole - sign, &value))
		return false;
	for (size_t i = whole + 1; i < length; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

static bool key_is(const char *key, size_t length, const char *name)
{
	return length == strlen(name) && memcmp(key, name, length) == 0;
}

static bool key_begins(const char *key, size_t length, const char *prefix)
{
	return length > strlen(prefix) && memcmp(key, prefix, strlen(prefix)) == 0;
}

static int check_record(struct tar_check *c, const char *key, size_t key_length, const char *value,
			size_t length, struct error *err)
{
	int64_t ignored;

	if (c->extension == 'g')
		return key_is(key, key_length, "comment")
			       ? 0
			       : bad(c, err, "a global header that changes entries");
	if (key_begins(key, key_length, "SCHILY.xattr.") ||
	    key_begins(key, key_length, "LIBARCHIVE.xattr."))
		return memchr(key, '\0', key_length) == NULL
			       ? 0
			       : bad(c, err, "an extended attribute with a NUL in its name");
	if (memchr(key, '\0', key_length) != NULL || memchr(value, '\0', length) != NULL)
		return bad(c, err, "a pax record with a NUL");
	if (key_is(key, key_length, "path") || key_is(key, key_length, "linkpath") ||
	    key_is(key, key_length, "GNU.sparse.name"))
		return length > 0 && length < TAR_MAX_NAME
			       ? 0
			       : bad(c, err, "an empty or too long name");
	if (key_is(key, key_length, "size")) {
		if (c->pax_size >= 0)
			return bad(c, err, "two sizes");
		return decimal(value, length, &c->pax_size) ? 0 : bad(c, err, "a malformed size");
	}
	if (key_is(key, key_length, "uid") || key_is(key, key_length, "gid"))
		return decimal(value, length, &ignored) ? 0 : bad(c, err, "a malformed owner");
	if (key_is(key, key_length, "mtime") || key_is(key, key_length, "atime") ||
	    key_is(key, key_length, "ctime"))
		return decimal_time(value, length) ? 0 : bad(c, err, "a malformed time");
	return 0;
}

/* "LENGTH KEY=VALUE\n" again and again, filling the body exactly. */
static int check_pax(struct tar_check *c, struct error *err)
{
	const char *at = c->body.data, *end = at + c->body.length;

	while (at < end) {
		const char *space = memchr(at, ' ', (size_t)(end - at));
		const char *key, *equals;
		int64_t size;

		if (space == NULL || *at == '0' || !decimal(at, (size_t)(space - at), &size) ||
		    size > end - at || at + size <= space + 1 || at[size - 1] != '\n')
			return bad(c, err, "a malformed pax record");
		key = space + 1;
		equals = memchr(key, '=', (size_t)(at + size - key));
		if (equals == NULL || equals == key)
			return bad(c, err, "a pax record without a key");
		if (check_record(c, key, (size_t)(equals - key), equals + 1,
				 (size_t)(at + size - 1 - (equals + 1)), err) < 0)
			return -1;
		at += size;
	}
	return 0;
}

static int check_extension(struct tar_check *c, struct error *err)
{
	size_t text = strnlen(c->body.data, c->body.length);

	c->skip = (TAR_BLOCK - c->body.length % TAR_BLOCK) % TAR_BLOCK;
	if (c->extension == 'x' || c->extension == 'g')
		return check_pax(c, err);
	if (text == 0 || text >= TAR_MAX_NAME ||
	    !is_zero((unsigned char *)c->body.data + text, c->body.length - text))
		return bad(c, err, "a malformed long name");
	return 0;
}

static int begin_extension(struct tar_check *c, char type, int64_t size, struct error *err)
{
	bool *seen = type == 'x' ? &c->pax : type == 'L' ? &c->long_name : &c->long_link;

	if (c->pax || (type == 'x' && (c->long_name || c->long_link)) || (type != 'g' && *seen) ||
	    (type == 'g' && (c->long_name || c->long_link)))
		return bad(c, err, "an extension header that is not directly before its entry");
	if (type != 'g')
		*seen = true;
	if (size > (type == 'x' ? TAR_MAX_PAX : type == 'g' ? MAX_COMMENT : TAR_MAX_NAME + 1))
		return error_set(err, ERROR_LIMIT, "tar: an extension header of %" PRId64 " bytes",
				 size);
	if (size == 0)
		return type == 'g' || type == 'x' ? 0 : bad(c, err, "an empty long name");
	c->extension = type;
	c->body_left = (uint64_t)size;
	buf_reset(&c->body);
	return 0;
}

static void pass_content(struct tar_check *c, uint64_t size)
{
	c->skip = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

static int begin_entry(struct tar_check *c, char type, int64_t size, struct error *err)
{
	if (c->pax_size >= 0 && c->pax_size != size) {
		/* The writer had to leave the ustar field wrong only if the size cannot be there.
		 */
		if (c->pax_size <= ustar_max_size)
			return bad(c, err, "a size that differs between header and pax record");
		size = c->pax_size;
	}
	c->entries++;
	c->pax = c->long_name = c->long_link = false;
	c->pax_size = -1;
	if (type == '5')
		return 0;
	if (size != 0 && type >= '1' && type <= '6')
		return bad(c, err, "a link, device or fifo with content");
	if (size > INT64_MAX - TAR_BLOCK)
		return bad(c, err, "an impossible size");
	if (type == 'S' && c->block[AT_SPARSE_MORE] != 0) {
		c->sparse_map = true;
		c->sparse_size = (uint64_t)size;
		return 0;
	}
	pass_content(c, (uint64_t)size);
	return 0;
}

static int check_block(struct tar_check *c, struct error *err)
{
	const unsigned char *block = c->block;
	char type = (char)block[AT_TYPE];
	int64_t size, ignored;

	if (c->sparse_map) {
		c->sparse_map = block[AT_SPARSE_MAP_MORE] != 0;
		if (!c->sparse_map)
			pass_content(c, c->sparse_size);
		return 0;
	}
	if (is_zero(block, TAR_BLOCK)) {
		c->ended = true;
		if (c->pax || c->long_name || c->long_link)
			return bad(c, err, "an extension header without an entry");
		return 0;
	}
	if (c->ended)
		return bad(c, err, "data after its end");
	if (!checksum_matches(block))
		return bad(c, err, "a header with a wrong checksum");
	if (!number(block + AT_SIZE, 12, &size) || !number(block + AT_MODE, 8, &ignored) ||
	    !number(block + AT_UID, 8, &ignored) || !number(block + AT_GID, 8, &ignored) ||
	    !time_number(block + AT_MTIME, 12, &ignored))
		return bad(c, err, "a header with a malformed number");
	switch (type) {
	case 'x':
	case 'g':
	case 'L':
	case 'K':
		return begin_extension(c, type, size, err);
	case '\0':
	case 'S':
		return begin_entry(c, type, size, err);
	default:
		if (type >= '0' && type <= '7')
			return begin_entry(c, type, size, err);
		return bad(c, err, "an entry of an unknown type");
	}
}

int tar_check_add(struct tar_check *c, const void *data, size_t length, struct error *err)
{
	const unsigned char *at = data;

	while (length > 0) {
		size_t n;

		if (c->skip > 0) {
			n = c->skip < length ? (size_t)c->skip : length;
			c->skip -= n;
			c->offset += n;
		} else if (c->body_left > 0) {
			n = c->body_left < length ? (size_t)c->body_left : length;
			buf_add(&c->body, at, n);
			c->body_left -= n;
			c->offset += n;
			if (c->body_left == 0 && check_extension(c, err) < 0)
				return -1;
		} else {
			n = TAR_BLOCK - c->filled < length ? TAR_BLOCK - c->filled : length;
			memcpy(c->block + c->filled, at, n);
			c->filled += n;
			c->offset += n;
			if (c->filled == TAR_BLOCK) {
				c->filled = 0;
				if (check_block(c, err) < 0)
					return -1;
			}
		}
		at += n;
		length -= n;
	}
	return 0;
}

int tar_check_end(const struct tar_check *c, struct error *err)
{
	if (c->skip > 0 || c->body_left > 0 || c->filled > 0 || c->sparse_map || c->pax ||
	    c->long_name || c->long_link)
		return error_set(err, ERROR_FORMAT, "the tar ends in the middle of an entry");
	return 0;
}
