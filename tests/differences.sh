#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every row of doc/differences.md names a test that exists, as TAP. The last column is
#
#	case GROUP/NAME       a folder of tests/data/cases
#	FILE.bats: NAME       a test of tests/cli, by its name or the beginning of it
#	test_X: FUNCTION      a test of tests/test_X.c
set -u
cd "$(dirname "$0")/.." || exit 1

exists() {
	case $1 in
	'case '*) [ -f "tests/data/cases/${1#case }/Dockerfile" ] ;;
	*.bats:\ *) [ -f "tests/cli/${1%%:*}" ] &&
		sed -n 's/^@test "\(.*\)" {$/\1/p' "tests/cli/${1%%:*}" |
		awk -v name="${1#*: }" 'index($0, name) == 1 { found = 1 } END { exit !found }' ;;
	test_*:\ *) [ -f "tests/${1%%:*}.c" ] &&
		grep -q "cmocka_unit_test[a-z_]*(${1#*: }[,)]" "tests/${1%%:*}.c" ;;
	*) return 1 ;;
	esac
}

# "WHAT<tab>TEST" for each row of each table, without heads and rules.
rows() {
	awk '/^\|/ {
		if (!inside) { inside = 1; head = 2 }
		if (head > 0) { head--; next }
		line = $0
		gsub(/\\\|/, "\001", line)
		sub(/^\| */, "", line)
		sub(/ *\| *$/, "", line)
		count = split(line, cell, / *\| */)
		test = cell[count]
		gsub(/`/, "", test)
		what = cell[1]
		gsub(/\001/, "|", what)
		print what "\t" test
		next
	}
	{ inside = 0 }' "$1"
}

# Prints the rows of a file whose test does not exist.
check() {
	rows "$1" | while IFS='	' read -r what test; do
		exists "$test" || echo "$what: no such test: $test"
	done
}

planted=$(mktemp) || exit 1
trap 'rm -f "$planted"' EXIT
printf '| What | Test |\n|---|---|\n| a | `case no/such` |\n| b | `options.bats: no such` |\n| c | |\n' \
	>"$planted"
printf '| d | `test_cli_forms: nothing` |\n| e | `options.bats: --secret` |\n' >>"$planted"

echo 1..3
failed=0
if [ "$(check "$planted" | wc -l)" = 4 ]; then
	echo "ok 1 - rows whose test does not exist are found"
else
	failed=1
	echo "not ok 1 - rows whose test does not exist are found"
	check "$planted" | sed 's/^/# /'
fi
found=$(check doc/differences.md)
if [ -z "$found" ]; then
	echo "ok 2 - every difference has a test"
else
	failed=1
	echo "not ok 2 - every difference has a test"
	echo "$found" | sed 's/^/# /'
fi
if [ "$(rows doc/differences.md | wc -l)" -ge 20 ]; then
	echo "ok 3 - the tables were read"
else
	failed=1
	echo "not ok 3 - the tables were read"
fi
exit $failed
