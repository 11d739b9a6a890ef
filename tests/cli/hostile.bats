#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Input that wants to get out, or is broken: nothing outside changes, the message says where, and
# the store keeps its names.

load helpers

outside_state() {
	listing "$T/outside"
	cat "$T/secret"
	ls -d /varve-escaped /tmp/varve-escaped 2>&1 || true
}

setup() {
	varve_setup
	# What an escape would reach: beside the context and beside the store.
	mkdir "$T/outside"
	echo sentinel >"$T/outside/file"
	echo sentinel >"$T/secret"
	outside=$(outside_state)
}

teardown() {
	same "$(outside_state)" "$outside"
	varve_teardown
}

# An OCI layout in directory $1 with one image "evil" of the given plain tars as layers.
layout() {
	local dir=$1 layer config manifest diffs='[]' layers='[]' digest
	shift
	mkdir -p "$dir/blobs/sha256"
	add_blob() {
		digest=$(sha256sum <"$1" | cut -d' ' -f1)
		cp "$1" "$dir/blobs/sha256/$digest"
	}
	for layer in "$@"; do
		add_blob "$layer"
		diffs=$(jq -c --arg d "sha256:$digest" '. + [$d]' <<<"$diffs")
		layers=$(jq -c --arg d "sha256:$digest" --argjson s "$(stat -c %s "$layer")" \
			'. + [{mediaType: "application/vnd.oci.image.layer.v1.tar", digest: $d, size: $s}]' \
			<<<"$layers")
	done
	jq -nc --argjson d "$diffs" --arg a "$(config base .architecture)" \
		'{architecture: $a, os: "linux", config: {}, rootfs: {type: "layers", diff_ids: $d}}' \
		>"$T/config.json"
	add_blob "$T/config.json"
	config=$digest
	jq -nc --argjson l "$layers" --arg c "sha256:$config" \
		--argjson s "$(stat -c %s "$T/config.json")" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json", config: {mediaType:
		"application/vnd.oci.image.config.v1+json", digest: $c, size: $s}, layers: $l}' \
		>"$T/manifest.json"
	add_blob "$T/manifest.json"
	manifest=$digest
	jq -nc --arg d "sha256:$manifest" --argjson s "$(stat -c %s "$T/manifest.json")" \
		'{schemaVersion: 2, manifests: [{mediaType:
		"application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s, annotations:
		{"org.opencontainers.image.ref.name": "evil"}}]}' >"$dir/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
}

# The tar $2 of kind $1 that tries to write "escaped" somewhere else.
evil_tar() {
	local work=$T/evil
	rm -rf "$work" && mkdir -p "$work/d" && echo escaped >"$work/f" && echo ok >"$work/d/ok"
	case $1 in
	dotdot) tar -P -C "$work" --transform 's|^f|../../outside/file|' -cf "$2" d f ;;
	inner-dotdot) tar -P -C "$work" --transform 's|^f|d/../../../outside/file|' -cf "$2" d f ;;
	absolute) tar -P -C "$work" --transform "s|^f|$T/outside/file|" -cf "$2" d f ;;
	absolute-tmp) tar -P -C "$work" --transform "s|^f|/tmp/varve-escaped|" -cf "$2" d f ;;
	link-then-write)
		ln -s "$T/outside" "$work/link"
		tar -C "$work" -cf "$2" link
		tar -P -C "$work" --transform 's|^f|link/file|' -rf "$2" f ;;
	relative-link-then-write)
		ln -s ../../outside "$work/link"
		tar -C "$work" -cf "$2" link
		tar -P -C "$work" --transform 's|^f|link/file|' -rf "$2" f ;;
	link-over-itself)
		ln -s "$T/outside/file" "$work/l"
		tar -C "$work" -cf "$2" l
		tar -P -C "$work" --transform 's|^f|l|' -rf "$2" f ;;
	hard-link-out)
		echo x >"$work/h" && ln "$work/h" "$work/i"
		tar -P -C "$work" --transform "s|^h\$|$T/outside/file|" -cf "$2" i h ;;
	hard-link-dotdot)
		echo x >"$work/h" && ln "$work/h" "$work/i"
		tar -P -C "$work" --transform 's|^h$|../../outside/file|RS' \
			-cf "$2" h i ;;
	esac
}

evil_kinds="dotdot inner-dotdot absolute absolute-tmp link-then-write relative-link-then-write
	link-over-itself hard-link-out hard-link-dotdot"

@test "context: links and paths that leave it are refused and name the place" {
	base
	ln -s "$T/secret" "$CTX/absolute" && ln -s ../secret "$CTX/relative" && ln -s .. "$CTX/up"
	for source in absolute relative up/secret; do
		printf 'FROM base\nCOPY %s /x\n' $source | dockerfile
		build_fails -- "Dockerfile:2" $source
	done
	printf 'FROM base\nCOPY up*/sec* /x/\n' | dockerfile
	run varve build -t t "$CTX"
	if [ "$status" = 0 ]; then
		flatten t "$T/root"
		! grep -r sentinel "$T/root/x" || false
	fi
	# Inside a directory that is copied they are just links.
	mkdir "$CTX/d" && mv "$CTX/absolute" "$CTX/relative" "$CTX/d"
	printf 'FROM base\nCOPY d /d\n' | dockerfile
	build
	rm -rf "$T/root" && flatten t "$T/root"
	same "$(readlink "$T/root/d/relative")" ../secret
}

@test "stage: links of the source stage are resolved inside it" {
	base
	printf '%s\n' 'FROM base AS s' "RUN ln -s $T/secret /l && ln -s ../../../../../..$T /up" \
		'FROM base' 'COPY --from=s /l /x' | dockerfile
	build_fails -- "Dockerfile:4"
	sed -i 's|--from=s /l |--from=s /up/secret |' "$CTX/Dockerfile"
	build_fails -- "Dockerfile:4"
}

@test "destination: links of the image lead to places inside the image" {
	base
	echo new >"$CTX/file"
	printf '%s\n' 'FROM base' "RUN ln -s $T/outside /out && ln -s ../../../../..$T/outside /rel" \
		'COPY file /out/' 'COPY file /rel/second' "WORKDIR /out/w" | dockerfile
	run varve build -t t "$CTX"
	if [ "$status" = 0 ]; then
		flatten t "$T/root"
		same "$(cat "$T/root$T/outside/file")" new
	fi
}

@test "ADD of hostile archives: refused or contained, nothing outside changes" {
	base
	printf 'FROM base\nADD evil.tar /a/b/\nRUN true\n' | dockerfile
	for kind in $evil_kinds; do
		evil_tar $kind "$CTX/evil.tar"
		tar -tPf "$CTX/evil.tar" >/dev/null
		run varve build --progress=plain --no-cache -t t "$CTX"
		[ "$status" -lt 124 ] || { echo "$kind: $status $output"; return 1; }
		[ "$status" = 0 ] || says evil.tar
		same "$(outside_state)" "$outside"
	done
}

@test "hostile layers: refused with the entry's name, or contained" {
	base
	before=$(names_listing)
	for kind in $evil_kinds; do
		evil_tar $kind "$T/layer.tar"
		rm -rf "$T/layout"
		layout "$T/layout" "$T/layer.tar"
		printf 'FROM %s\nCOPY --from=base /bin/busybox /sh\nRUN ["/sh", "true"]\n' \
			"$T/layout" | dockerfile
		run varve build --progress=plain --no-cache -t t "$CTX"
		[ "$status" -lt 124 ] || { echo "$kind: $status $output"; return 1; }
		case $kind in
		# ".." has no place in a layer; everything else is contained in its own directory.
		dotdot | inner-dotdot | hard-link-dotdot)
			if [ "$status" = 0 ]; then
				echo "$kind was accepted"
				return 1
			fi
			same "$(names_listing)" "$before" ;;
		esac
		varve rmi t >/dev/null 2>&1 || true
	done
}

@test "hostile whiteouts: of nothing, of the root, of dot-dot" {
	base
	before=$(names_listing)
	for name in .wh. .wh.. .wh... d/.wh... .wh..wh..wh..opq; do
		rm -rf "$T/w" "$T/layout" && mkdir -p "$T/w/d" && : >"$T/w/$name"
		tar -C "$T/w" -cf "$T/layer.tar" "$name"
		layout "$T/layout" "$T/layer.tar"
		printf 'FROM %s\nCOPY --from=base /bin/busybox /sh\nRUN ["/sh", "true"]\n' \
			"$T/layout" | dockerfile
		run varve build --progress=plain -t t "$CTX"
		[ "$status" -lt 124 ]
		[ "$status" = 0 ] || same "$(names_listing)" "$before"
		varve rmi t >/dev/null 2>&1 || true
	done
}

@test "control bytes of a Dockerfile and of file names never reach the terminal raw" {
	base
	printf 'FROM base\nCOPY \033[31mred /x\n' | dockerfile
	build_fails -- "Dockerfile:2"
	[[ "$output" != *$'\e'* ]]
	printf 'FROM base\nFO\033]0;title\007O x\n' | dockerfile
	build_fails -- "Dockerfile:2"
	[[ "$output" != *$'\e'* && "$output" != *$'\a'* ]]
}

@test "every syntax error at once, each with file, line, column and a caret" {
	base
	dockerfile <<-'X'
	FROM base
	RUM echo
	COPY onlyone
	ENV broken
	COPY --chmdo=1 a b
	HEALTHCHECK SOMETIMES true
	X
	build_fails -- "Dockerfile:2:" "Dockerfile:3:" "Dockerfile:4:" "Dockerfile:5:" "Dockerfile:6:" \
		^ RUN --chmod
	dockerfile <<-'X'
	FROM base
	EXPOSE 99999
	STOPSIGNAL SIGNOTHING
	HEALTHCHECK --interval=soon CMD true
	COPY --from=later /a /b
	ENV a=${b:?needed}
	FROM base AS later
	X
	build_fails --target 0 -- "Dockerfile:2:" "Dockerfile:3:" "Dockerfile:4:" "Dockerfile:5:" "Dockerfile:6:" \
		^ 99999 SIGNOTHING soon later needed
	: | dockerfile
	build_fails -- Dockerfile
	printf 'RUN x\nFROM base\n' | dockerfile
	build_fails -- "Dockerfile:1:"
	printf 'FROM base\nRUN cat <<EOF\nx\n' | dockerfile
	build_fails -- "Dockerfile:2:" EOF
	printf 'FROM base\nRUN x\0y\n' | dockerfile
	build_fails -- Dockerfile
}

@test "names, options and places that do not exist" {
	base
	printf 'FROM base\n' | dockerfile
	before=$(names_listing)
	for name in 'Upper/Case' 'a b' '../x' 'a:b:c' '' 'x@sha256:123'; do
		run varve build -t "$name" "$CTX"
		[ "$status" != 0 ] && [ "$status" -lt 124 ]
		[ -z "$name" ] || says "${name%%@*}"
	done
	run varve build --no-such-option "$CTX"
	same "$status" 2
	says no-such-option
	run varve build --compression=brotli -t t "$CTX"
	same "$status" 2
	says brotli zstd
	run varve build -t t "$T/nowhere"
	[ "$status" != 0 ] && says "$T/nowhere"
	run varve build -t t -f "$T/nowhere" "$CTX"
	[ "$status" != 0 ] && says "$T/nowhere"
	printf 'FROM no/such/image:1\n' | dockerfile
	build_fails -- no/such/image "Dockerfile:1"
	printf 'FROM bsae\n' | dockerfile
	build_fails -- bsae
	same "$(names_listing)" "$before"
}

@test "truncated and damaged archives are refused; the store keeps its names" {
	base
	varve save -o "$T/good.tar" base
	varve rmi base
	before=$(names_listing)
	size=$(stat -c %s "$T/good.tar")
	for cut in 0 1 511 512 1000 $((size / 3)) $((size / 2)) $((size * 9 / 10)); do
		head -c "$cut" "$T/good.tar" >"$T/cut.tar"
		run varve load -i "$T/cut.tar"
		[ "$status" != 0 ] && [ "$status" -lt 124 ] || { echo "cut at $cut: $output"; return 1; }
		says cut.tar
		same "$(names_listing)" "$before"
	done
	cp "$T/good.tar" "$T/flip.tar"
	printf 'X' | dd of="$T/flip.tar" bs=1 seek=$((size / 2)) conv=notrunc status=none
	run varve load -i "$T/flip.tar"
	[ "$status" != 0 ] && [ "$status" -lt 124 ]
	same "$(names_listing)" "$before"
	varve load -i "$T/good.tar"
	manifest base
}

@test "a damaged blob is found when it is used, by name, and by fsck" {
	base
	rm -rf "$VARVE_ROOT/trees"
	digest=$(layer_digests base)
	file=$(blob "$digest")
	chmod 644 "$file"
	printf 'X' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") / 2)) conv=notrunc status=none
	DAMAGED=yes
	printf 'FROM base\nRUN true\n' | dockerfile
	diff_id=$(config base ".rootfs.diff_ids[0]")
	build_fails -- "${diff_id:7:12}"
	run varve fsck
	same "$status" 5
	says "${digest:7:12}"
	run varve save -o "$T/x.tar" base
	[ "$status" != 0 ]
}

@test "a truncated blob is found too" {
	base
	rm -rf "$VARVE_ROOT/trees"
	file=$(blob "$(layer_digests base)")
	chmod 644 "$file" && truncate -s -1 "$file"
	DAMAGED=yes
	printf 'FROM base\nRUN true\n' | dockerfile
	build_fails -- sha256:
}

@test "a full disk: said so, names kept, store clean, and space is found again" {
	need_root
	busybox_tree "$T/tree"
	head -c 20000000 /dev/urandom >"$CTX/big"
	echo small >"$CTX/small"
	printf 'FROM base\nCOPY big /big\nRUN cp /big /again\n' >"$CTX/Dockerfile"
	printf 'FROM base\nCOPY small /small\nRUN cp /small /again\n' >"$CTX/Small"
	cat >"$T/inside" <<-'X'
	set -eu
	for size in 8 12 21 22 24 41 43 45 60 63 64 66; do
		mount -t tmpfs -o size=${size}m none "$1"
		export VARVE_ROOT="$1/store"
		"$2" import "$3" base >/dev/null
		status=0
		"$2" build --progress=plain -t t "$4" >"$5" 2>&1 || status=$?
		if ! { [ "$status" = 6 ] || [ "$status" = 7 ]; } || ! grep -qi "no space" "$5"; then
			echo "size $size: status $status"; cat "$5"; exit 1
		fi
		"$2" fsck
		"$2" prune --all >/dev/null
		"$2" build -q -t small -f "$4/Small" "$4" >/dev/null
		test -z "$(ls "$1/store/stage")"
		umount "$1"
	done
	X
	mkdir "$T/mnt"
	run unshare -m sh "$T/inside" "$T/mnt" "$PROGRAM" "$T/tree" "$CTX" "$T/log"
	echo "$output"
	same "$status" 0
}

@test "a store of a newer format is refused and untouched" {
	base
	sed -i 's/varve-store 1/varve-store 9/' "$VARVE_ROOT/format"
	DAMAGED=yes
	before=$(listing "$VARVE_ROOT")
	run varve images
	[ "$status" != 0 ] && [ "$status" -lt 124 ]
	same "$(listing "$VARVE_ROOT")" "$before"
}
