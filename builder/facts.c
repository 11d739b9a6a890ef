/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/facts.h"

#include "builder/step_mounts.h"

#include <string.h>

/* A stub layer that holds more than every step needs is for one step alone. */
static bool needs_own_stub(const struct step *s)
{
	return s->run.script != NULL || s->run.mount_count > 0;
}

bool facts_serve(const struct root_facts *f, const struct step *s)
{
	return !f->own && !needs_own_stub(s) && f->user_text != NULL &&
	       strcmp(f->user_text, s->run.user) == 0;
}

/* Whether the step before left alone what the facts were read from. */
static bool hold(const struct execution *before, const struct step *s)
{
	static const char *const tops[] = {"proc", "sys", "dev", "etc"};

	if (before == NULL || before->upper < 0 || before->facts == NULL || before->facts->own ||
	    needs_own_stub(s))
		return false;
	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++)
		if (faccessat(before->upper, tops[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return false;
	return true;
}

static int make_stub(const struct execution *e, const struct stack *root, struct stub *out,
		     struct error *err)
{
	const struct step *s = e->step;
	size_t count;
	const struct sandbox_target *wanted = sandbox_targets(&count);
	auto_free struct stub_target *targets =
		xcalloc(count + ETC_FILES + 1 + s->run.mount_count, sizeof(*targets));
	auto_free char *script = NULL;
	int stage = store_stage(e->build->store, err);

	if (stage < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		targets[i] = (struct stub_target){.path = wanted[i].path,
						  .directory = wanted[i].directory};
	for (int i = 0; i < ETC_FILES; i++)
		targets[count++] = (struct stub_target){.path = etc_paths[i] + 1};
	if (s->run.script != NULL) {
		script = xprintf("%s/%s", SCRIPT_DIRECTORY, s->run.script->name);
		targets[count++] = (struct stub_target){.path = script,
							.data = s->run.script->data,
							.length = s->run.script->length,
							.mode = 0755};
	}
	count += step_mounts_targets(e, targets + count);
	return stub_make(root, stage, targets, count, out, err);
}

/* Is there nothing that leads from /etc to a place that hold() does not look at? */
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

static int find_user(struct root_facts *f, const struct step *s, const struct stack *root,
		     struct error *err)
{
	user_release(&f->user);
	f->user = (struct user){.uid = 0};
	f->user_text = NULL;
	if (user_resolve(root, s->run.user, &f->user, err) < 0)
		return -1;
	if (accounts_are_plain(root))
		f->user_text = s->run.user;
	return 0;
}

int facts_learn(struct execution *e, const struct stack *root, bool *same_user, struct error *err)
{
	const struct step *s = e->step;
	struct execution *before =
		s->previous != NULL ? &e->build->steps[s->previous->number - 1] : NULL;

	*same_user = false;
	if (hold(before, s)) {
		e->facts = steal(before->facts);
		*same_user = facts_serve(e->facts, s);
		return *same_user ? 0 : find_user(e->facts, s, root, err);
	}
	e->facts = xcalloc(1, sizeof(*e->facts));
	*e->facts = (struct root_facts){.stub = STUB_INIT, .own = needs_own_stub(s)};
	if (make_stub(e, root, &e->facts->stub, err) < 0)
		return -1;
	return find_user(e->facts, s, root, err);
}

void facts_free(struct root_facts *f)
{
	if (f == NULL)
		return;
	stub_release(&f->stub);
	user_release(&f->user);
	free(f);
}
