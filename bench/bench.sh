#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make bench`: what varve takes for the work that the budget names, beside the bare floor of the
# kernel and the codecs, and beside buildah and docker, all measured in the same run.
#
#	bench.sh BUILD-DIRECTORY [WORKLOAD[,WORKLOAD...]]
#
#	workloads.sh  the workloads: run deep warm memory context touch copy export tree stages load
#	              huge; in real.sh real; in scale.sh scale, the plots
#	peers.sh      the builders that take part, each with a store of its own; all work offline
#	race.sh       contenders taking turns, and what their runs cost
#	report.awk    medians and budgets as tables; plot.awk medians as a plot
#
# All workloads: the tables and plots go to this directory. Some: to BUILD-DIRECTORY/bench. Every
# single run is in BUILD-DIRECTORY/bench/samples.
#
# From the environment:
#	RUNS           how often each contender runs, 5
#	BENCH_SECONDS  a contender that used so many seconds in a workload stops taking turns, 60
#	BENCH_SCALE    multiplies the files and bytes of all workloads, such as 0.1 for a quick look
#	BENCH_PEERS    which other builders take part, "buildah docker"
#	BENCH_PREFIX   words before each command, such as "nice -n -5" on a machine busy otherwise
#	BENCH_DIR      everything happens in this directory, which is removed at the end
#	BENCH_DISK     a size such as 40G: there on a new ext4 in a sparse file, which others do not
#	               write to; needs root and a loop device. An ext4 without journal, and any that is
#	               written to meanwhile, makes creating and syncing files slow at random.
set -euo pipefail

bench=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
workloads=${2:-run,deep,warm,memory,context,touch,copy,export,tree,stages,real,load,huge,scale}
results=$build/bench
[ $# -gt 1 ] || results=$bench

tools=$build/bench
samples=$build/bench/samples
work=${BENCH_DIR:-$build/bench/work}
scale=${BENCH_SCALE:-1}
rm -rf "$work" "$work.ext4" "$samples"
mkdir -p "$work" "$samples"
work=$(cd "$work" && pwd)
if [ -n "${BENCH_DISK:-}" ]; then
	truncate -s "$BENCH_DISK" "$work.ext4"
	mkfs.ext4 -q -F "$work.ext4"
	mount -o loop,discard "$work.ext4" "$work"
fi
mkdir "$work/tmp"
: >"$samples/rows"
# A copy: a compiler may run meanwhile.
cp "${VARVE:-$build/varve}" "$work/program"
varve=$work/program
export VARVE_ROOT=$work/varve TMPDIR=$work/tmp

for part in race peers workloads real scale; do
	# shellcheck source=/dev/null
	. "$bench/$part.sh"
done

cleanup() {
	stop_docker
	# A builder that fails leaves mounts behind.
	awk -v dir="$work/" 'index($5 "/", dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
		xargs -r umount -l
	rm -rf "$work" "$work.ext4"
}

# The file system that $work is on.
file_system() {
	findmnt -n -o FSTYPE -T "$work"
}

heading() {
	local noise=''
	awk -v a="$1" -v b="$2" -v n="$(nproc)" 'BEGIN { exit !(a > n || b > n) }' &&
		noise=' Other work ran on this machine: only ratios count.'
	cat <<-X
	# What varve takes

	$("$varve" version | head -n 1), $("${CC:-cc}" --version | head -n 1). Linux $(uname -r),
	$(nproc) cores, $(file_system)${BENCH_DISK:+ of its own}. Sizes are $scale times those of the design${prefix:+; every
	command ran with \`$prefix\`}. Load average $1 at the start, $2 at the end.$noise

	Contenders took turns, up to $runs each, fewer where one had used $limit seconds; a figure is
	the median. Each builder had a store of its own and no network. CPU is user and system time of
	the whole process tree, for docker also of the daemon; peak is the largest resident set of any
	one process, for docker of client and daemon together.

	X
}

main() {
	local name load
	for name in ${workloads//,/ }; do
		if ! declare -F "work_$name" >/dev/null; then
			echo "bench.sh: there is no workload '$name'" >&2
			exit 2
		fi
	done
	base_tree "$work/base"
	start_peers "$work/base"
	load=$(load_average)
	for name in ${workloads//,/ }; do
		echo "== $name" >&2
		"work_$name"
	done
	{
		heading "$load" "$(load_average)"
		describe_peers
		awk -f "$bench/report.awk" -v samples="$samples" "$samples/rows"
	} >"$results/RESULTS.md"
	cat "$results/RESULTS.md"
}

trap cleanup EXIT
trap 'exit 130' INT TERM
main
