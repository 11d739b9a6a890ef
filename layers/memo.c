/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/memo.h"

#include "layers/store_private.h"

#include <stdio.h>
#include <string.h>

enum { MEMO_PATH_SIZE = sizeof("memos/") + DIGEST_HEX_SIZE };

static void memo_path(const struct digest *id, char path[MEMO_PATH_SIZE])
{
	char hex[DIGEST_HEX_SIZE];

	snprintf(path, MEMO_PATH_SIZE, "memos/%s", digest_hex(id, hex));
}

int memo_read(struct store *s, const struct digest *id, size_t most, struct buf *out,
	      struct error *err)
{
	char path[MEMO_PATH_SIZE];
	size_t start = out->length, length;
	struct digest sum;
	auto_fd int fd = -1;

	memo_path(id, path);
	fd = store_openat(s, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, ERROR_NOT_FOUND, "there is no such memo");
	if (read_all(fd, most, out, err) < 0)
		return -1;
	length = out->length - start;
	if (length >= sizeof(sum))
		digest_of(out->data + start, length - sizeof(sum), &sum);
	if (length < sizeof(sum) ||
	    memcmp(&sum, out->data + out->length - sizeof(sum), sizeof(sum)) != 0) {
		buf_truncate(out, start);
		return error_set(err, ERROR_NOT_FOUND, "the memo is damaged");
	}
	buf_truncate(out, out->length - sizeof(sum));
	return 0;
}

int memo_write(struct store *s, const struct digest *id, const void *data, size_t length,
	       struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	char path[MEMO_PATH_SIZE];
	struct digest sum;

	digest_of(data, length, &sum);
	buf_add(&text, data, length);
	buf_add(&text, &sum, sizeof(sum));
	memo_path(id, path);
	if (mkdirat(s->root, "memos", 0700) < 0 && errno != EEXIST)
		return error_sys(err, "memos of the store");
	return store_replace(s, path, &text, false, err);
}
