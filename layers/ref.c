/* SPDX-License-Identifier: Apache-2.0 */
/* Names of images, and index.json, which shows them to other OCI tools. */
#include "common/fd.h"
#include "layers/image.h"
#include "layers/json.h"
#include "layers/store_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char latest[] = ":latest";

void ref_release(struct ref *r)
{
	free(r->name);
	free(r->media_type);
	*r = (struct ref){.name = NULL};
}

/* '@' cannot stand in a canonical name, so an unnamed image never shares a file with a name. */
static char *ref_key(const struct ref *r)
{
	char text[DIGEST_TEXT_SIZE];

	return r->name != NULL && r->name[0] != '\0'
		       ? xstrdup(r->name)
		       : xprintf("@%s", digest_text(&r->manifest, text));
}

static const char *key_file(const char *key, char out[REF_NAME_SIZE])
{
	struct digest d;

	digest_of(key, strlen(key), &d);
	return digest_hex(&d, out);
}

const char *ref_file(const struct ref *r, char out[REF_NAME_SIZE])
{
	auto_free char *key = ref_key(r);

	return key_file(key, out);
}

void ref_render(const struct ref *r, struct buf *out)
{
	auto_(record) struct record record = RECORD_INIT;

	record_add(&record, "name", r->name != NULL ? r->name : "");
	record_add_digest(&record, "manifest", &r->manifest);
	record_addf(&record, "size", "%" PRIu64, r->size);
	record_add(&record, "media_type", r->media_type);
	record_addf(&record, "when", "%" PRIu64, (uint64_t)(r->when > 0 ? r->when : 0));
	record_render(&record, REF_KIND, out);
}

/* A record under a file name that is not its own was copied there by accident. */
static int parse_ref(const char *file, const struct buf *text, struct ref *out, struct error *err)
{
	auto_(record) struct record record = RECORD_INIT;
	struct ref r = {.name = NULL};
	const char *name, *media_type;
	char should[REF_NAME_SIZE];
	uint64_t when;

	if (record_parse(text->data, text->length, REF_KIND, &record, err) < 0 ||
	    record_get_digest(&record, "manifest", &r.manifest, err) < 0 ||
	    record_get_number(&record, "size", &r.size, err) < 0 ||
	    record_get_number(&record, "when", &when, err) < 0)
		return -1;
	name = record_get(&record, "name");
	media_type = record_get(&record, "media_type");
	if (name == NULL || media_type == NULL || when > INT64_MAX)
		return error_set(err, ERROR_FORMAT, "it lacks a field");
	r.name = xstrdup(name);
	r.media_type = xstrdup(media_type);
	r.when = (int64_t)when;
	if (strcmp(ref_file(&r, should), file) != 0) {
		ref_release(&r);
		return error_set(err, ERROR_FORMAT, "it is the record of another name");
	}
	*out = r;
	return 0;
}

int ref_load(const struct store *s, const char *file, struct ref *out, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	auto_fd int dir = store_openat(s, "refs", O_RDONLY | O_DIRECTORY, 0);
	enum error_code damaged;

	if (dir < 0)
		return error_sys(err, "refs of the store");
	if (read_file(dir, file, RECORD_MAX_BYTES, &text, err) < 0)
		damaged = err->code == ERROR_LIMIT ? ERROR_NOT_FOUND : err->code;
	else if (parse_ref(file, &text, out, err) < 0)
		damaged = ERROR_NOT_FOUND;
	else
		return 0;
	error_add(err, "refs/%s", file);
	err->code = damaged;
	return -1;
}

int ref_get(struct store *s, const char *name, struct ref *out, struct error *err)
{
	char file[REF_NAME_SIZE];

	if (ref_load(s, key_file(name, file), out, err) == 0)
		return 0;
	return err->os == ENOENT ? error_set(err, ERROR_NOT_FOUND, "no image is named %s", name)
				 : error_add(err, "image %s", name);
}

int ref_each(struct store *s,
	     int (*each)(void *user, const char *file, const struct ref *r, struct error *err),
	     void *user, struct error *err)
{
	auto_(names) struct names names = NAMES_INIT;

	if (names_read(s, "refs", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		auto_(ref) struct ref r = {.name = NULL};
		struct error why = ERROR_INIT;

		if (ref_load(s, names.item[i], &r, &why) == 0) {
			if (each(user, names.item[i], &r, err) < 0)
				return -1;
		} else if (why.code != ERROR_NOT_FOUND && why.code != ERROR_FORMAT) {
			*err = why;
			return -1;
		}
	}
	return 0;
}

struct ref_array {
	struct ref *item;
	size_t count;
};

static void ref_array_release(struct ref_array *a)
{
	for (size_t i = 0; i < a->count; i++)
		ref_release(&a->item[i]);
	free(a->item);
}
DEFINE_CLEANUP_STRUCT(ref_array, struct ref_array, ref_array_release);

static struct ref copy_ref(const struct ref *r)
{
	struct ref copy = *r;

	copy.name = xstrdup(r->name != NULL ? r->name : "");
	copy.media_type = xstrdup(r->media_type);
	return copy;
}

static int collect_ref(void *user, const char *file, const struct ref *r, struct error *err)
{
	struct ref_array *a = user;

	(void)file;
	(void)err;
	a->item = xgrow(a->item, a->count, sizeof(*a->item));
	a->item[a->count++] = copy_ref(r);
	return 0;
}

static int ref_order(const void *a, const void *b)
{
	const struct ref *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : digest_compare(&x->manifest, &y->manifest);
}

int ref_list(struct store *s, struct ref **out, size_t *count, struct error *err)
{
	auto_(ref_array) struct ref_array all = {NULL, 0};

	if (ref_each(s, collect_ref, &all, err) < 0)
		return -1;
	if (all.count > 1)
		qsort(all.item, all.count, sizeof(*all.item), ref_order);
	*out = steal(all.item);
	*count = all.count;
	all.count = 0;
	return 0;
}

static void add_descriptor(struct json *manifests, const struct ref *r, const char *name)
{
	struct json *d = json_add_object(manifests, NULL);
	char text[DIGEST_TEXT_SIZE];

	json_add_string(d, "mediaType", r->media_type);
	json_add_string(d, "digest", digest_text(&r->manifest, text));
	json_add_number(d, "size", (int64_t)r->size);
	if (name[0] != '\0')
		json_add_string(json_add_object(d, "annotations"),
				"org.opencontainers.image.ref.name", name);
}

static bool manifest_is_final(const struct store *s, const struct digest *manifest)
{
	char path[OBJECT_PATH_SIZE];

	object_path(s, STORE_BLOBS, manifest, false, path);
	return faccessat(s->root, path, F_OK, 0) == 0;
}

static bool same_key(const struct ref *a, const struct ref *b)
{
	return strcmp(a->name, b->name) == 0 &&
	       (a->name[0] != '\0' || digest_equal(&a->manifest, &b->manifest));
}

/* What refs/ will hold when these have been set. */
static int merged_refs(struct store *s, const struct ref *const *set, size_t count,
		       struct ref_array *all, struct error *err)
{
	if (ref_list(s, &all->item, &all->count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct ref new = copy_ref(set[i]);
		size_t at = 0;

		while (at < all->count && !same_key(&all->item[at], &new))
			at++;
		if (at < all->count)
			ref_release(&all->item[at]);
		else
			all->item = xgrow(all->item, all->count++, sizeof(*all->item));
		all->item[at] = new;
	}
	if (all->count > 1)
		qsort(all->item, all->count, sizeof(*all->item), ref_order);
	return 0;
}

int index_render(struct store *s, const struct ref *const *set, size_t count, struct buf *out,
		 struct error *err)
{
	auto_(ref_array) struct ref_array all = {NULL, 0};
	auto_(json) struct json *index = json_new_object();
	struct json *manifests;

	if (merged_refs(s, set, count, &all, err) < 0)
		return -1;
	json_add_number(index, "schemaVersion", 2);
	json_add_string(index, "mediaType", MEDIA_INDEX);
	manifests = json_add_array(index, "manifests");
	for (size_t i = 0; i < all.count; i++) {
		const struct ref *r = &all.item[i];
		size_t length = strlen(r->name), tail = sizeof(latest) - 1;

		/* With STORE_FAST it is in pending, where other tools do not look. */
		if (!manifest_is_final(s, &r->manifest))
			continue;
		add_descriptor(manifests, r, r->name);
		if (length > tail && strcmp(r->name + length - tail, latest) == 0) {
			auto_free char *repository = xstrndup(r->name, length - tail);

			add_descriptor(manifests, r, repository);
		}
	}
	json_render(index, false, out);
	return 0;
}

static int lock_refs(const struct store *s, int operation, bool *dirty, struct error *err)
{
	auto_fd int fd = store_openat(s, "lock/refs", O_RDWR | O_CREAT, 0600);
	struct stat st;

	if (fd < 0)
		return error_sys(err, "lock/refs of the store");
	while (flock(fd, operation) < 0)
		if (errno != EINTR)
			return error_sys(err, "locking lock/refs of the store");
	if (fstat(fd, &st) < 0)
		return error_sys(err, "lock/refs of the store");
	*dirty = st.st_size != 0;
	return steal_fd(&fd);
}

int refs_lock(const struct store *s, bool *dirty, struct error *err)
{
	return lock_refs(s, LOCK_EX, dirty, err);
}

/* The size is the mark: it needs no block, so it works on a full disk. */
int refs_mark(int lock, bool dirty, struct error *err)
{
	return ftruncate(lock, dirty) < 0 ? error_sys(err, "marking lock/refs of the store") : 0;
}

static int sync_path(const struct store *s, const char *path, struct error *err)
{
	auto_fd int fd = store_openat(s, path, O_RDONLY, 0);

	if (fd < 0 || fsync(fd) < 0)
		return error_sys(err, "syncing %s of the store", path);
	return 0;
}

bool index_is_current(const struct store *s, const struct buf *text)
{
	auto_(buf) struct buf old = BUF_INIT;
	struct error err = ERROR_INIT;

	return read_file(s->root, "index.json", text->length, &old, &err) == 0 &&
	       old.length == text->length && memcmp(old.data, text->data, old.length) == 0;
}

int refs_sync(struct store *s, int lock, struct error *err)
{
	/* The mark stays: a process that may sync does it. */
	if (s->flags & STORE_FAST)
		return 0;
	if (sync_path(s, "refs", err) < 0 || sync_path(s, "index.json", err) < 0 ||
	    sync_path(s, ".", err) < 0)
		return -1;
	return refs_mark(lock, false, err);
}

int refs_settle(struct store *s, int lock, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;

	if (index_render(s, NULL, 0, &text, err) < 0)
		return error_add(err, "index.json");
	if (index_is_current(s, &text) || store_replace(s, "index.json", &text, false, err) == 0)
		return refs_sync(s, lock, err);
	if (err->code != ERROR_SPACE)
		return -1;
	error_clear(err);
	return s->flags & STORE_FAST ? 0 : sync_path(s, "refs", err);
}

void refs_recover(struct store *s)
{
	struct error err = ERROR_INIT;
	struct stat mark, index;
	auto_fd int lock = -1;
	bool dirty;

	if (s->flags & STORE_FAST ||
	    ((fstatat(s->root, "lock/refs", &mark, 0) < 0 || mark.st_size == 0) &&
	     fstatat(s->root, "index.json", &index, 0) == 0))
		return;
	/* Somebody who holds the lock is about to settle it. What fails here shows again when this
	   process changes refs itself. */
	lock = lock_refs(s, LOCK_EX | LOCK_NB, &dirty, &err);
	if (lock >= 0)
		refs_settle(s, lock, &err);
}

int ref_delete(struct store *s, const char *name, struct error *err)
{
	char path[sizeof("refs/") + REF_NAME_SIZE], file[REF_NAME_SIZE];
	bool dirty;
	auto_fd int lock = refs_lock(s, &dirty, err);

	if (lock < 0)
		return -1;
	snprintf(path, sizeof(path), "refs/%s", key_file(name, file));
	if (faccessat(s->root, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT
			       ? error_set(err, ERROR_NOT_FOUND, "no image is named %s", name)
			       : error_sys(err, "%s of the store", path);
	if (refs_mark(lock, true, err) < 0)
		return -1;
	if (unlinkat(s->root, path, 0) < 0)
		return error_sys(err, "removing the name %s", name);
	return refs_settle(s, lock, err);
}
