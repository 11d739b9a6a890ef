#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make bench`: how long varve takes, beside the bare floor of the kernel, beside buildah from the
# distribution in the same run, and beside simple programs that do the same work.
#
#	bench.sh BUILD-DIRECTORY [WORKLOAD...]
#
# Each figure is the median of RUNS runs (5). Both builders commit one layer per step, offline, on
# stores of their own in one directory (BENCH_DIR, default BUILD-DIRECTORY/bench/work), which is
# removed at the end. HUGE=1 is needed for the 2 GiB and 200 000-file workloads.
set -euo pipefail

build=$(cd "$1" && pwd)
shift
varve=${VARVE:-$build/varve}
runs=${RUNS:-5}
work=${BENCH_DIR:-$build/bench/work}
rm -rf "$work"
mkdir -p "$work/tmp"
work=$(cd "$work" && pwd)
export VARVE_ROOT=$work/store TMPDIR=$work/tmp

buildah() {
	command buildah --root "$work/containers" --runroot "$work/run" --storage-driver overlay "$@"
}

cleanup() {
	# buildah leaves mounts behind when a step of it fails.
	awk -v dir="$work/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
		xargs -r umount
	rm -rf "$work"
}
trap cleanup EXIT

# Milliseconds that a command takes: the median of $runs, in $ms.
measure() {
	local i start times=()
	for i in $(seq "$runs"); do
		start=${EPOCHREALTIME/./}
		"$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
		times+=($((${EPOCHREALTIME/./} - start)))
	done
	ms=$(printf '%s\n' "${times[@]}" | sort -n |
		awk '{ t[NR] = $1 } END { printf "%.1f", t[int((NR + 1) / 2)] / 1000 }')
}

row() {	# what, varve, other, name of the other
	awk -v w="$1" -v a="$2" -v b="$3" -v n="$4" 'BEGIN {
		ratio = (b + 0 > 0 && a + 0 > 0) ? sprintf("%.2f", a / b) : "-"
		printf "| %-46s | %10s | %10s | %7s | %s |\n", w, a, b, ratio, n
	}'
}

base_tree() {
	local box applet
	box=$(command -v busybox)
	mkdir -p "$work/tree"/{bin,etc,tmp,root}
	cp "$box" "$work/tree/bin/busybox"
	for applet in $("$box" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$work/tree/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$work/tree/etc/passwd"
}

# FROM busybox and $1 steps that each write a small file.
steps() {
	echo FROM busybox
	seq "$1" | sed 's|.*|RUN echo & >/file&|'
}

varve_build() {
	"$varve" build --progress=quiet -t t "$@"
}

# The first way of running steps that works here; at today's limits, which a container may not raise.
find_buildah() {
	local container try
	buildah_args=()
	command -v buildah >/dev/null && [ "$(id -u)" = 0 ] || return 1
	container=$(buildah from scratch) && buildah copy -q "$container" "$work/tree" / >/dev/null &&
		buildah commit -q "$container" busybox >/dev/null && buildah rm "$container" >/dev/null || return 1
	mkdir -p "$work/try"
	steps 1 >"$work/try/Dockerfile"
	for try in "--runtime crun" "--runtime runc" "--isolation chroot"; do
		# shellcheck disable=SC2206  # two words
		buildah_args=($try --pull=never --network none)
		[ "$try" = "--isolation chroot" ] && buildah_args=(--isolation chroot --pull=never)
		buildah_args+=(--ulimit "nofile=$(ulimit -Sn):$(ulimit -Hn)")
		if buildah bud -q --layers --no-cache "${buildah_args[@]}" -t try "$work/try" \
			>/dev/null 2>&1; then
			has_buildah="buildah $(command buildah --version | cut -d' ' -f3), $try"
			return 0
		fi
	done
	return 1
}

buildah_build() {
	buildah bud -q --layers "${buildah_args[@]}" -t t "$@"
}

work_steps() {
	local floor total
	floor=$("$build/bench/floor" "$work/tree" 200 | awk '$1 == "floor_us" { print $2 / 1000 }')
	mkdir -p "$work/s20"
	steps 20 >"$work/s20/Dockerfile"
	measure varve_build --no-cache "$work/s20"
	total=$ms
	row "one RUN step of 20, ms; floor of the kernel" \
		"$(awk -v t="$total" 'BEGIN { printf "%.2f", t / 20 }')" "$floor" floor
	if [ -n "$has_buildah" ]; then
		measure buildah_build --no-cache "$work/s20"
		row "20 RUN steps, ms" "$total" "$ms" buildah
	else
		row "20 RUN steps, ms" "$total" - "no buildah"
	fi
}

work_cached() {
	local ours
	mkdir -p "$work/s20"
	steps 20 >"$work/s20/Dockerfile"
	varve_build "$work/s20" >/dev/null
	measure varve_build "$work/s20"
	ours=$ms ms=-
	if [ -n "$has_buildah" ]; then
		buildah_build "$work/s20" >/dev/null 2>&1
		measure buildah_build "$work/s20"
	fi
	row "the same, fully cached, ms" "$ours" "$ms" buildah
}

work_many() {
	local ours saved=$runs
	mkdir -p "$work/s127" "$work/s400"
	steps 127 >"$work/s127/Dockerfile"
	measure varve_build --no-cache "$work/s127"
	ours=$ms ms=-
	if [ -n "$has_buildah" ]; then
		runs=1
		measure buildah_build --no-cache "$work/s127"
		runs=$saved
	fi
	row "127 RUN steps, ms (buildah: one run)" "$ours" "$ms" buildah
	steps 399 >"$work/s400/Dockerfile"
	measure varve_build --no-cache "$work/s400"
	row "399 RUN steps: an image of 400 layers, ms" "$ms" - -
	measure "$varve" run --rm t true
	row "run --rm of the 400 layers, ms" "$ms" - -
}

work_copy() {
	local ours i
	mkdir -p "$work/files/d"
	for i in $(seq 200); do
		mkdir "$work/files/d/$i"
		(cd "$work/files/d/$i" && seq 100 | split -l 1 -a 3 -)
	done
	printf 'FROM busybox\nCOPY d /d\n' >"$work/files/Dockerfile"
	measure varve_build --no-cache "$work/files"
	ours=$ms ms=-
	if [ -n "$has_buildah" ]; then
		measure buildah_build --no-cache "$work/files"
	fi
	row "COPY of 20 000 files, ms" "$ours" "$ms" buildah
	measure varve_build "$work/files"
	ours=$ms
	measure find "$work/files/d" -printf '%s %T@\n'
	row "the same, fully cached, ms; find that stats" "$ours" "$ms" find
	rm -rf "$work/files"
}

work_gigabyte() {
	local ours
	mkdir -p "$work/big"
	for i in $(seq 8); do
		head -c 64M /dev/urandom >"$work/big/random$i"
		head -c 48M /dev/urandom | base64 -w 0 | head -c 64M >"$work/big/text$i"
	done
	printf 'FROM scratch\nCOPY . /\n' >"$work/big/Dockerfile"
	measure varve_build --no-cache "$work/big"
	ours=$ms
	measure sh -c 'cat "$1"/* | zstd -q -1 -T0 >"$2"' sh "$work/big" "$work/tmp/z"
	row "COPY of 1 GiB, ms; zstd -1 -T0" "$ours" "$ms" zstd
	rm -rf "$work/big" "$work/tmp/z"
}

work_huge() {
	local saved=$runs
	mkdir -p "$work/m"
	printf 'FROM busybox\nRUN head -c 2147483648 /dev/urandom >/big\n' >"$work/m/Dockerfile"
	"$build/bench/peak" "$varve" build -q --no-cache -t t "$work/m" >/dev/null 2>"$work/log"
	row "building a 2 GiB layer, peak KiB (limit 65536)" \
		"$(awk '/peak_kib/ { print $2 }' "$work/log")" - -
	"$build/bench/peak" "$varve" save -o "$work/tmp/x.tar" t >/dev/null 2>"$work/log"
	row "saving it, peak KiB (limit 65536)" "$(awk '/peak_kib/ { print $2 }' "$work/log")" - -
	rm -f "$work/tmp/x.tar"
	cat >"$work/m/Dockerfile" <<-'X'
	FROM busybox
	RUN for d in $(seq 200); do mkdir -p /t/$d; cd /t/$d; seq 1000 | split -l 1 -a 3 -; done
	X
	"$varve" build -q -t many "$work/m" >/dev/null
	{ echo FROM many; steps 20 | tail -n +2; } >"$work/m/Dockerfile"
	measure varve_build --no-cache "$work/m"
	row "20 RUN steps on 200 000 files, ms" "$ms" - -
	runs=$saved
}

echo "varve $("$varve" version | head -n 1 | grep -o '[0-9][0-9.]*' | head -n 1), $("${CC:-cc}" --version | head -n 1)"
echo "Linux $(uname -r), $(nproc) cores, $(stat -f -c %T "$work"), medians of $runs"
base_tree
"$varve" import "$work/tree" busybox >/dev/null
has_buildah=
find_buildah || true
if [ -n "$has_buildah" ]; then
	echo "$has_buildah"
else
	echo "buildah: cannot run steps here"
fi
echo
echo "| work                                           |      varve |      other |   ratio | other is |"
echo "|------------------------------------------------|------------|------------|---------|----------|"
# shellcheck disable=SC2048  # names without spaces
for name in ${*:-steps cached many copy gigabyte ${HUGE:+huge}}; do
	"work_$name"
done
