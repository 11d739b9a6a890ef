#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The command line, the store, and the commands that care for it.

load helpers
load trees

# Every command, one on a line.
commands() {
	varve completion list | awk '$1 != "varve" { print $1 }' | uniq
}

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

@test "output that cannot be written is a failure" {
	[ -w /dev/full ] || skip "no /dev/full"
	small_image a >/dev/null
	run -7 sh -c '"$1" images >/dev/full' - "$PROGRAM"
	says "writing to standard output: No space left"
	run ! sh -c '"$1" images >&-' - "$PROGRAM"
	says "writing to standard output"
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
