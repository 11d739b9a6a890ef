#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# VOLUME: what reaches the config, and what happens to later writes below a declared path.

load helpers

@test "both forms, expansion, as written, inherited, no duplicates" {
	base
	dockerfile <<-'X'
	FROM base AS parent
	ENV dir=/data
	VOLUME /plain $dir/x
	VOLUME ["/json path", "${dir}/y"]
	VOLUME rel /slash/
	VOLUME /plain
	FROM parent
	VOLUME /own
	X
	build --target parent
	same "$(config t '.config.Volumes | keys')" \
		'["/data/x","/data/y","/json path","/plain","/slash/","rel"]'
	build
	same "$(config t '.config.Volumes | keys | length')" 7
	same "$(config t '.config.Volumes["/own"]')" '{}'
	same "$(layer_digests t | wc -l)" 1
}

# A Dockerfile whose line 3 declares /v and whose later lines write below it.
writer() {
	echo c >"$CTX/f"
	base
	dockerfile <<-'X'
	FROM base
	RUN mkdir /v && echo before >/v/seed
	VOLUME /v
	RUN echo run >/v/run && echo other >/elsewhere
	COPY f /v/copied
	X
}

@test "keep is the default: later writes stay, and the warning names paths and the line" {
	writer
	build
	# The place stands in front of the warning, once.
	grep -qE '^[^ ]*Dockerfile:4:1: warning: 1 path below the volume /v declared by [^ ]*:3 is changed: /v/run; it is' \
		<<<"$output"
	says "Dockerfile:3" /v/run /v/copied
	says_not /elsewhere:
	flatten t "$T/root"
	same "$(ls "$T/root/v" | tr '\n' ' ')" "copied run seed "
	[ -f "$T/root/elsewhere" ]
}

@test "a cached step warns again" {
	writer
	build
	build
	says "Dockerfile:3" /v/run
}

@test "discard: what RUN wrote below it is gone, what COPY placed stays" {
	writer
	build --volume-writes=discard
	flatten t "$T/root"
	same "$(ls "$T/root/v" | tr '\n' ' ')" "copied seed "
	[ -f "$T/root/elsewhere" ]
	says "Dockerfile:3" /v/run
}

@test "error: refused, with the paths, the step and the declaring line" {
	writer
	build_fails --volume-writes=error -- "Dockerfile:3" "Dockerfile:4" /v/run
}

@test "the three modes do not share cached results" {
	writer
	build
	kept=$(image_id t)
	build --volume-writes=discard
	[ "$(image_id t)" != "$kept" ]
	run varve build --progress=plain --volume-writes=error -t x "$CTX"
	[ "$status" != 0 ] && [ "$status" -lt 124 ]
	build
	same "$(image_id t)" "$kept"
}

@test "writes before the declaration, and none, are silent" {
	base
	dockerfile <<-'X'
	FROM base
	RUN mkdir /v && echo x >/v/x
	VOLUME /v
	RUN cat /v/x && echo y >/vy && touch /v2
	X
	build --volume-writes=error
	says_not "Dockerfile:3"
}

@test "a volume inherited from the base image warns with the image's name" {
	base
	printf 'FROM base\nVOLUME /data\n' | dockerfile
	build -t parent
	printf 'FROM parent\nRUN mkdir -p /data/deep && echo x >/data/deep/file\n' | dockerfile
	build
	says /data/deep parent
	build_fails --volume-writes=error -- /data
}

@test "deletions, nested volumes and unclean paths are seen" {
	base
	dockerfile <<-'X'
	FROM base
	RUN mkdir -p /v/in && echo x >/v/gone
	VOLUME /v /v/in /slash//x/
	RUN rm /v/gone
	RUN echo y >/v/in/y
	RUN mkdir -p /slash/x && echo z >/slash/x/z
	X
	build
	says /v/gone /v/in/y /slash/x/z
}

@test "a volume that is a symlink in the image: writes to what it means are seen" {
	base
	dockerfile <<-'X'
	FROM base
	RUN mkdir /real && ln -s /real /link
	VOLUME /link
	RUN echo w >/link/w
	X
	build
	says "Dockerfile:3" /real/w
}
