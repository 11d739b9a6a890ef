/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/palette.h"

#include "common/arena.h"

#include <stdio.h>
#include <string.h>

static bool set_name(char code[PALETTE_CODE], const char *value)
{
	static const char *const names[] = {"black", "red",     "green", "yellow",
					    "blue",  "magenta", "cyan",  "white"};

	for (int i = 0; i < 8; i++) {
		if (strcmp(value, names[i]) == 0) {
			snprintf(code, PALETTE_CODE, "\033[%dm", 30 + i);
			return true;
		}
	}
	return false;
}

static void set_numbers(char code[PALETTE_CODE], const char *value)
{
	unsigned red, green, blue;
	char rest;

	if (sscanf(value, "%3u,%3u,%3u%c", &red, &green, &blue, &rest) == 3 && red < 256 &&
	    green < 256 && blue < 256)
		snprintf(code, PALETTE_CODE, "\033[38;2;%u;%u;%um", red, green, blue);
}

static char *code_of(struct palette *p, const char *name)
{
	if (strcmp(name, "run") == 0)
		return p->run;
	if (strcmp(name, "cancel") == 0)
		return p->cancel;
	if (strcmp(name, "error") == 0)
		return p->error;
	return strcmp(name, "warning") == 0 ? p->warning : NULL;
}

void palette_init(struct palette *p, const char *no_color, const char *colors)
{
	auto_free char *copy = xstrdup(colors != NULL ? colors : "");
	char *rest = copy, *field;

	memset(p, 0, sizeof(*p));
	if (no_color != NULL && *no_color != '\0')
		return;
	set_name(p->run, "blue");
	set_name(p->cancel, "yellow");
	set_name(p->error, "red");
	set_name(p->warning, "yellow");
	snprintf(p->bold, PALETTE_CODE, "\033[1m");
	snprintf(p->dim, PALETTE_CODE, "\033[2m");
	snprintf(p->off, PALETTE_CODE, "\033[0m");
	while ((field = strsep(&rest, ":")) != NULL) {
		char *value = strchr(field, '='), *code;

		if (value == NULL)
			continue;
		*value++ = '\0';
		code = code_of(p, field);
		if (code != NULL && !set_name(code, value))
			set_numbers(code, value);
	}
}
