/* SPDX-License-Identifier: Apache-2.0 */
/* Ports, durations, signals, modes. */
#include "builder/syntax.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text;
	bool valid;
	unsigned first, last;
	const char *protocol;
} ports[] = {
	{"80", true, 80, 80, "tcp"},
	{"80/tcp", true, 80, 80, "tcp"},
	{"53/UDP", true, 53, 53, "udp"},
	{"9/sctp", true, 9, 9, "sctp"},
	{"8000-8010", true, 8000, 8010, "tcp"},
	{"0", true, 0, 0, "tcp"},
	{"65535", true, 65535, 65535, "tcp"},
	{"127.0.0.1:80:8080", true, 8080, 8080, "tcp"},
	{"65536", false, 0, 0, NULL},
	{"9-8", false, 0, 0, NULL},
	{"", false, 0, 0, NULL},
	{"-", false, 0, 0, NULL},
	{"80-", false, 0, 0, NULL},
	{"80/", true, 80, 80, "tcp"}, /* as BuildKit reads it */
	{"80/http", false, 0, 0, NULL},
	{"http", false, 0, 0, NULL},
	{"99999999999999999999", false, 0, 0, NULL},
};

static void test_ports(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct error err = ERROR_INIT;
		struct port_range range;
		bool valid = port_parse(ports[i].text, &range, &err) == 0;

		if (valid != ports[i].valid)
			fail_msg("port %s", ports[i].text);
		if (!valid)
			continue;
		assert_int_equal(range.first, ports[i].first);
		assert_int_equal(range.last, ports[i].last);
		assert_string_equal(range.protocol, ports[i].protocol);
	}
}

static const struct {
	const char *text;
	int64_t nanoseconds; /* -1: refused */
} durations[] = {
	{"0", 0},
	{"30s", 30000000000},
	{"1m30s", 90000000000},
	{"1.5h", 5400000000000},
	{"300ms", 300000000},
	{"1us", 1000},
	{"2\xc2\xb5s", 2000},
	{"+5s", 5000000000},
	{".5s", 500000000},
	{"-5s", -1},
	{"5", -1},
	{"s", -1},
	{"", -1},
	{"5d", -1},
	{"0x5s", -1},
	{"1e9s", -1},
	{"999999999h", -1},
};

static void test_durations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		struct error err = ERROR_INIT;
		int64_t value = -1;

		if (duration_parse(durations[i].text, &value, &err) < 0)
			value = -1;
		if (value != durations[i].nanoseconds)
			fail_msg("duration %s gives %lld", durations[i].text, (long long)value);
	}
}

static void test_signals(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(signal_parse("SIGTERM", &err), SIGTERM);
	assert_int_equal(signal_parse("term", &err), SIGTERM);
	assert_int_equal(signal_parse("9", &err), SIGKILL);
	assert_int_equal(signal_parse("SIGRTMIN+3", &err), SIGRTMIN + 3);
	assert_int_equal(signal_parse("RTMAX-1", &err), SIGRTMAX - 1);
	assert_int_equal(signal_parse("SIGNOSUCH", &err), -1);
	assert_int_equal(signal_parse("0", &err), -1);
	assert_int_equal(signal_parse("65", &err), -1);
	assert_int_equal(signal_parse("", &err), -1);
	assert_int_equal(signal_parse("SIGRTMIN+99", &err), -1);
}

static const struct {
	const char *text;
	mode_t old;
	bool directory;
	mode_t now;
} modes[] = {
	{"755", 0600, false, 0755},
	{"04755", 0600, false, 04755},
	{"0", 0777, false, 0},
	{"+x", 0644, false, 0755},
	{"u+x", 0644, false, 0744},
	{"go-rwx", 0755, false, 0700},
	{"u=rwX,go=rX", 0644, false, 0644},
	{"u=rwX,go=rX", 0744, false, 0755},
	{"u=rwX,go=rX", 0600, true, 0755},
	{"a=r", 0777, false, 0444},
	{"g=u", 0640, false, 0660},
	{"u+s,+t", 0755, false, 05755},
	{"u=", 0755, false, 0055},
	{"u+x-w", 0644, false, 0544},
};

static void test_modes(void **state)
{
	static const char *const bad[] = {"",    "8",     "77777", "u",   "u+z",
					  "x+r", "u+rgo", ",",     "u+r,"};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct error err = ERROR_INIT;
		mode_t now;

		assert_int_equal(mode_check(modes[i].text, &err), 0);
		now = mode_apply(modes[i].text, modes[i].old, modes[i].directory);
		if (now != modes[i].now)
			fail_msg("%s on %o gives %o, not %o", modes[i].text, modes[i].old, now,
				 modes[i].now);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = ERROR_INIT;

		if (mode_check(bad[i], &err) == 0)
			fail_msg("mode \"%s\" was accepted", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
