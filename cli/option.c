/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option.h"

#include "common/arena.h"
#include "parser/dockerfile.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>

/* Values of getopt_long for long options; letters are below. */
enum { LONG_BASE = 256, HELP_COLUMN = 30 };

static const struct option_spec help_option = {
	.letter = 'h',
	.name = "help",
	.kind = OPTION_FLAG,
	.help = "print this and exit",
};

/* The table in the two forms that getopt_long wants. */
struct getopt_table {
	struct option *names;
	struct buf letters;
};

static void getopt_table_release(struct getopt_table *t)
{
	free(t->names);
	buf_release(&t->letters);
}
DEFINE_CLEANUP_STRUCT(getopt_table, struct getopt_table, getopt_table_release);

static bool has_letter(const struct option_spec *options, size_t count, char letter)
{
	for (size_t i = 0; i < count; i++)
		if (options[i].letter == letter)
			return true;
	return false;
}

static void getopt_table_fill(struct getopt_table *t, const struct option_spec *options,
			      size_t count, bool options_first)
{
	t->names = xcalloc(count + 2, sizeof(*t->names));
	buf_add_str(&t->letters, options_first ? "+:" : ":");
	for (size_t i = 0; i < count; i++) {
		bool flag = options[i].kind == OPTION_FLAG;

		t->names[i].name = options[i].name;
		t->names[i].has_arg = flag ? optional_argument : required_argument;
		t->names[i].val = LONG_BASE + (int)i;
		if (options[i].letter != 0)
			buf_printf(&t->letters, "%c%s", options[i].letter, flag ? "" : ":");
	}
	t->names[count].name = help_option.name;
	t->names[count].val = LONG_BASE + (int)count;
	if (!has_letter(options, count, help_option.letter))
		buf_add_char(&t->letters, help_option.letter);
}

/* NULL is the help option. */
static const struct option_spec *find(const struct option_spec *options, size_t count, int value)
{
	if (value >= LONG_BASE)
		return (size_t)(value - LONG_BASE) < count ? &options[value - LONG_BASE] : NULL;
	for (size_t i = 0; i < count; i++)
		if (options[i].letter == value)
			return &options[i];
	return NULL;
}

static int unknown_long(const struct option_spec *options, size_t count, const char *word,
			struct error *err)
{
	auto_free const char **names = xcalloc(count + 1, sizeof(*names));
	size_t length = strcspn(word, "=");
	auto_free char *name = xstrndup(word, length);
	const char *near;
	size_t starts = 0;

	for (size_t i = 0; i < count; i++) {
		names[i] = options[i].name;
		starts += length > 2 && strncmp(options[i].name, name + 2, length - 2) == 0;
	}
	names[count] = help_option.name;
	if (starts > 1)
		return error_set(err, ERROR_USAGE, "option %s is the start of several", name);
	error_set(err, ERROR_USAGE, "unknown option %s", name);
	near = length > 2 ? suggest(name + 2, names, count + 1) : NULL;
	return near != NULL ? error_hint(err, "did you mean --%s?", near) : -1;
}

static int bad_choice(const struct option_spec *spec, const char *value, struct error *err)
{
	auto_(buf) struct buf all = BUF_INIT;

	for (const char *const *c = spec->choices; *c != NULL; c++)
		buf_printf(&all, "%s%s", c == spec->choices ? "" : ", ", *c);
	error_set(err, ERROR_USAGE, "--%s: no such choice: %s", spec->name, value);
	return error_hint(err, "--%s takes one of %s", spec->name, all.data);
}

static int parse_flag(const struct option_spec *spec, const char *value, bool *out,
		      struct error *err)
{
	if (value == NULL || strcmp(value, "true") == 0)
		*out = true;
	else if (strcmp(value, "false") == 0)
		*out = false;
	else
		return error_set(err, ERROR_USAGE, "--%s is either true or false, not %s",
				 spec->name, value);
	return 0;
}

static int parse_number(const struct option_spec *spec, const char *value, int64_t *out,
			struct error *err)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (end == value || *end != '\0' || errno != 0)
		return error_set(err, ERROR_USAGE, "--%s: not a number: %s", spec->name, value);
	*out = number;
	return 0;
}

static int set_value(const struct option_spec *spec, const char *value, void *values,
		     struct error *err)
{
	void *member = (char *)values + spec->offset;
	struct option_list *list = member;

	switch (spec->kind) {
	case OPTION_FLAG:
		return parse_flag(spec, value, member, err);
	case OPTION_NUMBER:
		return parse_number(spec, value, member, err);
	case OPTION_LIST:
		list->item = xgrow(list->item, list->count, sizeof(*list->item));
		list->item[list->count++] = value;
		return 0;
	case OPTION_CHOICE:
		for (const char *const *c = spec->choices; *c != NULL; c++)
			if (strcmp(*c, value) == 0) {
				*(const char **)member = *c;
				return 0;
			}
		return bad_choice(spec, value, err);
	case OPTION_STRING:
		break;
	}
	*(const char **)member = value;
	return 0;
}

static int missing_value(const struct option_spec *options, size_t count, struct error *err)
{
	const struct option_spec *spec = find(options, count, optopt);
	const char *what;

	assert(spec != NULL); /* getopt names only what came from the table */
	what = spec->value != NULL ? spec->value : "value";
	if (optopt < LONG_BASE)
		return error_set(err, ERROR_USAGE, "option -%c needs a %s", optopt, what);
	return error_set(err, ERROR_USAGE, "option --%s needs a %s", spec->name, what);
}

int option_parse(const struct option_spec *options, size_t count, bool options_first, void *values,
		 int argc, char **argv, int *first_operand, struct error *err)
{
	auto_(getopt_table) struct getopt_table table = {NULL, BUF_INIT};
	int c;

	getopt_table_fill(&table, options, count, options_first);
	opterr = 0;
	optind = 0; /* starts over, in glibc and musl */
	while ((c = getopt_long(argc, argv, table.letters.data, table.names, NULL)) != -1) {
		const struct option_spec *spec;

		if (c == ':')
			return missing_value(options, count, err);
		if (c == '?' && optopt > 0 && optopt < LONG_BASE)
			return error_set(err, ERROR_USAGE, "unknown option -%c", optopt);
		if (c == '?' && optopt >= LONG_BASE)
			return error_set(err, ERROR_USAGE, "option --help takes no value");
		if (c == '?')
			return unknown_long(options, count, argv[optind - 1], err);
		spec = find(options, count, c);
		if (spec == NULL)
			return 1;
		if (set_value(spec, optarg, values, err) < 0)
			return -1;
	}
	*first_operand = optind;
	return 0;
}

void option_release(const struct option_spec *options, size_t count, void *values)
{
	for (size_t i = 0; i < count; i++) {
		struct option_list *list = (void *)((char *)values + options[i].offset);

		if (options[i].kind != OPTION_LIST)
			continue;
		free(list->item);
		list->item = NULL;
		list->count = 0;
	}
}

static void help_line(const struct option_spec *spec, bool with_letter, struct buf *out)
{
	size_t start = out->length, used;

	if (with_letter && spec->letter != 0)
		buf_printf(out, "  -%c, ", spec->letter);
	else
		buf_add_str(out, "      ");
	buf_printf(out, "--%s", spec->name);
	if (spec->value != NULL)
		buf_printf(out, " %s", spec->value);
	used = out->length - start;
	if (used + 2 > HELP_COLUMN) {
		buf_add_char(out, '\n');
		used = 0;
	}
	buf_printf(out, "%*s%s\n", (int)(HELP_COLUMN - used), "", spec->help);
}

void option_help(const struct option_spec *options, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++)
		help_line(&options[i], true, out);
	help_line(&help_option, !has_letter(options, count, help_option.letter), out);
}

static void name_lines(const struct option_spec *spec, bool with_letter, struct buf *out)
{
	if (with_letter && spec->letter != 0)
		buf_printf(out, "-%c\n", spec->letter);
	buf_printf(out, "--%s%s\n", spec->name, spec->kind == OPTION_FLAG ? "" : "=");
}

void option_names(const struct option_spec *options, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++)
		name_lines(&options[i], true, out);
	name_lines(&help_option, !has_letter(options, count, help_option.letter), out);
}
