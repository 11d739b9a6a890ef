/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/manifest.h"

#include "layers/blob.h"

#include <string.h>

static bool is_text(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

bool descriptor_is_attestation(const struct descriptor *d)
{
	return is_text(d->os, "unknown") && is_text(d->architecture, "unknown");
}

int descriptor_fits(const struct descriptor *d, const struct platform *want)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	const struct platform local = platform_local();
	struct platform have;
	int fit;

	if (d->os == NULL || d->architecture == NULL)
		return 0;
	have = platform_normal(&arena, d->os, d->architecture, d->variant);
	if (want->os[0] != '\0')
		return platform_fits(&have, want);
	fit = platform_fits(&have, &local);
	return fit > 0 ? fit + 1 : 1;
}

static int none_fits(const struct manifest *index, const struct platform *want, struct error *err)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	auto_(buf) struct buf have = BUF_INIT;

	for (size_t i = 0; i < index->count && have.length < 200; i++) {
		const struct descriptor *d = &index->items[i];

		if (descriptor_is_attestation(d))
			continue;
		buf_printf(&have, "%s%s/%s", have.length > 0 ? ", " : "",
			   d->os != NULL ? d->os : "?",
			   d->architecture != NULL ? d->architecture : "?");
		if (d->variant != NULL)
			buf_printf(&have, "/%s", d->variant);
	}
	if (want->os[0] == '\0')
		return error_set(err, ERROR_NOT_FOUND, "the index has %s",
				 have.length > 0 ? "several images of unknown platforms"
						 : "no images");
	return error_set(err, ERROR_NOT_FOUND, "no image for %s; the index has %s",
			 platform_text(&arena, want), have.length > 0 ? have.data : "no images");
}

const struct descriptor *manifest_pick(const struct manifest *index, const struct platform *want,
				       struct error *err)
{
	const struct descriptor *best = NULL, *lone = NULL;
	size_t images = 0;
	int fit = 0;

	for (size_t i = 0; i < index->count; i++) {
		const struct descriptor *d = &index->items[i];
		int m;

		if (descriptor_is_attestation(d))
			continue;
		m = descriptor_fits(d, want);
		images++;
		if (d->os == NULL && d->architecture == NULL)
			lone = d;
		if (m > fit) {
			fit = m;
			best = d;
		}
	}
	if (best == NULL && images == 1)
		best = lone;
	if (best == NULL)
		none_fits(index, want, err);
	return best;
}

int manifest_read(struct store *s, const struct digest *digest, uint64_t *size,
		  const char *media_type, struct manifest *out, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	char name[DIGEST_TEXT_SIZE];

	if (blob_get(s, digest, *size, IMAGE_MAX_MANIFEST, &text, err) < 0 ||
	    manifest_parse(text.data, text.length, media_type, out, err) < 0)
		return error_add(err, "reading manifest %s", digest_text(digest, name));
	*size = text.length;
	return 0;
}

int manifest_load(struct store *s, struct digest *digest, uint64_t *size,
		  const struct platform *want, struct manifest *out, struct error *err)
{
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	struct digest at = *digest;
	uint64_t length = *size;

	if (manifest_read(s, &at, &length, NULL, &m, err) < 0)
		return -1;
	for (int depth = 0; m.is_index; depth++) {
		struct manifest next = MANIFEST_INIT;
		const struct descriptor *d;

		if (depth == MANIFEST_MAX_NESTING)
			return error_set(err, ERROR_LIMIT, "indexes are nested deeper than %d",
					 MANIFEST_MAX_NESTING);
		d = manifest_pick(&m, want, err);
		if (d == NULL)
			return -1;
		at = d->digest;
		length = d->size;
		if (manifest_read(s, &at, &length, d->media_type, &next, err) < 0)
			return -1;
		manifest_release(&m);
		m = next;
	}
	if (manifest_check_image(&m, err) < 0)
		return -1;
	*digest = at;
	*size = length;
	*out = m;
	m = (struct manifest)MANIFEST_INIT;
	return 0;
}
