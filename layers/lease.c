/* SPDX-License-Identifier: Apache-2.0 */
/* What a process holds while it works: locks, its stage directory, its lease. */
#include "common/fd.h"
#include "layers/store_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { LEASE_MAX_BYTES = 256 * 1024 * 1024, LEASE_CHUNK = 64 * 1024, LOCK_PATH_SIZE = 128 };

static const char verb_made[] = "made", verb_used[] = "used";

static int flock_retry(int fd, int operation)
{
	int result;

	do
		result = flock(fd, operation);
	while (result < 0 && errno == EINTR);
	return result;
}

static bool is_linked(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

int store_lock(const struct store *s, const char *name, int operation, struct error *err)
{
	char path[LOCK_PATH_SIZE];

	snprintf(path, sizeof(path), "lock/%s", name);
	for (;;) {
		auto_fd int fd = store_openat(s, path, O_RDONLY | O_CREAT, 0600);

		if (fd < 0)
			return error_sys(err, "%s of the store", path);
		if (flock_retry(fd, operation) < 0) {
			if (errno == EWOULDBLOCK)
				return error_set(err, ERROR_EXISTS, "%s is held by another process",
						 path);
			return error_sys(err, "locking %s of the store", path);
		}
		/* GC removes key locks that nobody holds, perhaps between our open and flock. */
		if (is_linked(fd))
			return steal_fd(&fd);
	}
}

int store_lock_key(struct store *s, const struct digest *key, bool wait, struct error *err)
{
	char hex[DIGEST_HEX_SIZE], name[sizeof("key/") + DIGEST_HEX_SIZE];

	snprintf(name, sizeof(name), "key/%s", digest_hex(key, hex));
	return store_lock(s, name, wait ? LOCK_EX : LOCK_EX | LOCK_NB, err);
}

void store_unlock_key(int lock)
{
	if (lock < 0)
		return;
	flock_retry(lock, LOCK_UN);
	close(lock);
}

static void owner_name(const struct store *s, char out[OWNER_NAME_SIZE])
{
	char random[RANDOM_NAME_SIZE];

	random_name(random);
	snprintf(out, OWNER_NAME_SIZE, "%s-%d-%.16s", s->boot, (int)s->opener, random);
}

/* A job that began a stage or lease of its own would lose it at its end, and with it the
   protection of what it published for its parent. */
static int may_begin(const struct store *s, struct error *err)
{
	if (s->opener == getpid())
		return 0;
	return error_set(err, ERROR_BUG, "store_stage() was not called before forking a job");
}

static int lease_begin(struct store *s, struct error *err)
{
	if (s->lease >= 0)
		return 0;
	if (may_begin(s, err) < 0)
		return -1;
	for (;;) {
		auto_fd int dir = mkdirs(s->root, "lease", 0700, err);
		auto_fd int fd = -1;

		owner_name(s, s->lease_name);
		if (dir < 0)
			return -1;
		fd = open_child(dir, s->lease_name, O_RDWR | O_APPEND | O_CREAT | O_EXCL, 0600,
				err);
		if (fd < 0)
			return error_add(err, "lease");
		if (flock_retry(fd, LOCK_EX) < 0)
			return error_sys(err, "locking a lease");
		/* A collector may have taken the young file for a dead one. */
		if (is_linked(fd)) {
			s->lease = steal_fd(&fd);
			return 0;
		}
	}
}

/* 1 if the new directory name is ours and locked, 0 if a collector took it for a dead one in the
   moment before, -1 on error. */
static int lock_stage(int dir, const char *name, int *out, struct error *err)
{
	auto_fd int fd = mkdir_child(dir, name, 0700, err);
	struct stat held, named;

	if (fd < 0 && err->os == ENOENT) {
		error_clear(err);
		return 0;
	}
	if (fd < 0)
		return error_add(err, "stage");
	if (flock_retry(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : error_sys(err, "locking a stage directory");
	if (fstat(fd, &held) < 0)
		return error_sys(err, "stage");
	if (fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, "stage");
	if (held.st_ino != named.st_ino)
		return 0;
	*out = steal_fd(&fd);
	return 1;
}

int store_stage(struct store *s, struct error *err)
{
	int locked = 0;

	if (s->stage >= 0)
		return s->stage;
	if (lease_begin(s, err) < 0)
		return -1;
	while (locked == 0) {
		auto_fd int dir = mkdirs(s->root, "stage", 0700, err);

		if (dir < 0)
			return -1;
		owner_name(s, s->stage_name);
		locked = lock_stage(dir, s->stage_name, &s->stage, err);
	}
	return locked < 0 ? -1 : s->stage;
}

static size_t lease_line(char *line, size_t size, const char *verb, enum store_area area,
			 const struct digest *id)
{
	char hex[DIGEST_HEX_SIZE];

	/* The leading newline ends what a failed write may have left. */
	return (size_t)snprintf(line, size, "\n%s %s %s\n", verb, area_names[area],
				digest_hex(id, hex));
}

enum { LEASE_LINE_SIZE = 96 };

int lease_note(struct store *s, bool made, enum store_area area, const struct digest *id,
	       struct error *err)
{
	char line[LEASE_LINE_SIZE];
	size_t length = lease_line(line, sizeof(line), made ? verb_made : verb_used, area, id);

	if (lease_begin(s, err) < 0)
		return -1;
	if (write_all(s->lease, line, length, err) < 0)
		return error_add(err, "lease");
	return 0;
}

static int lease_text(int fd, struct buf *out, struct error *err)
{
	size_t room = LEASE_CHUNK;
	ssize_t n;

	/* Not read(): the offset is shared with the jobs. */
	while ((n = pread(fd, buf_reserve(out, room), room, (off_t)out->length)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, "reading a lease");
		buf_added(out, (size_t)n);
		if (out->length > LEASE_MAX_BYTES)
			return error_set(err, ERROR_LIMIT, "a lease is larger than %d bytes",
					 LEASE_MAX_BYTES);
	}
	return 0;
}

bool lease_made(const struct store *s, enum store_area area, const struct digest *id)
{
	auto_(buf) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	char line[LEASE_LINE_SIZE];

	lease_line(line, sizeof(line), verb_made, area, id);
	return s->lease >= 0 && lease_text(s->lease, &text, &err) == 0 &&
	       strstr(text.data, line) != NULL;
}

static bool parse_line(const char *line, enum store_area *area, struct digest *id)
{
	char verb[8], name[8], hex[DIGEST_HEX_SIZE];

	if (sscanf(line, "%7s %7s %64s", verb, name, hex) != 3 || !digest_parse_hex(hex, id) ||
	    (strcmp(verb, verb_made) != 0 && strcmp(verb, verb_used) != 0))
		return false;
	for (int a = 0; a < AREA_COUNT; a++) {
		if (strcmp(name, area_names[a]) == 0) {
			*area = (enum store_area)a;
			return true;
		}
	}
	return false;
}

static int lease_visit(struct store *s, const char *path,
		       int (*each)(void *user, enum store_area area, const struct digest *id,
				   struct error *err),
		       void *user, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	auto_fd int fd = store_openat(s, path, O_RDONLY, 0);
	enum store_area area;
	struct digest id;
	char *rest;

	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, "%s of the store", path);
	if (strcmp(path + sizeof("lease"), s->lease_name) != 0 &&
	    flock_retry(fd, LOCK_SH | LOCK_NB) == 0)
		return 0; /* its owner is gone; the next store_open() collects it */
	if (lease_text(fd, &text, err) < 0)
		return -1;
	rest = text.data;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (parse_line(line, &area, &id) && each(user, area, &id, err) < 0)
			return -1;
	return 0;
}

int lease_each(struct store *s,
	       int (*each)(void *user, enum store_area area, const struct digest *id,
			   struct error *err),
	       void *user, struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;

	if (names_read(s, "lease", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		char *path = arena_printf(&names.arena, "lease/%s", names.item[i]);

		if (lease_visit(s, path, each, user, err) < 0)
			return -1;
	}
	return 0;
}

int store_pin(struct store *s, enum store_area area, const struct digest *id, bool *found,
	      struct error *err)
{
	auto_fd int gc = store_lock(s, "gc", LOCK_SH, err);

	if (gc < 0)
		return -1;
	*found = store_has(s, area, id);
	if (!*found || lease_note(s, false, area, id, err) == 0)
		return 0;
	if (err->os != EROFS)
		return -1;
	/* Nobody can remove anything from a read-only store either. */
	error_clear(err);
	return 0;
}

static void collect_one(struct store *s, int dir, const char *name)
{
	char trash[RANDOM_NAME_SIZE];
	struct error err = ERROR_INIT;

	if (trash_put(s, dir, name, trash, &err) > 0)
		trash_empty(s, trash, false, &err);
}

/* Entries whose owner is dead: the kernel released its flock. */
static void collect_owned(struct store *s, const char *path, bool directories)
{
	auto_(names) struct names names = NAMES_INIT;
	struct error err = ERROR_INIT;
	auto_fd int dir = -1;

	if (names_read(s, path, &names, &err) < 0 || names.count == 0)
		return;
	dir = store_openat(s, path, O_RDONLY | O_DIRECTORY, 0);
	for (size_t i = 0; dir >= 0 && i < names.count; i++) {
		auto_fd int fd = open_child(dir, names.item[i], O_RDONLY | O_NONBLOCK, 0, &err);

		if (fd < 0 || flock_retry(fd, LOCK_EX | LOCK_NB) < 0)
			continue;
		if (directories)
			collect_one(s, dir, names.item[i]);
		else
			unlinkat(dir, names.item[i], 0);
	}
}

static void collect_pending(struct store *s)
{
	auto_(names) struct names names = NAMES_INIT;
	struct error err = ERROR_INIT;
	auto_fd int dir = -1;

	/* Without a boot id of our own every other one might be the running boot's. */
	if (!s->boot_known || names_read(s, "pending", &names, &err) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		if (strcmp(names.item[i], s->boot) == 0)
			continue;
		if (dir < 0)
			dir = store_openat(s, "pending", O_RDONLY | O_DIRECTORY, 0);
		if (dir >= 0)
			collect_one(s, dir, names.item[i]);
	}
}

void store_collect(struct store *s)
{
	collect_owned(s, "stage", true);
	collect_owned(s, "lease", false);
	collect_pending(s);
}
