/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/subid.h"

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/fd.h"

#include <errno.h>
#include <string.h>

/* Digits only, at least one, at most UINT32_MAX; ends at stop. Returns what follows, or NULL. */
static const char *parse_number(const char *at, const char *stop, uint32_t *out)
{
	const char *start = at;
	uint64_t value = 0;

	for (; at < stop && *at >= '0' && *at <= '9'; at++) {
		value = value * 10 + (uint64_t)(*at - '0');
		if (value > UINT32_MAX)
			return NULL;
	}
	*out = (uint32_t)value;
	return at > start ? at : NULL;
}

static bool names_user(const char *field, size_t length, const char *name, uid_t uid)
{
	uint32_t number;

	if (name != NULL && strlen(name) == length && memcmp(field, name, length) == 0)
		return true;
	return parse_number(field, field + length, &number) == field + length && number == uid;
}

static void parse_line(const char *line, const char *end, const char *name, uid_t uid,
		       struct subid *out)
{
	const char *colon = memchr(line, ':', (size_t)(end - line));
	struct subid_range range;
	const char *at;

	if (colon == NULL || !names_user(line, (size_t)(colon - line), name, uid))
		return;
	at = parse_number(colon + 1, end, &range.first);
	if (at == NULL || at == end || *at != ':')
		return;
	at = parse_number(at + 1, end, &range.count);
	if (at != end || range.count == 0 || (uint64_t)range.first + range.count > UINT32_MAX)
		return;
	if (out->ranges < SUBID_RANGES_MAX)
		out->range[out->ranges++] = range;
}

void subid_parse(const char *text, const char *name, uid_t uid, struct subid *out)
{
	*out = (struct subid){.ranges = 0};
	while (*text != '\0') {
		const char *end = text + strcspn(text, "\n");

		parse_line(text, end, name, uid, out);
		text = end + (*end == '\n');
	}
}

int subid_read(const char *path, const char *name, uid_t uid, struct subid *out, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	*out = (struct subid){.ranges = 0};
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_sys(err, "%s", path);
	if (read_all(fd, SUBID_FILE_MAX, &text, err) < 0)
		return error_add(err, "%s", path);
	subid_parse(text.data, name, uid, out);
	return 0;
}

uint64_t subid_total(const struct subid *s)
{
	uint64_t total = 0;

	for (size_t i = 0; i < s->ranges; i++)
		total += s->range[i].count;
	return total;
}
