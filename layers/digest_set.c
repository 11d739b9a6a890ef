/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/digest_set.h"

#include "common/arena.h"

#include <string.h>

void digest_set_release(struct digest_set *set)
{
	free(set->item);
	*set = (struct digest_set){.item = NULL};
}

bool digest_set_add(struct digest_set *set, const struct digest *d)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = digest_compare(&set->item[middle], d);

		if (order == 0)
			return false;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	set->item = xgrow(set->item, set->count, sizeof(*set->item));
	memmove(set->item + low + 1, set->item + low, (set->count - low) * sizeof(*set->item));
	set->item[low] = *d;
	set->count++;
	return true;
}
