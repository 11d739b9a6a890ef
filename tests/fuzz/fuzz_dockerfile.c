/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes are parsed without harm; findings can be rendered; a file without findings, dumped and
 * parsed again, gives the same dump.
 */
#include "parser/rule.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(const struct dockerfile *df)
{
	auto_(buf) struct buf out = BUF_INIT;
	size_t count;
	const struct diag *diags = dockerfile_diags(df, &count);

	for (size_t i = 0; i < count && i < 8; i++)
		dockerfile_render_diag(df, &diags[i], &out);
	for (size_t i = 0; i < count && i < 4; i++)
		dockerfile_render_excerpt(df, diags[i].at, &out);
	dockerfile_print(df, &out);
}

static void check_spans(const struct dockerfile *df, size_t size)
{
	size_t count;
	const struct insn *const *insns = dockerfile_insns(df, &count);
	uint32_t before = 0;

	for (size_t i = 0; i < count; i++) {
		const struct insn *insn = insns[i];

		if (insn->at.start > insn->at.end || insn->at.end > size + 1 ||
		    insn->at.start < before || insn->line > insn->end_line)
			abort();
		before = insn->at.end;
		for (size_t a = 0; a < insn->arg_count; a++)
			if (insn->args[a].at.start < insn->at.start ||
			    insn->args[a].at.end > insn->at.end)
				abort();
	}
}

/* A line whose here-documents could not be read may be read otherwise once its flags have been
   written in another way. */
static bool comparable(struct dockerfile *df)
{
	struct error err = ERROR_INIT;
	size_t count;
	const struct diag *diags;

	/* Every rule on, so that a file cannot hide it. */
	if (dockerfile_errors(df) > 0 || dockerfile_set_checks(df, "", &err) < 0)
		return false;
	diags = dockerfile_diags(df, &count);
	if (dockerfile_warnings(df) != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strstr(diags[i].text, "here-document") != NULL)
			return false;
	return true;
}

static void compare(const struct dockerfile *df)
{
	auto_(buf) struct buf first = BUF_INIT, second = BUF_INIT;
	struct error err = ERROR_INIT;
	struct dockerfile *again;

	dockerfile_dump(df, &first);
	again = dockerfile_parse("dump", first.data, first.length, &err);
	if (again == NULL)
		abort();
	dockerfile_dump(again, &second);
	if (dockerfile_errors(again) > 0 || strcmp(first.data, second.data) != 0) {
		fprintf(stderr, "--- first\n%s--- second\n%s", first.data, second.data);
		abort();
	}
	dockerfile_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct dockerfile *df = dockerfile_parse("fuzz", (const char *)data, size, &err);

	if (df == NULL)
		return 0;
	render(df);
	check_spans(df, size);
	if (comparable(df))
		compare(df);
	dockerfile_free(df);
	if (size % 4 != 0)
		return 0;
	df = dockerfile_parse_trigger("fuzz", (const char *)data, size, '`', &err);
	dockerfile_free(df);
	return 0;
}
