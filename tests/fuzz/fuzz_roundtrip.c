/* SPDX-License-Identifier: Apache-2.0 */
/* What a Dockerfile without mistakes is dumped as parses to an equal tree. */
#include "parser/rule.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_text(const char *a, const char *b)
{
	if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0))
		abort();
}

static void same_insn(const struct insn *a, const struct insn *b)
{
	if (a->kind != b->kind || a->exec_form != b->exec_form || a->legacy != b->legacy ||
	    a->flag_count != b->flag_count || a->arg_count != b->arg_count ||
	    a->heredoc_count != b->heredoc_count || (a->child == NULL) != (b->child == NULL))
		abort();
	same_text(a->keyword, b->keyword);
	same_text(a->comment, b->comment);
	for (size_t i = 0; i < a->flag_count; i++) {
		same_text(a->flags[i].name, b->flags[i].name);
		same_text(a->flags[i].value, b->flags[i].value);
	}
	for (size_t i = 0; i < a->arg_count; i++) {
		same_text(a->args[i].key, b->args[i].key);
		same_text(a->args[i].text, b->args[i].text);
	}
	for (size_t i = 0; i < a->heredoc_count; i++) {
		same_text(a->heredocs[i].name, b->heredocs[i].name);
		same_text(a->heredocs[i].body, b->heredocs[i].body);
	}
	if (a->child != NULL)
		same_insn(a->child, b->child);
}

/* A line whose here-documents could not be read may be read otherwise when it is written in another
   way. Every rule has to be on to see that. */
static bool comparable(struct dockerfile *df)
{
	struct error err = ERROR_INIT;
	size_t count;
	const struct diag *diags;

	if (dockerfile_errors(df) > 0 || dockerfile_set_checks(df, "", &err) < 0)
		return false;
	diags = dockerfile_diags(df, &count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(diags[i].rule != NULL ? diags[i].rule : "", "HeredocNotRead") == 0)
			return false;
	return dockerfile_warnings(df) == count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	auto_(buf) struct buf text = BUF_INIT;
	auto_(dockerfile) struct dockerfile *df =
		dockerfile_parse("Dockerfile", (const char *)data, size, &err);
	auto_(dockerfile) struct dockerfile *again = NULL;
	const struct insn *const *first, *const *second;
	size_t count, again_count;

	if (df == NULL || !comparable(df))
		return 0;
	dockerfile_dump(df, &text);
	again = dockerfile_parse("Dockerfile", text.data, text.length, &err);
	if (again == NULL || dockerfile_errors(again) > 0)
		abort();
	first = dockerfile_insns(df, &count);
	second = dockerfile_insns(again, &again_count);
	if (count != again_count)
		abort();
	for (size_t i = 0; i < count; i++)
		same_insn(first[i], second[i]);
	return 0;
}
