/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/same.h"

#include "common/arena.h"
#include "common/fd.h"
#include "layers/pack.h"

#include <limits.h>
#include <string.h>

enum { PIECE = 64 * 1024 };

int64_t clamp_time(int64_t seconds, int64_t epoch)
{
	return epoch >= 0 && seconds > epoch ? epoch : seconds;
}

bool same_metadata(const struct stat *a, const struct stat *b, int64_t epoch)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       clamp_time(a->st_mtim.tv_sec, epoch) == clamp_time(b->st_mtim.tv_sec, epoch);
}

static int same_target(const struct same_side *a, const struct same_side *b, bool *same,
		       struct error *err)
{
	char left[PATH_MAX], right[PATH_MAX];
	ssize_t n = readlinkat(a->dir, a->name, left, sizeof(left));
	ssize_t m = n < 0 ? -1 : readlinkat(b->dir, b->name, right, sizeof(right));

	if (n < 0 || m < 0)
		return error_sys(err, "reading a symbolic link");
	*same = n == m && memcmp(left, right, (size_t)n) == 0;
	return 0;
}

/* As much as there is, up to PIECE. */
static ssize_t read_piece(int fd, char *piece, struct error *err)
{
	size_t used = 0;

	while (used < PIECE) {
		ssize_t n = read(fd, piece + used, PIECE - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, "reading");
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

static int same_content(int a, int b, bool *same, struct error *err)
{
	auto_free char *left = xmalloc(PIECE);
	auto_free char *right = xmalloc(PIECE);

	for (;;) {
		ssize_t n = read_piece(a, left, err);
		ssize_t m = n < 0 ? -1 : read_piece(b, right, err);

		if (n < 0 || m < 0)
			return -1;
		*same = n == m && memcmp(left, right, (size_t)n) == 0;
		if (!*same || n == 0)
			return 0;
	}
}

int same_file(const struct same_side *above, struct same_side *below, int64_t epoch, bool *same,
	      struct error *err)
{
	const struct stat *a = &above->st, *b = &below->st;
	auto_fd int fd = -1;

	*same = same_metadata(a, b, epoch);
	if (!*same)
		return 0;
	if (S_ISLNK(a->st_mode))
		return same_target(above, below, same, err);
	if (!S_ISREG(a->st_mode)) {
		*same = S_ISFIFO(a->st_mode) || a->st_rdev == b->st_rdev;
		return 0;
	}
	*same = a->st_size == b->st_size;
	if (!*same)
		return 0;
	fd = open_child(below->dir, below->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, err);
	if (fd < 0 || xattrs_read(fd, &below->xattrs, err) < 0)
		return -1;
	*same = xattrs_equal(&above->xattrs, &below->xattrs);
	if (!*same || a->st_size == 0)
		return 0;
	if (same_content(above->fd, fd, same, err) < 0)
		return -1;
	return lseek(above->fd, 0, SEEK_SET) < 0 ? error_sys(err, "reading") : 0;
}

int same_but(const struct same_side *above, struct same_side *below, int64_t epoch, unsigned *out,
	     struct error *err)
{
	const struct stat *a = &above->st, *b = &below->st;
	struct error ignored = ERROR_INIT;
	auto_fd int fd = -1;
	bool same = false;

	*out = 0;
	if (!S_ISREG(a->st_mode) || !S_ISREG(b->st_mode) || a->st_size != b->st_size)
		return 0;
	fd = open_child(below->dir, below->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &ignored);
	if (fd < 0 || xattrs_read(fd, &below->xattrs, &ignored) < 0 ||
	    same_content(above->fd, fd, &same, &ignored) < 0)
		same = false;
	if (lseek(above->fd, 0, SEEK_SET) < 0)
		return error_sys(err, "reading");
	if (!same)
		return 0;
	if (a->st_mode != b->st_mode)
		*out |= LAYER_MODE;
	if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		*out |= LAYER_OWNER;
	if (clamp_time(a->st_mtim.tv_sec, epoch) != clamp_time(b->st_mtim.tv_sec, epoch))
		*out |= LAYER_TIME;
	if (!xattrs_equal(&above->xattrs, &below->xattrs))
		*out |= LAYER_XATTRS;
	return 0;
}
