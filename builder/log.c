/* SPDX-License-Identifier: Apache-2.0 */
/* The whole output of a build's programs, kept in the store's logs/ and never clipped. */
#include "builder/run.h"

#include <string.h>
#include <time.h>

static int open_log(struct build *b, struct error *err)
{
	auto_fd int logs = mkdirs(store_root(b->store), "logs", 0700, err);
	char random[RANDOM_NAME_SIZE], stamp[32];
	time_t now = time(NULL);
	struct tm utc;

	if (logs < 0)
		return -1;
	random_name(random);
	gmtime_r(&now, &utc);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
	snprintf(b->log_name, sizeof(b->log_name), "%s-%.8s.log", stamp, random);
	return open_child(logs, b->log_name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600, err);
}

/* A log that cannot be written must not fail a build that otherwise works: the output has been
   shown. The warning is given once. */
static void give_up(struct build *b, const struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	char cause[ERROR_TEXT];

	error_format(err, cause, sizeof(cause));
	buf_printf(&text, "the output is not kept on disk: %s", cause);
	event_emit(b->options->sink, &(struct event){.kind = EVENT_WARNING, .text = text.data});
	b->log_failed = true;
	cleanup_fd(&b->log);
	b->log_name[0] = '\0';
}

void log_output(struct execution *e, const char *data, size_t length)
{
	struct build *b = e->build;
	auto_(buf) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	if (b->log_failed)
		return;
	if (b->log < 0)
		b->log = open_log(b, &err);
	if (b->log_step != e->step->number)
		buf_printf(&text, "%s== #%d %s\n", b->log_step != 0 ? "\n" : "", e->step->number,
			   e->step->label);
	b->log_step = e->step->number;
	buf_add(&text, data, length);
	if (b->log < 0 || write_all(b->log, text.data, text.length, &err) < 0)
		give_up(b, &err);
}
