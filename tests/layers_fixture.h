/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of layers/ share: a scratch directory with a store, a seeded random, random trees.
 */
#ifndef TESTS_LAYERS_FIXTURE_H
#define TESTS_LAYERS_FIXTURE_H

#include "common/arena.h"
#include "common/fd.h"
#include "layers/pack.h"
#include "layers/unpack.h"
#include "tests/layers_dump.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cmocka.h>

/* --- scratch ------------------------------------------------------------------------------- */

struct scratch {
	char path[300];
	int dir;
	struct store *store;
	uint64_t seed; /* of the trial under way; told at the end of the test */
};

/* A new store in place of the old one, if any. */
static inline bool scratch_renew(struct scratch *s)
{
	struct error err = ERROR_INIT;
	auto_fd int root = -1;

	store_close(s->store);
	s->store = NULL;
	if (remove_tree(s->dir, "store", &err) < 0)
		return false;
	root = mkdir_child(s->dir, "store", 0700, &err);
	s->store = root < 0 ? NULL : store_open(root, STORE_CREATE, &err);
	if (s->store == NULL)
		error_print(&err, stderr, true);
	return s->store != NULL;
}

static inline int scratch_open_in(void **state, const char *parent)
{
	struct scratch *s = xcalloc(1, sizeof(*s));

	snprintf(s->path, sizeof(s->path), "%s/varve-test-XXXXXX", parent);
	if (mkdtemp(s->path) == NULL)
		return -1;
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!scratch_renew(s))
		return -1;
	*state = s;
	return 0;
}

static inline int scratch_open(void **state)
{
	const char *tmp = getenv("TMPDIR");

	return scratch_open_in(state, tmp != NULL ? tmp : "/tmp");
}

static inline int scratch_close(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	const char *base = strrchr(s->path, '/');
	char parent[300];
	int fd;

	if (s->seed != 0)
		print_message("last seed: %llu (SEED= TRIALS=1 repeats it)\n",
			      (unsigned long long)s->seed);
	store_close(s->store);
	close(s->dir);
	snprintf(parent, sizeof(parent), "%.*s", (int)(base - s->path), s->path);
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		remove_tree(fd, base + 1, &err);
		close(fd);
	}
	free(s);
	return err.code == ERROR_NONE ? 0 : -1;
}

static inline int make_dir(int parent, const char *name)
{
	struct error err = ERROR_INIT;
	int fd = mkdir_child(parent, name, 0755, &err);

	must(fd >= 0, &err);
	return fd;
}

static inline void remove_dir(int parent, const char *name)
{
	struct error err = ERROR_INIT;

	must(remove_tree(parent, name, &err) == 0, &err);
}

static inline void put_file(int dir, const char *name, const void *data, size_t size)
{
	struct error err = ERROR_INIT;
	auto_fd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	must(write_all(fd, data, size, &err) == 0, &err);
}

static inline void put_text(int dir, const char *name, const char *text)
{
	put_file(dir, name, text, strlen(text));
}

static inline void set_mtime(int dir, const char *name, int64_t seconds)
{
	struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

	assert_int_equal(utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static inline int trials(int normal)
{
	const char *text = getenv("TRIALS");

	return text != NULL && atoi(text) > 0 ? atoi(text) : normal;
}

/* --- random -------------------------------------------------------------------------------- */

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline unsigned rng_below(struct rng *r, unsigned limit)
{
	return (unsigned)(rng_next(r) % limit);
}

/* SEED=n repeats one trial of a random test. */
static inline uint64_t first_seed(void)
{
	const char *text = getenv("SEED");

	return text != NULL ? strtoull(text, NULL, 0) : 1;
}

static inline struct rng trial(struct scratch *s, int number)
{
	enum { RENEW_EVERY = 100 }; /* so that long runs do not fill the disk */

	s->seed = first_seed() + (uint64_t)number;
	if (number > 0 && number % RENEW_EVERY == 0)
		assert_true(scratch_renew(s));
	return (struct rng){s->seed};
}

static inline void random_bytes(struct rng *r, unsigned char *out, size_t size)
{
	bool text = rng_below(r, 2) == 0;

	for (size_t i = 0; i < size; i++)
		out[i] = (unsigned char)(text ? 'a' + rng_below(r, 4) : rng_next(r));
}

/* Any bytes but NUL and '/'; some as long as a name can be. Never ".wh." at the start. */
static inline void random_filename(struct rng *r, char out[NAME_MAX + 1])
{
	static const unsigned lengths[] = {1, 1, 2, 3, 8, 20, 60, 99, 100, 101, 200, 255};
	unsigned length = lengths[rng_below(r, sizeof(lengths) / sizeof(lengths[0]))];
	bool odd = rng_below(r, 4) == 0;

	for (unsigned i = 0; i < length; i++) {
		char c;

		do {
			c = (char)(odd ? 1 + rng_below(r, 255) : 'a' + rng_below(r, 5));
		} while (c == '/' || c == '\0' || (i == 0 && c == '.'));
		out[i] = c;
	}
	out[length] = '\0';
}

static inline int64_t random_mtime(struct rng *r)
{
	static const int64_t times[] = {0,          1,          -1,         -1000000000,
					1000000000, 1700000000, 8589934592, 4294967296};

	return times[rng_below(r, sizeof(times) / sizeof(times[0]))];
}

static inline uid_t random_id(struct rng *r)
{
	static const uid_t ids[] = {0, 0, 0, 1, 1000, 65534, 2097151, 2097152, 4294967294U};

	return ids[rng_below(r, sizeof(ids) / sizeof(ids[0]))];
}

static inline void random_xattrs(struct rng *r, int fd, bool regular)
{
	/* VFS_CAP_REVISION_2 with CAP_NET_BIND_SERVICE */
	static const unsigned char capability[20] = {1, 0, 0, 2, 0, 4};
	unsigned char value[300];

	for (unsigned i = rng_below(r, 3); i > 0; i--) {
		char name[40];

		random_bytes(r, value, sizeof(value));
		snprintf(name, sizeof(name), "user.%c\xc3\xa9 %u", 'a' + (int)rng_below(r, 3),
			 rng_below(r, 10));
		fsetxattr(fd, name, value, rng_below(r, sizeof(value)), 0);
	}
	if (regular && rng_below(r, 3) == 0)
		fsetxattr(fd, "security.capability", capability, sizeof(capability), 0);
}

static inline void random_file(struct rng *r, int dir, const char *name)
{
	static const unsigned sizes[] = {0, 1, 511, 512, 513, 4096, 70000, 300000};
	unsigned size = sizes[rng_below(r, rng_below(r, 4) == 0 ? 8 : 6)];
	auto_fd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	auto_free unsigned char *data = xmalloc(size + 1);

	assert_true(fd >= 0);
	if (size > 60000 && rng_below(r, 2) == 0) {
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(pwrite(fd, "x", 1, size / 2), 1);
	} else {
		random_bytes(r, data, size);
		assert_int_equal(write(fd, data, size), size);
	}
	assert_int_equal(fchown(fd, random_id(r), random_id(r)), 0);
	if (rng_below(r, 4) == 0)
		random_xattrs(r, fd, true);
	assert_int_equal(fchmod(fd, rng_below(r, 010000)), 0);
}

/* One new entry; names that exist already are left alone. The descriptor of a new directory, or
   -1. */
static inline int random_entry(struct rng *r, int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -1;
	switch (rng_below(r, 14)) {
	case 0:
	case 1:
	case 2:
	case 3: {
		int fd;

		assert_int_equal(mkdirat(dir, name, 0700), 0);
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(fchown(fd, random_id(r), random_id(r)), 0);
		if (rng_below(r, 6) == 0)
			random_xattrs(r, fd, false);
		assert_int_equal(fchmod(fd, rng_below(r, 010000)), 0);
		return fd;
	}
	case 4: {
		char target[NAME_MAX + 1];

		random_filename(r, target);
		assert_int_equal(symlinkat(target, dir, name), 0);
		assert_int_equal(
			fchownat(dir, name, random_id(r), random_id(r), AT_SYMLINK_NOFOLLOW), 0);
		break;
	}
	case 5:
		assert_int_equal(mknodat(dir, name, S_IFIFO | 0640, 0), 0);
		break;
	case 6:
		assert_int_equal(mknodat(dir, name, (rng_below(r, 2) ? S_IFCHR : S_IFBLK) | 0600,
					 makedev(1 + rng_below(r, 300), rng_below(r, 70000))),
				 0);
		break;
	default:
		random_file(r, dir, name);
	}
	set_mtime(dir, name, random_mtime(r));
	return -1;
}

/* A hard link to some file of dir; which one does not depend on the order of its names. */
static inline void random_link(struct rng *r, int dir, int to)
{
	auto_(dir) DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	char **names = NULL, name[NAME_MAX + 1];
	size_t count = 0;

	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (e->d_type == DT_DIR || e->d_type == DT_CHR)
			continue;
		names = xgrow(names, count, sizeof(*names));
		names[count++] = xstrdup(e->d_name);
	}
	if (count > 0) {
		qsort(names, count, sizeof(*names), by_text);
		random_filename(r, name);
		if (linkat(dir, names[rng_below(r, (unsigned)count)], to, name, 0) < 0)
			assert_int_equal(errno, EEXIST);
	}
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static inline void random_tree(struct rng *r, int dir, int depth)
{
	char name[NAME_MAX + 1];

	for (unsigned i = 1 + rng_below(r, 7); i > 0; i--) {
		auto_fd int child = -1;

		random_filename(r, name);
		child = random_entry(r, dir, name);
		if (child < 0)
			continue;
		if (depth > 0)
			random_tree(r, child, depth - 1);
		if (rng_below(r, 4) == 0)
			random_link(r, dir, child);
		set_mtime(dir, name, random_mtime(r));
	}
	if (rng_below(r, 3) == 0)
		random_link(r, dir, dir);
}

/* --- packing ------------------------------------------------------------------------------- */

static inline struct layer pack_plain(struct scratch *s, int tree, enum compression compression)
{
	struct pack_options options = {.compression = compression, .epoch = -1};
	struct error err = ERROR_INIT;
	struct layer layer;

	must(layer_pack(tree, s->store, &options, &layer, &err) == 0, &err);
	return layer;
}

/* The fs directory of the unpacked layer. */
static inline int unpack_plain(struct scratch *s, const struct layer *layer)
{
	struct error err = ERROR_INIT;
	int fd;

	must(layer_unpack(s->store, layer, &err) == 0, &err);
	fd = store_find(s->store, STORE_TREES, &layer->diff_id, &err);
	must(fd >= 0, &err);
	return fd;
}

#endif
