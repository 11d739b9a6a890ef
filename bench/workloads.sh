# shellcheck shell=bash disable=SC2016
# SPDX-License-Identifier: Apache-2.0
# One function for each workload: makes its input, lets the contenders race, and says by which row of
# the table the result is judged. Budgets are those of the design, section 9.

# --- steps ------------------------------------------------------------------------------------
# RUN steps that each write one small file; the floor is that of as many steps (see floor.c).
steps_race() {
	local name=$1 count=$2
	mkdir -p "$work/$name"
	steps "$count" >"$work/$name/Dockerfile"
	builders --no-cache "$work/$name"
	contender floor! sh -c '"$@" | awk "\$1 == \"floor_us\" { print \"wall_us\", \$2 }"' sh \
		"$tools/floor" "$work/base" "$count"
	race "$name"
	row "$name" "$count RUN steps, each writes a file; a step" wall "$name.varve" "$count" \
		"2 × floor: overlay, namespaces, pivot_root, exec, wait" 2 "$name.floor" 1 "$name"
}

work_run() {
	steps_race run 20
}

work_deep() {
	steps_race deep 100
}

# A cached build of 20 steps; the floor is the start of a process.
work_warm() {
	mkdir -p "$work/warm"
	steps 20 >"$work/warm/Dockerfile"
	build_all "$work/warm"
	builders "$work/warm"
	contender floor "$work/base/bin/busybox" true
	race warm
	row warm "20 RUN steps, all cached" wall warm.varve 1 "5 ms" 5 - 1 warm
}

# The peaks of the two above.
work_memory() {
	local name
	for name in run warm; do
		[ -e "$samples/$name.varve" ] || "work_$name"
		row memory "largest process of \`$name\`" peak "$name.varve" 1 "12 MiB" 12 - 1 "$name"
	done
}

# --- a context of many small files ------------------------------------------------------------
# Of files that changed within the last three seconds no digest is remembered, since they could change
# once more without their times showing it. Files of a real context were there before its builds.
settle() {
	sleep 4
}

files_context() {
	[ ! -e "$work/files" ] || return 0
	mkdir "$work/files"
	"$tools/generate" files "$work/files/d" "$(scaled 20000)" 4096 mixed
	printf 'FROM busybox\nCOPY d /d\n' >"$work/files/Dockerfile"
	settle
}

work_context() {
	files_context
	build_all "$work/files"
	builders "$work/files"
	contender walk "$tools/walk" "$work/files/d"
	contender walk2 "$tools/walk" "$work/files/d" 2
	race context
	row context "COPY of $(scaled 20000) files of 4 KiB, all cached" wall context.varve 1 \
		"1.5 × statx of each file" 1.5 context.walk 1 context
	row context "the same" wall context.varve 1 "1.5 × statx, two threads" 1.5 context.walk2 1 -
}

# One byte of one file changes before each run.
touch_file() {
	echo "$EPOCHREALTIME" >"$work/files/d/dir7/file703"
}

work_touch() {
	local peer
	files_context
	build_all "$work/files"
	builders "$work/files"
	contender tar-sha256 sh -c 'tar -C "$1" -cf - . | openssl dgst -sha256' sh "$work/files/d"
	for peer in "${peers[@]}"; do
		before "$peer" touch_file
	done
	race touch
	row touch "COPY of $(scaled 20000) files, one changed" wall touch.varve 1 \
		"2.5 × tar into sha256" 2.5 touch.tar-sha256 1 touch
	prune_all
}

# --- many bytes -------------------------------------------------------------------------------
gigabyte_context() {
	[ ! -e "$work/gigabyte" ] || return 0
	mkdir "$work/gigabyte"
	"$tools/generate" files "$work/gigabyte/d" "$(scaled 10000)" 107374 mixed
	printf 'FROM busybox\nCOPY d /d\n' >"$work/gigabyte/Dockerfile"
}

work_copy() {
	gigabyte_context
	builders --no-cache "$work/gigabyte"
	prune_after
	contender cp cp -a "$work/gigabyte/d" "$work/tmp/copy"
	after cp rm -rf "$work/tmp/copy"
	contender tar-sha256 sh -c 'tar -C "$1" -cf - . | openssl dgst -sha256' sh "$work/gigabyte/d"
	contender zstd sh -c 'tar -C "$1" -cf - . | zstd -q -1 -T0 >"$2"' sh \
		"$work/gigabyte/d" "$work/tmp/z"
	after zstd rm -f "$work/tmp/z"
	race copy
	row copy "COPY of $(scaled 10000) files, $(scaled 1024) MiB" wall copy.varve 1 \
		"1.5 × tar into zstd -1 on all cores" 1.5 copy.zstd 1 copy
}

# The same into an OCI archive. docker 20 writes no OCI archive: its own, not compressed.
work_export() {
	local kind out=$work/tmp/out pack=igzip
	gigabyte_context
	command -v igzip >/dev/null || pack="gzip -1"
	for kind in zstd gzip; do
		contender varve "${varve_build[@]}" --no-cache --compression "$kind" \
			-o "type=oci,dest=$out.varve" "$work/gigabyte"
		if [ -z "$buildah_why" ]; then
			contender buildah sh -c "$(printf '%q ' "${buildah_build[@]}") --no-cache \$1 &&
				$(printf '%q ' "${buildah_words[@]}") push -q --compression-format $kind \
				t oci-archive:\$2" sh "$work/gigabyte" "$out.buildah"
		fi
		if [ -z "$docker_why" ] && [ $kind = gzip ]; then
			contender docker sh -c "$(printf '%q ' "${docker_build[@]}") --no-cache \$1 &&
				$docker save -o \$2 t" sh "$work/gigabyte" "$out.docker"
		fi
		export_floor $kind "$pack" "$out"
		prune_after
		race "export-$kind"
		rm -f "$out".*
	done
	note "export: docker 20 cannot write an OCI archive; its column is its own, not compressed."
	note "export: the floor for gzip is $pack, one thread, beside tar."
	row export "COPY of $(scaled 1024) MiB, OCI archive of zstd" wall export-zstd.varve 1 \
		"1.2 × tar into zstd -1" 1.2 export-zstd.floor 1 export-zstd
	row export "COPY of $(scaled 1024) MiB, OCI archive of gzip" wall export-gzip.varve 1 \
		"1.2 × tar into $pack" 1.2 export-gzip.floor 1 export-gzip
}

export_floor() {
	local filter="$2 -c"
	[ "$1" = gzip ] || filter='zstd -q -1 -c'
	contender floor sh -c "tar -C \$1 -cf - . | $filter >\$2" sh "$work/gigabyte/d" "$3.floor"
}

# --- a large base -----------------------------------------------------------------------------
# One step on an image of 200 000 files, and the same step on one that has only the file it changes.
work_tree() {
	local peer count base
	count=$(scaled 200000)
	"$tools/generate" files "$work/base/t" "$count" 64 text
	import_all "$work/base" large
	mkdir "$work/few"
	mv "$work/base/t/dir0" "$work/few/dir0"
	rm -rf "$work/base/t"
	mkdir "$work/base/t"
	mv "$work/few/dir0" "$work/base/t/dir0"
	import_all "$work/base" small
	rm -rf "$work/base/t"
	for base in large small; do
		mkdir -p "$work/tree-$base"
		printf 'FROM %s\nRUN echo more >>/t/dir0/file7\n' $base >"$work/tree-$base/Dockerfile"
		build_all "$work/tree-$base"
	done
	builders --no-cache "$work/tree-large"
	contender varve-small "${varve_build[@]}" --no-cache "$work/tree-small"
	race tree
	row tree "a base of $count files, one RUN changes one" wall tree.varve 1 \
		"1.1 × the same on a base of 100" 1.1 tree.varve-small 1 tree
}

# --- stages -----------------------------------------------------------------------------------
work_stages() {
	local i
	mkdir -p "$work/stages"
	{
		for i in 1 2 3 4; do
			printf 'FROM busybox AS s%s\nRUN sleep 2 && echo %s >/out\n' "$i" "$i"
		done
		echo FROM busybox
		for i in 1 2 3 4; do
			echo "COPY --from=s$i /out /out$i"
		done
	} >"$work/stages/Dockerfile"
	builders --no-cache "$work/stages"
	contender sleep sleep 2
	race stages
	row stages "four stages of 2 s, joined" wall stages.varve 1 "2.1 s" 2100 - 1 stages
}

# --- reading an image -------------------------------------------------------------------------
# Five layers, gzip, about 350 MB; it is read into an empty store, and its trees unpacked. The floor
# inflates, hashes and unpacks the five layers two at a time, one kind of work after the other.
work_load() {
	local i archive=$work/load.tar
	mkdir "$work/load"
	for i in 1 2 3 4 5; do
		"$tools/generate" files "$work/load/d$i" "$(scaled 4000)" $((32768 + i)) mixed
	done
	{
		echo FROM busybox
		printf 'COPY d%s /d%s\n' 1 1 2 2 3 3 4 4 5 5
	} >"$work/load/Dockerfile"
	"$varve" build -q --compression gzip -t loaded -o "type=oci,dest=$archive" \
		"$work/load" >/dev/null
	load_floor "$work/load" "$archive"
	contender varve sh -c '"$1" --root "$2" load -q -i "$3" &&
		"$1" --root "$2" run --rm --network none loaded true' sh "$varve" "$work/empty" "$archive"
	before varve rm -rf "$work/empty"
	if [ -z "$buildah_why" ]; then
		contender buildah buildah --root "$work/empty" --runroot "$work/empty.run" \
			--storage-driver overlay pull -q "oci-archive:$archive"
		before buildah sh -c 'umount "$1/overlay" 2>/dev/null; rm -rf "$1"' sh "$work/empty"
	fi
	if [ -z "$docker_why" ]; then
		"$varve" save --format docker -o "$work/load.docker" loaded
		contender docker "$docker" load -q -i "$work/load.docker"
		before docker sh -c '"$1" rmi -f loaded; true' sh "$docker"
	fi
	race load
	note "load: docker reads a docker archive, whose layers are not compressed."
	row load "5 layers read and unpacked, $(($(stat -c %s "$archive") >> 20)) MiB of gzip" \
		wall load.varve 1 "1.5 × (inflate + sha256 + untar, two at a time)" 1.5 load.floor 1 load
	umount "$work/empty/overlay" 2>/dev/null || true
	rm -rf "$work/load" "$work/empty" "$archive" "$work/load.docker"
}

load_floor() {
	local i inflate=igzip
	command -v igzip >/dev/null || inflate=gzip
	for i in 1 2 3 4 5; do
		tar -C "$1" -cf - "d$i" | $inflate -c >"$1/$i.gz"
	done
	# shellcheck disable=SC2016
	contender floor sh -c 'cd "$1" && seq 5 | xargs -P 2 -I{} sh -c "$2 -d -c {}.gz >{}.tar" &&
		seq 5 | xargs -P 2 -I{} openssl dgst -sha256 {}.tar &&
		seq 5 | xargs -P 2 -I{} sh -c "mkdir x{} && tar -C x{} -xf {}.tar"' sh "$1" $inflate
	before floor sh -c 'cd "$1" && rm -rf x1 x2 x3 x4 x5' sh "$1"
}

# --- a layer of very many files ---------------------------------------------------------------
# Built, saved, loaded into an empty store and unpacked there; before it a tenth of it, since the time
# is to grow as the files do.
work_huge() {
	local count size name part
	count=$(scaled 1000000)
	for name in huge-1 huge-10; do
		size=$((count * ${name#huge-} / 10))
		mkdir -p "$work/$name"
		cat >"$work/$name/Dockerfile" <<-X
		FROM busybox
		RUN for d in \$(seq $((size / 1000))); do mkdir -p /t/\$d; cd /t/\$d; \\
			for f in \$(seq 1000); do echo \$f >\$f; done; done
		X
		contender build "$varve" build -q --network none -t $name --no-cache "$work/$name"
		contender save "$varve" save -o "$work/tmp/huge.tar" $name
		contender load "$varve" --root "$work/empty" load -q -i "$work/tmp/huge.tar"
		contender unpack "$varve" --root "$work/empty" run --rm --network none $name true
		before load rm -rf "$work/empty"
		runs=1 race $name
		rm -rf "$work/tmp/huge.tar" "$work/empty"
	done
	for part in build save load unpack; do
		row huge "$count files in a layer: $part" peak huge-10.$part 1 "64 MiB a process" 64 - 1 -
		row huge "the same, a tenth of its time" wall huge-10.$part 10 \
			"1.2 × that of a tenth of the files" 1.2 huge-1.$part 1 -
	done
	prune_all
}
