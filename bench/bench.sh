#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make bench`: what varve takes for the work that the budget names, beside the bare floor of the
# kernel and the codecs, and beside buildah and docker, all measured in the same run.
#
#	bench.sh BUILD-DIRECTORY [WORKLOAD[,WORKLOAD...]]
#
#	workloads.sh	the workloads: run deep warm context touch copy export tree stages real load
#			huge memory; in scale.sh also scale, the plots
#	peers.sh	the builders that take part, each with a store of its own; all work offline
#	race.sh		contenders taking turns, and what their runs cost
#	report.awk	medians and budgets as a table; plot.awk: medians as a plot
#
# All workloads: the tables go to RESULTS.md here. Some: to BUILD-DIRECTORY/bench/RESULTS.md.
#
# From the environment:
#	RUNS		how often each contender runs, 5
#	BENCH_SECONDS	a contender that has used so many seconds in one workload stops taking turns, 60
#	BENCH_SCALE	multiplies the files and bytes of all workloads, such as 0.1 for a quick look
#	BENCH_PEERS	which other builders take part, "buildah docker"
#	BENCH_PREFIX	words before each command, such as "chrt -r 1" on a machine busy with other work
#	BENCH_DIR	everything happens in this directory, which is removed at the end
set -euo pipefail

bench=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
workloads=${2:-run,deep,warm,memory,context,touch,copy,export,tree,stages,real,load,huge,scale}
output=$build/bench/RESULTS.md plots=$build/bench
[ $# -gt 1 ] || output=$bench/RESULTS.md plots=$bench

varve=${VARVE:-$build/varve}
tools=$build/bench
work=${BENCH_DIR:-$build/bench/work}
scale=${BENCH_SCALE:-1}
rm -rf "$work"
mkdir -p "$work"/{tmp,samples}
work=$(cd "$work" && pwd)
samples=$work/samples
export VARVE_ROOT=$work/varve TMPDIR=$work/tmp

# shellcheck source=bench/race.sh
. "$bench/race.sh"
# shellcheck source=bench/peers.sh
. "$bench/peers.sh"
# shellcheck source=bench/workloads.sh
. "$bench/workloads.sh"
# shellcheck source=bench/real.sh
. "$bench/real.sh"
# shellcheck source=bench/scale.sh
. "$bench/scale.sh"

cleanup() {
	stop_docker
	# A builder that fails leaves mounts behind.
	awk -v dir="$work/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
		xargs -r umount -l
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

base_tree "$work/base"
start_peers "$work/base"

started=$(load_average)
for name in ${workloads//,/ }; do
	if ! declare -F "work_$name" >/dev/null; then
		echo "bench.sh: there is no workload '$name'" >&2
		exit 2
	fi
	echo "== $name" >&2
	"work_$name"
done

{
	cat <<-X
	# What varve takes

	$("$varve" version | head -n 1), $("${CC:-cc}" --version | head -n 1). Linux $(uname -r), $(nproc) cores, $(stat -f -c %T "$work").
	Load average $started at the start, $(load_average) at the end: where it was above the number of
	cores, other work ran, and only ratios count. BENCH_SCALE $scale${prefix:+; all at \`$prefix\`}.

	Contenders took turns, up to $runs each, fewer where one had used $limit seconds; a figure is the
	median. Each had a store of its own and no network. CPU is user and system time of the whole
	process tree, for docker also of the daemon; peak is the largest resident set of any one process, for
	docker of client and daemon together.

	X
	describe_peers
	awk -f "$bench/report.awk" -v samples="$samples" "$samples/rows"
} >"$output"
cat "$output"
