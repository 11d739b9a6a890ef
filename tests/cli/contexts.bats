#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the operand of `varve build` and --file may name: directories, archives and Dockerfiles from
# standard input and URLs, git repositories.

load helpers
load servers

teardown() {
	servers_stop
	varve_teardown
}

# A context with a Dockerfile that copies all of it.
context() {
	mkdir -p "$CTX/sub"
	printf 'FROM scratch\nCOPY . /\n' >"$CTX/Dockerfile"
	echo one >"$CTX/file"
	echo two >"$CTX/sub/file"
	chmod 755 "$CTX/file"
}

# The names in the image t.
names() {
	layer_names t 1 | tr '\n' ' '
}

built() {
	run varve build --progress=plain -t t "$@"
	[ "$status" = 0 ] || { echo "$output"; return 1; }
}

fails() {
	run varve build --progress=plain -t t "$@"
	[ "$status" != 0 ] && [ "$status" -lt 124 ] || { echo "status $status: $output"; return 1; }
}

@test "a tar on standard input is the context, whatever its compression" {
	context
	tar -C "$CTX" -cf "$T/ctx.tar" .
	for pack in cat "gzip -c" "bzip2 -c" "xz -c" "zstd -qc"; do
		need "${pack%% *}"
		$pack <"$T/ctx.tar" >"$T/packed"
		built - <"$T/packed"
		same "$(names)" "Dockerfile file sub/ sub/file "
		id=$(image_id t)
		same "${first=$id}" "$id"
	done
	# A pipe, which cannot be read twice.
	cat "$T/ctx.tar" | varve build -q -t t -
	same "$(image_id t)" "$first"
	flatten t "$T/root"
	same "$(meta "$T/root/file")" "755 0:0"
}

@test "everything in an archive belongs to 0:0, as in a directory" {
	need_root
	context
	tar -C "$CTX" --owner=1234 --group=99 --numeric-owner -cf "$T/ctx.tar" .
	built - <"$T/ctx.tar"
	flatten t "$T/root"
	same "$(meta "$T/root/file")" "755 0:0"
	same "$(meta "$T/root/sub/file")" "644 0:0"
	rm -rf "$T/root"
}

@test "a tar and the directory it was made from give the same layer" {
	context
	tar -C "$CTX" -cf "$T/ctx.tar" .
	built - <"$T/ctx.tar"
	layer=$(layer_digests t)
	built --no-cache "$CTX"
	same "$(layer_digests t)" "$layer"
}

@test "the second build from the same tar is cached" {
	context
	tar -C "$CTX" -cf "$T/ctx.tar" .
	built - <"$T/ctx.tar"
	built - <"$T/ctx.tar"
	says "1 step, 1 cached"
}

@test "a tar: --file names the Dockerfile in it, .dockerignore counts" {
	context
	mv "$CTX/Dockerfile" "$CTX/sub/Other"
	echo sub >"$CTX/.dockerignore"
	tar -C "$CTX" -cf "$T/ctx.tar" .
	fails - <"$T/ctx.tar"
	says "Dockerfile" "No such file"
	built -f sub/Other - <"$T/ctx.tar"
	same "$(names)" ".dockerignore file "
	echo file >"$CTX/sub/Other.dockerignore"
	tar -C "$CTX" -cf "$T/ctx.tar" .
	built -f /sub/Other - <"$T/ctx.tar"
	same "$(names)" ".dockerignore sub/ sub/Other sub/Other.dockerignore sub/file "
}

@test "text on standard input is a Dockerfile without a context" {
	printf 'FROM scratch\nLABEL a=b\n' >"$T/file"
	built - <"$T/file"
	same "$(config t .config.Labels.a)" b
	cat "$T/file" | varve build -q -t t -
	printf 'FROM scratch\nCOPY . /\n' >"$T/file"
	fails - <"$T/file"
	says "Dockerfile:2" "needs a build context"
	fails -f x - <"$T/file"
	says "--file has no meaning"
	fails -f - - <"$T/file"
	says "cannot be both"
	fails - </dev/null
	says "no instructions"
	head -c 5000 /dev/zero >"$T/zeros"
	fails - <"$T/zeros"
	says "neither an archive nor a Dockerfile"
}

@test "a tar that ends too early is refused, and leaves nothing" {
	context
	head -c 300000 /dev/urandom >"$CTX/big"
	tar -C "$CTX" -czf "$T/ctx.tgz" .
	head -c 200000 "$T/ctx.tgz" >"$T/short"
	fails - <"$T/short"
	says "standard input"
	same "$(find "$VARVE_ROOT/stage" -mindepth 1)" ""
}

@test "no name in an archive or of a Dockerfile leads out of the context (CVE-2026-44517)" {
	context
	echo secret >"$T/host"
	for target in "$T/host" ../../../../../../../../../../../../"$T/host"; do
		rm -f "$CTX/Dockerfile"
		ln -s "$target" "$CTX/Dockerfile"
		tar -C "$CTX" -cf "$T/ctx.tar" .
		fails - <"$T/ctx.tar"
		says_not secret
	done
	rm "$CTX/Dockerfile"
	ln -s sub/real "$CTX/Dockerfile"
	printf 'FROM scratch\nCOPY file /\n' >"$CTX/sub/real"
	tar -C "$CTX" -cf "$T/ctx.tar" .
	built - <"$T/ctx.tar"
	fails -f ../../host - <"$T/ctx.tar"
	says_not secret
	mkdir "$T/evil"
	(cd "$T/evil" && echo x >../outside && tar -P -cf "$T/ctx.tar" ../outside)
	fails - <"$T/ctx.tar"
	says "standard input"
}

@test "the Dockerfile from standard input with a directory, and from outside of it" {
	context
	printf 'FROM scratch\nCOPY file /elsewhere\n' >"$T/Other"
	built -f - "$CTX" <"$T/Other"
	same "$(names)" "elsewhere "
	built -f "$T/Other" "$CTX"
	same "$(names)" "elsewhere "
	printf 'FROM scratch\nCOPY . /\n' >"$T/Other"
	printf 'Docker*\nsub\n' >"$T/Other.dockerignore"
	built -f "$T/Other" "$CTX"
	same "$(names)" "file "
}

@test "an archive from a URL is the context" {
	context
	web_start
	tar -C "$CTX" -czf "$T/www/ctx.tar.gz" .
	built "$WEB/ctx.tar.gz"
	same "$(names)" "Dockerfile file sub/ sub/file "
	built -f sub/../Dockerfile "$WEB/moved/ctx.tar.gz?x=y"
	echo 'FROM scratch
COPY sub /x' >"$T/Other"
	built -f - "$WEB/ctx.tar.gz" <"$T/Other"
	same "$(names)" "x/ x/file "
	fails -f ../x "$WEB/ctx.tar.gz"
	fails "$WEB/none.tar.gz"
	says "no such file (404)"
}

@test "a Dockerfile from a URL, as the context and with --file" {
	context
	web_start
	printf 'FROM scratch\nLABEL from=web\n' >"$T/www/labels"
	printf 'FROM scratch\nCOPY sub /s\n' >"$T/www/copies"
	built "$WEB/labels"
	same "$(config t .config.Labels.from)" web
	fails "$WEB/copies"
	says "Dockerfile:2" "needs a build context"
	built -f "$WEB/copies" "$CTX"
	same "$(names)" "s/ s/file "
	tar -C "$CTX" -cf "$T/www/ctx.tar" .
	fails -f "$WEB/ctx.tar" "$CTX"
	says "--file names an archive"
}

@test "a git repository is the context: branch, tag, commit, subdirectory" {
	git_start
	repository r
	CTX=$T/git/r context
	echo 'sub' >"$T/git/r/.dockerignore"
	first=$(commit r)
	in_repo r git tag -a -m "one" v1
	in_repo r git checkout -q -b other
	echo three >"$T/git/r/third"
	printf 'FROM scratch\nCOPY file /only\n' >"$T/git/r/sub/Dockerfile"
	second=$(commit r)
	in_repo r git checkout -q main
	# .dockerignore of a repository is an ordinary file.
	built "$GIT/r/.git"
	same "$(names)" ".dockerignore Dockerfile file sub/ sub/file "
	built "$GIT/r/.git#other"
	same "$(names)" ".dockerignore Dockerfile file sub/ sub/Dockerfile sub/file third "
	built "$GIT/r/.git#v1"
	same "$(names)" ".dockerignore Dockerfile file sub/ sub/file "
	built "$GIT/r/.git#$second:sub"
	same "$(names)" "only "
	built "$GIT/r/.git?branch=other&subdir=sub"
	same "$(names)" "only "
	built "$GIT/r/.git?commit=$first"
	says "1 cached"
	built -f sub/Dockerfile "$GIT/r/.git#other"
	fails "$GIT/r/.git?tag=v1&commit=$second"
	says "should be $second" "$first"
	fails "$GIT/r/.git#:none"
	says "none: No such file"
	fails "$GIT/r/.git#:file"
	says "Not a directory"
	fails "$GIT/r/.git#never"
	says 'no branch or tag "never"'
}

@test "a git context keeps .git only if asked to" {
	git_start
	repository r
	CTX=$T/git/r context
	commit r
	built "$GIT/r/.git?keep-git-dir=true"
	[[ "$(names)" == *.git/HEAD* ]]
	built --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 "$GIT/r/.git"
	[[ "$(names)" == *.git/HEAD* ]]
	built "$GIT/r/.git"
	[[ "$(names)" != *.git/* ]]
}

@test "named contexts are directories, repositories and archives" {
	git_start
	repository r
	CTX=$T/git/r context
	commit r
	web_start
	mkdir "$T/named"
	echo n >"$T/named/n"
	tar -C "$T/named" -czf "$T/www/named.tgz" .
	printf 'FROM scratch\nCOPY --from=a . /\nCOPY --from=b sub /b\nCOPY --from=c n /c\n' |
		dockerfile
	built --build-context a="$T/named" --build-context b="$GIT/r/.git" \
		--build-context c="$WEB/named.tgz" "$CTX"
	flatten t "$T/root"
	same "$(cd "$T/root" && find . -type f | sort | tr '\n' ' ')" "./b/file ./c ./n "
}

@test "what is no context says so" {
	fails "$T/none"
	says "context $T/none: No such file"
	fails github.com/user/repo
	says "https://github.com/user/repo.git"
	fails docker-image://busybox
	says "is an image, not a directory"
	fails "git://127.0.0.1:1/x#--upload-pack=touch"
	says "cannot be the name of a branch"
	fails "git://127.0.0.1:1/x?brnch=main"
	says 'unknown key "brnch"' "did you mean branch?"
}
