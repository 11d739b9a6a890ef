#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A COPY at the end of a build is packed from the context itself; the layer must be the one that
# copying makes.

load helpers

# The layer of the last COPY in a Dockerfile from standard input, packed in both ways.
same_both_ways() {
	local direct
	cat >"$T/Dockerfile"
	build --no-cache -f "$T/Dockerfile"
	direct=$(layer_digests t | tail -n 1)
	# A layer that was copied is kept as a tree; one that was packed directly is not.
	if trees | grep -F "$(config t '.rootfs.diff_ids[-1]' | cut -d: -f2)"; then
		echo "it was copied"
		return 1
	fi
	echo 'RUN true' >>"$T/Dockerfile"
	build --no-cache -f "$T/Dockerfile"
	same "$(layer_digests t | tail -n 1)" "$direct"
	varve rmi t >/dev/null
	varve prune --all >/dev/null
}

trees() {
	find "$VARVE_ROOT"/trees "$VARVE_ROOT"/pending/*/trees -mindepth 1 -maxdepth 1 2>/dev/null
}

files() {
	mkdir -p "$CTX/d/sub/deep" "$CTX/d/empty" "$CTX/d/a.b" "$CTX/d/a"
	echo one >"$CTX/d/f"
	echo two >"$CTX/d/sub/g"
	echo three >"$CTX/d/sub/deep/h"
	: >"$CTX/d/a/x"
	: >"$CTX/d/a.b/x"
	ln -s ../f "$CTX/d/sub/link"
	ln -s sub "$CTX/d/dirlink"
	mkfifo "$CTX/d/pipe"
	chmod 4755 "$CTX/d/f"
	chmod 700 "$CTX/d/sub"
	setfattr -n user.note -v hello "$CTX/d/sub/g"
	[ "$(id -u)" != 0 ] || chown -h 7:8 "$CTX/d/sub" "$CTX/d/sub/link" "$CTX/d/f"
	touch -h -d @1234567890 "$CTX/d/f" "$CTX/d/sub/link"
	touch -d @1234567890 "$CTX/d/sub/deep" "$CTX/d"
	base
}

@test "to new, existing and linked places, and to the root" {
	need setfattr
	files
	same_both_ways <<<$'FROM base\nCOPY d /new/place'
	same_both_ways <<<$'FROM base\nCOPY d /etc'
	same_both_ways <<<$'FROM base\nCOPY d /'
	same_both_ways <<<$'FROM base\nWORKDIR /usr/bin\nCOPY d .' 
	same_both_ways <<<$'FROM base\nCOPY . /'
	same_both_ways <<<$'FROM base\nCOPY d/sub /x/'
}

@test "with --chown, --chmod and an ignore file" {
	need setfattr
	files
	same_both_ways <<<$'FROM base\nCOPY --chown=user:extra d /new'
	same_both_ways <<<$'FROM base\nCOPY --chmod=640 d /new'
	same_both_ways <<<$'FROM base\nCOPY --chmod=u=rwX,go=rX --chown=5:6 . /new'
	printf 'd/sub/deep\n**/x\nDocker*\n' >"$CTX/.dockerignore"
	same_both_ways <<<$'FROM base\nCOPY . /new'
	same_both_ways <<<$'FROM base\nCOPY d /new'
	printf 'd/sub\n!d/sub/g\n' >"$CTX/.dockerignore"
	dockerfile <<<$'FROM base\nCOPY . /new'
	build
	[[ "$(layer_names t 2)" == *new/d/sub/g* ]]
}

@test "over what is there: the same is dropped, links are replaced, what cannot be is refused" {
	files
	rm "$CTX/d/pipe"
	dockerfile <<-'X'
	FROM base
	COPY d /new
	RUN rm /new/f; ln -s /etc/passwd /new/f; chmod 755 /new/sub; echo other >/new/sub/g
	X
	build
	varve tag t base2
	dockerfile <<<$'FROM base2\nCOPY d /new'
	build --no-cache
	direct=$(layer_digests t | tail -n 1)
	echo 'RUN true' >>"$CTX/Dockerfile"
	build --no-cache
	same "$(layer_digests t | tail -n 1)" "$direct"
	dockerfile <<<$'FROM base2\nRUN mkdir -p /x/f\nCOPY d /x'
	build_fails -- "Dockerfile:3" "cannot replace a directory with a file"
	dockerfile <<<$'FROM base2\nRUN mkdir /x; echo >/x/sub\nCOPY d /x'
	build_fails -- "Dockerfile:3" "cannot copy a directory to a non-directory"
}

@test "a file with several names, a step behind, a wildcard: these are copied" {
	files
	ln "$CTX/d/f" "$CTX/d/zz"
	dockerfile <<<$'FROM base\nCOPY d /new'
	build
	trees | grep -qF "$(config t '.rootfs.diff_ids[-1]' | cut -d: -f2)"
	layer_tar "$(layer_digests t | tail -n 1)" | tar -tvf - | grep -q 'new/zz link to new/f'
}

@test "a link to a directory: what is ignored there stays out" {
	base
	mkdir "$CTX/real"
	echo open >"$CTX/real/open"
	echo closed >"$CTX/real/closed"
	ln -s real "$CTX/link"
	echo real/closed >"$CTX/.dockerignore"
	dockerfile <<<$'FROM base\nCOPY link /x'
	build
	same "$(layer_names t 2 | tr '\n' ' ')" "x/ x/open "
}
