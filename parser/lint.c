/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that need nothing but the text. They hold for every stage, also for those that a build
 * does not need, as BuildKit has it; those in builder/ hold for the stages that are planned.
 */
#include "parser/scan.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum letter_case { CASE_LOWER, CASE_UPPER, CASE_MIXED };

/* The keyword as it is written, in *length bytes. */
static const char *written(const struct insn *insn, size_t *length)
{
	const char *text = insn->original + space_prefix(insn->original, strlen(insn->original));

	*length = strlen(insn->keyword);
	return text;
}

static enum letter_case case_of(const char *text, size_t length)
{
	bool lower = false, upper = false;

	for (size_t i = 0; i < length; i++) {
		lower = lower || islower((unsigned char)text[i]);
		upper = upper || isupper((unsigned char)text[i]);
	}
	return lower && upper ? CASE_MIXED : upper ? CASE_UPPER : CASE_LOWER;
}

static enum letter_case keyword_case(const struct insn *insn)
{
	size_t length;
	const char *text = written(insn, &length);

	return case_of(text, length);
}

/* --- ConsistentInstructionCasing ------------------------------------------------------------ */

static void count_case(const struct insn *insn, size_t counts[3])
{
	counts[keyword_case(insn)]++;
}

static void check_case(struct dockerfile *df, const struct insn *insn, enum letter_case wanted)
{
	const char *text;
	size_t length;

	if (insn->kind == INSN_UNKNOWN || keyword_case(insn) == wanted)
		return;
	text = written(insn, &length);
	dockerfile_warn(df, RULE_CONSISTENT_INSTRUCTION_CASING, insn->keyword_at, NULL,
			"instruction '%.*s' should match the case of the majority (%s)",
			(int)length, text, wanted == CASE_LOWER ? "lowercase" : "uppercase");
}

static void check_casing(struct dockerfile *df)
{
	size_t counts[3] = {0, 0, 0};
	enum letter_case wanted;

	for (size_t i = 0; i < df->stage_count; i++) {
		count_case(df->stages[i].from, counts);
		for (size_t j = 0; j < df->stages[i].count; j++)
			count_case(df->stages[i].insns[j], counts);
	}
	wanted = counts[CASE_LOWER] > counts[CASE_UPPER] ? CASE_LOWER : CASE_UPPER;
	for (size_t i = 0; i < df->stage_count; i++) {
		check_case(df, df->stages[i].from, wanted);
		for (size_t j = 0; j < df->stages[i].count; j++)
			check_case(df, df->stages[i].insns[j], wanted);
	}
}

/* --- names of stages ------------------------------------------------------------------------ */

static bool taken(const struct dockerfile *df, const char *name, size_t before)
{
	for (size_t i = 0; i < before; i++)
		if (df->stages[i].name != NULL && strcmp(df->stages[i].name, name) == 0)
			return true;
	return false;
}

static void check_stage(struct dockerfile *df, size_t index)
{
	const struct stage *stage = &df->stages[index];
	const struct arg *as, *name;
	enum letter_case from_case = keyword_case(stage->from), as_case;

	if (stage->name == NULL)
		return;
	as = &stage->from->args[1];
	name = &stage->from->args[2];
	as_case = case_of(as->text, strlen(as->text));
	if (strcmp(name->text, stage->name) != 0)
		dockerfile_warn(df, RULE_STAGE_NAME_CASING, name->at,
				"names are compared in lower case whatever is written here",
				"stage name '%s' should be lowercase", name->text);
	if (from_case != CASE_MIXED && as_case != from_case)
		dockerfile_warn(df, RULE_FROM_AS_CASING, as->at, NULL,
				"the casing of '%s' and '%.4s' does not match", as->text,
				from_case == CASE_LOWER ? "from" : "FROM");
	if (strcmp(stage->name, "scratch") == 0 || strcmp(stage->name, "context") == 0)
		dockerfile_warn(df, RULE_RESERVED_STAGE_NAME, name->at, NULL,
				"stage name '%s' is reserved", stage->name);
	if (taken(df, stage->name, index))
		dockerfile_warn(df, RULE_DUPLICATE_STAGE_NAME, name->at,
				"later instructions see the last stage of this name",
				"duplicate stage name '%s'", stage->name);
}

/* --- InvalidDefinitionDescription ------------------------------------------------------------ */

/* The last line of the comment above; lines with options for the checks are no descriptions. */
static struct slice last_line(const char *comment)
{
	const char *newline = strrchr(comment, '\n');
	const char *line = newline != NULL ? newline + 1 : comment;

	return (struct slice){line, strlen(line)};
}

static void check_description(struct dockerfile *df, const struct insn *insn,
			      const char *const *names, size_t count)
{
	struct slice line;
	size_t word;

	if (insn->comment == NULL || count == 0)
		return;
	line = last_line(insn->comment);
	if (strncmp(line.text, "check=", 6) == 0)
		return;
	word = strcspn(line.text, " ");
	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == word && memcmp(names[i], line.text, word) == 0)
			return;
	dockerfile_warn(df, RULE_INVALID_DEFINITION_DESCRIPTION, insn->keyword_at,
			"put an empty line between if the comment is no description",
			"the comment above %s should have the form \"# %s <description>\"",
			insn_name(insn->kind), count > 1 ? "<name>" : names[0]);
}

static void check_arg(struct dockerfile *df, const struct insn *insn)
{
	const char **names;

	if (insn->kind != INSN_ARG || insn->arg_count == 0)
		return;
	names = arena_alloc(&df->arena, insn->arg_count * sizeof(*names));
	for (size_t i = 0; i < insn->arg_count; i++)
		names[i] = insn->args[i].key;
	check_description(df, insn, names, insn->arg_count);
}

/* --------------------------------------------------------------------------------------------- */

static void check_maintainer(struct dockerfile *df, const struct insn *insn)
{
	if (insn->kind == INSN_MAINTAINER)
		dockerfile_warn(df, RULE_MAINTAINER_DEPRECATED, insn->keyword_at,
				"write LABEL org.opencontainers.image.authors=...",
				"MAINTAINER is deprecated in favor of a label");
}

void lint_text(struct dockerfile *df)
{
	check_casing(df);
	for (size_t i = 0; i < df->stage_count; i++) {
		const struct stage *stage = &df->stages[i];

		check_stage(df, i);
		check_description(df, stage->from, &stage->name, stage->name != NULL);
	}
	for (size_t i = 0; i < df->insn_count; i++) {
		check_arg(df, df->insns[i]);
		check_maintainer(df, df->insns[i]);
	}
}
