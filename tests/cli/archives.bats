#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images out of the store and into another: save, load.

load helpers
load trees

@test "save and load keep images and names, in every format" {
	local format
	three_layers
	small_image a >/dev/null
	id=$(image_id three)
	for format in oci docker oci-dir; do
		varve save --format=$format -o "$T/saved-$format" three a
		VARVE_ROOT=$T/other-$format run -0 varve load -i "$T/saved-$format"
		says "Loaded image: three:latest" "Loaded image: a:latest"
		same "$(VARVE_ROOT=$T/other-$format image_id three)" "$id"
		VARVE_ROOT=$T/other-$format varve fsck
	done
	varve save -o "$T/saved/" three
	[ -f "$T/saved/oci-layout" ]
	same "$(varve save three | sha256sum)" "$(varve save three | sha256sum)"
	varve save three | VARVE_ROOT=$T/piped varve load -q >"$T/out"
	same "$(cat "$T/out")" three:latest
}

@test "save recompresses on request and keeps the image ID" {
	local compression
	small_image a >/dev/null
	id=$(image_id a)
	for compression in gzip none zstd; do
		varve save --compression=$compression -o "$T/$compression.tar" a
		VARVE_ROOT=$T/$compression varve load -q -i "$T/$compression.tar" >/dev/null
		same "$(VARVE_ROOT=$T/$compression image_id a)" "$id"
	done
	same "$(VARVE_ROOT=$T/gzip varve inspect a | jq -r '.[0].Layers[0].MediaType')" \
		application/vnd.oci.image.layer.v1.tar+gzip
	run -2 varve save --compression=gzip --format=docker -o "$T/x" a
	[ ! -e "$T/x" ]
}

@test "save replaces a file only when it is complete" {
	small_image a >/dev/null
	echo old >"$T/out.tar"
	run -4 varve save -o "$T/out.tar" nothing
	same "$(cat "$T/out.tar")" old
	chmod u+w "$(blob "$(layer_digests a)")"
	DAMAGED=yes
	printf X | dd of="$(blob "$(layer_digests a)")" bs=1 seek=20 conv=notrunc status=none
	run -5 varve save -o "$T/out.tar" a
	same "$(cat "$T/out.tar")" old
	same "$(find "$T" -maxdepth 1 -name '*.tmp')" ""
	run -2 varve save --format=docker -o "$T" a
	says "is a directory"
}

@test "a large layer is verified while it is written" {
	local big
	mkdir "$CTX/d"
	head -c 20000000 /dev/urandom >"$CTX/d/f"
	printf 'FROM scratch\nCOPY d /d\n' | dockerfile
	build
	big=$(layer_digests t)
	varve save -o "$T/big.tar" t
	same "$(tar -xOf "$T/big.tar" "blobs/sha256/${big#sha256:}" | sha256sum | cut -d' ' -f1)" "${big#sha256:}"
	same "$(varve save t | sha256sum)" "$(sha256sum <"$T/big.tar")"
	varve save -o "$T/big/" t
	cmp "$T/big/blobs/sha256/${big#sha256:}" "$(blob "$big")"
	DAMAGED=yes
	chmod u+w "$(blob "$big")"
	printf XYZ | dd of="$(blob "$big")" bs=1 seek=19000000 conv=notrunc status=none
	run -5 varve save -o "$T/new.tar" t
	says "$big holds content of sha256:"
	run -5 varve save -o "$T/new/" t
	says "$big holds content of sha256:"
	same "$(find "$T/new/blobs" -size +10000k)" ""
	truncate -s 18000000 "$(blob "$big")"
	run -5 varve save -o "$T/new.tar" t
	says "$big has 18000000 bytes"
	[ ! -e "$T/new.tar" ]
}

@test "load says when a name moves, and leaves nothing of what is broken" {
	small_image a >/dev/null
	varve save -o "$T/first.tar" a
	old=$(manifest a)
	echo more >"$T/tree/more"
	small_image a >/dev/null
	new=$(manifest a)
	run -0 varve load -i "$T/first.tar"
	says "Moved: a:latest from $new to $old" "Loaded image: a:latest"
	run -0 varve load -i "$T/first.tar"
	says_not Moved
	head -c 3000 "$T/first.tar" >"$T/short.tar"
	before=$(names_listing)
	run ! varve load -i "$T/short.tar" --tag b
	same "$(names_listing)" "$before"
	run -5 varve load -i "$T/tree/one.txt"
	run -4 varve load -i "$T/missing"
}

@test "load renames and selects" {
	small_image a >/dev/null
	echo more >"$T/tree/more"
	small_image b >/dev/null
	varve save -o "$T/both.tar" a b
	export VARVE_ROOT=$T/other
	run -2 varve load -i "$T/both.tar" --tag c
	says "more than one image"
	run -0 varve load -i "$T/both.tar" --only b --tag c
	same "$output" "Loaded image: c:latest"
	same "$(varve images --json | jq length)" 1
	run -4 varve load -i "$T/both.tar" --only d
}
