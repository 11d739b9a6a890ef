/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/platform.h"

#include "common/buf.h"
#include "layers/image.h"

#include <string.h>

/* Go's names. arm64 has no variant: v8 is its normal form without one. */
#if defined(__x86_64__)
#define HOST_ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define HOST_ARCHITECTURE "arm64"
#elif defined(__riscv) && __riscv_xlen == 64
#define HOST_ARCHITECTURE "riscv64"
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_ARCHITECTURE "ppc64le"
#elif defined(__s390x__)
#define HOST_ARCHITECTURE "s390x"
#elif defined(__loongarch64)
#define HOST_ARCHITECTURE "loong64"
#else
/* cppcheck-suppress preprocessorErrorDirective */
#error "give this architecture its name in OCI documents"
#endif

void platform_host(const char **os, const char **architecture, const char **variant)
{
	*os = "linux";
	*architecture = HOST_ARCHITECTURE;
	*variant = NULL;
}

const struct platform platform_any = {"", "", ""};

struct platform platform_local(void)
{
	const char *os, *architecture, *variant;

	platform_host(&os, &architecture, &variant);
	return (struct platform){os, architecture, variant != NULL ? variant : ""};
}

/* Other names of processors, and the variant that such a name implies. */
static const struct alias {
	const char *name, *architecture, *variant;
} aliases[] = {
	{"x86_64", "amd64", NULL}, {"x86-64", "amd64", NULL}, {"aarch64", "arm64", NULL},
	{"i386", "386", NULL},     {"i486", "386", NULL},     {"i586", "386", NULL},
	{"i686", "386", NULL},     {"armhf", "arm", "v7"},    {"armel", "arm", "v6"},
};

/* What the name stands for if there is no variant, and the variants that mean the same. */
static const struct implied {
	const char *architecture, *given, *normal;
} implied[] = {
	{"arm64", "v8", ""}, {"arm64", "8", ""},   {"amd64", "v1", ""},  {"amd64", "1", ""},
	{"arm", "", "v7"},   {"arm", "5", "v5"},   {"arm", "6", "v6"},   {"arm", "7", "v7"},
	{"arm", "8", "v8"},  {"amd64", "2", "v2"}, {"amd64", "3", "v3"}, {"amd64", "4", "v4"},
};

static const char *lower(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text != NULL ? text : "");

	for (char *c = copy; *c != '\0'; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	return copy;
}

struct platform platform_normal(struct arena *arena, const char *os, const char *architecture,
				const char *variant)
{
	struct platform p = {lower(arena, os), lower(arena, architecture), lower(arena, variant)};

	if (strcmp(p.os, "macos") == 0)
		p.os = "darwin";
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (strcmp(p.architecture, aliases[i].name) != 0)
			continue;
		p.architecture = aliases[i].architecture;
		if (aliases[i].variant != NULL)
			p.variant = aliases[i].variant;
	}
	for (size_t i = 0; i < sizeof(implied) / sizeof(implied[0]); i++)
		if (strcmp(p.architecture, implied[i].architecture) == 0 &&
		    strcmp(p.variant, implied[i].given) == 0) {
			p.variant = implied[i].normal;
			break;
		}
	return p;
}

/* --- texts --------------------------------------------------------------------------------- */

static bool is_system(const char *word)
{
	static const char *const systems[] = {"linux",   "windows", "darwin",  "macos",
					      "freebsd", "netbsd",  "openbsd", "dragonfly",
					      "solaris", "illumos", "plan9",   "aix",
					      "android", "js",      "wasip1"};

	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
		if (strcmp(word, systems[i]) == 0)
			return true;
	return false;
}

static bool is_processor(const char *word)
{
	static const char *const processors[] = {
		"amd64", "arm64",   "arm",  "386",    "riscv64", "ppc64le",  "ppc64",
		"s390x", "loong64", "mips", "mipsle", "mips64",  "mips64le", "wasm",
	};

	for (size_t i = 0; i < sizeof(processors) / sizeof(processors[0]); i++)
		if (strcmp(word, processors[i]) == 0)
			return true;
	return false;
}

static int bad_text(const char *text, struct error *err)
{
	error_set(err, ERROR_USAGE, "\"%.100s\" is no platform", text);
	return error_hint(err, "write os/architecture[/variant], such as linux/arm64 or "
			       "linux/arm/v7");
}

int platform_parse(struct arena *arena, const char *text, struct platform *out, struct error *err)
{
	enum { PARTS = 3 };
	const char *part[PARTS] = {"", "", ""};
	const struct platform local = platform_local();
	char *rest = arena_strdup(arena, lower(arena, text)), *word;
	int count = 0;

	if (strcmp(rest, "local") == 0) {
		*out = local;
		return 0;
	}
	while ((word = strsep(&rest, "/")) != NULL) {
		if (count == PARTS || *word == '\0' ||
		    word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789._-")] != '\0')
			return bad_text(text, err);
		part[count++] = word;
	}
	if (count == 1 && is_system(part[0]))
		*out = platform_normal(arena, part[0], local.architecture, local.variant);
	else if (count == 1)
		*out = platform_normal(arena, local.os, part[0], "");
	else
		*out = platform_normal(arena, part[0], part[1], part[2]);
	if (!is_system(out->os) || !is_processor(out->architecture))
		return bad_text(text, err);
	return 0;
}

const char *platform_text(struct arena *arena, const struct platform *p)
{
	return arena_printf(arena, "%s/%s%s%s", p->os, p->architecture,
			    *p->variant != '\0' ? "/" : "", p->variant);
}

const char *platform_directory(struct arena *arena, const struct platform *p)
{
	return arena_printf(arena, "%s_%s%s%s", p->os, p->architecture,
			    *p->variant != '\0' ? "_" : "", p->variant);
}

/* --- comparing ----------------------------------------------------------------------------- */

/* The number of a variant such as v7; what has none counts as the first of its kind. */
static int generation(const struct platform *p)
{
	int first = strcmp(p->architecture, "arm64") == 0 ? 8 : 1;

	if (p->variant[0] == '\0')
		return first;
	if (p->variant[0] != 'v' || p->variant[1] < '1' || p->variant[1] > '9')
		return -1;
	return p->variant[1] - '0';
}

int platform_fits(const struct platform *have, const struct platform *want)
{
	enum { OLDER = 500, OTHER = 100 };
	const char *a = have->architecture, *b = want->architecture;
	bool same = strcmp(a, b) == 0;
	int mine = generation(have), theirs = generation(want);

	if (strcmp(have->os, want->os) != 0)
		return 0;
	if (same && strcmp(have->variant, want->variant) == 0)
		return PLATFORM_EXACT;
	if (same)
		return mine > 0 && mine <= theirs ? OLDER + mine : 0;
	if (strcmp(b, "arm64") == 0 && strcmp(a, "arm") == 0)
		return mine > 0 && mine <= 8 ? OTHER + mine : 0;
	return strcmp(b, "amd64") == 0 && strcmp(a, "386") == 0 ? OTHER : 0;
}
