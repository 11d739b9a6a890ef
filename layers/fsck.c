/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at every byte of the store; with repair, what is damaged goes to the trash. */
#include "common/fd.h"
#include "layers/blob.h"
#include "layers/store_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FSCK_CHUNK = 256 * 1024 };

struct fsck {
	struct store *store;
	bool repair;
	void (*finding)(void *user, const char *text);
	void *user;
	int findings;
	char *chunk;
};

static void fsck_release(struct fsck *f)
{
	free(f->chunk);
}
DEFINE_CLEANUP_STRUCT(fsck, struct fsck, fsck_release);

static void find(struct fsck *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void find(struct fsck *f, const char *format, ...)
{
	auto_(buf) struct buf text = BUF_INIT;
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	/* One line, whatever a file in the store is called. */
	for (char *c = text.data; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	f->findings++;
	f->finding(f->user, text.data);
}

static const char *why(const struct error *err, char text[ERROR_TEXT])
{
	error_format(err, text, ERROR_TEXT);
	return text;
}

static int discard(struct fsck *f, const char *path, struct error *err)
{
	return f->repair && trash_put(f->store, f->store->root, path, NULL, err) < 0 ? -1 : 0;
}

static int discard_object(struct fsck *f, enum store_area area, const struct digest *id,
			  struct error *err)
{
	char path[OBJECT_PATH_SIZE];

	for (int pending = 0; pending < 2; pending++)
		if (discard(f, object_path(f->store, area, id, pending, path), err) < 0)
			return -1;
	return 0;
}

static int check_root(struct fsck *f, struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;

	if (names_read(f->store, ".", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		size_t k = 0;

		while (store_root_names[k] != NULL &&
		       strcmp(store_root_names[k], names.item[i]) != 0)
			k++;
		if (store_root_names[k] == NULL)
			find(f, "%s does not belong to the store", names.item[i]);
	}
	return 0;
}

static bool file_is(struct fsck *f, const char *name, const char *text, size_t length)
{
	auto_(buf) struct buf is = BUF_INIT;
	struct error err = ERROR_INIT;

	return read_file(f->store->root, name, length, &is, &err) == 0 && is.length == length &&
	       memcmp(is.data, text, length) == 0;
}

static int check_marks(struct fsck *f, struct error *err)
{
	auto_(buf) struct buf format = BUF_INIT;
	int before = f->findings;

	store_format_render(&format);
	if (!file_is(f, "format", format.data, format.length))
		find(f, "format is damaged: it does not read as a store of version 1");
	if (!file_is(f, "oci-layout", store_oci_layout, strlen(store_oci_layout)))
		find(f, "oci-layout is damaged: it should read %s", store_oci_layout);
	return f->repair && f->findings > before ? store_write_marks(f->store, err) : 0;
}

static bool is_digest_name(const char *name)
{
	struct digest id;

	return digest_parse_hex(name, &id);
}

/* Names that are no digests, in the final place; pending is thrown away anyway. */
static int check_names(struct fsck *f, const char *path, bool (*fits)(const char *name),
		       struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;

	if (names_read(f->store, path, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (fits(names.item[i]))
			continue;
		find(f, "%s/%s does not belong to the store: its name is no digest", path,
		     names.item[i]);
		if (discard(f, arena_printf(&names.arena, "%s/%s", path, names.item[i]), err) < 0)
			return -1;
	}
	return 0;
}

static int check_blob(void *user, const struct digest *id, struct error *err)
{
	struct fsck *f = user;
	struct error bad = ERROR_INIT;
	auto_(blob_reader) struct blob_reader *r = blob_open(f->store, id, UINT64_MAX, &bad);
	char text[ERROR_TEXT], digest[DIGEST_TEXT_SIZE];
	ssize_t n = r != NULL ? 1 : -1;

	while (n > 0)
		n = blob_read(r, f->chunk, FSCK_CHUNK, &bad);
	if (n == 0)
		return 0;
	find(f, "blob %s is damaged: %s", digest_text(id, digest), why(&bad, text));
	return discard_object(f, STORE_BLOBS, id, err);
}

/* A list is named by the digest of its content, like a blob. */
static int check_list(void *user, const struct digest *id, struct error *err)
{
	struct fsck *f = user;
	auto_(hasher) struct hasher *h = hasher_new();
	auto_fd int fd = store_find(f->store, STORE_LISTS, id, err);
	char hex[DIGEST_HEX_SIZE];
	struct digest is;
	ssize_t n;

	if (fd < 0)
		return -1;
	while ((n = read(fd, f->chunk, FSCK_CHUNK)) > 0)
		hasher_add(h, f->chunk, (size_t)n);
	hasher_finish(h, &is);
	if (n == 0 && digest_equal(&is, id))
		return 0;
	find(f, "lists/%s is damaged: %s", digest_hex(id, hex),
	     n < 0 ? strerror(errno) : "its content does not match its name");
	return discard_object(f, STORE_LISTS, id, err);
}

/* What a record names and is not there, in text; 0 if all is there. */
static size_t record_lacks(struct fsck *f, enum store_area area, const struct record *r,
			   struct buf *text)
{
	char digest[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < r->count; i++) {
		const struct field *field = &r->fields[i];
		struct error err = ERROR_INIT;
		enum store_area of = STORE_BLOBS;
		uint64_t size;
		struct digest id;

		if (area == STORE_CACHE && strcmp(field->key, "diff_id") == 0)
			of = STORE_LAYERS;
		else if (area == STORE_CACHE && strcmp(field->key, "list") == 0)
			of = STORE_LISTS;
		else if (area == STORE_CACHE && strcmp(field->key, "manifest") != 0 &&
			 strcmp(field->key, "blob") != 0)
			continue;
		if (sscanf(field->value, "%71s", digest) != 1 ||
		    digest_parse(digest, &id, &err) < 0)
			continue;
		if (!store_has(f->store, of, &id))
			buf_printf(text, "%s/%s is missing", area_paths[of], digest);
		else if (area == STORE_LAYERS && object_size(f->store, of, &id, &size) &&
			 size != strtoull(field->value + strlen(digest), NULL, 10))
			buf_printf(text, "%s has %" PRIu64 " bytes, not the%s it says", digest,
				   size, field->value + strlen(digest));
		if (text->length > 0)
			break;
	}
	return text->length;
}

static int check_record(struct fsck *f, enum store_area area, const struct digest *id,
			struct error *err)
{
	auto_(record) struct record r = RECORD_INIT;
	auto_(buf) struct buf lacks = BUF_INIT;
	struct error bad = ERROR_INIT;
	char text[ERROR_TEXT], hex[DIGEST_HEX_SIZE];

	if (store_read_record(f->store, area, id, NULL, &r, &bad) < 0)
		find(f, "record %s", why(&bad, text));
	else if (record_lacks(f, area, &r, &lacks) > 0)
		find(f, "record %s/%s leads nowhere: %s", area_paths[area], digest_hex(id, hex),
		     lacks.data);
	else
		return 0;
	return discard_object(f, area, id, err);
}

static int check_layer_record(void *user, const struct digest *id, struct error *err)
{
	return check_record(user, STORE_LAYERS, id, err);
}

static int check_cache_record(void *user, const struct digest *id, struct error *err)
{
	return check_record(user, STORE_CACHE, id, err);
}

static int check_tree(void *user, const struct digest *id, struct error *err)
{
	struct fsck *f = user;
	char path[OBJECT_PATH_SIZE], text[ERROR_TEXT], digest[DIGEST_TEXT_SIZE];

	for (int pending = 0; pending < 2; pending++) {
		struct error bad = ERROR_INIT;
		auto_fd int dir = -1;

		object_path(f->store, STORE_TREES, id, pending, path);
		dir = store_openat(f->store, path, O_RDONLY | O_DIRECTORY, 0);
		if (dir < 0 && errno == ENOENT)
			continue;
		if (dir < 0)
			error_sys(&bad, "opening it");
		else if (tree_check(dir, &bad) == 1)
			continue;
		find(f, "tree %s is damaged: %s", digest_text(id, digest), why(&bad, text));
		if (discard(f, path, err) < 0)
			return -1;
	}
	return 0;
}

static void ref_finding(void *user, const char *text)
{
	struct fsck *f = user;

	find(f, "%s", text);
}

/* Returns 1 if the name was removed. */
static int check_ref(struct fsck *f, const char *file, struct error *err)
{
	auto_(ref) struct ref r = {.name = NULL};
	auto_(reach) struct reach reach = {.store = f->store, .finding = ref_finding, .user = f};
	char text[ERROR_TEXT], path[sizeof("refs/") + NAME_MAX + 1];
	struct error bad = ERROR_INIT;
	int before = f->findings;

	if (ref_load(f->store, file, &r, &bad) < 0)
		find(f, "name %s", why(&bad, text));
	else if (reach_ref(&reach, &r, &bad) < 0)
		find(f, "image %s cannot be checked: %s", r.name, why(&bad, text));
	if (f->findings == before || !f->repair)
		return 0;
	snprintf(path, sizeof(path), "refs/%s", file);
	return discard(f, path, err) < 0 ? -1 : 1;
}

static int check_refs(struct fsck *f, struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;
	auto_(buf) struct buf index = BUF_INIT;
	bool dirty, changed = false;
	auto_fd int lock = refs_lock(f->store, &dirty, err);

	if (lock < 0 || names_read(f->store, "refs", &names, err) < 0 ||
	    (f->repair && refs_mark(lock, true, err) < 0))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		int removed;

		removed = check_ref(f, names.item[i], err);
		if (removed < 0)
			return -1;
		changed = changed || removed > 0;
	}
	/* With repair, names that went are no fault of index.json. */
	if (!changed && index_render(f->store, NULL, 0, &index, err) < 0)
		return -1;
	if (!changed && !index_is_current(f->store, &index))
		find(f, "index.json does not list the names that refs holds");
	return f->repair ? refs_settle(f->store, lock, err) : 0;
}

static int check_all(struct fsck *f, struct error *err)
{
	static const struct {
		enum store_area area;
		int (*check)(void *user, const struct digest *id, struct error *err);
	} areas[] = {
		{STORE_BLOBS, check_blob},         {STORE_LISTS, check_list},
		{STORE_TREES, check_tree},         {STORE_LAYERS, check_layer_record},
		{STORE_CACHE, check_cache_record},
	};

	if (check_root(f, err) < 0 || check_marks(f, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(areas) / sizeof(*areas); i++) {
		if (check_names(f, area_paths[areas[i].area], is_digest_name, err) < 0 ||
		    store_each(f->store, areas[i].area, areas[i].check, f, err) < 0)
			return -1;
	}
	/* What programs keep in cache mounts is theirs. */
	if (check_names(f, "mounts", mount_is_name, err) < 0 ||
	    check_names(f, "memos", is_digest_name, err) < 0)
		return -1;
	return check_refs(f, err);
}

int store_fsck(struct store *s, bool repair, void (*finding)(void *user, const char *text),
	       void *user, struct error *err)
{
	auto_(fsck) struct fsck f = {.store = s,
				     .repair = repair,
				     .finding = finding,
				     .user = user,
				     .chunk = xmalloc(FSCK_CHUNK)};
	auto_fd int gc = store_lock(s, "gc", repair ? LOCK_EX : LOCK_SH, err);

	if (gc < 0 || check_all(&f, err) < 0)
		return -1;
	cleanup_fd(&gc);
	if (repair && trash_empty(s, NULL, true, err) < 0)
		return error_add(err, "emptying the trash");
	return f.findings;
}
