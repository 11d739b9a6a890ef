#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# COPY and ADD: which file lands where, with which owner, mode and time; ignore files; archives.

load helpers

# Builds the Dockerfile from standard input on "base" and leaves the tree in $T/root.
copied() {
	[ -d "$VARVE_ROOT" ] || base
	{ echo "FROM base"; cat; } | dockerfile
	build
	rm -rf "$T/root"
	flatten t "$T/root"
}

@test "a file: to a name, into a directory, into an existing directory" {
	echo f >"$CTX/f"
	copied <<-'X'
	RUN mkdir /there
	COPY f /name
	COPY f /new/
	COPY f /there
	COPY f /deep/er/name
	WORKDIR /w
	COPY f .
	COPY f rel/
	X
	for path in name new/f there/f deep/er/name w/f w/rel/f; do
		same "$(cat "$T/root/$path")" f
	done
	same "$(meta "$T/root/deep")" "755 0:0"
}

@test "a directory: its contents are merged, its own metadata stays outside" {
	mkdir -p "$CTX/d/sub" && echo 1 >"$CTX/d/one" && echo 2 >"$CTX/d/sub/two"
	chmod 700 "$CTX/d" && chmod 750 "$CTX/d/sub" && chmod 640 "$CTX/d/one"
	copied <<-'X'
	RUN mkdir -m 711 /old && mkdir -m 777 /old/sub && echo o >/old/other
	COPY d /new
	COPY d/ /old
	COPY d/. /dot
	X
	for dir in new old dot; do
		same "$(cat "$T/root/$dir/one" "$T/root/$dir/sub/two")" "1
2"
		same "$(meta "$T/root/$dir/sub")" "750 0:0"
		same "$(meta "$T/root/$dir/one")" "640 0:0"
	done
	same "$(meta "$T/root/new")" "755 0:0"
	same "$(meta "$T/root/old")" "711 0:0"
	[ -f "$T/root/old/other" ]
}

@test "the layer of a COPY holds what was copied and the directories above it, nothing else" {
	mkdir -p "$CTX/d" && echo 1 >"$CTX/d/one"
	copied <<-'X'
	COPY d /etc/app/
	X
	same "$(layer_names t 2 | tr '\n' ' ')" "etc/ etc/app/ etc/app/one "
}

@test "several sources, wildcards, and the destinations they need" {
	mkdir "$CTX/d" && touch "$CTX"/{a.c,b.c,c.h,'[x]',d/in}
	copied <<-'X'
	COPY a.c c.h /two/
	COPY *.c /wild/
	COPY [ab].? /class/
	COPY [[]x] /bracket/
	COPY d* /dir/
	COPY ["a.c", "/json dest/"]
	X
	same "$(ls "$T/root/two" | tr '\n' ' ')" "a.c c.h "
	same "$(ls "$T/root/wild" | tr '\n' ' ')" "a.c b.c "
	same "$(ls "$T/root/class" | tr '\n' ' ')" "a.c b.c "
	same "$(ls "$T/root/bracket")" "[x]"
	[ -f "$T/root/dir/in" ]
	[ -f "$T/root/json dest/a.c" ]
	printf 'FROM base\nCOPY a.c b.c /x\n' | dockerfile
	build_fails -- "Dockerfile:2"
	printf 'FROM base\nCOPY *.c /x\n' | dockerfile
	build_fails -- "Dockerfile:2"
	printf 'FROM base\nCOPY missing /x\n' | dockerfile
	build_fails -- "Dockerfile:2" missing
}

@test "owner: 0:0 from the context, kept from a stage, --chown by number and by name" {
	echo f >"$CTX/f" && chown 33:44 "$CTX/f" 2>/dev/null || true
	base
	dockerfile <<-'X'
	FROM base AS src
	RUN echo s >/s && chown 5:6 /s
	FROM base
	COPY f /plain
	COPY --from=src /s /kept
	COPY --chown=7:8 f /number
	COPY --chown=9 f /single
	COPY --chown=user f /name
	COPY --chown=user:extra f /both
	COPY --chown=7:8 f /made/for/it
	COPY --from=src --chown=1:2 /s /over
	X
	build
	flatten t "$T/root"
	same "$(meta "$T/root/plain")" "644 0:0"
	same "$(meta "$T/root/kept")" "644 5:6"
	same "$(meta "$T/root/number")" "644 7:8"
	same "$(meta "$T/root/single")" "644 9:9"
	same "$(meta "$T/root/name")" "644 1000:1000"
	same "$(meta "$T/root/both")" "644 1000:2000"
	same "$(meta "$T/root/made/for")" "755 7:8"
	same "$(meta "$T/root/over")" "644 1:2"
	printf 'FROM base\nCOPY --chown=nosuchuser f /x\n' | dockerfile
	build_fails -- "Dockerfile:2" nosuchuser
}

@test "--chmod: octal, symbolic, on directories; setuid is kept" {
	mkdir -p "$CTX/d/e" && echo f >"$CTX/d/f" && echo s >"$CTX/s" && chmod 4755 "$CTX/s"
	copied <<-'X'
	COPY --chmod=600 s /octal
	COPY --chmod=u=rwX,go=rX d /symbolic
	COPY --chmod=+x d/f /plus
	COPY s /suid
	X
	same "$(meta "$T/root/octal")" "600 0:0"
	same "$(meta "$T/root/symbolic/f")" "644 0:0"
	same "$(meta "$T/root/symbolic/e")" "755 0:0"
	same "$(meta "$T/root/plus")" "755 0:0"
	same "$(meta "$T/root/suid")" "4755 0:0"
	printf 'FROM base\nCOPY --chmod=9z s /x\n' | dockerfile
	build_fails -- "Dockerfile:2" 9z
}

@test "modification times are those of the source, in whole seconds" {
	mkdir "$CTX/d" && echo f >"$CTX/d/f" && touch -d '2001-02-03 04:05:06.789 UTC' "$CTX/d/f"
	copied <<-'X'
	COPY d /d
	X
	same "$(stat -c %Y "$T/root/d/f")" 981173106
}

@test "symlinks: followed when named, kept when found, followed inside the root at the destination" {
	mkdir -p "$CTX/d" && echo t >"$CTX/d/target" && ln -s target "$CTX/d/link"
	ln -s d/target "$CTX/named" && ln -s /etc/passwd "$CTX/d/absolute"
	copied <<-'X'
	RUN mkdir /real && ln -s /real /via && ln -s ../../../../real /up && ln -s gone /file
	COPY named /followed
	COPY d /walked
	COPY d/target /via/one
	COPY d/target /up/two
	COPY d/target /file
	X
	[ ! -L "$T/root/followed" ] && same "$(cat "$T/root/followed")" t
	same "$(readlink "$T/root/walked/link")" target
	same "$(readlink "$T/root/walked/absolute")" /etc/passwd
	same "$(ls "$T/root/real" | tr '\n' ' ')" "one two "
	[ -L "$T/root/via" ]
	[ ! -L "$T/root/file" ] && same "$(cat "$T/root/file")" t
}

@test "conflicts: file over link, directory over file, file over directory" {
	mkdir -p "$CTX/d/x" "$CTX/e" && echo f >"$CTX/e/x"
	copied <<-'X'
	RUN mkdir /a && ln -s /etc/passwd /a/x
	COPY e /a
	X
	[ ! -L "$T/root/a/x" ]
	cmp "$T/root/etc/passwd" "$BATS_FILE_TMPDIR/base/etc/passwd"
	printf 'FROM base\nCOPY e /a\nCOPY d /a\n' | dockerfile
	build_fails -- "Dockerfile:3"
	printf 'FROM base\nCOPY d /a\nCOPY e /a\n' | dockerfile
	build_fails -- "Dockerfile:3"
}

@test "sources are clamped to the context, as with docker" {
	echo f >"$CTX/f"
	copied <<-'X'
	COPY ../../f /one
	COPY /f /two
	X
	same "$(cat "$T/root/one" "$T/root/two")" "f
f"
}

@test "hard links, empty files, long and odd names, xattrs" {
	need setfattr
	mkdir "$CTX/d" && echo h >"$CTX/d/h1" && ln "$CTX/d/h1" "$CTX/d/h2" && : >"$CTX/d/empty"
	long=$(printf 'n%.0s' {1..255})
	: >"$CTX/d/$long" && : >"$CTX/d/"$'odd\n\xff name'
	setfattr -n user.mark -v yes "$CTX/d/h1"
	copied <<-'X'
	COPY d /d
	X
	same "$(stat -c %h "$T/root/d/h1")" 2
	[ "$T/root/d/h1" -ef "$T/root/d/h2" ]
	[ -f "$T/root/d/$long" ]
	[ -f "$T/root/d/"$'odd\n\xff name' ]
	same "$(getfattr --only-values -n user.mark "$T/root/d/h1")" yes
	same "$(stat -c %s "$T/root/d/empty")" 0
}

@test ".dockerignore: patterns, parents, exceptions, comments" {
	mkdir -p "$CTX"/{src/deep,node_modules/x,doc}
	touch "$CTX"/{src/a.o,src/a.c,src/deep/b.o,node_modules/x/y,doc/x.md,doc/keep.md,top.tmp,.hidden}
	cat >"$CTX/.dockerignore" <<-'X'
	# comment
	**/*.o
	/node_modules
	doc/*
	!doc/keep.md
	*.tmp
	Dockerfile
	.dockerignore
	X
	copied <<-'X'
	COPY . /c/
	X
	same "$(cd "$T/root/c" && find . -type f | sort | tr '\n' ' ')" \
		"./.hidden ./doc/keep.md ./src/a.c "
	printf 'FROM base\nCOPY top.tmp /x\n' | dockerfile
	build_fails -- "Dockerfile:2" top.tmp
	printf '[\n' >"$CTX/.dockerignore"
	build_fails -- .dockerignore
}

@test "ADD extracts local archives of every compression, COPY does not" {
	need bzip2 xz zstd
	mkdir -p "$T/a/d" && echo in >"$T/a/d/f" && chmod 640 "$T/a/d/f" && ln -s f "$T/a/d/l"
	tar -C "$T/a" --owner=11 --group=12 -cf "$CTX/plain.tar" d
	gzip -k <"$CTX/plain.tar" >"$CTX/g"
	bzip2 <"$CTX/plain.tar" >"$CTX/b.tbz"
	xz <"$CTX/plain.tar" >"$CTX/x.txz"
	zstd -q <"$CTX/plain.tar" >"$CTX/z.zst"
	: >"$CTX/empty.tar"
	echo no archive >"$CTX/false.tar.gz"
	copied <<-'X'
	ADD plain.tar /plain
	ADD g /g/
	ADD b.tbz /b
	ADD x.txz /x
	ADD z.zst /z
	ADD empty.tar /e/
	ADD false.tar.gz /e/
	COPY plain.tar /copied.tar
	ADD --chown=1:2 plain.tar /owned
	X
	for dir in plain g b x z; do
		same "$(cat "$T/root/$dir/d/f")" in
		same "$(meta "$T/root/$dir/d/f")" "640 11:12"
		same "$(readlink "$T/root/$dir/d/l")" f
	done
	same "$(meta "$T/root/owned/d/f")" "640 1:2"
	[ -f "$T/root/e/empty.tar" ]
	same "$(cat "$T/root/e/false.tar.gz")" "no archive"
	cmp "$CTX/plain.tar" "$T/root/copied.tar"
}

@test "ADD of an archive merges into what is there" {
	mkdir -p "$T/a/etc" && echo new >"$T/a/etc/passwd" && echo x >"$T/a/etc/x"
	tar -C "$T/a" -cf "$CTX/a.tar" etc
	copied <<-'X'
	RUN mkdir /v && ln -s /v /etc/keep
	ADD a.tar /
	X
	same "$(cat "$T/root/etc/passwd")" new
	[ -f "$T/root/etc/x" ] && [ -f "$T/root/etc/group" ] && [ -L "$T/root/etc/keep" ]
}

@test "a tree that nobody mounts gives the same layer as one that is mounted" {
	mkdir -p "$CTX/d/e" && echo f >"$CTX/d/e/f" && ln -s f "$CTX/d/e/l"
	base
	export SOURCE_DATE_EPOCH=1700000000
	printf 'FROM base\nCOPY d /d\n' | dockerfile
	build --no-cache
	lazy=$(layer_digests t | tail -n 1)
	printf 'FROM base\nCOPY d /d\nRUN test -f /d/e/f\n' | dockerfile
	build --no-cache
	same "$(layer_digests t | tail -n 1)" "$lazy"
}

@test "copying what is there already makes no layer" {
	echo f >"$CTX/f"
	copied <<-'X'
	COPY f /f
	COPY f /f
	X
	same "$(layer_digests t | wc -l)" 2
}

@test "ADD of an archive follows the symlinks of the image, inside the image" {
	busybox_tree "$T/tree"
	mkdir -p "$T/tree/usr/lib" && ln -s /usr/lib "$T/tree/lib64" && ln -s usr/lib "$T/tree/lib32"
	ln -s ../../../../nowhere "$T/tree/dangling"
	varve import "$T/tree" base
	mkdir -p "$T/a/lib64" "$T/a/lib32" "$T/a/dangling"
	touch "$T/a/lib64/one" "$T/a/lib32/two" "$T/a/dangling/three"
	tar -C "$T/a" -cf "$CTX/a.tar" lib64/one lib32/two dangling/three
	copied <<-'X'
	FROM base
	ADD a.tar /
	X
	[ -e "$T/root/usr/lib/one" ] && [ -e "$T/root/usr/lib/two" ] && [ -e "$T/root/dangling/three" ]
	[ -L "$T/root/lib64" ] && [ -L "$T/root/lib32" ]
}

@test "missing directories above the destination: --chmod when octal, --chown" {
	echo f >"$CTX/f" && mkdir -p "$CTX/d/e" && chmod 700 "$CTX/d/e" && echo g >"$CTX/d/e/g"
	copied <<-'X'
	COPY --chmod=750 f /octal/deep/f
	COPY --chmod=g=u,o= f /symbolic/deep/f
	COPY --chmod=2710 --chown=3 d /tree/top
	X
	for dir in octal octal/deep octal/deep/f; do
		same "$(meta "$T/root/$dir")" "750 0:0"
	done
	same "$(meta "$T/root/symbolic/deep")" "755 0:0"
	same "$(meta "$T/root/symbolic/deep/f")" "660 0:0"
	for path in tree tree/top tree/top/e tree/top/e/g; do
		same "$(meta "$T/root/$path")" "2710 3:3"
	done
}

@test "setuid bits and capabilities survive a change of owner, from context and stage" {
	need setcap getcap
	echo s >"$CTX/s" && chmod 6755 "$CTX/s" && echo c >"$CTX/c" && chmod 755 "$CTX/c"
	setcap cap_net_raw+ep "$CTX/c" || skip "no capabilities on this file system"
	copied <<-'X'
	COPY --chown=5:6 s c /one/
	COPY --from=base --chown=7:8 bin/busybox /two/
	FROM base AS last
	COPY --from=0 --chown=9:9 /one /three
	X
	same "$(meta "$T/root/three/s")" "6755 9:9"
	same "$(meta "$T/root/three/c")" "755 9:9"
	getcap "$T/root/three/c" | grep -q cap_net_raw
}

@test "attributes are part of the key, times are not" {
	need setfattr
	mkdir "$CTX/d" && echo f >"$CTX/d/f" && setfattr -n user.a -v 1 "$CTX/d/f"
	base
	printf 'FROM base\nCOPY d /d\n' | dockerfile
	build
	touch "$CTX/d/f" "$CTX/d" && build && says CACHED
	setfattr -n user.a -v 2 "$CTX/d/f" && build && says_not CACHED
	flatten t "$T/root"
	same "$(getfattr --only-values -n user.a "$T/root/d/f")" 2
	setfattr -n user.dir -v 1 "$CTX/d" && build && says CACHED
	mkdir "$CTX/d/e" && build && says_not CACHED
	setfattr -n user.dir -v 1 "$CTX/d/e" && build && says_not CACHED
	setfattr -n trusted.x -v 1 "$CTX/d/f" 2>/dev/null && build && says CACHED
	chmod 600 "$CTX/d/f" && build && says_not CACHED
}

@test "sockets are left out, fifos and links between files are kept" {
	need perl
	mkdir -p "$CTX/d/e" && mkfifo "$CTX/d/fifo" && echo h >"$CTX/d/h" && ln "$CTX/d/h" "$CTX/d/e/i"
	perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => shift, Listen => 1) or die' "$CTX/d/s"
	[ -S "$CTX/d/s" ]
	copied <<-'X'
	COPY d /d
	COPY d /again/
	X
	[ ! -e "$T/root/d/s" ] && [ -p "$T/root/d/fifo" ]
	[ "$T/root/d/h" -ef "$T/root/d/e/i" ] && [ "$T/root/again/h" -ef "$T/root/again/e/i" ]
	same "$(stat -c %h "$T/root/again/h")" 2
}

@test "links out of the context or the stage, dangling and circular ones" {
	echo host >"$T/outside" && ln -s "$T/outside" "$CTX/out" && ln -s ../outside "$CTX/up"
	ln -s loop "$CTX/loop" && mkdir "$CTX/d" && ln -s nowhere "$CTX/d/gone" && echo x >"$CTX/x"
	base
	for source in out up; do
		printf 'FROM base\nCOPY %s /x\n' $source | dockerfile
		build_fails -- Dockerfile:2 "$source: not found" "the context is the root"
	done
	printf 'FROM base\nCOPY loop /x\n' | dockerfile
	build_fails -- Dockerfile:2 loop
	printf 'FROM base\nRUN ln -s b /a && ln -s a /b\nCOPY x /a/f\n' | dockerfile
	build_fails -- Dockerfile:3 "symbolic links"
	copied <<-'X'
	RUN ln -s /made/here /dangling
	COPY d /d
	COPY x /dangling/f
	X
	same "$(readlink "$T/root/d/gone")" nowhere
	same "$(cat "$T/root/made/here/f")" x
}

@test "--from: a number, a name in any case, an image; the WORKDIR of the source does not count" {
	echo x >"$CTX/x"
	base
	dockerfile <<-'X'
	FROM base AS First
	WORKDIR /w
	COPY x f
	RUN echo top >/f && chown 3:4 /w/f && ln -s /w/f /abs
	FROM base
	COPY --from=0 f /number
	COPY --from=FIRST w/f /name
	COPY --from=first abs /link
	COPY --from=first --chmod=600 w* /dir/
	COPY --from=base /etc/group ../bin/busybox /image/
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/number" "$T/root/name" "$T/root/link")" "top
x
x"
	same "$(meta "$T/root/name")" "644 3:4"
	same "$(meta "$T/root/dir/f")" "600 3:4"
	[ -x "$T/root/image/busybox" ]
}

@test ".dockerignore: an exception below an excluded directory keeps its place" {
	mkdir -p "$CTX/d/keep/in" && touch "$CTX/d/drop" "$CTX/d/keep/in/f" && chmod 750 "$CTX/d"
	printf 'd\n!d/keep\n' >"$CTX/.dockerignore"
	copied <<-'X'
	COPY . /c/
	COPY d /d/
	X
	same "$(cd "$T/root/c/d" && find . | sort | tr '\n' ' ')" ". ./keep ./keep/in ./keep/in/f "
	same "$(meta "$T/root/c/d")" "750 0:0"
	same "$(cd "$T/root/d" && find . | sort | tr '\n' ' ')" ". ./keep ./keep/in ./keep/in/f "
}
