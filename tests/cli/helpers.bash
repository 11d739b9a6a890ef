# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What every end-to-end test needs.
#
# setup() gives each test its own store, context directory and copy of the program; teardown()
# checks that nothing is left of it: no process, mount or staging directory, and a clean fsck. With
# $JOBS set every build that does not say so itself has --jobs=$JOBS (see tests/jobs.sh).
#
#	load helpers
#	@test "..." {
#		base                            # image "base": a static busybox in the usual folders
#		dockerfile <<-'X'
#		FROM base
#		RUN echo hi >/greeting
#		X
#		build                           # must succeed; image "t"
#		flatten t "$T/root"             # its tree, by jq and tar, not by varve
#	}

bats_require_minimum_version 1.5.0
: "${VARVE_BUILD:=$BATS_TEST_DIRNAME/../../build}"
: "${VARVE:=$VARVE_BUILD/varve}"

setup() {
	varve_setup
}

teardown() {
	varve_teardown
}

varve_setup() {
	[ -x "$VARVE" ] || { echo "no program at $VARVE: run make" >&2; return 1; }
	T=$BATS_TEST_TMPDIR
	CTX=$T/ctx
	# A name of its own, so that every process of this test can be found by /proc/PID/exe.
	PROGRAM=$T/varve
	ln "$VARVE" "$PROGRAM" 2>/dev/null || cp "$VARVE" "$PROGRAM"
	[ -z "${JOBS-}" ] || with_jobs
	export VARVE_ROOT=$T/store
	unset SOURCE_DATE_EPOCH
	mkdir -p "$CTX"
}

# A script takes the place of the program, which gets another name that leftovers() looks for.
with_jobs() {
	mv "$PROGRAM" "$PROGRAM.real"
	cat >"$PROGRAM" <<-X
	#!/bin/sh
	[ "\$1" = build ] || exec '$PROGRAM.real' "\$@"
	shift
	exec '$PROGRAM.real' build '--jobs=$JOBS' "\$@"
	X
	chmod 755 "$PROGRAM"
}

varve_teardown() {
	local bad
	[ -n "${PROGRAM-}" ] || return 0 # setup failed
	bad=$(leftovers)
	if [ -n "$bad" ]; then
		echo "left behind:"
		echo "$bad"
		return 1
	fi
	if [ -d "$VARVE_ROOT" ] && [ -z "${DAMAGED-}" ]; then
		"$PROGRAM" fsck || { echo "fsck after the test"; return 1; }
	fi
}

# The program with a limit on its time, so that a hang is a failure of one test.
varve() {
	timeout -k 5 "${VARVE_LIMIT:-120}" "$PROGRAM" "$@"
}

# Lines that name processes, mounts and staging directories of this test that are still there.
leftovers() {
	local pid
	# shellcheck disable=SC2044 # paths of processes hold no blanks
	for pid in $(find /proc/[0-9]* -maxdepth 1 -name exe -lname "$PROGRAM*" 2>/dev/null); do
		pid=${pid%/exe}
		! alive "$pid" ||
			echo "process ${pid#/proc/}: $(tr '\0' ' ' 2>/dev/null <"$pid/cmdline")"
	done
	grep -F " $VARVE_ROOT" /proc/self/mountinfo
	[ ! -d "$VARVE_ROOT/stage" ] || find "$VARVE_ROOT/stage" -mindepth 1 | head -n 20
	[ ! -d "$VARVE_ROOT/lease" ] || find "$VARVE_ROOT/lease" -mindepth 1 | head -n 20
	return 0
}

# Waits until every process of this test is dead; the kernel does that by itself.
all_dead() {
	for _ in $(seq 200); do
		[ -n "$(leftovers | grep ^process)" ] || return 0
		sleep 0.01
	done
	leftovers
	return 1
}

# True unless it is a zombie or gone.
alive() {
	local state
	state=$(sed -n 's/^State:[ \t]*\(.\).*/\1/p' "$1/status" 2>/dev/null)
	[ -n "$state" ] && [ "$state" != Z ] && [ "$state" != X ]
}

need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

# A root file system around a static busybox, in $1.
busybox_tree() {
	local box applet
	box=$(command -v busybox)
	mkdir -p "$1"/{bin,etc,tmp,root,usr/bin,var} && chmod 1777 "$1/tmp"
	cp "$box" "$1/bin/busybox"
	for applet in $("$box" --list); do
		[ "$applet" = busybox ] || ln -sf busybox "$1/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' \
		>"$1/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n' >"$1/etc/group"
}

# The image "base" in this test's store.
base() {
	[ -d "$BATS_FILE_TMPDIR/base" ] || busybox_tree "$BATS_FILE_TMPDIR/base"
	varve import "$BATS_FILE_TMPDIR/base" base >/dev/null
}

# The Dockerfile from standard input.
dockerfile() {
	cat >"$CTX/Dockerfile"
}

# A build that must succeed. $output has everything it said.
build() {
	run varve build --progress=plain -t t "$@" "$CTX"
	if [ "$status" != 0 ]; then
		echo "build failed with $status:"
		echo "$output"
		return 1
	fi
}

# A build that must fail by itself (no signal, no time limit) with a message that has each argument
# after "--"; what comes before "--" goes to the build. No name in the store may change.
build_fails() {
	local options=() before
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	before=$(names_listing)
	run varve build --progress=plain -t t "${options[@]}" "$CTX"
	if [ "$status" = 0 ] || [ "$status" -ge 124 ]; then
		echo "status $status, wanted a failure; output:"
		echo "$output"
		return 1
	fi
	says "$@"
	same "$(names_listing)" "$before"
}

# $output has every one of the arguments.
says() {
	local text
	for text in "$@"; do
		if [[ "$output" != *"$text"* ]]; then
			echo "output lacks: $text"
			echo "output: $output"
			return 1
		fi
	done
}

says_not() {
	local text
	for text in "$@"; do
		if [[ "$output" == *"$text"* ]]; then
			echo "output has: $text"
			echo "output: $output"
			return 1
		fi
	done
}

same() {
	if [ "$1" != "$2" ]; then
		echo "wanted: $2"
		echo "got:    $1"
		return 1
	fi
}

# --- reading the store as any OCI tool would --------------------------------------------------

# The digest of the manifest that a name points at.
manifest() {
	local name=$1
	[[ "$name" == *:* ]] || name=$name:latest
	jq -er --arg name "$name" '.manifests[] | select(
		.annotations["org.opencontainers.image.ref.name"] == $name) | .digest' \
		"$VARVE_ROOT/index.json"
}

# The file of a digest.
blob() {
	echo "$VARVE_ROOT/blobs/sha256/${1#sha256:}"
}

image_id() {
	jq -er .config.digest "$(blob "$(manifest "$1")")"
}

# jq on the config of an image: config t .config.Env
config() {
	local image=$1
	shift
	jq -cr "$@" "$(blob "$(image_id "$image")")"
}

layer_digests() {
	jq -er '.layers[].digest' "$(blob "$(manifest "$1")")"
}

# One layer as a plain tar on standard output.
layer_tar() {
	local file
	file=$(blob "$1")
	case $(head -c 4 "$file" | od -An -tx1 | tr -d ' ') in
	28b52ffd) zstd -qdc "$file" ;;
	1f8b*) gzip -dc "$file" ;;
	*) cat "$file" ;;
	esac
}

# The names in layer N (1-based) of an image, sorted.
layer_names() {
	layer_tar "$(layer_digests "$1" | sed -n "${2}p")" | tar -tf - | sed 's|^\./||' | sort
}

# The tree of an image in directory $2: layers extracted by GNU tar, whiteouts applied.
flatten() {
	local layer name parent child
	mkdir -p "$2"
	for layer in $(layer_digests "$1"); do
		layer_tar "$layer" >"$T/flatten.tar"
		tar -tf "$T/flatten.tar" --quoting-style=literal | grep -E '(^|/)\.wh\.' >"$T/flatten.wh" || true
		while read -r name; do
			child=${name##*/}
			parent=${name%"$child"}
			if [ "$child" = .wh..wh..opq ]; then
				find "$2/$parent" -mindepth 1 -delete
			else
				rm -rf "${2:?}/$parent${child#.wh.}"
			fi
		done <"$T/flatten.wh"
		tar -C "$2" -xpf "$T/flatten.tar" --numeric-owner --xattrs --xattrs-include='*' \
			--exclude='.wh.*'
	done
}

# "mode uid:gid" of a path.
meta() {
	stat -c '%a %u:%g' "$1"
}

# A listing of a tree that two equal trees share: type, mode, owner, size, target, content.
listing() {
	(
		cd "$1" || exit 1
		find . -printf '%P %y %m %U:%G %l\n' | sort
		find . -type f -print0 | sort -z | xargs -0 -r sha256sum
	)
}

# What names there are and what they point at: all that a failing command must leave alone.
names_listing() {
	[ ! -e "$VARVE_ROOT/index.json" ] || jq -cS ".manifests[]" "$VARVE_ROOT/index.json"
	[ ! -e "$VARVE_ROOT/refs" ] || (cd "$VARVE_ROOT/refs" && sha256sum -- * 2>/dev/null)
	return 0
}
