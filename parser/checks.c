/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules are on: "# check=" at the top, above an instruction, and the build argument. */
#include "common/arena.h"
#include "parser/scan.h"

#include <string.h>

static bool space(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
	while (s.length > 0 && space(s.text[0])) {
		s.text++;
		s.length--;
	}
	while (s.length > 0 && space(s.text[s.length - 1]))
		s.length--;
	return s;
}

/* What stands before the first `separator`; *rest is what follows it. */
static struct slice cut(struct slice s, char separator, struct slice *rest)
{
	const char *at = s.length > 0 ? memchr(s.text, separator, s.length) : NULL;
	size_t length = at != NULL ? (size_t)(at - s.text) : s.length;
	size_t skip = at != NULL ? length + 1 : length;

	*rest = (struct slice){s.text + skip, s.length - skip};
	return (struct slice){s.text, length};
}

static bool is(struct slice s, const char *text)
{
	return s.length == strlen(text) && memcmp(s.text, text, s.length) == 0;
}

static void parse_rules(struct slice list, uint64_t *set, bool *all, struct checks_unknown *unknown)
{
	*set = 0;
	*all = is(list, "all");
	while (!*all && list.length > 0) {
		struct slice name = trim(cut(list, ',', &list));
		enum rule rule = rule_find(name.text, name.length);

		if (rule != RULE_NONE)
			*set |= UINT64_C(1) << rule;
		else if (unknown->count < CHECKS_UNKNOWN)
			unknown->names[unknown->count++] = name;
	}
}

static const char options_hint[] =
	"write skip=RULE,RULE;error=true;experimental=RULE, where RULE may be all";

/* The spellings of Go's strconv.ParseBool. */
static int parse_bool(struct slice s, bool *out)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (is(s, yes[i]) || is(s, no[i])) {
			*out = is(s, yes[i]);
			return 0;
		}
	}
	return -1;
}

static int missing_equals(struct slice part, struct error *err)
{
	error_set(err, ERROR_USAGE, "\"%.*s\" has no =", (int)part.length, part.text);
	return error_hint(err, options_hint);
}

static int parse_option(struct checks *c, struct slice part, struct checks_unknown *unknown,
			struct error *err)
{
	struct slice value, key = trim(cut(part, '=', &value));

	if (part.length == 0 || memchr(part.text, '=', part.length) == NULL)
		return missing_equals(part, err);
	value = trim(value);
	if (is(key, "skip")) {
		parse_rules(value, &c->skip, &c->skip_all, unknown);
		return 0;
	}
	if (is(key, "experimental")) {
		parse_rules(value, &c->experimental, &c->experimental_all, unknown);
		return 0;
	}
	if (is(key, "error")) {
		if (parse_bool(value, &c->error) == 0)
			return 0;
		error_set(err, ERROR_USAGE, "error=%.*s: not a boolean", (int)value.length,
			  value.text);
		return error_hint(err, "write error=true or error=false");
	}
	error_set(err, ERROR_USAGE, "unknown check option \"%.*s\"", (int)key.length, key.text);
	return error_hint(err, options_hint);
}

int checks_parse(struct slice text, struct checks *out, struct checks_unknown *unknown,
		 struct error *err)
{
	enum { PARTS_MAX = 3 };
	struct checks c = {.skip = 0};
	int parts = 0;

	unknown->count = 0;
	text = trim(text);
	while (text.length > 0) {
		bool more = memchr(text.text, ';', text.length) != NULL;
		struct slice part = cut(text, ';', &text);

		if (++parts > PARTS_MAX) {
			error_set(err, ERROR_USAGE, "more than %d check options", PARTS_MAX);
			return error_hint(err, options_hint);
		}
		if (parse_option(&c, part, unknown, err) < 0)
			return -1;
		if (more && text.length == 0) {
			error_set(err, ERROR_USAGE, "nothing follows the last ;");
			return error_hint(err, "leave it away");
		}
	}
	*out = c;
	return 0;
}

static const char *rule_near(struct arena *arena, struct slice name)
{
	const char *names[RULE_COUNT];
	const char *near;

	for (int i = RULE_NONE + 1; i < RULE_COUNT; i++)
		names[i - 1] = rule_info((enum rule)i)->name;
	near = suggest(arena_strndup(arena, name.text, name.length), names, RULE_COUNT - 1);
	return near != NULL ? arena_printf(arena, "did you mean %s?", near) : NULL;
}

/* value lies in the text of the file. */
void checks_directive(struct dockerfile *df, struct span value)
{
	struct slice text = {df->text + value.start, value.end - value.start};
	struct checks_unknown unknown;
	struct error err = ERROR_INIT;

	if (checks_parse(text, &df->checks, &unknown, &err) < 0) {
		semantic_error(df, value, err.hint[0] != '\0' ? err.hint : NULL,
			       "in the check directive: %s", err.frame[0].text);
		return;
	}
	for (size_t i = 0; i < unknown.count; i++) {
		uint32_t at = (uint32_t)(unknown.names[i].text - df->text);
		struct span span = {at, at + (uint32_t)unknown.names[i].length};

		dockerfile_warn(df, RULE_UNKNOWN_CHECK, span,
				rule_near(&df->arena, unknown.names[i]),
				"there is no rule \"%.*s\"", (int)unknown.names[i].length,
				unknown.names[i].text);
	}
}

/* The options of a comment line such as "check=skip=StageNameCasing"; false for prose. */
static bool comment_options(struct slice line, struct slice *options)
{
	struct slice value, key = trim(cut(line, '=', &value)), rest;

	if (!is(key, "check"))
		return false;
	*options = trim(value);
	key = trim(cut(*options, '=', &rest));
	return rest.text > options->text + key.length &&
	       (is(key, "skip") || is(key, "experimental") || is(key, "error"));
}

/* Adds what the comment above an instruction says to what holds for the file. */
static void add_comment(struct checks *c, const char *comment, struct checks_unknown *unknown)
{
	struct slice text = {comment, strlen(comment)}, options;

	unknown->count = 0;
	while (text.length > 0) {
		struct slice line = trim(cut(text, '\n', &text));
		struct checks here = {.skip = 0};
		struct error ignored = ERROR_INIT;
		struct checks_unknown names;

		if (!comment_options(line, &options) ||
		    checks_parse(options, &here, &names, &ignored) < 0)
			continue;
		c->skip |= here.skip;
		c->skip_all |= here.skip_all;
		c->experimental |= here.experimental;
		c->experimental_all |= here.experimental_all;
		for (size_t i = 0; i < names.count && unknown->count < CHECKS_UNKNOWN; i++)
			unknown->names[unknown->count++] = names.names[i];
	}
}

void checks_comments(struct dockerfile *df)
{
	for (size_t i = 0; i < df->insn_count; i++) {
		const struct insn *insn = df->insns[i];
		struct checks ignored = {.skip = 0};
		struct checks_unknown unknown;

		if (insn->comment == NULL)
			continue;
		add_comment(&ignored, insn->comment, &unknown);
		for (size_t j = 0; j < unknown.count; j++)
			dockerfile_warn(
				df, RULE_UNKNOWN_CHECK, insn->keyword_at,
				rule_near(&df->arena, unknown.names[j]),
				"the comment above skips \"%.*s\", and there is no such rule",
				(int)unknown.names[j].length, unknown.names[j].text);
	}
}

/* The instruction that a position belongs to, or NULL. */
static const struct insn *insn_at(const struct dockerfile *df, uint32_t at)
{
	size_t low = 0, high = df->insn_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct insn *insn = df->insns[middle];

		if (at < insn->at.start)
			high = middle;
		else if (at >= insn->at.end)
			low = middle + 1;
		else
			return insn;
	}
	return NULL;
}

bool checks_allow(const struct dockerfile *df, enum rule rule, uint32_t at)
{
	const struct insn *insn = insn_at(df, at);
	uint64_t bit = UINT64_C(1) << rule;
	struct checks c = df->checks;
	struct checks_unknown ignored;

	if (insn != NULL && insn->comment != NULL)
		add_comment(&c, insn->comment, &ignored);
	if (rule_info(rule)->experimental)
		return c.experimental_all || (c.experimental & bit) != 0;
	return !c.skip_all && (c.skip & bit) == 0;
}

int dockerfile_set_checks(struct dockerfile *df, const char *text, struct error *err)
{
	struct checks_unknown unknown;

	if (checks_parse((struct slice){text, strlen(text)}, &df->checks, &unknown, err) < 0)
		return -1;
	diag_filter(df);
	for (size_t i = 0; i < unknown.count; i++)
		dockerfile_warn(
			df, RULE_UNKNOWN_CHECK, ((struct span){0, 0}),
			rule_near(&df->arena, unknown.names[i]),
			"BUILDKIT_DOCKERFILE_CHECK names \"%.*s\", and there is no such rule",
			(int)unknown.names[i].length, unknown.names[i].text);
	return 0;
}

bool dockerfile_checks_fail(const struct dockerfile *df)
{
	return df->checks.error;
}

char *insn_description(const struct insn *insn, const char *name)
{
	struct slice text = {insn->comment, insn->comment != NULL ? strlen(insn->comment) : 0};
	size_t length = strlen(name);

	while (text.length > 0) {
		struct slice line = trim(cut(text, '\n', &text));

		if (line.length > length && memcmp(line.text, name, length) == 0 &&
		    space(line.text[length])) {
			line = trim((struct slice){line.text + length, line.length - length});
			return xstrndup(line.text, line.length);
		}
	}
	return NULL;
}
