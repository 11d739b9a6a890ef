#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The language, case by case: builds the Dockerfile of every folder below tests/data/cases/GROUP and
# compares what came out with what the folder says.
#
#	tests/cases.sh GROUP[/CASE]...            TAP, one line for each case
#	tests/cases.sh --update GROUP[/CASE]...   writes what came out; read it before you commit it
#	JOBS=N tests/cases.sh GROUP[/CASE]...     with --jobs=N; see tests/jobs.sh
#	tests/cases.sh --errors                   prints every refused case with what the user sees
#
# A case is a folder with
#	Dockerfile   what is built, in an image store that has the image "base" (see base() below)
#	context/     the build context; without it, it is empty
#	setup        shell script that runs in a copy of the context; exit status 77 skips the case
#	args         one more argument of `varve build` a line
#	env          one NAME=VALUE a line for the environment of `varve build`
#	differs      why buildah makes something else of it; see tests/differ.sh
#	parent       a Dockerfile that is built before it as the image "parent", in the same context
#	stdin        the Dockerfile is read from standard input, there is no context
#	needs        tools without which the case is skipped, and "root"
# and with what is expected of it, if it is accepted
#	tree         what the image changes against base, as tests/images.pl writes it; none: nothing
#	config       what the config has different from base, a key and its JSON value a line;
#	             none: nothing. Keys in lower case are those of the document itself
#	history      its history without that of base, "+" for a step with a layer; none: not compared
#	output       texts that the output must have, after "! " those that it must not have
# or, if it is refused
#	error        all that `varve build -q` prints
#	status       its exit status, if that is not 3 ("the Dockerfile is wrong")
# A comment at the top of a Dockerfile says what the case is about where its name does not.
set -u
here=$(cd "$(dirname "$0")" && pwd)
CASES=$here/data/cases
VARVE=$(realpath -m "${VARVE:-$here/../build/varve}")
UPDATE=
FAILED=0

umask 022
unset SOURCE_DATE_EPOCH
export LC_ALL=C

# The image every case starts from: the same bytes wherever the same busybox is installed.
base() {
	local box applet tree=$W/base
	box=$(command -v busybox) || { echo "1..0 # SKIP busybox is not installed"; exit 0; }
	mkdir -p "$tree"/{bin,etc,tmp,root,usr/bin,var} && chmod 1777 "$tree/tmp"
	cp "$box" "$tree/bin/busybox" && chmod 755 "$tree/bin/busybox"
	for applet in sh cat echo ls rm mkdir mv cp ln touch chmod chown stat id env printf test true \
		false pwd sort head tail wc grep sed awk tr cut find readlink mkfifo mknod sleep date \
		hostname umask dd tee xargs mount umount basename dirname seq sha256sum kill ps rmdir \
		od cmp tar gzip tty ip whoami uname; do
		ln -s busybox "$tree/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' >"$tree/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n' >"$tree/etc/group"
	find "$tree" -exec touch -h -d @1577836800 {} +
	tar -C "$tree" --sort=name --owner=0 --group=0 --numeric-owner -cf "$W/base.tar" .
	varve import --compression none -c 'ENV PATH=/bin' "$W/base.tar" base >/dev/null || exit 1
	BASE=$(sed 's/.*"digest":"\(sha256:[0-9a-f]*\)".*/\1/' "$VARVE_ROOT/index.json")
}

varve() {
	timeout -k 5 "${CASE_LIMIT:-60}" "$VARVE" "$@"
}

# Memory makes builds five times as fast as a disk; what lasts is not what is tested here.
work_folder() {
	local room
	room=$(stat -f -c '%T %a %S' /dev/shm 2>/dev/null |
		awk '$1 == "tmpfs" { print int($2 * $3 / 1e6) }')
	if [ "$(id -u)" = 0 ] && [ -z "${TMPDIR-}" ] && [ "${room:-0}" -ge 500 ]; then
		mktemp -d -p /dev/shm
	else
		mktemp -d
	fi
}

# The manifest's digest in what --metadata-file wrote.
manifest() {
	local digest=${1##*\"containerimage.digest\": \"}
	echo "${digest%%\"*}"
}

# Makes the current directory one for case $1: its files as the build finds them.
prepare() {
	local from=$CASES/$1 file
	mkdir -p "$W/$1" && cd "$W/$1" || return 1
	if [ -d "$from/context" ]; then
		cp -R "$from/context" ctx && chmod -R u+rwX,go=u,go-w ctx || return 1
	else
		mkdir ctx
	fi
	for file in "$from"/Dockerfile*; do
		cp "$file" . || return 1
	done
	[ ! -f "$from/setup" ] || (cd ctx && sh -eu "$from/setup") >setup.out 2>&1
}

# The build of the case in the current directory. Leaves its status in $STATUS, what it said in `said`.
build() {
	local from=$CASES/$1 args=() environment=() input=/dev/null
	local file=(-f Dockerfile) context=ctx
	shift
	[ ! -f "$from/stdin" ] || { file=(); context=-; input=Dockerfile; }
	[ ! -f "$from/args" ] || mapfile -t args <"$from/args"
	[ ! -f "$from/env" ] || mapfile -t environment <"$from/env"
	# A step that did what one of another case did, but for times, must not be taken for it.
	env "${environment[@]}" timeout -k 5 "${CASE_LIMIT:-60}" "$VARVE" build "${file[@]}" -t t \
		--compression none --no-cutoff ${JOBS:+"--jobs=$JOBS"} --metadata-file metadata "$@" "${args[@]}" \
		"$context" >out 2>err <"$input"
	STATUS=$?
	# The name of a log holds the time.
	cat err out | sed "s|$VARVE_ROOT/logs/.*|LOG|" >said
}

# Nothing has changed, so the image must not either.
build_again() {
	local before after
	grep -qsx -e --no-cache "$CASES/$1/args" && return
	cp said first
	before=$(<metadata)
	build "$1" -q
	after=$(<metadata)
	[ "$(manifest "$before")" = "$(manifest "$after")" ] ||
		{ echo "built again, it is another image:"; cat said; } >>why
	mv first said
}

# Compares what is in file $2 with what the case says in file $1; a missing one is empty.
compare() {
	local wanted=$CASES/$NAME/$1
	if [ -n "$UPDATE" ]; then
		if [ -s "$2" ]; then cp "$2" "$wanted"; else rm -f "$wanted"; fi
		return
	fi
	[ -f "$wanted" ] || wanted=/dev/null
	diff -u --label "wanted: $1" --label "got: $1" "$wanted" "$2" >>why
}

accepted() {
	local text bad
	compare tree tree
	compare config config
	[ ! -f "$CASES/$NAME/history" ] || compare history history
	[ -f "$CASES/$NAME/output" ] || return
	while IFS= read -r text; do
		case $text in
		"! "*) ! grep -qF -e "${text#! }" said || bad="said: ${text#! }" ;;
		*) grep -qF -e "$text" said || bad="did not say: $text" ;;
		esac
	done <"$CASES/$NAME/output"
	[ -z "${bad-}" ] || { echo "$bad"; cat said; } >>why
}

refused() {
	local wanted=$CASES/$NAME/status status
	status=$(<status)
	compare error said
	if [ -n "$UPDATE" ]; then
		[ "$status" = 3 ] || echo "$status" >"$wanted"
	elif [ "$status" != "$(cat "$wanted" 2>/dev/null || echo 3)" ]; then
		echo "exit status $status" >>why
	fi
}

# Reasons not to run the case, on standard output.
unable() {
	local tool
	[ -f "$CASES/$1/needs" ] || return 0
	while read -r tool; do
		case $tool in
		root) [ "$(id -u)" = 0 ] || echo "needs root" ;;
		*) command -v "$tool" >/dev/null || echo "$tool is not installed" ;;
		esac
	done <"$CASES/$1/needs"
}

# First half of a case: builds it and leaves in its folder below $W the file `skip`, `status` or `why`.
attempt() {
	local from=$CASES/$1 how=--progress=plain
	prepare "$1"
	case $? in
	0) ;;
	77) mv setup.out skip; return ;;
	*) mv setup.out why; return ;;
	esac
	unable "$1" >skip
	[ ! -s skip ] || return
	rm skip
	if [ -f "$from/parent" ]; then
		varve build -q -f "$from/parent" -t parent --compression none ctx >parent.out 2>&1 ||
			{ mv parent.out why; return; }
	fi
	[ -z "$UPDATE" ] || rm -f "$from"/{tree,config,error,status}
	[ ! -f "$from/error" ] || how=-q
	build "$1" $how
	[ -z "$UPDATE" ] || [ $STATUS = 0 ] || build "$1" -q
	echo $STATUS >status
	if [ $STATUS = 0 ]; then
		build_again "$1"
		echo "$(manifest "$(<metadata)") $PWD" >>"$W/images"
	fi
	rm -rf ctx
}

# Second half: compares and prints the line.
judge() {
	local number=$1 status
	NAME=$2
	cd "$W/$NAME" || exit 1
	if [ -f skip ]; then
		echo "ok $number - $NAME # SKIP $(head -n 1 skip)"
		return
	fi
	status=$(cat status 2>/dev/null || echo none)
	case $status in
	none) ;;
	0)	if [ -f "$CASES/$NAME/error" ]; then echo "it was accepted" >>why; else accepted; fi ;;
	12[4-9] | 13[1-9])
		{ echo "killed, status $status:"; cat said; } >>why ;;
	*)	if [ -n "$UPDATE" ] || [ -f "$CASES/$NAME/error" ]; then
			refused
		else
			{ echo "refused with status $status:"; cat said; } >>why
		fi ;;
	esac
	if [ ! -s why ] && [ "$status" != none ]; then
		echo "ok $number - $NAME"
	else
		FAILED=1
		echo "not ok $number - $NAME"
		sed 's/^/# /' why
	fi
}

# GROUP or GROUP/CASE to the names of cases.
select_cases() {
	local name file
	for name; do
		if [ -f "$CASES/$name/Dockerfile" ]; then
			echo "$name"
			continue
		fi
		for file in "$CASES/$name"/*/Dockerfile; do
			file=${file#"$CASES"/}
			echo "${file%/Dockerfile}"
		done
	done
}

# Control characters and missing ends of lines are made visible.
print_errors() {
	local file folder name group=
	for file in "$CASES"/*/*/error; do
		folder=${file%/error}
		name=${folder#"$CASES"/}
		[ "$group" = "${name%/*}" ] || {
			group=${name%/*}
			printf '########## %s\n\n' "$(cat "$CASES/$group/group")"
		}
		printf '=== %s\n' "$name"
		[ ! -f "$folder/parent" ] || { sed '$a\' "$folder/parent"; printf -- '--- builds "parent"\n'; }
		sed '$a\' "$folder/Dockerfile"
		[ ! -f "$folder/args" ] || printf -- '--- with %s\n' "$(tr '\n' ' ' <"$folder/args")"
		[ ! -f "$folder/stdin" ] || printf -- '--- from standard input\n'
		printf -- '---\n'
		cat "$file"
		printf '\n'
	done | perl -pe 's/[\x00-\x08\x0b-\x1f\x7f]/"^" . chr(64 ^ ord $&)/ge; s/ +$//'
}

main() {
	local names number=0 name
	case ${1-} in
	--errors) print_errors; exit ;;
	--update) UPDATE=1; shift ;;
	esac
	[ $# -gt 0 ] || { sed -n '/^#\t/s/^#//p' "$0" | head -n 4 >&2; exit 2; }
	command -v perl >/dev/null || { echo "1..0 # SKIP perl is not installed"; exit 0; }
	mapfile -t names < <(select_cases "$@")
	[ ${#names[@]} -gt 0 ] || { echo "no such case: $*" >&2; exit 2; }
	W=$(work_folder) || exit 1
	trap 'cd / && chmod -R u+rwx "$W" 2>/dev/null; rm -rf "$W"' EXIT
	trap 'exit 130' INT TERM
	export VARVE_ROOT=$W/store
	base
	: >"$W/images"
	for name in "${names[@]}"; do
		attempt "$name"
	done
	perl "$here/images.pl" "$VARVE_ROOT/blobs/sha256" "$BASE" <"$W/images" || exit 1
	echo "1..${#names[@]}"
	for name in "${names[@]}"; do
		number=$((number + 1))
		judge $number "$name"
	done
	"$VARVE" fsck >"$W/fsck" 2>&1 || { FAILED=1; echo "# fsck after the cases:"; sed 's/^/# /' "$W/fsck"; }
	exit $FAILED
}

# tests/differ.sh uses what is above.
[ -n "${CASES_LIBRARY-}" ] || main "$@"
