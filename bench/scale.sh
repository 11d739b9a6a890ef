# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# How the time grows: one plot for each kind of size, as scale-KIND.svg beside RESULTS.md. Straight
# lines mean linear; the plots of layers and of the base are to be flat.

# The race of one size $2 of kind $1, whose medians become points of the plot.
point() {
	local name file
	local -a names=("${contenders[@]}")
	runs=$scale_runs race "scale-$1-$2"
	for name in "${names[@]}"; do
		file=$samples/scale-$1-$2.$name
		[ -e "$file" ] || continue
		sort -n "$file" | awk -v x="$2" -v name="$name" '{ t[NR] = $1 } END {
			print x, name, t[int((NR + 1) / 2)] / 1000 }' >>"$samples/scale-$1"
	done
}

# plot KIND TITLE X-AXIS
plot() {
	awk -v title="$2" -v xlabel="$3" -f "$bench/plot.awk" "$samples/scale-$1" \
		>"$results/scale-$1.svg"
	note "![$2](scale-$1.svg)"
}

varve_contends() {
	contender "$1" "${varve_build[@]}" "${@:2}"
}

buildah_contends() {
	[ -n "$buildah_why" ] || contender buildah "${buildah_build[@]}" --no-cache "$@"
}

scale_steps() {
	local n
	for n in 1 20 50 100 200 400; do
		mkdir -p "$work/s$n"
		steps "$n" >"$work/s$n/Dockerfile"
		"${varve_build[@]}" "$work/s$n" >"$work/log" 2>&1
		varve_contends varve --no-cache "$work/s$n"
		varve_contends cached "$work/s$n"
		[ "$n" -gt 20 ] || buildah_contends "$work/s$n"
		point steps "$n"
	done
	plot steps "RUN steps that each write a file" "steps"
}

scale_files() {
	local n size
	for size in 1000 5000 10000 20000 40000; do
		n=$(scaled $size)
		mkdir "$work/f"
		"$tools/generate" files "$work/f/d" "$n" 1024 mixed
		printf 'FROM busybox\nCOPY d /d\n' >"$work/f/Dockerfile"
		settle
		"${varve_build[@]}" "$work/f" >"$work/log" 2>&1
		varve_contends varve --no-cache "$work/f"
		varve_contends cached "$work/f"
		[ $size -gt 5000 ] || buildah_contends "$work/f"
		point files "$n"
		prune_all
		rm -rf "$work/f"
	done
	plot files "COPY of files of 1 KiB" "files"
}

scale_bytes() {
	local n size
	for size in 64 256 512 1024; do
		n=$(scaled $size)
		mkdir "$work/f"
		"$tools/generate" files "$work/f/d" $((n * 8)) 131072 mixed
		printf 'FROM busybox\nCOPY d /d\n' >"$work/f/Dockerfile"
		varve_contends varve --no-cache "$work/f"
		[ $size -gt 256 ] || buildah_contends "$work/f"
		point bytes "$n"
		prune_all
		rm -rf "$work/f"
	done
	plot bytes "COPY of files of 128 KiB" "MiB"
}

scale_layers() {
	local n
	for n in 1 50 100 200 400; do
		mkdir -p "$work/l$n"
		steps "$n" >"$work/l$n/Dockerfile"
		"$varve" build -q --network none -t "layers$n" "$work/l$n" >"$work/log" 2>&1
		steps 1 "layers$n" >"$work/l$n/Dockerfile"
		"${varve_build[@]}" "$work/l$n" >"$work/log" 2>&1
		varve_contends varve --no-cache "$work/l$n"
		varve_contends cached "$work/l$n"
		point layers "$n"
	done
	plot layers "One RUN step on a base of many layers" "layers of the base"
}

scale_base() {
	local n size
	for size in 1000 50000 100000 200000; do
		n=$(scaled $size)
		"$tools/generate" files "$work/base/t" "$n" 64 text
		varve_import "$work/base" "base$size" >/dev/null
		rm -rf "$work/base/t"
		mkdir -p "$work/b$size"
		steps 1 "base$size" >"$work/b$size/Dockerfile"
		"${varve_build[@]}" "$work/b$size" >"$work/log" 2>&1
		varve_contends varve --no-cache "$work/b$size"
		point base "$n"
	done
	plot base "One RUN step on a base of many files" "files of the base"
}

work_scale() {
	local scale_runs=3
	scale_steps
	scale_files
	scale_bytes
	scale_layers
	scale_base
}
