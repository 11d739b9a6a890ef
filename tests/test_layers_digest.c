/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* FIPS 180-4 examples. */
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void known_answers(void **state)
{
	struct digest d;
	char hex[DIGEST_HEX_SIZE], text[DIGEST_TEXT_SIZE];

	(void)state;
	digest_of("", 0, &d);
	assert_string_equal(digest_hex(&d, hex), EMPTY);
	digest_of("abc", 3, &d);
	assert_string_equal(digest_hex(&d, hex), ABC);
	assert_string_equal(digest_text(&d, text), "sha256:" ABC);
}

static void streaming_does_not_depend_on_chunks(void **state)
{
	(void)state;
	for (size_t chunk = 1; chunk < 300; chunk += 7) {
		auto_(hasher) struct hasher *h = hasher_new();
		char text[300], hex[DIGEST_HEX_SIZE];
		struct digest d;

		memset(text, 'a', sizeof(text));
		for (size_t left = 1000000; left > 0;) {
			size_t n = chunk < left ? chunk : left;

			hasher_add(h, text, n);
			left -= n;
		}
		hasher_finish(h, &d);
		assert_string_equal(digest_hex(&d, hex), MILLION_A);
	}
}

static void parses_only_the_canonical_form(void **state)
{
	static const char *const bad[] = {
		"",
		"sha256:",
		ABC,
		"sha256",
		"sha512:" ABC,
		"SHA256:" ABC,
		" sha256:" ABC,
		"sha256:" ABC "0",
		"sha256:" ABC "\n",
		"sha256:BA7816bf8f01cfea414140de5dae2223"
		"b00361a396177a9cb410ff61f20015ad",
		"sha256:../../../../etc/passwd",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ag",
	};
	struct error err = ERROR_INIT;
	struct digest d, again;
	char text[DIGEST_TEXT_SIZE];

	(void)state;
	assert_int_equal(digest_parse("sha256:" ABC, &d, &err), 0);
	assert_string_equal(digest_text(&d, text), "sha256:" ABC);
	assert_true(digest_parse_hex(ABC, &again));
	assert_true(digest_equal(&d, &again));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error_clear(&err);
		assert_int_equal(digest_parse(bad[i], &again, &err), -1);
		assert_int_equal(err.code, ERROR_FORMAT);
		assert_true(digest_equal(&d, &again));
	}
}

static void orders_bytewise(void **state)
{
	struct digest a = {{1}}, b = {{1, 0, 1}}, c = {{255}};

	(void)state;
	assert_true(digest_compare(&a, &b) < 0);
	assert_true(digest_compare(&b, &c) < 0);
	assert_true(digest_compare(&c, &a) > 0);
	assert_false(digest_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(streaming_does_not_depend_on_chunks),
		cmocka_unit_test(parses_only_the_canonical_form),
		cmocka_unit_test(orders_bytewise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
