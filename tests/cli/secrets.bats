#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# RUN --mount=type=secret: what the program sees, and where the value never is.

load helpers

# Everything the store holds must be free of $1.
nowhere() {
	run grep -rlF -- "$1" "$VARVE_ROOT"
	same "$status $output" "1 "
}

@test "secret: a file with mode 0400 of root, only during the step" {
	base
	printf 'p@ssw0rd-of-a-file' >"$T/value"
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=token stat -c '%a %u:%g %s' /run/secrets/token >/meta; \
	    sha256sum </run/secrets/token >/sum; ! echo x >/run/secrets/token
	RUN test ! -e /run/secrets/token; test ! -e /run/secrets
	X
	build --secret "id=token,src=$T/value"
	flatten t "$T/root"
	same "$(cat "$T/root/meta")" "400 0:0 18"
	same "$(cut -d' ' -f1 "$T/root/sum")" "$(sha256sum "$T/value" | cut -d' ' -f1)"
	[ ! -e "$T/root/run" ]
	nowhere p@ssw0rd-of-a-file
}

@test "secret: target, mode and owner" {
	base
	echo value-of-it >"$T/value"
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=a,target=/root/.config/key,mode=0440,uid=5,gid=7 \
	    --mount=type=secret,src=a,dst=rel --mount=type=secret,target=/x/a \
	    stat -c '%n %a %u:%g' /root/.config/key /rel /x/a >/out
	X
	build --secret "id=a,src=$T/value"
	flatten t "$T/root"
	same "$(cat "$T/root/out")" "/root/.config/key 440 5:7
/rel 400 0:0
/x/a 400 0:0"
	same "$(ls -A "$T/root/root")" ""
}

@test "secret: in the environment, or both" {
	base
	export TOKEN_OF_TEST=from-the-environment
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=a,env=TOKEN echo -n "$TOKEN" | sha256sum >/sum; test ! -e /run/secrets/a
	RUN --mount=type=secret,id=a,env=TOKEN,target=/f echo -n "$TOKEN" | cmp - /f
	RUN test -z "$TOKEN"
	X
	build --secret id=a,env=TOKEN_OF_TEST
	flatten t "$T/root"
	same "$(cut -d' ' -f1 "$T/root/sum")" \
		"$(printf %s from-the-environment | sha256sum | cut -d' ' -f1)"
	nowhere from-the-environment
	run config t .config.Env
	says_not TOKEN
}

@test "secret: never in the store, whether the step succeeds or fails" {
	base
	echo 'never-to-be-seen-4711' >"$T/value"
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=a,env=A cat /run/secrets/a 2>&1; echo "$A"; cat /run/secrets/a >/tmp/x; rm /tmp/x
	X
	build --secret "id=a,src=$T/value"
	says '***'
	says_not never-to-be-seen-4711
	nowhere never-to-be-seen-4711
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=a,target=/f cat /f; cat /f >&2; exit 3
	X
	build_fails --secret "id=a,src=$T/value" -- '***' "exited with status 3"
	says_not never-to-be-seen-4711
	nowhere never-to-be-seen-4711
	# It cannot be given away through the name of what was missing either.
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=a,env=A printf '%s' "$A" | sed 's/./& /' ; "$A"
	X
	build_fails --secret "id=a,src=$T/value" -- '***'
	says_not never-to-be-seen-4711
}

@test "secret: output in pieces, and at its very end" {
	base
	printf 'abcdefghij' >"$T/value"
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=a,target=/f for i in 1 2 3 4 5 6 7 8 9; do \
	    cut -c 1-$i /f | tr -d '\n'; cut -c $((i + 1))- /f; done; printf abcdefghi
	X
	build --secret "id=a,src=$T/value"
	says_not abcdefghij
	says '***' abcdefghi
}

@test "secret: of many lines, none of them is shown" {
	base
	ssh-keygen -q -t ed25519 -N '' -f "$T/key" 2>/dev/null || skip "ssh-keygen is not installed"
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=key cat /run/secrets/key; sed -n 3p /run/secrets/key
	X
	build --secret "id=key,src=$T/key"
	says_not "$(sed -n 2p "$T/key")" "$(sed -n 3p "$T/key")" "BEGIN OPENSSH"
	nowhere "$(sed -n 3p "$T/key")"
}

@test "secret: another value does not run the step again" {
	base
	echo value-one >"$T/value"
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=a,target=/f sha256sum </f >/sum
	X
	build --secret "id=a,src=$T/value"
	echo value-two >"$T/value"
	build --secret "id=a,src=$T/value"
	says CACHED
	build
	says CACHED
}

@test "secret: required or not" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=a test ! -e /run/secrets/a
	X
	build
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=a,required true
	X
	build_fails -- "the secret a is required" "--secret id=a"
}

@test "secret: 500 KiB of any bytes" {
	base
	head -c 500000 /dev/urandom >"$T/value"
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=secret,id=a sha256sum </run/secrets/a >/sum
	X
	build --secret "id=a,src=$T/value"
	flatten t "$T/root"
	same "$(cut -d' ' -f1 "$T/root/sum")" "$(sha256sum "$T/value" | cut -d' ' -f1)"
}

@test "secret: for an ordinary user" {
	base
	echo value-of-it >"$T/value"
	dockerfile <<-'X'
	FROM base
	USER 1000
	RUN --mount=type=secret,id=a,uid=1000 test -s /run/secrets/a && cat /run/secrets/a >/dev/null
	RUN --mount=type=secret,id=a ! cat /run/secrets/a
	X
	build --secret "id=a,src=$T/value"
}
