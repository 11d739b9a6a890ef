/* SPDX-License-Identifier: Apache-2.0 */
#include "parser/rule.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

static const struct rule_info rules[RULE_COUNT] = {
	[RULE_CONSISTENT_INSTRUCTION_CASING] =
		{"ConsistentInstructionCasing",
		 "All instructions should be written in the same case", false, false},
	[RULE_COPY_IGNORED_FILE] = {"CopyIgnoredFile",
				    "A source of COPY or ADD is excluded by the ignore file", false,
				    false},
	[RULE_DUPLICATE_STAGE_NAME] = {"DuplicateStageName", "Stage names should be unique", false,
				       false},
	[RULE_EXPOSE_INVALID_FORMAT] =
		{"ExposeInvalidFormat",
		 "EXPOSE names ports of the container, no addresses or ports of the host", false,
		 false},
	[RULE_EXPOSE_PROTO_CASING] = {"ExposeProtoCasing",
				      "The protocol of EXPOSE should be in lower case", false,
				      false},
	[RULE_FROM_AS_CASING] = {"FromAsCasing", "FROM and AS should be written in the same case",
				 false, false},
	[RULE_FROM_PLATFORM_CONST] = {"FromPlatformFlagConstDisallowed",
				      "FROM --platform should not be a constant", false, false},
	[RULE_INVALID_BASE_IMAGE_PLATFORM] =
		{"InvalidBaseImagePlatform",
		 "The base image is for another platform than the build", false, false},
	[RULE_INVALID_DEFAULT_ARG_IN_FROM] =
		{"InvalidDefaultArgInFrom", "Without build arguments FROM has no valid image name",
		 false, false},
	[RULE_INVALID_DEFINITION_DESCRIPTION] =
		{"InvalidDefinitionDescription",
		 "The comment above a stage or ARG should begin with its name", true, false},
	[RULE_JSON_ARGS_RECOMMENDED] =
		{"JSONArgsRecommended",
		 "CMD and ENTRYPOINT should be JSON lists, so that signals reach the program",
		 false, false},
	[RULE_LEGACY_KEY_VALUE_FORMAT] = {"LegacyKeyValueFormat",
					  "ENV and LABEL should be written with =", false, false},
	[RULE_MAINTAINER_DEPRECATED] = {"MaintainerDeprecated",
					"MAINTAINER is deprecated in favour of a label", false,
					false},
	[RULE_MULTIPLE_INSTRUCTIONS] =
		{"MultipleInstructionsDisallowed",
		 "Only the last CMD, ENTRYPOINT or HEALTHCHECK of a stage counts", false, false},
	[RULE_NO_EMPTY_CONTINUATION] = {"NoEmptyContinuation",
					"A continued instruction should have no empty lines", false,
					false},
	[RULE_REDUNDANT_TARGET_PLATFORM] =
		{"RedundantTargetPlatform",
		 "FROM --platform=$TARGETPLATFORM is what happens anyway", false, false},
	[RULE_RESERVED_STAGE_NAME] = {"ReservedStageName",
				      "\"context\" and \"scratch\" are no names for a stage", false,
				      false},
	[RULE_SECRETS_IN_ARG_OR_ENV] =
		{"SecretsUsedInArgOrEnv",
		 "Secrets do not belong into ARG and ENV: the image shows them", false, false},
	[RULE_STAGE_NAME_CASING] = {"StageNameCasing", "Stage names should be in lower case", false,
				    false},
	[RULE_UNDEFINED_ARG_IN_FROM] = {"UndefinedArgInFrom",
					"FROM uses an argument that is not declared before it",
					false, false},
	[RULE_UNDEFINED_VAR] = {"UndefinedVar", "A variable is used that is not defined", false,
				false},
	[RULE_WORKDIR_RELATIVE_PATH] =
		{"WorkdirRelativePath",
		 "The first WORKDIR should be absolute: the base image may change", false, false},
	[RULE_GLOBAL_ARG_IN_RUN] =
		{"GlobalArgInRun",
		 "A command uses an ARG of before the first FROM that its stage does not declare",
		 false, true},
	[RULE_HEREDOC_ERRORS_IGNORED] =
		{"HeredocErrorsIgnored",
		 "RUN <<EOF goes on after a failed command unless it begins with set -e", false,
		 true},
	[RULE_HEREDOC_NOT_READ] = {"HeredocNotRead",
				   "<< in a line whose quotes do not match starts no here-document",
				   false, true},
	[RULE_INVALID_JSON_FORM] =
		{"InvalidJSONForm",
		 "What looks like a JSON list but is none is taken as plain text", false, true},
	[RULE_SYNTAX_NOT_USED] = {"SyntaxNotUsed", "No other frontend than the built-in one is run",
				  false, true},
	[RULE_UNKNOWN_CHECK] = {"UnknownCheck",
				"A check directive names a rule that does not exist", false, true},
	[RULE_UNUSED_BUILD_ARG] = {"UnusedBuildArg", "No ARG declares a --build-arg", false, true},
	[RULE_WRITE_UNDER_VOLUME] =
		{"WriteUnderVolume",
		 "Files below a declared volume are hidden when a volume is mounted there", false,
		 true},
};

const struct rule_info *rule_info(enum rule rule)
{
	assert(rule > RULE_NONE && rule < RULE_COUNT);
	return &rules[rule];
}

enum rule rule_find(const char *name, size_t length)
{
	for (int i = RULE_NONE + 1; i < RULE_COUNT; i++)
		if (strlen(rules[i].name) == length && memcmp(rules[i].name, name, length) == 0)
			return (enum rule)i;
	return RULE_NONE;
}

/* "JSONArgsRecommended" -> "json-args-recommended" */
static void add_dashed(struct buf *out, const char *name)
{
	for (size_t i = 0; name[i] != '\0'; i++) {
		bool upper = isupper((unsigned char)name[i]) != 0;
		bool edge = i > 0 && upper &&
			    (islower((unsigned char)name[i - 1]) ||
			     islower((unsigned char)name[i + 1]));

		if (edge)
			buf_add_char(out, '-');
		buf_add_char(out, (char)tolower((unsigned char)name[i]));
	}
}

void rule_reference(const char *name, struct buf *out)
{
	enum rule rule = rule_find(name, strlen(name));

	if (rule == RULE_NONE || rules[rule].ours) {
		buf_add_str(out, "varve-dockerfile(5)");
		return;
	}
	buf_add_str(out, "https://docs.docker.com/go/dockerfile/rule/");
	add_dashed(out, name);
	buf_add_char(out, '/');
}
