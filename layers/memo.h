/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes that save work and may be lost at any time: memos/<digest hex>.
 *
 * A memo is a few bytes up to some megabytes with their SHA-256 behind them. It is replaced whole,
 * never synced, and one that is damaged counts as absent. Prune takes those that were not written
 * for a week, like logs.
 */
#ifndef LAYERS_MEMO_H
#define LAYERS_MEMO_H

#include "layers/store.h"

enum { MEMO_MAX_BYTES = 1024 * 1024 * 1024 };

/* Appends its bytes to out. ERROR_NOT_FOUND if there is none, ERROR_LIMIT if it has more than most
   bytes, which is at most MEMO_MAX_BYTES. */
int memo_read(struct store *s, const struct digest *id, size_t most, struct buf *out,
	      struct error *err);
int memo_write(struct store *s, const struct digest *id, const void *data, size_t length,
	       struct error *err);

#endif
