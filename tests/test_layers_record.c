/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/record.h"

#include "tests/store_box.h"

static void fill(struct record *r)
{
	struct digest d;

	digest_of("x", 1, &d);
	record_add(r, "name", "demo:latest");
	record_add_digest(r, "manifest", &d);
	record_addf(r, "size", "%d", 1234);
	record_add(r, "path", "with % and \n and \x7f and \xc3\xa9");
	record_add(r, "path", "");
	record_add(r, "path", " two  spaces ");
}

static void survives_the_round_trip(void **state)
{
	auto_(record) struct record r = RECORD_INIT, back = RECORD_INIT;
	auto_(buf) struct buf text = BUF_INIT, again = BUF_INIT;
	struct error err = ERROR_INIT;
	struct digest d, x;
	uint64_t size;

	(void)state;
	fill(&r);
	record_render(&r, "varve-ref", &text);
	assert_ptr_equal(strstr(text.data, "varve-ref 1\nname demo:latest\n"), text.data);
	assert_non_null(strstr(text.data, "\npath with %25 and %0A and %7F and \xc3\xa9\n"));
	ok(record_parse(text.data, text.length, "varve-ref", &back, &err));
	assert_int_equal(back.count, r.count);
	for (size_t i = 0; i < r.count; i++) {
		assert_string_equal(back.fields[i].key, r.fields[i].key);
		assert_string_equal(back.fields[i].value, r.fields[i].value);
	}
	record_render(&back, "varve-ref", &again);
	assert_string_equal(again.data, text.data);
	digest_of("x", 1, &x);
	ok(record_get_digest(&back, "manifest", &d, &err));
	assert_true(digest_equal(&d, &x));
	ok(record_get_number(&back, "size", &size, &err));
	assert_int_equal(size, 1234);
	assert_null(record_get(&back, "nothing"));
	assert_string_equal(record_get(&back, "path"), r.fields[3].value);
	ok(record_parse(text.data, text.length, NULL, &back, &err));
}

static void numbers_are_strict(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "184467440737095516150"};
	auto_(record) struct record r = RECORD_INIT;
	struct error err = ERROR_INIT;
	uint64_t n = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		record_release(&r);
		record_add(&r, "n", bad[i]);
		assert_int_equal(record_get_number(&r, "n", &n, &err), -1);
		assert_int_equal(err.code, ERROR_FORMAT);
		assert_int_equal(n, 7);
	}
	record_release(&r);
	record_add(&r, "n", "18446744073709551615");
	ok(record_get_number(&r, "n", &n, &err));
	assert_true(n == UINT64_MAX);
	assert_int_equal(record_get_digest(&r, "n", &(struct digest){{0}}, &err), -1);
	assert_int_equal(record_get_number(&r, "m", &n, &err), -1);
}

static bool absent(const char *text, size_t length, const char *kind)
{
	auto_(record) struct record r = RECORD_INIT;
	struct error err = ERROR_INIT;

	return record_parse(text, length, kind, &r, &err) < 0 && err.code == ERROR_FORMAT &&
	       r.count == 0;
}

static void every_flipped_bit_makes_it_absent(void **state)
{
	auto_(record) struct record r = RECORD_INIT;
	auto_(buf) struct buf text = BUF_INIT;

	(void)state;
	fill(&r);
	record_render(&r, "varve-ref", &text);
	assert_false(absent(text.data, text.length, "varve-ref"));
	for (size_t i = 0; i < text.length * 8; i++) {
		text.data[i / 8] ^= (char)(1 << i % 8);
		if (!absent(text.data, text.length, "varve-ref") ||
		    !absent(text.data, text.length, NULL))
			fail_msg("bit %zu of byte %zu", i % 8, i / 8);
		text.data[i / 8] ^= (char)(1 << i % 8);
	}
}

static void cut_or_extended_is_absent(void **state)
{
	auto_(record) struct record r = RECORD_INIT;
	auto_(buf) struct buf text = BUF_INIT;

	(void)state;
	fill(&r);
	record_render(&r, "varve-ref", &text);
	for (size_t length = 0; length < text.length; length++)
		assert_true(absent(text.data, length, "varve-ref"));
	buf_add_char(&text, '\n');
	assert_true(absent(text.data, text.length, "varve-ref"));
}

/* Bodies whose sum is right all the same. */
static void malformed_bodies_are_absent(void **state)
{
	static const char *const body[] = {
		"varve-ref 2\nname x\n", "varve-refs 1\nname x\n",
		"varve-ref 1\nname\n",   "varve-ref 1\n name\n",
		"varve-ref 1\nname x",   "varve-ref 1\nname %2\n",
		"varve-ref 1\nn %41\n",  "varve-ref 1\nn %0a\n",
		"varve-ref 1\nn \x01\n", "varve-ref 1\nn %00\n",
		"varve-ref 1\n\n",       "varve-ref 1\n%25 x\n",
		"varve-ref 1",           "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(body) / sizeof(*body); i++) {
		auto_(buf) struct buf text = BUF_INIT;
		char hex[DIGEST_HEX_SIZE];
		struct digest sum;

		buf_add_str(&text, body[i]);
		digest_of(text.data, text.length, &sum);
		buf_printf(&text, "sum %s\n", digest_hex(&sum, hex));
		assert_true(record_intact(text.data, text.length));
		if (!absent(text.data, text.length, "varve-ref"))
			fail_msg("accepted: %s", body[i]);
	}
}

static void loading_reports_absence(void **state)
{
	auto_(record) struct record r = RECORD_INIT, back = RECORD_INIT;
	auto_(buf) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	struct box b;

	(void)state;
	box_make(&b);
	fill(&r);
	record_render(&r, "varve-ref", &text);
	assert_int_equal(record_load(b.root, "r", "varve-ref", &back, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	ok(replace_file(b.root, "r", text.data, text.length, &err));
	ok(record_load(b.root, "r", "varve-ref", &back, &err));
	ok(replace_file(b.root, "r", text.data, text.length - 1, &err));
	assert_int_equal(record_load(b.root, "r", "varve-ref", &back, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(mkdirat(b.root, "d", 0700), 0);
	assert_int_equal(record_load(b.root, "d", "varve-ref", &back, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	box_remove(&b);
}

/* Nothing that was ever hashed may crash the parser, whatever follows the sum. */
static void noise_is_absent(void **state)
{
	struct dice dice = dice_new();

	(void)state;
	for (uint64_t i = 0; i < box_number("TRIALS", 2000); i++) {
		char noise[200];
		size_t length = dice_roll(&dice, sizeof(noise));

		for (size_t k = 0; k < length; k++)
			noise[k] = (char)dice_roll(&dice, 256);
		if (!absent(noise, length, NULL))
			fail_msg("SEED=%llu", (unsigned long long)dice.seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_the_round_trip),
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(every_flipped_bit_makes_it_absent),
		cmocka_unit_test(cut_or_extended_is_absent),
		cmocka_unit_test(malformed_bodies_are_absent),
		cmocka_unit_test(loading_reports_absence),
		cmocka_unit_test(noise_is_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
