#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is in layers, and what differs: history, layers, diff.

load helpers
load trees

@test "history lists instructions with their layers, the last first" {
	three_layers
	run -0 varve history three
	same "${#lines[@]}" 5
	[[ "${lines[1]}" == *"chmod 600"* && "${lines[3]}" == *"CMD"* && "${lines[4]}" == *"COPY"* ]]
	[[ "${lines[3]}" == -* ]]
	same "$(varve history --json three | jq -c 'map(.DiffID) | reverse')" \
		"$(config three '[.rootfs.diff_ids[0], null] + .rootfs.diff_ids[1:]')"
	same "$(varve history -q three | sort)" "$(config three '.rootfs.diff_ids[]' | sort)"
	run -4 varve history nothing
}

@test "layers counts what each layer changed" {
	three_layers
	run -0 varve layers three
	[[ "${lines[1]}" == "1 "*"+6 ~0 -0"*"COPY tree /" ]]
	[[ "${lines[2]}" == "2 "*"+1 ~2 -3"*"RUN change" ]]
	[[ "${lines[3]}" == "3 "*"+0 ~1 -0"*"RUN chmod 600 new.txt" ]]
	varve layers --json three | jq -e 'map([.Number, .Added, .Modified, .Removed]) ==
		[[1,6,0,0],[2,1,2,3],[3,0,1,0]] and all(.Size == .PlainSize)'
}

@test "diff of one image shows each layer" {
	three_layers
	run -1 varve diff three
	says "layer 1/3" "A /dir/two.txt (4B)" "A /link -> one.txt" \
		"layer 2/3" "D /dir/two.txt (4B)" "A /new.txt (4B)" \
		"layer 3/3" "m /new.txt (mode 0644 -> 0600)"
	varve diff --json three >"$T/json" || true
	jq -e '[.layers[] | .summary | [.added, .modified, .removed, .metadata]] ==
		[[6,0,0,0],[1,2,3,0],[0,0,0,1]]' "$T/json"
	jq -e '.layers[0].changes | map(.path) | index("/dir/three.txt") != null' "$T/json"
}

@test "diff of a layer, of a range, and of trees at layers" {
	three_layers
	run -1 varve diff three@3
	same "$output" "m /new.txt (mode 0644 -> 0600)"
	run -1 varve diff three@1..3
	says "A /new.txt" "D /dir/" "M /one.txt (content"
	run -1 varve diff three@0..1
	same "${#lines[@]}" 6
	run -1 varve diff three@2 three@3
	same "$output" "m /new.txt (mode 0644 -> 0600)"
	run -0 varve diff three@3 three
	same "$output" ""
	run -0 varve diff three@2..2
	same "$output" ""
	run -4 varve diff three@4
	says "3 layers"
	run -2 varve diff three@0
	run -2 varve diff three@1..2 three
	run -4 varve diff nothing
	run -2 varve diff "$T"
	says "varve diff $T IMAGE"
}

@test "diff compares a directory with an image, field by field" {
	small_image a >/dev/null
	run -0 varve diff "$T/tree" a
	same "$output" ""
	chmod 600 "$T/tree/dir/two.txt"
	echo 'longer than before' >"$T/tree/one.txt"
	ln -sfn dir "$T/tree/link"
	rm "$T/tree/dir/three.txt"
	mkdir "$T/tree/new"
	run -1 varve diff --ignore mtime a "$T/tree"
	says "M /one.txt (size 4 -> 19, content " "m /dir/two.txt (mode 0644 -> 0600)" \
		"D /dir/three.txt (6B)" "A /new/" "/link (link one.txt -> dir)"
	says_not mtime
	run -1 varve diff a "$T/tree"
	says "mtime 2020-01-02T03:04:05Z -> "
	(cd "$T" && run -1 varve diff --stat --ignore=mtime ./tree a &&
		says "added 1 (6B)" "removed 1")
	varve diff --json --ignore mtime,mode a "$T/tree" >"$T/json" || true
	jq -e '.from == "a" and (.changes | map(select(.path == "/dir/two.txt")) | length) == 0
		and (.changes[] | select(.path == "/one.txt") | .fields.size) == {"old":4,"new":19}' \
		"$T/json"
}

@test "diff ignores owners on request" {
	need_root
	small_image a >/dev/null
	chown 5:6 "$T/tree/dir/two.txt"
	run -1 varve diff a "$T/tree"
	same "$output" "m /dir/two.txt (owner 0:0 -> 5:6)"
	run -0 varve diff --ignore=owner a "$T/tree"
}

@test "diff into head ends quietly" {
	local i
	mkdir -p "$T/tree"
	for ((i = 0; i < 3000; i++)); do echo >"$T/tree/a-file-with-a-name-of-some-length-$i"; done
	varve import "$T/tree" a >/dev/null
	run -0 --separate-stderr bash -c '"$1" diff a | head -n 2' - "$PROGRAM"
	same "${#lines[@]}" 2
	same "$stderr" ""
	# More than a pipe holds.
	run -141 --separate-stderr bash -c '"$1" diff a | true; exit "${PIPESTATUS[0]}"' - "$PROGRAM"
	same "$stderr" ""
}
