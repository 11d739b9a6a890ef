#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `make demo` shows, in directory $1: a base image from nothing, an example of several steps on
# top, its layers and what each changed, the result running, and a build that finds everything done.
# Works as root and as an ordinary user; touches nothing outside $1.
set -eu

dir=$1
here=$(cd "$(dirname "$0")" && pwd)
: "${VARVE:=varve}"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
export VARVE_ROOT="$dir/store"
busybox=$(command -v busybox) || { echo "demo: busybox is missing: run 'make deps'" >&2; exit 1; }

# Prints a command as a person would type it, and runs it. `varve diff` says "different" by status 1.
show() {
	printf '\n$ varve'
	for word in "$@"; do
		case $word in
		*[\ \;\'\"]* | '') printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '\n'
	"$VARVE" "$@" || [ "$1:$?" = diff:1 ]
}

# The examples are not touched: the busybox of this machine goes into a copy.
rm -rf "$dir/busybox" "$dir/steps"
cp -r "$here/busybox" "$here/steps" "$dir/"
cp "$busybox" "$dir/busybox/busybox"
cd "$dir"

show build -t busybox busybox
show build -t steps steps
show images
show layers steps
base=$("$VARVE" layers --json busybox | grep '"DiffID"' | wc -l)
show diff "steps@$base..$((base + 4))"
show diff "steps@$((base + 3))"
show diff "steps@$((base + 4))"
show run --rm steps
show run --rm steps sh -c 'ls -l /app; echo "it is $(uname -s) with $(nproc) cores"'
show build -t steps steps
printf '\nThe store of this demo is an OCI image layout: %s\n' "$VARVE_ROOT"
