/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/parse_json.h"
#include "tests/parser_data.h"

#include <cJSON.h>

static cJSON *read_json(const char *path)
{
	auto_(buf) struct buf text = BUF_INIT;
	cJSON *json;

	if (!read_file(path, &text))
		fail_msg("%s is missing; UPDATE=1 writes it", path);
	json = cJSON_Parse(text.data);
	if (json == NULL)
		fail_msg("%s: not JSON", path);
	return json;
}

/* What is expected must be there; further warnings may. */
static void assert_warnings(const char *path, const cJSON *want, const cJSON *got)
{
	const cJSON *one, *other;

	cJSON_ArrayForEach(one, want)
	{
		bool found = false;

		cJSON_ArrayForEach(other, got) found = found || cJSON_Compare(one, other, true);
		if (!found)
			fail_msg("%s: no warning %s", path, cJSON_PrintUnformatted(one));
	}
}

static void assert_same(const char *path, const cJSON *want, const cJSON *got)
{
	const cJSON *one, *other;

	assert_true(cJSON_Compare(cJSON_GetObjectItemCaseSensitive(want, "escape"),
				  cJSON_GetObjectItemCaseSensitive(got, "escape"), true));
	one = cJSON_GetObjectItemCaseSensitive(want, "instructions")->child;
	other = cJSON_GetObjectItemCaseSensitive(got, "instructions")->child;
	for (; one != NULL && other != NULL; one = one->next, other = other->next)
		if (!cJSON_Compare(one, other, true))
			fail_msg("%s\nwanted: %s\ngot:    %s", path, cJSON_PrintUnformatted(one),
				 cJSON_PrintUnformatted(other));
	if (one != NULL || other != NULL)
		fail_msg("%s: %s instructions than wanted", path, one != NULL ? "fewer" : "more");
	assert_warnings(path, cJSON_GetObjectItemCaseSensitive(want, "warnings"),
			cJSON_GetObjectItemCaseSensitive(got, "warnings"));
}

static void compare(const char *folder)
{
	auto_(buf) struct buf text = BUF_INIT, out = BUF_INIT;
	const char *update = getenv("UPDATE");
	char path[1100];
	struct dockerfile *df;
	cJSON *got, *want;

	snprintf(path, sizeof(path), "%s/Dockerfile", folder);
	assert_true(read_file(path, &text));
	df = parse_buf("Dockerfile", &text);
	if (dockerfile_syntax_errors(df) > 0)
		fail_msg("%s: syntax error", path);
	parse_json(df, &out);
	dockerfile_free(df);
	got = cJSON_Parse(out.data);
	if (got == NULL)
		fail_msg("%s: not JSON: %s", path, out.data);
	snprintf(path, sizeof(path), "%s/parse.json", folder);
	if (update != NULL && strcmp(update, "1") == 0) {
		char *printed = cJSON_Print(got);

		buf_reset(&out);
		buf_printf(&out, "%s\n", printed);
		write_file(path, &out);
		free(printed);
	}
	want = read_json(path);
	assert_same(path, want, got);
	cJSON_Delete(want);
	cJSON_Delete(got);
}

static void test_documents(void **state)
{
	(void)state;
	assert_true(each_case("tests/data/parse", compare) > 10);
}

static void test_any_bytes(void **state)
{
	auto_(buf) struct buf out = BUF_INIT;
	struct dockerfile *df = parse_str("FROM a\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80"
					  "\xe2\x82\xac\xf0\x9f\x98\x80\x01\"\n");
	cJSON *json;

	(void)state;
	parse_json(df, &out);
	dockerfile_free(df);
	json = cJSON_Parse(out.data);
	assert_non_null(json);
	assert_non_null(strstr(out.data, "\"a\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"
					 "\\ufffd\\ufffd\\ufffd\xe2\x82\xac\xf0\x9f\x98\x80"
					 "\\u0001\\\"\""));
	cJSON_Delete(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
