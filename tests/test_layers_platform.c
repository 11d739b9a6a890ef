/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct platform parse(struct arena *arena, const char *text)
{
	struct error err = ERROR_INIT;
	struct platform p = {"", "", ""};

	if (platform_parse(arena, text, &p, &err) < 0)
		fail_msg("%s: %s", text, err.frame[0].text);
	return p;
}

static void aliases(void **state)
{
	static const char *const cases[][2] = {
		{"linux/amd64", "linux/amd64"},
		{"linux/x86_64", "linux/amd64"},
		{"Linux/AMD64", "linux/amd64"},
		{"linux/amd64/v1", "linux/amd64"},
		{"linux/amd64/v3", "linux/amd64/v3"},
		{"linux/arm64", "linux/arm64"},
		{"linux/arm64/v8", "linux/arm64"},
		{"linux/aarch64", "linux/arm64"},
		{"aarch64", "linux/arm64"},
		{"linux/arm", "linux/arm/v7"},
		{"linux/armhf", "linux/arm/v7"},
		{"linux/armel", "linux/arm/v6"},
		{"linux/arm/7", "linux/arm/v7"},
		{"linux/i386", "linux/386"},
		{"s390x", "linux/s390x"},
		{"windows/amd64", "windows/amd64"},
		{"macos/arm64", "darwin/arm64"},
	};
	auto_(arena) struct arena arena = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct platform p = parse(&arena, cases[i][0]);

		assert_string_equal(platform_text(&arena, &p), cases[i][1]);
	}
}

static void local(void **state)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	struct platform here = platform_local(), p = parse(&arena, "local");
	struct platform system = parse(&arena, "linux");

	(void)state;
	assert_true(platform_equal(&p, &here));
	assert_true(platform_equal(&system, &here));
}

static void refused(void **state)
{
	static const char *const cases[] = {
		"",          "/",           "linux/",        "linux/amd64/v1/x",
		"linux//v7", "lunix/amd64", "linux/8086",    "linux/amd64/../x",
		"pdp11",     "linux amd64", "linux/amd64\n", "*",
	};
	auto_(arena) struct arena arena = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = ERROR_INIT;
		struct platform p;

		if (platform_parse(&arena, cases[i], &p, &err) == 0)
			fail_msg("\"%s\" was taken", cases[i]);
		assert_int_equal(err.code, ERROR_USAGE);
	}
}

static void texts(void **state)
{
	auto_(arena) struct arena arena = ARENA_INIT;
	struct platform p = parse(&arena, "linux/arm/v6");

	(void)state;
	assert_string_equal(platform_directory(&arena, &p), "linux_arm_v6");
	p = platform_normal(&arena, NULL, NULL, NULL);
	assert_string_equal(p.os, "");
	assert_string_equal(p.variant, "");
}

/* What is wanted, then what there is, the best first; what comes after "-" does not serve. */
static void fits(void **state)
{
	static const char *const cases[][8] = {
		{"linux/arm/v7", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5", "-",
		 "linux/arm/v8", "linux/arm64", NULL},
		{"linux/arm64", "linux/arm64", "linux/arm/v7", "linux/arm/v6", "-", "linux/amd64",
		 "linux/arm64/v9", NULL},
		{"linux/amd64/v3", "linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386",
		 "-", "linux/amd64/v4", NULL},
		{"linux/amd64", "linux/amd64", "linux/386", "-", "linux/amd64/v2", "windows/amd64",
		 "linux/arm64", NULL},
		{"linux/386", "linux/386", "-", "linux/amd64", NULL},
	};
	auto_(arena) struct arena arena = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct platform want = parse(&arena, cases[i][0]);
		int last = PLATFORM_EXACT + 1;
		bool none = false;

		for (size_t j = 1; j < 8 && cases[i][j] != NULL; j++) {
			struct platform have;
			int fit;

			if (strcmp(cases[i][j], "-") == 0) {
				none = true;
				continue;
			}
			have = parse(&arena, cases[i][j]);
			fit = platform_fits(&have, &want);
			if (none ? fit != 0 : fit <= 0 || fit >= last)
				fail_msg("%s for %s: %d", cases[i][j], cases[i][0], fit);
			last = fit;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aliases), cmocka_unit_test(local), cmocka_unit_test(refused),
		cmocka_unit_test(texts),   cmocka_unit_test(fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
