#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The language, case by case: builds the Dockerfile of every folder below tests/data/cases/GROUP and
# compares what came out with what the folder says.
#
#	tests/cases.sh GROUP[/CASE]...            TAP, one line for each case
#	tests/cases.sh --update GROUP[/CASE]...   writes what came out; read it before you commit it
#	tests/cases.sh --errors                   prints every refused case with what the user sees
#
# A case is a folder with
#	Dockerfile   what is built, in an image store that has the image "base" (see base() below)
#	context/     the build context; without it, it is empty
#	setup        shell script that runs in a copy of the context; exit status 77 skips the case
#	args         one more argument of `varve build` a line
#	env          one NAME=VALUE a line for the environment of `varve build`
#	parent       a Dockerfile that is built before it as the image "parent", in the same context
#	needs        tools without which the case is skipped, and "root"
# and with what is expected of it, if it is accepted
#	tree         what the image changes against base, as tests/tree.pl prints it; none: nothing
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
VARVE=$(realpath "${VARVE:-$here/../build/varve}")
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
	BASE=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] ==
		"base:latest") | .digest' "$VARVE_ROOT/index.json")
	BASE_CONFIG=$(config_file "$BASE")
}

varve() {
	timeout -k 5 "${CASE_LIMIT:-60}" "$VARVE" "$@"
}

config_file() {
	local digest
	digest=$(jq -r .config.digest "$VARVE_ROOT/blobs/sha256/${1#sha256:}")
	echo "$VARVE_ROOT/blobs/sha256/${digest#sha256:}"
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

# What the config has different from base, a key a line.
config_listing() {
	# shellcheck disable=SC2016 # $base is jq's
	jq -r --slurpfile base "$BASE_CONFIG" '
		def flat: (del(.config, .rootfs, .history, .created) + .config)
			| with_entries(select(.value != null and .value != {} and .value != ""));
		($base[0] | flat) as $b | flat as $c
		| ([$b, $c] | map(keys) | add | unique)[] | select($b[.] != $c[.])
		| "\(.) \($c[.] | tojson)"' "$1"
}

# shellcheck disable=SC2016 # $base is jq's
history_listing() {
	jq -r --slurpfile base "$BASE_CONFIG" '.history[($base[0].history | length):][]
		| (if .empty_layer then "- " else "+ " end) + .created_by' "$1"
}

# Prepares $W/case: the files of case $1 as the build finds them.
prepare() {
	local from=$CASES/$1 file
	rm -rf "$W/case" && mkdir -p "$W/case" || return 1
	if [ -d "$from/context" ]; then
		cp -R "$from/context" "$W/case/ctx" && chmod -R u+rwX,go=u,go-w "$W/case/ctx" || return 1
	else
		mkdir "$W/case/ctx"
	fi
	for file in "$from"/Dockerfile*; do
		cp "$file" "$W/case/" || return 1
	done
	cd "$W/case" || return 1
	[ ! -f "$from/setup" ] || (cd ctx && sh -eu "$from/setup") >setup.out 2>&1
}

# The build of the case in the current directory. Leaves its status in $STATUS, what it said in `said`.
build() {
	local from=$CASES/$1 args=() environment=()
	shift
	[ ! -f "$from/args" ] || mapfile -t args <"$from/args"
	[ ! -f "$from/env" ] || mapfile -t environment <"$from/env"
	env "${environment[@]}" timeout -k 5 "${CASE_LIMIT:-60}" "$VARVE" build \
		-f Dockerfile -t t --compression none --metadata-file metadata "$@" "${args[@]}" \
		ctx >out 2>err </dev/null
	STATUS=$?
	# The name of a log holds the time.
	cat err out | sed "s|$VARVE_ROOT/logs/.*|LOG|" >said
}

# Compares what is in file $2 with what the case says in file $1; a missing one is empty.
compare() {
	local wanted=$FROM/$1
	if [ -n "$UPDATE" ]; then
		if [ -s "$2" ]; then cp "$2" "$wanted"; else rm -f "$wanted"; fi
		return 0
	fi
	[ -f "$wanted" ] || wanted=/dev/null
	diff -u --label "wanted: $1" --label "got: $1" "$wanted" "$2" >>why
}

accepted() {
	local digest config text bad=0 id
	digest=$(sed -n 's/.*"containerimage.digest": "\(.*\)".*/\1/p' metadata)
	config=$(config_file "$digest")
	perl "$here/tree.pl" "$VARVE_ROOT/blobs/sha256" "$digest" "$BASE" >tree 2>>why || bad=1
	compare tree tree || bad=1
	config_listing "$config" >config
	compare config config || bad=1
	if [ -f "$FROM/history" ]; then
		history_listing "$config" >history
		compare history history || bad=1
	fi
	if [ -f "$FROM/output" ]; then
		while IFS= read -r text; do
			case $text in
			"! "*) ! grep -qF -e "${text#! }" said || { echo "said: ${text#! }" >>why; bad=1; } ;;
			*) grep -qF -e "$text" said || { echo "did not say: $text" >>why; bad=1; } ;;
			esac
		done <"$FROM/output"
		[ $bad = 0 ] || cat said >>why
	fi
	# Nothing has changed, so the image must not either.
	id=$(basename "$config")
	if ! grep -qsx -e --no-cache "$FROM/args"; then
		build "$1" -q
		grep -qsF "$id" said || { echo "built again, it is not $id:"; cat said; bad=1; } >>why
	fi
	return $bad
}

refused() {
	local bad=0
	compare error said || bad=1
	echo $STATUS >status.got
	if [ -n "$UPDATE" ]; then
		rm -f "$FROM/status"
		[ $STATUS = 3 ] || echo $STATUS >"$FROM/status"
	elif [ "$STATUS" != "$(cat "$FROM/status" 2>/dev/null || echo 3)" ]; then
		echo "exit status $STATUS" >>why
		bad=1
	fi
	return $bad
}

# Reasons not to run the case, on standard output.
unable() {
	local tool
	[ -f "$FROM/needs" ] || return 0
	while read -r tool; do
		case $tool in
		root) [ "$(id -u)" = 0 ] || echo "needs root" ;;
		*) command -v "$tool" >/dev/null || echo "$tool is not installed" ;;
		esac
	done <"$FROM/needs"
}

attempt() {
	: >why
	if [ -f "$FROM/parent" ]; then
		varve build -q -f "$FROM/parent" -t parent --compression none ctx >why 2>&1 || return 1
		: >why
	fi
	if [ -f "$FROM/error" ]; then
		build "$1" -q
	else
		build "$1" --progress=plain
	fi
	if [ -n "$UPDATE" ]; then
		rm -f "$FROM"/{tree,config,error,status}
		[ $STATUS = 0 ] || build "$1" -q
	fi
	if [ $STATUS -ge 124 ] && [ $STATUS != 130 ]; then
		{ echo "killed, status $STATUS:"; cat said; } >>why
		return 1
	fi
	if [ -f "$FROM/error" ] || { [ -n "$UPDATE" ] && [ $STATUS != 0 ]; }; then
		[ $STATUS != 0 ] || { echo "it was accepted" >>why; return 1; }
		refused "$1"
	elif [ $STATUS != 0 ]; then
		{ echo "refused with status $STATUS:"; cat said; } >>why
		return 1
	else
		accepted "$1"
	fi
}

run_case() {
	local number=$1 name=$2 skip status
	FROM=$CASES/$2
	skip=$(unable)
	if [ -n "$skip" ]; then
		echo "ok $number - $name # SKIP $skip"
		return
	fi
	prepare "$name"
	status=$?
	if [ $status = 77 ]; then
		echo "ok $number - $name # SKIP $(head -n 1 setup.out)"
	elif [ $status = 0 ] && attempt "$name"; then
		echo "ok $number - $name"
	else
		FAILED=1
		echo "not ok $number - $name"
		cat setup.out why 2>/dev/null | sed 's/^/# /'
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

print_errors() {
	local file folder name
	for file in "$CASES"/*/*/error; do
		folder=${file%/error}
		name=${folder#"$CASES"/}
		printf '=== %s\n' "$name"
		cat "$folder/Dockerfile"
		printf -- '---\n'
		cat "$file"
		printf '\n'
	done
}

main() {
	local names number=0 name
	case ${1-} in
	--errors) print_errors; exit ;;
	--update) UPDATE=1; shift ;;
	esac
	[ $# -gt 0 ] || { sed -n '/^#\t/s/^#//p' "$0" | head -n 3 >&2; exit 2; }
	for name in jq perl; do
		command -v $name >/dev/null || { echo "1..0 # SKIP $name is not installed"; exit 0; }
	done
	mapfile -t names < <(select_cases "$@")
	[ ${#names[@]} -gt 0 ] || { echo "no such case: $*" >&2; exit 2; }
	W=$(work_folder) || exit 1
	trap 'cd / && chmod -R u+rwx "$W" 2>/dev/null; rm -rf "$W"' EXIT
	trap 'exit 130' INT TERM
	export VARVE_ROOT=$W/store
	base
	echo "1..${#names[@]}"
	for name in "${names[@]}"; do
		number=$((number + 1))
		run_case $number "$name"
	done
	"$VARVE" fsck >"$W/fsck" 2>&1 || { FAILED=1; echo "# fsck after the cases:"; sed 's/^/# /' "$W/fsck"; }
	exit $FAILED
}

main "$@"
