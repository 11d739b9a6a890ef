#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Other people's tools read what varve keeps and writes, and see the same tree; varve reads theirs.

load helpers

# An image "t" with what differs between tools: owners, links, whiteouts over two layers, modes.
mixed() {
	base
	dockerfile <<-'X'
	FROM base
	ENV A=1
	RUN mkdir -p /d/e && echo one >/d/one && ln /d/one /d/hard && ln -s one /d/soft && \
		echo gone >/d/e/gone && mkfifo /d/pipe && chmod 4755 /d/hard
	RUN rm -r /d/e && mkdir /d/e && echo new >/d/e/new && chown 5:6 /d/e/new && rm /etc/group
	CMD ["cat", "/d/one"]
	X
	build "$@"
	[ -d "$T/wanted" ] || flatten t "$T/wanted"
}

podman() {
	command podman --root "$T/containers" --runroot "$T/run" --storage-driver "${DRIVER:-vfs}" "$@"
}

# The tree of an archive as podman sees it, in $2.
podman_tree() {
	local id
	podman load -q -i "$1"
	id=$(podman create "${3:-t}" x)
	mkdir -p "$2"
	podman export "$id" | tar -C "$2" -xpf - --numeric-owner
	# podman adds these to every container it exports.
	for stub in dev proc sys run/.containerenv run etc/hosts etc/hostname etc/resolv.conf etc/mtab; do
		[ -e "$T/wanted/$stub" ] || rm -d "$2/$stub" 2>/dev/null || true
	done
	podman rm -f "$id" >/dev/null
	podman rmi -f "${3:-t}" >/dev/null
}

@test "skopeo inspects and copies from the store in place" {
	need skopeo
	mixed
	run -0 skopeo inspect "oci:$VARVE_ROOT:t:latest"
	same "$(jq -r .Digest <<<"$output")" "$(manifest t)"
	same "$(jq -r '.Env[-1]' <<<"$output")" A=1
	skopeo copy -q "oci:$VARVE_ROOT:t:latest" "oci:$T/elsewhere:t"
	same "$(jq -r '.manifests[0].digest' "$T/elsewhere/index.json")" "$(manifest t)"
}

@test "skopeo copies what save wrote, in every format" {
	need skopeo
	mixed
	varve save -o "$T/oci.tar" t
	skopeo copy -q "oci-archive:$T/oci.tar" "dir:$T/from-oci"
	same "$(jq -r .config.digest "$T/from-oci/manifest.json")" "$(image_id t)"
	varve save --format docker -o "$T/docker.tar" t
	skopeo copy -q "docker-archive:$T/docker.tar" "oci:$T/from-docker:t"
	varve save --format oci-dir -o "$T/layout/" t
	skopeo copy -q "oci:$T/layout:t:latest" "dir:$T/from-layout"
	same "$(jq -r .config.digest "$T/from-layout/manifest.json")" "$(image_id t)"
}

@test "podman loads OCI and docker archives and sees the same tree" {
	need podman
	need_root
	mixed
	varve save -o "$T/oci.tar" t
	varve build -q -t t -o "type=docker,dest=$T/docker.tar" "$CTX"
	for archive in oci docker; do
		podman_tree "$T/$archive.tar" "$T/$archive"
		diff <(listing "$T/wanted") <(listing "$T/$archive")
	done
}

@test "podman runs it" {
	need podman
	need_root
	mixed
	varve save --format docker -o "$T/docker.tar" t
	podman load -q -i "$T/docker.tar"
	for runtime in crun runc; do
		command -v $runtime >/dev/null || continue
		run podman --runtime $runtime --cgroup-manager cgroupfs run --rm --network none \
			--ulimit nofile=1000:1000 --ulimit nproc=1000:1000 t
		[ "$status" != 0 ] || break
	done
	podman rmi -f t >/dev/null
	same "$status" 0
	same "${lines[-1]}" one
}

@test "umoci unpacks a gzip image to the same tree" {
	need umoci
	need_root
	mixed --compression gzip
	umoci unpack --image "$VARVE_ROOT:t:latest" "$T/bundle" || {
		# umoci takes no colon in a tag; give it a layout with a plain one.
		skopeo copy -q "oci:$VARVE_ROOT:t:latest" "oci:$T/plain:t"
		rm -rf "$T/bundle"
		umoci unpack --image "$T/plain:t" "$T/bundle"
	}
	diff <(listing "$T/wanted") <(listing "$T/bundle/rootfs")
}

@test "-o type=oci, docker, tar and local all hold the same tree" {
	mixed
	varve build -q -o "type=tar,dest=$T/root.tar" "$CTX"
	mkdir "$T/tar" && tar -C "$T/tar" -xpf "$T/root.tar" --numeric-owner
	diff <(listing "$T/wanted") <(listing "$T/tar")
	varve build -q -o "type=local,dest=$T/local" "$CTX"
	diff <(listing "$T/wanted") <(listing "$T/local")
	varve build -q -o "type=oci,dest=$T/oci.tar" -t t "$CTX"
	varve build -q -o type=tar,dest=- "$CTX" | cmp - "$T/root.tar"
	export VARVE_ROOT=$T/second
	varve load -i "$T/oci.tar"
	flatten t "$T/again"
	diff <(listing "$T/wanted") <(listing "$T/again")
}

@test "round trip: save, load in another store, save again: equal bytes" {
	mixed
	id=$(image_id t)
	for format in oci docker; do
		varve save --format $format -o "$T/one.tar" t
		VARVE_ROOT=$T/store-$format varve load -i "$T/one.tar"
		VARVE_ROOT=$T/store-$format varve save --format $format -o "$T/two.tar" t
		cmp "$T/one.tar" "$T/two.tar"
		VARVE_ROOT=$T/store-$format image_id t >/dev/null
	done
	VARVE_ROOT=$T/store-oci same "$(VARVE_ROOT=$T/store-oci image_id t)" "$id"
}

@test "what skopeo and podman write is read back" {
	need skopeo
	mixed --compression gzip
	id=$(image_id t)
	skopeo copy -q "oci:$VARVE_ROOT:t:latest" "docker-archive:$T/skopeo.tar:by/skopeo:1"
	gzip -k "$T/skopeo.tar"
	varve load -i "$T/skopeo.tar.gz"
	flatten by/skopeo:1 "$T/read"
	diff <(listing "$T/wanted") <(listing "$T/read")
	skopeo copy -q "oci:$VARVE_ROOT:t:latest" "oci-archive:$T/skopeo-oci.tar:again"
	varve load -i "$T/skopeo-oci.tar" --tag named
	same "$(image_id named)" "$id"
}
