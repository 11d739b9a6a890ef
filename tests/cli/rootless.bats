#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The same program as an ordinary user: with subordinate ids everything works and gives root's bytes.

load helpers

setup() {
	need_root # to become somebody else
	need setpriv newuidmap
	varve_setup
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$T"
	mkdir "$T/home" "$T/etc" && chown 12345:12345 "$T/home"
	# Users are made in copies of /etc that only the test sees.
	for file in passwd group subuid subgid; do
		touch "/etc/$file"
		cp "/etc/$file" "$T/etc/$file"
	done
	echo "tester:x:12345:12345::$T/home:/bin/sh" >>"$T/etc/passwd"
	echo "tester:x:12345:" >>"$T/etc/group"
	echo "tester:700000:65536" | tee -a "$T/etc/subuid" >>"$T/etc/subgid"
	cat >"$T/as-user" <<-'X'
	for file in passwd group subuid subgid; do
		mount --bind "$T/etc/$file" "/etc/$file"
	done
	cd "$T/home"
	exec env -i PATH="$PATH" HOME="$T/home" VARVE="$PROGRAM" VARVE_ROOT="$T/home/store" \
		${SOURCE_DATE_EPOCH+SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH} \
		setpriv --reuid 12345 --regid 12345 --clear-groups "$@"
	X
}

# Runs a command as user "tester".
as_user() {
	export T PROGRAM
	timeout 120 unshare -m sh "$T/as-user" "$@"
}

@test "make demo's program runs as an ordinary user" {
	cp -r "$BATS_TEST_DIRNAME/../../examples" "$T/examples"
	chmod -R a+rX "$T/examples"
	run -0 as_user sh "$T/examples/demo.sh" "$T/home/demo"
	says "Hello, I am root" "D /app/notes" "4 cached"
}

@test "an ordinary user's layers and image are those of root" {
	busybox_tree "$T/tree"
	chown -R 12345:12345 "$T/tree"
	mkdir "$CTX/d" && echo f >"$CTX/d/f" && chmod -R a+rX "$CTX"
	dockerfile <<-'X'
	FROM base
	COPY --chown=5:6 d /d
	RUN mkdir /x && echo x >/x/x && chown 1000:1000 /x/x && rm -r /d && mkdir /d && ln -s x /x/l
	RUN chmod 4755 /x/x && rm /etc/group
	X
	export SOURCE_DATE_EPOCH=1500000000
	# The tree's owner is 12345 for root and 0 inside the user's namespace; a tar has none of that.
	tar -C "$T/tree" --owner 0 --group 0 --numeric-owner -cf "$T/tree.tar" .
	varve import "$T/tree.tar" base
	varve build -q -t t "$CTX" >"$T/root.id"
	chmod 755 "$CTX" && chmod 644 "$T/tree.tar"
	as_user "$PROGRAM" import "$T/tree.tar" base
	as_user "$PROGRAM" build -q -t t "$CTX" >"$T/user.id"
	same "$(cat "$T/user.id")" "$(cat "$T/root.id")"
	wanted=$(manifest t)
	VARVE_ROOT=$T/home/store
	same "$(manifest t)" "$wanted"
	as_user "$PROGRAM" fsck
}

@test "without subordinate ids: one id is enough for a simple build, and chown says why it fails" {
	sed -i '/^tester:/d' "$T/etc/subuid" "$T/etc/subgid"
	busybox_tree "$T/tree"
	tar -C "$T/tree" --owner 0 --group 0 --numeric-owner -cf "$T/tree.tar" .
	printf 'FROM base\nRUN echo x >/x\n' | dockerfile
	chmod 755 "$CTX" && chmod 644 "$T/tree.tar" "$CTX/Dockerfile"
	run -0 as_user "$PROGRAM" import "$T/tree.tar" base
	run as_user "$PROGRAM" build --progress=plain -t t "$CTX"
	same "$status" 0
	printf 'FROM base\nRUN chown 5:6 /bin\n' | dockerfile
	run as_user "$PROGRAM" build --progress=plain -t t "$CTX"
	[ "$status" != 0 ] && [ "$status" -lt 124 ]
	says "Dockerfile:2"
}

@test "mounts of every type as an ordinary user" {
	need ssh-agent ssh-keygen
	busybox_tree "$T/tree"
	chown -R 12345:12345 "$T/tree"
	mkdir "$T/home/ctx"
	echo content >"$T/home/ctx/file"
	echo value-of-a-secret >"$T/home/secret"
	cat >"$T/home/ctx/Dockerfile" <<-'X'
	FROM base AS made
	RUN mkdir /made && echo made >/made/f && chown 5:7 /made/f
	FROM base
	RUN --mount=source=file,target=/a --mount=from=made,source=made,target=/b,rw \
	    --mount=type=tmpfs,target=/c,size=1m --mount=type=cache,target=/d,uid=5,mode=0700 \
	    --mount=type=secret,id=s,target=/e,uid=1000,mode=0440 \
	    --mount=type=ssh,uid=1000,gid=1000 \
	    cat /a /b/f >/out; stat -c %u:%g /b/f >>/out; echo x >/b/f; touch /c/x /d/x; \
	    stat -c '%a %u:%g' /d /e /run/buildkit/ssh_agent.0 >>/out; cat /e; sha256sum </e >/sum
	X
	chown -R 12345:12345 "$T/home"
	as_user ssh-keygen -q -t ed25519 -N '' -f "$T/home/key"
	as_user "$PROGRAM" import "$T/tree" base >/dev/null
	run -0 as_user "$PROGRAM" build --progress=plain -t t --secret "id=s,src=$T/home/secret" \
		--ssh "default=$T/home/key" "$T/home/ctx"
	says '***'
	says_not value-of-a-secret
	VARVE_ROOT=$T/home/store flatten t "$T/root"
	same "$(cat "$T/root/out")" "content
made
5:7
700 5:0
440 1000:0
600 1000:1000"
	same "$(cut -d' ' -f1 "$T/root/sum")" \
		"$(sha256sum "$T/home/secret" | cut -d' ' -f1)"
	same "$(ls -A "$T/root" | grep -c '^[abcde]$')" 0
	run grep -rlF value-of-a-secret "$T/home/store"
	same "$output" ""
	run -0 as_user "$PROGRAM" prune --mounts
	says "1 cache mounts"
}
