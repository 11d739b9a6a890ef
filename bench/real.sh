# shellcheck shell=bash disable=SC2016
# SPDX-License-Identifier: Apache-2.0
# A build as people have them: packages installed with dpkg on a Debian base, 300 C files compiled, the
# program copied to a small image. The floor is the same payload by hand: the same commands in a chroot
# on one overlay that does not sync, as the builders' own do not.

# A Debian root and the packages of a compiler; the only input that comes from a network.
real_inputs() {
	if ! command -v mmdebstrap >/dev/null; then
		real_why='mmdebstrap is not installed'
	elif [ "$(id -u)" != 0 ]; then
		real_why='making a root file system of Debian needs root'
	elif ! mmdebstrap --quiet --variant=minbase --customize-hook='chroot "$1" apt-get install -qqy \
		--no-install-recommends --download-only gcc libc6-dev make' \
		--customize-hook="copy-out /var/cache/apt/archives $work/real" \
		bookworm "$work/real.tar" >"$work/log" 2>&1; then
		real_why="the packages cannot be fetched: $(tail -n 1 "$work/log")"
	fi
}

work_real() {
	local real_why='' budget="1.03 × the payload by hand" text
	text="packages installed, $(scaled 300) C files compiled"
	mkdir -p "$work"/{real,root,hand}
	real_inputs
	if [ -n "$real_why" ]; then
		note "real: not measured; $real_why"
		row real "$text" wall real.varve 1 "$budget" 1.03 real.hand 1 real
		return 0
	fi
	mkdir "$work/real/debs"
	mv "$work"/real/archives/*.deb "$work/real/debs"
	rm -rf "$work/real/archives"
	"$tools/generate" sources "$work/real/src" "$(scaled 300)"
	tar -C "$work/root" -xf "$work/real.tar"
	import_all "$work/root" debian
	cat >"$work/real/Dockerfile" <<-'X'
	FROM debian AS build
	COPY debs /debs
	RUN DEBIAN_FRONTEND=noninteractive dpkg -i /debs/*.deb
	COPY src /src
	RUN make -s -C /src -j2
	FROM busybox
	COPY --from=build /src/program /program
	X
	builders --no-cache "$work/real"
	prune_after
	contender hand unshare -m sh "$bench/hand.sh" "$work/root" "$work/real" "$work/hand"
	before hand sh -c 'rm -rf "$1" && mkdir "$1"' sh "$work/hand"
	race real
	row real "$text" wall real.varve 1 "$budget" 1.03 real.hand 1 real
	note "real: the peaks are those of the compiler that runs in the build."
	rm -rf "$work/root" "$work/real" "$work/hand"
}
