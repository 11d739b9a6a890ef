/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_call.h"

#include "builder/outline.h"
#include "cli/findings.h"
#include "cli/table.h"

#include <string.h>

int call_parse(const char *text, struct build_call *out, struct error *err)
{
	static const char *const methods[] = {"build", "check", "outline", "targets"};
	struct build_call call = {.method = CALL_BUILD};
	auto_free char *copy = xstrdup(text != NULL ? text : "build");
	char *rest = copy, *method = strsep(&rest, ","), *field;
	bool known = strcmp(method, "lint") == 0;

	if (known)
		call.method = CALL_CHECK;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(method, methods[i]) != 0)
			continue;
		call.method = (enum call_method)i;
		known = true;
	}
	if (!known) {
		error_set(err, ERROR_USAGE, "--call: unknown method %s", method);
		return error_hint(err, "build, check, outline and targets are known");
	}
	while ((field = strsep(&rest, ",")) != NULL) {
		if (strcmp(field, "format=json") == 0)
			call.json = true;
		else if (strcmp(field, "format=text") == 0)
			call.json = false;
		else
			return error_set(err, ERROR_USAGE,
					 "--call: %s is not format=text or "
					 "format=json",
					 field);
	}
	*out = call;
	return 0;
}

/* --- targets --------------------------------------------------------------------------------- */

static void targets_json(const struct dockerfile *df, const struct stage *stages, size_t count,
			 struct out *out)
{
	auto_(json) struct json *o = json_new_object();
	struct json *list = json_add_array(o, "targets");

	for (size_t i = 0; i < count; i++) {
		const struct insn *from = stages[i].from;
		struct json *target = json_add_object(list, NULL);
		auto_free char *text =
			stages[i].name != NULL ? insn_description(from, stages[i].name) : NULL;

		if (stages[i].name != NULL)
			json_add_string(target, "name", stages[i].name);
		if (text != NULL)
			json_add_string(target, "description", text);
		if (i + 1 == count)
			json_add_bool(target, "default", true);
		if (from->arg_count > 0)
			json_add_string(target, "base", from->args[0].text);
		for (size_t j = 0; j < from->flag_count; j++)
			if (strcmp(from->flags[j].name, "platform") == 0 &&
			    from->flags[j].value != NULL)
				json_add_string(target, "platform", from->flags[j].value);
		findings_add_location(target, df, from->at);
	}
	out_json(out, o);
}

int call_targets(const struct build_call *call, const struct dockerfile *df, struct out *out)
{
	size_t count;
	const struct stage *stages = dockerfile_stages(df, &count);
	auto_(table) struct table table = TABLE_INIT(2);

	if (call->json) {
		targets_json(df, stages, count, out);
		return 0;
	}
	table_add(&table, "TARGET");
	table_add(&table, "DESCRIPTION");
	for (size_t i = 0; i < count; i++) {
		const char *name = stages[i].name;
		auto_free char *text = name != NULL ? insn_description(stages[i].from, name) : NULL;
		bool last = i + 1 == count;

		if (name == NULL && !last)
			continue;
		table_printf(&table, "%s%s%s", name != NULL ? name : "",
			     name != NULL && last ? " " : "", last ? "(default)" : "");
		table_add(&table, text != NULL ? text : "");
	}
	table_print(&table, out);
	return 0;
}

/* --- outline --------------------------------------------------------------------------------- */

static void add_line(struct json *to, uint32_t line)
{
	struct json *ranges = json_add_array(json_add_object(to, "location"), "ranges");
	struct json *range = json_add_object(ranges, NULL);

	json_add_number(json_add_object(range, "start"), "line", line);
	json_add_number(json_add_object(range, "end"), "line", line);
}

static void mounts_json(struct json *o, const char *key, const char *name,
			const struct outline_mount *mounts, size_t count)
{
	struct json *list = count > 0 ? json_add_array(o, key) : NULL;

	for (size_t i = 0; i < count; i++) {
		struct json *mount = json_add_object(list, NULL);

		json_add_string(mount, name, mounts[i].id);
		if (mounts[i].required)
			json_add_bool(mount, "required", true);
		add_line(mount, mounts[i].line);
	}
}

static void outline_json(const struct outline *outline, struct out *out)
{
	auto_(json) struct json *o = json_new_object();
	struct json *list;

	if (*outline->name != '\0')
		json_add_string(o, "name", outline->name);
	if (*outline->description != '\0')
		json_add_string(o, "description", outline->description);
	list = json_add_array(o, "args");
	for (size_t i = 0; i < outline->arg_count; i++) {
		const struct outline_arg *a = &outline->args[i];
		struct json *arg = json_add_object(list, NULL);

		json_add_string(arg, "name", a->name);
		if (*a->description != '\0')
			json_add_string(arg, "description", a->description);
		json_add_string(arg, "value", a->value);
		add_line(arg, a->line);
	}
	mounts_json(o, "secrets", "name", outline->secrets, outline->secret_count);
	mounts_json(o, "ssh", "name", outline->agents, outline->agent_count);
	mounts_json(o, "cache", "ID", outline->caches, outline->cache_count);
	out_json(out, o);
}

static void print_mounts(const char *heading, const struct outline_mount *mounts, size_t count,
			 struct out *out)
{
	auto_(table) struct table table = TABLE_INIT(2);

	if (count == 0)
		return;
	table_add(&table, heading);
	table_add(&table, "REQUIRED");
	for (size_t i = 0; i < count; i++) {
		table_add(&table, mounts[i].id);
		table_add(&table, mounts[i].required ? "true" : "");
	}
	out_str(out, "\n");
	table_print(&table, out);
}

static void print_args(const struct outline *o, struct out *out)
{
	auto_(table) struct table table = TABLE_INIT(3);

	if (o->arg_count == 0)
		return;
	table_add(&table, "BUILD ARG");
	table_add(&table, "VALUE");
	table_add(&table, "DESCRIPTION");
	for (size_t i = 0; i < o->arg_count; i++) {
		table_add(&table, o->args[i].name);
		table_add(&table, o->args[i].value);
		table_add(&table, o->args[i].description);
	}
	out_str(out, "\n");
	table_print(&table, out);
}

static void print_caches(const struct outline *o, struct out *out)
{
	if (o->cache_count == 0)
		return;
	out_str(out, "\nCACHE\n");
	for (size_t i = 0; i < o->cache_count; i++) {
		out_clean(out, o->caches[i].id);
		out_str(out, "\n");
	}
}

int call_outline(const struct build_call *call, struct plan *p, struct out *out)
{
	struct outline o = build_outline(p);

	if (call->json) {
		outline_json(&o, out);
		return 0;
	}
	out_str(out, "TARGET:      ");
	out_clean(out, *o.name != '\0' ? o.name : "(default)");
	if (*o.description != '\0') {
		out_str(out, "\nDESCRIPTION: ");
		out_clean(out, o.description);
	}
	out_str(out, "\n");
	print_args(&o, out);
	print_mounts("SECRET", o.secrets, o.secret_count, out);
	print_mounts("SSH", o.agents, o.agent_count, out);
	print_caches(&o, out);
	return 0;
}

/* --- check ----------------------------------------------------------------------------------- */

/* BuildKit stops at the first error, so its document has room for one; "errors" has all. */
static void add_errors(struct json *o, const struct dockerfile *df)
{
	size_t count;
	const struct diag *diags = dockerfile_diags(df, &count);
	struct json *list = json_add_array(o, "errors");
	bool first = true;

	for (size_t i = 0; i < count; i++) {
		struct json *error;

		if (diags[i].severity != DIAG_ERROR)
			continue;
		if (first) {
			error = json_add_object(o, "buildError");
			json_add_string(error, "message", diags[i].text);
			findings_add_location(error, df, diags[i].at);
			first = false;
		}
		error = json_add_object(list, NULL);
		json_add_string(error, "message", diags[i].text);
		if (diags[i].hint != NULL)
			json_add_string(error, "hint", diags[i].hint);
		findings_add_location(error, df, diags[i].at);
	}
}

static void check_json(const struct dockerfile *df, struct out *out)
{
	auto_(json) struct json *o = json_new_object();
	struct json *list = json_add_array(o, "warnings");
	struct json *source = json_add_object(json_add_array(o, "sources"), NULL);
	size_t count;
	const struct diag *diags = dockerfile_diags(df, &count);

	json_add_string(source, "filename", dockerfile_name(df));
	json_add_string(source, "language", "Dockerfile");
	for (size_t i = 0; i < count; i++) {
		const struct diag *d = &diags[i];
		auto_(buf) struct buf url = BUF_INIT;
		struct json *warning;

		if (d->severity != DIAG_WARNING || d->rule == NULL)
			continue;
		warning = json_add_object(list, NULL);
		rule_reference(d->rule, &url);
		json_add_string(warning, "ruleName", d->rule);
		json_add_string(warning, "description",
				rule_info(rule_find(d->rule, strlen(d->rule)))->summary);
		json_add_string(warning, "url", url.data);
		json_add_string(warning, "detail", d->text);
		if (d->hint != NULL)
			json_add_string(warning, "hint", d->hint);
		findings_add_location(warning, df, d->at);
	}
	if (dockerfile_errors(df) > 0)
		add_errors(o, df);
	out_json(out, o);
}

static void print_count(struct out *out, size_t count, const char *what)
{
	out_printf(out, "%zu %s%s", count, what, count == 1 ? "" : "s");
}

int call_check(const struct build_call *call, const struct dockerfile *df, struct out *out)
{
	size_t warnings = dockerfile_warnings(df), errors = dockerfile_errors(df);
	auto_(buf) struct buf text = BUF_INIT;

	if (call->json) {
		check_json(df, out);
		return warnings + errors > 0;
	}
	findings_text(df, FINDINGS_ALL, &text);
	out_add(out, text.data, text.length);
	if (warnings + errors == 0) {
		out_str(out, "Check complete, no warnings found.\n");
		return 0;
	}
	out_str(out, "Check complete, ");
	if (errors > 0) {
		print_count(out, errors, "error");
		out_str(out, " and ");
	}
	print_count(out, warnings, "warning");
	out_str(out, " found.\n");
	return 1;
}
