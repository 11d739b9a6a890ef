#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The cases of tests/cases.sh that are accepted, built by buildah too: both must make the same root
# file system and the same config.
#
#	tests/differ.sh GROUP[/CASE]...     these
#	tests/differ.sh                     a sample: $DIFFER of them (40), chosen by $SEED
#	tests/differ.sh --all               all of them
#
# A case where the two are meant to differ has a file `differs` with the reason. What is skipped is
# listed with why: that reason, or what buildah says that it cannot do.
CASES_LIBRARY=1
. "$(dirname "$0")/cases.sh"

# Without a limit of our own buildah raises it, which is not allowed everywhere.
RUN_FLAGS=(--isolation chroot --ulimit "nofile=$(ulimit -Sn):$(ulimit -Hn)")

BUILDAH=$(type -P buildah)

buildah() {
	timeout -k 5 "${CASE_LIMIT:-60}" "$BUILDAH" --root "$W/buildah" --runroot "$W/buildah-run" \
		--storage-driver vfs "$@"
}

# Reasons not to compare the case, on standard output.
not_comparable() {
	local from=$CASES/$1
	unable "$1"
	[ ! -f "$from/differs" ] || head -n 1 "$from/differs"
	[ ! -f "$from/env" ] || echo "it depends on the caller's environment"
	if [ -f "$from/args" ] && grep -vqE -e '^--(build-arg|target|label)=' "$from/args"; then
		echo "it has options that only varve has"
	fi
	[ ! -f "$from/parent" ] || echo "it builds two images"
}

# What is in a root, but for what buildah puts into every one for its programs.
describe_root() {
	(
		cd "$1" || exit 1
		find . -mindepth 1 \( -type d -printf '%P %y %m %U:%G\n' -o -type l -printf '%P %y %U:%G -> %l\n' \
			-o -printf '%P %y %m %U:%G\n' \)
		find . -type f -print0 | xargs -0 -r sha256sum
	) | grep -vE '^(proc|sys|dev|run|etc) d |^(run/\.containerenv|etc/(hosts|resolv\.conf|hostname|mtab)) |  \./(run/\.containerenv|etc/(hosts|resolv\.conf|hostname))$' | sort
}

# The config with what both write the same way, in one order.
describe_config() {
	jq -S '{User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal, Healthcheck,
		Shell, OnBuild}
		| .Labels |= ((. // {}) | del(.["io.buildah.version"]))
		| .WorkingDir |= (if . == null or . == "" then "/" else . end)
		| .Env |= (. // [])
		| with_entries(select(.value != null and .value != {} and .value != [] and .value != ""))'
}

compare_with_buildah() {
	local name=$1 args=() container image
	[ ! -f "$CASES/$name/args" ] || mapfile -t args <"$CASES/$name/args"
	build "$name" -q -o "type=tar,dest=ours.tar"
	[ $STATUS = 0 ] || { cat said >>why; return; }
	image=$VARVE_ROOT/blobs/sha256/$(manifest "$(<metadata)" | cut -d: -f2)
	jq .config "$VARVE_ROOT/blobs/sha256/$(jq -r .config.digest "$image" | cut -d: -f2)" |
		describe_config >ours.config
	if ! buildah bud "${RUN_FLAGS[@]}" --format docker -q -f Dockerfile -t theirs "${args[@]}" ctx \
		>theirs.out 2>&1 </dev/null; then
		echo "buildah refuses it: $(grep -v level= theirs.out | tail -n 1)" >skip
		return
	fi
	buildah inspect --type image theirs | jq .Docker.config | describe_config >theirs.config
	container=$(buildah from --pull-never localhost/theirs) &&
		describe_root "$(buildah mount "$container")" >theirs.root
	mkdir ours && tar -C ours --xattrs -xpf ours.tar && describe_root ours >ours.root
	diff -u --label buildah --label varve theirs.root ours.root >>why
	diff -u --label buildah --label varve theirs.config ours.config >>why
	buildah rm "$container" >/dev/null
	buildah rmi localhost/theirs >/dev/null
}

main() {
	local names number=0 name reason
	for name in buildah jq perl; do
		type -P $name >/dev/null || { echo "1..0 # SKIP $name is not installed"; exit 0; }
	done
	[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
	case ${1-} in
	"" | --all) mapfile -t names < <(cd "$CASES" && select_cases */) ;;
	*) mapfile -t names < <(select_cases "$@") ;;
	esac
	mapfile -t names < <(printf '%s\n' "${names[@]}" | tr -s / | while read -r name; do
		[ -f "$CASES/$name/error" ] || echo "$name"
	done)
	if [ $# = 0 ]; then
		mapfile -t names < <(printf '%s\n' "${names[@]}" |
			awk -v seed="${SEED:-1}" 'BEGIN { srand(seed) } { print rand(), $0 }' | sort |
			head -n "${DIFFER:-40}" | cut -d' ' -f2)
	fi
	W=$(work_folder) || exit 1
	trap 'cd / && chmod -R u+rwx "$W" 2>/dev/null; rm -rf "$W"' EXIT
	trap 'exit 130' INT TERM
	export VARVE_ROOT=$W/store
	base
	varve save --format docker -o "$W/base.docker" base >/dev/null || exit 1
	buildah pull -q "docker-archive:$W/base.docker" >"$W/pull" 2>&1 &&
		buildah tag "$(tail -n 1 "$W/pull")" localhost/base || { cat "$W/pull" >&2; exit 1; }
	echo "1..${#names[@]}"
	for name in "${names[@]}"; do
		number=$((number + 1))
		reason=$(not_comparable "$name" | head -n 1)
		if [ -n "$reason" ]; then
			echo "ok $number - $name # SKIP $reason"
			continue
		fi
		prepare "$name" || { echo "not ok $number - $name"; FAILED=1; continue; }
		compare_with_buildah "$name"
		if [ -s skip ]; then
			echo "ok $number - $name # SKIP $(<skip)"
		elif [ -s why ]; then
			FAILED=1
			echo "not ok $number - $name"
			sed 's/^/# /' why
		else
			echo "ok $number - $name"
		fi
		cd / && rm -rf "${W:?}/$name"
	done
	exit $FAILED
}

main "$@"
