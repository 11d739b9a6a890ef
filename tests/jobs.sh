#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How many steps go on at a time must not show: the cases of the language and the end-to-end tests give
# the same with --jobs 1, 2 and 16.
#
#	tests/jobs.sh          a sample for each of them: $GROUPS_EACH groups of cases (1) and one .bats
#	                       file of those below, chosen by $SEED
#	tests/jobs.sh --all    all of them
set -u
cd "$(dirname "$0")/.." || exit 1
: "${GROUPS_EACH:=1}"
: "${SEED:=$((RANDOM * 32768 + RANDOM))}"

# Those that are about what a build makes, not about how fast or how it looks.
BATS=(add build cache caches contexts copy copy_flags direct foreign mounts options outputs platform
	remote rootless rules secrets ssh volume)

# The arguments in an order that the seed and $1 decide.
shuffled() {
	local seed=$SEED$1
	shift
	printf '%s\n' "$@" | awk -v seed="$seed" 'BEGIN { srand(seed) } { print rand(), $0 }' | sort |
		cut -d' ' -f2
}

failed=0
number=0
result() {	# what, status, output of it
	number=$((number + 1))
	if [ "$2" = 0 ]; then
		echo "ok $number - $1"
		return
	fi
	failed=1
	echo "not ok $number - $1"
	awk '/^not ok/ { on = 1 } /^ok/ { on = 0 } on { print "# " $0 }' <<<"$3"
	echo "# SEED=$SEED"
}

command -v bats >/dev/null || { echo "1..0 # SKIP bats is not installed"; exit 0; }
groups=(tests/data/cases/*/group)
groups=("${groups[@]%/group}")
groups=("${groups[@]##*/}")
if [ "${1-}" = --all ]; then
	GROUPS_EACH=${#groups[@]} bats_each=${#BATS[@]}
else
	bats_each=1
fi
echo "1..$((3 * (GROUPS_EACH + bats_each)))"
for jobs in 1 2 16; do
	for name in $(shuffled $jobs "${groups[@]}" | head -n "$GROUPS_EACH"); do
		said=$(JOBS=$jobs bash tests/cases.sh "$name" 2>&1)
		result "--jobs $jobs: cases $name" $? "$said"
	done
	for name in $(shuffled $jobs "${BATS[@]}" | head -n "$bats_each"); do
		said=$(JOBS=$jobs bats --tap "tests/cli/$name.bats" 2>&1)
		result "--jobs $jobs: $name.bats" $? "$said"
	done
done
exit $failed
