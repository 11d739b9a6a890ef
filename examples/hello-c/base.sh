#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a Debian root file system with a C compiler as the tar $1, from the apt sources of this
# machine. Works as root and as an ordinary user with subordinate ids.
set -eu

codename=bookworm
if [ -e /etc/os-release ] && [ "$(. /etc/os-release && echo "$ID")" = debian ]; then
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
fi

# Only Debian's own archives: third-party sources of this machine do not belong into the image.
sources=
if command -v apt-get >/dev/null; then
	# shellcheck disable=SC2016  # apt's variables, not ours
	sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Identifier: Packages' | awk -v suite="$codename" '
		$4 == "main" && ($3 == suite || index($3, suite "-") == 1)' | sort -u)
fi
[ -n "$sources" ] || sources="deb http://deb.debian.org/debian $codename main"

echo "$sources" | mmdebstrap --quiet --format=tar --variant=minbase --include=gcc,libc6-dev \
	--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' "$codename" "$1.partial" -
mv "$1.partial" "$1"
