/* SPDX-License-Identifier: Apache-2.0 */
/* An ignore file, then the paths to match, one a line behind the first NUL. */
#include "builder/ignore.h"

#include "common/arena.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
	size_t length = zero != NULL ? (size_t)(zero - data) : size;
	auto_(arena) struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT, wrong = ERROR_INIT;
	auto_(ignore) struct ignore *ig =
		ignore_parse(".dockerignore", (const char *)data, length, &err);
	char *text = arena_strndup(&arena, (const char *)data, length);
	char *paths = zero != NULL
			      ? arena_strndup(&arena, (const char *)zero + 1, size - length - 1)
			      : arena_strdup(&arena, "");
	bool good = glob_check(text, &wrong) == 0;

	for (char *path; (path = strsep(&paths, "\n")) != NULL;) {
		ignore_match(ig, path);
		if (!good)
			continue;
		glob_matches(glob_new(&arena, text, GLOB_PATH), path);
		glob_matches(glob_new(&arena, text, GLOB_TREE), path);
	}
	return 0;
}
