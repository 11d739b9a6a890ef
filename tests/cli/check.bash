# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # helpers.bash and bats set T, CTX, $output ...
# Images that the tests of the checks start from, made once for a file, and what was found.
load helpers

setup() {
	varve_setup
	images
}

# What the cases call base, parent, foreign, trigger and trigger2. Made once for the file.
images() {
	local made=$BATS_FILE_TMPDIR/store other=arm64
	if [ -d "$made" ]; then
		cp -a "$made" "$VARVE_ROOT"
		return
	fi
	base
	printf 'FROM base\nENV INHERITED=1\nVOLUME /inherited\nWORKDIR /w\n' >"$CTX/Dockerfile"
	build -t parent
	# shellcheck disable=SC2016 # for varve to expand
	printf 'FROM base\nONBUILD ENV a=$nope\n' >"$CTX/Dockerfile"
	build -t trigger
	# shellcheck disable=SC2016
	printf 'FROM base\nONBUILD ARG TRIGGERED=1\nONBUILD ENV a=$TRIGGERED\n' >"$CTX/Dockerfile"
	build -t trigger2
	[ "$(uname -m)" = x86_64 ] || other=amd64
	foreign_image "$other"
	rm -f "$CTX/Dockerfile"
	cp -a "$VARVE_ROOT" "$made"
}

# The image "foreign": the base with another processor in its config.
foreign_image() {
	mkdir "$T/foreign"
	varve save base | tar -C "$T/foreign" -xf -
	(
		cd "$T/foreign" || exit 1
		manifest=$(jq -r '.manifests[0].digest' index.json)
		config=$(jq -r .config.digest "blobs/sha256/${manifest#sha256:}")
		put "$(jq -c --arg a "$1" '.architecture = $a' "blobs/sha256/${config#sha256:}")"
		put "$(jq -c --arg d "$digest" --argjson s "$size" \
			'.config.digest = $d | .config.size = $s' "blobs/sha256/${manifest#sha256:}")"
		jq -c --arg d "$digest" --argjson s "$size" '.manifests = [.manifests[0] |
			.digest = $d | .size = $s | del(.platform) |
			.annotations = {"org.opencontainers.image.ref.name": "foreign:latest"}]' \
			index.json >index.new
		mv index.new index.json
		rm -f manifest.json
		tar -cf ../foreign.tar -- *
	)
	varve load -i "$T/foreign.tar" >/dev/null
}

# Writes a blob; sets digest and size.
put() {
	local hex
	hex=$(printf %s "$1" | sha256sum)
	hex=${hex%% *}
	printf %s "$1" >"blobs/sha256/$hex"
	digest=sha256:$hex
	size=$(printf %s "$1" | wc -c)
}

findings() {
	jq -r '.warnings[] | "\(.ruleName) \(.location.ranges[0].start.line)"' | sort
}
