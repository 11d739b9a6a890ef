#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Programs in containers: run.

load helpers

@test "run executes the image's command and leaves nothing behind" {
	need_root
	base
	varve import -c 'CMD ["echo", "from", "cmd"]' -c 'ENV A=1 B=2' -c 'WORKDIR /made/up' \
		-c 'USER user' "$BATS_FILE_TMPDIR/base" app >/dev/null
	run -0 varve run --rm app
	same "$output" "from cmd"
	run -0 varve run --rm app sh -c 'id -u; pwd; echo $A $B $HOME'
	same "$output" "$(printf '1000\n/made/up\n1 2 /home/user')"
	run -0 varve run --rm -e B=3 -e C=4 -u 0 -w /tmp app sh -c 'echo $A $B $C; id -u; pwd'
	same "$output" "$(printf '1 3 4\n0\n/tmp')"
	run -0 varve run --rm --entrypoint /bin/echo app override
	same "$output" override
	same "$(echo through | varve run --rm app cat)" through
	run -0 varve run --rm -u 0 app sh -c 'echo x >/written; cat /written'
	run ! varve run --rm app cat /written
}

@test "run passes on exit status and signals" {
	need_root
	base
	run -7 varve run --rm base sh -c 'exit 7'
	run -137 varve run --rm base sh -c 'kill -9 $$'
	run -127 varve run --rm base /missing
	run -126 varve run --rm base /etc
	run -2 varve run base true
	says "--rm"
	run -2 varve run --rm base
	says "no command"
	run -4 varve run --rm nothing true
	run -4 varve run --rm -u nobody base true
	mkfifo "$T/ready"
	"$PROGRAM" run --rm base sh -c 'trap "echo term; exit 9" TERM; echo up; while :; do sleep 0.05; done' \
		>"$T/ready" 2>&1 3>&- &
	pid=$!
	exec 4<"$T/ready"
	read -r line <&4
	same "$line" up
	kill -TERM "$pid"
	read -r line <&4
	same "$line" term
	status=0
	wait "$pid" || status=$?
	same "$status" 9
	exec 4<&-
}

@test "run isolates: read-only root, no network, own processes" {
	need_root
	base
	run ! varve run --rm --read-only base sh -c 'echo x >/x'
	says "Read-only file system"
	same "$(varve run --rm --network=none base sh -c 'ls /sys/class/net; cat /proc/net/dev' |
		grep -c -e eth -e ens)" 0
	run -0 varve run --rm base sh -c 'ls -d /proc/[0-9]* | wc -l'
	[ "$output" -lt 6 ]
}

@test "run takes names without values from the environment, and refuses what is no name" {
	need_root
	base
	GIVEN=value run -0 varve run --rm -e GIVEN -e ABSENT base env
	says "GIVEN=value" "PATH=/usr/local/sbin" "HOME=/root"
	says_not ABSENT
	run -2 varve run --rm -e =x base env
	run -2 varve run --rm -w relative base pwd
	run -5 varve run --rm -w /etc/passwd base pwd
}

@test "run finds the working directory through symlinks of the image" {
	need_root
	busybox_tree "$T/root"
	ln -s /var "$T/root/link"
	varve import -c 'WORKDIR /link/a/b' "$T/root" app >/dev/null
	run -0 varve run --rm app sh -c 'pwd -P; readlink /link'
	same "$output" "$(printf '/var/a/b\n/var')"
}

@test "the third interrupt ends a program that does not listen" {
	need_root
	base
	mkfifo "$T/ready"
	"$PROGRAM" run --rm base sh -c 'trap "" INT; echo up; while :; do sleep 0.05; done' \
		>"$T/ready" 2>"$T/errors" 3>&- &
	pid=$!
	exec 4<"$T/ready"
	read -r line <&4
	same "$line" up
	# Equal signals that wait are one, so they are sent until it is enough.
	for ((i = 0; i < 1000; i++)); do
		kill -INT "$pid" 2>/dev/null || break
		read -r -t 0.05 line <&4 || true
	done
	status=0
	wait "$pid" || status=$?
	same "$status" 130
	grep interrupted "$T/errors"
	exec 4<&-
}

@test "an ordinary user has a store, images and containers" {
	need_root
	need setpriv
	base # not used, but its tree is
	user_home=$(mktemp -d)
	cp -a "$BATS_FILE_TMPDIR/base" "$user_home/tree"
	cp "$PROGRAM" "$user_home/varve"
	chown -R 54321:54321 "$user_home"
	as_user() {
		setpriv --reuid 54321 --regid 54321 --clear-groups env -u VARVE_ROOT -u XDG_DATA_HOME \
			HOME="$user_home" "$user_home/varve" "$@"
	}
	if ! as_user info >"$T/info" 2>&1; then
		rm -rf "$user_home"
		skip "no user namespaces here: $(head -n 1 "$T/info")"
	fi
	as_user import "$user_home/tree" t >"$T/id"
	as_user run --rm t sh -c 'id -u; echo x >/x; cat /x' >"$T/out" 2>&1 || true
	store_mode=$(meta "$user_home/.local/share/varve")
	left=$(find "$user_home/.local/share/varve/stage" -mindepth 1)
	as_user rmi t >/dev/null
	as_user fsck >"$T/fsck"
	rm -rf "$user_home"
	same "$(cat "$T/out")" "$(printf '0\nx')"
	same "$store_mode" "700 54321:54321"
	same "$left$(cat "$T/fsck")" ""
}

# Image "layered": ten layers over the base, and no tree of any.
layered() {
	local i
	base
	for i in 1 2 3 4 5; do
		mkdir -p "$CTX/d$i"
		head -c 300000 /dev/urandom >"$CTX/d$i/random"
		echo "$i" >"$CTX/d$i/number"
	done
	{
		echo FROM base
		printf 'COPY d%s/ /\nCOPY d%s /d%s\n' 1 1 1 2 2 2 3 3 3 4 4 4 5 5 5
	} | dockerfile
	build -t layered
	rm -rf "$VARVE_ROOT"/trees "$VARVE_ROOT"/pending
}

@test "run unpacks what is missing: every layer is there, the last one on top" {
	need_root
	layered
	# What is unpacked already is left as it is.
	varve run --rm base true
	run -0 varve run --rm layered sh -c 'cat /number /d1/number /d2/number /d3/number /d4/number /d5/number'
	same "$output" "$(printf '5\n1\n2\n3\n4\n5')"
	same "$(varve run --rm layered sh -c 'cat /random /d1/random /d2/random' | sha256sum)" \
		"$(cat "$CTX"/d5/random "$CTX"/d1/random "$CTX"/d2/random | sha256sum)"
	same "$(ls "$VARVE_ROOT/stage")" ""
}

@test "run: one bad layer among good ones is named, and nothing is left of the others' work" {
	need_root
	layered
	diff_id=$(config layered '.rootfs.diff_ids[6]')
	file=$(blob "$(layer_digests layered | sed -n 7p)")
	cp "$file" "$T/good"
	chmod 644 "$file"
	printf 'bad bytes' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") / 2)) conv=notrunc status=none
	run -5 varve run --rm layered true
	says "layered: unpacking layer $diff_id"
	same "$(ls "$VARVE_ROOT/stage")" ""
	cp "$T/good" "$file"
	run -0 varve run --rm layered cat /number
	same "$output" 5
}

@test "several runs at once need the same trees" {
	need_root
	layered
	pids=()
	for i in 1 2 3 4; do
		varve run --rm layered sh -c 'cat /number' >"$T/out$i" 2>&1 &
		pids+=($!)
	done
	for i in 1 2 3 4; do
		wait "${pids[i - 1]}"
		same "$(cat "$T/out$i")" 5
	done
	same "$(ls "$VARVE_ROOT/stage")" ""
}
