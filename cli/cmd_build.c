/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build.h"
#include "cli/build_input.h"
#include "cli/build_output.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "common/arena.h"
#include "common/fd.h"
#include "common/loop.h"
#include "layers/name.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

struct build_values {
	struct option_list tags, args, labels;
	const char *file, *target, *progress, *iidfile, *metadata, *compression, *output;
	const char *volume_writes, *epoch;
	bool no_cache, pull, plan, explain, check, quiet;
};

static const char *const progress_names[] = {"auto", "tty", "plain", "json", "quiet", NULL};
static const char *const compression_names[] = {"zstd", "gzip", "none", NULL};
static const char *const volume_names[] = {"keep", "discard", "error", NULL};

#define VALUE(member) offsetof(struct build_values, member)
static const struct option_spec options[] = {
	{'t', "tag", OPTION_LIST, VALUE(tags), "NAME", "name the image; may be repeated", NULL},
	{'f', "file", OPTION_STRING, VALUE(file), "FILE",
	 "the Dockerfile; default CONTEXT/Dockerfile, - is standard input", NULL},
	{0, "build-arg", OPTION_LIST, VALUE(args), "NAME[=VALUE]",
	 "set an ARG; without =VALUE from the environment", NULL},
	{0, "target", OPTION_STRING, VALUE(target), "STAGE", "build this stage, not the last",
	 NULL},
	{0, "label", OPTION_LIST, VALUE(labels), "KEY=VALUE", "add a label to the image", NULL},
	{0, "no-cache", OPTION_FLAG, VALUE(no_cache), NULL, "execute every step", NULL},
	{0, "pull", OPTION_FLAG, VALUE(pull), NULL, "read images from paths again", NULL},
	{0, "progress", OPTION_CHOICE, VALUE(progress), "auto|tty|plain|json|quiet",
	 "how to show what happens", progress_names},
	{'q', "quiet", OPTION_FLAG, VALUE(quiet), NULL,
	 "print only the image ID, and failures (--progress=quiet)", NULL},
	{0, "iidfile", OPTION_STRING, VALUE(iidfile), "FILE", "write the image ID to FILE", NULL},
	{0, "metadata-file", OPTION_STRING, VALUE(metadata), "FILE",
	 "write digests and counts to FILE as JSON", NULL},
	{0, "compression", OPTION_CHOICE, VALUE(compression), "zstd|gzip|none",
	 "of the layers; zstd unless given, then also of the base image's layers",
	 compression_names},
	{'o', "output", OPTION_STRING, VALUE(output), "type=TYPE,dest=PATH",
	 "also write the image: oci or docker archive, tar of its root, or local directory", NULL},
	{0, "volume-writes", OPTION_CHOICE, VALUE(volume_writes), "keep|discard|error",
	 "what becomes of writes below a declared volume", volume_names},
	{0, "source-date-epoch", OPTION_STRING, VALUE(epoch), "SECONDS",
	 "fix all times, for the same digest everywhere", NULL},
	{0, "plan", OPTION_FLAG, VALUE(plan), NULL, "show what would be done, and do nothing",
	 NULL},
	{0, "explain", OPTION_FLAG, VALUE(explain), NULL,
	 "say of each step that runs why it was not cached", NULL},
	{0, "check", OPTION_FLAG, VALUE(check), NULL, "check the Dockerfile, and do nothing", NULL},
};

/* Everything a build needs from the outside, owned until it has ended. */
struct session {
	struct dockerfile *file;
	struct build_input input;
	struct build_options options;
	struct output_spec output;
	struct build_arg *args, *labels;
	char **tags;
	size_t tag_count;
	int interrupt;
};

static void session_release(struct session *s)
{
	dockerfile_free(s->file);
	build_input_release(&s->input);
	build_output_release(&s->output);
	free(s->args);
	free(s->labels);
	for (size_t i = 0; i < s->tag_count; i++)
		free(s->tags[i]);
	free(s->tags);
	cleanup_fd(&s->interrupt);
}
DEFINE_CLEANUP_STRUCT(session, struct session, session_release);

/* --- options ------------------------------------------------------------------------------- */

/* NAME=VALUE; without '=' from the environment, or skipped if it is not set there. */
static size_t parse_args(const struct option_list *list, bool from_environment,
			 struct build_arg **out, struct arena *arena)
{
	size_t count = 0;

	*out = xcalloc(list->count, sizeof(**out));
	for (size_t i = 0; i < list->count; i++) {
		const char *equals = strchr(list->item[i], '=');
		struct build_arg a = {.name = list->item[i], .value = ""};

		if (equals != NULL) {
			a.name = arena_strndup(arena, list->item[i],
					       (size_t)(equals - list->item[i]));
			a.value = equals + 1;
		} else if (from_environment) {
			a.value = getenv(a.name);
			if (a.value == NULL)
				continue;
		}
		(*out)[count++] = a;
	}
	return count;
}

static int parse_epoch(const struct build_values *v, const struct session *s, int64_t *out,
		       struct error *err)
{
	const char *text = v->epoch, *origin = "--source-date-epoch";
	char *end;
	long long value;

	*out = -1;
	for (size_t i = 0; text == NULL && i < s->options.arg_count; i++)
		if (strcmp(s->args[i].name, "SOURCE_DATE_EPOCH") == 0) {
			text = s->args[i].value;
			origin = "--build-arg SOURCE_DATE_EPOCH";
		}
	if (text == NULL) {
		text = getenv("SOURCE_DATE_EPOCH");
		origin = "SOURCE_DATE_EPOCH";
	}
	if (text == NULL || *text == '\0')
		return 0;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end != '\0' || value < 0 || errno != 0)
		return error_set(err, ERROR_USAGE, "%s=%s is no number of seconds", origin, text);
	*out = value;
	return 0;
}

static int parse_tags(struct session *s, const struct option_list *list, struct error *err)
{
	s->tags = xcalloc(list->count, sizeof(*s->tags));
	for (size_t i = 0; i < list->count; i++) {
		s->tags[i] = name_canonical(list->item[i], err);
		if (s->tags[i] == NULL)
			return error_add(err, "--tag");
		s->tag_count++;
	}
	return 0;
}

static enum volume_writes volume_mode(const char *name)
{
	if (name == NULL || strcmp(name, "keep") == 0)
		return VOLUME_KEEP;
	return strcmp(name, "discard") == 0 ? VOLUME_DISCARD : VOLUME_ERROR;
}

static int fill_options(struct session *s, const struct build_values *v, struct arena *arena,
			struct error *err)
{
	struct build_options *o = &s->options;

	o->arg_count = parse_args(&v->args, true, &s->args, arena);
	o->label_count = parse_args(&v->labels, false, &s->labels, arena);
	o->args = s->args;
	o->labels = s->labels;
	o->target = v->target;
	o->compression = COMPRESS_ZSTD;
	if (v->compression != NULL)
		o->recompress = compression_parse(v->compression, &o->compression);
	o->volume_writes = volume_mode(v->volume_writes);
	o->no_cache = v->no_cache;
	o->reread = v->pull;
	o->explain = v->explain;
	if (parse_epoch(v, s, &o->epoch, err) < 0 || parse_tags(s, &v->tags, err) < 0)
		return -1;
	o->tags = (const char *const *)s->tags;
	o->tag_count = s->tag_count;
	return v->output != NULL ? output_parse(v->output, &s->output, err) : 0;
}

/* --- running ------------------------------------------------------------------------------- */

static unsigned print_diagnostics(const struct dockerfile *df, bool errors_only)
{
	size_t count;
	const struct diag *diags = dockerfile_diags(df, &count);
	unsigned warnings = 0;

	for (size_t i = 0; i < count; i++) {
		auto_(buf) struct buf text = BUF_INIT;

		warnings += diags[i].severity == DIAG_WARNING;
		if (errors_only && diags[i].severity != DIAG_ERROR)
			continue;
		dockerfile_render_diag(df, &diags[i], &text);
		fputs(text.data, stderr);
	}
	return warnings;
}

/* Interruptions arrive in the loop, so that a build ends in order. */
static int catch_signals(struct session *s, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_sys(err, "blocking signals");
	s->interrupt = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->interrupt < 0)
		return error_sys(err, "watching signals");
	s->options.interrupt = s->interrupt;
	return 0;
}

static void print_summary(const struct session *s, const struct build_result *r, uint64_t began)
{
	char id[DIGEST_TEXT_SIZE];

	fprintf(stderr, "%s", digest_text(&r->id, id));
	for (size_t i = 0; i < s->tag_count; i++)
		fprintf(stderr, "%s %s", i == 0 ? " is" : ",", s->tags[i]);
	fprintf(stderr, "\n%u step%s, %u cached, %.3fs\n", r->steps, r->steps == 1 ? "" : "s",
		r->cached, (double)(loop_now() - began) / 1e6);
}

static int write_results(struct cli *cli, const struct session *s, const struct build_values *v,
			 enum progress_mode mode, const struct build_result *r, struct error *err)
{
	const char *const *tags = (const char *const *)s->tags;
	char id[DIGEST_TEXT_SIZE];

	if (output_write(&s->output, cli->store, r, tags, s->tag_count, s->options.epoch, err) < 0)
		return -1;
	if (v->iidfile != NULL && output_iidfile(v->iidfile, r, err) < 0)
		return -1;
	if (v->metadata != NULL && output_metadata(v->metadata, r, tags, s->tag_count, err) < 0)
		return -1;
	/* With -o - the standard output is the archive; nothing may follow it. */
	if (mode == PROGRESS_QUIET && (s->output.dest == NULL || strcmp(s->output.dest, "-") != 0))
		out_printf(cli->out, "%s\n", digest_text(&r->id, id));
	return 0;
}

static int run_plan(struct cli *cli, struct session *s, const struct build_values *v,
		    struct plan *plan, struct error *err)
{
	enum progress_mode mode = progress_mode(v->quiet ? "quiet" : v->progress, stderr);
	auto_(progress) struct progress *progress =
		progress_new(mode, stderr, build_step_count(plan));
	struct build_result result = {.steps = 0};
	uint64_t began = loop_now();
	int exit_status = 0, status;

	s->options.sink = progress_sink(progress);
	if (catch_signals(s, err) < 0)
		return -1;
	status = build_run(plan, &result, &exit_status, err);
	if (mode == PROGRESS_PLAIN || mode == PROGRESS_TTY)
		print_diagnostics(s->file, false);
	progress_finish(progress);
	if (status < 0 && result.log[0] != '\0' && mode != PROGRESS_JSON)
		fprintf(stderr, "the whole output: %s/logs/%s\n", cli->root_path, result.log);
	if (status == 0)
		status = write_results(cli, s, v, mode, &result, err);
	if (status == 0 && (mode == PROGRESS_PLAIN || mode == PROGRESS_TTY))
		print_summary(s, &result, began);
	build_result_release(&result);
	return status;
}

static int describe(struct cli *cli, const struct build_values *v, struct plan *plan,
		    struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	bool json = v->progress != NULL && strcmp(v->progress, "json") == 0;

	if (plan_describe(plan, json, &text, err) < 0)
		return -1;
	out_str(cli->out, text.data);
	return 0;
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	const struct build_values *v = values;
	auto_(arena) struct arena arena = ARENA_INIT;
	auto_(session) struct session s = {.input = BUILD_INPUT_INIT,
					   .output = OUTPUT_INIT,
					   .interrupt = -1,
					   .options = {.interrupt = -1}};
	auto_(plan) struct plan *plan = NULL;

	(void)argc;
	if (fill_options(&s, v, &arena, err) < 0)
		return -1;
	s.options.store = cli_store(cli, err);
	if (s.options.store == NULL || build_input_open(&s.input, argv[0], v->file, err) < 0)
		return -1;
	s.file = dockerfile_parse(s.input.name, s.input.text.data, s.input.text.length, err);
	if (s.file == NULL)
		return -1;
	s.options.file = s.file;
	s.options.context = s.input.context;
	s.options.dockerfile_in_context = s.input.in_context;
	s.options.host_root = s.input.host_root;
	s.options.host_cwd = AT_FDCWD;
	plan = build_plan(&s.options, err);
	if (plan == NULL) {
		print_diagnostics(s.file, err->code == ERROR_SYNTAX && !v->check);
		return -1;
	}
	if (v->check)
		return print_diagnostics(s.file, false) > 0 ? 1 : 0;
	if (v->plan)
		return describe(cli, v, plan, err);
	return run_plan(cli, &s, v, plan, err);
}

const struct command cmd_build = {
	.name = "build",
	.summary = "build an image from a Dockerfile",
	.operands = "CONTEXT",
	.min_operands = 1,
	.max_operands = 1,
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct build_values),
	.run = run,
};
