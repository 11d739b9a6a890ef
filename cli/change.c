/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/change.h"

#include "builder/build.h"

#include <string.h>

static const struct diag *first_error(const struct dockerfile *df)
{
	size_t count;
	const struct diag *diags = dockerfile_diags(df, &count);

	for (size_t i = 0; i < count; i++)
		if (diags[i].severity == DIAG_ERROR)
			return &diags[i];
	return NULL;
}

/* Line 1 is our own FROM. */
static int wrong_change(const struct dockerfile *df, const struct option_list *changes,
			struct error *err)
{
	const struct diag *d = first_error(df);
	size_t at = d != NULL && d->line >= 2 ? d->line - 2 : 0;

	error_set(err, ERROR_USAGE, "--change \"%.80s\": %s",
		  at < changes->count ? changes->item[at] : "",
		  d != NULL ? d->text : "not an instruction");
	return d != NULL && d->hint != NULL ? error_hint(err, "%s", d->hint) : -1;
}

static bool is_allowed(enum insn_kind kind)
{
	switch ((int)kind) {
	case INSN_CMD:
	case INSN_ENTRYPOINT:
	case INSN_ENV:
	case INSN_EXPOSE:
	case INSN_HEALTHCHECK:
	case INSN_LABEL:
	case INSN_MAINTAINER:
	case INSN_SHELL:
	case INSN_STOPSIGNAL:
	case INSN_USER:
	case INSN_VOLUME:
	case INSN_WORKDIR:
		return true;
	default:
		return false;
	}
}

static int check_kinds(const struct dockerfile *df, struct error *err)
{
	size_t count;
	const struct insn *const *insns = dockerfile_insns(df, &count);

	for (size_t i = 1; i < count; i++)
		if (!is_allowed(insns[i]->kind)) {
			error_set(err, ERROR_USAGE, "--change: %s cannot be applied here",
				  insn_name(insns[i]->kind));
			return error_hint(err, "CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, "
					       "MAINTAINER, SHELL, STOPSIGNAL, USER, VOLUME and "
					       "WORKDIR can");
		}
	return 0;
}

int config_from_changes(struct store *s, const struct option_list *changes, struct config *out,
			struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	auto_(dockerfile) struct dockerfile *df = NULL;
	auto_(plan) struct plan *plan = NULL;
	struct build_options options = {.store = s,
					.context = -1,
					.host_root = -1,
					.host_cwd = -1,
					.epoch = -1,
					.interrupt = -1};

	buf_add_str(&text, "FROM scratch\n");
	for (size_t i = 0; i < changes->count; i++) {
		if (strchr(changes->item[i], '\n') != NULL)
			return error_set(err, ERROR_USAGE, "--change takes one line");
		buf_printf(&text, "%s\n", changes->item[i]);
	}
	df = dockerfile_parse("--change", text.data, text.length, err);
	if (df == NULL)
		return -1;
	if (dockerfile_errors(df) > 0)
		return wrong_change(df, changes, err);
	if (check_kinds(df, err) < 0)
		return -1;
	options.file = df;
	plan = build_plan(&options, err);
	if (plan == NULL)
		return dockerfile_errors(df) > 0 ? wrong_change(df, changes, err) : -1;
	config_copy(build_target_config(plan), out);
	return 0;
}
