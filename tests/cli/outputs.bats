#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a build leaves: archives, directories, names, annotations, squashed layers.

load helpers

small() {
	base
	dockerfile <<-'X'
	FROM base
	RUN echo hi >/greeting
	X
}

two_platforms() {
	dockerfile <<-'X'
	FROM scratch
	ARG TARGETARCH
	COPY file /$TARGETARCH/
	X
	echo content >"$CTX/file"
}

@test "several outputs are all written, one of them to standard output" {
	small
	varve build -q -t t --output "type=oci,dest=$T/a.tar" -o "type=docker,dest=$T/b.tar" \
		-o "type=local,dest=$T/root" -o - --output "$T/other" "$CTX" >"$T/root.tar"
	same "$(cat "$T/root/greeting") $(cat "$T/other/greeting")" "hi hi"
	same "$(tar -xOf "$T/root.tar" ./greeting 2>/dev/null || tar -xOf "$T/root.tar" greeting)" hi
	same "$(tar -xOf "$T/a.tar" index.json | jq -r '.manifests[0].digest')" "$(manifest t)"
	tar -tf "$T/b.tar" manifest.json
}

@test "type=image gives more names, and name= goes into archives" {
	small
	build -o type=image,name=extra -o 'type=image,"name=more:1,more:2",push=false' \
		-o "type=oci,dest=$T/a.tar,name=inside"
	same "$(manifest extra) $(manifest more:1) $(manifest more:2)" \
		"$(manifest t) $(manifest t) $(manifest t)"
	same "$(tar -xOf "$T/a.tar" index.json | jq -r \
		'[.manifests[].annotations["org.opencontainers.image.ref.name"]] | join(" ")')" \
		"t:latest extra:latest more:1 more:2 inside:latest"
	run ! varve inspect inside
}

@test "an OCI layout as a directory, and its layers recompressed" {
	small
	build -o "type=oci,tar=false,dest=$T/layout" \
		-o "type=oci,dest=$T/gzip.tar,compression=gzip" \
		-o "type=oci,tar=false,dest=$T/plain,compression=uncompressed"
	same "$(jq -r '.manifests[0].digest' "$T/layout/index.json")" "$(manifest t)"
	same "$(jq -r '.layers[].mediaType' "$T/plain/blobs/sha256/$(jq -r '.manifests[0].digest' \
		"$T/plain/index.json" | cut -d: -f2)" | sort -u)" \
		application/vnd.oci.image.layer.v1.tar
	VARVE_ROOT=$T/other varve load -q -i "$T/gzip.tar" >/dev/null
	same "$(VARVE_ROOT=$T/other image_id t)" "$(image_id t)"
	same "$(VARVE_ROOT=$T/other varve inspect t | jq -r '.[0].Layers[1].MediaType')" \
		application/vnd.oci.image.layer.v1.tar+gzip
}

@test "each platform has a directory of its own in local and tar" {
	two_platforms
	build --platform linux/arm64,linux/arm/v7 -o "type=local,dest=$T/root" \
		-o "type=tar,dest=$T/root.tar"
	same "$(cat "$T/root/linux_arm64/arm64/file" "$T/root/linux_arm_v7/arm/file")" \
		"$(printf 'content\ncontent')"
	same "$(tar -tf "$T/root.tar" | grep file)" "$(printf '%s\n' linux_arm64/arm64/file \
		linux_arm_v7/arm/file)"
	export SOURCE_DATE_EPOCH=1600000000
	build --platform linux/arm64,linux/arm/v7 -o "type=tar,dest=$T/one.tar"
	build --no-cache --platform linux/arm64,linux/arm/v7 -o "type=tar,dest=$T/two.tar"
	cmp "$T/one.tar" "$T/two.tar"
	same "$(tar --utc -tvf "$T/two.tar" | grep -v 2020-09-13)" ""
	build_fails --platform linux/arm64,linux/arm -o "type=docker,dest=$T/d.tar" -- \
		"a docker archive holds one platform" "type=oci"
}

@test "an image without files is an empty directory and an empty tar" {
	printf 'FROM scratch\nENV A=b\n' >"$CTX/Dockerfile"
	build -o "type=local,dest=$T/root" -o "type=tar,dest=$T/root.tar" -o "type=oci,dest=$T/oci.tar"
	same "$(ls -A "$T/root")" ""
	same "$(tar -tf "$T/root.tar" | grep -vx ./)" ""
	build --platform linux/arm64,linux/s390x -o "type=local,dest=$T/two"
	same "$(cd "$T/two" && echo *)" "linux_arm64 linux_s390x"
}

@test "annotations of manifests, of an index, and of their entries" {
	local index
	two_platforms
	build --annotation k=v --annotation "b=1" --annotation k=w
	same "$(jq -cr .annotations "$(blob "$(manifest t)")")" '{"b":"1","k":"w"}'
	plain=$(image_id t)
	build
	same "$(jq -cr .annotations "$(blob "$(manifest t)")")" null
	same "$(image_id t)" "$plain"
	build --platform linux/arm64,linux/s390x --annotation all=1 \
		--annotation 'manifest[linux/s390x]:only=z' --annotation index:i=2 \
		--annotation 'manifest-descriptor[linux/arm64]:d=3' \
		--annotation index-descriptor:top=4 -o "type=oci,dest=$T/a.tar"
	index=$(blob "$(manifest t)")
	same "$(jq -cr .annotations "$index")" '{"i":"2"}'
	same "$(jq -cr '.manifests[].annotations' "$index")" "$(printf '{"d":"3"}\nnull')"
	same "$(for d in $(jq -r '.manifests[].digest' "$index"); do
		jq -cr .annotations "$(blob "$d")"
	done)" "$(printf '{"all":"1"}\n{"all":"1","only":"z"}')"
	same "$(tar -xOf "$T/a.tar" index.json | jq -r '.manifests[0].annotations.top')" 4
	build_fails --annotation index:i=2 -- "annotation i is for an index" BUILDKIT_MULTI_PLATFORM
}

@test "annotations of one output change neither the image nor the others" {
	two_platforms
	build -o "type=oci,dest=$T/a.tar,annotation.k=v" -o "type=oci,dest=$T/b.tar"
	same "$(jq -cr .annotations "$(blob "$(manifest t)")")" null
	same "$(tar -xOf "$T/b.tar" index.json | jq -r '.manifests[0].digest')" "$(manifest t)"
	digest=$(tar -xOf "$T/a.tar" index.json | jq -r '.manifests[0].digest')
	same "$(tar -xOf "$T/a.tar" "blobs/sha256/${digest#sha256:}" | jq -cr .annotations)" \
		'{"k":"v"}'
	build -o type=image,name=u,annotation.k=v
	same "$(jq -cr .annotations "$(blob "$(manifest u)")")" '{"k":"v"}'
}

@test "--iidfile and --metadata-file of an image and of an index" {
	small
	build --iidfile "$T/id" --metadata-file "$T/meta"
	same "$(cat "$T/id")" "$(image_id t)"
	same "$(jq -r '.["containerimage.config.digest"] + " " + .["containerimage.digest"] + " " +
		.["image.name"]' "$T/meta")" "$(image_id t) $(manifest t) t:latest"
	two_platforms
	build --iidfile "$T/id" --metadata-file "$T/meta" --platform linux/arm64,linux/s390x
	same "$(cat "$T/id")" "$(manifest t)"
	same "$(jq -r '.["containerimage.config.digest"], .["containerimage.digest"],
		.["containerimage.descriptor"].mediaType' "$T/meta" | xargs)" \
		"null $(manifest t) application/vnd.oci.image.index.v1+json"
}

# --- --squash ---------------------------------------------------------------------------------

squashed_file() {
	base
	cat >"$T/first" <<-'X'
	FROM base
	RUN mkdir -p /old/sub /keep /replaced /dir/in && echo o >/old/sub/f && echo k >/keep/k && \
		echo r >/replaced/r && echo d >/dir/in/d && echo f >/file && echo s >/stays
	X
	varve build -q -f "$T/first" -t lower "$CTX" >/dev/null
	dockerfile <<-'X'
	FROM lower
	RUN echo gone >/gone && echo a >/a && ln /a /b && ln -s a /l && mkfifo /p && rm /stays && echo h >/h && ln /h /i
	RUN rm /gone && rm -r /old && echo two >>/a && chmod 4755 /b && echo s >/stays
	WORKDIR /new
	RUN rm -r /replaced && mkdir /replaced && echo n >/replaced/n && rm -r /dir && echo x >/dir
	RUN rm /file && mkdir /file && echo y >/file/y && rm /dir && mkdir -p /dir/in && echo z >/dir/in/z
	ENV A=b
	RUN rm -r /file && echo again >/file && chown 1:2 /keep/k && mkdir -p /old/sub
	X
}

@test "--squash makes one layer that shows the same files" {
	squashed_file
	build
	plain=$(layer_digests t | wc -l)
	build --squash -t s
	says "6 steps, 6 cached"
	same "$(layer_digests s | wc -l)" 3
	[ "$plain" -gt 3 ]
	same "$(layer_digests s | head -n 2)" "$(layer_digests lower)"
	flatten t "$T/t"
	flatten s "$T/s"
	same "$(listing "$T/s")" "$(listing "$T/t")"
	same "$(stat -c %h "$T/s/h")" 2
	run -0 varve diff t s
	same "$output" ""
	# What was made and removed again is not in it.
	[[ "$(layer_names s 3)" != *gone* ]]
	same "$(config s '[.history[] | select(.empty_layer | not)] | length')" 3
	same "$(config s '.history | length')" "$(config t '.history | length')"
	same "$(config s .config)" "$(config t .config)"
}

@test "--squash leaves the cache alone and gives the same digest every time" {
	local first
	squashed_file
	export SOURCE_DATE_EPOCH=1600000000
	build --squash
	first=$(manifest t)
	build --squash --no-cache
	same "$(manifest t)" "$first"
	build --squash
	says "6 steps, 6 cached"
	same "$(manifest t)" "$first"
	build
	says "6 steps, 6 cached"
	build_fails --squash --build-arg x --target nothing -- "no such stage"
}

@test "--squash of a build that adds nothing, or takes away what it added" {
	base
	printf 'FROM base\nENV A=b\n' >"$CTX/Dockerfile"
	build --squash
	same "$(layer_digests t)" "$(layer_digests base)"
	printf 'FROM base\nRUN echo x >/x\nRUN rm /x\n' >"$CTX/Dockerfile"
	build --squash
	flatten t "$T/t"
	[ ! -e "$T/t/x" ]
	same "$(config t '[.history[] | select(.empty_layer | not)] | length')" \
		"$(layer_digests t | wc -l)"
	printf 'FROM scratch\nCOPY Dockerfile /a\nCOPY Dockerfile /b\n' >"$CTX/Dockerfile"
	build --squash
	same "$(layer_names t 1 | xargs)" "a b"
}
