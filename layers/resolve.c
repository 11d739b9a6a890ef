/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image.h"

#include "layers/digest_set.h"
#include "layers/manifest.h"
#include "layers/name.h"

#include <string.h>

enum { PREFIX_MIN = 4, NEAR_MAX = 3 };

struct refs {
	struct ref *item;
	size_t count;
};

static void refs_release(struct refs *r)
{
	for (size_t i = 0; i < r->count; i++)
		ref_release(&r->item[i]);
	free(r->item);
	*r = (struct refs){.item = NULL};
}
DEFINE_CLEANUP_STRUCT(refs, struct refs, refs_release);

/* --- by digest ----------------------------------------------------------------------------- */

/* The digest of 64 hex digits, with or without "sha256:". */
static bool whole_digest(const char *what, struct digest *out)
{
	if (strncmp(what, "sha256:", 7) == 0)
		what += 7;
	return digest_parse_hex(what, out);
}

static const char *prefix_of(const char *what)
{
	size_t length;

	if (strncmp(what, "sha256:", 7) == 0)
		what += 7;
	length = strlen(what);
	if (length < PREFIX_MIN || length >= DIGEST_HEX_SIZE - 1 ||
	    strspn(what, "0123456789abcdef") != length)
		return NULL;
	return what;
}

static bool has_prefix(const struct digest *d, const char *prefix)
{
	char hex[DIGEST_HEX_SIZE];

	return strncmp(digest_hex(d, hex), prefix, strlen(prefix)) == 0;
}

/* What a hex prefix may mean: a ref, or an image of an index that a ref names. */
struct match {
	struct digest manifest;
	uint64_t size;
	struct digest id; /* what makes two matches the same image */
	bool found;
};

struct search {
	struct store *store;
	const char *prefix;
	struct match first;
	struct digest_set seen;
};

/* Two images that begin alike are an error; the same one may be met any number of times. */
static int add_match(struct search *q, const struct digest *manifest, uint64_t size,
		     const struct digest *id, struct error *err)
{
	char a[DIGEST_HEX_SIZE], b[DIGEST_HEX_SIZE];

	if (q->first.found && !digest_equal(&q->first.id, id)) {
		error_set(err, ERROR_USAGE,
			  "\"%s\" is the beginning of more than one image: %.16s and %.16s",
			  q->prefix, digest_hex(&q->first.id, a), digest_hex(id, b));
		return error_hint(err, "give more digits, or a name");
	}
	if (!q->first.found)
		q->first = (struct match){*manifest, size, *id, true};
	return 0;
}

/* An image is known by its config's digest; or the manifest's if it cannot be read, for a damaged
   image must not hide the others. */
static int search_manifest(struct search *q, const struct digest *digest, uint64_t size, int depth,
			   struct error *err)
{
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	struct error unread = ERROR_INIT;
	const struct digest *id = digest;
	bool hit = has_prefix(digest, q->prefix);

	if (!digest_set_add(&q->seen, digest))
		return 0;
	if (manifest_read(q->store, digest, &size, NULL, &m, &unread) == 0 && !m.is_index) {
		id = &m.config.digest;
		hit = hit || has_prefix(id, q->prefix);
	}
	if (hit)
		return add_match(q, digest, size, id, err);
	for (size_t i = 0; m.is_index && depth < MANIFEST_MAX_NESTING && i < m.count; i++)
		if (!descriptor_is_attestation(&m.items[i]) &&
		    search_manifest(q, &m.items[i].digest, m.items[i].size, depth + 1, err) < 0)
			return -1;
	return 0;
}

static int find_prefix(struct store *s, const struct refs *refs, const char *prefix,
		       struct match *found, struct error *err)
{
	struct search q = {.store = s, .prefix = prefix};
	int status = 0;

	for (size_t i = 0; i < refs->count && status == 0; i++)
		status = search_manifest(&q, &refs->item[i].manifest, refs->item[i].size, 0, err);
	*found = q.first;
	digest_set_release(&q.seen);
	return status;
}

/* --- near names ---------------------------------------------------------------------------- */

/* Edit distance with transpositions, or limit + 1 if it is more. Names are short. */
static size_t distance(const char *a, const char *b, size_t limit)
{
	enum { LONGEST = 64 };
	size_t rows[3][LONGEST + 1], n = strlen(a), m = strlen(b);

	if (n > LONGEST || m > LONGEST || (n > m ? n - m : m - n) > limit)
		return limit + 1;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *now = rows[i % 3];
		const size_t *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
	}
	return rows[n % 3][m];
}

/* The name without its tag and digest; names of refs are canonical. */
static char *repository_of(const char *name)
{
	size_t length = strcspn(name, "@");
	const char *colon = memrchr(name, ':', length);

	if (colon != NULL && memchr(colon, '/', length - (size_t)(colon - name)) == NULL)
		length = (size_t)(colon - name);
	return xstrndup(name, length);
}

static const char *last_component(const char *repository)
{
	const char *slash = strrchr(repository, '/');

	return slash != NULL ? slash + 1 : repository;
}

static bool is_near(const char *wanted, const char *name)
{
	auto_free char *a = repository_of(wanted);
	auto_free char *b = repository_of(name);
	/* Every name of one letter would be near to every other. */
	size_t limit = strlen(a) < 3 ? 0 : 1 + strlen(a) / 5;

	return distance(wanted, name, limit) <= limit || distance(a, b, limit) <= limit ||
	       strcmp(last_component(a), last_component(b)) == 0;
}

static int not_found(const struct refs *refs, const char *what, const char *name, struct error *err)
{
	auto_(buf) struct buf near = BUF_INIT;
	size_t count = 0;

	error_set(err, ERROR_NOT_FOUND, "there is no image \"%.200s\" in the store", what);
	for (size_t i = 0; i < refs->count && count < NEAR_MAX; i++) {
		const char *other = refs->item[i].name;

		if (other[0] == '\0' || !is_near(name, other))
			continue;
		buf_printf(&near, "%s%s", count > 0 ? ", " : "", other);
		count++;
	}
	if (count > 0)
		error_hint(err, "near names: %s", near.data);
	return -1;
}

/* --- together ------------------------------------------------------------------------------ */

/* Who looks for what, to keep the functions below short. */
struct lookup {
	struct store *store;
	const char *what;
	const struct platform *want;
};

/* A whole digest: of a manifest, of a config that a ref reaches, or of any manifest blob. */
static int resolve_digest(const struct lookup *l, const struct refs *refs, const struct digest *d,
			  struct image *out, struct error *err)
{
	struct store *s = l->store;
	char hex[DIGEST_HEX_SIZE];
	struct match found;

	for (size_t i = 0; i < refs->count; i++)
		if (digest_equal(&refs->item[i].manifest, d))
			return image_load_for(s, d, refs->item[i].size, l->want, out, err);
	if (find_prefix(s, refs, digest_hex(d, hex), &found, err) < 0)
		return -1;
	if (found.found)
		return image_load_for(s, &found.manifest, found.size, l->want, out, err);
	if (store_has(s, STORE_BLOBS, d))
		return image_load_for(s, d, UINT64_MAX, l->want, out, err);
	return not_found(refs, l->what, "", err);
}

/* *found tells whether there is such a ref; a ref whose image is damaged is an error. */
static int resolve_name(const struct lookup *l, const char *name, struct image *out, bool *found,
			struct error *err)
{
	auto_(ref) struct ref r = {.name = NULL};

	*found = false;
	if (ref_get(l->store, name, &r, err) < 0) {
		if (err->code != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
		return 0;
	}
	*found = true;
	if (image_load_for(l->store, &r.manifest, r.size, l->want, out, err) < 0)
		return error_add(err, "image %s", name);
	return 0;
}

/* What is left when no ref has that name. */
static int resolve_prefix(const struct lookup *l, const struct refs *refs, const char *name,
			  struct image *out, struct error *err)
{
	const char *prefix = prefix_of(l->what);
	struct match found = {.found = false};

	if (prefix != NULL && find_prefix(l->store, refs, prefix, &found, err) < 0)
		return -1;
	if (found.found)
		return image_load_for(l->store, &found.manifest, found.size, l->want, out, err);
	return not_found(refs, l->what, name, err);
}

int image_resolve_for(struct store *s, const char *what, const struct platform *want,
		      struct image *out, struct error *err)
{
	const struct lookup lookup = {s, what, want};
	auto_(refs) struct refs refs = {.item = NULL};
	auto_(name) struct name name = {.repository = NULL};
	auto_free char *canonical = NULL;
	struct digest d;
	bool found = false, whole = whole_digest(what, &d);

	/* Every prefix of hex digits is also a valid name. */
	if (!whole && name_parse(what, &name, err) < 0)
		return -1;
	if (!whole && !name.has_digest) {
		canonical = xprintf("%s:%s", name.repository, name.tag);
		if (resolve_name(&lookup, canonical, out, &found, err) < 0)
			return -1;
		if (found)
			return 0;
	}
	if (ref_list(s, &refs.item, &refs.count, err) < 0)
		return -1;
	if (whole || name.has_digest)
		return resolve_digest(&lookup, &refs, whole ? &d : &name.digest, out, err);
	return resolve_prefix(&lookup, &refs, canonical, out, err);
}

int image_resolve(struct store *s, const char *what, struct image *out, struct error *err)
{
	return image_resolve_for(s, what, &platform_any, out, err);
}
