# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # $T comes from helpers.bash
# Small trees and images for the tests of commands; load it after helpers.

# The tree in $1: one.txt, a directory with two files, a symlink, a hard link.
small_tree() {
	mkdir -p "$1/dir"
	echo one >"$1/one.txt"
	echo two >"$1/dir/two.txt"
	echo three >"$1/dir/three.txt"
	ln -s one.txt "$1/link"
	ln "$1/one.txt" "$1/same.txt"
	find "$1" -exec touch -h -d '2020-01-02 03:04:05 UTC' {} +
}

# Image $1 with the small tree in $T/tree; more arguments go to import.
small_image() {
	local name=$1
	shift
	[ -d "$T/tree" ] || small_tree "$T/tree"
	varve import "$@" "$T/tree" "$name"
}

# A layout in $T/layout with the image "three" of three layers: the small tree; one file added, one
# modified, one directory removed; one mode changed. Made by tar and jq, not by varve.
three_layers() {
	local d=$T/layout w=$T/layers n digest ids='' layers=''
	mkdir -p "$d/blobs/sha256" "$w/2/dir" "$w/3"
	small_tree "$w/1"
	echo ONE >"$w/2/one.txt"
	echo new >"$w/2/new.txt"
	touch "$w/2/.wh.dir"
	rmdir "$w/2/dir"
	echo new >"$w/3/new.txt"
	touch -d '2021-01-01 UTC' "$w/2/"*.txt
	touch -d '2021-01-01 UTC' "$w/3/new.txt"
	chmod 600 "$w/3/new.txt"
	for n in 1 2 3; do
		(cd "$w/$n" && find . -mindepth 1 | sed 's|^\./||' | sort |
			tar -cf "$w/$n.tar" --no-recursion --owner=0 --group=0 -T -)
		digest=$(put "$w/$n.tar")
		ids+="${ids:+,}\"$digest\""
		layers+="${layers:+,}{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",
			\"digest\":\"$digest\",\"size\":$(stat -c %s "$w/$n.tar")}"
	done
	jq -cn "{architecture: \"$(goarch)\", os: \"linux\", config: {Env: [\"A=1\"]},
		rootfs: {type: \"layers\", diff_ids: [$ids]},
		history: [{created_by: \"COPY tree /\"}, {created_by: \"CMD [\\\"x\\\"]\", empty_layer: true},
			{created_by: \"RUN /bin/sh -c change # buildkit\"},
			{created_by: \"/bin/sh -c chmod 600 new.txt\"}]}" >"$w/config"
	jq -cn "{schemaVersion: 2, mediaType: \"application/vnd.oci.image.manifest.v1+json\",
		config: {mediaType: \"application/vnd.oci.image.config.v1+json\",
			digest: \"$(put "$w/config")\", size: $(stat -c %s "$w/config")},
		layers: [$layers]}" >"$w/manifest"
	jq -cn "{schemaVersion: 2, manifests: [{mediaType: \"application/vnd.oci.image.manifest.v1+json\",
		digest: \"$(put "$w/manifest")\", size: $(stat -c %s "$w/manifest"),
		annotations: {\"org.opencontainers.image.ref.name\": \"three:latest\"}}]}" >"$d/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$d/oci-layout"
	varve load -q -i "$d" >/dev/null
}

goarch() {
	case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) uname -m ;;
	esac
}

# Copies a file into the layout's blobs and prints its digest.
put() {
	local hex
	hex=$(sha256sum "$1" | cut -d' ' -f1)
	cp "$1" "$T/layout/blobs/sha256/$hex"
	echo "sha256:$hex"
}
