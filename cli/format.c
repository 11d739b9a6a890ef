/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/format.h"

#include "layers/json_scan.h"

#include <stdio.h>
#include <string.h>

const char *size_format(uint64_t bytes, char out[FORMAT_SIZE])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes;
	size_t unit = 0;

	/* 999.5 would be printed with three digits as 1e+03. */
	while (value >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1000;
		unit++;
	}
	snprintf(out, FORMAT_SIZE, "%.3g%s", value, units[unit]);
	return out;
}

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR, WEEK = 7 * DAY, MONTH = 30 * DAY };
enum { YEAR = 365 * DAY };

const char *age_format(int64_t seconds, char out[FORMAT_SIZE])
{
	static const struct {
		int64_t below, unit;
		const char *name;
	} steps[] = {
		{MINUTE, 1, "second"},
		{HOUR, MINUTE, "minute"},
		{INT64_C(2) * DAY, HOUR, "hour"},
		{INT64_C(2) * WEEK, DAY, "day"},
		{INT64_C(2) * MONTH, WEEK, "week"},
		{INT64_C(2) * YEAR, MONTH, "month"},
		{INT64_MAX, YEAR, "year"},
	};
	size_t i = 0;
	int64_t n;

	if (seconds < 0) {
		snprintf(out, FORMAT_SIZE, "in the future");
		return out;
	}
	while (seconds >= steps[i].below && steps[i].below != INT64_MAX)
		i++;
	n = seconds / steps[i].unit;
	snprintf(out, FORMAT_SIZE, "%lld %s%s ago", (long long)n, steps[i].name, n == 1 ? "" : "s");
	return out;
}

const char *digest_short(const struct digest *d, char out[SHORT_ID_SIZE])
{
	char hex[DIGEST_HEX_SIZE];

	memcpy(out, digest_hex(d, hex), SHORT_ID_SIZE - 1);
	out[SHORT_ID_SIZE - 1] = '\0';
	return out;
}

/* C1 controls, and the bidirectional overrides and isolates (CVE-2021-42574). */
static bool is_unsafe(const unsigned char *c, size_t length)
{
	if (length == 1)
		return c[0] < 0x20 || c[0] == 0x7f;
	if (length == 2)
		return c[0] == 0xc2 && c[1] < 0xa0;
	if (length == 3 && c[0] == 0xe2 && c[1] == 0x80)
		return (c[2] >= 0xaa && c[2] <= 0xae) || c[2] == 0xa8 || c[2] == 0xa9;
	return length == 3 && c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9;
}

size_t text_clean_char(const unsigned char *at, size_t room, struct buf *out)
{
	size_t length = at[0] < 0x80 ? 1 : json_utf8_length(at, room);

	if (at[0] == '\n' || at[0] == '\t')
		buf_add_char(out, ' ');
	else if (length == 0 || is_unsafe(at, length))
		buf_add_char(out, '?');
	else
		buf_add(out, at, length);
	return length == 0 ? 1 : length;
}

void text_clean(const char *text, struct buf *out)
{
	text_clean_cut(text, SIZE_MAX, out);
}

void text_clean_cut(const char *text, size_t width, struct buf *out)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t left = strlen(text), last = out->length;

	for (size_t done = 0; left > 0; done++) {
		size_t used;

		if (done == width) {
			buf_truncate(out, last);
			buf_add_str(out, "\xe2\x80\xa6");
			return;
		}
		last = out->length;
		used = text_clean_char(at, left, out);
		at += used;
		left -= used;
	}
}

size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

bool age_parse(const char *text, int64_t *seconds)
{
	static const char units[] = "smhdw";
	static const int64_t length[] = {1, MINUTE, HOUR, DAY, WEEK};
	int64_t total = 0;

	if (*text == '\0')
		return false;
	while (*text != '\0') {
		int64_t n = 0, unit = 1;
		const char *at;

		if (*text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++)
			if (__builtin_mul_overflow(n, 10, &n) ||
			    __builtin_add_overflow(n, *text - '0', &n))
				return false;
		at = *text != '\0' ? strchr(units, *text) : NULL;
		if (at != NULL) {
			unit = length[at - units];
			text++;
		} else if (*text != '\0' || total != 0) {
			return false;
		}
		if (__builtin_mul_overflow(n, unit, &n) || __builtin_add_overflow(total, n, &total))
			return false;
	}
	*seconds = total;
	return true;
}
