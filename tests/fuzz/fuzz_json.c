/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted reads the same again after it was written, in both forms. */
#include "layers/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(const struct json *v)
{
	int64_t number;

	if (json_number(v, &number) &&
	    (number > INT64_C(9007199254740991) || number < -INT64_C(9007199254740991)))
		abort();
	for (const struct json *c = json_first(v); c != NULL; c = json_next(c)) {
		if (json_is_object(v) && json_get(v, json_key(c)) != c)
			abort();
		visit(c);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	auto_(json) struct json *v = json_parse((const char *)data, size, &err);
	auto_(buf) struct buf once = BUF_INIT;
	auto_(buf) struct buf twice = BUF_INIT;
	auto_(buf) struct buf pretty = BUF_INIT;
	auto_(json) struct json *again = NULL;
	auto_(json) struct json *indented = NULL;

	if (v == NULL) {
		if (err.code != ERROR_FORMAT && err.code != ERROR_LIMIT)
			abort();
		return 0;
	}
	visit(v);
	json_render(v, false, &once);
	again = json_parse(once.data, once.length, &err);
	if (again == NULL)
		abort();
	json_render(again, false, &twice);
	if (strcmp(once.data, twice.data) != 0)
		abort();
	json_render(v, true, &pretty);
	indented = json_parse(pretty.data, pretty.length, &err);
	if (indented == NULL)
		abort();
	buf_reset(&twice);
	json_render(indented, false, &twice);
	if (strcmp(once.data, twice.data) != 0)
		abort();
	return 0;
}
