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

#endif
