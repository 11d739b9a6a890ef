#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the packages that building, testing, linting and measuring varve need.
#
#	tests/deps.sh [build] [demo] [test] [lint] [bench]      default: all groups
#
# Does nothing, without network, when everything is there. Asks for sudo only when something is
# missing and the caller is not root.
set -eu

groups=${*:-build demo test lint bench}

# One line per group and package manager. A tool that a distribution does not package is left out
# there; the tests that need it say so and are skipped.
packages() {
	case $1:$2 in
	apt:build) echo gcc libc6-dev make pkg-config flex bison libarchive-dev liblzma-dev libbz2-dev libzstd-dev \
		libssl-dev libcurl4-openssl-dev zlib1g-dev libdeflate-dev libcjson-dev uthash-dev libcap-dev libseccomp-dev \
		linux-libc-dev ;;
	apt:demo) echo busybox-static uidmap ;;
	apt:test) echo perl git libcmocka-dev bats mandoc jq skopeo umoci podman buildah crun runc \
		busybox-static qemu-user-static mmdebstrap uidmap attr libcap2-bin e2fsprogs util-linux strace \
		tar gzip bzip2 xz-utils zstd lighttpd openssh-server openssh-client openssl ;;
	apt:lint) echo clang clang-format clang-tidy cppcheck shellcheck ;;
	apt:bench) echo bash buildah crun runc docker.io containerd zstd isal openssl mmdebstrap busybox-static ;;
	dnf:build) echo gcc make pkgconf-pkg-config flex bison libarchive-devel libzstd-devel \
		openssl-devel libcurl-devel zlib-devel libdeflate-devel cjson-devel uthash-devel libcap-devel \
		libseccomp-devel ;;
	dnf:demo) echo busybox shadow-utils ;;
	dnf:test) echo perl-Test-Harness perl-JSON-PP perl-Digest-SHA git libcmocka-devel bats mandoc jq skopeo podman buildah \
		crun runc busybox qemu-user-static-aarch64 mmdebstrap shadow-utils attr libcap e2fsprogs util-linux strace \
		tar gzip bzip2 xz zstd lighttpd git-daemon openssh-server openssh-clients openssl ;;
	dnf:lint) echo clang clang-tools-extra cppcheck ShellCheck ;;
	dnf:bench) echo bash buildah crun runc moby-engine zstd openssl mmdebstrap busybox ;;
	apk:build) echo build-base linux-headers pkgconf flex bison libarchive-dev zstd-dev \
		openssl-dev curl-dev zlib-dev libdeflate-dev cjson-dev uthash-dev libcap-dev libseccomp-dev ;;
	apk:demo) echo busybox-static shadow-subids ;;
	apk:test) echo perl-utils git cmocka-dev bats mandoc jq skopeo umoci podman buildah crun runc \
		busybox-static qemu-aarch64 mmdebstrap shadow-subids attr libcap-utils e2fsprogs \
		util-linux strace tar gzip bzip2 xz zstd lighttpd git-daemon \
		openssh openssl ;;
	apk:lint) echo clang clang-extra-tools cppcheck shellcheck ;;
	apk:bench) echo bash buildah crun runc docker zstd openssl mmdebstrap busybox-static ;;
	*) echo "deps.sh: unknown group '$2' (build, demo, test, lint, bench)" >&2; return 1 ;;
	esac
}

if command -v apt-get >/dev/null; then
	manager=apt
elif command -v dnf >/dev/null; then
	manager=dnf
elif command -v apk >/dev/null; then
	manager=apk
else
	echo "deps.sh: none of apt-get, dnf and apk is here; install by hand what this file names" >&2
	exit 1
fi

# Prints those of its arguments that are not installed.
missing() {
	case $manager in
	apt)	# A package may be there under another name that provides it (pkgconf: pkg-config).
		dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' |
		awk -v want="$*" '
			$1 == "installed" {
				count = split(substr($0, 11), name, /, */)
				for (i = 1; i <= count; i++) {
					sub(/ .*/, "", name[i])
					have[name[i]] = 1
				}
			}
			END {
				count = split(want, name, " ")
				for (i = 1; i <= count; i++)
					if (!(name[i] in have))
						print name[i]
			}' ;;
	dnf)	for p in "$@"; do rpm -q --whatprovides "$p" >/dev/null 2>&1 || echo "$p"; done ;;
	apk)	for p in "$@"; do apk info -e "$p" >/dev/null 2>&1 || echo "$p"; done ;;
	esac
}

wanted=
for group in $groups; do
	wanted="$wanted $(packages "$manager" "$group")"
done
# shellcheck disable=SC2086  # a list of words
needed=$(missing $wanted | sort -u | tr '\n' ' ')
[ -n "$needed" ] || exit 0

case $manager in
apt)	install="apt-get install -y --no-install-recommends $needed" ;;
dnf)	install="dnf install -y --setopt=install_weak_deps=False $needed" ;;
apk)	install="apk add $needed" ;;
esac
if [ "$(id -u)" = 0 ]; then
	sudo=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
	sudo=sudo
else
	echo "deps.sh: these packages are missing: $needed" >&2
	echo "deps.sh: as root, run: $install" >&2
	exit 1
fi
echo "deps.sh: installing $needed"
if [ $manager = apt ]; then
	# A third-party source that is down must not stop us; the installation below decides.
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q || true
	install="env DEBIAN_FRONTEND=noninteractive $install"
fi
# shellcheck disable=SC2086  # a list of words
$sudo $install </dev/null
