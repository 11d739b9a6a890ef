/* SPDX-License-Identifier: Apache-2.0 */
/* Hiding secrets in output, against a slow reference, in pieces of any size. */
#include "builder/secret.h"
#include "common/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { MAX_SECRETS = 4 };

struct secrets {
	struct build_secret item[MAX_SECRETS];
	const struct build_secret *list[MAX_SECRETS];
	size_t count;
};

static void add(struct secrets *s, const char *value, size_t length)
{
	s->item[s->count] = (struct build_secret){.id = "x", .data = value, .length = length};
	s->list[s->count] = &s->item[s->count];
	s->count++;
}

/* Feeds text in pieces of that size. */
static char *redact(const struct secrets *s, const char *text, size_t length, size_t piece)
{
	auto_(redactor) struct redactor *r = redactor_new(s->list, s->count);
	struct buf out = BUF_INIT;

	if (r == NULL)
		return xstrndup(text, length);
	for (size_t at = 0; at < length; at += piece)
		redactor_feed(r, text + at, length - at < piece ? length - at : piece, &out);
	redactor_flush(r, &out);
	return buf_steal(&out);
}

static void expect(const char *const *values, const char *text, const char *wanted)
{
	struct secrets s = {.count = 0};

	for (; *values != NULL; values++)
		add(&s, *values, strlen(*values));
	for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
		auto_free char *got = redact(&s, text, strlen(text), piece);

		if (strcmp(got, wanted) != 0)
			fail_msg("in pieces of %zu: %s", piece, got);
	}
}

#define VALUES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void values_are_hidden(void **state)
{
	(void)state;
	expect(VALUES("secret"), "the secret is out", "the *** is out");
	expect(VALUES("secret"), "secret", "***");
	expect(VALUES("secret"), "secre", "secre");
	expect(VALUES("secret"), "sesecret secretsecret.", "se*** ***.");
	expect(VALUES("secret", "cretin"), "a secretin b", "a *** b");
	expect(VALUES("abcabd"), "abcabcabd abcabc", "abc*** abcabc");
	expect(VALUES("aaaa"), "aaa aaaaaaa aaa", "aaa *** aaa");
	expect(VALUES("long value", "value"), "a long valu, a value, a long value",
	       "a long valu, a ***, a ***");
	expect(VALUES("abcdefgh", "cdef"), "abcdefg abcdefgh", "ab***g ***");
}

static void short_values_are_not(void **state)
{
	struct secrets s = {.count = 0};

	(void)state;
	expect(VALUES("abc"), "abcabc", "abcabc");
	expect(VALUES("abcd"), "abcabcd", "abc***");
	expect(VALUES("ab\n\n"), "ab\n\n", "ab\n\n");
	expect(VALUES(""), "text", "text");
	add(&s, "abc", 3);
	assert_null(redactor_new(s.list, s.count));
	assert_null(redactor_new(NULL, 0));
	redactor_free(NULL);
}

static void line_ends_and_lines(void **state)
{
	static const char key[] =
		"-----BEGIN-----\n  first line\r\nshort\nsecond line\n-----END-----\n";

	(void)state;
	expect(VALUES("token\n"), "a token\nb", "a ***\nb");
	expect(VALUES("token\r\n"), "a tokenb", "a ***b");
	expect(VALUES(key), "first line, short, second line", "***, short, ***");
	expect(VALUES(key), key, "***\n");
	expect(VALUES("short1\nshort2"), "short1 short1\nshort2 short2", "short1 *** short2");
}

static void bytes_of_any_value(void **state)
{
	struct secrets s = {.count = 0};
	static const char value[] = "\0\xff\0\x80z", text[] = "a\0\xff\0\x80z\0\xff\0b";

	(void)state;
	add(&s, value, 5);
	for (size_t piece = 1; piece < 12; piece++) {
		auto_free char *got = redact(&s, text, 10, piece);

		assert_memory_equal(got, "a***\0\xff\0b", 8);
	}
}

/* What cannot be the beginning of a value comes out at once. */
static void nothing_is_delayed_needlessly(void **state)
{
	struct secrets s = {.count = 0};
	auto_(buf) struct buf out = BUF_INIT;
	struct redactor *r;

	(void)state;
	add(&s, "secret", 6);
	r = redactor_new(s.list, s.count);
	redactor_feed(r, "prompt: ", 8, &out);
	assert_string_equal(out.data, "prompt: ");
	redactor_feed(r, "sec", 3, &out);
	assert_string_equal(out.data, "prompt: ");
	redactor_feed(r, "s", 1, &out);
	assert_string_equal(out.data, "prompt: sec");
	redactor_feed(r, "ecret", 5, &out);
	assert_string_equal(out.data, "prompt: sec***");
	redactor_feed(r, "secr", 4, &out);
	assert_string_equal(out.data, "prompt: sec***");
	redactor_flush(r, &out);
	assert_string_equal(out.data, "prompt: sec***secr");
	/* And a new stream begins. */
	redactor_feed(r, "et secret\n", 10, &out);
	assert_string_equal(out.data, "prompt: sec***secret ***\n");
	redactor_free(r);
}

/* --- the reference ------------------------------------------------------------------------- */

static void mark(bool *hidden, const char *text, size_t length, const char *value, size_t size)
{
	for (size_t at = 0; size > 0 && at + size <= length; at++)
		if (memcmp(text + at, value, size) == 0)
			memset(hidden + at, true, size);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\r';
}

static char *reference(const struct secrets *s, const char *text, size_t length)
{
	auto_free bool *hidden = xcalloc(length + 1, 1);
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < s->count; i++) {
		const char *value = s->item[i].data;
		size_t size = s->item[i].length;

		while (size > 0 && (value[size - 1] == '\n' || value[size - 1] == '\r'))
			size--;
		if (size < SECRET_MIN_VALUE)
			continue;
		mark(hidden, text, length, value, size);
		for (size_t from = 0, to; from < size; from = to + 1) {
			size_t a = from, b;

			for (to = from; to < size && value[to] != '\n';)
				to++;
			for (b = to; a < b && is_blank(value[a]);)
				a++;
			while (b > a && is_blank(value[b - 1]))
				b--;
			if (b - a >= SECRET_MIN_LINE && (from > 0 || to < size))
				mark(hidden, text, length, value + a, b - a);
		}
	}
	for (size_t i = 0; i < length; i++) {
		if (!hidden[i])
			buf_add_char(&out, text[i]);
		else if (i == 0 || !hidden[i - 1])
			buf_add_str(&out, "***");
	}
	return buf_steal(&out);
}

static uint64_t roll(uint64_t *state, uint64_t sides)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % sides;
}

/* Few letters, so that prefixes, overlaps and repetitions are frequent. */
static void fill(uint64_t *dice, char *text, size_t length, const char *letters)
{
	for (size_t i = 0; i < length; i++)
		text[i] = letters[roll(dice, strlen(letters))];
}

static void random_texts_as_the_reference(void **state)
{
	const char *given = getenv("SEED");
	const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	uint64_t dice = seed * 2 + 1;

	(void)state;
	for (int trial = 0; trial < 20000; trial++) {
		static const char *const alphabets[] = {"ab", "aab", "abc\n", "ab \r\n"};
		const char *letters = alphabets[roll(&dice, 4)];
		char values[MAX_SECRETS][40], text[300];
		const size_t length = 1 + roll(&dice, sizeof(text) - 1);
		struct secrets s = {.count = 0};
		struct buf got = BUF_INIT;
		struct redactor *r;

		while (s.count < 1 + (size_t)trial % MAX_SECRETS) {
			const size_t size = 1 + roll(&dice, roll(&dice, 2) ? 6 : 39);

			fill(&dice, values[s.count], size, letters);
			add(&s, values[s.count], size);
		}
		fill(&dice, text, length, letters);
		auto_free char *wanted = reference(&s, text, length);

		r = redactor_new(s.list, s.count);
		for (size_t at = 0, piece; at < length; at += piece) {
			piece = 1 + roll(&dice, 20);
			if (piece > length - at)
				piece = length - at;
			if (r != NULL)
				redactor_feed(r, text + at, piece, &got);
			else
				buf_add(&got, text + at, piece);
		}
		if (r != NULL)
			redactor_flush(r, &got);
		redactor_free(r);
		if (strcmp(got.data, wanted) != 0)
			fail_msg("SEED=%llu trial %d: wanted %s, got %s", (unsigned long long)seed,
				 trial, wanted, got.data);
		buf_release(&got);
	}
}

/* 500 KiB, found in 50 MB of the worst that can be: its own beginning, again and again. */
static void large_values_take_linear_time(void **state)
{
	enum { SIZE = 500 * 1024, ROUNDS = 100 };
	char *value = xmalloc(SIZE), *text = xmalloc(SIZE);
	struct secrets s = {.count = 0};
	auto_(buf) struct buf out = BUF_INIT;
	struct redactor *r;
	clock_t began = clock();

	(void)state;
	memset(value, 'a', SIZE);
	memset(text, 'a', SIZE);
	value[SIZE - 1] = 'b';
	add(&s, value, SIZE);
	r = redactor_new(s.list, s.count);
	for (int i = 0; i < ROUNDS; i++)
		redactor_feed(r, text, SIZE, &out);
	assert_int_equal(out.length, (size_t)SIZE * ROUNDS - (SIZE - 1));
	redactor_feed(r, "b", 1, &out);
	assert_int_equal(out.length, (size_t)SIZE * ROUNDS - (SIZE - 1) + 3);
	assert_string_equal(out.data + out.length - 4, "a***");
	redactor_free(r);
	free(value);
	free(text);
	assert_true((clock() - began) / CLOCKS_PER_SEC < 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_hidden),
		cmocka_unit_test(short_values_are_not),
		cmocka_unit_test(line_ends_and_lines),
		cmocka_unit_test(bytes_of_any_value),
		cmocka_unit_test(nothing_is_delayed_needlessly),
		cmocka_unit_test(random_texts_as_the_reference),
		cmocka_unit_test(large_values_take_linear_time),
	};

	return cmocka_run_group_tests_name("builder/secret", tests, NULL, NULL);
}
