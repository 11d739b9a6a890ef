#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every man page passes mandoc's lint, and varve-dockerfile(5) has the whole language, as TAP.
set -u
cd "$(dirname "$0")/.." || exit 1

pages=$(find doc -name '*.[1-8]' | sort)
set -- $pages
echo "1..$(($# + 5))"
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

# The tables that the program itself uses, against the page.
language=doc/varve-dockerfile.5
has_all() {	# text, pattern with %s for the name, least number of names; names on stdin
	number=$((number + 1))
	missing=
	count=0
	while read -r name; do
		count=$((count + 1))
		# shellcheck disable=SC2059 # the pattern is ours
		grep -Eq "$(printf "$2" "$name")" "$language" || missing="$missing $name"
	done
	if [ -z "$missing" ] && [ $count -ge "$3" ]; then
		echo "ok $number - $language has every $1"
	else
		failed=1
		echo "not ok $number - $language has every $1"
		echo "# missing of $count:$missing"
	fi
}
names() {	# file, pattern
	grep -oE "$2" "$1" | sed 's/[^"]*"\([^"]*\)".*/\1/' | sort -u
}
has_all instruction '^\.Ss %s( |$)' 18 <<X
$(names parser/keyword.c '\{"[A-Z]+"')
X
has_all flag '^\.It Fl -%s( |$)' 15 <<X
$(names parser/keyword.c '\{"[a-z-]+", FLAG')
X
has_all 'mount option' '^\.It Cm (.* , )?%s( |$)' 15 <<X
$(sed 's/, OPT_.*/, OPT_/' builder/plan_mount.c | grep -oE '\{"[a-z]+", OPT_' | sed 's/.*"\(.*\)".*/\1/' | sort -u)
X
has_all 'rule of the checks' '^\.It Sy %s$' 30 <<X
$(names parser/rule.c '\{"[A-Z][A-Za-z]+"')
X
exit $failed
