#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every folder of examples/ builds, and the result does what its text says.

load helpers

EXAMPLES=$BATS_TEST_DIRNAME/../../examples

example() {
	run varve build --progress=plain -t "$1" "$EXAMPLES/$1"
	if [ "$status" != 0 ]; then
		echo "$output"
		return 1
	fi
}

busybox_example() {
	cp -r "$EXAMPLES/busybox" "$T/busybox"
	cp "$(command -v busybox)" "$T/busybox/busybox"
	run -0 varve build --progress=plain -t busybox "$T/busybox"
}

@test "there is a test for every example" {
	for folder in "$EXAMPLES"/*/; do
		[ -f "$folder/Dockerfile" ] && [ -f "$folder/README.md" ]
		grep -q "@test \"$(basename "$folder"):" "$BATS_TEST_FILENAME"
	done
}

@test "busybox: a base from scratch that runs a shell" {
	busybox_example
	run -0 varve run --rm busybox sh -c 'id -un; ls -ld /tmp; echo $((6 * 7))'
	says root drwxrwxrwt 42
}

@test "volume: seeded, and the later write is kept with a warning" {
	busybox_example
	example volume
	says "Dockerfile:6" /data/late
	same "$(config volume '.config.Volumes')" '{"/data":{}}'
	run -0 varve run --rm volume
	says seed "created while building" "after the declaration"
}

@test "heredocs: scripts and files inside the Dockerfile" {
	busybox_example
	example heredocs
	run -0 varve run --rm heredocs
	says "<h1>varve</h1>" "page 3 of varve"
	run -0 varve run --rm heredocs cat /srv/www/template.txt /srv/www/awk.txt
	says '$name stays as it is written here' "written by awk"
}

@test "steps: adds, changes and removes, and each can be read afterwards" {
	busybox_example
	example steps
	run -0 varve run --rm steps
	says "Hello, I am root" "says forty-two."
	below=$(layer_digests busybox | wc -l)
	run -1 varve diff "steps@$((below + 2))..$((below + 3))"
	says "D /app/notes" "/app/greet" mode
	run -1 varve diff "steps@$((below + 4))"
	says "M /app/numbers"
}

@test "hello-c: compiled in a Debian stage, shipped alone" {
	need mmdebstrap
	# The base takes a minute and the network; it is made once for a build directory.
	tar=$VARVE_BUILD/examples/debian.tar
	if [ ! -f "$tar" ]; then
		mkdir -p "${tar%/*}"
		sh "$EXAMPLES/hello-c/base.sh" "$tar"
	fi
	VARVE_LIMIT=600 varve import "$tar" debian
	VARVE_LIMIT=600 example hello-c
	run -0 varve run --rm hello-c
	same "$output" "Hello from a container of one file."
	same "$(layer_names hello-c 1)" hello
	same "$(layer_digests hello-c | wc -l)" 1
}
