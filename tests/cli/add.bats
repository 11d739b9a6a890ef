#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ADD of URLs, git repositories and archives.

load helpers
load servers

teardown() {
	servers_stop
	varve_teardown
}

# Builds the Dockerfile from standard input on "base" and leaves the tree in $T/root.
added() {
	[ -d "$VARVE_ROOT" ] || base
	{ echo "FROM base"; cat; } | dockerfile
	build
	rm -rf "$T/root"
	flatten t "$T/root"
}

@test "a URL: name, mode, owner and time" {
	web_start
	URL=$WEB
	echo text >"$T/www/file" && touch -d @1000000000 "$T/www/file"
	mkdir -p "$T/www/dir" "$T/www/named" && echo index >"$T/www/dir/index"
	echo index >"$T/www/named/index"
	added <<-X
	RUN mkdir /there
	ADD $URL/file /name
	ADD $URL/file?a=b#c /new/
	ADD $URL/file /there
	ADD --chmod=755 --chown=7:8 $URL/file /own/file
	ADD $URL/named/ /named/
	ADD $URL/dir/ /index
	ARG U=$URL
	ADD \$U/file \$U/named/ /two/
	WORKDIR /w
	ADD $URL/file .
	X
	for path in name new/file there/file own/file two/file w/file; do
		same "$(cat "$T/root/$path")" text
		same "$(stat -c %Y "$T/root/$path")" 1000000000
	done
	same "$(meta "$T/root/name")" "600 0:0"
	same "$(meta "$T/root/own/file")" "755 7:8"
	same "$(meta "$T/root/own")" "755 7:8"
	same "$(cat "$T/root/named/from-header" "$T/root/two/from-header")" "index
index"
	same "$(cat "$T/root/index")" index
	printf 'FROM base\nADD %s/dir/ /x/\n' "$URL" | dockerfile
	build_fails -- Dockerfile:2 "has no file name" "give the file a name"
	printf 'FROM base\nRUN mkdir /x\nADD %s/dir/ /x\n' "$URL" | dockerfile
	build_fails -- Dockerfile:3 "has no file name"
	printf 'FROM base\nADD %s/missing /x\n' "$URL" | dockerfile
	build_fails -- Dockerfile:2 "$URL/missing" 404
	printf 'FROM base\nCOPY %s/file /x\n' "$URL" | dockerfile
	build_fails -- Dockerfile:2 "COPY takes files only" "ADD takes URLs"
}

@test "a URL works without a context, beside files of one and here-documents" {
	web_start
	URL=$WEB
	echo text >"$T/www/file" && echo local >"$CTX/local"
	base
	run varve build -t t - <<<"FROM base
ADD $URL/file /file"
	same "$status" 0
	flatten t "$T/root"
	same "$(cat "$T/root/file")" text
	added <<-X
	ADD $URL/file local <<here /d/
	doc
	here
	X
	same "$(cat "$T/root/d/file" "$T/root/d/local" "$T/root/d/here")" "text
local
doc"
}

@test "a URL is a hit as long as it gives the same, and asked for each time" {
	web_start
	URL=$WEB
	echo one >"$T/www/file" && touch -d @1000000000 "$T/www/file"
	base
	printf 'FROM base\nADD %s/file /file\n' "$URL" | dockerfile
	build && says_not CACHED
	id=$(image_id t)
	build && says CACHED
	same "$(image_id t)" "$id"
	echo two >"$T/www/file"
	build --explain && says_not CACHED
	says "the content of the sources changed" "M $URL/file (100600 sha256:"
	flatten t "$T/root"
	same "$(cat "$T/root/file")" two
	rm "$T/www/file"
	build_fails -- Dockerfile:2 404
}

@test "--checksum of a URL" {
	web_start
	URL=$WEB
	echo text >"$T/www/file"
	base
	sum=sha256:$(sha256sum <"$T/www/file" | cut -d ' ' -f 1)
	printf 'FROM base\nARG S=%s\nADD --checksum=$S %s/file /file\n' "$sum" "$URL" | dockerfile
	build
	other=${sum%?????}00000
	printf 'FROM base\nADD --checksum=%s %s/file /file\n' "$other" "$URL" | dockerfile
	build_fails -- Dockerfile:2 "$other" "$sum"
	for flag in sha256:12 md5:00 "${sum^^}" "${sum#sha256:}"; do
		printf 'FROM base\nADD --checksum=%s %s/file /file\n' "$flag" "$URL" | dockerfile
		build_fails -- Dockerfile:2: "$flag is no checksum" "64 hex digits"
	done
	: >"$CTX/f"
	for sources in "$URL/file $URL/file" "f" "f $URL/file"; do
		printf 'FROM base\nADD --checksum=%s %s /d/\n' "$sum" "$sources" | dockerfile
		build_fails -- Dockerfile:2: "exactly one source"
	done
	printf 'FROM base\nADD --keep-git-dir %s/file /d/\n' "$URL" | dockerfile
	build_fails -- Dockerfile:2: "needs a git repository"
	# What has the checksum is in the store, so nobody is asked.
	servers_stop
	printf 'FROM base\nADD --checksum=%s %s/file /file\n' "$sum" "$URL" | dockerfile
	build --no-cache
	printf 'FROM base\nADD %s/file /file\n' "$URL" | dockerfile
	build_fails -- Dockerfile:2 "$URL/file"
}

@test "an archive from a URL is extracted only with --unpack, a local one unless it is off" {
	web_start
	URL=$WEB
	mkdir -p "$T/a/d" && echo in >"$T/a/d/f" && chmod 640 "$T/a/d/f"
	tar -C "$T/a" --owner=11 --group=12 -czf "$T/www/a.tgz" d && cp "$T/www/a.tgz" "$CTX/a.tgz"
	echo no archive >"$T/www/b.tgz"
	added <<-X
	ADD $URL/a.tgz /whole/
	ADD --unpack=true $URL/a.tgz /out/
	ADD --unpack --chown=1:2 $URL/a.tgz /owned/
	ADD --unpack $URL/b.tgz /plain/
	ADD a.tgz /local/
	ADD --unpack=false a.tgz /kept/
	X
	cmp "$T/www/a.tgz" "$T/root/whole/a.tgz"
	cmp "$T/www/a.tgz" "$T/root/kept/a.tgz"
	same "$(meta "$T/root/whole/a.tgz")" "600 0:0"
	for dir in out local; do
		same "$(cat "$T/root/$dir/d/f")" in
		same "$(meta "$T/root/$dir/d/f")" "640 11:12"
	done
	same "$(meta "$T/root/owned/d/f")" "640 1:2"
	same "$(cat "$T/root/plain/b.tgz")" "no archive"
}

@test "a password in a URL reaches neither the history nor the key" {
	web_start
	URL=$WEB
	echo text >"$T/www/file"
	base
	printf 'FROM base\nADD %s/file /file\n' "${URL/127/user:canary@127}" | dockerfile
	build
	config t '.history[].created_by' >"$T/history"
	grep -qF "ADD $URL/file /file" "$T/history"
	! grep -rq canary "$T/history" "$VARVE_ROOT/blobs"
}

# A repository below $T/www, served as plain files: a tag v1, branches main and next.
plain_repository() {
	need git
	local work=$T/clone
	git init -q -b main "$work"
	git -C "$work" config user.email t@example.org
	git -C "$work" config user.name t
	mkdir -p "$work/sub/in" && echo one >"$work/file" && echo s >"$work/sub/in/s"
	printf '#!/bin/sh\n' >"$work/run" && chmod 755 "$work/run" && ln -s file "$work/link"
	echo file >"$work/.dockerignore"
	git -C "$work" add . && git -C "$work" commit -qm one && git -C "$work" tag v1
	echo two >"$work/file" && git -C "$work" commit -qam two
	git -C "$work" checkout -qb next && echo next >"$work/file" && git -C "$work" commit -qam next
	git clone -q --bare "$work" "$T/www/r.git"
	git -C "$T/www/r.git" update-server-info
	COMMIT=$(git -C "$work" rev-parse v1)
}

@test "a git repository: the default branch, a branch, a tag, a commit, a directory of it" {
	web_start
	URL=$WEB
	plain_repository
	git -C "$T/www/r.git" symbolic-ref HEAD refs/heads/main
	added <<-X
	ADD $URL/r.git /head
	ADD $URL/r.git#next /next/
	ADD $URL/r.git#v1 /v1
	ADD $URL/r.git#$COMMIT /commit
	ADD $URL/r.git#v1:sub /sub
	ADD $URL/r.git?tag=v1&subdir=sub/in /query/
	ADD --chown=5:6 --chmod=700 $URL/r.git#v1 /own
	ADD --exclude=sub --exclude=**/run --exclude=.* $URL/r.git#v1 /some
	ADD --keep-git-dir $URL/r.git#v1 /kept
	X
	same "$(cat "$T/root/head/file")" two
	same "$(cat "$T/root/next/file")" next
	same "$(cat "$T/root/v1/file" "$T/root/commit/file")" "one
one"
	same "$(meta "$T/root/v1/file")" "644 0:0"
	same "$(meta "$T/root/v1/run")" "755 0:0"
	same "$(meta "$T/root/v1/sub")" "755 0:0"
	same "$(readlink "$T/root/v1/link")" file
	[ ! -e "$T/root/v1/.git" ] && [ -f "$T/root/v1/.dockerignore" ]
	same "$(cat "$T/root/sub/in/s" "$T/root/query/s")" "s
s"
	same "$(meta "$T/root/own/run")" "700 5:6"
	same "$(ls -A "$T/root/some" | tr '\n' ' ')" "file link "
	same "$(git -C "$T/root/kept" -c safe.directory='*' rev-parse HEAD)" "$COMMIT"
}

@test "a git repository is a hit until its branch moves" {
	web_start
	URL=$WEB
	plain_repository
	base
	printf 'FROM base\nADD %s/r.git#main /r\n' "$URL" | dockerfile
	build && says_not CACHED
	build && says CACHED
	echo three >"$T/clone/file"
	git -C "$T/clone" checkout -q main 2>/dev/null || git -C "$T/clone" checkout -qf main
	echo three >"$T/clone/file" && git -C "$T/clone" commit -qam three
	git -C "$T/clone" push -q "$T/www/r.git" main && git -C "$T/www/r.git" update-server-info
	build --explain && says_not CACHED
	says "M $URL/r.git#main (160000 "
	flatten t "$T/root"
	same "$(cat "$T/root/r/file")" three
}

@test "a git repository: --checksum and mistakes" {
	web_start
	URL=$WEB
	plain_repository
	base
	printf 'FROM base\nADD --checksum=%s %s/r.git#v1 /r\n' "${COMMIT:0:10}" "$URL" | dockerfile
	build
	printf 'FROM base\nADD --checksum=%s %s/r.git#next /r\n' "$COMMIT" "$URL" | dockerfile
	build_fails -- Dockerfile:2 "$COMMIT"
	printf 'FROM base\nADD --checksum=sha256:%064d %s/r.git#v1 /r\n' 0 "$URL" | dockerfile
	build_fails -- Dockerfile:2: "is no commit" "hex digits"
	printf 'FROM base\nADD --checksum=%s %s/r.git?checksum=0123456789 /r\n' "$COMMIT" "$URL" |
		dockerfile
	build_fails -- Dockerfile:2: "but the source says 0123456789"
	printf 'FROM base\nADD %s/r.git?colour=red /r\n' "$URL" | dockerfile
	build_fails -- Dockerfile:2: colour
	printf 'FROM base\nADD %s/r.git#gone /r\n' "$URL" | dockerfile
	build_fails -- Dockerfile:2 gone
	printf 'FROM base\nCOPY %s/r.git /r\n' "$URL" | dockerfile
	build_fails -- Dockerfile:2: "COPY takes files only"
}

@test "an archive that a symlink of the context names is extracted, as with BuildKit" {
	mkdir -p "$T/a" "$CTX/real" && echo in >"$T/a/f" && tar -C "$T/a" -cf "$CTX/real/a.tar" f
	ln -s real/a.tar "$CTX/link" && ln -s /real "$CTX/dir"
	added <<-'X'
	ADD link /one/
	ADD dir/a.* /two/
	ADD real /three/
	X
	same "$(cat "$T/root/one/f" "$T/root/two/f")" "in
in"
	# In a directory it is a file like any other.
	cmp "$CTX/real/a.tar" "$T/root/three/a.tar"
}
