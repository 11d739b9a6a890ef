/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build.h"
#include "builder/publish.h"
#include "cli/build_call.h"
#include "cli/build_input.h"
#include "cli/build_options.h"
#include "cli/build_output.h"
#include "cli/cli.h"
#include "cli/findings.h"
#include "cli/format.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "common/arena.h"
#include "common/fd.h"
#include "common/loop.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

static const char *const progress_names[] = {"auto", "tty", "plain", "json", "quiet", NULL};
static const char *const compression_names[] = {"zstd", "gzip", "none", NULL};
static const char *const volume_names[] = {"keep", "discard", "error", NULL};
static const char *const network_names[] = {"default", "none", "host", NULL};

#define VALUE(member) offsetof(struct build_values, member)
static const struct option_spec options[] = {
	{'t', "tag", OPTION_LIST, VALUE(tags), "NAME", "name the image; may be repeated", NULL},
	{'f', "file", OPTION_STRING, VALUE(file), "FILE",
	 "the Dockerfile; default CONTEXT/Dockerfile, - is standard input, or a URL", NULL},
	{0, "build-arg", OPTION_LIST, VALUE(args), "NAME[=VALUE]",
	 "set an ARG; without =VALUE from the environment", NULL},
	{0, "build-context", OPTION_LIST, VALUE(contexts), "NAME=PLACE",
	 "what FROM and --from find under NAME", NULL},
	{0, "target", OPTION_STRING, VALUE(target), "STAGE", "build this stage, not the last",
	 NULL},
	{0, "platform", OPTION_LIST, VALUE(platforms), "OS/ARCH[/VARIANT][,...]",
	 "build for this platform; several make an index", NULL},
	{0, "label", OPTION_LIST, VALUE(labels), "KEY=VALUE", "add a label to the image", NULL},
	{0, "annotation", OPTION_LIST, VALUE(annotations), "[TYPE:]KEY=VALUE",
	 "add an annotation to the manifest, or to what TYPE says", NULL},
	{0, "secret", OPTION_LIST, VALUE(secrets), "id=ID[,src=FILE|,env=NAME]",
	 "a value for RUN --mount=type=secret", NULL},
	{0, "ssh", OPTION_LIST, VALUE(ssh), "default|ID[=SOCKET|=KEY[,KEY...]]",
	 "an agent for RUN --mount=type=ssh", NULL},
	{0, "network", OPTION_CHOICE, VALUE(network), "default|none|host",
	 "the network of RUN instructions that do not choose", network_names},
	{0, "add-host", OPTION_LIST, VALUE(hosts), "NAME:ADDRESS", "add a line to /etc/hosts",
	 NULL},
	{0, "allow", OPTION_LIST, VALUE(allow), "network.host|security.insecure",
	 "let RUN --network=host or --security=insecure", NULL},
	{'v', "volume", OPTION_LIST, VALUE(volumes), "SOURCE:TARGET[:ro|rw]",
	 "mount a directory of the host in every RUN", NULL},
	{0, "shm-size", OPTION_STRING, VALUE(shm_size), "BYTES", "of /dev/shm; default 64m", NULL},
	{0, "ulimit", OPTION_LIST, VALUE(ulimits), "NAME=SOFT[:HARD]",
	 "a resource limit of every RUN", NULL},
	{'j', "jobs", OPTION_STRING, VALUE(jobs), "N",
	 "steps at a time; default twice the number of processors", NULL},
	{0, "no-cache", OPTION_FLAG, VALUE(no_cache), NULL, "execute every step", NULL},
	{0, "no-cutoff", OPTION_FLAG, VALUE(no_cutoff), NULL,
	 "a step that ran again is new, even if it did what it did before", NULL},
	{0, "no-cache-filter", OPTION_LIST, VALUE(no_cache_filter), "STAGE[,...]",
	 "execute every step of these stages", NULL},
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
	{0, "squash", OPTION_FLAG, VALUE(squash), NULL, "make one layer of all that the build adds",
	 NULL},
	{'o', "output", OPTION_LIST, VALUE(outputs), "type=TYPE,dest=PATH",
	 "also write the image: oci or docker archive, tar of its root, or local directory; may be "
	 "repeated",
	 NULL},
	{0, "volume-writes", OPTION_CHOICE, VALUE(volume_writes), "keep|discard|error",
	 "what becomes of writes below a declared volume", volume_names},
	{0, "source-date-epoch", OPTION_STRING, VALUE(epoch), "SECONDS|context|NAME",
	 "fix all times, for the same digest everywhere; or take that of the newest file", NULL},
	{0, "plan", OPTION_FLAG, VALUE(plan), NULL, "show what would be done, and do nothing",
	 NULL},
	{0, "explain", OPTION_FLAG, VALUE(explain), NULL,
	 "say of each step that runs why it was not cached", NULL},
	{0, "check", OPTION_FLAG, VALUE(check), NULL, "check the Dockerfile, and do nothing", NULL},
	{0, "call", OPTION_STRING, VALUE(call), "METHOD[,format=json]",
	 "check as --check, or tell what can be given to the target (outline), or which targets "
	 "there "
	 "are (targets)",
	 NULL},
	{0, "load", OPTION_FLAG, VALUE(load), NULL, "no effect: the store always has the image",
	 NULL},
	{0, "rm", OPTION_FLAG, VALUE(rm), NULL, "no effect: there are no intermediate containers",
	 NULL},
	{0, "force-rm", OPTION_FLAG, VALUE(force_rm), NULL, "no effect, as --rm", NULL},
	{0, "compress", OPTION_FLAG, VALUE(compress), NULL,
	 "no effect: the context is not sent anywhere", NULL},
	{0, "provenance", OPTION_STRING, VALUE(provenance), "false",
	 "no attestation is written; only false is taken", NULL},
	{0, "sbom", OPTION_STRING, VALUE(sbom), "false",
	 "no attestation is written; only false is taken", NULL},
};

/* The build for one platform. */
struct part {
	struct build_options options;
	struct dockerfile *file;
	struct plan *plan;
	char *findings; /* as they were printed */
};

/* Everything a build needs from the outside, owned until it has ended. */
struct session {
	struct build_input input;
	struct build_settings settings;
	struct part *parts;
	struct build_result *results; /* of the parts */
	size_t part_count;
	bool index; /* the tags name an index, not an image */
	uint64_t packed;
	int interrupt;
};

static void session_release(struct session *s)
{
	for (size_t i = 0; i < s->part_count; i++) {
		build_result_release(&s->results[i]);
		plan_free(s->parts[i].plan);
		dockerfile_free(s->parts[i].file);
		free(s->parts[i].findings);
	}
	free(s->parts);
	free(s->results);
	build_input_release(&s->input);
	build_settings_release(&s->settings);
	cleanup_fd(&s->interrupt);
}
DEFINE_CLEANUP_STRUCT(session, struct session, session_release);

/* --- running ------------------------------------------------------------------------------- */

static void print_findings(const struct dockerfile *df, enum progress_mode mode,
			   enum findings_which which)
{
	auto_(buf) struct buf text = BUF_INIT;

	if (mode == PROGRESS_JSON)
		findings_lines(df, which, &text);
	else
		findings_text(df, which, &text);
	fwrite(text.data, 1, text.length, stderr);
}

/* There is no plan: mistakes are in the way of seeing warnings, unless those are the reason. */
static int explain_failure(const struct part *part, enum progress_mode mode,
			   const struct error *err)
{
	bool warnings = err->code == ERROR_SYNTAX && dockerfile_errors(part->file) == 0;

	print_findings(part->file, mode, warnings ? FINDINGS_ALL : FINDINGS_ERRORS);
	return -1;
}

/* What was found for one platform is mostly found for each. */
static void print_new_findings(struct session *s, size_t at, enum progress_mode mode)
{
	auto_(buf) struct buf text = BUF_INIT;
	struct part *part = &s->parts[at];

	findings_text(part->file, FINDINGS_ALL, &text);
	part->findings = buf_steal(&text);
	for (size_t i = 0; i < at; i++)
		if (strcmp(s->parts[i].findings, part->findings) == 0)
			return;
	print_findings(part->file, mode, FINDINGS_ALL);
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
	for (size_t i = 0; i < s->part_count; i++)
		s->parts[i].options.interrupt = s->interrupt;
	return 0;
}

static void print_summary(const struct session *s, const struct ref *named, uint64_t began)
{
	const struct build_options *o = &s->settings.options;
	const struct digest *id = s->index ? &named->manifest : &s->results[0].id;
	unsigned steps = 0, cached = 0;
	char text[DIGEST_TEXT_SIZE], size[FORMAT_SIZE];

	for (size_t i = 0; i < s->part_count; i++) {
		steps += s->results[i].steps;
		cached += s->results[i].cached;
	}
	fprintf(stderr, "%s", digest_text(id, text));
	for (size_t i = 0; i < o->tag_count; i++)
		fprintf(stderr, "%s %s", i == 0 ? " is" : ",", o->tags[i]);
	fprintf(stderr, "\n%u step%s, %u cached, ", steps, steps == 1 ? "" : "s", cached);
	if (s->packed > 0)
		fprintf(stderr, "%s packed, ", size_format(s->packed, size));
	fprintf(stderr, "%.3fs\n", (double)(loop_now() - began) / 1e6);
}

static int write_results(struct cli *cli, const struct session *s, const struct build_values *v,
			 enum progress_mode mode, const struct ref *named, struct error *err)
{
	const struct build_options *o = &s->settings.options;
	const struct built built = {
		.results = s->results,
		.count = s->part_count,
		.index = s->index,
		.named = named,
		.tags = o->tags,
		.tag_count = o->tag_count,
		.annotations = o->annotations,
		.annotation_count = o->annotation_count,
	};
	bool to_stdout = false;
	char id[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < s->settings.output_count; i++) {
		const struct output_spec *output = &s->settings.outputs[i];

		if (output_write(output, cli->store, &built, err) < 0)
			return -1;
		to_stdout = to_stdout || (output->dest != NULL && strcmp(output->dest, "-") == 0);
	}
	if (v->iidfile != NULL && output_iidfile(v->iidfile, &built, err) < 0)
		return -1;
	if (v->metadata != NULL && output_metadata(v->metadata, &built, s->parts[0].file, err) < 0)
		return -1;
	/* With -o - the standard output is the archive; nothing may follow it. */
	if (mode == PROGRESS_QUIET && !to_stdout)
		out_printf(cli->out, "%s\n", digest_text(built_id(&built), id));
	return 0;
}

static int run_part(struct cli *cli, struct session *s, size_t at, enum progress_mode mode,
		    struct error *err)
{
	struct part *part = &s->parts[at];
	auto_(progress) struct progress *progress = progress_new(mode, STDERR_FILENO);
	struct build_result *result = &s->results[at];
	int exit_status = 0, status;

	part->options.sink = progress_sink(progress);
	status = build_run(part->plan, result, &exit_status, err);
	part->options.sink = NULL;
	progress_finish(progress);
	s->packed += progress_packed(progress);
	if (mode != PROGRESS_QUIET)
		print_new_findings(s, at, mode);
	if (status < 0 && result->log[0] != '\0' && mode != PROGRESS_JSON)
		fprintf(stderr, "the whole output: %s/logs/%s\n", cli->root_path, result->log);
	return status;
}

/* Nothing gets a name unless every platform was built. */
static int run_parts(struct cli *cli, struct session *s, const struct build_values *v,
		     struct error *err)
{
	enum progress_mode mode = progress_mode(v->quiet ? "quiet" : v->progress, STDERR_FILENO);
	const struct build_options *o = &s->settings.options;
	auto_(ref) struct ref named = {.name = NULL};
	uint64_t began = loop_now();

	if (catch_signals(s, err) < 0)
		return -1;
	for (size_t i = 0; i < s->part_count; i++) {
		if (run_part(cli, s, i, mode, err) == 0)
			continue;
		return s->part_count > 1
			       ? error_add(err, "for platform %s", s->parts[i].options.platform)
			       : -1;
	}
	if (build_join(cli->store, s->results, s->part_count, s->index, o->annotations,
		       o->annotation_count, &named, err) < 0 ||
	    build_name(cli->store, &named, o->tags, o->tag_count, err) < 0 ||
	    write_results(cli, s, v, mode, &named, err) < 0)
		return -1;
	if (mode == PROGRESS_PLAIN || mode == PROGRESS_TTY)
		print_summary(s, &named, began);
	return 0;
}

static int describe(struct cli *cli, const struct build_values *v, const struct session *s,
		    struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	bool json = v->progress != NULL && strcmp(v->progress, "json") == 0;

	for (size_t i = 0; i < s->part_count; i++) {
		if (s->part_count > 1 && !json)
			buf_printf(&text, "# platform %s\n", s->parts[i].options.platform);
		if (plan_describe(s->parts[i].plan, json, &text, err) < 0)
			return -1;
	}
	out_str(cli->out, text.data);
	return 0;
}

static int answer(struct cli *cli, const struct part *part, const struct build_call *call,
		  struct error *err)
{
	auto_(plan) struct plan *plan = NULL;

	if (call->method == CALL_TARGETS && dockerfile_errors(part->file) == 0)
		return call_targets(call, part->file, cli->out);
	plan = build_plan(&part->options, err);
	if (call->method == CALL_CHECK && (plan != NULL || err->code == ERROR_SYNTAX)) {
		error_clear(err);
		return call_check(call, part->file, cli->out);
	}
	if (plan == NULL)
		return explain_failure(part, PROGRESS_PLAIN, err);
	return call_outline(call, plan, cli->out);
}

/* One part for each platform. */
static int make_parts(struct session *s, struct error *err)
{
	const struct build_settings *set = &s->settings;
	size_t count = set->platform_count > 0 ? set->platform_count : 1;

	s->parts = xcalloc(count, sizeof(*s->parts));
	s->results = xcalloc(count, sizeof(*s->results));
	s->index = count > 1 || set->force_index;
	for (; s->part_count < count; s->part_count++) {
		struct part *part = &s->parts[s->part_count];

		part->options = set->options;
		part->options.several_platforms = count > 1;
		if (set->platform_count > 0)
			part->options.platform = set->platforms[s->part_count];
		part->file = dockerfile_parse(s->input.name, s->input.text.data,
					      s->input.text.length, err);
		if (part->file == NULL)
			return -1;
		part->options.file = part->file;
	}
	return 0;
}

static int plan_parts(struct session *s, enum progress_mode mode, struct error *err)
{
	for (size_t i = 0; i < s->part_count; i++) {
		struct part *part = &s->parts[i];

		part->plan = build_plan(&part->options, err);
		if (part->plan != NULL)
			continue;
		explain_failure(part, mode, err);
		return s->part_count > 1 ? error_add(err, "for platform %s", part->options.platform)
					 : -1;
	}
	return 0;
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	const struct build_values *v = values;
	auto_(session) struct session s = {
		.input = BUILD_INPUT_INIT, .settings = BUILD_SETTINGS_INIT, .interrupt = -1};
	struct build_options *o = &s.settings.options;
	struct build_call call;

	(void)argc;
	if (call_parse(v->call == NULL && v->check ? "check" : v->call, &call, err) < 0 ||
	    build_settings_fill(&s.settings, v, err) < 0)
		return -1;
	o->store = cli_store(cli, err);
	if (o->store == NULL ||
	    build_input_open(&s.input, o->store, &o->fetch, argv[0], v->file, err) < 0)
		return -1;
	o->no_build = call.method != CALL_BUILD;
	o->all_stages = call.method == CALL_CHECK && o->target == NULL;
	o->context = s.input.context;
	o->context_is_git = s.input.is_git;
	o->dockerfile_dir = s.input.dir;
	o->dockerfile_path = s.input.path;
	o->host_root = s.input.host_root;
	o->host_cwd = AT_FDCWD;
	if (make_parts(&s, err) < 0)
		return -1;
	if (call.method != CALL_BUILD)
		return answer(cli, &s.parts[0], &call, err);
	if (plan_parts(&s, progress_mode(v->quiet ? "quiet" : v->progress, STDERR_FILENO), err) < 0)
		return -1;
	return v->plan ? describe(cli, v, &s, err) : run_parts(cli, &s, v, err);
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
