#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The options of `varve build`: what is taken, what is refused, and what messages say.

load helpers
load servers

teardown() {
	servers_stop
	varve_teardown
}

# --check parses every option and the Dockerfile and does nothing else.
takes() {
	run -0 varve build --check "$@" "$CTX"
	same "$output" "Check complete, no warnings found."
}

# Usage errors exit with 2 and say the texts after "--".
refuses() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	run -2 varve build --check "${options[@]}" "$CTX"
	says "$@"
}

scratch() {
	dockerfile <<-'X'
	FROM scratch
	COPY Dockerfile /
	X
}

@test "--secret" {
	scratch
	echo hush >"$T/secret"
	head -c 512001 /dev/zero >"$T/large"
	head -c 512000 /dev/zero >"$T/limit"
	takes --secret "id=a,src=$T/secret" --secret "id=b,source=$T/limit"
	takes --secret "id=a,type=file,src=$T/secret" --secret "id=a,src=$T/secret"
	VALUE=x takes --secret id=a,env=VALUE --secret id=VALUE --secret id=a,type=env,src=VALUE
	(cd "$T" && takes --secret id=secret)
	run -0 varve build --check --secret id=a,env=UNSET_VARIABLE "$CTX"
	says "warning: --secret id=a: UNSET_VARIABLE is not set"
	refuses --secret "src=$T/secret" -- "id= is missing"
	refuses --secret "id=a,src=$T/secret,env=X" -- "id=a: both src= and env="
	refuses --secret id=a,type=disk -- "type is file or env"
	refuses --secret id=a,srk=x -- 'unknown key "srk"' "did you mean src?"
	refuses --secret a -- "write id=NAME"
	refuses --secret "id=a,src=$T" -- "is a directory"
	run -4 varve build --check --secret id=a,src=/does/not/exist "$CTX"
	says "--secret id=a" /does/not/exist
	run ! varve build --check --secret "id=a,src=$T/large" "$CTX"
	says "--secret id=a" 512000
	says_not hush
}

@test "--ssh" {
	scratch
	: >"$T/key"
	takes --ssh "default=$T/key" --ssh "other=$T/key,$T/key"
	SSH_AUTH_SOCK=$T/key takes --ssh default
	(
		unset SSH_AUTH_SOCK
		refuses --ssh default -- "SSH_AUTH_SOCK is not set" "--ssh default=FILE"
	)
	refuses --ssh "a=$T/key" --ssh "a=$T/key" -- "--ssh a: given twice"
	refuses --ssh "=$T/key" -- "no id"
	refuses --ssh "a=$T/key,," -- "an empty path"
	refuses --ssh "a=$T" -- "neither a socket nor a key file"
	run -4 varve build --check --ssh a=/does/not/exist "$CTX"
	says "--ssh a" /does/not/exist
}

@test "--add-host, --shm-size, --ulimit, --network, --allow" {
	scratch
	takes --add-host db:10.0.0.2 --add-host=db6=::1 --shm-size 128m --ulimit nofile=10:20 \
		--network none --allow network.host --allow network.host,security.insecure
	refuses --add-host db:host-gateway -- "no gateway to the host" "--network=host"
	refuses --add-host db -- "NAME:ADDRESS"
	refuses --shm-size lots -- "--shm-size" "invalid size: lots" 64m
	refuses --ulimit files=3 -- "no limit called files"
	refuses --network bridge -- "no such choice: bridge" "default, none, host"
	refuses --allow device -- "no such entitlement: device" "network.host"
}

@test "--volume" {
	scratch
	takes -v "$T:/data" --volume "$T:/data:ro" -v "$T:/data:rw"
	(cd "$T" && takes -v ./ctx:/data)
	refuses -v "$T" -- "no place in the container"
	refuses -v "$T:data" -- "must be absolute"
	refuses -v :/data -- "no source"
	refuses -v name:/data -- "no named volumes" "./name"
	refuses -v "$T:/data:U" -- 'unknown option "U"' "ro and rw"
	run -4 varve build --check -v /does/not/exist:/data "$CTX"
	says /does/not/exist
}

@test "--platform" {
	scratch
	takes --platform local
	takes --platform linux/amd64
	takes --platform linux/arm64,linux/amd64 --platform x86_64
	takes --no-cache-filter a,b --no-cache-filter c
	refuses --platform linux/8086 -- '"linux/8086" is no platform' "linux/arm64"
	refuses --platform linux/amd64, -- "an empty item"
	refuses --platform "" -- "an empty item"
}

@test "--annotation, --build-context" {
	scratch
	takes --annotation k=v --annotation index,manifest:k=v --annotation 'manifest[linux/arm64]:k=v'
	refuses --annotation k -- "no value" "[TYPE:]KEY=VALUE"
	refuses --annotation =v -- "no key"
	takes --build-context "other=$T"
	refuses --build-context other -- "no place" docker-image://
	refuses --build-context "=$T" -- "no name"
}

@test "--output: several, one of them to standard output" {
	scratch
	takes -o type=tar,dest=- -o type=oci,dest=x.tar -o dir
	refuses -o - -o type=oci -- "only one can be the standard output"
	refuses -o type=zip,dest=x -- "unknown type zip" "oci, docker, tar, local"
	refuses -o type=oci,compression-level=9 -- "compression-level is not supported"
	refuses -o type=oci,tra=false,dest=x -- "did you mean tar?"
}

@test "what scripts for docker pass is taken where it changes nothing" {
	scratch
	takes --load --rm --rm=true --force-rm --compress --provenance=false --sbom=false
	refuses --provenance=true -- "--provenance=true" "attestations are not written"
	refuses --sbom=true -- "attestations are not written"
	refuses --iidfle x -- "unknown option --iidfle" "--iidfile"
}

@test "--target by name and by number, --build-arg from the environment" {
	base
	dockerfile <<-'X'
	FROM base AS first
	ARG WORD=default
	RUN echo "first $WORD" >/which
	FROM base
	RUN echo second >/which
	X
	WORD=outside build --target FIRST --build-arg WORD
	flatten t "$T/a"
	same "$(cat "$T/a/which")" "first outside"
	build --target 0
	flatten t "$T/b"
	same "$(cat "$T/b/which")" "first default"
	build --target 1
	flatten t "$T/c"
	same "$(cat "$T/c/which")" second
	build --target 0 --build-arg UNSET_VARIABLE
	says_not UNSET_VARIABLE
	run ! varve build --target frist "$CTX"
	says "--target frist" "did you mean first?"
	run ! varve build --target 2 "$CTX"
	says "--target 2: no such stage"
}

@test "SOURCE_DATE_EPOCH from the newest file of the context or of a named one" {
	base
	mkdir "$T/other"
	dockerfile <<-'X'
	FROM base
	COPY . /d
	X
	echo a >"$CTX/a"
	echo ignored >"$CTX/ignored"
	echo ignored >"$CTX/.dockerignore"
	echo b >"$T/other/b"
	find "$CTX" -type f -exec touch -d @1500000000 {} +
	touch -d @1500000007 "$CTX/a"
	touch -d @1600000000 "$CTX/ignored"
	touch -d @1400000000 "$T/other/b"
	build --source-date-epoch context
	same "$(config t .created)" 2017-07-14T02:40:07Z
	SOURCE_DATE_EPOCH=context build
	same "$(config t .created)" 2017-07-14T02:40:07Z
	build --build-arg SOURCE_DATE_EPOCH=other --build-context "other=$T/other"
	same "$(config t .created)" 2014-05-13T16:53:20Z
	build --build-arg SOURCE_DATE_EPOCH=1450000000
	same "$(config t .created)" 2015-12-13T09:46:40Z
	sed -i '1i ARG SOURCE_DATE_EPOCH=1450000001' "$CTX/Dockerfile"
	build -o "type=tar,dest=$T/t.tar"
	same "$(config t .created)" 2015-12-13T09:46:41Z
	same "$(tar --utc --full-time -tvf "$T/t.tar" | awk '$4 " " $5 > "2015-12-13 09:46:41"')" ""
	refuses --source-date-epoch yesterday -- "SOURCE_DATE_EPOCH=yesterday" \
		"no number of seconds" '"context"'
	run -2 varve build -f - --source-date-epoch context - <<<'FROM base'
	run -2 varve build --check --source-date-epoch context - <<<'FROM base'
	says "SOURCE_DATE_EPOCH=context" "no context"
}

@test "SOURCE_DATE_EPOCH=context of a git context is the time of the commit" {
	base
	git_start
	repository repo
	printf 'FROM base\nCOPY f /\n' >"$T/git/repo/Dockerfile"
	echo f >"$T/git/repo/f"
	commit repo >/dev/null
	run -0 varve build -q -t t --source-date-epoch context "$GIT/repo"
	same "$(config t .created)" 2001-09-09T01:46:40Z
}

@test "build arguments by which BuildKit is told something" {
	base
	dockerfile <<-'X'
	# syntax=example.org/other/frontend
	FROM base
	RUN hostname >/name
	X
	build --build-arg BUILDKIT_SYNTAX=dockerfile.v0 --build-arg BUILDKIT_INLINE_CACHE=1 \
		--build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 \
		--build-arg BUILDKIT_SANDBOX_HOSTNAME=told
	says_not warning example.org
	flatten t "$T/t"
	same "$(cat "$T/t/name")" told
	build
	says "example.org/other/frontend is not used"
	build --build-arg BUILDKIT_SYNTAX=example.org/third
	says "example.org/third is not used"
}

@test "what options give to RUN reaches the program, and no layer" {
	need_root
	base
	mkdir "$T/shared" && echo mine >"$T/shared/f"
	dockerfile <<-'X'
	FROM base
	RUN grep -w told /etc/hosts && ulimit -n && df -k /dev/shm | tail -n 1 && cat /shared/f
	RUN echo written >/shared/g
	X
	build --add-host told:10.1.2.3 --ulimit nofile=77:88 --shm-size 1m \
		-v "$T/shared:/shared"
	says "10.1.2.3" 77 1024 mine
	same "$(cat "$T/shared/g")" written
	flatten t "$T/t"
	[ ! -e "$T/t/shared" ]
	run ! grep -q told "$T/t/etc/hosts"
	build_fails --add-host told:10.1.2.3 -v "$T/shared:/shared:ro" --no-cache -- Dockerfile:3 "exited with status 1"
	dockerfile <<-'X'
	FROM base
	RUN cat /proc/net/dev | tail -n +3 | cut -d: -f1
	X
	build --network none
	says " lo"
	same "$(grep -cE '#[0-9]+ [0-9.]+ +[a-z]+' <<<"$output")" 1
}
