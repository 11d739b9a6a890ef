/* SPDX-License-Identifier: Apache-2.0 */
#include "parser/dockerfile.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 64 };

static unsigned minimum(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int fold(char c)
{
	return tolower((unsigned char)c);
}

/* Edits that turn a into b, a swap of neighbours counting as one; the usual table, of which three
   rows are kept. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][LONGEST + 1];

	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3],
			 *before = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned cost = fold(a[i - 1]) != fold(b[j - 1]);

			row[j] = minimum(above[j - 1] + cost, minimum(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]))
				row[j] = minimum(row[j], before[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

const char *suggest(const char *name, const char *const *candidates, size_t count)
{
	size_t length = strlen(name);
	const char *best = NULL;
	unsigned best_distance = 0;

	if (length == 0 || length > LONGEST)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t other = strlen(candidates[i]);
		unsigned limit, d;

		if (other == 0 || other > LONGEST)
			continue;
		limit = (unsigned)(length > other ? length : other) / 3;
		if ((length > other ? length - other : other - length) > limit)
			continue;
		d = distance(name, length, candidates[i], other);
		if (strcmp(name, candidates[i]) != 0 && d <= limit &&
		    (best == NULL || d < best_distance)) {
			best = candidates[i];
			best_distance = d;
		}
	}
	return best;
}
