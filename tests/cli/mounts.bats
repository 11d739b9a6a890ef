#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# RUN --mount: bind and tmpfs, and what all types have in common. The others: caches.bats,
# secrets.bats, ssh.bats.

load helpers

# One line that must fail with a message that has the rest of the arguments.
mount_fails() {
	printf 'FROM base\nRUN --mount=%s true\n' "$1" >"$CTX/Dockerfile"
	shift
	build_fails -- "$@"
}

# --- bind ------------------------------------------------------------------------------------

@test "bind: the context by default, read-only" {
	base
	mkdir -p "$CTX/dir"
	echo content >"$CTX/dir/file"
	dockerfile <<-'X'
	FROM base
	RUN --mount=target=/ctx cp /ctx/dir/file /out; ! touch /ctx/dir/x
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" content
	[ ! -e "$T/root/ctx" ]
	[ ! -e "$CTX/dir/x" ]
}

@test "bind: a directory or a file of the context" {
	base
	mkdir -p "$CTX/dir/sub"
	echo content >"$CTX/dir/sub/file"
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=bind,source=dir/sub,target=/a --mount=type=bind,src=dir/sub/file,dst=/b \
	    cat /a/file /b >/out
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" "content
content"
}

@test "bind: of a stage and of an image" {
	base
	dockerfile <<-'X'
	FROM base AS made
	RUN mkdir /made && echo content >/made/file && ln -s /made/file /link
	FROM base
	RUN --mount=from=made,source=/made,target=/a cp /a/file /out1
	RUN --mount=from=made,source=/link,target=/a cp /a /out2
	RUN --mount=from=base,source=bin/busybox,target=/busybox /busybox true
	RUN --mount=from=0,target=/all cat /all/made/file >/out3
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out1" "$T/root/out2" "$T/root/out3")" "content
content
content"
	[ ! -e "$T/root/a" ]
	[ ! -e "$T/root/made" ]
}

@test "bind: writes to rw are discarded" {
	base
	mkdir "$CTX/dir"
	echo old >"$CTX/dir/file"
	dockerfile <<-'X'
	FROM base AS made
	RUN mkdir /made && echo old >/made/file
	FROM base
	RUN --mount=source=dir,target=/a,rw --mount=from=made,source=made,target=/b,readwrite \
	    echo new >/a/file; echo new >/b/file; rm /b/file; touch /a/x /b/x; ls /a /b >/out
	RUN --mount=source=dir,target=/a,rw --mount=from=made,source=made,target=/b,rw=true \
	    cat /a/file /b/file >/after; ls /a /b >>/after
	X
	build
	flatten t "$T/root"
	same "$(tr '\n' ' ' <"$T/root/out")" "/a: file x  /b: x "
	same "$(tr '\n' ' ' <"$T/root/after")" "old old /a: file  /b: file "
	same "$(cat "$CTX/dir/file")" old
	same "$(ls "$CTX/dir")" file
}

@test "bind: rw of a file" {
	base
	echo old >"$CTX/file"
	dockerfile <<-'X'
	FROM base
	RUN --mount=source=file,target=/f,rw echo new >/f; cp /f /out
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" new
	same "$(cat "$CTX/file")" old
}

@test "bind: stays inside its source" {
	base
	echo secret >"$T/outside"
	ln -s "$T/outside" "$CTX/link"
	dockerfile <<-'X'
	FROM base
	RUN --mount=source=link,target=/a cat /a
	X
	build_fails -- "--mount"
	dockerfile <<-'X'
	FROM base
	RUN --mount=source=../../../etc/hostname,target=/a cat /a
	X
	build_fails -- "etc/hostname"
}

@test "bind: what the ignore file names is not there" {
	base
	mkdir "$CTX/dir"
	echo 1 >"$CTX/dir/kept"
	echo 2 >"$CTX/dir/ignored"
	echo dir/ignored >"$CTX/.dockerignore"
	dockerfile <<-'X'
	FROM base
	RUN --mount=source=dir,target=/a ls /a >/out
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" kept
}

@test "bind: a change of the source runs the step again, one elsewhere does not" {
	base
	mkdir "$CTX/dir"
	echo 1 >"$CTX/dir/file"
	dockerfile <<-'X'
	FROM base
	RUN --mount=source=dir,target=/a cp /a/file /out
	X
	build
	echo elsewhere >"$CTX/other"
	build
	says CACHED
	echo 2 >"$CTX/dir/file"
	build
	says_not CACHED
	flatten t "$T/root"
	same "$(cat "$T/root/out")" 2
}

@test "bind: a source that is missing is named" {
	base
	mount_fails "source=nothing,target=/a" "nothing"
	mount_fails "from=base,source=/nothing,target=/a" "nothing"
	mount_fails "from=nowhere/at:all,target=/a" "nowhere/at"
}

# --- tmpfs -----------------------------------------------------------------------------------

@test "tmpfs: empty, writable by all, executable, gone afterwards" {
	base
	dockerfile <<-'X'
	FROM base
	RUN echo hidden >/tmp/old
	RUN --mount=type=tmpfs,target=/tmp stat -c %a /tmp >/out; ls /tmp >>/out; \
	    cp /bin/busybox /tmp/busybox && /tmp/busybox echo runs >>/out; grep -o '/tmp tmpfs' /proc/mounts >>/out
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" "1777
runs
/tmp tmpfs"
	same "$(ls "$T/root/tmp")" old
}

@test "tmpfs: size" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=tmpfs,target=/a,size=1m ! head -c 1100000 /dev/zero >/a/f; stat -c %s /a/f >/out
	RUN --mount=type=tmpfs,target=/a,size=2m head -c 1100000 /dev/zero >/a/f
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" 1048576
}

# --- targets ---------------------------------------------------------------------------------

@test "targets: relative ones are below the working directory, variables are expanded" {
	base
	mkdir "$CTX/dir"
	echo content >"$CTX/dir/file"
	dockerfile <<-'X'
	FROM base
	ARG WHERE=a
	ENV FROM_DIR=dir
	WORKDIR /w
	RUN --mount=source=$FROM_DIR,target=${WHERE}/b cat /w/a/b/file
	X
	build
	flatten t "$T/root"
	same "$(ls -A "$T/root/w")" ""
}

@test "targets: mount points are not in the layer, and their parents keep their times" {
	base
	mkdir "$CTX/dir"
	echo content >"$CTX/file"
	dockerfile <<-'X'
	FROM base
	RUN mkdir -p /kept/in && touch -d @1000000000 /kept/in /kept
	RUN --mount=source=dir,target=/kept/in/a --mount=source=file,target=/kept/in/b \
	    --mount=type=tmpfs,target=/kept/c/d --mount=type=cache,target=/kept/e \
	    echo only >/this
	X
	build
	same "$(layer_names t 3)" this
	flatten t "$T/root"
	same "$(stat -c %Y "$T/root/kept" "$T/root/kept/in")" "1000000000
1000000000"
	same "$(find "$T/root/kept")" "$T/root/kept
$T/root/kept/in"
}

@test "targets: an existing directory or file is covered only" {
	base
	mkdir "$CTX/dir"
	echo new >"$CTX/dir/file"
	dockerfile <<-'X'
	FROM base
	RUN mkdir /a && echo old >/a/file && echo old >/f
	RUN --mount=source=dir,target=/a --mount=source=dir/file,target=/f cat /a/file /f >/out
	X
	build
	same "$(layer_names t 3)" out
	flatten t "$T/root"
	same "$(cat "$T/root/out" "$T/root/a/file" "$T/root/f" | tr '\n' ' ')" "new new old old "
}

@test "targets: through links of the image" {
	base
	echo content >"$CTX/file"
	dockerfile <<-'X'
	FROM base
	RUN mkdir /real && ln -s /real /link && ln -s ../../real/missing /real/over
	RUN --mount=source=file,target=/link/f --mount=type=tmpfs,target=/real/over/t \
	    cat /real/f >/out; ls -d /real/missing/t >>/out
	X
	build
	same "$(layer_names t 3)" out
	flatten t "$T/root"
	same "$(cat "$T/root/out")" "content
/real/missing/t"
}

@test "targets: one mount below another, in any order" {
	base
	mkdir -p "$CTX/dir"
	echo content >"$CTX/file"
	dockerfile <<-'X'
	FROM base
	RUN --mount=source=file,target=/a/b/c/file --mount=type=tmpfs,target=/a/b \
	    --mount=type=cache,target=/a cat /a/b/c/file >/out && touch /a/kept
	RUN --mount=type=cache,target=/a find /a >/after
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" content
	same "$(sort "$T/root/after" | tr '\n' ' ')" "/a /a/b /a/kept "
}

@test "targets: twice the same, the later one counts" {
	base
	echo 1 >"$CTX/one"
	echo 2 >"$CTX/two"
	dockerfile <<-'X'
	FROM base
	RUN --mount=source=one,target=/f --mount=source=two,target=/f cat /f >/out
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" 2
}

@test "targets: not / and not in /proc or /sys" {
	base
	mount_fails "type=tmpfs,target=/" "the target cannot be /"
	mount_fails "type=tmpfs,target=/a/.." "the target cannot be /"
	mount_fails "type=tmpfs,target=/proc/sys" "/proc"
	mount_fails "type=tmpfs,target=/sys/fs" "/sys"
}

@test "targets: below /dev and /run" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=type=tmpfs,target=/dev/mine,size=1m --mount=type=tmpfs,target=/run \
	    touch /dev/mine/x /run/x; grep -c -e ' /dev/mine ' -e ' /run ' /proc/mounts >/out
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" 2
	[ ! -e "$T/root/run" ]
}

# --- what is written wrong -------------------------------------------------------------------

@test "errors: unknown keys and types, with a suggestion" {
	base
	mount_fails "type=bnd,target=/a" "unknown type bnd"
	mount_fails "type=bind,targt=/a" "targt" "did you mean target?"
	mount_fails "type=cache,target=/a,sharing=some" "unknown sharing some"
	mount_fails "type=cache" "needs a target"
	mount_fails "type=tmpfs" "needs a target"
	mount_fails "type=secret" "needs an id or a target"
}

@test "errors: options of other types" {
	base
	mount_fails "type=bind,target=/a,mode=0755" "mode is not an option of type bind"
	mount_fails "type=tmpfs,target=/a,uid=1" "uid is not an option of type tmpfs"
	mount_fails "type=bind,target=/a,sharing=locked" "sharing is not an option of type bind"
	mount_fails "type=cache,target=/a,required=true" "required is not an option of type cache"
	mount_fails "type=cache,target=/a,size=1m" "size is not an option of type cache"
	mount_fails "type=tmpfs,target=/a,from=base" "from is not an option of type tmpfs"
}

@test "errors: values" {
	base
	mount_fails "type=cache,target=/a,mode=0999" "mode=0999"
	mount_fails "type=cache,target=/a,uid=-1" "uid=-1"
	mount_fails "type=cache,target=/a,uid=root" "uid=root"
	mount_fails "type=tmpfs,target=/a,size=big" "size=big"
	mount_fails "target=/a,rw=perhaps" "rw=perhaps"
	mount_fails "type=secret,id=a,source=b" "mean the same"
}

@test "errors: keys in any case, quoted fields" {
	base
	echo content >"$CTX/a,b"
	dockerfile <<-'X'
	FROM base
	RUN --mount=TYPE=Bind,\"Source=a,b\",TARGET=/f cat /f >/out
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/out")" content
}

@test "mounts of a step that fails are gone" {
	base
	dockerfile <<-'X'
	FROM base
	RUN --mount=target=/ctx,rw --mount=type=tmpfs,target=/a --mount=type=cache,target=/b \
	    touch /ctx/x; false
	X
	build_fails -- "exited with status 1"
	[ ! -e "$CTX/x" ]
}
