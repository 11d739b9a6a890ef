/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses the kind of word; the rest is split at a NUL into a value and the word. */
#include "parser/scan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *user, const char *name)
{
	if (strcmp(name, "E") == 0)
		return "";
	return strcmp(name, "U") == 0 ? NULL : user;
}

static void name_seen(void *user, const char *name)
{
	*(size_t *)user += strlen(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	auto_(buf) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	struct word_error we = {.at = 0};
	struct word *word;
	char *value, *text;
	size_t names = 0;

	if (size < 1 || size > 4096)
		return 0;
	value = xstrndup((const char *)data + 1, size - 1);
	text = strlen(value) < size - 1 ? value + strlen(value) + 1 : value;
	word = word_parse(&arena, text, strlen(text), (data[0] & 1) != 0 ? WORD_BODY : WORD_PLAIN,
			  (data[0] & 2) != 0 ? '`' : '\\', &we);
	if (word == NULL) {
		if (we.text[0] == '\0' || we.at > strlen(text) ||
		    we.length > strlen(text) - we.at + 2)
			abort();
	} else {
		word_names(word, name_seen, &names);
		buf_add_str(&out, "kept");
		if (word_expand(word, lookup, value, &out, &err) < 0 &&
		    strcmp(out.data, "kept") != 0)
			abort();
	}
	free(value);
	return 0;
}
