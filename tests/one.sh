#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs one test program for prove: a unit test, a script, a bats file, or a group of cases of the
# language by the file that describes it. $TESTLIMIT seconds are its
# limit, so that a hang is a failure with a name. What it said is kept in $VARVE_BUILD/tap; of a
# failure, the details go to standard error, where prove shows them.
name=$(basename "$1")
case $1 in
*/cases/*/group) name=cases-$(basename "$(dirname "$1")") ;;
esac
log=$VARVE_BUILD/tap/$name.tap
mkdir -p "${log%/*}"
case $1 in
*/cases/*/group) set -- bash tests/cases.sh "${name#cases-}" ;;
*.bats) set -- bats --tap "$@" ;;
*/differ.sh | */jobs.sh) set -- bash "$@" ;;
*.sh) set -- sh "$@" ;;
esac
timeout --foreground -k 10 "${TESTLIMIT:-900}" "$@" >"$log" 2>"$log.err"
status=$?
cat "$log"
if [ $status -ne 0 ] || grep -q '^not ok' "$log"; then
	{
		echo "--- $* failed with status $status; all of it is in $log"
		awk '/^not ok/ { on = 1 } /^ok/ { on = 0 } on' "$log" | head -n 200
		tail -n 100 "$log.err"
		[ $status -ne 124 ] || echo "--- it took longer than ${TESTLIMIT:-900} seconds"
	} >&2
fi
exit $status
