#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# When a step runs again and when it does not, and that equal inputs give equal bytes.

load helpers

# Each run of a step leaves a line that says so in the build's output: "ran NAME".
steps_run() {
	grep -o 'ran [a-z]*$' <<<"$output" | sort -u | tr '\n' ' '
}

cached() {
	grep -c CACHED <<<"$output"
}

three_steps() {
	echo one >"$CTX/f"
	base
	dockerfile <<-'X'
	FROM base
	RUN echo a >/a; sh -c 'echo "ran $0"' first
	COPY f /f
	ARG V=1
	RUN echo b >/b; sh -c 'echo "ran $0"' last
	X
}

@test "nothing changed: nothing runs, and the image ID and the manifest are the same" {
	three_steps
	build
	same "$(steps_run)" "ran first ran last "
	id=$(image_id t) digest=$(manifest t)
	build
	same "$(steps_run)" ""
	same "$(cached)" 3
	same "$(image_id t)" "$id"
	same "$(manifest t)" "$digest"
}

@test "--no-cache runs everything" {
	three_steps
	build
	build --no-cache
	same "$(steps_run)" "ran first ran last "
}

@test "a changed file runs what comes after it; the explanation names it" {
	three_steps
	build
	echo two >"$CTX/f"
	build --explain
	same "$(steps_run)" "ran last "
	says f
	grep -E 'COPY|f' <<<"$output" | grep -qi -E 'chang|differ|M |->|→'
}

@test "a changed build argument runs the steps that can see it; the explanation names it" {
	three_steps
	build
	build --build-arg V=2 --explain
	same "$(steps_run)" "ran last "
	says V
}

@test "--explain compares the words of a command and the values of a variable with their own, and says what is new or gone" {
	base
	printf 'FROM base\nENV A=1 B=2 C=3\nRUN echo one >/a\nRUN ["touch", "/x", "/y", "/z"]\n' | dockerfile
	build
	printf 'FROM base\nENV A=1 B=3 D=4\nRUN echo two >/a\nRUN ["touch", "/x", "/w", "/z", "/v"]\n' | dockerfile
	build --explain
	says "#1   the command: echo one >/a -> echo two >/a"$'\n' "#1   a variable: B=2 -> B=3"$'\n' \
		"#1   a variable is new: D=4"$'\n' "#1   a variable is gone: C=3"$'\n' \
		"#2   an earlier step changed"$'\n' "#2   the command: /y -> /w"$'\n' \
		"#2   the command is new: /v"$'\n'
	says_not "/x ->" "-> /x" "/z ->" "-> /z" "A=1 ->" "-> A=1"
}

@test "what does not count: time stamps, files nobody copies, the host's path" {
	three_steps
	build
	touch -d 2001-01-01 "$CTX/f"
	echo x >"$CTX/unrelated"
	build
	same "$(steps_run)" ""
	mv "$CTX" "$T/moved"
	CTX=$T/moved
	build
	same "$(steps_run)" ""
}

@test "what counts: mode, command, environment, user, working directory, base" {
	three_steps
	build
	chmod 755 "$CTX/f"
	build
	same "$(steps_run)" "ran last "
	for line in 'ENV X=1' 'USER user' 'WORKDIR /tmp'; do
		sed "s|^ARG V=1|$line|" "$CTX/Dockerfile" >"$CTX/D2"
		run varve build --progress=plain -t other -f "$CTX/D2" "$CTX"
		same "$status" 0
		same "$(steps_run)" "ran last "
	done
	sed -i 's|echo b|echo c|' "$CTX/Dockerfile"
	build
	same "$(steps_run)" "ran last "
}

@test "a failed build keeps the steps that completed" {
	base
	dockerfile <<-'X'
	FROM base
	RUN echo a >/a; sh -c 'echo "ran $0"' first
	RUN echo about to fail; exit 41
	X
	build_fails -- "about to fail" 41 "Dockerfile:3" "RUN echo about to fail; exit 41"
	sed -i 's/exit 41/true/' "$CTX/Dockerfile"
	build
	same "$(steps_run)" ""
}

@test "the exit status and the signal of a failed step are reported" {
	base
	printf 'FROM base\nRUN exit 7\n' | dockerfile
	build_fails -- 7 "Dockerfile:2"
	printf 'FROM base\nRUN kill -SEGV $$\n' | dockerfile
	build_fails -- "Dockerfile:2" SEGV
	printf 'FROM base\nRUN ["/no/such/program"]\n' | dockerfile
	build_fails -- "Dockerfile:2" /no/such/program
}

@test "two builds at once of the same file do each step once" {
	base
	dockerfile <<-'X'
	FROM base
	RUN sleep 1; sh -c 'echo "ran $0"' slow; date +%s%N >/stamp
	RUN cp /stamp /again
	X
	varve build --progress=plain -t one "$CTX" >"$T/one.out" 2>&1 &
	one=$!
	varve build --progress=plain -t two "$CTX" >"$T/two.out" 2>&1 &
	two=$!
	wait $one
	wait $two
	same "$(image_id one)" "$(image_id two)"
	same "$(cat "$T"/one.out "$T"/two.out | grep -c 'ran slow$')" 1
}

@test "SOURCE_DATE_EPOCH: two stores on two file systems give one digest" {
	need_root
	mkdir "$CTX/d" && echo f >"$CTX/d/f" && touch -d '2010-01-01 UTC' "$CTX/d/f"
	busybox_tree "$T/tree"
	cat >"$T/both" <<-'X'
	set -e
	mount -t tmpfs none "$1"
	for store in "$1/store" "$2"; do
		"$3" --root "$store" import "$4" base --source-date-epoch 1000000000 >/dev/null 2>&1 ||
			SOURCE_DATE_EPOCH=1000000000 "$3" --root "$store" import "$4" base >/dev/null
		"$3" --root "$store" build -q -t t --source-date-epoch 1400000000 "$5" >"$2.id"
		jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] ==
			"t:latest") | .digest' "$store/index.json"
		sleep 1.1
	done
	X
	dockerfile <<-'X'
	FROM base
	COPY d /d
	RUN mkdir -p /x/y && echo z >/x/y/z && ln -s z /x/y/l && touch -d '2012-01-01 00:00:00' /x/old
	WORKDIR /w
	X
	mkdir "$T/mnt"
	run -0 unshare -m sh "$T/both" "$T/mnt" "$VARVE_ROOT" "$PROGRAM" "$T/tree" "$CTX"
	same "${#lines[@]}" 2
	same "${lines[0]}" "${lines[1]}"
	flatten t "$T/root"
	same "$(stat -c %Y "$T/root/x/y/z")" 1400000000
	same "$(stat -c %Y "$T/root/d/f")" "$(date -d '2010-01-01 UTC' +%s)"
	same "$(stat -c %Y "$T/root/x/old")" "$(date -d '2012-01-01 UTC' +%s)"
	same "$(config t .created)" 2014-05-13T16:53:20Z
}

@test "SOURCE_DATE_EPOCH from the environment and from a build argument are the same" {
	three_steps
	SOURCE_DATE_EPOCH=1400000000 build
	digest=$(manifest t)
	build --no-cache --build-arg SOURCE_DATE_EPOCH=1400000000
	same "$(manifest t)" "$digest"
	build --no-cache --source-date-epoch 1400000000
	same "$(manifest t)" "$digest"
	build_fails --source-date-epoch tomorrow -- tomorrow
}

@test "content cutoff: a step that ran again with the same result lets the next ones hit" {
	echo 1 >"$CTX/f"
	base
	dockerfile <<-'X'
	FROM base
	COPY f /f
	RUN grep -c . /f >/lines; sh -c 'echo "ran $0"' count
	RUN sh -c 'echo "ran $0"' after; cat /lines >/copy
	X
	build
	echo 2 >"$CTX/f"
	build
	# f itself is in the tree that "after" sees, so this one has to run ...
	same "$(steps_run)" "ran after ran count "
	dockerfile <<-'X'
	FROM base AS made
	COPY f /f
	RUN grep -c . /f >/lines; sh -c 'echo "ran $0"' count
	FROM base
	COPY --from=made /lines /lines
	RUN sh -c 'echo "ran $0"' final; cat /lines >/copy
	X
	build
	echo 3 >"$CTX/f"
	build
	# ... but here only the count crosses into the last stage.
	same "$(steps_run)" "ran count "
}

@test "content cutoff: other words for the same result, a RUN that changes nothing, and --no-cutoff" {
	base
	dockerfile <<-'X'
	FROM base
	RUN echo same >/f; sh -c 'echo "ran $0"' first
	RUN sh -c 'echo "ran $0"' check; test -f /f
	RUN cat /f >/g; sh -c 'echo "ran $0"' last
	X
	build
	id=$(image_id t)
	sed -i 's/echo same/printf "same\\n"/' "$CTX/Dockerfile"
	build
	same "$(steps_run)" "ran first "
	says "as before" "2 cached, 0." # nothing was packed
	sed -i 's/printf "same/printf "sa""me/' "$CTX/Dockerfile"
	build --explain
	says "#1 DONE" "#1   it did what it had done before" "#2 CACHED" "#3 CACHED"
	says_not "changed nothing"
	sed -i 's/test -f/test -s/' "$CTX/Dockerfile"
	build --explain
	same "$(steps_run)" "ran check "
	says "#2   it changed nothing: the steps below are looked up in the cache" "#3 CACHED"
	sed -i 's/printf "sa""me/printf "new/' "$CTX/Dockerfile"
	build
	same "$(steps_run)" "ran check ran first ran last "
	sed -i 's/printf "new\\n"/echo new/' "$CTX/Dockerfile"
	build --no-cutoff
	same "$(steps_run)" "ran check ran first ran last "
	build --no-cache
	same "$(steps_run)" "ran check ran first ran last "
}

@test "content cutoff: a mode, an owner, a link, a name or a time that was set is a difference; the clock is not" {
	base
	step() {
		printf 'FROM base\nRUN %s\nRUN sh -c '\''echo "ran $0"'\'' after\n' "$1" | dockerfile
		build --progress=plain
		steps_run
	}
	same "$(step 'mkdir /d; echo a >/d/f; ln /d/f /d/g; ln -s f /d/s')" "ran after "
	same "$(step 'mkdir -m 755 /d; echo a >/d/f; ln /d/f /d/g; ln -s f /d/s; touch /d/f')" ""
	same "$(step 'mkdir -m 755 /d; echo a >/d/f; ln /d/f /d/g; ln -s f /d/s; touch -d @99 /d/f')" "ran after "
	same "$(step 'mkdir -m 700 /d; echo a >/d/f; ln /d/f /d/g; ln -s f /d/s')" "ran after "
	same "$(step 'mkdir /d; echo a >/d/f; echo a >/d/g; ln -s f /d/s')" "ran after "
	same "$(step 'mkdir /d; echo a >/d/f; ln /d/f /d/g; ln -s g /d/s')" "ran after "
	same "$(step 'mkdir /d; echo a >/d/f; ln /d/f /d/h; ln -s f /d/s')" "ran after "
	same "$(step 'mkdir /d; echo a >/d/f; ln /d/f /d/g; ln -s f /d/s; chown 1 /d/f')" "ran after "
	same "$(step 'mkdir /d; echo a >/d/f; ln /d/f /d/g; ln -s f /d/s; rm /etc/group')" "ran after "
	same "$(step 'mkdir /d; echo b >/d/f; ln /d/f /d/g; ln -s f /d/s')" "ran after "
	same "$(step 'mkdir /d; echo a >/d/f; ln /d/f /d/g; ln -s f /d/s # again')" ""
}

@test "compressions: other blobs, the same image ID" {
	three_steps
	build --compression zstd
	id=$(image_id t) zstd=$(layer_digests t | tail -n 1)
	build --compression gzip
	same "$(image_id t)" "$id"
	gzip=$(layer_digests t | tail -n 1)
	[ "$gzip" != "$zstd" ]
	gzip -t <"$(blob "$gzip")"
	same "$(jq -r '.layers[-1].mediaType' "$(blob "$(manifest t)")")" \
		application/vnd.oci.image.layer.v1.tar+gzip
	build --compression none
	same "$(image_id t)" "$id"
	tar -tf "$(blob "$(layer_digests t | tail -n 1)")" >/dev/null
}

@test "progress: quiet prints the image ID only; json is one document a line" {
	three_steps
	run -0 --separate-stderr varve build -q -t t "$CTX"
	same "$output" "$(image_id t)"
	run -0 --separate-stderr varve build --progress=json --no-cache -t t "$CTX"
	{ cat <<<"$output"; cat <<<"$stderr"; } | grep . | jq -es 'length > 3' >/dev/null
}

@test "127 steps build; so does an image of 400 layers" {
	base
	{ echo FROM base; for i in $(seq 127); do echo "RUN echo $i >/f$i"; done; } | dockerfile
	build
	same "$(layer_digests t | wc -l)" 128
	{ echo FROM t; for i in $(seq 128 399); do echo "COPY f$i /"; done; echo 'RUN cat /f1 /f399 >/both'; } | dockerfile
	for i in $(seq 128 399); do echo "$i" >"$CTX/f$i"; done
	build
	same "$(layer_digests t | wc -l)" 401
	flatten t "$T/root"
	same "$(cat "$T/root/both")" "1
399"
}

# How many files of the context a plan opens, which looks at them as a build does.
opened_in_context() {
	strace -f -qq -e trace=openat2,openat -o "$T/trace" "$PROGRAM" build --plan "$CTX" >/dev/null
	grep -c '"f[0-9]*"' "$T/trace"
}

@test "an unchanged context is not read again; a changed file is, even with the same size and mtime" {
	need strace
	base
	mkdir "$CTX/d"
	for i in 1 2 3 4 5; do echo "$i" >"$CTX/d/f$i"; done
	dockerfile <<-'X'
	FROM base
	COPY d /d
	X
	build
	# Only what has not changed for some seconds is remembered; the clock of the file system must tell.
	while [ $(($(date +%s) - $(stat -c %Z "$CTX/d/f5"))) -lt 5 ]; do read -rt 0.2 <> <(:) || :; done
	build
	same "$(opened_in_context)" 0
	stamp=$(stat -c %y "$CTX/d/f3")
	echo X >"$CTX/d/f3"
	touch -d "$stamp" "$CTX/d/f3"
	same "$(opened_in_context)" 1
	build
	flatten t "$T/root"
	same "$(cat "$T/root/d/f3")" X
	: >"$VARVE_ROOT/memos/$(ls "$VARVE_ROOT/memos")" # damaged
	same "$(opened_in_context)" 5
	varve prune --all >/dev/null
	[ -z "$(ls "$VARVE_ROOT/memos")" ]
}

@test "--jobs: how many steps go on at a time; the result is the same" {
	base
	{
		for i in 1 2 3 4; do printf 'FROM base AS s%s\nRUN sleep 0.4; echo %s >/f%s\n' "$i" "$i" "$i"; done
		echo FROM base
		for i in 1 2 3 4; do echo "COPY --from=s$i /f$i /"; done
	} | dockerfile
	began=$(date +%s%3N)
	build --jobs 4
	side_by_side=$(($(date +%s%3N) - began))
	flatten t "$T/root4"
	began=$(date +%s%3N)
	build -j 1 --no-cache
	one_by_one=$(($(date +%s%3N) - began))
	flatten t "$T/root1"
	same "$(listing "$T/root1")" "$(listing "$T/root4")"
	[ "$one_by_one" -ge 1600 ]
	[ "$side_by_side" -lt "$one_by_one" ]
	run varve build --jobs 0 "$CTX"
	same "$status" 2
	says "--jobs=0"
}

@test "the first failure stops the steps beside it, is the only one told, and keeps what was done" {
	need_root
	base
	mkdir "$T/m"
	cat <<-'X' | dockerfile
	FROM base AS quick
	RUN echo done >/f; touch /m/done
	FROM base AS endless
	RUN touch /m/began; trap '' TERM INT; while :; do sleep 1; done
	FROM base AS bad
	RUN until [ -f /m/done ] && [ -f /m/began ]; do sleep 0.02; done; exit 41
	FROM base AS waits
	COPY --from=endless / /endless
	RUN touch /m/never
	FROM base
	COPY --from=quick /f /f
	COPY --from=bad / /bad
	COPY --from=waits / /waits
	X
	VARVE_LIMIT=30 build_fails --jobs 4 -v "$T/m:/m" -- "Dockerfile:6" "exited with status 41"
	same "$(grep -c ' ERROR after ' <<<"$output")" 1
	says_not "Dockerfile:4:" "Dockerfile:8:"
	[ ! -e "$T/m/never" ]
	same "$(leftovers)" ""
	# The step beside it is not lost.
	build -v "$T/m:/m" --target quick
	says CACHED
}
