#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every man page passes mandoc's lint, as TAP.
set -u
cd "$(dirname "$0")/.." || exit 1

pages=$(find doc -name '*.[1-8]' | sort)
set -- $pages
echo "1..$(($# + 1))"
number=1
failed=0
if printf '.Dd x\n.Dt X\n.Xx broken\n' | mandoc -Tlint -W warning >/dev/null 2>&1; then
	failed=1
	echo "not ok 1 - mandoc finds what is wrong in a broken page"
else
	echo "ok 1 - mandoc finds what is wrong in a broken page"
fi
for page in "$@"; do
	number=$((number + 1))
	# "referenced manual not found" depends on the machine's own pages, not on ours.
	found=$(mandoc -Tlint -W style "$page" 2>&1 | grep -v 'referenced manual not found')
	if [ -z "$found" ]; then
		echo "ok $number - $page"
	else
		failed=1
		echo "not ok $number - $page"
		echo "$found" | sed 's/^/# /'
	fi
done
exit $failed
