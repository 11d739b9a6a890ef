#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# RUN --mount=type=ssh with a real ssh-agent, and a real sshd on loopback.

load helpers

setup() {
	varve_setup
	need ssh-agent ssh-add ssh-keygen ldd
	ssh-keygen -q -t ed25519 -N '' -C first -f "$T/first"
	ssh-keygen -q -t ed25519 -N '' -C second -f "$T/second"
	eval "$(ssh-agent -a "$T/agent")" >/dev/null
	AGENT=$SSH_AGENT_PID
	ssh-add -q "$T/first"
}

teardown() {
	[ -z "${SSHD-}" ] || kill "$SSHD"
	[ -z "${AGENT-}" ] || kill "$AGENT"
	varve_teardown
}

# The image "base" with programs of the host and the libraries that they are linked with.
base_with() {
	local program library
	busybox_tree "$T/tree"
	mkdir -p "$T/tree/run"
	for program in "$@"; do
		program=$(readlink -f "$(command -v "$program")")
		for library in "$program" $(ldd "$program" | grep -o '/[^ ]*'); do
			mkdir -p "$T/tree${library%/*}"
			cp -L "$library" "$T/tree$library"
		done
	done
	varve import "$T/tree" base >/dev/null
}

fingerprint() {
	ssh-keygen -lf "$T/$1" | cut -d' ' -f2
}

# An sshd on loopback that accepts the first key; $PORT.
start_sshd() {
	need sshd
	need_root
	[ -d /run/sshd ] || mkdir -m 0755 /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$T/host"
	cp "$T/first.pub" "$T/authorized"
	for _ in $(seq 20); do
		PORT=$(shuf -n 1 -i 20000-60000)
		cat >"$T/sshd_config" <<-X
		ListenAddress 127.0.0.1
		Port $PORT
		HostKey $T/host
		AuthorizedKeysFile $T/authorized
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		StrictModes no
		UsePAM no
		PermitRootLogin yes
		PidFile none
		X
		"$(command -v sshd)" -D -e -f "$T/sshd_config" 2>"$T/sshd.log" 3>&- &
		SSHD=$!
		while kill -0 "$SSHD" 2>/dev/null; do
			! (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null || return 0
		done
	done
	cat "$T/sshd.log"
	return 1
}

@test "ssh: the program sees the keys of the agent, and nothing is left" {
	base_with ssh-add
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=ssh ssh-add -l >/keys; echo "$SSH_AUTH_SOCK" >/socket
	X
	build --ssh default
	flatten t "$T/root"
	same "$(cut -d' ' -f2 "$T/root/keys")" "$(fingerprint first)"
	[ "$(cat "$T/root/socket")" = /run/buildkit/ssh_agent.0 ]
	[ ! -e "$T/root/run/buildkit" ]
}

@test "ssh: login with a forwarded key" {
	start_sshd
	base_with ssh
	dockerfile <<-X
	FROM base
	RUN --mount=type=ssh ssh -p $PORT -o StrictHostKeyChecking=accept-new \\
	    -o UserKnownHostsFile=/known root@127.0.0.1 'echo logged in' >/out
	X
	build --ssh default
	flatten t "$T/root"
	same "$(cat "$T/root/out")" "logged in"
	# Without the mount there is no key.
	dockerfile <<-X
	FROM base
	RUN ssh -p $PORT -o StrictHostKeyChecking=accept-new \\
	    -o UserKnownHostsFile=/known root@127.0.0.1 true
	X
	build_fails --ssh default -- "Permission denied" "exited with status 255"
}

@test "ssh: git clone with a key file" {
	need git
	start_sshd
	base_with ssh git
	git init -q "$T/origin"
	echo content >"$T/origin/file"
	git -C "$T/origin" add file
	git -C "$T/origin" -c user.name=n -c user.email=e commit -q -m m
	dockerfile <<-X
	FROM base
	ENV GIT_SSH_COMMAND="ssh -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/known"
	RUN --mount=type=ssh,id=deploy git clone -q ssh://root@127.0.0.1:$PORT$T/origin /clone
	X
	unset SSH_AUTH_SOCK
	build --ssh "deploy=$T/first"
	flatten t "$T/root"
	same "$(cat "$T/root/clone/file")" content
	run grep -rF "$(sed -n 3p "$T/first")" "$VARVE_ROOT"
	same "$status" 1
}

@test "ssh: key files, several of them" {
	base_with ssh-add
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=ssh ssh-add -l >/keys
	X
	build --ssh "default=$T/second,$T/first"
	flatten t "$T/root"
	same "$(cut -d' ' -f2 "$T/root/keys" | sort)" \
		"$(printf '%s\n' "$(fingerprint first)" "$(fingerprint second)" | sort)"
}

@test "ssh: keys cannot be added, removed or locked" {
	base_with ssh-add
	cp "$T/second" "$CTX/key"
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=bind,target=/ctx --mount=type=ssh \
	    cp /ctx/key /tmp/key && chmod 600 /tmp/key; \
	    ssh-add /tmp/key && echo added; ssh-add -D && echo removed; \
	    ssh-add -d /tmp/key && echo one removed; ssh-add -l
	X
	build --ssh default
	says_not "added
" "removed
"
	says "(ED25519)"
	same "$(ssh-add -l | cut -d' ' -f2)" "$(fingerprint first)"
}

@test "ssh: target, mode, owner and several agents" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=ssh,target=/tmp/a.sock,mode=0640,uid=5,gid=7 \
	    --mount=type=ssh,id=other \
	    stat -c '%F %a %u:%g' /tmp/a.sock /run/buildkit/ssh_agent.1 >/out; \
	    echo "$SSH_AUTH_SOCK" >>/out
	X
	build --ssh "default=$SSH_AUTH_SOCK" --ssh "other=$T/second"
	flatten t "$T/root"
	same "$(cat "$T/root/out")" "socket 640 5:7
socket 600 0:0
/tmp/a.sock"
	[ ! -e "$T/root/tmp/a.sock" ]
}

@test "ssh: SSH_AUTH_SOCK of the Dockerfile stays" {
	base
	dockerfile <<-'X'
	FROM base
	ENV SSH_AUTH_SOCK=/own
	RUN --mount=type=ssh test "$SSH_AUTH_SOCK" = /own
	X
	build --ssh default
}

@test "ssh: another user needs uid" {
	base_with ssh-add
	dockerfile <<-'X'
	FROM base
	USER 1000
	RUN --mount=type=ssh,uid=1000 ssh-add -l
	RUN --mount=type=ssh ! ssh-add -l
	X
	build --ssh default
}

@test "ssh: works without a network" {
	base_with ssh-add
	dockerfile <<-'X'
	FROM base
	RUN --network=none --mount=type=ssh ssh-add -l
	X
	build --ssh default
}

@test "ssh: steps side by side have agents of their own" {
	base_with ssh-add
	dockerfile <<-'X'
	FROM base AS a
	RUN --mount=type=ssh for i in $(seq 20); do ssh-add -l || exit 1; done >/a
	FROM base AS b
	RUN --mount=type=ssh for i in $(seq 20); do ssh-add -l || exit 1; done >/b
	FROM base
	COPY --from=a /a /
	COPY --from=b /b /
	X
	build --ssh default
	flatten t "$T/root"
	same "$(cat "$T/root/a" "$T/root/b" | wc -l)" 40
}

@test "ssh: another agent does not run a step again" {
	base_with ssh-add
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=ssh ssh-add -l >/keys
	X
	build --ssh default
	build --ssh "default=$T/second"
	says CACHED
	build
	says CACHED
}

@test "ssh: required or not" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=ssh test ! -e /run/buildkit/ssh_agent.0
	X
	build
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=ssh,required=true,id=deploy true
	X
	build_fails -- "deploy" "--ssh deploy"
}

@test "ssh: what is no agent and no key is an error before the step runs" {
	base
	ssh-keygen -q -t ed25519 -N secret -f "$T/locked"
	echo nonsense >"$T/nonsense"
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=ssh echo "the step" ran
	X
	build_fails --ssh "default=$T/locked" -- "--ssh default: $T/locked is protected by a passphrase"
	says_not "the step ran"
	build_fails --ssh "default=$T/nonsense" -- "$T/nonsense: not a private key"
	build_fails --ssh "default=$T/missing" -- "$T/missing"
	unset SSH_AUTH_SOCK
	build_fails --ssh default -- "SSH_AUTH_SOCK"
}

@test "ssh: nothing is left when the step fails or the build is killed" {
	base_with ssh-add
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=ssh ssh-add -l; false
	X
	build_fails --ssh "default=$T/first" -- "exited with status 1"
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=ssh echo running; sleep 1000
	X
	"$PROGRAM" build --progress=plain --ssh "default=$T/first" "$CTX" >"$T/log" 2>&1 &
	pid=$!
	until grep -q "running$" <(grep -v RUN "$T/log"); do
		kill -0 "$pid"
	done
	kill -9 "$pid"
	wait "$pid" || true
	# The agent's program holds this copy of the key's name only while it lives.
	for _ in $(seq 1000); do
		[ -n "$(leftovers | grep '^process')" ] || break
	done
	varve prune >/dev/null
}
