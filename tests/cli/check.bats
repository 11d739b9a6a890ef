#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# varve build --check and --call, the check directive, and the warnings of a build.
# shellcheck disable=SC2154 # bats sets $output, $status and $stderr
load check

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
	printf 'FROM base\n' | dockerfile
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
