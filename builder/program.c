/* SPDX-License-Identifier: Apache-2.0 */
/* RUN: one program in a sandbox over the step's layers. */
#include "builder/run.h"
#include "builder/step_mounts.h"

#include "builder/user.h"

#include <string.h>
#include <sys/wait.h>

enum { MAX_ETC_FILE = 1024 * 1024 };

static const char *const etc_names[3] = {"hosts", "hostname", "resolv.conf"};
static const char *const etc_paths[3] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};

/* --- /etc files ---------------------------------------------------------------------------- */

static void resolv_conf(struct build *b, struct buf *out)
{
	struct error ignored = ERROR_INIT;
	auto_fd int fd = -1;

	if (b->options->host_root >= 0)
		fd = open_in(b->options->host_root, "etc/resolv.conf", O_RDONLY | O_NONBLOCK, 0,
			     &ignored);
	if (fd >= 0)
		read_all(fd, MAX_ETC_FILE, out, &ignored);
}

static const char *hostname(const struct build *b)
{
	for (size_t i = 0; i < b->options->arg_count; i++)
		if (strcmp(b->options->args[i].name, "BUILDKIT_SANDBOX_HOSTNAME") == 0)
			return b->options->args[i].value;
	return "varve";
}

static void hosts(const struct build *b, struct buf *out)
{
	buf_printf(out, "127.0.0.1\tlocalhost %s\n", hostname(b));
	buf_add_str(out, "::1\tlocalhost ip6-localhost ip6-loopback\n");
	for (size_t i = 0; i < b->options->host_count; i++)
		buf_printf(out, "%s\t%s\n", b->options->hosts[i].value, b->options->hosts[i].name);
}

static int make_etc(struct build *b, struct error *err)
{
	int stage = store_stage(b->store, err);
	auto_fd int dir = -1;

	if (b->etc[0] >= 0)
		return 0;
	if (stage < 0)
		return -1;
	dir = mkdir_child(stage, "etc", 0755, err);
	if (dir < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		auto_(buf) struct buf text = BUF_INIT;

		if (i == 0)
			hosts(b, &text);
		else if (i == 1)
			buf_printf(&text, "%s\n", hostname(b));
		else
			resolv_conf(b, &text);
		if (replace_file(dir, etc_names[i], text.data, text.length, err) < 0)
			return -1;
		b->etc[i] = open_child(dir, etc_names[i], O_RDONLY, 0, err);
		if (b->etc[i] < 0)
			return -1;
	}
	return 0;
}

/* --- facts about the root ----------------------------------------------------------------- */

/* A stub layer that holds more than every step needs is for one step alone. */
static bool needs_own_stub(const struct step *s)
{
	return s->run.script != NULL || s->run.mount_count > 0;
}

/* Whether the step before left alone what the facts were read from. */
static bool facts_hold(const struct build *b, const struct step *s)
{
	static const char *const tops[] = {"proc", "sys", "dev", "etc"};
	const struct execution *before;

	if (s->previous == NULL || b->facts.step != s->previous || needs_own_stub(s))
		return false;
	before = &b->steps[s->previous->number - 1];
	for (size_t i = 0; before->upper >= 0 && i < sizeof(tops) / sizeof(tops[0]); i++)
		if (faccessat(before->upper, tops[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return false;
	return before->upper >= 0;
}

static int make_stub(struct build *b, const struct execution *e, const struct stack *root,
		     struct error *err)
{
	const struct step *s = e->step;
	size_t count;
	const struct sandbox_target *wanted = sandbox_targets(&count);
	auto_free struct stub_target *targets =
		xcalloc(count + 4 + s->run.mount_count, sizeof(*targets));
	auto_free char *script = NULL;
	int stage = store_stage(b->store, err);

	if (stage < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		targets[i] = (struct stub_target){.path = wanted[i].path,
						  .directory = wanted[i].directory};
	for (int i = 0; i < 3; i++)
		targets[count++] = (struct stub_target){.path = etc_paths[i] + 1};
	if (s->run.script != NULL) {
		script = xprintf("%s/%s", SCRIPT_DIRECTORY, s->run.script->name);
		targets[count++] = (struct stub_target){.path = script,
							.data = s->run.script->data,
							.length = s->run.script->length,
							.mode = 0755};
	}
	count += step_mounts_targets(e, targets + count);
	stub_release(&b->facts.stub);
	return stub_make(root, stage, targets, count, &b->facts.stub, err);
}

/* Is there nothing that leads from /etc to a place that facts_hold() does not look at? */
static bool accounts_are_plain(const struct stack *root)
{
	static const char *const paths[] = {"etc", "etc/passwd", "etc/group"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct error missing = ERROR_INIT;
		struct stat st;
		size_t tree;

		if (stack_stat(root, paths[i], false, &st, &tree, &missing) == 0 &&
		    S_ISLNK(st.st_mode))
			return false;
	}
	return true;
}

static int learn_facts(struct execution *e, const struct stack *root, struct error *err)
{
	struct build *b = e->build;
	const struct step *s = e->step;
	struct root_facts *f = &b->facts;
	bool hold = facts_hold(b, s);

	f->step = NULL;
	if (step_mounts_resolve(e, root, err) < 0)
		return -1;
	if (!hold && make_stub(b, e, root, err) < 0)
		return -1;
	if (!hold || f->user_text == NULL || strcmp(f->user_text, s->run.user) != 0) {
		user_release(&f->user);
		f->user_text = NULL;
		if (user_resolve(root, s->run.user, &f->user, err) < 0)
			return -1;
		if (accounts_are_plain(root))
			f->user_text = s->run.user;
	}
	if (!needs_own_stub(s))
		f->step = s;
	return 0;
}

/* --- environment --------------------------------------------------------------------------- */

/* The first as written; by now they are sorted by target. */
static const struct run_mount *first_agent(const struct run_spec *run)
{
	const struct run_mount *first = NULL;

	for (const struct run_mount *m = run->mounts; m < run->mounts + run->mount_count; m++)
		if (m->type == MOUNT_SSH && (first == NULL || m->at.start < first->at.start))
			first = m;
	return first;
}

static char **environment(const struct build *b, const struct run_spec *run, const char *home)
{
	size_t count = run->env.count + run->proxy.count + run->mount_count, at = 0;
	char **env = xcalloc(count + 3, sizeof(char *));
	const struct run_mount *agent = first_agent(run);
	bool has_home = false, has_agent = false;

	for (size_t i = 0; i < run->env.count; i++) {
		env[at++] = xstrdup(run->env.item[i]);
		has_home = has_home || strncmp(run->env.item[i], "HOME=", 5) == 0;
		has_agent = has_agent || strncmp(run->env.item[i], "SSH_AUTH_SOCK=", 14) == 0;
	}
	for (size_t i = 0; i < run->proxy.count; i++)
		env[at++] = xstrdup(run->proxy.item[i]);
	if (!has_home)
		env[at++] = xprintf("HOME=%s", home);
	for (size_t i = 0; i < run->mount_count; i++) {
		const struct build_secret *secret = step_mounts_secret(b, &run->mounts[i]);

		if (secret != NULL && run->mounts[i].env != NULL)
			env[at++] = xprintf("%s=%.*s", run->mounts[i].env, (int)secret->length,
					    (const char *)secret->data);
	}
	if (agent != NULL && !has_agent)
		env[at++] = xprintf("SSH_AUTH_SOCK=%s", agent->target);
	return env;
}

static char **arguments(const struct run_spec *run)
{
	char **argv = xcalloc(run->argv.count + 1, sizeof(char *));

	for (size_t i = 0; i < run->argv.count; i++)
		argv[i] = xstrdup(run->argv.item[i]);
	return argv;
}

static void free_list(char **list)
{
	for (char **at = list; *at != NULL; at++)
		free(*at);
	free(list);
}

/* --- the program --------------------------------------------------------------------------- */

static void describe_failure(struct execution *e, int status, struct error *err)
{
	struct build *b = e->build;

	if (WIFSIGNALED(status)) {
		b->exit_status = 128 + WTERMSIG(status);
		error_set(err, ERROR_CHILD, "%s: %s was killed by signal %d (%s)", e->step->place,
			  insn_name(e->step->insn->kind), WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	} else {
		b->exit_status = WEXITSTATUS(status);
		error_set(err, ERROR_CHILD, "%s: %s exited with status %d", e->step->place,
			  insn_name(e->step->insn->kind), WEXITSTATUS(status));
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		error_hint(err, "the kernel kills programs when memory runs out; see dmesg");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		error_hint(err, "127 usually means that a command was not found in the image");
}

static void discard_or_seal(struct execution *e)
{
	auto_(lowers) struct lowers below = {.fd = NULL};
	struct error err = ERROR_INIT;

	if (e->build->options->volume_writes != VOLUME_DISCARD || e->step->volume_count == 0) {
		step_finished(e);
		return;
	}
	e->state = STEP_PRUNING;
	if (trees_below(e->build, e->step, &below, &err) < 0 || start_discard(e, &below, &err) < 0)
		step_fail(e, &err);
}

static void program_ended(void *user)
{
	struct execution *e = user;
	struct build *b = e->build;
	struct sandbox_result result;
	struct error err = ERROR_INIT;
	int status;

	loop_unwatch(b->loop, sandbox_fd(e->box));
	status = sandbox_finish(e->box, &result, &err);
	/* Nothing of the sandbox can write any more, so what is in the pipe is all there is. */
	step_output_end(e);
	step_mounts_release(e);
	b->leaving = xgrow(b->leaving, b->leaving_count, sizeof(struct sandbox *));
	b->leaving[b->leaving_count++] = steal(e->box);
	if (status == 0 && (!WIFEXITED(result.wait_status) || WEXITSTATUS(result.wait_status) != 0))
		describe_failure(e, result.wait_status, &err);
	else if (status < 0)
		error_add(&err, "%s", e->step->place);
	if (err.code != ERROR_NONE)
		step_fail(e, &err);
	else
		discard_or_seal(e);
}

static struct sandbox_limit *limits_of(const struct build *b)
{
	const struct build_options *o = b->options;
	struct sandbox_limit *limits = xcalloc(o->limit_count, sizeof(*limits));

	for (size_t i = 0; i < o->limit_count; i++)
		limits[i] = (struct sandbox_limit){.resource = o->limits[i].resource,
						   .soft = o->limits[i].soft,
						   .hard = o->limits[i].hard};
	return limits;
}

static int start_sandbox(struct execution *e, const struct lowers *lowers, int work, int output,
			 struct error *err)
{
	struct build *b = e->build;
	const struct user *user = &b->facts.user;
	const struct run_spec *run = &e->step->run;
	auto_free struct sandbox_mount *mounts = xcalloc(3 + run->mount_count, sizeof(*mounts));
	auto_free struct sandbox_limit *limits = limits_of(b);
	char **argv = arguments(run), **env = environment(b, run, user->home);
	struct sandbox_spec spec = {
		.root = {.lower = lowers->fd,
			 .count = lowers->count,
			 .upper = e->upper,
			 .work = work,
			 .userxattr = store_userxattr(b->store),
			 .volatile_upper = true},
		.argv = argv,
		.envp = env,
		.cwd = run->cwd,
		.uid = user->uid,
		.gid = user->gid,
		.groups = user->groups,
		.group_count = user->group_count,
		.hostname = hostname(b),
		.network = run->network == BUILD_NETWORK_NONE ? SANDBOX_JOIN_NETWORK
							      : SANDBOX_HOST_NETWORK,
		.netns = b->netns,
		.mounts = mounts,
		.input = -1,
		.output = output,
		.error = output,
		.capabilities = run->insecure ? UINT64_MAX : SANDBOX_CAPABILITIES,
		.unconfined = run->insecure,
		.shm_size = b->options->shm_size,
		.limits = limits,
		.limit_count = b->options->limit_count,
		.new_session = true,
	};

	for (int i = 0; i < 3; i++)
		mounts[i] = (struct sandbox_mount){.kind = SANDBOX_BIND,
						   .source = b->etc[i],
						   .target = etc_paths[i],
						   .read_only = true};
	spec.mount_count = 3 + step_mounts_fill(e, mounts + 3);
	e->box = sandbox_start(&spec, err);
	free_list(argv);
	free_list(env);
	return e->box != NULL ? 0 : -1;
}

/* The stub layer goes on top of the others. */
static void add_stub(const struct build *b, const struct lowers *below, struct lowers *out)
{
	bool stub = b->facts.stub.fd >= 0;

	out->count = below->count + stub;
	out->fd = xcalloc(out->count + 1, sizeof(int));
	if (stub)
		out->fd[0] = b->facts.stub.fd;
	if (below->count > 0)
		memcpy(out->fd + stub, below->fd, below->count * sizeof(int));
}

/* One for all steps of the build, so that its cost is paid once. */
static int make_network(struct build *b, const struct run_spec *run, struct error *err)
{
	if (run->network == BUILD_NETWORK_NONE && b->netns < 0)
		b->netns = sandbox_new_network(err);
	return run->network == BUILD_NETWORK_NONE && b->netns < 0 ? -1 : 0;
}

int start_run(struct execution *e, const struct lowers *below, struct error *err)
{
	struct build *b = e->build;
	struct stack stack = lowers_stack(b, below);
	auto_(lowers) struct lowers lowers = {.fd = NULL};
	auto_fd int work = -1, output = -1;

	if (make_network(b, &e->step->run, err) < 0 || make_etc(b, err) < 0 ||
	    learn_facts(e, &stack, err) < 0 || make_upper(e, below, &work, err) < 0)
		return -1;
	add_stub(b, below, &lowers);
	output = step_output_begin(e, err);
	if (output < 0)
		return -1;
	if (start_sandbox(e, &lowers, work, output, err) < 0)
		return -1;
	return loop_watch(b->loop, sandbox_fd(e->box), program_ended, e, err);
}
