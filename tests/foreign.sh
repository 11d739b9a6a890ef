#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gets a static busybox for arm64, for tests that run programs of another processor: the package of
# Debian, verified by apt with the keys of this machine, through directories of apt's own, so that
# nothing of the machine's configuration changes.
#
#	tests/foreign.sh FILE      does nothing if FILE is there already
#
# Without apt, or without network, it says so and succeeds: those tests are then skipped.
set -u
file=$1
[ ! -s "$file" ] || exit 0

give_up() {
	echo "foreign.sh: no busybox for arm64, so tests of other platforms are skipped: $1"
	exit 0
}

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up "no apt-get"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/root"

apt() {
	apt-get -q -o Dir::State="$work/state" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$work/cache" -o APT::Architecture=arm64 \
		-o APT::Architectures::=arm64 -o APT::Sandbox::User=root "$@"
}

apt update >"$work/log" 2>&1 || give_up "apt-get update: $(tail -n 1 "$work/log")"
(cd "$work" && apt download busybox-static) >"$work/log" 2>&1 ||
	give_up "apt-get download: $(tail -n 1 "$work/log")"
dpkg-deb -x "$work"/busybox-static_*.deb "$work/root" || exit 1
for box in "$work/root/bin/busybox" "$work/root/usr/bin/busybox"; do
	[ ! -f "$box" ] || break
done
mkdir -p "$(dirname "$file")"
cp "$box" "$file.new" && mv "$file.new" "$file"
