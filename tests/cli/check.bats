#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# varve build --check and --call, and the warnings of a build.
#
# tests/data/check/RULE has the cases of a rule, each begun by a line "=== what it is about", then
#	? ARGUMENT     one more argument of varve build
#	< PATTERN      a line of the ignore file
#	> RULE LINE    a finding that is wanted; there must be no other
#	! TEXT         of an error that is wanted
# and the Dockerfile.
# shellcheck disable=SC2154 # bats sets $output, $status and $stderr
load helpers

CASES=$BATS_TEST_DIRNAME/../data/check

setup() {
	varve_setup
	images
}

# What the cases call base, parent, foreign, trigger and trigger2. Made once for the file.
images() {
	local made=$BATS_FILE_TMPDIR/store other=arm64
	if [ -d "$made" ]; then
		cp -a "$made" "$VARVE_ROOT"
		return
	fi
	base
	printf 'FROM base\nENV INHERITED=1\nVOLUME /inherited\nWORKDIR /w\n' >"$CTX/Dockerfile"
	build -t parent
	# shellcheck disable=SC2016 # for varve to expand
	printf 'FROM base\nONBUILD ENV a=$nope\n' >"$CTX/Dockerfile"
	build -t trigger
	# shellcheck disable=SC2016
	printf 'FROM base\nONBUILD ARG TRIGGERED=1\nONBUILD ENV a=$TRIGGERED\n' >"$CTX/Dockerfile"
	build -t trigger2
	[ "$(uname -m)" = x86_64 ] || other=amd64
	foreign_image "$other"
	rm -f "$CTX/Dockerfile"
	cp -a "$VARVE_ROOT" "$made"
}

# The image "foreign": the base with another processor in its config.
foreign_image() {
	mkdir "$T/foreign"
	varve save base | tar -C "$T/foreign" -xf -
	(
		cd "$T/foreign" || exit 1
		manifest=$(jq -r '.manifests[0].digest' index.json)
		config=$(jq -r .config.digest "blobs/sha256/${manifest#sha256:}")
		put "$(jq -c --arg a "$1" '.architecture = $a' "blobs/sha256/${config#sha256:}")"
		put "$(jq -c --arg d "$digest" --argjson s "$size" \
			'.config.digest = $d | .config.size = $s' "blobs/sha256/${manifest#sha256:}")"
		jq -c --arg d "$digest" --argjson s "$size" '.manifests = [.manifests[0] |
			.digest = $d | .size = $s | del(.platform) |
			.annotations = {"org.opencontainers.image.ref.name": "foreign:latest"}]' \
			index.json >index.new
		mv index.new index.json
		rm -f manifest.json
		tar -cf ../foreign.tar -- *
	)
	varve load -i "$T/foreign.tar" >/dev/null
}

# Writes a blob; sets digest and size.
put() {
	local hex
	hex=$(printf %s "$1" | sha256sum)
	hex=${hex%% *}
	printf %s "$1" >"blobs/sha256/$hex"
	digest=sha256:$hex
	size=$(printf %s "$1" | wc -c)
}

findings() {
	jq -r '.warnings[] | "\(.ruleName) \(.location.ranges[0].start.line)"' | sort
}

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

# --- the directive ----------------------------------------------------------------------------

# A Dockerfile with two findings in line 3, behind the directive.
two_findings() {
	printf '%s\nFROM base\nENV A_TOKEN $nope\n' "$1" | dockerfile
}

found() {
	varve build --call=check,format=json "$@" "$CTX" | findings | cut -d' ' -f1 | paste -sd' '
}

@test "check=skip takes a list, all, and blanks" {
	local all="LegacyKeyValueFormat SecretsUsedInArgOrEnv UndefinedVar"
	two_findings "# nothing"
	same "$(found)" "$all"
	two_findings "# check=skip=LegacyKeyValueFormat"
	same "$(found)" "SecretsUsedInArgOrEnv UndefinedVar"
	two_findings "#check = skip = LegacyKeyValueFormat , UndefinedVar ; error = false"
	same "$(found)" "SecretsUsedInArgOrEnv"
	two_findings "# check=skip=all"
	same "$(found)" ""
	two_findings "# CHECK=error=0"
	same "$(found)" "$all"
}

@test "the build argument takes the place of the directive" {
	two_findings "# check=skip=all;error=true"
	same "$(found --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=UndefinedVar)" \
		"LegacyKeyValueFormat SecretsUsedInArgOrEnv"
	build --build-arg BUILDKIT_DOCKERFILE_CHECK=
	says LegacyKeyValueFormat
	run -2 varve build --build-arg BUILDKIT_DOCKERFILE_CHECK=skip "$CTX"
	says "BUILDKIT_DOCKERFILE_CHECK"
}

@test "a check directive that is not understood is an error that says why" {
	local text
	for text in skip skip=A\;skip wrong=1 error=maybe "skip=A;" "skip=A;error=true;skip=B;error=true" \
		=; do
		two_findings "# check=$text"
		build_fails -- "Dockerfile:1:9: error: in the check directive"
	done
	two_findings "# check=error=maybe"
	build_fails -- "error=maybe: not a boolean" "hint: write error=true or error=false"
}

@test "a comment above an instruction skips there and nowhere else" {
	dockerfile <<-'X'
	FROM base
	# check=skip=LegacyKeyValueFormat
	ENV a b

	# check=skip=LegacyKeyValueFormat

	ENV c d
	# words
	# check=skip=all
	# more words
	ENV e f
	ENV g h
	X
	same "$(varve build --call=check,format=json "$CTX" | findings | paste -sd' ')" \
		"LegacyKeyValueFormat 12 LegacyKeyValueFormat 7"
}

@test "error=true fails before anything is executed" {
	dockerfile <<-'X'
	# check=error=true
	FROM base
	RUN touch /ran && echo it-was-executed
	CMD true
	X
	build_fails -- JSONArgsRecommended "lint violation found for rules: JSONArgsRecommended" \
		"error=true in the check directive"
	says_not it-was-executed
	run -3 --separate-stderr varve build -q "$CTX"
	[[ "$stderr" == *JSONArgsRecommended* ]]
	run -3 --separate-stderr varve build --progress=json "$CTX"
	jq -es '.[0].rule == "JSONArgsRecommended"' <<<"${stderr%%varve:*}"
	build --build-arg BUILDKIT_DOCKERFILE_CHECK=error=false
	says JSONArgsRecommended it-was-executed
	printf '# check=error=true;skip=JSONArgsRecommended\nFROM base\nCMD true\n' | dockerfile
	build
}

# --- warnings of a build ----------------------------------------------------------------------

@test "warnings come once, at the end, by rule, with place and line" {
	dockerfile <<-'X'
	FROM base
	CMD a
	ENTRYPOINT b
	ENV a $nope
	X
	build
	same "$(grep -c '\[JSONArgsRecommended\]' <<<"$output")" 2
	same "$(grep -c '^JSONArgsRecommended: ' <<<"$output")" 1
	says "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/" \
		"Dockerfile:2:1: warning: " "    2 | CMD a" "Dockerfile:4:5: warning: "
	run --separate-stderr varve build -q "$CTX"
	same "$stderr" ""
	run --separate-stderr varve build --progress=json "$CTX"
	same "$(jq -r 'select(.event == "warning") | "\(.rule) \(.line)"' <<<"$stderr" | sort | paste -sd' ')" \
		"JSONArgsRecommended 2 JSONArgsRecommended 3 LegacyKeyValueFormat 4 UndefinedVar 4"
}

@test "the metadata file has the warnings as buildx writes them" {
	printf 'FROM base\nCMD a\n' | dockerfile
	build --metadata-file "$T/meta"
	jq -e '.["varve.warnings"] == 1' "$T/meta"
	jq -e '.["buildx.build.warnings"] | length == 1 and .[0].level == 1 and
		(.[0].range[0].start.line == 2) and (.[0].url | endswith("/json-args-recommended/"))' "$T/meta"
	same "$(jq -r '.["buildx.build.warnings"][0].short | @base64d' "$T/meta" | cut -d' ' -f1)" \
		"JSONArgsRecommended:"
	printf 'FROM base\nCMD ["a"]\n' | dockerfile
	build --metadata-file "$T/meta"
	jq -e '.["varve.warnings"] == 0 and (has("buildx.build.warnings") | not)' "$T/meta"
}

@test "only the stages that are built are looked at, except by --check" {
	dockerfile <<-'X'
	FROM base AS unused
	CMD a
	FROM base
	X
	build
	says_not JSONArgsRecommended
	same "$(found)" JSONArgsRecommended
	printf 'FROM base AS one\nCMD a\nFROM base AS two\nCMD b\n' | dockerfile
	same "$(varve build --target one --call=check,format=json "$CTX" | findings | paste -sd' ')" \
		"JSONArgsRecommended 2"
}

@test "many findings are counted, and the first are shown" {
	{ echo FROM base; for i in $(seq 300); do echo "ENV a$i x"; done; } | dockerfile
	build
	says "... and 100 more warnings"
}

# --- --check and --call -----------------------------------------------------------------------

@test "--check says what it found and that it found nothing" {
	local before
	printf 'FROM base\nRUN touch /x\nCMD ["a"]\n' | dockerfile
	before=$(names_listing)
	run -0 --separate-stderr varve build --check "$CTX"
	same "$output" "Check complete, no warnings found."
	same "$stderr" ""
	printf 'FROM base\nRUN touch /x\nCMD a\nMAINTAINER x\n' | dockerfile
	run -1 --separate-stderr varve build --check "$CTX"
	says "[JSONArgsRecommended]" "[MaintainerDeprecated]" "Check complete, 2 warnings found."
	same "$stderr" ""
	same "$(varve build --call=check "$CTX")" "$output"
	same "$(varve build --call=lint,format=text "$CTX")" "$output"
	printf 'FROM base\nRNU a\nCMD a\n' | dockerfile
	run -1 --separate-stderr varve build --check "$CTX"
	says "unknown instruction: RNU" "Check complete, 1 error and "
	same "$(names_listing)" "$before"
	run -4 varve build --check --target nothing "$CTX"
}

@test "--check as JSON has the members that docker's has" {
	printf 'FROM base\nENV a $nope\nENV b $nope\n' | dockerfile
	run -1 --separate-stderr varve build --call=check,format=json "$CTX"
	jq -e '(.warnings | length == 4) and (.sources[0].language == "Dockerfile") and
		(.warnings[0] | .ruleName == "LegacyKeyValueFormat" and
		(.url | startswith("https://docs.docker.com/")) and (.detail | length > 9) and
		(.description | length > 9) and .location.ranges[0] == {
			"start": {"line": 2, "character": 0}, "end": {"line": 2, "character": 3}})' <<<"$output"
	printf 'FROM base\nCOPY a\nADD b\n' | dockerfile
	run -1 --separate-stderr varve build --call=check,format=json "$CTX"
	jq -e '(.buildError.message | startswith("COPY requires")) and
		(.buildError.location.ranges[0].start.line == 2) and (.errors | length == 2)' <<<"$output"
}

@test "--call=outline tells what can be given to the target" {
	dockerfile <<-'X'
	# VERSION of everything
	ARG VERSION=1
	ARG NAME=bas${END}
	ARG END=e
	ARG FULL=${NAME:-x}
	ARG UNUSED=9
	FROM ${FULL}e AS other
	ARG ONLY_OTHER
	FROM base AS low
	# FOO makes foo
	ARG FOO=7
	ARG VERSION
	# build is what you want
	FROM low AS build
	ARG BAR
	RUN --mount=type=secret,id=tok,required=true --mount=type=cache,target=/c \
		--mount=type=ssh true
	RUN --mount=type=secret,id=tok --mount=type=secret,id=also true
	FROM other
	X
	run -0 --separate-stderr varve build --call=outline,format=json --target build \
		--build-arg BAR=3 "$CTX"
	same "$(jq -c '[.args[] | [.name, .value, .description]]' <<<"$output")" \
		'[["VERSION","1","of everything"],["FOO","7","makes foo"],["BAR","3",null]]'
	jq -e '.name == "build" and .description == "is what you want" and
		([.secrets[].name] == ["tok", "also"]) and .secrets[0].required and
		(.secrets[1] | has("required") | not) and .secrets[0].location.ranges[0].start.line == 16 and
		.ssh[0].name == "default" and .cache[0].ID == "/c"' <<<"$output"
	run -0 varve build --call=outline --target build "$CTX"
	says "TARGET:      build" "DESCRIPTION: is what you want" "BUILD ARG" "makes foo" "SECRET" \
		"tok" "true" "SSH" "CACHE"
	run -0 --separate-stderr varve build --call=outline,format=json "$CTX"
	same "$(jq -c '[.args[].name]' <<<"$output")" '["NAME","FULL","ONLY_OTHER"]'
}

@test "--call=targets lists the stages with their descriptions" {
	dockerfile <<-'X'
	# low is the first
	FROM --platform=$BUILDPLATFORM nowhere AS low
	FROM low
	# not its name
	FROM low AS high
	X
	run -0 --separate-stderr varve build --call=targets,format=json "$CTX"
	same "$(jq -c '[.targets[] | [.name, .description, .base, .platform, .default]]' <<<"$output")" \
		'[["low","is the first","nowhere","$BUILDPLATFORM",null],[null,null,"low",null,null],["high",null,"low",null,true]]'
	run -0 varve build --call=targets "$CTX"
	same "$(sed 's/ *$//' <<<"$output")" "TARGET           DESCRIPTION
low              is the first
high (default)"
}

@test "--call refuses what it does not know" {
	printf 'FROM base\n' | dockerfile
	run -2 varve build --call=everything "$CTX"
	says "unknown method everything" "outline"
	run -2 varve build --call=check,format=xml "$CTX"
	says "format=xml"
	build --call=build
	printf 'FROM\n' | dockerfile
	run -3 varve build --call=targets "$CTX"
	says "Dockerfile:1:1: error"
}
