#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each rule of the checks on its own.
#
# tests/data/check/RULE has the cases of a rule, each begun by a line "=== what it is about", then
#	? ARGUMENT     one more argument of varve build
#	< PATTERN      a line of the ignore file
#	> RULE LINE    a finding that is wanted; there must be no other
#	! TEXT         of an error that is wanted
# and the Dockerfile.
# shellcheck disable=SC2154 # bats sets $output, $status and $stderr
load check

CASES=$BATS_TEST_DIRNAME/../data/check

# Splits the file of a rule into $T/cases/NUMBER/{name,args,ignore,want,error,Dockerfile}.
split_cases() {
	awk -v to="$T/cases" '
		/^=== / {
			dir = sprintf("%s/%03d", to, ++n)
			system("mkdir -p " dir)
			print substr($0, 5) >(dir "/name")
			head = 1
			next
		}
		head && /^[?<>!] / {
			part = $1 == "?" ? "args" : $1 == "<" ? "ignore" : $1 == ">" ? "want" : "error"
			print substr($0, 3) >>(dir "/" part)
			next
		}
		{ head = 0; print >(dir "/Dockerfile") }' "$1"
}

# One case; with more arguments no rule is to find anything.
run_case() {
	local dir=$1 got want="" code=0 args=()
	shift
	[ ! -e "$dir/args" ] || mapfile -t args <"$dir/args"
	mkdir -p "$dir/context/dir"
	touch "$dir/context/file" "$dir/context/secret" "$dir/context/dir/file"
	[ ! -e "$dir/ignore" ] || cp "$dir/ignore" "$dir/context/.dockerignore"
	[ ! -e "$dir/want" ] || [ $# -gt 0 ] || want=$(sort "$dir/want")
	[ -z "$want" ] && [ ! -e "$dir/error" ] || code=1
	run --separate-stderr varve build --call=check,format=json -f "$dir/Dockerfile" \
		"${args[@]}" "$@" "$dir/context"
	got=$(findings <<<"$output") || true
	if [ "$got" != "$want" ] || [ "$status" != $code ]; then
		printf '%s\nwanted: %s\n%s\ngot: %s\n%s\n%s\n' "$(cat "$dir/name")" $code "$want" \
			"$status" "$got" "$stderr"
		return 1
	fi
	if [ -e "$dir/error" ]; then
		[[ "$(jq -r .buildError.message <<<"$output")" == *"$(cat "$dir/error")"* ]]
	else
		jq -e '.buildError == null' <<<"$output" >/dev/null || { echo "$output"; return 1; }
	fi
}

# Every case; then each that finds something once more with its rules switched off.
cases() {
	local dir bad=0 rules
	split_cases "$CASES/$1"
	for dir in "$T"/cases/*; do
		run_case "$dir" || bad=1
		[ -e "$dir/want" ] || continue
		rules=$(cut -d' ' -f1 "$dir/want" | sort -u | paste -sd,)
		! grep -q BUILDKIT_DOCKERFILE_CHECK "$dir/args" 2>/dev/null || continue
		[ "$1" != InvalidDefinitionDescription ] || continue # off by default
		run_case "$dir" --build-arg "BUILDKIT_DOCKERFILE_CHECK=skip=$rules" ||
			{ echo "... with skip=$rules"; bad=1; }
	done
	return $bad
}

@test "ConsistentInstructionCasing" {
	cases ConsistentInstructionCasing
}

@test "CopyIgnoredFile" {
	cases CopyIgnoredFile
}

@test "DuplicateStageName" {
	cases DuplicateStageName
}

@test "ExposeInvalidFormat" {
	cases ExposeInvalidFormat
}

@test "ExposeProtoCasing" {
	cases ExposeProtoCasing
}

@test "FromAsCasing" {
	cases FromAsCasing
}

@test "FromPlatformFlagConstDisallowed" {
	cases FromPlatformFlagConstDisallowed
}

@test "GlobalArgInRun" {
	cases GlobalArgInRun
}

@test "HeredocErrorsIgnored" {
	cases HeredocErrorsIgnored
}

@test "HeredocNotRead" {
	cases HeredocNotRead
}

@test "InvalidBaseImagePlatform" {
	cases InvalidBaseImagePlatform
}

@test "InvalidDefaultArgInFrom" {
	cases InvalidDefaultArgInFrom
}

@test "InvalidDefinitionDescription" {
	cases InvalidDefinitionDescription
}

@test "InvalidJSONForm" {
	cases InvalidJSONForm
}

@test "JSONArgsRecommended" {
	cases JSONArgsRecommended
}

@test "LegacyKeyValueFormat" {
	cases LegacyKeyValueFormat
}

@test "MaintainerDeprecated" {
	cases MaintainerDeprecated
}

@test "MultipleInstructionsDisallowed" {
	cases MultipleInstructionsDisallowed
}

@test "NoEmptyContinuation" {
	cases NoEmptyContinuation
}

@test "RedundantTargetPlatform" {
	cases RedundantTargetPlatform
}

@test "ReservedStageName" {
	cases ReservedStageName
}

@test "SecretsUsedInArgOrEnv" {
	cases SecretsUsedInArgOrEnv
}

@test "StageNameCasing" {
	cases StageNameCasing
}

@test "SyntaxNotUsed" {
	cases SyntaxNotUsed
}

@test "UndefinedArgInFrom" {
	cases UndefinedArgInFrom
}

@test "UndefinedVar" {
	cases UndefinedVar
}

@test "UnknownCheck" {
	cases UnknownCheck
}

@test "UnusedBuildArg" {
	cases UnusedBuildArg
}

@test "WorkdirRelativePath" {
	cases WorkdirRelativePath
}

@test "WriteUnderVolume" {
	cases WriteUnderVolume
}

@test "every rule has cases: with a finding, without, and switched off" {
	local rule file bad=0
	for rule in $(sed -n 's/^\.It Sy //p' \
		"$BATS_TEST_DIRNAME/../../doc/varve-dockerfile.5" | grep -E '^[A-Z][A-Za-z]*$'); do
		file=$CASES/$rule
		[ -e "$file" ] || { echo "no cases for $rule"; bad=1; continue; }
		grep -q "^> $rule " "$file" || { echo "$rule: nothing is found"; bad=1; }
		grep -q "skip=.*$rule\|^=== is off" "$file" || { echo "$rule: never skipped"; bad=1; }
		split_cases "$file"
		[ "$(find "$T/cases" -name name | wc -l)" -gt "$(find "$T/cases" -name want | wc -l)" ] ||
			{ echo "$rule: always found"; bad=1; }
		rm -rf "$T/cases"
	done
	return $bad
}
