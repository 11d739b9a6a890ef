#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kill -9 at any moment loses nothing that was acknowledged and leaves nothing behind.

load helpers

: "${TRIALS:=200}"
: "${SEED:=$((RANDOM * 32768 + RANDOM))}"

# Two stages, all kinds of steps; the digest depends on nothing but the text and the context.
six_steps() {
	mkdir -p "$CTX/tree"
	for i in $(seq 50); do
		head -c $((i * 997)) /dev/urandom >"$CTX/tree/$i"
	done
	find "$CTX" -exec touch -d '2020-01-01 UTC' {} +
	dockerfile <<-'X'
	FROM base AS made
	COPY tree /tree
	RUN cat /tree/* >/all && rm /tree/1*
	FROM base
	RUN mkdir /d && for i in 1 2 3 4 5 6 7 8 9; do echo $i >/d/$i; done
	WORKDIR /w/x
	COPY --from=made /all /all
	RUN rm -r /d && echo end >/end
	X
	export SOURCE_DATE_EPOCH=1600000000
}

# A fresh copy of the store that has only "base".
fresh_store() {
	rm -rf "$VARVE_ROOT"
	cp -a "$T/pristine" "$VARVE_ROOT"
}

# Microseconds that one undisturbed build takes.
build_time() {
	local start=${EPOCHREALTIME/./}
	varve build -q -t t "$CTX" >/dev/null 2>&1 || return 1
	echo $((${EPOCHREALTIME/./} - start))
}

# One trial: kill the build after $1 microseconds, then everything must be as if it never ran.
trial() {
	local pid
	fresh_store
	"$PROGRAM" build -q -t t "$CTX" >/dev/null 2>&1 &
	pid=$!
	sleep "$(printf '0.%06d' "$1")"
	kill -9 $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	all_dead || return 1
	varve fsck || { echo "fsck"; return 1; }
	same "$(manifest base)" "$base_manifest" || return 1
	varve build -q -t t "$CTX" >/dev/null || { echo "next build"; return 1; }
	same "$(manifest t)" "$wanted" || return 1
	[ -z "$(leftovers)" ] || { leftovers; return 1; }
}

@test "kill -9 at $TRIALS random moments of a build: store clean, nothing left, same digest" {
	base
	six_steps
	cp -a "$VARVE_ROOT" "$T/pristine"
	base_manifest=$(manifest base)
	fresh_store
	longest=$(build_time)
	wanted=$(manifest t)
	# Slower machines and sanitizers make longer builds; the moments follow.
	[ "$longest" -lt 900000 ] || longest=900000
	RANDOM=$SEED
	for i in $(seq "$TRIALS"); do
		moment=$(((RANDOM * 32768 + RANDOM) % longest))
		if ! trial $moment; then
			echo "trial $i, after $moment us; SEED=$SEED"
			return 1
		fi
	done
}

@test "the kills above land inside builds: most of them interrupt one" {
	base
	six_steps
	cp -a "$VARVE_ROOT" "$T/pristine"
	fresh_store
	longest=$(build_time)
	interrupted=0
	for i in 1 2 3 4 5 6 7 8; do
		fresh_store
		"$PROGRAM" build -q -t t "$CTX" >/dev/null 2>&1 &
		pid=$!
		sleep "$(printf '0.%06d' $((longest * i / 16)))"
		kill -9 $pid 2>/dev/null || true
		if ! wait $pid 2>/dev/null; then
			interrupted=$((interrupted + 1))
		fi
	done
	all_dead
	varve fsck
	[ "$interrupted" -ge 4 ]
}

@test "kill -9 during import, load, tag and prune" {
	base
	six_steps
	varve build -q -t t "$CTX"
	varve save -o "$T/t.tar" t
	cp -a "$VARVE_ROOT" "$T/pristine"
	wanted=$(manifest t)
	RANDOM=$SEED
	for command in "import $BATS_FILE_TMPDIR/base other" "load -i $T/t.tar --tag again" \
		"tag t other" "prune --all"; do
		for i in 1 2 3 4 5 6 7 8 9 10; do
			fresh_store
			# shellcheck disable=SC2086  # a command line
			"$PROGRAM" $command >/dev/null 2>&1 &
			pid=$!
			sleep "$(printf '0.%06d' $((RANDOM % 30000)))"
			kill -9 $pid 2>/dev/null || true
			wait $pid 2>/dev/null || true
			all_dead
			if ! varve fsck || [ "$(manifest t)" != "$wanted" ]; then
				echo "$command, trial $i, SEED=$SEED"
				return 1
			fi
		done
	done
	varve build -q -t t "$CTX"
	same "$(manifest t)" "$wanted"
}

# Starts a build that hangs in a step and waits until it is there; its pid is in $pid. $1: what the
# step does before it hangs.
hanging_build() {
	base
	printf 'FROM base\nRUN %s echo "in the"" step"; sleep 100\nRUN echo next\n' "${1-}" |
		dockerfile
	# Background jobs of a script ignore SIGINT unless told otherwise.
	env --default-signal=INT,TERM "$PROGRAM" build --progress=plain -t t "$CTX" >"$T/out" 2>&1 &
	pid=$!
	for _ in $(seq 500); do
		if grep -q 'in the step' "$T/out"; then
			# What the tests below trust finds this process.
			leftovers | grep -q "^process $pid:"
			return
		fi
		sleep 0.01
	done
	cat "$T/out"
	return 1
}

@test "Ctrl-C stops the build with status 130, nothing named, nothing left" {
	hanging_build
	kill -INT $pid
	wait $pid && status=0 || status=$?
	same "$status" 130
	all_dead
	same "$(leftovers)" ""
	run manifest t
	[ "$status" != 0 ]
}

@test "a step that ends well on Ctrl-C is the last one" {
	hanging_build 'trap "exit 0" INT;'
	kill -INT $pid
	wait $pid && status=0 || status=$?
	same "$status" 130
	run ! grep -q next "$T/out"
	all_dead
	same "$(leftovers)" ""
}

@test "a second Ctrl-C ends a step that ignores the first" {
	hanging_build 'trap "" INT;'
	kill -INT $pid
	sleep 0.3
	kill -0 $pid
	kill -INT $pid
	wait $pid && status=0 || status=$?
	same "$status" 130
	all_dead
	same "$(leftovers)" ""
}

@test "a second Ctrl-C at once does no harm" {
	hanging_build
	kill -INT $pid
	kill -INT $pid
	wait $pid && status=0 || status=$?
	same "$status" 130
	all_dead
	varve fsck
}

@test "SIGTERM stops the build too" {
	hanging_build
	kill -TERM $pid
	wait $pid && status=0 || status=$?
	[ "$status" = 143 ] || [ "$status" = 130 ]
	all_dead
}
