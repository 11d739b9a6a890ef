/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/syntax.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool port_number(const char *text, size_t length, unsigned *out)
{
	unsigned value = 0;

	for (size_t i = 0; i < length; i++) {
		if (!isdigit((unsigned char)text[i]) || value > 65535)
			return false;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	*out = value;
	return length > 0 && value <= 65535;
}

int port_parse(const char *text, struct port_range *out, struct error *err)
{
	static const char *const protocols[] = {"tcp", "udp", "sctp"};
	const char *slash = strchr(text, '/');
	size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
	const char *colon = memrchr(text, ':', length);
	struct port_range range = {.protocol = slash == NULL || slash[1] == '\0' ? "tcp" : NULL};
	const char *at = text, *dash;
	bool ok;

	for (size_t i = 0; slash != NULL && i < 3; i++)
		if (strcasecmp(slash + 1, protocols[i]) == 0)
			range.protocol = protocols[i];
	if (range.protocol == NULL) {
		error_set(err, ERROR_SYNTAX, "invalid proto in port %s", text);
		return error_hint(err, "tcp, udp and sctp are known");
	}
	if (colon != NULL) {
		length -= (size_t)(colon + 1 - text);
		at = colon + 1;
	}
	dash = memchr(at, '-', length);
	ok = port_number(at, dash != NULL ? (size_t)(dash - at) : length, &range.first);
	range.last = range.first;
	if (ok && dash != NULL)
		ok = port_number(dash + 1, length - (size_t)(dash + 1 - at), &range.last);
	if (!ok) {
		error_set(err, ERROR_SYNTAX, "invalid port: %s", text);
		return error_hint(err, "ports are 0 to 65535: EXPOSE 80 443/udp 8000-8010/tcp");
	}
	if (range.first > range.last) {
		error_set(err, ERROR_SYNTAX, "invalid range of ports: %s", text);
		return error_hint(err, "the lower port comes first");
	}
	*out = range;
	return 0;
}

static const struct {
	const char *name;
	double nanoseconds;
} units[] = {
	{"ns", 1},   {"us", 1e3}, {"\xc2\xb5s", 1e3}, {"\xce\xbcs", 1e3},
	{"ms", 1e6}, {"s", 1e9},  {"m", 60e9},        {"h", 3600e9},
};

static double unit_of(const char **text)
{
	size_t length = 0;

	while ((*text)[length] != '\0' && (*text)[length] != '.' &&
	       !isdigit((unsigned char)(*text)[length]))
		length++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) == length && memcmp(units[i].name, *text, length) == 0) {
			*text += length;
			return units[i].nanoseconds;
		}
	}
	return 0;
}

int duration_parse(const char *text, int64_t *nanoseconds, struct error *err)
{
	const double most = 9.2e18;
	const char *at = text + (*text == '+');
	double total = 0;

	if (strcmp(at, "0") == 0) {
		*nanoseconds = 0;
		return 0;
	}
	do {
		char *end;
		double value, unit;

		if (!isdigit((unsigned char)*at) && *at != '.')
			break;
		/* strtod would also take "0x1p3", "1e9", "inf". */
		if (strspn(at, "0123456789.") == 0 || at[1] == 'x' || at[1] == 'X')
			break;
		value = strtod(at, &end);
		if (memchr(at, 'e', (size_t)(end - at)) != NULL)
			break;
		at = end;
		unit = unit_of(&at);
		if (unit == 0)
			break;
		total += value * unit;
		if (*at == '\0' && total < most) {
			*nanoseconds = (int64_t)total;
			return 0;
		}
	} while (total < most);
	error_set(err, ERROR_SYNTAX, "invalid duration: %s", *text != '\0' ? text : "\"\"");
	return error_hint(err, "write for example 30s, 1m30s, 500ms");
}

int signal_parse(const char *text, struct error *err)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	const char *abbreviation;
	char *end;
	long number = strtol(text, &end, 10);

	if (isdigit((unsigned char)*text) && *end == '\0' && number >= 1 && number <= SIGRTMAX)
		return (int)number;
	for (int i = 1; i < SIGSYS + 1; i++) {
		abbreviation = sigabbrev_np(i);
		if (abbreviation != NULL && strcasecmp(abbreviation, name) == 0)
			return i;
	}
	if (strncasecmp(name, "RTMIN", 5) == 0 || strncasecmp(name, "RTMAX", 5) == 0) {
		int base = toupper((unsigned char)name[3]) == 'I' ? SIGRTMIN : SIGRTMAX;

		number = name[5] == '\0' ? 0 : strtol(name + 5, &end, 10);
		if ((name[5] == '\0' || *end == '\0') && base + number >= SIGRTMIN &&
		    base + number <= SIGRTMAX)
			return base + (int)number;
	}
	error_set(err, ERROR_SYNTAX, "invalid signal: %s", text);
	return error_hint(err, "a name such as SIGTERM, or a number from 1 to %d", SIGRTMAX);
}

/* --- modes --------------------------------------------------------------------------------- */

static bool is_octal(const char *text)
{
	return *text != '\0' && strlen(text) <= 5 && strspn(text, "01234567") == strlen(text) &&
	       strtol(text, NULL, 8) <= 07777;
}

static mode_t who_mask(const char **at)
{
	mode_t who = 0;

	for (;; (*at)++) {
		if (**at == 'u')
			who |= 04700;
		else if (**at == 'g')
			who |= 02070;
		else if (**at == 'o')
			who |= 01007;
		else if (**at == 'a')
			who |= 07777;
		else
			return who != 0 ? who : 07777;
	}
}

/* The bits that "rwxXst" or one of "ugo" stand for, replicated to every class. */
static bool permission_bits(const char **at, mode_t old, bool directory, mode_t *out)
{
	mode_t bits = 0, copied;

	*out = 0;
	if (**at == 'u' || **at == 'g' || **at == 'o') {
		copied = old >> (**at == 'u' ? 6 : **at == 'g' ? 3 : 0) & 7;
		*out = copied << 6 | copied << 3 | copied;
		(*at)++;
		return **at == '\0' || strchr(",+-=", **at) != NULL;
	}
	for (; **at != '\0' && strchr(",+-=", **at) == NULL; (*at)++) {
		switch (**at) {
		case 'r':
			bits |= 0444;
			break;
		case 'w':
			bits |= 0222;
			break;
		case 'x':
			bits |= 0111;
			break;
		case 'X':
			bits |= directory || (old & 0111) ? 0111 : 0;
			break;
		case 's':
			bits |= 06000;
			break;
		case 't':
			bits |= 01000;
			break;
		default:
			return false;
		}
	}
	*out = bits;
	return true;
}

static bool symbolic(const char *at, mode_t old, bool directory, mode_t *out)
{
	mode_t mode = old & 07777;

	for (;;) {
		mode_t who = who_mask(&at);

		if (*at == '\0' || strchr("+-=", *at) == NULL)
			return false;
		while (*at != '\0' && strchr("+-=", *at) != NULL) {
			char sign = *at++;
			mode_t bits;

			if (!permission_bits(&at, mode, directory, &bits))
				return false;
			bits &= who;
			if (sign == '+')
				mode |= bits;
			else if (sign == '-')
				mode &= ~bits;
			else
				mode = (mode & ~who) | bits;
		}
		if (*at == '\0')
			break;
		at++;
	}
	*out = mode;
	return true;
}

int mode_check(const char *text, struct error *err)
{
	mode_t ignored;

	if (is_octal(text) || symbolic(text, 0, false, &ignored))
		return 0;
	error_set(err, ERROR_SYNTAX, "invalid mode: %s", *text != '\0' ? text : "\"\"");
	return error_hint(err, "an octal mode such as 0755, or a symbolic one such as u=rwX,go=rX");
}

mode_t mode_apply(const char *text, mode_t old, bool directory)
{
	mode_t mode = old & 07777;

	if (is_octal(text))
		return (mode_t)strtol(text, NULL, 8);
	symbolic(text, old, directory, &mode);
	return mode;
}

/* The number and its unit; false if it is none. */
static bool read_size(const char *text, uint64_t *out)
{
	static const char suffixes[] = "kmgtp";
	const char *unit;
	double value;
	char *end;
	int shift = 0;

	if (*text < '0' || *text > '9' || strspn(text, "0123456789.") == 0)
		return false;
	if (strncasecmp(text, "0x", 2) == 0)
		return false;
	value = strtod(text, &end);
	if (end != text + strspn(text, "0123456789."))
		return false; /* an exponent */
	end += *end == ' ';
	if (*end != '\0') {
		char letter = (char)(*end >= 'A' && *end <= 'Z' ? *end - 'A' + 'a' : *end);

		unit = strchr(suffixes, letter);
		if (unit != NULL) {
			shift = 10 * (int)(unit - suffixes + 1);
			end++;
		}
		if (strcasecmp(end, "") != 0 && strcasecmp(end, "b") != 0 &&
		    (shift == 0 || strcasecmp(end, "ib") != 0))
			return false;
	}
	value *= (double)(UINT64_C(1) << shift);
	if (!(value >= 0 && value < 9007199254740992.0)) /* 2^53: beyond it doubles skip numbers */
		return false;
	*out = (uint64_t)value;
	return true;
}

int size_parse(const char *text, uint64_t *bytes, struct error *err)
{
	if (read_size(text, bytes))
		return 0;
	error_set(err, ERROR_SYNTAX, "invalid size: %s", text);
	return error_hint(err, "write a number and one of k, m, g, t: 64m");
}
