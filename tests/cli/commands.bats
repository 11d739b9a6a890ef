#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The commands other than build, on images made by import from small trees.

load helpers

# The tree in $1: one.txt, a directory with two files, a symlink, a hard link.
small_tree() {
	mkdir -p "$1/dir"
	echo one >"$1/one.txt"
	echo two >"$1/dir/two.txt"
	echo three >"$1/dir/three.txt"
	ln -s one.txt "$1/link"
	ln "$1/one.txt" "$1/same.txt"
	find "$1" -exec touch -h -d '2020-01-02 03:04:05 UTC' {} +
}

# Image $1 with the small tree in $T/tree; more arguments go to import.
small_image() {
	local name=$1
	shift
	[ -d "$T/tree" ] || small_tree "$T/tree"
	varve import "$@" "$T/tree" "$name"
}

# A layout in $T/layout with the image "three" of three layers: the small tree; one file added, one
# modified, one directory removed; one mode changed. Made by tar and jq, not by varve.
three_layers() {
	local d=$T/layout w=$T/layers n digest ids='' layers=''
	mkdir -p "$d/blobs/sha256" "$w/2/dir" "$w/3"
	small_tree "$w/1"
	echo ONE >"$w/2/one.txt"
	echo new >"$w/2/new.txt"
	touch "$w/2/.wh.dir"
	rmdir "$w/2/dir"
	echo new >"$w/3/new.txt"
	touch -d '2021-01-01 UTC' "$w/2/"*.txt
	touch -d '2021-01-01 UTC' "$w/3/new.txt"
	chmod 600 "$w/3/new.txt"
	for n in 1 2 3; do
		(cd "$w/$n" && find . -mindepth 1 | sed 's|^\./||' | sort |
			tar -cf "$w/$n.tar" --no-recursion --owner=0 --group=0 -T -)
		digest=$(put "$w/$n.tar")
		ids+="${ids:+,}\"$digest\""
		layers+="${layers:+,}{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",
			\"digest\":\"$digest\",\"size\":$(stat -c %s "$w/$n.tar")}"
	done
	jq -cn "{architecture: \"$(goarch)\", os: \"linux\", config: {Env: [\"A=1\"]},
		rootfs: {type: \"layers\", diff_ids: [$ids]},
		history: [{created_by: \"COPY tree /\"}, {created_by: \"CMD [\\\"x\\\"]\", empty_layer: true},
			{created_by: \"RUN /bin/sh -c change # buildkit\"},
			{created_by: \"/bin/sh -c chmod 600 new.txt\"}]}" >"$w/config"
	jq -cn "{schemaVersion: 2, mediaType: \"application/vnd.oci.image.manifest.v1+json\",
		config: {mediaType: \"application/vnd.oci.image.config.v1+json\",
			digest: \"$(put "$w/config")\", size: $(stat -c %s "$w/config")},
		layers: [$layers]}" >"$w/manifest"
	jq -cn "{schemaVersion: 2, manifests: [{mediaType: \"application/vnd.oci.image.manifest.v1+json\",
		digest: \"$(put "$w/manifest")\", size: $(stat -c %s "$w/manifest"),
		annotations: {\"org.opencontainers.image.ref.name\": \"three:latest\"}}]}" >"$d/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$d/oci-layout"
	varve load -q -i "$d" >/dev/null
}

goarch() {
	case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) uname -m ;;
	esac
}

# Copies a file into the layout's blobs and prints its digest.
put() {
	local hex
	hex=$(sha256sum "$1" | cut -d' ' -f1)
	cp "$1" "$T/layout/blobs/sha256/$hex"
	echo "sha256:$hex"
}

commands() {
	varve completion list | awk '$1 != "varve" { print $1 }' | uniq
}

# --- the command line -------------------------------------------------------------------------

@test "every command has a help that names its options and exits with 0" {
	local command option
	for command in $(commands); do
		run -0 varve "$command" --help
		says "Usage: varve $command" "Options:" "--help"
		same "$(varve help "$command")" "$output"
		while read -r _ option; do
			says "${option%=}"
		done < <(varve completion list | grep "^$command ")
	done
	[ "$(commands | wc -l)" -ge 19 ]
}

@test "help, version and no command" {
	run -0 varve --help
	says "Commands:" "Exit status:" "VARVE_ROOT"
	same "$(varve help)" "$output"
	run -0 varve --version
	same "$output" "varve $(cat "$BATS_TEST_DIRNAME/../../VERSION")"
	same "$(varve version)" "$output"
	run -0 varve version --verbose
	says libarchive libseccomp
	run -2 varve
	says "no command" "varve help"
}

@test "what is mistyped is answered with what was probably meant" {
	run -2 varve imags
	says "no such command: imags" "varve images"
	run -2 varve help imags
	says "varve images"
	run -2 varve images --digest-s
	says "unknown option --digest-s" "--digests"
	run -2 varve images --root /x
	says "--root stands before the command"
	run -2 varve --durability=fats images
	says "no such choice: fats" "full, fast"
	run -2 varve save --format=zip x
	says "oci, docker, oci-dir"
	run -2 varve diff --ignore=mtme x
	says "did you mean mtime"
}

@test "too few and too many operands show the usage" {
	run -2 varve tag one
	says "too few" "IMAGE NAME"
	run -2 varve tag one two three
	says "too many" "IMAGE NAME"
	run -2 varve info something
	says "no operands"
}

@test "options may stand anywhere, and -- ends them" {
	small_image a >/dev/null
	same "$(varve images a -q)" "$(varve images -q a)"
	run -2 varve inspect -- --json
	says "--json"
	says_not "unknown option"
}

@test "the manual describes every option of every command, and no other" {
	local page=$BATS_TEST_DIRNAME/../../doc/varve.1
	awk '
		/^\.Sh DESCRIPTION/ { command = "varve" }
		/^\.Ss varve / { command = $3 }
		/^\.Sh ENVIRONMENT/ { command = "" }
		/^\.It .*Fl/ && command != "" {
			for (i = 2; i < NF; i++) {
				if ($i != "Fl")
					continue
				name = $(i + 1)
				if (name ~ /^-/)
					print command " -" name ($(i + 2) == "Ns" ? "=" : "")
				else
					print command " -" name
			}
		}' "$page" | sort >"$T/described"
	varve completion list | grep -v -e ' --help$' -e ' -h$' | sort >"$T/existing"
	[ "$(wc -l <"$T/existing")" -gt 50 ]
	diff "$T/existing" "$T/described"
}

@test "completion for bash is a script that completes" {
	varve completion bash >"$T/completion"
	bash -n "$T/completion"
	complete_line() {
		bash -c 'source "$1"; COMP_LINE=$2 COMP_POINT=${#2}; compopt() { :; }
			_varve; printf "%s\n" "${COMPREPLY[@]}"' - "$T/completion" "$1"
	}
	same "$(complete_line 'varve hist')" history
	same "$(complete_line 'varve --root x imag')" images
	same "$(complete_line 'varve images --no')" --no-trunc
	same "$(complete_line 'varve save --format doc')" docker
	[[ "$(complete_line 'varve --dur')" == --durability ]]
	run -2 varve completion fish
}

@test "output that cannot be written is a failure, a reader who stops is none" {
	[ -w /dev/full ] || skip "no /dev/full"
	small_image a >/dev/null
	run -7 sh -c '"$1" images >/dev/full' - "$PROGRAM"
	says "writing to standard output: No space left"
	run ! sh -c '"$1" images >&-' - "$PROGRAM"
	says "writing to standard output"
	run -141 --separate-stderr bash -c 'trap "" PIPE; "$1" help | true; exit "${PIPESTATUS[0]}"' \
		- "$PROGRAM"
	same "$stderr" ""
}

# --- the store --------------------------------------------------------------------------------

@test "the store is where --root, VARVE_ROOT or the user's directory says, and private" {
	need_root
	unset VARVE_ROOT
	run -0 varve --root "$T/a/b/c" images
	same "$(meta "$T/a/b/c")" "700 0:0"
	[ -f "$T/a/b/c/oci-layout" ]
	VARVE_ROOT=$T/d run -0 varve images
	[ -f "$T/d/oci-layout" ]
	VARVE_ROOT=$T/e run -0 varve --root="$T/f" images
	[ -f "$T/f/oci-layout" ] && [ ! -e "$T/e" ]
	run ! varve --root "$T/a/b/c/oci-layout" images
	run -2 varve --root= images
	export VARVE_ROOT=$T/store
}

@test "fast durability says what it costs" {
	small_tree "$T/tree"
	run -0 varve --durability=fast import "$T/tree" x
	says "a power cut may lose"
	run -0 varve --durability=full images x
	says_not "power cut"
}

@test "info describes store and kernel" {
	small_image a >/dev/null
	run -0 varve info
	says "$VARVE_ROOT" "kernel" "overlay"
	varve info --json | jq -e --arg root "$VARVE_ROOT" '.store.path == $root and .store.names == 1
		and .store.blobs == 3 and (.features | length) > 5 and (.version | length) > 0'
}

# --- images and names -------------------------------------------------------------------------

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

# --- history, layers, diff --------------------------------------------------------------------

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
}

# --- archives ---------------------------------------------------------------------------------

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

# --- care -------------------------------------------------------------------------------------

@test "prune removes unnamed images and says so" {
	small_tree "$T/tree"
	varve import "$T/tree" >/dev/null
	echo more >"$T/tree/more"
	varve import "$T/tree" kept >/dev/null
	before=$(names_listing)
	run -0 varve prune --dry-run
	says "Would remove: 1 unnamed images" "Would free:"
	same "$(names_listing)" "$before"
	run -0 varve prune
	says "Removed: 1 unnamed images" "Freed:"
	same "$(varve images --json | jq -c 'map(.Repository)')" '["kept"]'
	run -0 varve prune --all --older 24h
	says "Removed: 0 unnamed images"
	run -2 varve prune --older 24h
	says "--all"
	run -2 varve prune --all --older soon
	flatten kept "$T/flat"
	same "$(listing "$T/flat")" "$(listing "$T/tree")"
}

@test "fsck finds a flipped bit, names it, and exits with 5" {
	small_image a >/dev/null
	run -0 varve fsck
	same "$output" ""
	digest=$(layer_digests a)
	chmod u+w "$(blob "$digest")"
	printf X | dd of="$(blob "$digest")" bs=1 seek=30 conv=notrunc status=none
	DAMAGED=yes
	run -5 varve fsck
	says "${digest#sha256:}"
	run -5 varve fsck --repair
	[ ! -e "$(blob "$digest")" ]
	run varve fsck
	[ "$status" = 0 ] || [ "$status" = 5 ]
}

@test "an unreadable image is reported and does not hide the others" {
	small_image a >/dev/null
	echo more >"$T/tree/more"
	small_image b >/dev/null
	rm -f "$(blob "$(image_id a)")"
	DAMAGED=yes
	run -4 --separate-stderr varve images
	[[ "$output" == *"b   "* && "$stderr" == *"a:latest"* ]]
	run -0 varve rmi a
	run -0 varve images
	says_not "a   "
}

# --- parse ------------------------------------------------------------------------------------

@test "parse prints a tree, also of a file with mistakes" {
	printf 'FROM x\nRUN make\n' >"$T/good"
	run -0 varve parse "$T/good"
	says FROM RUN make
	varve parse --json "$T/good" | jq -e '.instructions | length == 2'
	same "$(varve parse - <"$T/good")" "$(varve parse "$T/good")"
	printf 'FROM x\nRNU make\nRUN ok\n' >"$T/bad"
	run -3 --separate-stderr varve parse "$T/bad"
	[[ "$output" == *ok* && "$stderr" == *"$T/bad:2:1: error"* ]]
	run -3 --separate-stderr varve parse --json "$T/bad"
	jq -e '.instructions | length >= 2' <<<"$output"
	run -4 varve parse "$T/missing"
	run -1 varve parse "$T"
	says "Is a directory"
}

# --- run --------------------------------------------------------------------------------------

@test "run executes the image's command and leaves nothing behind" {
	need_root
	base
	varve import -c 'CMD ["echo", "from", "cmd"]' -c 'ENV A=1 B=2' -c 'WORKDIR /made/up' \
		-c 'USER user' "$BATS_FILE_TMPDIR/base" app >/dev/null
	run -0 varve run --rm app
	same "$output" "from cmd"
	run -0 varve run --rm app sh -c 'id -u; pwd; echo $A $B $HOME'
	same "$output" "$(printf '1000\n/made/up\n1 2 /home/user')"
	run -0 varve run --rm -e B=3 -e C=4 -u 0 -w /tmp app sh -c 'echo $A $B $C; id -u; pwd'
	same "$output" "$(printf '1 3 4\n0\n/tmp')"
	run -0 varve run --rm --entrypoint /bin/echo app override
	same "$output" override
	same "$(echo through | varve run --rm app cat)" through
	run -0 varve run --rm -u 0 app sh -c 'echo x >/written; cat /written'
	run ! varve run --rm app cat /written
}

@test "run passes on exit status and signals" {
	need_root
	base
	run -7 varve run --rm base sh -c 'exit 7'
	run -137 varve run --rm base sh -c 'kill -9 $$'
	run -127 varve run --rm base /missing
	run -126 varve run --rm base /etc
	run -2 varve run base true
	says "--rm"
	run -2 varve run --rm base
	says "no command"
	run -4 varve run --rm nothing true
	run -4 varve run --rm -u nobody base true
	mkfifo "$T/ready"
	"$PROGRAM" run --rm base sh -c 'trap "echo term; exit 9" TERM; echo up; while :; do sleep 0.05; done' \
		>"$T/ready" 2>&1 3>&- &
	pid=$!
	exec 4<"$T/ready"
	read -r line <&4
	same "$line" up
	kill -TERM "$pid"
	read -r line <&4
	same "$line" term
	status=0
	wait "$pid" || status=$?
	same "$status" 9
	exec 4<&-
}

@test "run isolates: read-only root, no network, own processes" {
	need_root
	base
	run ! varve run --rm --read-only base sh -c 'echo x >/x'
	says "Read-only file system"
	same "$(varve run --rm --network=none base sh -c 'ls /sys/class/net; cat /proc/net/dev' |
		grep -c -e eth -e ens)" 0
	run -0 varve run --rm base sh -c 'ls -d /proc/[0-9]* | wc -l'
	[ "$output" -lt 6 ]
}
