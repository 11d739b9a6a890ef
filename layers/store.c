/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/store.h"

#include "common/fd.h"
#include "layers/store_private.h"

#include <assert.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>

enum { STORE_FORMAT = 1, FORMAT_MAX_BYTES = 4096 };

const char store_oci_layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

static const char *const directories[] = {
	"blobs/sha256", "refs",    "cache", "layers", "lists", "trees",
	"lock/key",     "pending", "stage", "lease",  "trash", NULL,
};

const char *const store_root_names[] = {
	"blobs",      "refs",    "cache", "layers", "lists",  "trees",      "lock",
	"pending",    "stage",   "lease", "trash",  "format", "index.json", "oci-layout",
	"containers", "volumes", "logs",  "mounts", "memos",  NULL,
};

int store_openat(const struct store *s, const char *path, int flags, mode_t mode)
{
	return openat_policy(s->root, path, flags, mode,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

void names_release(struct names *n)
{
	arena_release(&n->arena);
	n->item = NULL;
	n->count = 0;
}

static int name_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int names_read(const struct store *s, const char *path, struct names *out, struct error *err)
{
	auto_(dir) DIR *d = NULL;
	int fd = store_openat(s, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, "%s of the store", path);
	d = fdopendir(fd);
	if (d == NULL) {
		error_sys(err, "reading %s of the store", path);
		close(fd);
		return -1;
	}
	errno = 0;
	for (struct dirent *entry; (entry = readdir(d)) != NULL; errno = 0) {
		if (is_dot(entry->d_name))
			continue;
		out->item = arena_grow(&out->arena, out->item, out->count, sizeof(*out->item));
		out->item[out->count++] = arena_strdup(&out->arena, entry->d_name);
	}
	if (errno != 0)
		return error_sys(err, "reading %s of the store", path);
	if (out->count > 1)
		qsort(out->item, out->count, sizeof(*out->item), name_order);
	return 0;
}

int trash_put(struct store *s, int dir, const char *name, char *trash_name, struct error *err)
{
	char random[RANDOM_NAME_SIZE];
	auto_fd int trash = store_openat(s, "trash", O_RDONLY | O_DIRECTORY, 0);

	if (trash < 0 && errno == ENOENT)
		trash = mkdirs(s->root, "trash", 0700, err);
	else if (trash < 0)
		return error_sys(err, "the store's trash");
	if (trash < 0)
		return -1;
	random_name(random);
	if (renameat(dir, name, trash, random) < 0)
		return errno == ENOENT ? 0 : error_sys(err, "moving %s to the trash", name);
	if (trash_name != NULL)
		memcpy(trash_name, random, sizeof(random));
	return 1;
}

int trash_empty(struct store *s, const char *name, bool wait, struct error *err)
{
	auto_(names) struct names all = NAMES_INIT;
	auto_fd int trash = store_openat(s, "trash", O_RDONLY | O_DIRECTORY, 0);
	int result = 0;

	if (trash < 0)
		return errno == ENOENT ? 0 : error_sys(err, "the store's trash");
	while (flock(trash, wait ? LOCK_EX : LOCK_EX | LOCK_NB) < 0)
		if (errno != EINTR)
			return wait ? error_sys(err, "locking the store's trash") : 0;
	if (name != NULL)
		return remove_tree(trash, name, err);
	if (names_read(s, "trash", &all, err) < 0)
		return -1;
	/* One entry that resists must not keep the others from giving back their space. */
	for (size_t i = 0; i < all.count; i++)
		if (remove_tree(trash, all.item[i], err) < 0)
			result = -1;
	return result;
}

/* Only letters that can stand in a file name; anything else counts as unknown. */
static bool boot_id_set(struct store *s, const char *text)
{
	size_t length = strspn(text, "0123456789abcdefABCDEF-");

	if (length == 0 || length > BOOT_ID_MAX || (text[length] != '\0' && text[length] != '\n'))
		return false;
	memcpy(s->boot, text, length);
	s->boot[length] = '\0';
	return true;
}

static void read_boot_id(struct store *s)
{
	const char *given = getenv("VARVE_BOOT_ID");
	char text[BOOT_ID_MAX + 2];
	ssize_t n = -1;

	if (given != NULL && boot_id_set(s, given)) {
		s->boot_known = true;
		return;
	}
	auto_fd int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	s->boot_known = boot_id_set(s, text);
	if (!s->boot_known)
		random_name(s->boot);
}

int store_stage_file(struct store *s, const struct buf *text, bool sync,
		     char name[RANDOM_NAME_SIZE], struct error *err)
{
	auto_fd int fd = -1;

	if (store_stage(s, err) < 0)
		return -1;
	random_name(name);
	fd = open_child(s->stage, name, O_WRONLY | O_CREAT | O_EXCL, 0644, err);
	if (fd < 0)
		return -1;
	if (write_all(fd, text->data, text->length, err) < 0 ||
	    (sync && fsync(fd) < 0 && error_sys(err, "syncing") < 0)) {
		unlinkat(s->stage, name, 0);
		return -1;
	}
	return 0;
}

int store_replace(struct store *s, const char *path, const struct buf *text, bool sync,
		  struct error *err)
{
	char name[RANDOM_NAME_SIZE];

	if (store_stage_file(s, text, sync, name, err) < 0)
		return error_add(err, "%s of the store", path);
	if (renameat(s->stage, name, s->root, path) == 0)
		return 0;
	error_sys(err, "replacing %s of the store", path);
	unlinkat(s->stage, name, 0);
	return -1;
}

void store_format_render(struct buf *out)
{
	const struct record none = RECORD_INIT;

	record_render(&none, STORE_KIND, out);
}

int store_write_marks(struct store *s, struct error *err)
{
	auto_(buf) struct buf layout = BUF_INIT, format = BUF_INIT;

	buf_add_str(&layout, store_oci_layout);
	store_format_render(&format);
	/* Synced before it appears: a format file cut short by a power cut would look damaged. */
	if (store_replace(s, "oci-layout", &layout, false, err) < 0)
		return -1;
	return store_replace(s, "format", &format, true, err);
}

/* An interrupted creation left "lock" and perhaps more of ours; anything else is not our
   directory to fill. */
static int check_empty(struct store *s, struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;
	bool begun = false;

	if (names_read(s, ".", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		begun = begun || strcmp(names.item[i], "lock") == 0;
	if (names.count > 0 && !begun)
		return error_set(err, ERROR_EXISTS,
				 "the directory is neither empty nor a varve store (it holds %s)",
				 names.item[0]);
	return 0;
}

static int create(struct store *s, struct error *err)
{
	auto_(buf) struct buf index = BUF_INIT;
	auto_fd int made = -1, gc = -1;

	if (!(s->flags & STORE_CREATE))
		return error_set(err, ERROR_NOT_FOUND, "the directory is no varve store");
	if (check_empty(s, err) < 0)
		return -1;
	if (fchmod(s->root, 0700) < 0)
		return error_sys(err, "making the store private");
	made = mkdirs(s->root, "lock", 0700, err);
	if (made < 0)
		return -1;
	gc = store_lock(s, "gc", LOCK_EX, err);
	if (gc < 0)
		return -1;
	for (size_t i = 0; directories[i] != NULL; i++) {
		auto_fd int fd = mkdirs(s->root, directories[i], 0700, err);

		if (fd < 0)
			return -1;
	}
	if (index_render(s, NULL, 0, &index, err) < 0 ||
	    (faccessat(s->root, "index.json", F_OK, 0) < 0 &&
	     store_replace(s, "index.json", &index, false, err) < 0))
		return -1;
	return store_write_marks(s, err);
}

/* 1 if this is a store that we know, 0 if there is no format file. A damaged format file is taken
   for ours: a flipped bit must not lock the user out, and fsck reports it. */
static int check_format(struct store *s, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	const char *number;
	unsigned long version = STORE_FORMAT;
	auto_fd int fd = store_openat(s, "format", O_RDONLY, 0);

	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, "the store's format");
	if (read_all(fd, FORMAT_MAX_BYTES, &text, err) < 0) {
		if (err->code != ERROR_LIMIT)
			return error_add(err, "the store's format");
		error_clear(err);
	}
	number = text.data + sizeof(STORE_KIND);
	if (strncmp(text.data, STORE_KIND " ", sizeof(STORE_KIND)) == 0)
		version = strtoul(number, NULL, 10);
	if (version != STORE_FORMAT && record_intact(text.data, text.length)) {
		error_set(err, ERROR_FORMAT, "the store has format %lu, this varve knows format %d",
			  version, STORE_FORMAT);
		return error_hint(err, "use the version of varve that made the store, or another "
				       "directory");
	}
	return 1;
}

static struct store *store_new(enum store_flags flags)
{
	struct store *s = xcalloc(1, sizeof(*s));

	s->root = s->stage = s->lease = -1;
	s->flags = flags;
	s->opener = getpid();
	read_boot_id(s);
	return s;
}

struct store *store_open(int root, enum store_flags flags, struct error *err)
{
	auto_(store) struct store *s = store_new(flags);
	int known;

	s->root = reopen_dir(root, err);
	if (s->root < 0)
		return NULL;
	known = check_format(s, err);
	if (known < 0 || (known == 0 && create(s, err) < 0))
		return NULL;
	store_collect(s);
	refs_recover(s);
	return steal(s);
}

void store_close(struct store *s)
{
	struct error err = ERROR_INIT;

	if (s == NULL)
		return;
	if (s->opener == getpid()) {
		/* Whatever fails here is collected by the next store_open(). */
		auto_fd int stages = s->stage < 0 ? -1 : store_openat(s, "stage", O_RDONLY, 0);
		auto_fd int leases = s->lease < 0 ? -1 : store_openat(s, "lease", O_RDONLY, 0);

		if (stages >= 0)
			remove_tree(stages, s->stage_name, &err);
		if (leases >= 0)
			unlinkat(leases, s->lease_name, 0);
	}
	cleanup_fd(&s->stage);
	cleanup_fd(&s->lease);
	cleanup_fd(&s->root);
	free(s);
}

int store_root(const struct store *s)
{
	return s->root;
}

bool store_userxattr(const struct store *s)
{
	return s->flags & STORE_USERXATTR;
}
