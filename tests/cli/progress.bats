#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a build shows while it runs: on a terminal, in a pipe, as JSON, and nothing.
load helpers

# Runs a build in a pty of WIDTH columns. $output is all that the terminal has shown, with a line
# about its state at the end.
show() {	# width, options of tests/terminal and of the build
	local width=$1 options=()
	shift
	while [ "${1-}" = -i ] || [ "${1-}" = -r ]; do
		options+=("$1" "$2")
		[ "$1" = -i ] || { options+=("$3"); shift; }
		shift 2
	done
	run -0 timeout -k 5 60 env TERM=xterm "$VARVE_BUILD/tests/terminal" "$width" 24 \
		"${options[@]}" "$PROGRAM" build -t t "$@" "$CTX"
}

need_terminal() {
	[ -x "$VARVE_BUILD/tests/terminal" ] || skip "make $VARVE_BUILD/tests/terminal"
	base
}

# Each line of standard input is in $output, as a line, exactly once.
each_once() {
	local line count
	while IFS= read -r line; do
		count=$(grep -cxF -- "$line" <<<"$output") || true
		[ "$count" = 1 ] || { echo "$count times: $line"; echo "$output"; return 1; }
	done
}

@test "at any width each line is there once, in its step, and nothing of the moving part is left" {
	need_terminal
	dockerfile <<-'X'
	FROM base AS unused
	RUN false
	FROM base AS one
	RUN for i in $(seq 30); do echo "one $i, which is a line of more than twenty columns"; sleep 0.02; done
	FROM base AS two
	RUN for i in $(seq 30); do echo "two $i: äöü 漢字 e$(printf '\314\201')"; sleep 0.02; done; printf 'no end'
	FROM base
	COPY --from=one /bin/busybox /one
	COPY --from=two /bin/busybox /two
	RUN sleep 0.2
	X
	for width in 20 80 200; do
		show $width --no-cache
		{
			for i in $(seq 30); do
				echo "  one $i, which is a line of more than twenty columns"
				printf '  two %d: äöü 漢字 e\314\201\n' "$i"
			done
			echo "  no end"
			echo "unused: not needed for stage-3, skipped"
		} | each_once
		grep -qE '^-- cursor visible, ([5-9]|[1-9][0-9]) frames, 0 odd, [1-9][0-9]* colours, status 0$' \
			<<<"$output"
		# The steps' results, the 61 lines, the note and the summary of two lines.
		same "$(grep -c . <<<"$output")" $((5 + 61 + 1 + 2 + 1))
		# The output of one step is in one piece.
		same "$(grep -oE '^  (one|two) ' <<<"$output" | uniq | wc -l)" 2
	done
}

@test "no flicker: a frame is shown at once, goes up once, and overwrites what is there" {
	need_terminal
	dockerfile <<-'X'
	FROM base AS one
	RUN for i in $(seq 10); do echo "one $i"; sleep 0.1; done
	FROM base
	RUN for i in $(seq 10); do echo "two $i"; sleep 0.1; done
	COPY --from=one /bin/busybox /one
	X
	run -0 env TERM=xterm "$PROGRAM" build --progress=tty --no-cache "$CTX"
	local begun ended ups cleared
	begun=$(grep -oF $'\e[?2026h' <<<"$output" | wc -l)
	ended=$(grep -oF $'\e[?2026l' <<<"$output" | wc -l)
	ups=$(grep -oE $'\e\\[[0-9]*A' <<<"$output" | wc -l)
	# Everything below the cursor is cleared where something is printed for good, and below a frame.
	cleared=$(grep -oE $'\e\\[[0-9]*J' <<<"$output" | wc -l)
	[ "$begun" -ge 5 ]
	same "$ended" "$begun"
	[ "$ups" -ge 4 ] && [ "$ups" -le "$begun" ]
	[ "$cleared" -le $((2 * begun)) ]
	# No other movement: neither to a place nor line by line, and nothing clears the screen.
	run ! grep -qE $'\e\\[[0-9;]*[BCDEFGHfST]|\e\\[[23]J|\eM|\e[78]' <<<"$output"
}

@test "a terminal that becomes narrow in the middle loses nothing" {
	need_terminal
	dockerfile <<-'X'
	FROM base
	RUN for i in $(seq 40); do echo "line $i with some more words in it"; sleep 0.02; done
	X
	show 120 -r 'line 10 with' 30 --no-cache
	for i in $(seq 40); do echo "  line $i with some more words in it"; done | each_once
	says "cursor visible" "0 odd" "status 0"
}

@test "a flood of output: complete, in order, and only so many frames" {
	need_terminal
	dockerfile <<-'X'
	FROM base
	RUN seq 10000 | sed 's/.*/line & of a flood that is a good deal longer than what a view would keep/'
	X
	start=${EPOCHREALTIME/./}
	show 80 --no-cache
	ms=$(((${EPOCHREALTIME/./} - start) / 1000))
	same "$(sed -n 's/^  line \([0-9]*\) of a flood .* keep$/\1/p' <<<"$output" | md5sum)" \
		"$(seq 10000 | md5sum)"
	frames=$(sed -n 's/^-- .* \([0-9]*\) frames.*/\1/p' <<<"$output")
	# Ten a second, and one for each 64 kB that have to go out.
	[ "$frames" -le $((ms / 100 + 2 + 800 / 64 + 2)) ] || { echo "$frames in $ms ms"; return 1; }
}

@test "what programs print cannot drive the terminal, in any view" {
	need_terminal
	dockerfile <<-'X'
	FROM base
	RUN printf '\033[31mred\033[0m \033]0;title\007plain \033[2J\033[Hhome\n50%%\r100%%\nab\bc\001\n\302\233x\377\n\033P never ends\nnext\n\033[?25l'
	X
	show 80 --no-cache
	each_once <<-'X'
	  red plain home
	  100%
	  ac?
	  ?x?
	  next
	X
	says "cursor visible" "0 odd"
	build --no-cache
	[[ "$output" != *$'\e'* && "$output" != *$'\001'* ]]
	says "red plain home" "100%"
}

@test "Ctrl-C in the middle leaves the cursor, the output, and status 130" {
	need_terminal
	dockerfile <<-'X'
	FROM base
	RUN echo before; printf 'he''ld'; sleep 100
	X
	show 80 -i held
	grep -qx '  before' <<<"$output"
	grep -qx '  held' <<<"$output"
	says "stopped after" "-- cursor visible" "0 odd" "status 130"
	says_not "steps,"
}

@test "a failure stands at the end, after all output, with its place" {
	need_terminal
	dockerfile <<-'X'
	FROM base
	RUN echo said; exit 3
	X
	show 80
	same "$(grep -cx '  said' <<<"$output")" 1
	says "ERROR after" ">>> RUN echo said; exit 3" "the whole output: " "cursor visible"
}

@test "NO_COLOR, BUILDKIT_COLORS, BUILDKIT_PROGRESS and TERM=dumb are followed" {
	need_terminal
	printf 'FROM base\nRUN echo hi\n' | dockerfile
	NO_COLOR=1 show 80 --no-cache
	says "0 colours" "  hi"
	run -0 env TERM=xterm BUILDKIT_COLORS=run=1,2,3 "$PROGRAM" build --progress=tty --no-cache "$CTX"
	says $'\e[38;2;1;2;3m'
	run -0 env TERM=dumb "$VARVE_BUILD/tests/terminal" 80 24 "$PROGRAM" build --no-cache "$CTX"
	says "#1 DONE" "0 frames" "0 odd, 0 colours"
	BUILDKIT_PROGRESS=plain show 80 --no-cache
	says "#1 DONE" "0 frames"
	BUILDKIT_PROGRESS=quiet show 80
	same "$(grep -c . <<<"$output")" 2
	# In a pipe the default is lines.
	run -0 "$PROGRAM" build "$CTX"
	says "#1 CACHED"
	[[ "$output" != *$'\e'* ]]
}

@test "plain: lines of steps side by side are whole; what has no end comes when the step ends" {
	base
	dockerfile <<-'X'
	FROM base AS one
	RUN for i in $(seq 200); do printf 'one '; printf '%s\n' "$i"; done; printf 'one no end'
	FROM base AS two
	RUN for i in $(seq 200); do printf 'two '; printf '%s\n' "$i"; done; printf 'two no end'
	FROM base
	COPY --from=one /bin/busybox /one
	COPY --from=two /bin/busybox /two
	X
	build --no-cache
	for n in 1:one 2:two; do
		same "$(sed -nE "s/^#${n%:*} [0-9]+\.[0-9]{3} (${n#*:} .*)/\1/p" <<<"$output")" \
			"$(seq 200 | sed "s/^/${n#*:} /"; echo "${n#*:} no end")"
	done
	same "$(grep -cE '^#[0-9]+ (\[.*\] |[0-9.]+ (one|two) |DONE [0-9.]+s$|LAYER )' <<<"$output")" \
		$((402 + 4 * 3))
}

@test "json: every byte of the output, one document a line" {
	base
	dockerfile <<-'X'
	FROM base
	RUN printf 'text \303'; sleep 0.1; printf '\244\n'; sleep 0.1; printf '\000\377bytes'
	X
	varve build --progress=json --no-cache -t t "$CTX" >"$T/out" 2>"$T/events"
	jq -es 'map(.event) | contains(["start", "output", "done", "packed"])' "$T/events"
	{
		printf 'text ä\n'
		printf '\000\377bytes'
	} >"$T/wanted"
	jq -r 'select(.event == "output") | if .text then .text | @base64 else .base64 end' "$T/events" |
		while read -r piece; do base64 -d <<<"$piece"; done >"$T/got"
	cmp "$T/got" "$T/wanted"
}

@test "a layer that repeats what lies below says so, and how to avoid it" {
	base
	dockerfile <<-'X'
	FROM base
	RUN head -c 300000 /dev/urandom >/big && echo small >/small
	RUN chmod -R 0700 /big /small
	RUN cp /big /copy && chmod 600 /copy
	X
	build
	same "$(grep -c 'repeat content below' <<<"$output")" 1
	says "#2 LAYER +0 ~2 -0, " " (300kB of files repeat content below)" "#2   hint: chmod " "COPY --chmod"
	same "$(grep -c hint: <<<"$output")" 1
	run -0 --separate-stderr varve build --progress=json --no-cache -t t "$CTX"
	# shellcheck disable=SC2154 # bats sets it
	same "$(jq -s 'map(select(.event == "packed") | .repeated_bytes) | sort' -c <<<"$stderr")" "[0,0,300006]"
	# Another owner, another time; what has other content does not count.
	dockerfile <<-'X'
	FROM base
	RUN head -c 300000 /dev/zero >/a && cp /a /b && cp /a /c
	RUN chown 1:1 /a
	RUN touch -t 200001010000 /b
	RUN printf x | dd of=/c conv=notrunc && chmod 600 /c
	X
	build
	says "#2   hint: chown " "#3   hint: files were written again"
	same "$(grep -c 'repeat content below' <<<"$output")" 2
}
