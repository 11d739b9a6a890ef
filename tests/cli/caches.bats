#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# RUN --mount=type=cache: what stays, who shares it with whom, and how it goes.

load helpers

# A build of the Dockerfile from standard input that runs in the background as image $1; $PID. Each
# has two fifos in /sync: the step writes a word to $1.out and reads one from $1.in.
begin() {
	mkdir -p "$T/ctx.$1" "$T/sync"
	mkfifo "$T/sync/$1.in" "$T/sync/$1.out"
	cat >"$T/ctx.$1/Dockerfile"
	"$PROGRAM" build --progress=plain -t "$1" --volume "$T/sync:/sync" "$T/ctx.$1" \
		>"$T/$1.log" 2>&1 &
	PID=$!
}

# Waits for the word that the step of $1 says; fails if the build ends before.
hear() {
	local word
	read -r word <>"$T/sync/$1.out"
	same "$word" "$2"
}

go_on() {
	echo go >"$T/sync/$1.in"
}

finish() {
	wait "$2" || { cat "$T/$1.log"; return 1; }
}

# The first (or only) cache mount.
cache_directory() {
	echo "$VARVE_ROOT"/mounts/*/fs
}

@test "cache: what is written is there in the next step and the next build" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c echo 1 >>/c/f
	RUN --mount=type=cache,target=/c echo 2 >>/c/f && cp /c/f /out
	X
	build
	build --no-cache
	flatten t "$T/root"
	same "$(tr '\n' ' ' <"$T/root/out")" "1 2 1 2 "
	[ ! -e "$T/root/c" ]
}

@test "cache: is not part of the image or the key" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c,id=one echo x >/c/f; echo y >/out
	X
	build
	same "$(layer_names t 2)" out
	echo changed >"$(cache_directory)/f"
	build
	says CACHED
	sed -i 's/id=one/id=two,sharing=locked/' "$CTX/Dockerfile"
	build
	says CACHED
	sed -i 's/,id=two,sharing=locked/,mode=0700/' "$CTX/Dockerfile"
	build
}

@test "cache: the id is the target unless it is given" {
	base
	dockerfile <<-'X'
	FROM base
	WORKDIR /w
	RUN --mount=type=cache,target=/a/../c echo 1 >/c/f
	RUN --mount=type=cache,target=/c test -e /c/f
	RUN --mount=type=cache,id=/c,target=/d test -e /d/f
	RUN --mount=type=cache,id=other,target=/c test ! -e /c/f
	RUN --mount=type=cache,target=c test ! -e /w/c/f && echo 2 >/w/c/g
	WORKDIR /elsewhere
	RUN --mount=type=cache,target=./c test -e /elsewhere/c/g
	X
	build
}

@test "cache: a namespace of its own" {
	base
	dockerfile <<-'X'
	FROM base
	ARG BUILDKIT_CACHE_MOUNT_NS
	RUN --mount=type=cache,target=/c ls /c >/out; echo x >/c/f
	X
	build --no-cache --build-arg BUILDKIT_CACHE_MOUNT_NS=a
	build --no-cache --build-arg BUILDKIT_CACHE_MOUNT_NS=b
	flatten t "$T/root"
	same "$(cat "$T/root/out")" ""
	build --no-cache --build-arg BUILDKIT_CACHE_MOUNT_NS=a
	flatten t "$T/again"
	same "$(cat "$T/again/out")" f
}

@test "cache: mode and owner of a new one" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=cache,target=/a --mount=type=cache,target=/b,mode=0770,uid=5,gid=7 \
	    stat -c '%a %u:%g' /a /b >/out
	USER 1000
	RUN --mount=type=cache,target=/mine,uid=1000 touch /mine/x
	RUN --mount=type=cache,target=/a ! touch /a/x
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" "755 0:0
770 5:7"
}

@test "cache: filled from a stage, an image or a directory of it when it is new" {
	base
	dockerfile <<-'X'
	FROM base AS made
	RUN mkdir -p /made/sub && echo first >/made/sub/f && chown 5:7 /made/sub/f
	FROM base
	RUN --mount=type=cache,id=a,target=/c,from=made,source=/made \
	    cat /c/sub/f >/out; stat -c %u:%g /c/sub/f >>/out; echo second >/c/sub/f
	RUN --mount=type=cache,id=a,target=/c,from=made,source=/made cat /c/sub/f >>/out
	RUN --mount=type=cache,id=b,target=/c,from=base ls -d /c/bin/busybox >>/out
	X
	build
	flatten t "$T/root"
	same "$(tr '\n' ' ' <"$T/root/out")" "first 5:7 second /c/bin/busybox "
}

@test "cache: another source, owner or mode is another cache" {
	base
	dockerfile <<-'X'
	FROM base AS made
	RUN mkdir -p /made && echo 1 >/made/f
	FROM base
	RUN --mount=type=cache,target=/c,from=made,source=/made touch /c/x; ls /c >/out
	RUN --mount=type=cache,target=/c ls /c >>/out; touch /c/y
	RUN --mount=type=cache,target=/c,uid=5 ls /c >>/out; touch /c/z
	RUN --mount=type=cache,target=/c,mode=0700 ls /c >>/out
	X
	build
	sed -i 's/echo 1/echo 2/' "$CTX/Dockerfile"
	build --no-cache
	flatten t "$T/root"
	same "$(tr '\n' ' ' <"$T/root/out")" "f x y z "
	same "$(ls "$VARVE_ROOT/mounts" | wc -l)" 5
}

@test "cache: read-only" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c echo x >/c/f
	RUN --mount=type=cache,target=/c,ro cat /c/f && ! touch /c/g
	RUN --mount=type=cache,target=/c,readonly=true ! rm /c/f
	X
	build
	same "$(ls "$(cache_directory)")" f
}

@test "cache: twice in one step is the same one" {
	base
	for sharing in shared private locked; do
		dockerfile <<-X
		FROM base
		RUN --mount=type=cache,id=i$sharing,target=/a,sharing=$sharing \\
		    --mount=type=cache,id=i$sharing,target=/b,sharing=$sharing \\
		    echo x >/a/f && cat /b/f
		X
		VARVE_LIMIT=20 build
	done
}

@test "cache: what a failed step wrote stays" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c echo x >/c/f; false
	X
	build_fails -- "exited with status 1"
	same "$(ls "$(cache_directory)")" f
}

@test "cache: shared by builds at the same time" {
	local a b
	base
	begin a <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c echo a >/c/a; echo ready >/sync/a.out; \
	    read x </sync/a.in; cp /c/b /out
	X
	a=$PID
	hear a ready
	begin b <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c cat /c/a; echo b >/c/b
	X
	b=$PID
	finish b "$b"
	go_on a
	finish a "$a"
	flatten a "$T/root"
	same "$(cat "$T/root/out")" b
}

@test "cache: private ones are apart at the same time, and found again" {
	local a b
	base
	begin a <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c,sharing=private echo a >/c/f; echo ready >/sync/a.out; \
	    read x </sync/a.in; cp /c/f /out
	X
	a=$PID
	hear a ready
	begin b <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c,sharing=private ls /c >/before; echo b >/c/f
	X
	b=$PID
	finish b "$b"
	go_on a
	finish a "$a"
	flatten a "$T/root.a"
	flatten b "$T/root.b"
	same "$(cat "$T/root.a/out")" a
	same "$(cat "$T/root.b/before")" ""
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c,sharing=private cp /c/f /out
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" a
	same "$(ls "$VARVE_ROOT/mounts" | wc -l)" 2
}

# Until process $1 or a child of it waits for the lock of the only cache mount.
until_it_waits() {
	local inode
	inode=$(stat -c %i "$VARVE_ROOT"/mounts/*/lock)
	until grep -q -- "-> .*:$inode " /proc/locks; do
		kill -0 "$1"
	done
}

@test "cache: locked, one build waits for the other" {
	local a b
	base
	begin a <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c,sharing=locked echo a1 >>/c/f; echo ready >/sync/a.out; \
	    read x </sync/a.in; echo a2 >>/c/f
	X
	a=$PID
	hear a ready
	begin b <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c,sharing=locked echo b >>/c/f
	X
	b=$PID
	until_it_waits "$b"
	go_on a
	finish a "$a"
	finish b "$b"
	same "$(tr '\n' ' ' <"$(cache_directory)/f")" "a1 a2 b "
}

@test "cache: a build that is killed gives a locked one back" {
	local a b
	base
	begin a <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c,sharing=locked echo a1 >>/c/f; echo ready >/sync/a.out; \
	    read x </sync/a.in; echo a2 >>/c/f
	X
	a=$PID
	hear a ready
	begin b <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c,sharing=locked echo b >>/c/f
	X
	b=$PID
	until_it_waits "$b"
	kill -9 "$a"
	wait "$a" || true
	finish b "$b"
	same "$(tr '\n' ' ' <"$(cache_directory)/f")" "a1 b "
	varve info >/dev/null # collects what the dead one left
}

@test "cache: locked, stages of one build take turns" {
	base
	{
		for i in 1 2 3 4 5 6; do
			echo "FROM base AS s$i"
			echo "RUN --mount=type=cache,target=/c,sharing=locked \\"
			echo " mkdir /c/lock && echo $i >>/c/f && rmdir /c/lock && touch /done$i"
		done
		echo "FROM base"
		for i in 1 2 3 4 5 6; do
			echo "COPY --from=s$i /done$i /"
		done
	} >"$CTX/Dockerfile"
	build
	same "$(sort "$(cache_directory)/f" | tr '\n' ' ')" "1 2 3 4 5 6 "
}

@test "cache: steps that lock two in opposite order do not wait for each other" {
	base
	dockerfile <<-'X'
	FROM base AS a
	RUN --mount=type=cache,id=1,target=/1,sharing=locked --mount=type=cache,id=2,target=/2,sharing=locked \
	    echo a >>/1/f; echo a >>/2/f; touch /a
	FROM base AS b
	RUN --mount=type=cache,id=2,target=/1,sharing=locked --mount=type=cache,id=1,target=/2,sharing=locked \
	    echo b >>/1/f; echo b >>/2/f; touch /b
	FROM base
	COPY --from=a /a /
	COPY --from=b /b /
	X
	VARVE_LIMIT=30 build
	same "$(cat "$VARVE_ROOT"/mounts/*/fs/f | sort | tr '\n' ' ')" "a a b b "
}

@test "cache: prune takes only those that nobody uses" {
	local a
	base
	begin a <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c echo a >/c/f; echo ready >/sync/a.out; read x </sync/a.in; \
	    cp /c/f /out
	X
	a=$PID
	hear a ready
	run -0 varve prune --mounts
	says "0 cache mounts"
	go_on a
	finish a "$a"
	run -0 varve info
	says "cache mounts      1"
	run -0 varve prune
	says "0 cache mounts"
	run -0 varve prune --mounts --older 1h
	says "0 cache mounts"
	run -0 varve prune --mounts --dry-run
	says "1 cache mounts"
	run -0 varve prune --mounts
	says "1 cache mounts"
	same "$(ls "$VARVE_ROOT/mounts")" ""
}

@test "cache: prune --all takes them, too" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=cache,target=/c mkdir -p /c/a/b && chmod 0 /c/a && head -c 100000 /dev/zero >/c/f
	X
	build
	run -0 varve prune --all
	says "1 cache mounts"
	[ ! -e "$(cache_directory)" ]
	build
}
