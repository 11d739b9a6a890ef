#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every error message of the language, in one file to read: tests/data/errors.txt has all refused
# cases of tests/data/cases and what the user sees. As TAP: the file says what the cases say (that
# they are right is what their groups test), and each message of the sources is in it.
#
#	tests/errors.sh --update	writes the file; read what changed before you commit it
set -u
cd "$(dirname "$0")/.." || exit 1
golden=tests/data/errors.txt

if [ "${1-}" = --update ]; then
	bash tests/cases.sh --errors >"$golden"
	exit
fi
command -v perl >/dev/null || { echo "1..0 # SKIP perl is not installed"; exit 0; }

# Messages that a case cannot have, with "%" for what is filled in. Varve stores no such triggers, but
# images of other programs may have them; a large file is refused before the parser sees it.
no_case() {
	cat <<-'X'
	an ONBUILD trigger is a single instruction
	empty ONBUILD trigger
	%%: larger than % MiB
	X
}

# Those of the messages on standard input that no line of file $1 has.
missing() {
	perl -ne '
		BEGIN {
			open my $in, "<", shift or die;
			while (<$in>) {
				push @lines, $1 if /(?:^|: )error: (?:ONBUILD of .*?: )?(.*)/ || /^varve: (.*)/;
			}
		}
		chomp;
		my ($place, $message) = split /\t/, $_, 2;
		my $regex = join ".*", map { quotemeta } split /\001/, $message, -1;
		print "$place: $message\n" unless grep { /^$regex$/ } @lines;
	' "$1" | tr '\001' '%'
}

failed=0
number=0
result() {	# what, what is wrong or nothing
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		failed=1
		echo "not ok $number - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
	fi
}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
perl tests/messages.pl parser/*.[cly] builder/plan*.c builder/lint*.c >"$work/messages" || exit 1

echo 1..6
result "$golden is what the cases say; otherwise: tests/errors.sh --update" \
	"$(bash tests/cases.sh --errors | diff -u "$golden" - 2>&1)"
missing "$golden" <"$work/messages" >"$work/missing"
no_case >"$work/no_case"
result "every message of the sources is in $golden" \
	"$(sed 's/^[^ ]*: \(.*\)/&\t\1/' "$work/missing" | awk -F '\t' 'NR == FNR { known[$0] = 1; next }
		!($2 in known) { print $1 }' "$work/no_case" -)"
result "what is said to have no case has none" \
	"$(sed 's/^[^ ]*: //' "$work/missing" | grep -vxFf - "$work/no_case")"
result "messages are found in the sources" \
	"$([ "$(wc -l <"$work/messages")" -ge 90 ] || wc -l "$work/messages")"

cat >"$work/planted.c" <<'X'
	semantic_error(df, at(1, ")"), cond ? "hint" : NULL, /* a comment, too */
		       many ? "%s: several \"words\", " "joined %.*s"
			    : "100%% of " PRIu64, 1);
	plan_report(p, file, DIAG_WARNING, at, NULL, "no error");
	wrong(r, NULL, "%s", "no format");
X
printf '%s\n' 'Dockerfile:1:1: error: a: several "words", joined b' >"$work/said"
perl tests/messages.pl "$work/planted.c" | sed 's|^.*/||' >"$work/read"
printf 'planted.c:1\t\001: several "words", joined \001\nplanted.c:1\t100%% of d\n' >"$work/wanted"
result "strings are joined, both ways of a choice are read" "$(diff -u "$work/wanted" "$work/read")"
result "a message without a case is found" \
	"$(missing "$work/said" <"$work/read" | grep -qx 'planted.c:1: 100% of d' || echo "it is not")"
exit $failed
