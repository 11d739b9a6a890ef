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

# The paths below a directory, on one line.
paths() {
	(cd "$1" && find . -mindepth 1 | sed 's|^\./||' | sort | tr '\n' ' ')
}

@test "--parents keeps the path of a source, from the pivot on" {
	mkdir -p "$CTX"/{a/b/c,x/y} && touch "$CTX"/a/{one,b/two,b/c/three.c} "$CTX/x/y/four.c"
	chmod 750 "$CTX/a" && chmod 711 "$CTX/a/b"
	copied <<-'X'
	COPY --parents a/b/two x/y/four.c /plain/
	COPY --parents ./a/one /dot
	COPY --parents a/./b/c /pivot/
	COPY --parents a/b/./c/./three.c /first
	COPY --parents **/*.c /any/
	COPY --parents */./y /every/
	COPY --parents a/b* /dir/
	COPY --parents nothing/**/*.h no*thing /none/
	COPY --parents . /all/
	COPY --parents --chown=3:4 --chmod=go= a/b/two /owned/
	X
	same "$(paths "$T/root/plain")" "a a/b a/b/two x x/y x/y/four.c "
	same "$(meta "$T/root/plain/a")" "750 0:0"
	same "$(meta "$T/root/plain/a/b")" "711 0:0"
	same "$(meta "$T/root/plain")" "755 0:0"
	same "$(paths "$T/root/dot")" "a a/one "
	same "$(paths "$T/root/pivot")" "b b/c b/c/three.c "
	same "$(paths "$T/root/first")" "c c/three.c "
	same "$(paths "$T/root/any")" "a a/b a/b/c a/b/c/three.c x x/y x/y/four.c "
	same "$(paths "$T/root/every")" "y y/four.c "
	same "$(paths "$T/root/dir")" "a a/b a/b/c a/b/c/three.c a/b/two "
	same "$(paths "$T/root/none")" ""
	[ -f "$T/root/all/a/b/c/three.c" ] && [ -f "$T/root/all/Dockerfile" ]
	same "$(meta "$T/root/owned")" "755 3:4"
	same "$(meta "$T/root/owned/a")" "700 3:4"
	same "$(meta "$T/root/owned/a/b/two")" "600 3:4"
}

@test "--parents: directories that are there get the mode of the source and keep the rest" {
	mkdir -p "$CTX/a/b" && touch "$CTX/a/b/f" && chmod 710 "$CTX/a"
	copied <<-'X'
	RUN mkdir -p -m 777 /a && chown 7:8 /a && touch -d @1000000000 /a
	COPY --parents a/b/f /
	X
	same "$(meta "$T/root/a")" "710 7:8"
	same "$(stat -c %Y "$T/root/a")" 1000000000
}

@test "--parents: what is missing, ignored or behind a symlink is named" {
	mkdir -p "$CTX/real" && touch "$CTX/real/f" "$CTX/secret" && ln -s real "$CTX/link"
	echo secret >"$CTX/.dockerignore"
	base
	printf 'FROM base\nCOPY --parents real/g /x/\n' | dockerfile
	build_fails -- Dockerfile:2 "real/g: not found"
	printf 'FROM base\nCOPY --parents gone/./g /x/\n' | dockerfile
	build_fails -- Dockerfile:2 "gone/./g: not found"
	printf 'FROM base\nCOPY --parents real/f/./g /x/\n' | dockerfile
	build_fails -- Dockerfile:2 "not a directory"
	printf 'FROM base\nCOPY --parents secret /x/\n' | dockerfile
	build_fails -- Dockerfile:2 "secret: not found" .dockerignore
	printf 'FROM base\nCOPY --parents link/f /x/\n' | dockerfile
	build_fails -- Dockerfile:2 "link/f: not found" "symlink"
	copied <<-'X'
	COPY --parents link real/ /x/
	COPY --parents link/./f /y/
	X
	same "$(readlink "$T/root/x/link")" real
	[ -f "$T/root/x/real/f" ] && [ -f "$T/root/y/f" ]
}

@test "--exclude: patterns as in an ignore file, by the path below each source" {
	mkdir -p "$CTX"/{d/sub/deep,e} && touch "$CTX"/d/{a.c,a.o,sub/b.c,sub/b.o,sub/deep/c.o} \
		"$CTX"/e/{a.o,z} "$CTX"/{top.o,top.c}
	copied <<-'X'
	COPY --exclude=*.o d /one/
	COPY --exclude=**/*.o --exclude=sub/deep d /two/
	COPY --exclude=sub --exclude=!sub/deep d /three/
	COPY --exclude=*.o d e /four/
	COPY --exclude=*.o top* /five/
	COPY --exclude=/sub d /six/
	COPY --exclude=e --exclude=*.? * /seven/
	COPY --exclude=top.o top.o /eight/
	COPY --exclude=* d /nine/
	COPY --parents --exclude=**/*.o --exclude=d/sub/deep d/./sub e /ten/
	ADD --exclude=*.c d /eleven/
	ARG P=*.o
	COPY --exclude=$P d /twelve/
	X
	same "$(paths "$T/root/one")" "a.c sub sub/b.c sub/b.o sub/deep sub/deep/c.o "
	same "$(paths "$T/root/two")" "a.c sub sub/b.c "
	same "$(paths "$T/root/three")" "a.c a.o sub sub/deep sub/deep/c.o "
	same "$(paths "$T/root/four")" "a.c sub sub/b.c sub/b.o sub/deep sub/deep/c.o z "
	same "$(paths "$T/root/five")" "top.c "
	same "$(paths "$T/root/six")" "a.c a.o "
	same "$(paths "$T/root/seven")" "Dockerfile sub sub/b.c sub/b.o sub/deep sub/deep/c.o "
	same "$(paths "$T/root/eight" 2>/dev/null)" ""
	same "$(paths "$T/root/nine")" ""
	same "$(paths "$T/root/ten")" "e e/z sub sub/b.c sub/deep "
	same "$(paths "$T/root/eleven")" "a.o sub sub/b.c sub/b.o sub/deep sub/deep/c.o "
	same "$(paths "$T/root/twelve")" "a.c a.o sub sub/b.c sub/b.o sub/deep sub/deep/c.o "
	printf 'FROM base\nCOPY --exclude=a[ d /x\n' | dockerfile
	build_fails -- "Dockerfile:2" "a["
	printf 'FROM base\nCOPY --exclude=! d /x\n' | dockerfile
	build_fails -- "Dockerfile:2" '"!" without a pattern'
}

@test "what --exclude and --parents leave out does not change the key, what they take does" {
	mkdir -p "$CTX/d/e" && echo 1 >"$CTX/d/e/f.c" && echo 1 >"$CTX/d/e/f.o"
	base
	printf 'FROM base\nCOPY --exclude=**/*.o d /d/\nCOPY --parents **/*.c /p/\n' | dockerfile
	build
	echo 2 >"$CTX/d/e/f.o" && build
	same "$(grep -c CACHED <<<"$output")" 2
	echo 2 >"$CTX/d/e/f.c" && build
	says_not CACHED
	sed -i 's/\*\.o/*.x/' "$CTX/Dockerfile" && build
	same "$(grep -c CACHED <<<"$output")" 0
	chmod 700 "$CTX/d/e" && build
	says_not CACHED
}

@test ".dockerignore: an exception below an excluded directory keeps its place" {
	mkdir -p "$CTX/d/keep/in" && touch "$CTX/d/drop" "$CTX/d/keep/in/f" && chmod 750 "$CTX/d"
	printf 'd\n!d/keep\n' >"$CTX/.dockerignore"
	copied <<-'X'
	COPY . /c/
	COPY d /d/
	X
	same "$(paths "$T/root/c/d")" "keep keep/in keep/in/f "
	same "$(meta "$T/root/c/d")" "750 0:0"
	same "$(paths "$T/root/d")" "keep keep/in keep/in/f "
}

@test "--link: onto an empty root, whatever is below" {
	mkdir -p "$CTX/d/sub" && echo new >"$CTX/d/sub/f" && echo x >"$CTX/x"
	copied <<-'X'
	RUN mkdir -p /real /usr/d/sub && chmod 700 /usr/d && ln -s /real /via && echo old >/usr/d/keep && \
	    mkdir /there && ln -s /etc/passwd /file
	COPY --link d /usr/d
	COPY --link x /via/x
	COPY --link x /there
	COPY --link x /file
	COPY --link --chown=user:extra x /named
	COPY --link x /etc/
	RUN test -f /usr/d/keep && test -f /usr/d/sub/f && test -d /via && test ! -e /real/x
	X
	same "$(cat "$T/root/usr/d/sub/f" "$T/root/usr/d/keep")" "new
old"
	# Directories above are in the layer, as with BuildKit.
	same "$(meta "$T/root/usr/d")" "755 0:0"
	same "$(layer_names t 3 | tr '\n' ' ')" "usr/ usr/d/ usr/d/sub/ usr/d/sub/f "
	[ -d "$T/root/via" ] && [ ! -L "$T/root/via" ] && [ ! -e "$T/root/real/x" ]
	[ -f "$T/root/there" ] && [ -f "$T/root/file" ] && [ ! -L "$T/root/file" ]
	same "$(meta "$T/root/named")" "644 1000:2000"
	same "$(cat "$T/root/etc/x")" x
	[ -f "$T/root/etc/passwd" ]
}

@test "--link: a hit on another base, and what follows it is none" {
	echo x >"$CTX/x"
	base
	printf 'FROM base\nCOPY --link --chown=7:8 x /d/x\nCOPY x /y\nCOPY --link x /z\n' | dockerfile
	build
	linked=$(layer_digests t | sed -n 2p)
	printf 'FROM base\nRUN echo 1 >/base\nCOPY --link --chown=7:8 x /d/x\nCOPY x /y\nCOPY --link x /z\n' |
		dockerfile
	build
	same "$(grep -B1 CACHED <<<"$output" | grep -c 'COPY --link')" 2
	same "$(grep -c CACHED <<<"$output")" 2
	same "$(layer_digests t | sed -n 3p)" "$linked"
	flatten t "$T/root"
	[ -f "$T/root/base" ] && [ -f "$T/root/d/x" ] && [ -f "$T/root/y" ] && [ -f "$T/root/z" ]
	build
	same "$(grep -c CACHED <<<"$output")" 4
	# A name is looked up in what is below.
	printf 'FROM base\nCOPY --link --chown=user x /d/x\n' | dockerfile
	build
	printf 'FROM base\nRUN sed -i s/1000/1001/ /etc/passwd\nCOPY --link --chown=user x /d/x\n' |
		dockerfile
	build && says_not CACHED
	flatten t "$T/other"
	same "$(stat -c %u "$T/other/d/x")" 1001
}

@test "--link=false is a plain copy; on scratch both are the same" {
	mkdir "$CTX/d" && echo x >"$CTX/d/x"
	base
	export SOURCE_DATE_EPOCH=1700000000
	printf 'FROM scratch\nCOPY --link d /d/\n' | dockerfile
	build
	linked=$(layer_digests t)
	printf 'FROM scratch\nCOPY --link=false d /d/\n' | dockerfile
	build && says_not CACHED
	same "$(layer_digests t)" "$linked"
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
