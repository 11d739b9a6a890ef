#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images and their names: import, images, tag, rmi, inspect.

load helpers
load trees

@test "import makes an image of a directory and of a tar, and they are the same layer" {
	small_tree "$T/tree"
	run -0 varve import "$T/tree" a
	same "$output" "$(image_id a)"
	tar -C "$T/tree" -cf "$T/tree.tar" --sort=name .
	varve import "$T/tree.tar" b >/dev/null
	gzip -k "$T/tree.tar"
	varve import - c <"$T/tree.tar.gz" >/dev/null
	same "$(layer_digests a)" "$(layer_digests b)"
	same "$(layer_digests a)" "$(layer_digests c)"
	flatten a "$T/flat"
	same "$(listing "$T/flat")" "$(listing "$T/tree")"
	[ "$T/flat/one.txt" -ef "$T/flat/same.txt" ]
}

@test "import does not depend on the umask" {
	small_tree "$T/tree"
	(umask 077 && varve import "$T/tree" a >/dev/null)
	(umask 000 && varve import "$T/tree" b >/dev/null)
	same "$(layer_digests a)" "$(layer_digests b)"
}

@test "import with SOURCE_DATE_EPOCH gives the same image twice" {
	local first
	first=$(SOURCE_DATE_EPOCH=1500000000 small_image a)
	same "$(SOURCE_DATE_EPOCH=1500000000 small_image b)" "$first"
	same "$(config a .created)" 2017-07-14T02:40:00Z
	SOURCE_DATE_EPOCH=soon run -2 varve import "$T/tree" c
}

@test "import --change sets the config" {
	small_image a -c 'CMD ["/x", "y z"]' --change 'ENV A=1 B="2 3"' -c 'ENTRYPOINT /e' \
		-c 'USER 1:2' -c 'WORKDIR /w' -c 'EXPOSE 80 9/udp' -c 'VOLUME /v' \
		-c 'LABEL k="a b"' -c 'STOPSIGNAL SIGINT' -c 'CMD ["/last"]'
	same "$(config a .config.Cmd)" '["/last"]'
	same "$(config a .config.Entrypoint)" '["/bin/sh","-c","/e"]'
	same "$(config a '.config.Env | .[-2:]')" '["A=1","B=2 3"]'
	same "$(config a '[.config | .User, .WorkingDir, .StopSignal]')" '["1:2","/w","SIGINT"]'
	same "$(config a '.config.ExposedPorts | keys')" '["80/tcp","9/udp"]'
	same "$(config a '.config.Volumes | keys')" '["/v"]'
	same "$(config a '.config.Labels')" '{"k":"a b"}'
	run -2 varve import -c 'RUN true' "$T/tree" b
	says "RUN cannot be applied"
	run -2 varve import -c 'CDM x' "$T/tree" b
	says "CDM" "CMD"
	run -2 varve import -c 'EXPOSE x' "$T/tree" b
	run -4 varve inspect b
}

@test "import refuses what is no root file system" {
	echo text >"$T/text"
	run -5 varve import "$T/text" a
	says "$T/text"
	run -4 varve import "$T/missing" a
	run -2 varve import "$T" 'Not A Name'
	run ! varve inspect a
}

@test "images lists, filters, and knows its forms" {
	small_image a >/dev/null
	varve tag a local.host:5000/team/b:v1
	run -0 varve images
	says "REPOSITORY" "local.host:5000/team/b   v1 "
	same "${#lines[@]}" 3
	same "$(varve images -q)" "$(image_id a | cut -c8-19)"
	same "$(varve images -q --no-trunc)" "$(image_id a)"
	run -0 varve images --digests
	says "$(manifest a)"
	same "$(varve images --json | jq -r '.[].Id' | sort -u)" "$(image_id a)"
	same "$(varve images --json a | jq -c 'map(.Tag)')" '["latest"]'
	same "$(varve images --json 'local.host:5000/*/b' | jq length)" 1
	same "$(varve images --json 'l*' | jq length)" 0
	same "$(varve images --json docker.io/library/a | jq length)" 1
	same "$(varve images --json docker.io/library/a:nope | jq length)" 0
	same "$(varve images --json local.host:5000/team/b:v1 | jq length)" 1
}

@test "an image without a name is listed, and removed by its ID" {
	small_tree "$T/tree"
	id=$(varve import "$T/tree")
	run -0 varve images
	says "<none>" "${id:7:12}"
	same "$(varve images --json | jq -c '.[0].Repository')" null
	run -0 varve rmi "${id:7:8}"
	says "Deleted: $id"
	same "$(varve images -q)" ""
}

@test "tag moves names, and keeps the image under all of them" {
	small_image a >/dev/null
	echo more >"$T/tree/more"
	small_image b >/dev/null
	varve tag a c
	same "$(image_id c)" "$(image_id a)"
	varve tag "$(image_id b)" c
	same "$(image_id c)" "$(image_id b)"
	varve tag "$(image_id a | cut -c8-15)" d:x
	same "$(image_id d:x)" "$(image_id a)"
	run -4 varve tag nothing e
	run -2 varve tag a UPPER
	same "$(varve images --json | jq length)" 4
}

@test "rmi removes a name, the last one with the image" {
	small_image a >/dev/null
	varve tag a b
	id=$(image_id a)
	run -0 varve rmi a
	says "Untagged: a:latest"
	says_not "Deleted"
	same "$(image_id b)" "$id"
	run -0 varve rmi b
	says "Untagged: b:latest" "Deleted: $id" "Freed:"
	[ ! -e "$(blob "$id")" ]
	same "$(find "$VARVE_ROOT/blobs/sha256" -type f | wc -l)" 0
}

@test "rmi by ID asks for force when there are several names" {
	small_image a >/dev/null
	varve tag a b
	id=$(image_id a)
	run -1 varve rmi "$id"
	says "several names: a:latest, b:latest"
	run -0 varve rmi -f "$id"
	says "Untagged: a:latest" "Untagged: b:latest" "Deleted: $id"
	run -4 varve rmi "$id"
	run -0 varve rmi -f "$id"
}

@test "rmi removes what exists and fails for what does not" {
	small_image a >/dev/null
	run -4 varve rmi nothing a neither
	says "nothing" "neither" "Untagged: a:latest"
	same "$(varve images -q)" ""
}

@test "inspect describes images as docker does" {
	small_image a -c 'CMD ["x"]' -c 'HEALTHCHECK --interval=5s CMD y' >/dev/null
	varve tag a host.local/b:1
	varve inspect a >"$T/a.json"
	same "$(jq -c '.[0].RepoTags' "$T/a.json")" '["a:latest","host.local/b:1"]'
	same "$(jq -r '.[0].Id' "$T/a.json")" "$(image_id a)"
	same "$(jq -r '.[0].RepoDigests[0]' "$T/a.json")" "a@$(manifest a)"
	same "$(jq -c '.[0].Config.Cmd' "$T/a.json")" '["x"]'
	same "$(jq -c '.[0].Config.Healthcheck' "$T/a.json")" \
		'{"Test":["CMD-SHELL","y"],"Interval":5000000000}'
	same "$(jq -c '.[0].RootFS.Layers' "$T/a.json")" "$(config a .rootfs.diff_ids)"
	same "$(jq -r '.[0].Layers[0].Digest' "$T/a.json")" "$(layer_digests a)"
	same "$(jq -r '.[0].Size' "$T/a.json")" "$(stat -c %s "$(blob "$(layer_digests a)")")"
	same "$(jq -r '.[0].Manifest.Digest' "$T/a.json")" "$(manifest a)"
	varve inspect "$(image_id a)" "$(manifest a)" | jq -e 'length == 2 and .[0] == .[1]'
	run -4 --separate-stderr varve inspect a nothing a
	same "$(jq length <<<"$output")" 2
	[[ "$stderr" == *nothing* ]]
}

@test "names of images cannot drive the terminal" {
	printf '\033[31mred' >"$T/name"
	run -2 varve tag "$(cat "$T/name")" a
	says_not $'\033'
	mkdir "$T/tree"
	echo x >"$T/tree/"$'\033[31mred'
	varve import "$T/tree" a >/dev/null
	run -1 varve diff a
	says "/?[31mred"
	says_not $'\033'
}
