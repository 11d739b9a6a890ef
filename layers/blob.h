/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading blobs with their digests checked.
 */
#ifndef LAYERS_BLOB_H
#define LAYERS_BLOB_H

#include "layers/store.h"

/* A blob being written into the stage of this process. */
struct blob_writer *blob_begin(struct store *s, struct error *err);
int blob_add(struct blob_writer *w, const void *data, size_t length, struct error *err);
/* Publishes it; w is freed in any case. */
int blob_finish(struct blob_writer *w, struct digest *digest, uint64_t *size, struct error *err);
/* The same, but only if digest and size are these; ERROR_DIGEST otherwise. */
int blob_finish_expect(struct blob_writer *w, const struct digest *digest, uint64_t size,
		       struct error *err);
void blob_abort(struct blob_writer *w);
DEFINE_CLEANUP(blob_writer, struct blob_writer *, blob_abort);

/* A whole small document. If it is there already it is pinned and not written again. */
int blob_put(struct store *s, const void *data, size_t length, struct digest *digest,
	     struct error *err);

/* Streams a blob, verifying size and digest: blob_read() returns 0 at the end only if both match,
   -1 with ERROR_DIGEST otherwise. size UINT64_MAX: the size is not known. */
struct blob_reader *blob_open(struct store *s, const struct digest *digest, uint64_t size,
			      struct error *err);
ssize_t blob_read(struct blob_reader *r, void *data, size_t room, struct error *err);
void blob_close(struct blob_reader *r);
DEFINE_CLEANUP(blob_reader, struct blob_reader *, blob_close);

/* A whole document, verified, at most limit bytes; appended to out. */
int blob_get(struct store *s, const struct digest *digest, uint64_t size, size_t limit,
	     struct buf *out, struct error *err);

#endif
