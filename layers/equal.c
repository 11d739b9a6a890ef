/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/equal.h"

#include "common/fd.h"
#include "common/listing.h"
#include "layers/same.h"
#include "layers/unpack.h"
#include "layers/whiteout.h"

#include <string.h>
#include <uthash.h>

/* same_metadata() takes later times for this one, which is all but those before 1970. */
enum { ALL_TIMES = 0 };

/* A file with several names: they must be names of one file on both sides. */
struct twin {
	struct {
		dev_t dev;
		ino_t ino;
	} key;
	struct stat other;
	UT_hash_handle hh;
};

struct walk {
	struct twin *twins;
	int64_t since;
	bool userxattr;
	bool content; /* the second pass */
	bool equal;
	unsigned depth;
	struct error *err;
};

static void twins_free(struct walk *w)
{
	struct twin *t, *next;

	HASH_ITER(hh, w->twins, t, next)
	{
		HASH_DEL(w->twins, t);
		free(t);
	}
}

static bool same_but_clock(const struct walk *w, const struct stat *a, const struct stat *b)
{
	return same_metadata(a, b, ALL_TIMES) &&
	       (a->st_mtim.tv_sec >= w->since || a->st_mtim.tv_sec == b->st_mtim.tv_sec);
}

static bool same_inode(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Remembers what `a` is on the other side; false if it was something else before. */
static bool is_twin(struct walk *w, const struct stat *a, const struct stat *b)
{
	struct twin *t = NULL, key;

	memset(&key, 0, sizeof(key));
	key.key.dev = a->st_dev;
	key.key.ino = a->st_ino;
	HASH_FIND(hh, w->twins, &key.key, sizeof(key.key), t);
	if (t != NULL)
		return same_inode(&t->other, b);
	t = xcalloc(1, sizeof(*t));
	memcpy(&t->key, &key.key, sizeof(t->key));
	t->other = *b;
	HASH_ADD(hh, w->twins, key, sizeof(t->key), t);
	return true;
}

static int compare_content(struct walk *w, struct same_side *a, struct same_side *b)
{
	auto_fd int fd = -1;
	int status;

	if (S_ISREG(a->st.st_mode)) {
		fd = open_child(a->dir, a->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, w->err);
		if (fd < 0 || xattrs_read(fd, &a->xattrs, w->err) < 0)
			return -1;
	}
	a->fd = fd;
	status = same_file(a, b, ALL_TIMES, &w->equal, w->err);
	a->fd = -1;
	return status;
}

static int compare_file(struct walk *w, const struct same_side *left, const struct same_side *right)
{
	struct same_side a = *left, b = *right;
	int status = 0;

	w->equal = same_but_clock(w, &a.st, &b.st) && a.st.st_rdev == b.st.st_rdev &&
		   (!S_ISREG(a.st.st_mode) || a.st.st_size == b.st.st_size) &&
		   a.st.st_nlink == b.st.st_nlink;
	if (w->equal && a.st.st_nlink > 1)
		w->equal = is_twin(w, &a.st, &b.st);
	if (w->equal && w->content)
		status = compare_content(w, &a, &b);
	xattrs_release(&a.xattrs);
	xattrs_release(&b.xattrs);
	return status;
}

static int compare_directory(struct walk *w, int a, int b);

static int enter(struct walk *w, const struct same_side *a, const struct same_side *b)
{
	auto_fd int left = open_child(a->dir, a->name, O_RDONLY | O_DIRECTORY, 0, w->err);
	auto_fd int right = -1;
	int status;

	if (left < 0)
		return -1;
	right = open_child(b->dir, b->name, O_RDONLY | O_DIRECTORY, 0, w->err);
	if (right < 0)
		return -1;
	if (w->depth == UNPACK_MAX_DEPTH) {
		w->equal = false;
		return 0;
	}
	w->depth++;
	status = compare_directory(w, left, right);
	w->depth--;
	return status;
}

static int compare_child(struct walk *w, int a, int b, const char *name)
{
	struct same_side left = {.dir = a, .name = name, .fd = -1, .xattrs = XATTRS_INIT};
	struct same_side right = {.dir = b, .name = name, .fd = -1, .xattrs = XATTRS_INIT};

	if (fstatat(a, name, &left.st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(b, name, &right.st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(w->err, "%s", name);
	if (!S_ISDIR(left.st.st_mode) || !S_ISDIR(right.st.st_mode))
		return compare_file(w, &left, &right);
	return enter(w, &left, &right);
}

static int compare_attributes(struct walk *w, int a, int b)
{
	auto_(xattrs) struct xattrs left = XATTRS_INIT, right = XATTRS_INIT;
	bool hides, hides_too;
	struct stat st, other;

	if (fstat(a, &st) < 0 || fstat(b, &other) < 0)
		return error_sys(w->err, "reading a directory");
	if (opaque_get(a, w->userxattr, &hides, w->err) < 0 ||
	    opaque_get(b, w->userxattr, &hides_too, w->err) < 0 ||
	    xattrs_read(a, &left, w->err) < 0 || xattrs_read(b, &right, w->err) < 0)
		return -1;
	w->equal =
		same_but_clock(w, &st, &other) && hides == hides_too && xattrs_equal(&left, &right);
	return 0;
}

static int compare_directory(struct walk *w, int a, int b)
{
	auto_(listing) struct listing left = LISTING_INIT, right = LISTING_INIT;

	if (!w->content && compare_attributes(w, a, b) < 0)
		return -1;
	if (!w->equal)
		return 0;
	if (listing_read(a, &left, w->err) < 0 || listing_read(b, &right, w->err) < 0)
		return -1;
	w->equal = left.count == right.count;
	listing_sort(&left);
	listing_sort(&right);
	for (size_t i = 0; w->equal && i < left.count; i++)
		w->equal = strcmp(left.item[i].name, right.item[i].name) == 0;
	for (size_t i = 0; w->equal && i < left.count; i++)
		if (compare_child(w, a, b, left.item[i].name) < 0)
			return error_add(w->err, "%s", left.item[i].name);
	return 0;
}

int trees_equal(int a, int b, int64_t since, bool userxattr, bool *equal, struct error *err)
{
	struct walk w = {.since = since, .userxattr = userxattr, .equal = true, .err = err};
	int status = 0;

	for (int pass = 0; pass < 2 && status == 0 && w.equal; pass++) {
		w.content = pass == 1;
		status = compare_directory(&w, a, b);
		twins_free(&w);
	}
	*equal = w.equal;
	return status;
}
