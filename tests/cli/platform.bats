#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images for other platforms: choosing them, making them, and running their programs.

load helpers

# Images base (this machine's) and foreign (arm64), and the index both of the two.
both_platforms() {
	base
	mkdir -p "$T/arm/etc" "$T/none"
	echo arm >"$T/arm/etc/which"
	varve import --platform linux/arm64 "$T/arm" foreign >/dev/null
	printf 'FROM base\nRUN echo here >/etc/which\n' >"$T/none/Dockerfile"
	varve build -q -t here "$T/none" >/dev/null
	index both here foreign
}

# A name for an index of images: index NAME IMAGE...
index() {
	local name=$1 entries='[]' image digest
	shift
	for image in "$@"; do
		digest=$(manifest "$image")
		entries=$(jq -c --arg digest "$digest" \
			--argjson size "$(stat -c %s "$(blob "$digest")")" \
			--argjson config "$(config "$image" .)" '. + [{
				mediaType: "application/vnd.oci.image.manifest.v1+json",
				digest: $digest, size: $size,
				platform: ($config | {architecture, os} +
					(if .variant then {variant} else {} end))}]' <<<"$entries")
	done
	# By way of a layout directory: the store takes names from archives only.
	varve save --format=oci-dir -o "$T/layout-$name" "$@"
	jq -nc --argjson entries "$entries" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.index.v1+json", manifests: $entries}' \
		>"$T/index.json"
	digest=$(sha256sum <"$T/index.json" | cut -d' ' -f1)
	cp "$T/index.json" "$T/layout-$name/blobs/sha256/$digest"
	jq -nc --arg digest "sha256:$digest" --arg name "$name:latest" \
		--argjson size "$(stat -c %s "$T/index.json")" '{schemaVersion: 2, manifests: [{
			mediaType: "application/vnd.oci.image.index.v1+json", digest: $digest,
			size: $size, annotations: {"org.opencontainers.image.ref.name": $name}}]}' \
		>"$T/layout-$name/index.json"
	varve load -q -i "$T/layout-$name" >/dev/null
}

# The manifest of the index that a name points at, for a platform.
of_platform() {
	jq -er --arg p "$2" '.manifests[] | select(.platform |
		[.os, .architecture, .variant // empty] | join("/") == $p) | .digest' \
		"$(blob "$(manifest "$1")")"
}

# jq on the config of one platform's image: platform_config t linux/arm64 .config
platform_config() {
	local digest
	digest=$(of_platform "$1" "$2")
	shift 2
	jq -cr "$@" "$(blob "$(jq -r .config.digest "$(blob "$digest")")")"
}

this_platform() {
	varve inspect base | jq -r '.[0] | .Os + "/" + .Architecture'
}

@test "FROM takes from an index what the platform asks for" {
	both_platforms
	dockerfile <<-'X'
	FROM both
	COPY Dockerfile /
	X
	for place in both "oci:$T/layout-both" "oci-archive:$T/both.tar"; do
		[ -e "$T/both.tar" ] || varve save -o "$T/both.tar" both
		sed -i "1s|.*|FROM $place|" "$CTX/Dockerfile"
		build --platform linux/arm64/v8
		flatten t "$T/a-${place%%:*}"
		same "$(cat "$T/a-${place%%:*}/etc/which")" arm
		same "$(config t .architecture)" arm64
		says_not warning
		build
		flatten t "$T/b-${place%%:*}"
		same "$(cat "$T/b-${place%%:*}/etc/which")" here
		build_fails --platform linux/s390x -- "no image for linux/s390x" linux/arm64
	done
}

@test "entries of one name in index.json are one image for several platforms" {
	local place
	both_platforms
	cp -r "$T/layout-both" "$T/flat"
	digest=$(jq -r '.manifests[0].digest' "$T/flat/index.json")
	jq -c --slurpfile index "$T/flat/blobs/sha256/${digest#sha256:}" '.manifests = [
		$index[0].manifests[] + {annotations: {"org.opencontainers.image.ref.name": "x:latest"}}]' \
		"$T/flat/index.json" >"$T/flat.json"
	mv "$T/flat.json" "$T/flat/index.json"
	for place in "oci:$T/flat" "oci:$T/flat:x"; do
		printf 'FROM %s\nCOPY Dockerfile /\n' "$place" >"$CTX/Dockerfile"
		build --platform linux/arm64
		same "$(config t .architecture)" arm64
		says_not warning
		build
		same "$(config t .architecture)" "$(varve inspect base | jq -r '.[0].Architecture')"
		says_not warning
	done
}

@test "FROM --platform, also from ARGs, and COPY --from of the stage's platform" {
	both_platforms
	dockerfile <<-'X'
	ARG WHERE=aarch64
	FROM --platform=linux/$WHERE both AS first
	FROM --platform=$TARGETPLATFORM both AS second
	FROM --platform=${BUILDPLATFORM} both AS third
	FROM scratch
	COPY --from=first /etc/which /first
	COPY --from=second /etc/which /second
	COPY --from=third /etc/which /third
	COPY --from=both /etc/which /target
	X
	build --platform linux/arm64
	flatten t "$T/a"
	same "$(cd "$T/a" && cat first second third target | xargs)" "arm arm here arm"
	build --build-arg WHERE=amd64 --build-arg TARGETPLATFORM=linux/arm64
	flatten t "$T/b"
	same "$(cd "$T/b" && cat second target | xargs)" "arm here"
	build_fails --build-arg WHERE=pdp11 -- Dockerfile:2: '"linux/pdp11" is no platform'
	build_fails --build-arg WHERE= -- Dockerfile:2: "is no platform"
}

@test "the TARGET and BUILD arguments, and the platform of FROM scratch" {
	base
	dockerfile <<-'X'
	FROM --platform=$BUILDPLATFORM base AS info
	ARG TARGETPLATFORM
	ARG TARGETOS
	ARG TARGETARCH
	ARG TARGETVARIANT
	ARG BUILDPLATFORM
	RUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH $TARGETVARIANT $BUILDPLATFORM" >/info
	FROM scratch
	COPY --from=info /info /
	X
	build --platform linux/arm
	flatten t "$T/a"
	same "$(cat "$T/a/info")" "linux/arm/v7 linux arm v7 $(this_platform)"
	same "$(config t '[.os, .architecture, .variant] | join(" ")')" "linux arm v7"
	build
	flatten t "$T/b"
	same "$(cat "$T/b/info")" "$(this_platform) linux $(config t .architecture)  $(this_platform)"
	same "$(config t .variant)" null
}

@test "a base for another platform is used with a warning" {
	both_platforms
	dockerfile <<-'X'
	FROM foreign
	COPY Dockerfile /
	X
	build
	says InvalidBaseImagePlatform linux/arm64
	same "$(config t .architecture)" arm64
}

@test "several platforms make one index, and nothing is named if one fails" {
	base
	dockerfile <<-'X'
	FROM --platform=$BUILDPLATFORM base AS info
	ARG TARGETARCH
	RUN test "$TARGETARCH" != s390x && echo "$TARGETARCH" >/arch
	FROM scratch
	COPY --from=info /arch /
	X
	build --platform linux/arm64,linux/386 -t second
	says "[linux/arm64 info 1/1]" "[linux/386 info 1/1]"
	same "$(manifest second)" "$(manifest t)"
	same "$(jq -r .mediaType "$(blob "$(manifest t)")")" \
		application/vnd.oci.image.index.v1+json
	same "$(platform_config t linux/arm64 .architecture)" arm64
	same "$(platform_config t linux/386 .architecture)" 386
	first=$(manifest t)
	build --platform linux/arm64 --platform linux/386
	says "4 steps, 4 cached"
	same "$(manifest t)" "$first"
	build_fails --platform linux/arm64,linux/s390x -- "platform linux/s390x" "status 1"
	same "$(manifest t)" "$first"
	if command -v skopeo >/dev/null; then
		same "$(skopeo inspect --raw "oci:$VARVE_ROOT:t" |
			jq -r '[.manifests[].platform.architecture] | join(" ")')" "arm64 386"
	fi
}

@test "BUILDKIT_MULTI_PLATFORM makes an index of one platform" {
	dockerfile <<-'X'
	FROM scratch
	COPY Dockerfile /
	X
	build --build-arg BUILDKIT_MULTI_PLATFORM=1 --platform linux/arm64
	same "$(platform_config t linux/arm64 .architecture)" arm64
	says_not warning
}

@test "an index name in images, inspect, tag, save, load and rmi" {
	local other digest
	dockerfile <<-'X'
	FROM scratch
	ARG TARGETARCH
	COPY Dockerfile /$TARGETARCH
	X
	build --platform linux/arm64,linux/s390x
	digest=$(manifest t)
	run -0 varve images
	says t latest
	same "$(varve inspect t | jq -r '.[0].Architecture')" arm64
	other=$(jq -r .config.digest "$(blob "$(of_platform t linux/s390x)")")
	same "$(varve inspect "$other" | jq -r '.[0].Architecture')" s390x
	same "$(varve inspect "${other:7:12}" | jq -r '.[0].Architecture')" s390x
	varve tag t u
	same "$(manifest u)" "$digest"
	varve save -o "$T/t.tar" t
	VARVE_ROOT=$T/other varve load -q -i "$T/t.tar" >/dev/null
	same "$(VARVE_ROOT=$T/other manifest t)" "$digest"
	VARVE_ROOT=$T/other varve fsck
	varve save --compression=gzip -o "$T/gzip.tar" t
	VARVE_ROOT=$T/gzip varve load -q -i "$T/gzip.tar" >/dev/null
	same "$(VARVE_ROOT=$T/gzip platform_config t linux/s390x .architecture)" s390x
	same "$(VARVE_ROOT=$T/gzip jq -r '.layers[0].mediaType' \
		"$(VARVE_ROOT=$T/gzip blob "$(VARVE_ROOT=$T/gzip of_platform t linux/s390x)")")" \
		application/vnd.oci.image.layer.v1.tar+gzip
	varve save --format=docker -o "$T/docker.tar" t
	VARVE_ROOT=$T/docker varve load -q -i "$T/docker.tar" >/dev/null
	same "$(VARVE_ROOT=$T/docker config t .architecture)" arm64
	varve rmi t
	same "$(manifest u)" "$digest"
	varve rmi u
	[ ! -e "$(blob "$digest")" ]
	run -4 varve inspect "$other"
}

@test "a name that this machine cannot run says so" {
	dockerfile <<-'X'
	FROM scratch
	COPY Dockerfile /
	X
	build --platform linux/arm64,linux/s390x
	[ "$(uname -m)" = x86_64 ] || skip "arm64 runs here"
	run ! varve run --rm t /x
	says "no image for linux/amd64" linux/arm64 linux/s390x
}

# --- programs of another processor ------------------------------------------------------------

# Runs a command where the kernel executes arm64 programs by qemu: in a user namespace of its own,
# so that the machine's table stays as it is.
with_qemu() {
	local qemu
	qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64)
	cat >"$T/with-qemu" <<-'X'
	qemu=$1
	shift
	mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 77
	magic='\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
	mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
	printf '%s' ":arm64:M::$magic:$mask:$qemu:PF" >/proc/sys/fs/binfmt_misc/register || exit 77
	exec timeout -k 5 120 "$@"
	X
	run unshare -Urm sh "$T/with-qemu" "$qemu" "$@"
	[ "$status" != 77 ] || skip "this kernel has no binfmt_misc in user namespaces"
}

# A context with an arm64 busybox.
foreign_busybox() {
	local box=$VARVE_BUILD/foreign/busybox-arm64
	[ "$(uname -m)" = x86_64 ] || skip "arm64 is not foreign here"
	[ -s "$box" ] || skip "no arm64 busybox: run tests/foreign.sh $box"
	mkdir -p "$CTX/bin"
	cp "$box" "$CTX/bin/busybox"
	ln -s busybox "$CTX/bin/sh"
	ln -s busybox "$CTX/bin/uname"
}

@test "RUN of an arm64 image runs under qemu" {
	command -v qemu-aarch64-static qemu-aarch64 >/dev/null || skip "no qemu-aarch64-static"
	foreign_busybox
	base
	printf 'FROM base\nRUN uname -m >/m\n' >"$T/amd64"
	dockerfile <<-'X'
	FROM scratch AS linux-arm64
	COPY bin /bin
	FROM scratch AS linux-amd64
	COPY --from=base /bin /bin
	FROM linux-$TARGETARCH
	RUN ["/bin/sh", "-c", "uname -m >/machine"]
	X
	export VARVE_ROOT=$T/inner
	with_qemu "$PROGRAM" import "$BATS_FILE_TMPDIR/base" base
	with_qemu "$PROGRAM" build --progress=plain --platform linux/arm64,linux/amd64 -t t \
		-o "type=local,dest=$T/out" -o "type=oci,dest=$T/oci.tar" "$CTX"
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	same "$(cat "$T/out/linux_arm64/machine")" aarch64
	same "$(cat "$T/out/linux_amd64/machine")" x86_64
	same "$(platform_config t linux/arm64 .architecture)" arm64
	if command -v skopeo >/dev/null; then
		same "$(skopeo inspect --raw "oci-archive:$T/oci.tar" |
			jq -r '[.manifests[].platform | .os + "/" + .architecture] | join(" ")')" \
			"linux/arm64 linux/amd64"
	fi
}

@test "without an interpreter the error names what is missing" {
	foreign_busybox
	! grep -qs '^interpreter.*aarch64' /proc/sys/fs/binfmt_misc/* ||
		skip "this machine runs arm64 programs"
	dockerfile <<-'X'
	FROM scratch
	COPY bin /bin
	RUN uname -m
	X
	build_fails --platform linux/arm64 -- Dockerfile:3 "exec /bin/sh: not a program for this machine" \
		qemu-user-static binfmt_misc
}
