/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about what RUN gives to a shell. */
#include "builder/lint.h"

#include <ctype.h>
#include <string.h>

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* --- GlobalArgInRun -------------------------------------------------------------------------- */

/* Calls visit() for each variable that a shell would expand in text: not those in single quotes or
   behind a backslash. */
static void each_variable(const char *text, void (*visit)(void *user, const char *name, size_t n),
			  void *user)
{
	bool single = false, twice = false;

	for (const char *c = text; *c != '\0'; c++) {
		size_t length = 0;

		if (*c == '\\' && !single && c[1] != '\0') {
			c++;
			continue;
		}
		if (*c == '\'' && !twice)
			single = !single;
		else if (*c == '"' && !single)
			twice = !twice;
		if (*c != '$' || single)
			continue;
		c += c[1] == '{' ? 2 : 1;
		while (is_name(c[length]))
			length++;
		if (length > 0)
			visit(user, c, length);
		c += length;
		c--;
	}
}

/* Whether the shell may set the variable itself: its name stands there without a $. */
static bool is_set_in(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name)) {
		bool begins = at == text || (!is_name(at[-1]) && at[-1] != '$' &&
					     !(at[-1] == '{' && at - 1 > text && at[-2] == '$'));

		if (begins && !is_name(at[length]))
			return true;
	}
	return false;
}

struct variables {
	const struct lint_at *at;
	const char *text;
	struct span span;
};

static void variable(void *user, const char *name, size_t length)
{
	const struct variables *v = user;
	const struct lint_at *at = v->at;
	const char *copy = arena_strndup(&at->p->arena, name, length);
	const struct insn *global = lint_global(at->p, copy);

	if (global == NULL && scope_get(&at->p->globals, copy) == NULL)
		return;
	if (scope_get(&at->stage->scope, copy) != NULL || lint_declared(at, copy) ||
	    is_set_in(v->text, copy))
		return;
	plan_warn(at->p, at->file, RULE_GLOBAL_ARG_IN_RUN, v->span,
		  arena_printf(&at->p->arena, "write \"ARG %s\" in this stage, before this line",
			       copy),
		  global != NULL ? "$%s is empty here: ARG %s before the first FROM holds for FROM "
				   "lines only"
				 : "$%s is empty here: this stage does not declare ARG %s",
		  copy, copy);
}

static void check_variables(const struct lint_at *at)
{
	const struct insn *insn = at->insn;
	auto_(buf) struct buf text = BUF_INIT;
	struct variables v = {.at = at, .span = insn->args[0].at};

	buf_add_str(&text, insn->args[0].text);
	for (size_t i = 0; i < insn->heredoc_count; i++)
		buf_printf(&text, "\n%s", insn->heredocs[i].body);
	v.text = text.data;
	each_variable(text.data, variable, &v);
}

/* --- HeredocErrorsIgnored -------------------------------------------------------------------- */

static bool ends_with(const char *text, size_t length, const char *end)
{
	return length >= strlen(end) && strncmp(text + length - strlen(end), end, strlen(end)) == 0;
}

/* "set -e", "set -eux", "set -o errexit" */
static bool sets_errexit(const char *line, size_t length)
{
	auto_free char *text = xstrndup(line, length);
	char *rest = text, *word;

	if (length < 4 || strncmp(line, "set", 3) != 0 || !isblank((unsigned char)line[3]))
		return false;
	while ((word = strsep(&rest, " \t;&|")) != NULL)
		if (strcmp(word, "errexit") == 0 ||
		    (word[0] == '-' && word[1] != '-' && strchr(word, 'e') != NULL))
			return true;
	return false;
}

/* How many commands a script has, as far as lines tell; 0 if it stops at the first error. */
static size_t count_commands(const char *text)
{
	size_t count = 0;
	bool continued = false;

	while (*text != '\0') {
		size_t length = strcspn(text, "\n"), blank = strspn(text, " \t\r");
		const char *line = text + blank, *next = text + length + (text[length] == '\n');

		length = blank < length ? length - blank : 0;
		while (length > 0 && isspace((unsigned char)line[length - 1]))
			length--;
		text = next;
		if (length == 0 || *line == '#')
			continue;
		if (sets_errexit(line, length))
			return 0;
		count += !continued;
		continued = ends_with(line, length, "\\") || ends_with(line, length, "&&") ||
			    ends_with(line, length, "||") || ends_with(line, length, "|");
	}
	return count;
}

/* Whether SHELL is a shell as POSIX has it, and does not stop at errors by itself. */
static bool shell_goes_on(const struct strings *shell)
{
	const char *name;
	size_t length;

	if (!shell->present || shell->count == 0)
		return true;
	name = strrchr(shell->item[0], '/');
	name = name != NULL ? name + 1 : shell->item[0];
	length = strlen(name);
	if (!ends_with(name, length, "sh") || ends_with(name, length, "pwsh"))
		return false;
	for (size_t i = 1; i < shell->count; i++)
		if (strcmp(shell->item[i], "errexit") == 0 ||
		    (shell->item[i][0] == '-' && shell->item[i][1] != '-' &&
		     strchr(shell->item[i], 'e') != NULL))
			return false;
	return true;
}

static void check_body(const struct lint_at *at)
{
	const struct insn *insn = at->insn;
	const struct heredoc *h = insn->heredocs;
	const char *body;

	if (insn->heredoc_count != 1 || insn->args[0].at.start != h->at.start ||
	    insn->args[0].at.end != h->at.end)
		return;
	body = h->body + strspn(h->body, h->strip_tabs ? "\t" : "");
	if (strncmp(body, "#!", 2) == 0 || !shell_goes_on(&at->stage->config.shell) ||
	    count_commands(body) < 2)
		return;
	plan_warn(at->p, at->file, RULE_HEREDOC_ERRORS_IGNORED, h->at,
		  "begin the here-document with set -e",
		  "only the last command of this here-document decides whether RUN fails");
}

void lint_run(const struct lint_at *at)
{
	if (at->insn->exec_form || at->insn->arg_count == 0)
		return;
	if (!lint_base_unknown(at->stage))
		check_variables(at);
	check_body(at);
}
