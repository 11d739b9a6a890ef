#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Many builds at once in one store, of specs that share steps: each step is executed by one of them, and
# every image is what it would be if nobody else were there.
load helpers

: "${TRIALS:=200}"
: "${SEED:=$((RANDOM * 32768 + RANDOM))}"
BUILDS=64 SPECS=8

# A step that leaves a mark outside of the build, through the bind of bind().
mark() {
	echo "RUN echo $1 >>/marks/log; echo $1 >/$1; sleep 0.02"
}

# Eight specs: two stages that are common to all, steps that half or a quarter of them have, own ones.
specs() {
	local i
	mkdir -p "$CTX/tree" "$T/specs"
	for i in $(seq 20); do seq "$i" $((i * 99)) >"$CTX/tree/$i"; done
	find "$CTX" -exec touch -d '2020-01-01 UTC' {} +
	for i in $(seq 0 $((SPECS - 1))); do
		{
			echo FROM base AS common
			mark all
			echo COPY tree /tree
			mark after-copy
			echo FROM base AS half
			mark half-$((i % 2))
			echo WORKDIR /w/$((i % 2))
			echo FROM base
			echo COPY --from=common /after-copy /tree/1 /from/
			echo COPY --from=half /half-$((i % 2)) /from/
			mark quarter-$((i % 4))
			mark own-"$i"
			echo RUN rm /own-"$i" '&&' cat '/from/*' '>/end'
			echo CMD [\""$i"\"]
		} >"$T/specs/$i"
	done
}

# How many steps with a mark there are, counted from the specs' structure above.
STEPS=$((2 + 2 + 4 + SPECS))

# Build number $1 of spec $2, which becomes its image. Times are fixed: the digest of another store's
# image must be the same.
one_build() {
	exec "$PROGRAM" build -q -t "t$1" --source-date-epoch 1600000000 -f "$T/specs/$2" \
		-v "$T/marks:/marks" --jobs $(($1 % 4 + 1)) "$CTX" </dev/null
}

# The images of all specs built one after the other in a store of their own: one manifest a line.
serial_digests() {
	local i
	cp -a "$VARVE_ROOT" "$T/serial"
	mkdir "$T/marks"
	for i in $(seq 0 $((SPECS - 1))); do
		VARVE_ROOT=$T/serial one_build "$i" "$i" >/dev/null &
		wait $! || return 1
	done
	for i in $(seq 0 $((SPECS - 1))); do
		VARVE_ROOT=$T/serial manifest "t$i" || return 1
	done >"$T/wanted"
	same "$(sort -u "$T/wanted" | wc -l)" "$SPECS"
	same "$(sort "$T/marks/log" | uniq -c | awk '{ print $1 }' | sort | uniq -c | xargs)" "$STEPS 1"
	rm "$T/marks/log"
}

# Starts all the builds; their numbers and processes are in ${pids[@]}.
start_all() {
	local n
	pids=()
	for n in $(seq 0 $((BUILDS - 1))); do
		one_build "$n" $((n % SPECS)) >"$T/out.$n" 2>&1 &
		pids[n]=$!
	done
}

# Waits for all builds that are left; each must succeed, and none may hang.
finish_all() {
	local n
	for n in "${!pids[@]}"; do
		timeout 120 tail -s 0.1 -f --pid="${pids[n]}" /dev/null || {
			echo "build $n hangs, with locks:"
			cat /proc/locks
			kill -9 "${pids[@]}" 2>/dev/null
			return 1
		}
		wait "${pids[n]}" || { echo "build $n:"; cat "$T/out.$n"; return 1; }
	done
}

# The image of each build that is given by its number is the serial run's, and what the build printed
# is its ID.
right_images() {
	local n digest
	declare -A is id
	while read -r n digest; do
		is[$n]=$digest
		[ -n "${id[$digest]-}" ] || id[$digest]=$(jq -er .config.digest "$(blob "$digest")") || return 1
	done < <(jq -r '.manifests[] | .annotations["org.opencontainers.image.ref.name"] + " " + .digest' \
		"$VARVE_ROOT/index.json")
	for n; do
		digest=${is[t$n:latest]-none}
		same "build $n: $digest" "build $n: $(sed -n $((n % SPECS + 1))p "$T/wanted")" || return 1
		same "$(<"$T/out.$n")" "${id[$digest]}" || return 1
	done
}

@test "$BUILDS builds of $SPECS specs at once: the serial run's digests, no step executed twice" {
	need_root
	base
	specs
	serial_digests
	start_all
	finish_all
	right_images "${!pids[@]}"
	# Every step was executed, and nobody executed one that another did.
	same "$(sort "$T/marks/log" | uniq -c | awk '{ print $1 }' | sort | uniq -c | xargs)" "$STEPS 1"
	same "$(leftovers)" ""
	varve fsck
	# All of it once more, with nothing to do.
	start_all
	finish_all
	right_images "${!pids[@]}"
	same "$(wc -l <"$T/marks/log")" "$STEPS"
}

@test "$BUILDS builds at once, a quarter of them killed: the others give the right images" {
	need_root
	base
	specs
	serial_digests
	cp -a "$VARVE_ROOT" "$T/pristine"
	RANDOM=$SEED
	for round in $(seq $((TRIALS / 200 + 1))); do
		rm -rf "$VARVE_ROOT" "$T/marks/log"
		cp -a "$T/pristine" "$VARVE_ROOT"
		start_all
		victims=() killed=0
		for n in "${!pids[@]}"; do
			[ $((RANDOM % 4)) = 0 ] || continue
			sleep "$(printf '0.%03d' $((RANDOM % 60)))"
			kill -9 "${pids[n]}" 2>/dev/null || true
			victims+=("${pids[n]}")
			unset "pids[n]"
		done
		for pid in "${victims[@]}"; do
			wait "$pid" && status=0 || status=$?
			[ $status = 0 ] || killed=$((killed + 1))
		done
		finish_all && right_images "${!pids[@]}" || { echo "SEED=$SEED, round $round"; return 1; }
		[ "$killed" -ge 2 ] || { echo "$killed killed, SEED=$SEED, round $round"; return 1; }
		all_dead
		# What the killed ones left in the stage goes with the next command.
		varve fsck || { echo "SEED=$SEED, round $round"; return 1; }
		same "$(sort -u "$T/marks/log" | wc -l)" "$STEPS"
		same "$(leftovers)" ""
	done
}
