#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# COPY and ADD with --parents, --exclude and --link.

load helpers

# Builds the Dockerfile from standard input on "base" and leaves the tree in $T/root.
copied() {
	[ -d "$VARVE_ROOT" ] || base
	{ echo "FROM base"; cat; } | dockerfile
	build
	rm -rf "$T/root"
	flatten t "$T/root"
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
