#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `make demo` shows, in directory $1: a base image from nothing, an example of several steps on
# top, its layers and what each changed, the result running, and a build that finds everything done.
# Works as root and as an ordinary user; touches nothing outside $1.
set -eu

dir=$1
here=$(dirname "$0")
: "${VARVE:=varve}"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
export VARVE_ROOT="$dir/store"
busybox=$(command -v busybox) || { echo "demo: busybox-static is missing: run 'make deps'" >&2; exit 1; }

# Prints a command as a person would type it, and runs it.
show() {
	printf '\n$ varve'
	for word in "$@"; do
		case $word in
		*[\ \;\'\"]* | '') printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '\n'
	"$VARVE" "$@"
}

# The example's folder is not touched: the busybox of this machine goes into a copy of it.
rm -rf "$dir/busybox"
cp -r "$here/busybox" "$dir/busybox"
cp "$busybox" "$dir/busybox/busybox"
cp "$here/heredocs/Dockerfile" "$dir/Dockerfile"
cd "$dir"
mkdir -p empty

show build -t busybox busybox
show build -t page -f Dockerfile empty
show images
show layers page
show diff page
show run --rm page
show run --rm page sh -c 'echo "I am $(id -un) in $(hostname), the root has: $(ls / | tr "\n" " ")"'
show build -t page -f Dockerfile empty
printf '\nThe store of this demo is an OCI image layout in %s.\n' "$VARVE_ROOT"
