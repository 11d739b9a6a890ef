/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON document a line, as varve(1) describes them. */
#include "cli/progress_view.h"

#include "common/arena.h"
#include "layers/json.h"
#include "layers/json_scan.h"

#include <string.h>

static const char *const kind_names[] = {
	[EVENT_STEP_START] = "start",   [EVENT_STEP_CACHED] = "cached",
	[EVENT_STEP_OUTPUT] = "output", [EVENT_STEP_DONE] = "done",
	[EVENT_STEP_PACKED] = "packed", [EVENT_STEP_FAILED] = "failed",
	[EVENT_STATUS] = "status",      [EVENT_NOTE] = "note",
	[EVENT_WARNING] = "warning",
};

static char *base64(const unsigned char *data, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	auto_(buf) struct buf out = BUF_INIT;

	for (size_t i = 0; i < length; i += 3) {
		unsigned bits = (unsigned)data[i] << 16;

		bits |= i + 1 < length ? (unsigned)data[i + 1] << 8 : 0;
		bits |= i + 2 < length ? data[i + 2] : 0;
		buf_add_char(&out, digits[bits >> 18]);
		buf_add_char(&out, digits[bits >> 12 & 63]);
		buf_add_char(&out, i + 1 < length ? digits[bits >> 6 & 63] : '=');
		buf_add_char(&out, i + 2 < length ? digits[bits & 63] : '=');
	}
	return buf_steal(&out);
}

/* How many bytes at the end are the beginning of a character that may be completed. */
static size_t cut_at_end(const unsigned char *data, size_t length)
{
	for (size_t back = 1; back <= 3 && back <= length; back++) {
		unsigned char c = data[length - back];
		size_t wanted = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;

		if ((c & 0xc0) != 0x80)
			return wanted > back ? back : 0;
	}
	return 0;
}

static bool is_text(const unsigned char *data, size_t length)
{
	while (length > 0) {
		size_t used = *data < 0x80 ? *data != 0 : json_utf8_length(data, length);

		if (used == 0)
			return false;
		data += used;
		length -= used;
	}
	return true;
}

/* Every byte gets through: what is not text goes as base64. */
static void add_bytes(struct json *o, const char *data, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)data;

	if (is_text(bytes, length)) {
		auto_free char *text = xstrndup(data, length);

		json_add_string(o, "text", text);
	} else {
		auto_free char *text = base64(bytes, length);

		json_add_string(o, "base64", text);
	}
}

static struct json *begin(const struct event *e, const char *kind)
{
	struct json *o = json_new_object();

	json_add_string(o, "event", kind);
	json_add_number(o, "at_us", (int64_t)e->at);
	if (e->step > 0) {
		json_add_number(o, "step", e->step);
		json_add_number(o, "steps", e->steps);
		json_add_string(o, "label", e->label);
	}
	return o;
}

static void end(struct progress *p, const struct json *o)
{
	json_render(o, false, &p->out);
	buf_add_char(&p->out, '\n');
}

/* last: no more will come. */
static void add_output(struct progress *p, const struct event *e, bool last)
{
	struct progress_step *s = &p->steps[e->step];
	auto_(json) struct json *o = NULL;
	auto_(buf) struct buf data = BUF_INIT;
	size_t keep;

	buf_add(&data, s->cut, s->cut_length);
	if (!last)
		buf_add(&data, e->text, e->length);
	keep = last ? 0 : cut_at_end((const unsigned char *)data.data, data.length);
	s->cut_length = keep;
	memcpy(s->cut, data.data + data.length - keep, keep);
	buf_truncate(&data, data.length - keep);
	if (data.length == 0)
		return;
	o = begin(e, kind_names[EVENT_STEP_OUTPUT]);
	add_bytes(o, data.data, data.length);
	end(p, o);
}

static void add_layer(struct json *o, const struct event *e)
{
	json_add_number(o, "added", (int64_t)e->added);
	json_add_number(o, "modified", (int64_t)e->modified);
	json_add_number(o, "removed", (int64_t)e->removed);
	json_add_number(o, "bytes", (int64_t)e->bytes);
	if (e->kind == EVENT_STEP_CACHED)
		return;
	json_add_number(o, "repeated_bytes", (int64_t)e->repeated);
	if (e->digest != NULL)
		json_add_string(o, "diff_id", e->digest);
	else
		json_add_null(o, "diff_id");
	json_add_bool(o, "same", e->same);
}

void json_event(struct progress *p, const struct event *e)
{
	auto_(json) struct json *o = NULL;

	if (e->kind == EVENT_STEP_OUTPUT) {
		add_output(p, e, false);
		return;
	}
	if (e->kind == EVENT_STEP_DONE || e->kind == EVENT_STEP_FAILED)
		add_output(p, e, true);
	o = begin(e, kind_names[e->kind]);
	if (e->text != NULL)
		json_add_string(o, "text", e->text);
	if (e->kind == EVENT_STEP_DONE || e->kind == EVENT_STEP_FAILED)
		json_add_number(o, "duration_us", (int64_t)e->duration);
	if (e->kind == EVENT_STEP_PACKED || e->kind == EVENT_STEP_CACHED)
		add_layer(o, e);
	end(p, o);
}
