/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include "common/fd.h"
#include "layers/blob.h"
#include "layers/json.h"

#include <string.h>

enum { PIECE = 128 * 1024 };

/* Where blobs come from: the contents of a tar, which are in the store already, or a layout
   directory, from which only what is needed is copied. */
struct source {
	struct store *store;
	const struct contents *contents; /* NULL: the directory */
	int dir;
	const struct platform *want;
	struct digest missing; /* what need() found missing last */
};

static int size_differs(const struct descriptor *d, uint64_t is, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	return error_set(err, ERROR_DIGEST, "%s has %llu bytes, its descriptor says %llu",
			 digest_text(&d->digest, text), (unsigned long long)is,
			 (unsigned long long)d->size);
}

static int copy_blob(struct source *src, const struct descriptor *d, int from, struct error *err)
{
	auto_(blob_writer) struct blob_writer *w = blob_begin(src->store, err);
	auto_free char *piece = xmalloc(PIECE);
	ssize_t n;

	if (w == NULL)
		return -1;
	for (uint64_t done = 0; done <= d->size; done += (uint64_t)n) {
		n = read(from, piece, PIECE);
		if (n < 0 && errno == EINTR) {
			n = 0;
			continue;
		}
		if (n < 0)
			return error_sys(err, "reading the layout");
		if (n == 0)
			break;
		if (blob_add(w, piece, (size_t)n, err) < 0)
			return -1;
	}
	return blob_finish_expect(steal(w), &d->digest, d->size, err);
}

/* 1 if the directory has the blob and it is in the store now. */
static int need_from_directory(struct source *src, const struct descriptor *d, struct error *err)
{
	char path[sizeof("blobs/sha256/") + DIGEST_HEX_SIZE], hex[DIGEST_HEX_SIZE];
	struct error why = ERROR_INIT;
	auto_fd int fd = -1;
	struct stat st;
	bool found;

	if (store_pin(src->store, STORE_BLOBS, &d->digest, &found, err) < 0)
		return -1;
	if (found) {
		fd = store_find(src->store, STORE_BLOBS, &d->digest, err);
		if (fd < 0)
			return -1;
		if (fstat(fd, &st) < 0)
			return error_sys(err, "opening a blob");
		return (uint64_t)st.st_size == d->size ? 1
						       : size_differs(d, (uint64_t)st.st_size, err);
	}
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&d->digest, hex));
	/* A layout may be a link farm; like ".." it must not lead outside. */
	fd = open_beneath(src->dir, path, O_RDONLY | O_NONBLOCK, 0, &why);
	if (fd < 0 && why.code == ERROR_NOT_FOUND)
		return 0;
	if (fd < 0) {
		*err = why;
		return -1;
	}
	if (fstat(fd, &st) < 0)
		return error_sys(err, "opening %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_FORMAT, "%s is not a regular file", path);
	if ((uint64_t)st.st_size != d->size)
		return size_differs(d, (uint64_t)st.st_size, err);
	return copy_blob(src, d, fd, err) < 0 ? -1 : 1;
}

/* Makes sure that the store holds a blob: 1, or 0 if the archive lacks it. */
static int need(struct source *src, const struct descriptor *d, struct error *err)
{
	char path[sizeof("blobs/sha256/") + DIGEST_HEX_SIZE], hex[DIGEST_HEX_SIZE];
	const struct member *m;
	int found;

	if (src->contents == NULL) {
		found = need_from_directory(src, d, err);
	} else {
		snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&d->digest, hex));
		m = contents_find(src->contents, path);
		found = m != NULL && digest_equal(&m->blob, &d->digest);
		if (found && m->size != d->size)
			return size_differs(d, m->size, err);
	}
	if (found == 0)
		src->missing = d->digest;
	return found;
}

static int need_tree(struct source *src, const struct descriptor *d, int depth, bool *whole,
		     struct error *err);

/* Only the entry that is wanted must be there; *whole tells whether all are. */
static int need_index(struct source *src, const struct manifest *m, int depth, bool *whole,
		      struct error *err)
{
	const struct descriptor *pick = manifest_pick(m, src->want, err);
	int found;

	if (pick == NULL)
		return -1;
	if (depth == MANIFEST_MAX_NESTING)
		return error_set(err, ERROR_LIMIT, "indexes are nested deeper than %d",
				 MANIFEST_MAX_NESTING);
	found = need_tree(src, pick, depth + 1, whole, err);
	for (size_t i = 0; found > 0 && *whole && i < m->count; i++) {
		struct digest missing = src->missing;
		int other;

		if (&m->items[i] == pick)
			continue;
		other = need_tree(src, &m->items[i], depth + 1, whole, err);
		if (other < 0)
			return -1;
		if (other == 0)
			*whole = false;
		src->missing = missing;
	}
	return found;
}

/* Everything that a manifest or index leads to: 1, or 0 if something is missing. */
static int need_tree(struct source *src, const struct descriptor *d, int depth, bool *whole,
		     struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	char name[DIGEST_TEXT_SIZE];
	int found = need(src, d, err);

	/* An index may refer to anything; what is no image shows when it is loaded. */
	if (found <= 0 ||
	    !(media_type_is_manifest(d->media_type) || media_type_is_index(d->media_type)))
		return found;
	if (blob_get(src->store, &d->digest, d->size, IMAGE_MAX_MANIFEST, &text, err) < 0 ||
	    manifest_parse(text.data, text.length, d->media_type, &m, err) < 0)
		return error_add(err, "%s", digest_text(&d->digest, name));
	if (m.is_index)
		return need_index(src, &m, depth, whole, err);
	found = need(src, &m.config, err);
	for (size_t i = 0; found > 0 && i < m.count; i++)
		found = need(src, &m.items[i], err);
	return found;
}

/* Loads one entry of index.json and says what a name should point at: an index only if all of it is
   here, else the manifest that is wanted. */
static int load_entry(struct source *src, const struct descriptor *d, struct digest *digest,
		      uint64_t *size, char **media_type, struct error *err)
{
	auto_(image) struct image image = {.config = CONFIG_INIT};
	char name[DIGEST_TEXT_SIZE], missing[DIGEST_TEXT_SIZE];
	bool whole = true;
	int found = need_tree(src, d, 0, &whole, err);

	if (found == 0)
		return error_set(err, ERROR_FORMAT, "the archive lacks blob %s of image %s",
				 digest_text(&src->missing, missing),
				 digest_text(&d->digest, name));
	if (found < 0 ||
	    image_load_for(src->store, &d->digest, d->size, src->want, &image, err) < 0)
		return -1;
	*digest = whole ? d->digest : image.manifest;
	*size = whole ? d->size : image.manifest_size;
	*media_type = whole ? xstrdup(d->media_type) : steal(image.media_type);
	return 0;
}

/* --- index.json ---------------------------------------------------------------------------- */

static int entry_name(const struct descriptor *d, char **out, struct error *err)
{
	const char *text = d->image_name != NULL ? d->image_name : d->ref_name;

	*out = text != NULL && text[0] != '\0' ? loaded_name(text, err) : xstrdup("");
	return *out == NULL ? -1 : 0;
}

struct entry_names {
	char **item;
	size_t count;
};

static void entry_names_release(struct entry_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->item[i]);
	free(n->item);
}
DEFINE_CLEANUP_STRUCT(entry_names, struct entry_names, entry_names_release);

static bool same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/* Two images of one name for one platform are a contradiction that loaded_add() finds. */
static bool same_platform(const struct descriptor *a, const struct descriptor *b)
{
	return same_text(a->os, b->os) && same_text(a->architecture, b->architecture) &&
	       same_text(a->variant, b->variant);
}

/* Entries of one name are one image for several platforms: the one that serves best is taken, the
   first of equals. */
static bool is_for_others(const struct manifest *index, const struct entry_names *names, size_t at,
			  const struct platform *want)
{
	const struct descriptor *d = &index->items[at];
	int fit;

	if (descriptor_is_attestation(d))
		return true;
	if (d->os == NULL)
		return false;
	fit = descriptor_fits(d, want);
	for (size_t i = 0; i < index->count; i++) {
		int other;

		if (i == at || strcmp(names->item[i], names->item[at]) != 0 ||
		    same_platform(&index->items[i], d))
			continue;
		other = descriptor_fits(&index->items[i], want);
		if (other > fit || (other == fit && i < at && names->item[at][0] != '\0'))
			return true;
	}
	return false;
}

static int load_entries(struct source *src, const struct manifest *index, struct loaded *out,
			struct error *err)
{
	auto_(entry_names) struct entry_names names = {.item = NULL};

	for (size_t i = 0; i < index->count; i++) {
		names.item = xgrow(names.item, names.count, sizeof(*names.item));
		if (entry_name(&index->items[i], &names.item[names.count], err) < 0)
			return -1;
		names.count++;
	}
	for (size_t i = 0; i < index->count; i++) {
		auto_free char *media_type = NULL;
		struct digest digest;
		uint64_t size = 0;

		if (is_for_others(index, &names, i, src->want) ||
		    (out->only != NULL && strcmp(out->only, names.item[i]) != 0))
			continue;
		if (load_entry(src, &index->items[i], &digest, &size, &media_type, err) < 0)
			return names.item[i][0] == '\0' ? -1
							: error_add(err, "image %s", names.item[i]);
		if (loaded_add(out, names.item[i], &digest, size, media_type, err) < 0)
			return -1;
	}
	return 0;
}

int load_oci(struct store *s, const struct contents *c, int dir, const struct buf *index,
	     const struct platform *want, struct loaded *out, struct error *err)
{
	struct source src = {.store = s, .contents = c, .dir = dir, .want = want};
	auto_(manifest) struct manifest m = MANIFEST_INIT;

	if (manifest_parse(index->data, index->length, NULL, &m, err) < 0)
		return error_add(err, "index.json");
	if (!m.is_index)
		return error_set(err, ERROR_FORMAT, "index.json is not an index");
	return load_entries(&src, &m, out, err);
}
