/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCE_DATE_EPOCH: a number, or what is the newest in a context. */
#include "builder/plan.h"

#include "builder/walk.h"
#include "common/job.h"

#include <string.h>

struct newest {
	const struct context *context;
	int64_t time; /* -1: no file */
};

/* Directories get the time of their last change, which is often that of a checkout. */
static int look(void *user, const struct walk_entry *entry, bool leaving, struct error *err)
{
	struct newest *n = user;

	(void)err;
	if (!leaving && !S_ISDIR(entry->st.st_mode) && entry->st.st_mtim.tv_sec > n->time)
		n->time = entry->st.st_mtim.tv_sec;
	return 0;
}

static int newest_work(void *arg, struct buf *result, struct error *err)
{
	struct newest *n = arg;
	const struct walk_options options = {.root = n->context->fd, .ignore = n->context->ignore};

	if (walk_tree(&options, "", ".", look, n, err) < 0)
		return -1;
	buf_add(result, &n->time, sizeof(n->time));
	return 0;
}

static int newest_of(const struct context *c, const char *name, int64_t *out, struct error *err)
{
	struct newest n = {.context = c, .time = -1};
	auto_(buf) struct buf result = BUF_INIT;

	if (c->fd < 0) {
		error_set(err, ERROR_USAGE, "SOURCE_DATE_EPOCH=%s: this build has no context",
			  name);
		return error_hint(err, "give a directory as the context");
	}
	if (job_run("looking for the newest file", newest_work, &n, &result, err) < 0)
		return error_add(err, "SOURCE_DATE_EPOCH=%s", name);
	memcpy(out, result.data, sizeof(*out));
	if (*out < 0)
		return error_set(err, ERROR_NOT_FOUND,
				 "SOURCE_DATE_EPOCH=%s: this context has no file whose time could "
				 "be taken",
				 name);
	return 0;
}

int plan_epoch(struct plan *p, struct error *err)
{
	const char *text = p->options->epoch_of;
	const struct context *c;
	char *end;
	long long value;

	p->epoch = p->options->epoch;
	if (text == NULL)
		text = scope_get(&p->globals, "SOURCE_DATE_EPOCH");
	if (p->epoch >= 0 || text == NULL || *text == '\0')
		return 0;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end == '\0' && value >= 0 && errno == 0) {
		p->epoch = value;
		return 0;
	}
	if (strcmp(text, "context") == 0)
		return newest_of(&p->context, text, &p->epoch, err);
	c = plan_context_directory(p, text, err);
	if (c != NULL)
		return newest_of(c, text, &p->epoch, err);
	if (err->code != ERROR_NONE)
		return error_add(err, "SOURCE_DATE_EPOCH=%s", text);
	error_set(err, ERROR_USAGE, "SOURCE_DATE_EPOCH=%s is no number of seconds", text);
	return error_hint(err, "\"context\" or the name of a --build-context takes the time of the "
			       "newest file there");
}
