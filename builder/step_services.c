/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of a RUN that outlive its build or live beside it: caches and agents. */
#include "builder/step_mounts.h"

#include <string.h>

enum store_sharing mount_sharing(const struct run_mount *spec)
{
	static const enum store_sharing sharing[] = {STORE_MOUNT_SHARED, STORE_MOUNT_PRIVATE,
						     STORE_MOUNT_LOCKED};

	return sharing[spec->sharing];
}

/* BuildKit's rules: a cache is filled from one source, so another content of that is another cache;
   owner and mode are part of what it is filled with, unless that is a directory which has its own.
 */
static void cache_id(const struct execution *e, const struct run_mount *spec, struct digest *id)
{
	const struct build_options *o = e->build->options;
	auto_(buf) struct buf text = BUF_INIT;
	char from[DIGEST_TEXT_SIZE];
	const char *space = "";

	for (size_t i = 0; i < o->arg_count; i++)
		if (strcmp(o->args[i].name, "BUILDKIT_CACHE_MOUNT_NS") == 0)
			space = o->args[i].value;
	buf_printf(&text, "mount %s\n%s\n", space, spec->id);
	if (spec->has_from) {
		id_of_root(e, &spec->from, id);
		buf_printf(&text, "from %s %s\n", digest_text(id, from), spec->source);
	}
	if (!spec->has_from || *spec->source == '\0')
		buf_printf(&text, "owner %04o %u:%u\n", (unsigned int)spec->mode,
			   (unsigned int)spec->uid, (unsigned int)spec->gid);
	digest_of(text.data, text.length, id);
}

static int open_cache(const struct execution *e, const struct run_mount *spec, bool wait, int *lock,
		      bool *fresh, struct error *err)
{
	struct digest id;

	cache_id(e, spec, &id);
	return store_mount_open(e->build->store, &id, mount_sharing(spec), wait, lock, fresh, err);
}

struct wait_job {
	const struct execution *e;
	const struct run_mount *spec;
};

static int wait_work(void *arg, struct buf *result, struct error *err)
{
	const struct wait_job *w = arg;
	auto_fd int lock = -1, fd = -1;
	bool fresh;

	(void)result;
	fd = open_cache(w->e, w->spec, true, &lock, &fresh, err);
	return fd < 0 ? -1 : 0;
}

/* A step that has to wait for one cache holds no other, or two of them could wait for each other.
 */
static int wait_for_cache(struct execution *e, const struct mount *busy, struct error *err)
{
	struct wait_job w = {.e = e, .spec = busy->spec};

	for (size_t i = 0; i < e->mounts->count; i++)
		if (e->mounts->item[i].spec->type == MOUNT_CACHE)
			mount_forget(&e->mounts->item[i]);
	e->job = job_start(e->build->loop, "waiting for a cache mount", wait_work, &w,
			   mount_job_ended, e, err);
	return e->job != NULL ? 0 : -1;
}

/* A step that mounts the same cache twice shares it with itself, however it shares it with others;
   else it would wait for itself. */
static const struct mount *find_same_cache(const struct execution *e, const struct mount *m)
{
	struct digest wanted, id;

	cache_id(e, m->spec, &wanted);
	for (const struct mount *other = e->mounts->item; other < m; other++) {
		if (other->spec->type != MOUNT_CACHE)
			continue;
		cache_id(e, other->spec, &id);
		if (digest_equal(&id, &wanted))
			return other;
	}
	return NULL;
}

static int use_same_cache(struct mount *m, const struct mount *same, struct error *err)
{
	m->fd = fcntl(same->fd, F_DUPFD_CLOEXEC, 0);
	m->directory = m->ready = true;
	return m->fd >= 0 ? 1 : error_sys(err, "keeping a cache mount");
}

int mount_prepare_cache(struct execution *e, struct mount *m, struct error *err)
{
	const struct mount *same = find_same_cache(e, m);
	const struct run_mount *spec = m->spec;
	auto_(lowers) struct lowers lowers = {.fd = NULL};
	struct error busy = ERROR_INIT;
	bool fresh = false;
	int status = 1;

	if (same != NULL)
		return use_same_cache(m, same, err);
	if (spec->has_from && spec->from.kind != FROM_CONTEXT)
		status = trees_of_root(e->build, &spec->from, &lowers, err);
	if (status <= 0)
		return status;
	m->fd = open_cache(e, spec, false, &m->lock, &fresh, &busy);
	if (m->fd < 0 && busy.code == ERROR_EXISTS)
		return wait_for_cache(e, m, err);
	if (m->fd < 0) {
		*err = busy;
		return -1;
	}
	m->directory = m->ready = true;
	if (!fresh)
		return 1;
	if (fchown(m->fd, spec->uid, spec->gid) < 0 || fchmod(m->fd, spec->mode) < 0)
		return error_sys(err, "setting owner and mode of a cache mount");
	if (spec->has_from)
		return mount_fill(e, spec, &lowers, m->fd, m->lock, err);
	return store_mount_ready(m->fd, m->lock, mount_sharing(spec), err) < 0 ? -1 : 1;
}

static const struct build_ssh *find_ssh(const struct build_options *o, const char *id)
{
	for (size_t i = 0; i < o->ssh_count; i++)
		if (strcmp(o->ssh[i].id, id) == 0)
			return &o->ssh[i];
	return NULL;
}

int mount_prepare_ssh(struct execution *e, struct mount *m, struct error *err)
{
	const struct run_mount *spec = m->spec;
	const struct build_ssh *ssh = find_ssh(e->build->options, spec->id);
	int stage, status;

	m->absent = m->ready = ssh == NULL;
	if (m->absent)
		return 1;
	stage = store_stage(e->build->store, err);
	if (stage < 0)
		return -1;
	if (m->agent == NULL)
		m->agent = agent_start(e->build->loop, stage, ssh, spec->mode, spec->uid, spec->gid,
				       err);
	status = m->agent == NULL ? -1 : agent_status(m->agent, err);
	if (status <= 0)
		return status;
	m->fd = fcntl(agent_socket(m->agent), F_DUPFD_CLOEXEC, 0);
	m->ready = true;
	return m->fd >= 0 ? 1 : error_sys(err, "keeping the socket of an agent");
}
