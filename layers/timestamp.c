/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *timestamp_format(int64_t seconds, char out[TIMESTAMP_SIZE])
{
	const int64_t first = INT64_C(-62167219200); /* 0000-01-01 */
	const int64_t last = INT64_C(253402300799);  /* 9999-12-31T23:59:59 */
	time_t t = (time_t)(seconds < first ? first : seconds > last ? last : seconds);
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(out, TIMESTAMP_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ",
		 (unsigned int)(tm.tm_year + 1900) % 10000, (unsigned int)(tm.tm_mon + 1) % 100,
		 (unsigned int)tm.tm_mday % 100, (unsigned int)tm.tm_hour % 100,
		 (unsigned int)tm.tm_min % 100, (unsigned int)tm.tm_sec % 100);
	return out;
}

/* Exactly `digits` digits, then a byte of `after` (or anything if that is empty). */
static bool take(const char **at, int digits, const char *after, int most, int *out)
{
	int value = 0;

	for (int i = 0; i < digits; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	if (*after != '\0') {
		if (**at == '\0' || strchr(after, **at) == NULL)
			return false;
		(*at)++;
	}
	*out = value;
	return value <= most;
}

static bool take_offset(const char *at, int64_t *out)
{
	int sign = *at == '-' ? -1 : 1, hours, minutes;

	*out = 0;
	if (*at == 'Z' || *at == 'z')
		return at[1] == '\0';
	if (*at != '+' && *at != '-')
		return false;
	at++;
	if (!take(&at, 2, ":", 23, &hours) || !take(&at, 2, "", 59, &minutes) || *at != '\0')
		return false;
	*out = (int64_t)sign * (hours * 3600 + minutes * 60);
	return true;
}

bool timestamp_parse(const char *text, int64_t *seconds)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day, hour, minute, second, most;
	int64_t offset;
	struct tm tm;

	if (!take(&text, 4, "-", 9999, &year) || !take(&text, 2, "-", 12, &month) ||
	    !take(&text, 2, "Tt ", 31, &day) || !take(&text, 2, ":", 23, &hour) ||
	    !take(&text, 2, ":", 59, &minute) || !take(&text, 2, "", 60, &second))
		return false;
	if (month == 0 || day == 0)
		return false;
	most = days[month - 1];
	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		most = 29;
	if (day > most)
		return false;
	if (*text == '.') {
		size_t digits = strspn(text + 1, "0123456789");

		if (digits == 0)
			return false;
		text += digits + 1;
	}
	if (!take_offset(text, &offset))
		return false;
	tm = (struct tm){.tm_year = year - 1900,
			 .tm_mon = month - 1,
			 .tm_mday = day,
			 .tm_hour = hour,
			 .tm_min = minute,
			 .tm_sec = second};
	*seconds = (int64_t)timegm(&tm) - offset;
	return true;
}
