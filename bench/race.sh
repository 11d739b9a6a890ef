# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Contenders that do the same work in turns, and what each of their runs cost.
#
#	contender varve "${varve_build[@]}" DIR		one more that takes part
#	before varve rm -rf DIR				not timed, each time before it runs
#	after varve prune_varve				not timed, each time after it has run
#	race NAME					lets them run, and forgets them
#	row ...						a line of the table, see below
#
# The runs are in $samples/NAME.CONTENDER, a line each: microseconds, microseconds of CPU, KiB.

runs=${RUNS:-5}
limit=${BENCH_SECONDS:-60}
prefix=${BENCH_PREFIX:-}
contenders=()
declare -A command before after options

# A name that ends in "!" measures itself: it prints "wall_us N".
contender() {
	local name=${1%!}
	[ "$name" = "$1" ] || options[$name]=-s
	contenders+=("$name")
	printf -v "command[$name]" '%q ' "${@:2}"
}

before() {
	printf -v "before[$1]" '%q ' "${@:2}"
}

after() {
	printf -v "after[$1]" '%q ' "${@:2}"
}

# One run of one contender. What it prints is shown if it fails; then it takes no more turns.
turn() {
	local race=$1 name=$2 start=$EPOCHSECONDS
	eval "${before[$name]:-}" >"$work/log" 2>&1
	sync -f "$work"
	# shellcheck disable=SC2086  # options are words
	local measured="$prefix \"$tools/timed\" -o \"$samples/$race.$name\" ${options[$name]:-}"
	if ! eval "$measured ${command[$name]}" >"$work/log" 2>&1 </dev/null; then
		echo "bench: $race: $name failed:" >&2
		tail -n 20 "$work/log" >&2
		out[$name]=1
		echo "$name failed in $race; see what the run printed." >>"$samples/notes"
		return 0
	fi
	eval "${after[$name]:-}" >"$work/log" 2>&1
	spent[$name]=$((${spent[$name]:-0} + EPOCHSECONDS - start))
	[ "${spent[$name]}" -lt "$limit" ] || out[$name]=1
}

race() {
	local round name
	local -A spent=() out=()
	for ((round = 0; round < runs; round++)); do
		for name in "${contenders[@]}"; do
			[ -n "${out[$name]:-}" ] || turn "$1" "$name"
		done
	done
	for name in "${contenders[@]}"; do
		echo "$1 $name" >>"$samples/races"
		printf '  %-28s %s\n' "$1.$name" "$(tail -n 1 "$samples/$1.$name" 2>/dev/null)" >&2
		before[$name]='' after[$name]='' options[$name]=''
	done
	options[docker]=${docker_daemons:-}
	contenders=()
}

# A line of the table:
#
#	row WORKLOAD TEXT MEASURE SUBJECT PER BUDGET LIMIT FLOOR PER RACE
#
# MEASURE (wall, cpu or peak) of SUBJECT, divided by PER, is to be at most LIMIT times FLOOR divided
# by its PER; with FLOOR "-", at most LIMIT (milliseconds, MiB). BUDGET says so in words. SUBJECT and
# FLOOR are RACE.CONTENDER; the columns of the other builders come from RACE.
row() {
	local IFS=$'\t'
	echo "$*" >>"$samples/rows"
}

# A sentence below the tables.
note() {
	echo "$*" >>"$samples/notes"
}

load_average() {
	cut -d' ' -f1 /proc/loadavg
}

# $1 by the scale of this run, at least 1.
scaled() {
	awk -v n="$1" -v s="$scale" 'BEGIN { n = int(n * s + 0.5); print n < 1 ? 1 : n }'
}
