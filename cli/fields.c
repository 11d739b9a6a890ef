/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/fields.h"

#include "common/buf.h"
#include "parser/dockerfile.h"

#include <string.h>
#include <strings.h>

const char *field_next(struct arena *arena, const char **rest, struct error *err)
{
	auto_(buf) struct buf out = BUF_INIT;
	const char *at = *rest;
	bool quoted;

	if (at == NULL)
		return NULL;
	quoted = *at == '"';
	if (quoted)
		at++;
	for (; *at != '\0'; at++) {
		if (quoted && *at == '"') {
			if (at[1] != '"')
				break;
			at++;
		} else if (!quoted && *at == ',') {
			break;
		}
		buf_add_char(&out, *at);
	}
	if (quoted && (*at != '"' || (at[1] != ',' && at[1] != '\0'))) {
		error_set(err, ERROR_USAGE, "a quoted field does not end with a quote: %s", *rest);
		return NULL;
	}
	at += quoted;
	*rest = *at == ',' ? at + 1 : NULL;
	return arena_strndup(arena, out.data, out.length);
}

static const char *trimmed(struct arena *arena, const char *text, size_t length)
{
	for (; length > 0 && *text == ' '; length--)
		text++;
	for (; length > 0 && text[length - 1] == ' '; length--)
		;
	return arena_strndup(arena, text, length);
}

static const char *lowered(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text);

	for (char *c = copy; *c != '\0'; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	return copy;
}

int fields_parse(struct arena *arena, const char *text, struct key_value **out, size_t *count,
		 struct error *err)
{
	const char *word;

	*out = NULL;
	*count = 0;
	while (text != NULL && (word = field_next(arena, &text, err)) != NULL) {
		const char *equals = strchr(word, '=');
		size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);

		struct key_value f = {.written = trimmed(arena, word, length),
				      .value = equals != NULL ? equals + 1 : NULL};

		f.key = lowered(arena, f.written);
		*out = arena_grow(arena, *out, *count, sizeof(**out));
		(*out)[(*count)++] = f;
	}
	return err->code == ERROR_NONE ? 0 : -1;
}

int field_unknown(const char *option, const char *key, const char *const *known, struct error *err)
{
	auto_(buf) struct buf all = BUF_INIT;
	const char *near;
	size_t count = 0;

	for (; known[count] != NULL; count++)
		buf_printf(&all, "%s%s", count > 0 ? ", " : "", known[count]);
	near = suggest(key, known, count);
	error_set(err, ERROR_USAGE, "%s: unknown key \"%s\"", option, key);
	if (near != NULL)
		return error_hint(err, "did you mean %s?", near);
	return error_hint(err, "it takes %s", all.data);
}
