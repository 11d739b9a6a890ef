/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/data/word.txt holds groups of three lines, apart by blank lines or comments:
 *
 *	NAME=VALUE ...   the environment; "-" for none; "@body" or "@backquote" chooses the kind
 *	the word         as written; "<NL>" is a line feed, "<SP>" a blank in the environment
 *	the result       or "! " and the message; "<empty>" for nothing
 */
#include "parser/scan.h"
#include "tests/parser_data.h"

struct group {
	const char *environment; /* the first line */
	struct buf values;       /* of the last lookup */
};

static void unescape(const char *text, size_t length, struct buf *out)
{
	for (size_t i = 0; i < length; i++) {
		if (strncmp(text + i, "<NL>", 4) == 0 || strncmp(text + i, "<SP>", 4) == 0) {
			buf_add_char(out, text[i + 1] == 'N' ? '\n' : ' ');
			i += 3;
		} else {
			buf_add_char(out, text[i]);
		}
	}
}

static const char *lookup(void *user, const char *name)
{
	struct group *group = user;
	const char *p = group->environment;
	size_t length = strlen(name);

	while (*p != '\0') {
		size_t end = strcspn(p, " ");

		if (strncmp(p, name, length) == 0 && p[length] == '=') {
			buf_reset(&group->values);
			unescape(p + length + 1, end - length - 1, &group->values);
			return group->values.data;
		}
		p += end + strspn(p + end, " ");
	}
	return NULL;
}

static void expand_one(const struct group *group, const char *text, struct buf *out)
{
	bool body = strstr(group->environment, "@body") != NULL;
	char escape = strstr(group->environment, "@backquote") != NULL ? '`' : '\\';
	auto_(arena) struct arena arena = ARENA_INIT;
	struct group copy = {.environment = group->environment, .values = BUF_INIT};
	struct error err = ERROR_INIT;
	struct word_error we = {.at = 0};
	struct word *word =
		word_parse(&arena, text, strlen(text), body ? WORD_BODY : WORD_PLAIN, escape, &we);

	if (word == NULL)
		buf_printf(out, "! %s", we.text);
	else if (word_expand(word, lookup, &copy, out, &err) < 0)
		buf_printf(out, "! %s", err.frame[0].text);
	buf_release(&copy.values);
}

static bool next_line(FILE *file, struct buf *line, int *number)
{
	int c;

	buf_reset(line);
	while ((c = fgetc(file)) != EOF && c != '\n')
		buf_add_char(line, (char)c);
	(*number)++;
	return c != EOF || line->length > 0;
}

static void test_groups(void **state)
{
	auto_(buf) struct buf environment = BUF_INIT, line = BUF_INIT, text = BUF_INIT,
			      want = BUF_INIT, got = BUF_INIT;
	FILE *file = fopen("tests/data/word.txt", "r");
	int number = 0, groups = 0, failed = 0;

	(void)state;
	assert_non_null(file);
	while (next_line(file, &environment, &number)) {
		struct group group = {.environment = environment.data};

		if (environment.length == 0 || environment.data[0] == '#')
			continue;
		buf_reset(&text);
		buf_reset(&want);
		buf_reset(&got);
		assert_true(next_line(file, &line, &number));
		unescape(line.data, line.length, &text);
		assert_true(next_line(file, &line, &number));
		if (strcmp(line.data, "<empty>") != 0)
			unescape(line.data, line.length, &want);
		expand_one(&group, text.data, &got);
		groups++;
		if (strcmp(want.data, got.data) != 0) {
			print_message("# word.txt:%d: %s\n# wanted %s\n# got    %s\n", number,
				      text.data, want.data, got.data);
			failed++;
		}
	}
	fclose(file);
	assert_true(groups > 100);
	assert_int_equal(failed, 0);
}

static void collect(void *user, const char *name)
{
	buf_printf(user, "%s ", name);
}

static void test_names(void **state)
{
	static const char text[] = "$A-${B:-$C}-${D/$E/${F}}-'$G'-\"${H#$I}\"-\\$J";
	auto_(arena) struct arena arena = ARENA_INIT;
	auto_(buf) struct buf names = BUF_INIT;
	struct word_error we;
	struct word *word = word_parse(&arena, text, strlen(text), WORD_PLAIN, '\\', &we);

	(void)state;
	assert_non_null(word);
	word_names(word, collect, &names);
	assert_string_equal(names.data, "A B C D E F H I ");
}

static const char *none(void *user, const char *name)
{
	(void)user;
	(void)name;
	return NULL;
}

/* A failure leaves what was in the buffer. */
static void test_expand_text(void **state)
{
	auto_(buf) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(word_expand_text("a${B:-b}'c d'", '\\', none, NULL, &out, &err), 0);
	assert_int_equal(word_expand_text("x${B:?gone}", '\\', none, NULL, &out, &err), -1);
	assert_string_equal(err.frame[0].text, "B: gone");
	assert_int_equal(word_expand_text("x${", '\\', none, NULL, &out, &err), -1);
	assert_int_equal(word_expand_text("`$x", '`', none, NULL, &out, &err), 0);
	assert_string_equal(out.data, "abc d$x");
}

static void test_depth(void **state)
{
	for (int depth = WORD_MAX_DEPTH - 1; depth <= 100000; depth = depth * 3 + 1) {
		auto_(arena) struct arena arena = ARENA_INIT;
		auto_(buf) struct buf text = BUF_INIT;
		struct word_error we;

		for (int i = 0; i < depth; i++)
			buf_add_str(&text, "\"${a:-");
		for (int i = 0; i < depth; i++)
			buf_add_str(&text, "}\"");
		if (depth <= WORD_MAX_DEPTH)
			assert_non_null(
				word_parse(&arena, text.data, text.length, WORD_PLAIN, '\\', &we));
		else
			assert_null(
				word_parse(&arena, text.data, text.length, WORD_PLAIN, '\\', &we));
	}
	(void)state;
}

static const char *many(void *user, const char *name)
{
	(void)name;
	return user;
}

/* Patterns that make a backtracking matcher explode take no time. */
static void test_hostile_patterns(void **state)
{
	static const char *const words[] = {
		"${X##*a*a*a*a*a*a*a*a*a*b}", "${X%%b*a*a*a*a*a*a*a*a*a*}",
		"${X//*a*a*a*a*a*a*a*b/y}",   "${X//a*b/y}",
		"${X//?a?a?a?a?b/y}",
	};
	enum { LENGTH = 200000 };
	char *value = xcalloc(1, LENGTH + 1);

	(void)state;
	memset(value, 'a', LENGTH);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		auto_(buf) struct buf out = BUF_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(word_expand_text(words[i], '\\', many, value, &out, &err), 0);
		assert_int_equal(out.length, LENGTH);
	}
	free(value);
}

/* ${X:-$X$X...} nested: the result is bounded, not the memory. */
static void test_explosion(void **state)
{
	auto_(buf) struct buf text = BUF_INIT, out = BUF_INIT;
	struct error err = ERROR_INIT;
	char *value = xcalloc(1, 1 << 20);

	(void)state;
	memset(value, 'a', (1 << 20) - 1);
	for (int i = 0; i < 1000; i++)
		buf_add_str(&text, "$X");
	assert_int_equal(word_expand_text(text.data, '\\', many, value, &out, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(out.length, 0);
	buf_reset(&text);
	for (int i = 0; i < WORD_MAX_DEPTH; i++)
		buf_add_str(&text, "${X//?/");
	buf_add_str(&text, "aaaaaaaaaaaaaaaa");
	for (int i = 0; i < WORD_MAX_DEPTH; i++)
		buf_add_char(&text, '}');
	value[200] = '\0';
	assert_int_equal(word_expand_text(text.data, '\\', many, value, &out, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),           cmocka_unit_test(test_names),
		cmocka_unit_test(test_expand_text),      cmocka_unit_test(test_depth),
		cmocka_unit_test(test_hostile_patterns), cmocka_unit_test(test_explosion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
