#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Archives and layouts of other people: what podman, buildah and umoci write is loaded, what varve
# saves they load, and everybody sees the same tree.

load helpers

# Storage of their own, away from the user's.
podman() {
	command podman --root "$T/containers" --runroot "$T/run" --storage-driver vfs "$@"
}

buildah() {
	command buildah --root "$T/containers" --runroot "$T/run" --storage-driver vfs "$@"
}

# Trees for two layers, and what they make together, in $T/wanted.
two_trees() {
	mkdir -p "$T/one/d" "$T/two/d" "$T/wanted"
	echo first >"$T/one/d/file"
	echo kept >"$T/one/kept"
	ln "$T/one/kept" "$T/one/hard"
	ln -s d/file "$T/one/soft"
	chown 12:34 "$T/one/d/file"
	chmod 4750 "$T/one/kept"
	echo second >"$T/two/d/file"
	head -c 100000 /dev/urandom >"$T/two/random"
	cp -a "$T/one/." "$T/wanted"
	cp -a "$T/two/." "$T/wanted"
}

# Images $1:base and $1:top, of one and two layers, in buildah's storage.
foreign() {
	local c
	two_trees
	c=$(buildah from scratch)
	buildah copy -q "$c" "$T/one" / >/dev/null
	buildah config --env A=1 --cmd /bin/x --label l=v --volume /data --port 80 "$c"
	buildah commit -q "$c" "$1:base" >/dev/null
	buildah rm "$c" >/dev/null
	c=$(buildah from --pull-never "$1:base")
	buildah copy -q "$c" "$T/two" / >/dev/null
	buildah commit -q "$c" "$1:top" >/dev/null
	buildah rm "$c" >/dev/null
}

# The tree of $1 in our store is $T/wanted, and its config came over.
arrived() {
	rm -rf "$T/flat"
	flatten "$1" "$T/flat"
	diff <(listing "$T/wanted") <(listing "$T/flat")
	same "$(config "$1" '.config.Env|map(select(test("^PATH=")|not))')" '["A=1"]'
	varve fsck
}

# Image "t" of two layers of our own, made without running anything; its tree in $T/wanted.
ours() {
	two_trees
	cp -a "$T/one" "$T/two" "$CTX"
	dockerfile <<-'X'
	FROM scratch
	COPY one /
	COPY two /
	ENV A=1
	CMD ["/bin/x"]
	X
	build
	rm -rf "$T/wanted"
	flatten t "$T/wanted"
}

@test "load: what buildah pushes to a layout, an OCI archive and a docker archive" {
	need buildah
	need_root
	foreign localhost/far
	buildah push -q localhost/far:top "oci:$T/layout:far"
	buildah push -q localhost/far:top "oci-archive:$T/oci.tar:far"
	buildah push -q localhost/far:top "docker-archive:$T/docker.tar:far:top"
	for from in layout oci.tar docker.tar; do
		varve load -i "$T/$from" --tag got
		arrived got
		same "$(config got .config.Volumes)" '{"/data":{}}'
		varve rmi got
	done
}

@test "load: what podman saves, two images in one docker archive" {
	need podman buildah
	need_root
	foreign localhost/far
	podman save -q --format docker-archive -m -o "$T/both.tar" \
		localhost/far:base localhost/far:top
	run -0 varve load -q -i "$T/both.tar"
	says localhost/far:base localhost/far:top
	arrived localhost/far:top
	same "$(layer_digests localhost/far:base)" "$(layer_digests localhost/far:top | head -1)"
	export VARVE_ROOT=$T/second
	varve load -i "$T/both.tar" --only localhost/far:top
	arrived localhost/far:top
	run -0 varve images
	says_not base
	run -4 varve load -i "$T/both.tar" --only other
	says other
	podman save -q --format oci-archive -o "$T/one.tar" localhost/far:top
	export VARVE_ROOT=$T/third
	varve load -i "$T/one.tar"
	arrived localhost/far:top
}

@test "load: a layout that umoci wrote" {
	need umoci
	need_root
	two_trees
	umoci init --layout "$T/layout"
	umoci new --image "$T/layout:v1"
	umoci config --image "$T/layout:v1" --config.env A=1 --config.cmd /bin/x
	umoci unpack --image "$T/layout:v1" "$T/bundle"
	cp -a "$T/one/." "$T/bundle/rootfs"
	umoci repack --refresh-bundle --image "$T/layout:v1" "$T/bundle"
	rm "$T/bundle/rootfs/soft" "$T/wanted/soft"
	cp -a "$T/two/." "$T/bundle/rootfs"
	umoci repack --image "$T/layout:v1" "$T/bundle"
	varve load -i "$T/layout" --tag got
	same "$(layer_digests got | wc -l)" 2
	arrived got
}

@test "load: a list of images for several platforms gives this machine's" {
	need buildah
	need_root
	local c
	foreign localhost/far
	c=$(buildah from scratch)
	buildah copy -q "$c" "$T/two" / >/dev/null
	buildah config --arch mips "$c"
	buildah commit -q "$c" localhost/other >/dev/null
	buildah manifest create localhost/list >/dev/null
	buildah manifest add localhost/list containers-storage:localhost/other:latest >/dev/null
	buildah manifest add localhost/list containers-storage:localhost/far:top >/dev/null
	buildah manifest push -q --all localhost/list "oci:$T/layout:list"
	tar -C "$T/layout" -cf "$T/list.tar" .
	for from in layout list.tar; do
		export VARVE_ROOT=$T/store-$from
		varve load -i "$T/$from" --tag got
		rm -rf "$T/flat"
		dockerfile <<<"FROM got"
		varve build -q -o "type=local,dest=$T/flat" "$CTX"
		diff <(listing "$T/wanted") <(listing "$T/flat")
		varve fsck
	done
}

@test "load: every compression of the whole archive, from a file and from a pipe" {
	local packed=0
	ours
	id=$(image_id t)
	for format in oci docker; do
		varve save --format $format -o "$T/plain" t
		for tool in gzip zstd xz bzip2; do
			command -v $tool >/dev/null || continue
			packed=$((packed + 1))
			$tool -c <"$T/plain" >"$T/packed"
			VARVE_ROOT=$T/f-$packed varve load -i "$T/packed"
			same "$(VARVE_ROOT=$T/f-$packed image_id t)" "$id"
			$tool -c <"$T/plain" | VARVE_ROOT=$T/p-$packed varve load
			same "$(VARVE_ROOT=$T/p-$packed image_id t)" "$id"
		done
	done
	[ $packed -ge 4 ]
}

@test "load: a damaged or truncated archive names nothing and leaves nothing after prune" {
	ours
	for format in oci docker; do
		varve save --format $format -o "$T/whole" t
		size=$(stat -c %s "$T/whole")
		for at in 0 1 511 512 5000 $((size / 2)) $((size - 3000)) $((size - 1025)); do
			head -c $at "$T/whole" >"$T/cut"
			VARVE_ROOT=$T/second run -5 varve load -i "$T/cut"
			says "$T/cut"
		done
		# Most of the archive is the random file of the second layer.
		cp "$T/whole" "$T/bad"
		printf '\xff\x00\xff' | dd of="$T/bad" bs=1 seek=$((size / 2)) conv=notrunc status=none
		run -1 cmp -s "$T/whole" "$T/bad"
		VARVE_ROOT=$T/second run -5 varve load -i "$T/bad"
	done
	export VARVE_ROOT=$T/second
	run -0 varve images -q
	same "$output" ""
	varve prune
	same "$(find "$VARVE_ROOT/blobs" "$VARVE_ROOT/pending" -type f | wc -l)" 0
}

@test "save: several images share blobs once, in every format" {
	ours
	printf 'FROM t\nENV B=2\nCOPY two/random /more\n' >"$CTX/Dockerfile"
	varve build -q -t u "$CTX"
	varve tag t again:1
	for format in oci docker; do
		varve save --format $format -o "$T/all.tar" t again:1 u
		tar -tf "$T/all.tar" | sort >"$T/names"
		same "$(uniq -d "$T/names")" ""
		VARVE_ROOT=$T/second-$format run -0 varve load -q -i "$T/all.tar"
		says t:latest again:1 u:latest
		for name in t again:1 u; do
			same "$(VARVE_ROOT=$T/second-$format image_id $name)" "$(image_id $name)"
		done
	done
	varve save -o "$T/layout/" t
	varve save -o "$T/layout/" u
	same "$(jq '.manifests|length' "$T/layout/index.json")" 2
	for f in "$T"/layout/blobs/sha256/*; do
		same "$(sha256sum <"$f")" "$(basename "$f")  -"
	done
}

@test "save: podman loads both names of one docker archive" {
	need podman
	need_root
	ours
	varve tag t quay.io/x/again:1
	varve save --format docker -o "$T/two.tar" t quay.io/x/again:1
	run -0 podman load -q -i "$T/two.tar"
	says t:latest quay.io/x/again:1
	local id
	id=$(podman create quay.io/x/again:1)
	mkdir "$T/seen"
	podman export "$id" | tar -C "$T/seen" -xpf - --numeric-owner
	podman rm -f "$id" >/dev/null
	# Mount points that podman leaves in every container.
	for stub in dev proc sys run/.containerenv run etc/hosts etc/hostname etc/resolv.conf \
		etc/mtab etc; do
		rm -d "$T/seen/$stub" 2>/dev/null || true
	done
	diff <(listing "$T/wanted") <(listing "$T/seen")
}

@test "save: umoci unpacks a gzip layout, and skopeo sees the docker archive's config" {
	need umoci skopeo
	need_root
	ours
	varve save --format oci-dir --compression gzip -o "$T/layout" t
	# umoci takes no colon in a tag.
	skopeo copy -q "oci:$T/layout:t:latest" "oci:$T/plain:v1"
	umoci unpack --image "$T/plain:v1" "$T/bundle"
	diff <(listing "$T/wanted") <(listing "$T/bundle/rootfs")
	varve save --format docker -o "$T/docker.tar" t
	run -0 skopeo inspect --config "docker-archive:$T/docker.tar"
	same "$(jq -c .config.Env <<<"$output")" "$(config t .config.Env)"
	same "$(jq -c .rootfs <<<"$output")" "$(config t .rootfs)"
}

@test "save: the bytes depend on the image alone" {
	ours
	for format in oci docker; do
		varve save --format $format -o "$T/a" t
		(umask 077 && cd / && TZ=Asia/Tokyo LC_ALL=C.UTF-8 varve save --format $format t >"$T/b")
		cmp "$T/a" "$T/b"
		tar --utc --numeric-owner -tvf "$T/a" >"$T/list"
		same "$(grep -Evc '^(-rw-r--r--|drwxr-xr-x) 0/0 +[0-9]+ 1970-01-01 00:00 ' "$T/list")" 0
	done
}
