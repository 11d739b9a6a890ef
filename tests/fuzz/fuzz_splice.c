/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logical lines against a plain reading of the rules: comments go, continuations join, nothing is
 * lost. Here-documents and directives are left to fuzz_dockerfile.
 */
#include "parser/dockerfile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reader {
	const char *at, *end;
};

/* One physical line without its end; false at the end of the text. */
static bool physical(struct reader *r, const char **text, size_t *length)
{
	const char *feed;

	if (r->at == r->end)
		return false;
	feed = memchr(r->at, '\n', (size_t)(r->end - r->at));
	*text = r->at;
	*length = (size_t)((feed != NULL ? feed : r->end) - r->at);
	r->at = feed != NULL ? feed + 1 : r->end;
	while (*length > 0 && (*text)[*length - 1] == '\r')
		(*length)--;
	return true;
}

static size_t blanks(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && strchr(" \t\v\f\r", text[n]) != NULL)
		n++;
	return n;
}

static bool continues(const char *text, size_t *length)
{
	size_t n = *length;

	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	if (n == 0 || text[n - 1] != '\\' || (n > 1 && text[n - 2] == '\\'))
		return false;
	*length = n - 1;
	return true;
}

static bool logical(struct reader *r, struct buf *out)
{
	const char *text;
	size_t length, skip;
	bool more;

	buf_reset(out);
	do {
		if (!physical(r, &text, &length))
			return false;
		skip = blanks(text, length);
	} while (skip == length || text[skip] == '#');
	more = continues(text + skip, (length -= skip, &length));
	buf_add(out, text + skip, length);
	while (more && physical(r, &text, &length)) {
		skip = blanks(text, length);
		if (skip == length || text[skip] == '#')
			continue;
		more = continues(text, &length);
		buf_add(out, text, length);
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_(buf) struct buf text = BUF_INIT, line = BUF_INIT;
	struct error err = ERROR_INIT;
	struct dockerfile *df;
	const struct insn *const *insns;
	struct reader reader;
	size_t count, at = 0;

	/* A blank line ends the directives; "<" and wide blanks are not what this is about. */
	buf_add_char(&text, '\n');
	for (size_t i = 0; i < size; i++)
		buf_add_char(&text, data[i] == '<' || data[i] == 0 || data[i] >= 0x80
					    ? 'x'
					    : (char)data[i]);
	df = dockerfile_parse("fuzz", text.data, text.length, &err);
	if (df == NULL)
		return 0;
	insns = dockerfile_insns(df, &count);
	reader = (struct reader){.at = text.data, .end = text.data + text.length};
	while (logical(&reader, &line)) {
		if (line.length > DOCKERFILE_MAX_LINE)
			continue;
		if (at == count || strcmp(insns[at]->original, line.data) != 0)
			abort();
		at++;
	}
	if (at != count)
		abort();
	dockerfile_free(df);
	return 0;
}
