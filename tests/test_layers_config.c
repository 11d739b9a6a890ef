/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define D1 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define D2 "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* Every member, in BuildKit's order. */
static const char golden[] =
	"{\"created\":\"2024-01-02T03:04:05.123456789Z\",\"author\":\"me <a@b>\","
	"\"architecture\":\"arm64\",\"variant\":\"v8\",\"os\":\"linux\",\"os.version\":\"1\","
	"\"config\":{\"User\":\"1000:10\",\"ExposedPorts\":{\"53/udp\":{},\"80/tcp\":{}},"
	"\"Env\":[\"PATH=/bin\",\"B=2=3\",\"A=\"],\"Entrypoint\":[\"/e\"],\"Cmd\":[\"a\",\"\"],"
	"\"Volumes\":{\"/a\":{},\"/b c\":{}},\"WorkingDir\":\"/w\","
	"\"Labels\":{\"a\":\"1\",\"b\":\"\",\"z.y\":\"\xc3\xa9\"},\"StopSignal\":\"SIGUSR1\","
	"\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true\"],\"Interval\":30000000000,"
	"\"Timeout\":1,\"StartPeriod\":2,\"StartInterval\":3,\"Retries\":4},"
	"\"OnBuild\":[\"RUN x\",\"COPY . .\"],\"Shell\":[\"/bin/bash\",\"-c\"]},"
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\",\"" D2 "\"]},"
	"\"history\":[{\"created\":\"2024-01-02T03:04:05Z\",\"created_by\":\"RUN x # buildkit\","
	"\"comment\":\"buildkit.dockerfile.v0\"},{\"created_by\":\"ENV A=\",\"author\":\"me\","
	"\"empty_layer\":true},{}]}";

static const char smallest[] = "{\"architecture\":\"\",\"os\":\"\",\"config\":{},"
			       "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}";

static void parse(const char *text, struct config *c)
{
	struct error err = ERROR_INIT;

	if (config_parse(text, strlen(text), c, &err) < 0)
		fail_msg("%s: %s", text, err.frame[0].text);
}

static void renders(const struct config *c, const char *expected)
{
	auto_(buf) struct buf b = BUF_INIT;

	config_render(c, &b);
	assert_string_equal(b.data, expected);
}

static void test_round_trip(void **state)
{
	auto_(config) struct config c = CONFIG_INIT;
	auto_(config) struct config copy = CONFIG_INIT;

	(void)state;
	parse(golden, &c);
	assert_string_equal(c.user, "1000:10");
	assert_int_equal(c.layer_count, 2);
	assert_int_equal(c.history_count, 3);
	assert_true(c.history[1].empty_layer);
	assert_true(c.healthcheck.interval == INT64_C(30000000000));
	assert_int_equal(c.healthcheck.retries, 4);
	assert_string_equal(config_env(&c, "B"), "2=3");
	assert_string_equal(config_env(&c, "A"), "");
	assert_null(config_env(&c, "PAT"));
	renders(&c, golden);
	config_copy(&c, &copy);
	config_release(&c);
	renders(&copy, golden);
}

static void test_sets_are_sorted(void **state)
{
	auto_(config) struct config c = CONFIG_INIT;

	(void)state;
	config_add_volume(&c, "/z");
	config_add_volume(&c, "/a");
	config_add_volume(&c, "/z");
	config_add_port(&c, "9/tcp");
	config_add_port(&c, "80/tcp");
	config_set_label(&c, "z", "1");
	config_set_label(&c, "a", "2");
	config_set_label(&c, "z", "3");
	config_set_env(&c, "Z", "1");
	config_set_env(&c, "A", "2");
	config_set_env(&c, "Z", "x=y");
	assert_int_equal(c.volumes.count, 2);
	renders(&c, "{\"architecture\":\"\",\"os\":\"\",\"config\":{"
		    "\"ExposedPorts\":{\"80/tcp\":{},\"9/tcp\":{}},\"Env\":[\"Z=x=y\",\"A=2\"],"
		    "\"Volumes\":{\"/a\":{},\"/z\":{}},\"Labels\":{\"a\":\"2\",\"z\":\"3\"}},"
		    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
}

static void test_many_items_keep_their_order(void **state)
{
	auto_(config) struct config c = CONFIG_INIT;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char name[16], value[16];

		snprintf(name, sizeof(name), "V%d", i);
		snprintf(value, sizeof(value), "%d", i * 7);
		config_set_env(&c, name, value);
		config_set_label(&c, name, value);
		config_add_history(&c, &(struct history){.created_by = name});
	}
	for (int i = 0; i < 1000; i++) {
		char name[16], value[16];

		snprintf(name, sizeof(name), "V%d", i);
		snprintf(value, sizeof(value), "%d", i * 7);
		assert_string_equal(config_env(&c, name), value);
		assert_string_equal(c.labels.item[i].key, name);
		assert_string_equal(c.history[i].created_by, name);
	}
}

static void test_missing_and_null(void **state)
{
	static const char *const same[] = {
		"{}",
		"{\"config\":null,\"rootfs\":null,\"history\":null,\"created\":null}",
		"{\"config\":{\"Env\":null,\"Cmd\":null,\"Volumes\":null,\"Labels\":null,"
		"\"ExposedPorts\":null,\"Healthcheck\":null,\"User\":null,\"OnBuild\":null},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}",
		"{\"container_config\":{\"Env\":7},\"docker_version\":1.5,\"CONFIG\":{\"User\":1},"
		"\"config\":{\"user\":7,\"ArgsEscaped\":true},\"os.features\":[]}",
		"{\"config\":{\"Env\":[],\"Cmd\":[],\"Entrypoint\":[],\"Volumes\":{},\"User\":\"\"}"
		"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		auto_(config) struct config c = CONFIG_INIT;

		parse(same[i], &c);
		renders(&c, smallest);
	}
}

static void test_present_and_empty(void **state)
{
	auto_(config) struct config c = CONFIG_INIT;
	auto_(config) struct config copy = CONFIG_INIT;

	(void)state;
	parse("{\"config\":{\"Cmd\":[],\"Healthcheck\":{\"Test\":[\"NONE\"]}}}", &c);
	config_copy(&c, &copy);
	assert_true(copy.cmd.present);
	assert_false(copy.entrypoint.present);
	assert_true(copy.healthcheck.present);
	assert_true(copy.healthcheck.test.present);
}

/* CVE-2026-57231: such an entry must not pick up a value from anywhere. */
static void test_env_without_value(void **state)
{
	auto_(config) struct config c = CONFIG_INIT;

	(void)state;
	parse("{\"config\":{\"Env\":[\"AWS_SECRET_KEY\",\"*\",\"=x\",\"\",\"A=1\"]}}", &c);
	assert_int_equal(c.env.count, 1);
	assert_string_equal(c.env.item[0], "A=1");
}

static void test_docker_values(void **state)
{
	auto_(config) struct config c = CONFIG_INIT;

	(void)state;
	parse("{\"config\":{\"Volumes\":{\"/v\":null,\"/w\":{}},\"Labels\":{\"a\":null}}}", &c);
	renders(&c,
		"{\"architecture\":\"\",\"os\":\"\",\"config\":{\"Volumes\":{\"/v\":{},\"/w\":{}},"
		"\"Labels\":{\"a\":\"\"}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
}

static void test_bad_documents(void **state)
{
	static const char *const table[][2] = {
		{"", "empty"},
		{"[]", "not an object"},
		{"{\"created\":1}", "created is not a string"},
		{"{\"author\":[]}", "author is not a string"},
		{"{\"os\":{}}", "os is not a string"},
		{"{\"os.version\":true}", "os.version is not a string"},
		{"{\"config\":[]}", "config is not an object"},
		{"{\"config\":{\"User\":0}}", "config.User is not a string"},
		{"{\"config\":{\"Env\":{}}}", "config.Env is not an array"},
		{"{\"config\":{\"Env\":\"A=1\"}}", "config.Env is not an array"},
		{"{\"config\":{\"Env\":[1]}}", "config.Env is not an array of strings"},
		{"{\"config\":{\"Cmd\":\"x\"}}", "config.Cmd is not an array"},
		{"{\"config\":{\"Cmd\":[null]}}", "config.Cmd is not an array of strings"},
		{"{\"config\":{\"Entrypoint\":{}}}", "config.Entrypoint"},
		{"{\"config\":{\"Shell\":1}}", "config.Shell"},
		{"{\"config\":{\"OnBuild\":1}}", "config.OnBuild"},
		{"{\"config\":{\"Volumes\":[\"/v\"]}}", "config.Volumes is not an object"},
		{"{\"config\":{\"ExposedPorts\":[]}}", "config.ExposedPorts is not an object"},
		{"{\"config\":{\"Labels\":[]}}", "config.Labels is not an object"},
		{"{\"config\":{\"Labels\":{\"a\":1}}}",
		 "config.Labels is not an object of strings"},
		{"{\"config\":{\"Healthcheck\":[]}}", "config.Healthcheck is not an object"},
		{"{\"config\":{\"Healthcheck\":{\"Test\":\"x\"}}}", "config.Healthcheck.Test"},
		{"{\"config\":{\"Healthcheck\":{\"Retries\":1.5}}}", "Healthcheck.Retries"},
		{"{\"config\":{\"Healthcheck\":{\"Interval\":9007199254740992}}}", "2^53"},
		{"{\"config\":{\"StopSignal\":9}}", "config.StopSignal is not a string"},
		{"{\"config\":{\"WorkingDir\":[]}}", "config.WorkingDir is not a string"},
		{"{\"config\":{\"User\":\"a\",\"User\":\"b\"}}", "duplicate key"},
		{"{\"rootfs\":[]}", "rootfs is not an object"},
		{"{\"rootfs\":{\"type\":\"tree\"}}", "rootfs.type is \"tree\""},
		{"{\"rootfs\":{\"diff_ids\":{}}}", "rootfs.diff_ids is not an array"},
		{"{\"rootfs\":{\"diff_ids\":[1]}}", "rootfs.diff_ids is not an array of strings"},
		{"{\"rootfs\":{\"diff_ids\":[\"sha256:../../x\"]}}", "not a digest"},
		{"{\"history\":{}}", "history is not an array"},
		{"{\"history\":[1]}", "history is not an array of objects"},
		{"{\"history\":[{\"created_by\":1}]}", "history.created_by is not a string"},
		{"{\"history\":[{\"empty_layer\":\"yes\"}]}", "history.empty_layer"},
		{"{\"layers\":[]}", "manifest"},
		{"{\"manifests\":[]}", "manifest"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		auto_(config) struct config c = CONFIG_INIT;
		struct error err = ERROR_INIT;
		char text[ERROR_FRAMES * ERROR_TEXT];

		if (config_parse(table[i][0], strlen(table[i][0]), &c, &err) == 0)
			fail_msg("accepted: %s", table[i][0]);
		assert_int_equal(err.code, ERROR_FORMAT);
		error_format(&err, text, sizeof(text));
		if (strstr(text, table[i][1]) == NULL || strstr(text, "image config") == NULL)
			fail_msg("%s: \"%s\" lacks \"%s\"", table[i][0], text, table[i][1]);
	}
}

static void test_layer_limit(void **state)
{
	auto_(buf) struct buf b = BUF_INIT;
	auto_(config) struct config c = CONFIG_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	buf_add_str(&b, "{\"rootfs\":{\"diff_ids\":[\"" D1 "\"");
	for (int i = 1; i < IMAGE_MAX_LAYERS; i++)
		buf_add_str(&b, ",\"" D1 "\"");
	buf_add_str(&b, "]}}");
	parse(b.data, &c);
	assert_int_equal(c.layer_count, IMAGE_MAX_LAYERS);
	config_release(&c);
	buf_truncate(&b, b.length - 3);
	buf_add_str(&b, ",\"" D1 "\"]}}");
	assert_int_equal(config_parse(b.data, b.length, &c, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_non_null(strstr(err.frame[0].text, "499"));
}

static void test_timestamps(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} both[] = {
		{0, "1970-01-01T00:00:00Z"},
		{-1, "1969-12-31T23:59:59Z"},
		{951782400, "2000-02-29T00:00:00Z"},
		{INT64_C(253402300799), "9999-12-31T23:59:59Z"},
		{INT64_C(-62135596800), "0001-01-01T00:00:00Z"},
	};
	static const struct {
		int64_t seconds;
		const char *text;
	} parsed[] = {
		{0, "1970-01-01T01:00:00+01:00"},
		{0, "1969-12-31T18:30:00.999999999-05:30"},
		{1, "1970-01-01t00:00:01z"},
		{60, "1970-01-01T00:00:60Z"},
	};
	static const char *const bad[] = {
		"",
		"1970",
		"1970-01-01",
		"1970-01-01T00:00:00",
		"1970-13-01T00:00:00Z",
		"1970-00-01T00:00:00Z",
		"1970-01-00T00:00:00Z",
		"1970-02-29T00:00:00Z",
		"1970-01-01T24:00:00Z",
		"1970-01-01T00:60:00Z",
		"1970-01-01T00:00:00Zx",
		"1970-01-01T00:00:00.Z",
		"1970-01-01T00:00:00+0100",
		"1970-1-01T00:00:00Z",
		"-970-01-01T00:00:00Z",
		"1970-01-01T00:00:00+24:00",
		"1970-01-01T00:00:00 01:00",
	};
	char text[TIMESTAMP_SIZE];
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		assert_string_equal(timestamp_format(both[i].seconds, text), both[i].text);
		assert_true(timestamp_parse(text, &seconds));
		assert_true(seconds == both[i].seconds);
	}
	for (size_t i = 0; i < sizeof(parsed) / sizeof(parsed[0]); i++) {
		assert_true(timestamp_parse(parsed[i].text, &seconds));
		assert_true(seconds == parsed[i].seconds);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (timestamp_parse(bad[i], &seconds))
			fail_msg("accepted: %s", bad[i]);
	assert_string_equal(timestamp_format(INT64_MAX, text), "9999-12-31T23:59:59Z");
	assert_string_equal(timestamp_format(INT64_MIN, text), "0000-01-01T00:00:00Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_sets_are_sorted),
		cmocka_unit_test(test_many_items_keep_their_order),
		cmocka_unit_test(test_missing_and_null),
		cmocka_unit_test(test_present_and_empty),
		cmocka_unit_test(test_env_without_value),
		cmocka_unit_test(test_docker_values),
		cmocka_unit_test(test_bad_documents),
		cmocka_unit_test(test_layer_limit),
		cmocka_unit_test(test_timestamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
