/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical form of a name is canonical, and the same name when its registry is written out;
   digests and times that are accepted are written as they were read. */
#include "common/arena.h"
#include "layers/image.h"
#include "layers/name.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_canonical(const char *text)
{
	struct error err = ERROR_INIT;
	auto_free char *once = name_canonical(text, &err);
	auto_free char *twice = NULL;
	auto_free char *full = NULL;
	auto_free char *back = NULL;

	if (once == NULL)
		return;
	if (strstr(once, "..") != NULL && strstr(text, "..") == NULL)
		abort();
	twice = name_canonical(once, &err);
	if (twice == NULL || strcmp(once, twice) != 0)
		abort();
	full = name_qualified(once);
	back = name_canonical(full, &err);
	if (back == NULL || strcmp(once, back) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	auto_(name) struct name n = {.repository = NULL};
	struct error err = ERROR_INIT;
	struct digest d;
	char out[DIGEST_TEXT_SIZE], when[TIMESTAMP_SIZE];
	int64_t seconds, again;

	if (name_parse(text, &n, &err) == 0) {
		if (n.repository == NULL || (n.tag == NULL && !n.has_digest))
			abort();
		check_canonical(text);
	}
	if (digest_parse(text, &d, &err) == 0 && strcmp(digest_text(&d, out), text) != 0)
		abort();
	if (timestamp_parse(text, &seconds)) {
		timestamp_format(seconds, when);
		/* An offset may lead just out of the years that can be written. */
		if (!timestamp_parse(when, &again) ||
		    (again != seconds && seconds >= -62167219200 && seconds <= 253402300799))
			abort();
	}
	return 0;
}
