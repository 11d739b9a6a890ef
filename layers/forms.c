/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/forms.h"

#include "common/arena.h"
#include "layers/blob.h"
#include "layers/stream.h"

#include <inttypes.h>
#include <string.h>

enum { FORMS = COMPRESS_ZSTD + 1, PIECE = 128 * 1024 };

/* A layer's record as C. */
struct forms {
	uint64_t plain_size;
	struct form {
		bool there;
		struct digest blob;
		uint64_t size;
	} form[FORMS];
};

static bool parse_form(const char *text, struct form *out)
{
	struct error ignored = ERROR_INIT;
	char digest[DIGEST_TEXT_SIZE], *end;
	const char *space = strchr(text, ' ');

	if (space == NULL || space - text != DIGEST_TEXT_SIZE - 1 || space[1] < '0' ||
	    space[1] > '9')
		return false;
	memcpy(digest, text, DIGEST_TEXT_SIZE - 1);
	digest[DIGEST_TEXT_SIZE - 1] = '\0';
	errno = 0;
	out->size = strtoull(space + 1, &end, 10);
	out->there = errno == 0 && *end == '\0' && digest_parse(digest, &out->blob, &ignored) == 0;
	return out->there;
}

/* A missing or damaged record has no forms. */
static int forms_load(struct store *s, const struct digest *diff_id, struct forms *out,
		      struct error *err)
{
	auto_(record) struct record record = RECORD_INIT;
	struct error missing = ERROR_INIT;

	memset(out, 0, sizeof(*out));
	if (store_read_record(s, STORE_LAYERS, diff_id, LAYER_KIND, &record, &missing) < 0) {
		if (missing.code == ERROR_NOT_FOUND)
			return 0;
		*err = missing;
		return -1;
	}
	if (record_get_number(&record, "plain", &out->plain_size, &missing) < 0)
		return 0;
	for (int c = 0; c < FORMS; c++) {
		const char *text = record_get(&record, compression_name((enum compression)c));

		if (text != NULL && !parse_form(text, &out->form[c]))
			memset(&out->form[c], 0, sizeof(out->form[c]));
	}
	return 0;
}

int forms_add(struct store *s, const struct layer *layer, struct error *err)
{
	auto_(record) struct record record = RECORD_INIT;
	struct form *form;
	struct forms forms;

	if (forms_load(s, &layer->diff_id, &forms, err) < 0)
		return -1;
	form = &forms.form[layer->compression];
	if (forms.plain_size == layer->plain_size && form->there && form->size == layer->size &&
	    digest_equal(&form->blob, &layer->blob))
		return 0;
	forms.plain_size = layer->plain_size;
	*form = (struct form){.there = true, .blob = layer->blob, .size = layer->size};
	record_addf(&record, "plain", "%" PRIu64, forms.plain_size);
	for (int c = 0; c < FORMS; c++) {
		char text[DIGEST_TEXT_SIZE];

		if (forms.form[c].there)
			record_addf(&record, compression_name((enum compression)c), "%s %" PRIu64,
				    digest_text(&forms.form[c].blob, text), forms.form[c].size);
	}
	return store_write_record(s, STORE_LAYERS, &layer->diff_id, LAYER_KIND, &record, err);
}

static bool take(struct store *s, const struct forms *forms, enum compression c,
		 const struct digest *diff_id, struct layer *out)
{
	const struct form *form = &forms->form[c];

	if (!form->there || !store_has(s, STORE_BLOBS, &form->blob))
		return false;
	*out = (struct layer){.diff_id = *diff_id,
			      .blob = form->blob,
			      .size = form->size,
			      .plain_size = forms->plain_size,
			      .compression = c};
	return true;
}

int layer_lookup(struct store *s, const struct digest *diff_id, enum compression want,
		 struct layer *out, struct error *err)
{
	/* When the wanted one is not there: the cheapest to turn into another. */
	static const enum compression order[] = {COMPRESS_NONE, COMPRESS_ZSTD, COMPRESS_GZIP};
	char text[DIGEST_TEXT_SIZE];
	struct forms forms;

	if (forms_load(s, diff_id, &forms, err) < 0)
		return -1;
	if (take(s, &forms, want, diff_id, out))
		return 0;
	for (size_t i = 0; i < FORMS; i++)
		if (take(s, &forms, order[i], diff_id, out))
			return 0;
	return error_set(err, ERROR_NOT_FOUND, "no blob of layer %s is in the store",
			 digest_text(diff_id, text));
}

static int to_blob(void *user, const void *data, size_t length, struct error *err)
{
	return blob_add(user, data, length, err);
}

int layer_transcode(struct store *s, const struct layer *from, enum compression want,
		    struct layer *out, struct error *err)
{
	auto_(layer_stream) struct layer_stream *in = layer_stream_open(s, from, err);
	auto_(blob_writer) struct blob_writer *to = in == NULL ? NULL : blob_begin(s, err);
	auto_(compressor) struct compressor *packed = NULL;
	auto_free char *piece = xmalloc(PIECE);
	struct layer layer = {.diff_id = from->diff_id, .compression = want};
	ssize_t n;

	if (to == NULL)
		return -1;
	packed = compressor_new(want, to_blob, to, err);
	if (packed == NULL)
		return -1;
	while ((n = layer_stream_read(in, piece, PIECE, err)) > 0)
		if (compressor_add(packed, piece, (size_t)n, err) < 0)
			return -1;
	if (n < 0 || compressor_finish(packed, err) < 0 ||
	    blob_finish(steal(to), &layer.blob, &layer.size, err) < 0)
		return -1;
	layer.plain_size = layer_stream_size(in);
	if (forms_add(s, &layer, err) < 0)
		return -1;
	*out = layer;
	return 0;
}

int layer_find(struct store *s, const struct digest *diff_id, enum compression want,
	       struct layer *out, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];
	struct layer layer = {.size = 0};

	if (layer_lookup(s, diff_id, want, &layer, err) < 0)
		return -1;
	if (layer.compression != want && layer_transcode(s, &layer, want, &layer, err) < 0)
		return error_add(err, "turning layer %s into %s", digest_text(diff_id, text),
				 compression_name(want));
	*out = layer;
	return 0;
}
