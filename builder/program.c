/* SPDX-License-Identifier: Apache-2.0 */
/* RUN: one program in a sandbox over the step's layers. */
#include "builder/run.h"
#include "builder/step_mounts.h"

#include <string.h>
#include <sys/wait.h>

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

static void leave(struct build *b, struct sandbox *box)
{
	b->leaving = xgrow(b->leaving, b->leaving_count, sizeof(struct sandbox *));
	b->leaving[b->leaving_count++] = box;
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
	leave(b, steal(e->box));
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

/* Makes the sandbox of a step, for now without its root, as this user. */
static int make_sandbox(struct execution *e, const struct user *user, struct error *err)
{
	struct build *b = e->build;
	const struct run_spec *run = &e->step->run;
	auto_free struct sandbox_mount *mounts =
		xcalloc(ETC_FILES + run->mount_count, sizeof(*mounts));
	auto_free struct sandbox_limit *limits = limits_of(b);
	auto_fd int output = step_output_begin(e, err);
	char **argv = arguments(run), **env = environment(b, run, user->home);
	struct sandbox_spec spec = {
		.root = {.volatile_upper = true},
		.argv = argv,
		.envp = env,
		.cwd = run->cwd,
		.uid = user->uid,
		.gid = user->gid,
		.groups = user->groups,
		.group_count = user->group_count,
		.hostname = etc_hostname(b),
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

	for (int i = 0; i < ETC_FILES; i++)
		mounts[i] = (struct sandbox_mount){.kind = SANDBOX_BIND,
						   .source = b->etc[i],
						   .target = etc_paths[i],
						   .read_only = true};
	spec.mount_count = ETC_FILES + step_mounts_fill(e, mounts + ETC_FILES);
	e->spare.box = output >= 0 ? sandbox_prepare(&spec, err) : NULL;
	free_list(argv);
	free_list(env);
	return e->spare.box != NULL ? 0 : -1;
}

void spare_drop(struct execution *e)
{
	cleanup_fd(&e->spare.upper);
	cleanup_fd(&e->spare.work);
	if (e->spare.box == NULL)
		return;
	sandbox_kill(e->spare.box);
	step_output_end(e);
	leave(e->build, steal(e->spare.box));
}

/* One for all steps of the build, so that its cost is paid once. */
static int make_network(struct build *b, const struct run_spec *run, struct error *err)
{
	if (run->network == BUILD_NETWORK_NONE && b->netns < 0)
		b->netns = sandbox_new_network(err);
	return run->network == BUILD_NETWORK_NONE && b->netns < 0 ? -1 : 0;
}

/* The next step will most probably be a program of the same user: its sandbox is made while this
   one runs. What goes wrong with it is told when its turn comes. */
static void make_next(const struct execution *e)
{
	const struct stage_plan *stage = e->step->stage;
	struct build *b = e->build;
	struct error ignored = ERROR_INIT;
	struct execution *next = NULL;

	for (size_t i = 1; i < stage->step_count; i++)
		if (stage->steps[i]->previous == e->step)
			next = &b->steps[stage->steps[i]->number - 1];
	if (next == NULL || next->step->kind != STEP_RUN || next->state != STEP_WAITING ||
	    !facts_serve(e->facts, next->step) || make_network(b, &next->step->run, &ignored) < 0)
		return;
	if (make_sandbox(next, &e->facts->user, &ignored) < 0)
		step_output_end(next);
	else if (make_spare_upper(next, &ignored) < 0)
		spare_drop(next);
}

/* The stub layer goes on top of the others. */
static void add_stub(const struct stub *stub, const struct lowers *below, struct lowers *out)
{
	out->fd = xcalloc(below->count + 2, sizeof(int));
	if (stub->fd >= 0)
		out->fd[out->count++] = stub->fd;
	for (size_t i = 0; i < below->count; i++)
		out->fd[out->count++] = below->fd[i];
}

static int enter(struct execution *e, const struct lowers *below, int work, struct error *err)
{
	auto_(lowers) struct lowers lowers = {.fd = NULL};
	struct overlay_spec root = {
		.upper = e->upper,
		.work = work,
		.userxattr = store_userxattr(e->build->store),
		.volatile_upper = true,
	};

	add_stub(&e->facts->stub, below, &lowers);
	root.lower = lowers.fd;
	root.count = lowers.count;
	e->box = steal(e->spare.box);
	if (sandbox_enter(e->box, &root, err) == 0)
		return 0;
	sandbox_free(steal(e->box));
	return -1;
}

int start_run(struct execution *e, const struct lowers *below, struct error *err)
{
	struct build *b = e->build;
	struct stack stack = lowers_stack(b, below);
	auto_fd int work = -1;
	bool same_user;

	if (make_network(b, &e->step->run, err) < 0 || etc_make(b, err) < 0 ||
	    step_mounts_resolve(e, &stack, err) < 0 ||
	    facts_learn(e, &stack, &same_user, err) < 0 || make_upper(e, below, &work, err) < 0)
		return -1;
	if (!same_user)
		spare_drop(e);
	if ((e->spare.box == NULL && make_sandbox(e, &e->facts->user, err) < 0) ||
	    enter(e, below, work, err) < 0 ||
	    loop_watch(b->loop, sandbox_fd(e->box), program_ended, e, err) < 0)
		return -1;
	make_next(e);
	return 0;
}
