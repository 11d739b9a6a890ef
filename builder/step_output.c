/* SPDX-License-Identifier: Apache-2.0 */
/* What a program prints: without the values of its secrets, to the log, the tail and the events. */
#include "builder/run.h"
#include "builder/step_mounts.h"

#include "builder/secret.h"

#include <string.h>

enum { OUTPUT_CHUNK = 32 * 1024 };

static void keep_tail(struct execution *e, const char *data, size_t length)
{
	if (length >= TAIL_BYTES) {
		memcpy(e->tail, data + length - TAIL_BYTES, TAIL_BYTES);
		e->tail_length = TAIL_BYTES;
		return;
	}
	if (e->tail_length + length > TAIL_BYTES) {
		size_t drop = e->tail_length + length - TAIL_BYTES;

		memmove(e->tail, e->tail + drop, e->tail_length - drop);
		e->tail_length -= drop;
	}
	memcpy(e->tail + e->tail_length, data, length);
	e->tail_length += length;
}

static void tell(struct execution *e, const char *data, size_t length)
{
	if (length == 0)
		return;
	keep_tail(e, data, length);
	log_output(e, data, length);
	step_event(e, (struct event){.kind = EVENT_STEP_OUTPUT, .text = data, .length = length});
}

/* Passes on what is in the pipe; false when it is empty or at its end. */
static bool pump_once(struct execution *e)
{
	auto_(buf) struct buf clean = BUF_INIT;
	char chunk[OUTPUT_CHUNK];
	ssize_t n = read(e->output, chunk, sizeof(chunk));

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	if (e->redactor == NULL) {
		tell(e, chunk, (size_t)n);
		return true;
	}
	redactor_feed(e->redactor, chunk, (size_t)n, &clean);
	tell(e, clean.data, clean.length);
	return true;
}

static void output_ready(void *user)
{
	struct execution *e = user;

	if (!pump_once(e))
		loop_unwatch(e->build->loop, e->output);
}

static struct redactor *step_redactor(const struct execution *e)
{
	const struct run_spec *run = &e->step->run;
	auto_free const struct build_secret **secrets = xcalloc(run->mount_count, sizeof(*secrets));
	size_t count = 0;

	for (size_t i = 0; i < run->mount_count; i++) {
		secrets[count] = step_mounts_secret(e->build, &run->mounts[i]);
		count += secrets[count] != NULL;
	}
	return redactor_new(secrets, count);
}

int step_output_begin(struct execution *e, struct error *err)
{
	auto_fd int write_end = -1;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "creating a pipe");
	e->output = ends[0];
	write_end = ends[1];
	if (fcntl(e->output, F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, "setting up a pipe");
	if (loop_watch(e->build->loop, e->output, output_ready, e, err) < 0)
		return -1;
	if (e->step->run.mount_count > 0)
		e->redactor = step_redactor(e);
	return steal_fd(&write_end);
}

void step_output_end(struct execution *e)
{
	auto_(buf) struct buf rest = BUF_INIT;

	if (e->output < 0)
		return;
	while (pump_once(e))
		continue;
	if (e->redactor != NULL)
		redactor_flush(e->redactor, &rest);
	tell(e, rest.data, rest.length);
	redactor_free(e->redactor);
	e->redactor = NULL;
	loop_unwatch(e->build->loop, e->output);
	cleanup_fd(&e->output);
}
