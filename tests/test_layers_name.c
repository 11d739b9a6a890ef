/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/name.h"

#include "common/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void canonical_is(const char *text, const char *expected)
{
	struct error err = ERROR_INIT;
	auto_free char *name = name_canonical(text, &err);
	auto_free char *again = NULL;

	if (name == NULL)
		fail_msg("%s: %s", text, err.frame[0].text);
	assert_string_equal(name, expected);
	again = name_canonical(name, &err);
	assert_non_null(again);
	assert_string_equal(again, expected);
}

static void test_canonical(void **state)
{
	static const char *const table[][2] = {
		{"busybox", "busybox:latest"},
		{"busybox:latest", "busybox:latest"},
		{"docker.io/library/busybox", "busybox:latest"},
		{"index.docker.io/library/busybox:1", "busybox:1"},
		{"library/busybox", "busybox:latest"},
		{"docker.io/busybox", "busybox:latest"},
		{"docker.io/user/app:v1.2_3-rc", "user/app:v1.2_3-rc"},
		{"library/a/b", "library/a/b:latest"},
		{"docker.io/library/a/b", "library/a/b:latest"},
		{"quay.io/a/b", "quay.io/a/b:latest"},
		{"quay.io/library/b", "quay.io/library/b:latest"},
		{"localhost/x", "localhost/x:latest"},
		{"localhost:5000/x", "localhost:5000/x:latest"},
		{"host:5000", "host:5000"},
		{"HOST/x", "HOST/x:latest"},
		{"[::1]:5000/a/b:t", "[::1]:5000/a/b:t"},
		{"127.0.0.1:80/a", "127.0.0.1:80/a:latest"},
		{"a__b/c---d.e_f", "a__b/c---d.e_f:latest"},
		{"docker.io/localhost/x", "docker.io/localhost/x:latest"},
		{"docker.io/a.b/x", "docker.io/a.b/x:latest"},
		{"docker.io/library/localhost", "localhost:latest"},
		{"a:_x", "a:_x"},
		{"sha256:abcd", "sha256:abcd"},
		{"docker.io/" HEX, HEX ":latest"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		canonical_is(table[i][0], table[i][1]);
}

static void test_refused(void **state)
{
	static const char *const table[][2] = {
		{"", "empty"},
		{"Busybox", "lower-case"},
		{"user/App", "lower-case"},
		{"a//b", "lower-case"},
		{"/a", "lower-case"},
		{"a/", "lower-case"},
		{"a_", "lower-case"},
		{"-a", "lower-case"},
		{"a..b", "lower-case"},
		{"a___b", "lower-case"},
		{"a b", "lower-case"},
		{"../x", "host"},
		{"a/../b", "lower-case"},
		{"\xc3\xa9", "lower-case"},
		{"a:", "tag"},
		{"a:.x", "tag"},
		{"a:-x", "tag"},
		{"a:b/c", "host"},
		{"a:x y", "tag"},
		{"h:0/a", "host"},
		{"h:65536/a", "host"},
		{"h:/a", "host"},
		{"-h.x/a", "host"},
		{"h-.x/a", "host"},
		{"h..x/a", "host"},
		{"[::1/a", "host"},
		{"[]:1/a", "host"},
		{"[::1]x/a", "host"},
		{HEX, "image ID"},
		{"a@sha256:" HEX "0", "after @"},
		{"a@sha512:" HEX, "after @"},
		{"a@SHA256:" HEX, "after @"},
		{"a@", "after @"},
		{"@sha256:" HEX, "lower-case"},
		{"a@sha256:" HEX "@sha256:" HEX, "after @"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct error err = ERROR_INIT;
		struct name n = {.repository = NULL};

		if (name_parse(table[i][0], &n, &err) == 0)
			fail_msg("accepted: %s", table[i][0]);
		assert_int_equal(err.code, ERROR_USAGE);
		assert_null(n.repository);
		if (strstr(err.frame[0].text, table[i][1]) == NULL)
			fail_msg("\"%s\" lacks \"%s\"", err.frame[0].text, table[i][1]);
	}
}

static void test_parts(void **state)
{
	struct error err = ERROR_INIT;
	struct name n = {.repository = NULL};
	char hex[DIGEST_HEX_SIZE];

	(void)state;
	assert_int_equal(name_parse("quay.io/a:t@sha256:" HEX, &n, &err), 0);
	assert_string_equal(n.repository, "quay.io/a");
	assert_string_equal(n.tag, "t");
	assert_true(n.has_digest);
	assert_string_equal(digest_hex(&n.digest, hex), HEX);
	name_release(&n);
	assert_int_equal(name_parse("a@sha256:" HEX, &n, &err), 0);
	assert_null(n.tag);
	name_release(&n);
	assert_int_equal(name_parse("a", &n, &err), 0);
	assert_string_equal(n.tag, "latest");
	assert_false(n.has_digest);
	name_release(&n);
	assert_null(name_canonical("a@sha256:" HEX, &err));
	assert_int_equal(err.code, ERROR_USAGE);
}

static void test_lengths(void **state)
{
	auto_(buf) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct name n = {.repository = NULL};

	(void)state;
	for (int i = 0; i < 255; i++)
		buf_add_char(&b, 'a');
	assert_int_equal(name_parse(b.data, &n, &err), 0);
	name_release(&n);
	buf_add_char(&b, 'a');
	assert_int_equal(name_parse(b.data, &n, &err), -1);
	buf_reset(&b);
	buf_add_str(&b, "a:");
	for (int i = 0; i < 128; i++)
		buf_add_char(&b, 't');
	assert_int_equal(name_parse(b.data, &n, &err), 0);
	name_release(&n);
	buf_add_char(&b, 't');
	assert_int_equal(name_parse(b.data, &n, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
