/* SPDX-License-Identifier: Apache-2.0 */
/* Rules, and which findings are shown. */
#include "parser/rule.h"
#include "tests/parser_data.h"

#include <ctype.h>

static void test_table(void **state)
{
	(void)state;
	for (int i = RULE_NONE + 1; i < RULE_COUNT; i++) {
		const struct rule_info *info = rule_info((enum rule)i);

		assert_non_null(info->name);
		assert_true(strlen(info->summary) > 20);
		assert_int_not_equal(info->summary[strlen(info->summary) - 1], '.');
		assert_true(isupper((unsigned char)info->name[0]));
		assert_int_equal(rule_find(info->name, strlen(info->name)), i);
	}
	assert_int_equal(rule_find("StageName", 9), RULE_NONE);
	assert_int_equal(rule_find("", 0), RULE_NONE);
}

static void assert_reference(const char *name, const char *wanted)
{
	auto_(buf) struct buf text = BUF_INIT;

	rule_reference(name, &text);
	assert_string_equal(text.data, wanted);
}

static void test_reference(void **state)
{
	(void)state;
	assert_reference("StageNameCasing",
			 "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/");
	assert_reference("JSONArgsRecommended",
			 "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/");
	assert_reference("SecretsUsedInArgOrEnv",
			 "https://docs.docker.com/go/dockerfile/rule/secrets-used-in-arg-or-env/");
	assert_reference("UnusedBuildArg", "varve-dockerfile(5)");
	assert_reference("Nothing", "varve-dockerfile(5)");
}

/* The rules that were found, in order, with blanks between. */
static const char *found(const struct dockerfile *df, struct buf *out)
{
	size_t count;
	const struct diag *diags = dockerfile_diags(df, &count);

	buf_reset(out);
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s%u%s", i > 0 ? " " : "", diags[i].line,
			   diags[i].rule != NULL ? diags[i].rule : "!");
	return out->data;
}

static const char sample[] = "# check=skip=FromAsCasing\n"
			     "FROM a as B\n"
			     "# check=skip=NoEmptyContinuation\n"
			     "RUN x \\\n\ny\n"
			     "RUN x \\\n\ny\n"
			     "maintainer me\n";

static void test_filter(void **state)
{
	auto_(buf) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	struct dockerfile *df = parse_str(sample);

	(void)state;
	assert_string_equal(found(df, &out),
			    "2StageNameCasing 8NoEmptyContinuation "
			    "10ConsistentInstructionCasing 10MaintainerDeprecated");
	assert_int_equal(dockerfile_warnings(df), 4);
	assert_false(dockerfile_checks_fail(df));
	assert_int_equal(dockerfile_set_checks(df, "skip=StageNameCasing;error=true", &err), 0);
	assert_true(dockerfile_checks_fail(df));
	assert_string_equal(found(df, &out),
			    "2FromAsCasing 8NoEmptyContinuation 10ConsistentInstructionCasing "
			    "10MaintainerDeprecated");
	assert_int_equal(dockerfile_set_checks(df, " skip = all ", &err), 0);
	assert_int_equal(dockerfile_warnings(df), 0);
	assert_int_equal(dockerfile_set_checks(df, "", &err), 0);
	assert_int_equal(dockerfile_warnings(df), 5);
	dockerfile_free(df);
}

static void test_later_findings(void **state)
{
	auto_(buf) struct buf out = BUF_INIT;
	struct dockerfile *df = parse_str("# check=skip=UndefinedVar\nFROM a\n\n"
					  "# check=skip=all\nENV a=b\n\nENV c=d\n");
	size_t count;
	const struct insn *const *insns = dockerfile_insns(df, &count);

	(void)state;
	for (size_t twice = 0; twice < 2; twice++) {
		for (size_t i = 0; i < count; i++) {
			dockerfile_warn(df, RULE_UNDEFINED_VAR, insns[i]->at, NULL, "a %s", "b");
			dockerfile_warn(df, RULE_UNUSED_BUILD_ARG, insns[i]->at, NULL, "c");
		}
	}
	assert_string_equal(found(df, &out), "2UnusedBuildArg 7UnusedBuildArg");
	dockerfile_report(df, DIAG_ERROR, insns[1]->at, NULL, "wrong");
	dockerfile_report(df, DIAG_ERROR, insns[1]->at, NULL, "wrong");
	assert_int_equal(dockerfile_errors(df), 1);
	dockerfile_free(df);
}

static void test_many(void **state)
{
	auto_(buf) struct buf text = BUF_INIT;
	struct dockerfile *df;
	size_t count;

	(void)state;
	buf_add_str(&text, "FROM a\n");
	for (size_t i = 0; i < 1000; i++)
		buf_add_str(&text, "MAINTAINER x\n");
	buf_add_str(&text, "NOPE\n");
	df = parse_buf("Dockerfile", &text);
	assert_int_equal(dockerfile_warnings(df), 1000);
	assert_int_equal(dockerfile_errors(df), 1);
	/* An error has its place however many warnings come before it. */
	assert_int_equal(dockerfile_diags(df, &count)[count - 1].severity, DIAG_ERROR);
	assert_true(count < 500);
	dockerfile_free(df);
}

static void test_wrong_options(void **state)
{
	static const char *const wrong[] = {"skip",           "error=2",   ";",
					    "skip=A;",        "x=y",       "=",
					    "skip=A;;skip=B", "error=yes", "a=1;b=2;c=3;d=4"};
	struct dockerfile *df = parse_str("FROM a\n");

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct error err = ERROR_INIT;

		if (dockerfile_set_checks(df, wrong[i], &err) == 0)
			fail_msg("accepted: %s", wrong[i]);
		assert_int_equal(err.code, ERROR_USAGE);
	}
	dockerfile_free(df);
}

static void assert_description(const char *text, const char *name, const char *wanted)
{
	struct dockerfile *df = parse_str(text);
	size_t count;
	auto_free char *got = insn_description(dockerfile_insns(df, &count)[0], name);

	if (wanted == NULL)
		assert_null(got);
	else
		assert_string_equal(got, wanted);
	dockerfile_free(df);
}

static void test_description(void **state)
{
	(void)state;
	assert_description("\n# a  what it is \nARG a\n", "a", "what it is");
	assert_description("\n# about\n#a x\n# a y\nARG a\n", "a", "x");
	assert_description("\n# ab x\nARG a\n", "a", NULL);
	assert_description("\n# a\nARG a\n", "a", NULL);
	assert_description("\n# a x\n\nARG a\n", "a", NULL);
	assert_description("ARG a\n", "a", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),       cmocka_unit_test(test_reference),
		cmocka_unit_test(test_filter),      cmocka_unit_test(test_later_findings),
		cmocka_unit_test(test_many),        cmocka_unit_test(test_wrong_options),
		cmocka_unit_test(test_description),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
