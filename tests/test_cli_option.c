/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "common/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct values {
	bool quiet, force;
	const char *output, *format;
	struct option_list build_arg;
	int64_t jobs;
};

static const char *const formats[] = {"oci", "docker", NULL};

static const struct option_spec options[] = {
	{'q', "quiet", OPTION_FLAG, offsetof(struct values, quiet), NULL, "say less", NULL},
	{'f', "force", OPTION_FLAG, offsetof(struct values, force), NULL, "insist", NULL},
	{'o', "output", OPTION_STRING, offsetof(struct values, output), "FILE", "write here", NULL},
	{0, "format", OPTION_CHOICE, offsetof(struct values, format), "oci|docker", "how", formats},
	{'a', "build-arg", OPTION_LIST, offsetof(struct values, build_arg), "K=V", "set", NULL},
	{'j', "jobs", OPTION_NUMBER, offsetof(struct values, jobs), "N", "how many", NULL},
};
enum { COUNT = sizeof(options) / sizeof(options[0]), MAX_WORDS = 12 };

/* A command line taken apart; operands are joined with '|'. */
struct parsed {
	struct values values;
	int status;
	struct error err;
	char operands[128];
};

static void parse(const char *line, bool options_first, struct parsed *out)
{
	static char words[512]; /* values point into it */
	char *argv[MAX_WORDS + 1] = {NULL};
	char *rest = words, *word;
	int argc = 0, first = 0;

	*out = (struct parsed){.status = 0};
	snprintf(words, sizeof(words), "%s", line);
	while ((word = strsep(&rest, " ")) != NULL && argc < MAX_WORDS)
		argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
	out->status = option_parse(options, COUNT, options_first, &out->values, argc, argv, &first,
				   &out->err);
	for (int i = first; out->status == 0 && i < argc; i++)
		snprintf(out->operands + strlen(out->operands),
			 sizeof(out->operands) - strlen(out->operands), "%s%s",
			 i > first ? "|" : "", argv[i]);
}

static void finish(struct parsed *p)
{
	option_release(options, COUNT, &p->values);
	assert_null(p->values.build_arg.item);
}

static void good_lines(void **state)
{
	static const struct {
		const char *line;
		bool options_first;
		struct values want;
		size_t list;
		const char *operands;
	} cases[] = {
		{"x", false, {0}, 0, ""},
		{"x a b", false, {0}, 0, "a|b"},
		{"x -q a -f b", false, {.quiet = true, .force = true}, 0, "a|b"},
		{"x -qf", false, {.quiet = true, .force = true}, 0, ""},
		{"x -q a -f b", true, {.quiet = true}, 0, "a|-f|b"},
		{"x --quiet=true --force=false", false, {.quiet = true}, 0, ""},
		{"x --quiet --quiet=false", false, {0}, 0, ""},
		{"x --output f --output=g", false, {.output = "g"}, 0, ""},
		{"x -of -o g h", false, {.output = "g"}, 0, "h"},
		{"x --output=", false, {.output = ""}, 0, ""},
		{"x -o -", false, {.output = "-"}, 0, ""},
		{"x -", false, {0}, 0, "-"},
		{"x --format=docker", false, {.format = "docker"}, 0, ""},
		{"x --form docker", false, {.format = "docker"}, 0, ""},
		{"x -j -3", false, {.jobs = -3}, 0, ""},
		{"x --jobs=9223372036854775807", false, {.jobs = INT64_MAX}, 0, ""},
		{"x -a A=1 --build-arg B=2 --build-arg=C", false, {0}, 3, ""},
		{"x -- -q --nonsense", false, {0}, 0, "-q|--nonsense"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct values *want = &cases[i].want;
		struct parsed p;

		parse(cases[i].line, cases[i].options_first, &p);
		if (p.status != 0)
			fail_msg("%s: %s", cases[i].line, p.err.frame[0].text);
		assert_int_equal(p.values.quiet, want->quiet);
		assert_int_equal(p.values.force, want->force);
		assert_int_equal(p.values.jobs, want->jobs);
		assert_int_equal(p.values.build_arg.count, cases[i].list);
		assert_string_equal(p.operands, cases[i].operands);
		if (want->output == NULL)
			assert_null(p.values.output);
		else
			assert_string_equal(p.values.output, want->output);
		if (want->format == NULL)
			assert_null(p.values.format);
		else
			assert_string_equal(p.values.format, want->format);
		finish(&p);
	}
}

static void list_keeps_order(void **state)
{
	struct parsed p;

	(void)state;
	parse("x -a one x --build-arg two -a three", false, &p);
	assert_int_equal(p.status, 0);
	assert_int_equal(p.values.build_arg.count, 3);
	assert_string_equal(p.values.build_arg.item[0], "one");
	assert_string_equal(p.values.build_arg.item[1], "two");
	assert_string_equal(p.values.build_arg.item[2], "three");
	finish(&p);
}

static void bad_lines(void **state)
{
	static const struct {
		const char *line, *text, *hint;
	} cases[] = {
		{"x --quit", "unknown option --quit", "--quiet"},
		{"x --bild-arg=1", "unknown option --bild-arg", "--build-arg"},
		{"x --zzzzzz", "unknown option --zzzzzz", ""},
		{"x -Z", "unknown option -Z", ""},
		{"x -qZf", "unknown option -Z", ""},
		{"x --fo", "--fo is the start of several", ""},
		{"x --output", "--output needs a FILE", ""},
		{"x -o", "-o needs a FILE", ""},
		{"x --quiet=maybe", "true or false, not maybe", ""},
		{"x --format=tar", "no such choice: tar", "oci, docker"},
		{"x --format=", "no such choice: ", "oci, docker"},
		{"x -j 3x", "not a number: 3x", ""},
		{"x --jobs=", "not a number: ", ""},
		{"x --jobs=9223372036854775808", "not a number: 9223372036854775808", ""},
		{"x --help=1", "--help takes no value", ""},
		{"x -a 1 -a 2 --nope", "unknown option --nope", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed p;

		parse(cases[i].line, false, &p);
		assert_int_equal(p.status, -1);
		assert_int_equal(p.err.code, ERROR_USAGE);
		if (strstr(p.err.frame[0].text, cases[i].text) == NULL)
			fail_msg("%s: %s", cases[i].line, p.err.frame[0].text);
		if (strstr(p.err.hint, cases[i].hint) == NULL)
			fail_msg("%s: hint %s", cases[i].line, p.err.hint);
		if (cases[i].hint[0] == '\0' && p.err.hint[0] != '\0')
			fail_msg("%s: unwanted hint %s", cases[i].line, p.err.hint);
		finish(&p);
	}
}

static void help_is_everywhere(void **state)
{
	static const char *const lines[] = {"x --help", "x -h", "x a -q --help", "x -qh"};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		parse(lines[i], false, &p);
		assert_int_equal(p.status, 1);
		finish(&p);
	}
	parse("x -- --help", false, &p);
	assert_int_equal(p.status, 0);
	parse("x a --help", true, &p);
	assert_int_equal(p.status, 0);
}

static void an_own_h_stays(void **state)
{
	static const struct option_spec own[] = {
		{'h', "host", OPTION_FLAG, 0, NULL, "something else", NULL},
	};
	auto_(buf) struct buf names = BUF_INIT;
	char program[] = "x", option[] = "-h", help[] = "--help";
	char *argv[] = {program, option, NULL}, *argv_help[] = {program, help, NULL};
	bool value = false;
	struct error err = ERROR_INIT;
	int first;

	(void)state;
	assert_int_equal(option_parse(own, 1, false, &value, 2, argv, &first, &err), 0);
	assert_true(value);
	assert_int_equal(option_parse(own, 1, false, &value, 2, argv_help, &first, &err), 1);
	option_names(own, 1, &names);
	assert_string_equal(names.data, "-h\n--host\n--help\n");
}

static void help_lines(void **state)
{
	auto_(buf) struct buf help = BUF_INIT, names = BUF_INIT;

	(void)state;
	option_help(options, COUNT, &help);
	assert_non_null(strstr(help.data, "  -q, --quiet                 say less\n"));
	assert_non_null(strstr(help.data, "      --format oci|docker     how\n"));
	option_names(options, COUNT, &names);
	assert_non_null(strstr(names.data, "-o\n--output=\n--format=\n-a\n--build-arg=\n"));
}

/* The tables of the program itself. */
static void check_table(const char *command, const struct option_spec *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct option_spec *o = &table[i];

		assert_true(o->name != NULL && o->help != NULL);
		if ((o->kind == OPTION_FLAG) != (o->value == NULL))
			fail_msg("%s --%s: a value for --help", command, o->name);
		if ((o->kind == OPTION_CHOICE) != (o->choices != NULL))
			fail_msg("%s --%s: choices", command, o->name);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(o->name, table[j].name) == 0)
				fail_msg("%s --%s stands twice", command, o->name);
			if (o->letter != 0 && o->letter == table[j].letter)
				fail_msg("%s -%c stands twice", command, o->letter);
		}
	}
}

static void tables_are_sound(void **state)
{
	(void)state;
	check_table("varve", cli_options, cli_option_count);
	for (size_t i = 0; i < cli_command_count; i++) {
		const struct command *c = cli_commands[i];

		check_table(c->name, c->options, c->option_count);
		assert_true(c->max_operands < 0 || c->min_operands <= c->max_operands);
		assert_true(c->option_count == 0 || c->values_size > 0);
		assert_ptr_equal(command_find(c->name), c);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(c->name, cli_commands[j]->name);
	}
	assert_null(command_find("nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),       cmocka_unit_test(list_keeps_order),
		cmocka_unit_test(bad_lines),        cmocka_unit_test(help_is_everywhere),
		cmocka_unit_test(an_own_h_stays),   cmocka_unit_test(help_lines),
		cmocka_unit_test(tables_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
