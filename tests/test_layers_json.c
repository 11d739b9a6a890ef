/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct json *parse(const char *text)
{
	struct error err = ERROR_INIT;
	struct json *v = json_parse(text, strlen(text), &err);

	if (v == NULL)
		fail_msg("%s: %s", text, err.frame[0].text);
	return v;
}

static void refused(const char *text, size_t length, enum error_code code, const char *why)
{
	struct error err = ERROR_INIT;
	struct json *v = json_parse(text, length, &err);

	if (v != NULL)
		fail_msg("accepted: %.60s", text);
	assert_int_equal(err.code, code);
	if (strstr(err.frame[0].text, why) == NULL)
		fail_msg("%.60s: \"%s\" lacks \"%s\"", text, err.frame[0].text, why);
}

static void test_traps(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"", "empty"},
		{"   ", "syntax error"},
		{"{\"a\":1,\"a\":1}", "duplicate key \"a\""},
		{"[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]", "duplicate key \"b\""},
		{"{\"a\":1,\"\\u0061\":1}", "duplicate key \"a\""},
		{"{} x", "unexpected byte"},
		{"{}{}", "trailing bytes"},
		{"1 2", "trailing bytes"},
		{"{\"a\":\"x\\u0000y\"}", "\\u0000"},
		{"{\"a\\u0000\":1}", "\\u0000"},
		{"\"\xff\"", "invalid UTF-8"},
		{"\"\xc0\xaf\"", "invalid UTF-8"},
		{"\"\xed\xa0\x80\"", "invalid UTF-8"},
		{"\"\xf4\x90\x80\x80\"", "invalid UTF-8"},
		{"\"\xe2\x82\"", "invalid UTF-8"},
		{"{\"\x80\":1}", "invalid UTF-8"},
		{"\"\\ud800\"", "syntax error"},
		{"\"\\udc00\"", "syntax error"},
		{"\"a\nb\"", "control byte"},
		{"\"abc", "ends inside a string"},
		{"\"\\x\"", "bad escape"},
		{"\"\\u12g4\"", "bad \\u escape"},
		{"01", "leading zero"},
		{"-01", "leading zero"},
		{"+1", "unexpected byte"},
		{".5", "unexpected byte"},
		{"1.", "bad number"},
		{"1e", "bad number"},
		{"-", "bad number"},
		{"1e309", "out of range"},
		{"NaN", "unexpected byte"},
		{"Infinity", "unexpected byte"},
		{"True", "unexpected byte"},
		{"nul", "unexpected byte"},
		{"\xef\xbb\xbf{}", "unexpected byte"},
		{"\v{}", "unexpected byte"},
		{"[1,]", "syntax error"},
		{"[1 2]", "syntax error"},
		{"{\"a\"}", "syntax error"},
		{"{a:1}", "unexpected byte"},
		{"{\"a\":1,}", "syntax error"},
		{"[1}", "syntax error"},
		{"[", "syntax error"},
		{"]", "syntax error"},
		{"// c\n1", "unexpected byte"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i].text, strlen(bad[i].text), ERROR_FORMAT, bad[i].why);
	refused("1\0", 2, ERROR_FORMAT, "unexpected byte");
	refused("\"a\0b\"", 5, ERROR_FORMAT, "control byte");
}

static void test_limits(void **state)
{
	auto_(buf) struct buf b = BUF_INIT;
	auto_(json) struct json *v = NULL;

	(void)state;
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		buf_add_char(&b, '[');
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		buf_add_char(&b, ']');
	v = parse(b.data);
	buf_reset(&b);
	for (int i = 0; i < 100000; i++)
		buf_add_char(&b, '[');
	refused(b.data, b.length, ERROR_LIMIT, "deeper than 64");
	buf_reset(&b);
	buf_add_char(&b, '[');
	for (int i = 0; i < JSON_MAX_VALUES; i++)
		buf_add_str(&b, "0,");
	buf_add_str(&b, "0]");
	refused(b.data, b.length, ERROR_LIMIT, "262144 values");
	buf_reset(&b);
	buf_add_char(&b, '"');
	while (b.length < JSON_MAX_BYTES)
		buf_add_char(&b, 'x');
	buf_add_char(&b, '"');
	refused(b.data, b.length, ERROR_LIMIT, "limit of 8388608");
}

/* 200 000 keys in one object must not cost quadratic time: this test would take minutes. */
static void test_many_keys(void **state)
{
	auto_(buf) struct buf b = BUF_INIT;
	auto_(json) struct json *v = NULL;

	(void)state;
	buf_add_char(&b, '{');
	for (int i = 0; i < 120000; i++)
		buf_printf(&b, "%s\"k%d\":null", i > 0 ? "," : "", i);
	buf_add_char(&b, '}');
	v = parse(b.data);
	assert_int_equal(json_count(v), 120000);
	buf_truncate(&b, b.length - 1);
	buf_add_str(&b, ",\"k77\":1}");
	refused(b.data, b.length, ERROR_FORMAT, "duplicate key \"k77\"");
}

static void test_numbers(void **state)
{
	auto_(json) struct json *v = parse("{\"Size\":1,\"size\":2,\"zero\":-0,\"whole\":1e3,"
					   "\"half\":0.5,\"max\":9007199254740991,"
					   "\"more\":9007199254740992,\"text\":\"1\","
					   "\"int64\":9223372036854775807,"
					   "\"exp\":1234567890123460,\"null\":null}");
	static const char *const none[] = {"half", "more",    "text", "int64",
					   "null", "missing", "SIZE"};
	int64_t n = 0;

	(void)state;
	assert_true(json_get_number(v, "size", &n));
	assert_int_equal(n, 2);
	assert_true(json_get_number(v, "zero", &n));
	assert_int_equal(n, 0);
	assert_true(json_get_number(v, "whole", &n));
	assert_int_equal(n, 1000);
	assert_true(json_get_number(v, "max", &n));
	assert_true(n == INT64_C(9007199254740991));
	assert_true(json_get_number(v, "exp", &n));
	assert_true(n == INT64_C(1234567890123460));
	n = 7;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (json_get_number(v, none[i], &n))
			fail_msg("%s is a number", none[i]);
	assert_int_equal(n, 7);
}

static void test_types(void **state)
{
	auto_(json) struct json *v =
		parse("{\"s\":\"\\u00e9\\ud83d\\ude00\\n\",\"t\":true,\"f\":false,"
		      "\"n\":null,\"a\":[1,\"x\"],\"o\":{}}");
	const struct json *a = json_get(v, "a");

	(void)state;
	assert_string_equal(json_get_string(v, "s"), "\xc3\xa9\xf0\x9f\x98\x80\n");
	assert_null(json_get_string(v, "S"));
	assert_null(json_get_string(v, "t"));
	assert_true(json_get_bool(v, "t"));
	assert_false(json_get_bool(v, "f"));
	assert_false(json_get_bool(v, "s"));
	assert_true(json_is_bool(json_get(v, "f")));
	assert_true(json_is_null(json_get(v, "n")));
	assert_false(json_is_null(json_get(v, "missing")));
	assert_true(json_is_array(a));
	assert_true(json_is_object(json_get(v, "o")));
	assert_null(json_first(json_get(v, "o")));
	assert_null(json_first(json_get(v, "s")));
	assert_null(json_get(a, "x"));
	assert_null(json_get(NULL, "x"));
	assert_int_equal(json_count(v), 6);
	assert_int_equal(json_count(NULL), 0);
	assert_string_equal(json_key(json_first(v)), "s");
	assert_string_equal(json_string(json_next(json_first(a))), "x");
	assert_null(json_next(json_next(json_first(a))));
}

static void test_render(void **state)
{
	auto_(json) struct json *v = json_new_object();
	auto_(json) struct json *other = parse("{\"k\":[1.5,1234567890123460,true]}");
	auto_(json) struct json *again = NULL;
	auto_(buf) struct buf b = BUF_INIT;
	struct json *list;
	static const char compact[] =
		"{\"z\":\"q\\\"\\\\\\n\\u0001\\u007f/\",\"n\":9223372036854775807,"
		"\"list\":[\"\xef\xbf\xbdx\",-1,true,null,{}],"
		"\"copy\":{\"k\":[1.5,1234567890123460,true]},\"empty\":[],\"a\":false}";

	(void)state;
	json_add_string(v, "z", "q\"\\\n\001\177/");
	json_add_number(v, "n", INT64_MAX);
	list = json_add_array(v, "list");
	json_add_string(list, NULL, "\xffx");
	json_add_number(list, NULL, -1);
	json_add_bool(list, NULL, true);
	json_add_null(list, NULL);
	json_add_object(list, NULL);
	json_add_copy(v, "copy", other);
	json_add_array(v, "empty");
	json_add_bool(v, "a", false);
	json_render(v, false, &b);
	assert_string_equal(b.data, compact);
	again = parse(b.data);
	buf_reset(&b);
	json_render(json_get(again, "list"), true, &b);
	assert_string_equal(b.data, "[\n  \"\xef\xbf\xbdx\",\n  -1,\n  true,\n  null,\n  {}\n]");
}

static void test_every_prefix_is_refused(void **state)
{
	static const char text[] = "{\"a\":[1,2.5e3,\"x\\u00e9\\n\"],\"b\":{\"c\":null}}";

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		struct error err = ERROR_INIT;

		if (json_parse(text, i, &err) != NULL)
			fail_msg("prefix of %zu bytes accepted", i);
		assert_int_equal(err.code, ERROR_FORMAT);
	}
	json_free(parse(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traps),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_render),
		cmocka_unit_test(test_every_prefix_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
