/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of layers/: a tree as text, made without the code under test.
 */
#ifndef TESTS_LAYERS_DUMP_H
#define TESTS_LAYERS_DUMP_H

#include "common/arena.h"
#include "common/fd.h"
#include "layers/digest.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cmocka.h>

static inline void must(bool good, const struct error *err)
{
	char text[2048];

	if (good)
		return;
	error_format(err, text, sizeof(text));
	fail_msg("%s", text);
}

static inline int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void dump_hex(struct buf *out, const void *data, size_t size)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < size; i++)
		buf_printf(out, byte[i] > ' ' && byte[i] < 0x7f && byte[i] != '%' ? "%c" : "%%%02x",
			   byte[i]);
}

static inline void dump_xattrs(struct buf *out, int dir, const char *name)
{
	char list[65536], value[65536], path[PATH_MAX];
	const char *names[500];
	size_t count = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	n = llistxattr(path, list, sizeof(list));
	for (char *at = list; n > 0 && at < list + n; at += strlen(at) + 1)
		if (strstr(at, ".overlay.") == NULL && count < 500)
			names[count++] = at;
	qsort(names, count, sizeof(*names), by_text);
	for (size_t i = 0; i < count; i++) {
		n = lgetxattr(path, names[i], value, sizeof(value));
		buf_add_str(out, " x:");
		dump_hex(out, names[i], strlen(names[i]));
		buf_add_char(out, '=');
		dump_hex(out, value, n > 0 ? (size_t)n : 0);
	}
}

struct dump {
	struct buf text;
	struct {
		dev_t device;
		ino_t inode;
		char *path;
	} seen[4000]; /* inodes with several names */
	size_t count;
	bool links; /* tell hard links apart from copies */
};

static inline void dump_entry(struct dump *d, int dir, const char *name, const char *path,
			      const struct stat *st)
{
	struct buf *out = &d->text;

	dump_hex(out, path, strlen(path));
	buf_printf(out, " %o %u:%u", st->st_mode, st->st_uid, st->st_gid);
	buf_printf(out, " t%lld", (long long)st->st_mtim.tv_sec);
	if (S_ISREG(st->st_mode))
		buf_printf(out, " s%lld", (long long)st->st_size);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		buf_printf(out, " d%u,%u", major(st->st_rdev), minor(st->st_rdev));
	if (S_ISLNK(st->st_mode)) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(dir, name, target, sizeof(target));

		buf_add_str(out, " ->");
		dump_hex(out, target, n > 0 ? (size_t)n : 0);
	}
	if (S_ISREG(st->st_mode)) {
		auto_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		auto_(buf) struct buf data = BUF_INIT;
		struct error err = ERROR_INIT;
		char hex[DIGEST_HEX_SIZE];
		struct digest digest;

		must(fd >= 0 && read_all(fd, (size_t)1 << 32, &data, &err) == 0, &err);
		digest_of(data.data, data.length, &digest);
		buf_printf(out, " c%.16s", digest_hex(&digest, hex));
	}
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))
		dump_xattrs(out, dir, name);
	if (d->links && !S_ISDIR(st->st_mode) && st->st_nlink > 1) {
		size_t i = 0;

		while (i < d->count &&
		       (d->seen[i].inode != st->st_ino || d->seen[i].device != st->st_dev))
			i++;
		if (i < d->count) {
			buf_add_str(out, " =");
			dump_hex(out, d->seen[i].path, strlen(d->seen[i].path));
		} else {
			assert_true(d->count < 4000);
			d->seen[d->count].device = st->st_dev;
			d->seen[d->count].inode = st->st_ino;
			d->seen[d->count++].path = xstrdup(path);
		}
	}
	buf_add_char(out, '\n');
}

static inline void dump_dir(struct dump *d, int dir, const char *path)
{
	auto_(dir) DIR *list = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	char **names = NULL;
	size_t count = 0;

	assert_non_null(list);
	for (struct dirent *e; (e = readdir(list)) != NULL;) {
		if (is_dot(e->d_name))
			continue;
		names = xgrow(names, count, sizeof(*names));
		names[count++] = xstrdup(e->d_name);
	}
	if (count > 0)
		qsort(names, count, sizeof(*names), by_text);
	for (size_t i = 0; i < count; i++) {
		auto_free char *child = xprintf("%s/%s", path, names[i]);
		struct stat st;

		assert_int_equal(fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		dump_entry(d, dir, names[i], child, &st);
		if (S_ISDIR(st.st_mode)) {
			auto_fd int fd = openat(dir, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			dump_dir(d, fd, child);
		}
		free(names[i]);
	}
	free(names);
}

/* Every entry below dir with all that a layer keeps; the caller frees. */
static inline char *dump_tree(int dir, bool links)
{
	struct dump *d = xcalloc(1, sizeof(*d));
	char *text;

	d->text = (struct buf)BUF_INIT;
	d->links = links;
	dump_dir(d, dir, "");
	for (size_t i = 0; i < d->count; i++)
		free(d->seen[i].path);
	text = buf_steal(&d->text);
	free(d);
	return text;
}

#endif
