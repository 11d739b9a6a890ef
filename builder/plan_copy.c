/* SPDX-License-Identifier: Apache-2.0 */
/* COPY and ADD. */
#include "builder/plan.h"

#include "builder/remote.h"
#include "builder/syntax.h"

#include <string.h>

enum { MIN_COMMIT = 7 }; /* hex digits that are enough to say which */

/* An error of another part, at its place in the file. */
static void report_error(struct plan *p, const struct dockerfile *file, struct span at,
			 const struct error *err)
{
	char text[ERROR_TEXT];

	error_format(err, text, sizeof(text));
	plan_report(p, file, DIAG_ERROR, at, err->hint[0] != '\0' ? err->hint : NULL, "%s", text);
}

static bool is_remote(const char *source)
{
	return strncmp(source, "http://", 7) == 0 || strncmp(source, "https://", 8) == 0 ||
	       git_is_source(source);
}

static void add_file(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		     const struct heredoc *h, struct copy_spec *copy)
{
	struct inline_file *f;
	const char *data;
	size_t length;

	data = plan_heredoc(p, h, &length);
	if (h->expand && h->word != NULL) {
		data = plan_expand(p, stage, file, h->word, h->at);
		length = data != NULL ? strlen(data) : 0;
	}
	copy->files = arena_grow(&p->arena, copy->files, copy->file_count, sizeof(*copy->files));
	f = &copy->files[copy->file_count++];
	*f = (struct inline_file){.name = h->name, .data = data, .length = length};
}

/* Clean, below the root of what is copied from. With --parents the first "/./" is the pivot: only
   what follows it is kept below the destination. */
static const char *source_path(struct plan *p, const char *text, bool parents)
{
	const char *pivot = parents ? strstr(text, "/./") : NULL;
	const char *base;

	if (!parents)
		return path_join(&p->arena, "/", text) + 1;
	base = pivot != NULL ? arena_strndup(&p->arena, text, (size_t)(pivot - text)) : "";
	return arena_printf(&p->arena, "%s/./%s", path_join(&p->arena, "/", base) + 1,
			    path_join(&p->arena, "/", pivot != NULL ? pivot + 3 : text) + 1);
}

static void add_remote(struct plan *p, const struct dockerfile *file, const struct arg *arg,
		       const char *text, struct copy_source *source)
{
	struct git_source *git = arena_alloc(&p->arena, sizeof(*git));
	auto_free char *shown = url_public(text);
	struct error err = ERROR_INIT;

	*source = (struct copy_source){
		.kind = SOURCE_HTTP, .written = text, .path = arena_strdup(&p->arena, shown)};
	if (!git_is_source(text))
		return;
	source->kind = SOURCE_GIT;
	source->git = git;
	if (git_parse(&p->arena, text, git, &err) < 0)
		report_error(p, file, arg->at, &err);
}

static void add_source(struct plan *p, const struct dockerfile *file, const struct insn *insn,
		       const struct arg *arg, const char *text, struct copy_spec *copy)
{
	struct copy_source source = {
		.kind = SOURCE_PATH, .written = text, .path = source_path(p, text, copy->parents)};
	struct error err = ERROR_INIT;

	if (insn->kind == INSN_COPY && is_remote(text)) {
		plan_report(p, file, DIAG_ERROR, arg->at, "ADD takes URLs and git repositories",
			    "COPY takes files only, not %s", text);
		return;
	}
	if (is_remote(text)) {
		add_remote(p, file, arg, text, &source);
	} else if (glob_check(text, &err) < 0) {
		report_error(p, file, arg->at, &err);
		return;
	}
	copy->sources =
		arena_grow(&p->arena, copy->sources, copy->source_count, sizeof(*copy->sources));
	copy->sources[copy->source_count++] = source;
}

static void add_operands(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
			 const struct insn *insn, struct copy_spec *copy)
{
	const struct arg *last = &insn->args[insn->arg_count - 1];
	const char *dest = plan_expand(p, stage, file, last->word, last->at);
	size_t length;

	for (size_t i = 0; i + 1 < insn->arg_count; i++) {
		const struct arg *arg = &insn->args[i];
		const char *text;

		if (arg->heredoc != NULL) {
			add_file(p, stage, file, arg->heredoc, copy);
			continue;
		}
		text = plan_expand(p, stage, file, arg->word, arg->at);
		if (text != NULL)
			add_source(p, file, insn, arg, text, copy);
	}
	if (dest == NULL)
		return;
	length = strlen(dest);
	copy->dest = path_join(&p->arena, stage->config.working_dir, dest);
	if (length == 0 || dest[length - 1] == '/' || strcmp(dest, ".") == 0 ||
	    (length > 1 && strcmp(dest + length - 2, "/.") == 0))
		copy->dest = arena_printf(&p->arena, "%s%s", copy->dest,
					  strcmp(copy->dest, "/") == 0 ? "" : "/");
	if (!copy->parents && copy->source_count + copy->file_count > 1 &&
	    copy->dest[strlen(copy->dest) - 1] != '/')
		plan_report(p, file, DIAG_ERROR, last->at, "add a slash: the sources go into it",
			    "when %s has more than one source, the destination must be a directory "
			    "and end with /",
			    insn_name(insn->kind));
}

static const char *copy_history(struct plan *p, const struct insn *insn,
				const struct copy_spec *copy)
{
	auto_(buf) struct buf text = BUF_INIT;

	buf_add_str(&text, insn_name(insn->kind));
	for (size_t i = 0; i < insn->flag_count; i++)
		buf_printf(&text, " --%s%s%s", insn->flags[i].name,
			   insn->flags[i].value != NULL ? "=" : "",
			   insn->flags[i].value != NULL ? insn->flags[i].value : "");
	for (size_t i = 0; i < copy->file_count; i++)
		buf_printf(&text, " <<%s", copy->files[i].name);
	for (size_t i = 0; i < copy->source_count; i++)
		buf_printf(&text, " %s",
			   copy->sources[i].kind == SOURCE_PATH ? copy->sources[i].written
								: copy->sources[i].path);
	buf_printf(&text, " %s", copy->dest != NULL ? copy->dest : "");
	return arena_strndup(&p->arena, text.data, text.length);
}

static const char *expand_flag(struct plan *p, struct stage_plan *stage,
			       const struct dockerfile *file, const struct insn *insn,
			       const char *name)
{
	const struct flag *flag = flag_of(insn, name);

	if (flag == NULL || flag->word == NULL)
		return NULL;
	return plan_expand(p, stage, file, flag->word, flag->at);
}

static void add_excludes(struct plan *p, const struct dockerfile *file, const struct insn *insn,
			 struct copy_spec *copy)
{
	auto_(ignore) struct ignore *check = ignore_new();
	const char **list = NULL;

	for (size_t i = 0; i < insn->flag_count; i++) {
		const struct flag *flag = &insn->flags[i];
		struct error err = ERROR_INIT;

		if (strcmp(flag->name, "exclude") != 0 || flag->value == NULL)
			continue;
		if (ignore_add(check, flag->value, &err) < 0) {
			error_add(&err, "--exclude=%s", flag->value);
			report_error(p, file, flag->at, &err);
		}
		list = arena_grow(&p->arena, list, copy->exclude_count, sizeof(*list));
		list[copy->exclude_count++] = flag->value;
	}
	copy->exclude = list;
}

static bool is_given(const struct insn *insn, const char *name)
{
	const struct flag *flag = flag_of(insn, name);

	return flag != NULL && flag_is_true(flag);
}

static bool is_commit(const char *text)
{
	size_t length = strlen(text);

	return length >= MIN_COMMIT && length < GIT_ID_SIZE &&
	       strspn(text, "0123456789abcdef") == length;
}

static void check_checksum(struct plan *p, const struct dockerfile *file, struct span at,
			   const struct copy_spec *copy, size_t remote)
{
	const struct copy_source *source = copy->sources;
	struct digest ignored;
	struct error err = ERROR_INIT;

	if (remote != 1 || copy->source_count + copy->file_count != 1) {
		plan_report(p, file, DIAG_ERROR, at, "give each source an ADD of its own",
			    "--checksum needs exactly one source, a URL or a git repository");
		return;
	}
	if (source->kind == SOURCE_HTTP && digest_parse(copy->checksum, &ignored, &err) < 0)
		plan_report(p, file, DIAG_ERROR, at, "for a URL it is sha256: and 64 hex digits",
			    "--checksum=%s is no checksum", copy->checksum);
	if (source->kind == SOURCE_GIT && !is_commit(copy->checksum))
		plan_report(p, file, DIAG_ERROR, at,
			    "for a repository it is a commit, or at least its first 7 hex digits",
			    "--checksum=%s is no commit", copy->checksum);
	else if (source->kind == SOURCE_GIT && source->git->checksum != NULL &&
		 strcmp(source->git->checksum, copy->checksum) != 0)
		plan_report(p, file, DIAG_ERROR, at, "say it once",
			    "--checksum=%s, but the source says %s", copy->checksum,
			    source->git->checksum);
}

/* What the flags ask of the sources. */
static void check_sources(struct plan *p, const struct dockerfile *file, const struct insn *insn,
			  const struct copy_spec *copy)
{
	size_t paths = 0, repositories = 0;

	for (size_t i = 0; i < copy->source_count; i++) {
		paths += copy->sources[i].kind == SOURCE_PATH;
		repositories += copy->sources[i].kind == SOURCE_GIT;
	}
	if (copy->checksum != NULL)
		check_checksum(p, file, flag_of(insn, "checksum")->at, copy,
			       copy->source_count - paths);
	if (copy->keep_git_dir && repositories == 0)
		plan_report(p, file, DIAG_ERROR, flag_of(insn, "keep-git-dir")->at, NULL,
			    "--keep-git-dir needs a git repository as the source");
	if (copy->from.kind == FROM_CONTEXT && paths > 0 && copy->from.context->fd < 0)
		plan_report(p, file, DIAG_ERROR, insn->at, "give a directory as the context",
			    "%s needs a build context", insn_name(insn->kind));
}

void plan_copy(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
	       const char *place, const struct insn *insn)
{
	static const char *const known[] = {"from",         "chown",   "chmod",   "link",
					    "unpack",       "parents", "exclude", "checksum",
					    "keep-git-dir", NULL};
	struct copy_spec copy = {
		.from = {.kind = FROM_CONTEXT, .context = &p->context},
		.unpack = insn->kind == INSN_ADD ? UNPACK_LOCAL : UNPACK_NEVER,
		.parents = is_given(insn, "parents"),
		.link = is_given(insn, "link"),
		.keep_git_dir = is_given(insn, "keep-git-dir"),
	};
	const struct flag *from = flag_of(insn, "from");
	struct error err = ERROR_INIT;
	struct step *step;

	if (!plan_flags_supported(p, file, insn, known) || insn->arg_count < 2)
		return;
	if (from != NULL && from->value != NULL)
		plan_root(p, stage, file, from->value, from->at, &copy.from);
	copy.chown = expand_flag(p, stage, file, insn, "chown");
	copy.chmod = expand_flag(p, stage, file, insn, "chmod");
	copy.checksum = expand_flag(p, stage, file, insn, "checksum");
	if (flag_of(insn, "unpack") != NULL)
		copy.unpack = flag_is_true(flag_of(insn, "unpack")) ? UNPACK_ALWAYS : UNPACK_NEVER;
	if (copy.chmod != NULL && mode_check(copy.chmod, &err) < 0)
		report_error(p, file, flag_of(insn, "chmod")->at, &err);
	add_excludes(p, file, insn, &copy);
	add_operands(p, stage, file, insn, &copy);
	check_sources(p, file, insn, &copy);
	step = plan_add_step(p, stage, STEP_COPY, file, place, insn, copy_history(p, insn, &copy));
	step->copy = copy;
}
