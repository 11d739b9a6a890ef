/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: the layers/ records, which say in which compressed forms a layer is stored.
 *
 *	varve-layer 1
 *	plain 10240                  bytes of the plain tar
 *	zstd sha256:... 1234         a form: the digest and size of its blob
 */
#ifndef LAYERS_FORMS_H
#define LAYERS_FORMS_H

#include "layers/pack.h"

#define LAYER_KIND "varve-layer"

/* Adds the form that `layer` describes (diff_id, blob, size, plain_size, compression) to the record
   of its diff id. */
int forms_add(struct store *s, const struct layer *layer, struct error *err);

/* Turns the form that `from` describes into another, verifying both the blob that is read and the
   plain bytes against the diff id, and records it. `from` needs no record. */
int layer_transcode(struct store *s, const struct layer *from, enum compression want,
		    struct layer *out, struct error *err);

#endif
