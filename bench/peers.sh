# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The builders that take part: varve, buildah, and docker with the BuildKit inside its daemon.
#
# Each peer P has P_build, the words that build an image "t" of a context; P_why, empty or why it
# cannot take part; prune_P, which removes what no name needs; and P_import TREE NAME, which makes an
# image of a directory.

varve_build=("$varve" build -q --network none -t t)
buildah_words=(buildah --root "$work/buildah" --runroot "$work/run" --storage-driver overlay)
buildah_build=() buildah_why='' buildah_what=''
docker_build=() docker_why='' docker_what='' docker_daemons='' docker_run='' docker_pid=''

varve_import() { "$varve" import "$1" "$2"; }
buildah_import() {
	local container
	container=$("${buildah_words[@]}" from scratch)
	"${buildah_words[@]}" copy -q "$container" "$1" /
	"${buildah_words[@]}" commit -q "$container" "$2"
	"${buildah_words[@]}" rm "$container"
}
docker_import() { tar -C "$1" -c . | "$docker" import - "$2"; }

prune_varve() { "$varve" prune --all; }
prune_buildah() { "${buildah_words[@]}" rmi --prune; }
prune_docker() {
	"$docker" image prune -f
	"$docker" builder prune -af
}

# A root file system of busybox, with all its applets.
base_tree() {
	local box applet
	box=$(command -v busybox)
	mkdir -p "$1"/{bin,etc,tmp,root}
	cp "$box" "$1/bin/busybox"
	for applet in $("$box" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
}

# FROM busybox, or $2, and $1 steps that each write a small file.
steps() {
	echo "FROM ${2:-busybox}"
	seq "$1" | sed 's|.*|RUN echo & >/file&|'
}

# The first way of running steps that works here, fastest first. Limits as they are now: a
# container may not raise them.
find_buildah() {
	local try
	if ! command -v buildah >/dev/null; then
		buildah_why='not installed'
		return 0
	fi
	buildah_import "$1" busybox >/dev/null
	for try in "--runtime crun" "--runtime runc" "--isolation chroot"; do
		# shellcheck disable=SC2206  # two words
		buildah_build=("${buildah_words[@]}" bud -q --layers --pull=never $try
			--ulimit "nofile=$(ulimit -Sn):$(ulimit -Hn)" -t t)
		[ "$try" = "--isolation chroot" ] || buildah_build+=(--network none)
		if "${buildah_build[@]}" "$work/try" >"$work/log" 2>&1; then
			buildah_what="$(buildah --version | cut -d' ' -f1-3), --layers $try"
			return 0
		fi
	done
	buildah_why="cannot run a step here: $(tail -n 1 "$work/log")"
}

# A client that can ask for BuildKit without further programs: that of docker 20, or one with buildx.
find_docker_client() {
	for docker in $(type -ap docker | sort -u); do
		if "$docker" build -q --network none -t t "$work/try" >"$work/log" 2>&1; then
			return 0
		fi
	done
	return 1
}

# The daemon of the distribution, without network, on a socket of its own in a directory whose name
# is short enough for sockets. It and its containerd are ended by stop_docker.
start_docker() {
	if ! command -v dockerd >/dev/null; then
		docker_why='dockerd is not installed'
		return 0
	fi
	docker=$(command -v docker)
	docker_run=$(TMPDIR=/tmp mktemp -d)
	export DOCKER_HOST=unix://$docker_run/socket DOCKER_BUILDKIT=1 DOCKER_CONFIG=$docker_run/client
	mkdir "$DOCKER_CONFIG"
	echo '{}' >"$DOCKER_CONFIG/config.json"
	echo '{}' >"$docker_run/daemon.json"
	# shellcheck disable=SC2086  # words, as in race.sh
	$prefix dockerd -H "$DOCKER_HOST" --config-file "$docker_run/daemon.json" \
		--data-root "$work/docker" --exec-root "$docker_run/exec" --pidfile "$docker_run/pid" --iptables=false \
		--ip-forward=false --bridge=none >"$work/dockerd.log" 2>&1 &
	docker_pid=$!
	# One connection attempt waits for nothing: the daemon makes its socket long before it answers.
	until "$docker" version >/dev/null 2>&1; do
		if ! kill -0 "$docker_pid" 2>/dev/null || [ "$SECONDS" -gt 120 ]; then
			docker_why="dockerd does not start here: $(tail -n 1 "$work/dockerd.log")"
			return 0
		fi
		read -r -t 0.1 <> <(:) || true
	done
	docker_import "$1" busybox >/dev/null
	if ! find_docker_client; then
		docker_why="docker cannot build here: $(tail -n 1 "$work/log")"
		return 0
	fi
	docker_daemons="-d $docker_pid -d $(pgrep -P "$docker_pid" -x containerd)"
	docker_build=("$docker" build -q --network none -t t)
	docker_what="$(dockerd --version | cut -d, -f1), its BuildKit, runc"
	# shellcheck disable=SC2034  # race.sh
	options[docker]=$docker_daemons
}

stop_docker() {
	[ -n "$docker_pid" ] || return 0
	kill "$docker_pid" 2>/dev/null || true
	wait "$docker_pid" 2>/dev/null || true
	rm -rf "$docker_run"
	docker_pid=
}

start_peers() {
	local wanted=" ${BENCH_PEERS-buildah docker} "
	mkdir -p "$work/try"
	steps 1 >"$work/try/Dockerfile"
	varve_import "$1" busybox >/dev/null
	buildah_why='not asked for' docker_why='not asked for'
	[[ $wanted != *" buildah "* ]] || { buildah_why='' && find_buildah "$1"; }
	[[ $wanted != *" docker "* ]] || { docker_why='' && start_docker "$1"; }
	peers=(varve)
	[ -n "$buildah_why" ] || peers+=(buildah)
	[ -n "$docker_why" ] || peers+=(docker)
}

describe_peers() {
	echo "- buildah: ${buildah_why:-$buildah_what}"
	echo "- docker: ${docker_why:-$docker_what}"
	echo
}

# Makes the same image of a directory for every builder.
import_all() {
	local peer
	for peer in "${peers[@]}"; do
		"${peer}_import" "$1" "$2" >/dev/null
	done
}

# Every builder takes part, with these further words.
builders() {
	local peer
	for peer in "${peers[@]}"; do
		local -n words=${peer}_build
		contender "$peer" "${words[@]}" "$@"
	done
}

# The same once, not timed: fills the caches.
build_all() {
	local peer
	for peer in "${peers[@]}"; do
		local -n words=${peer}_build
		"${words[@]}" "$@" >"$work/log" 2>&1
	done
}

# What a run leaves behind is removed after it, so that no builder has to work in the others' rubbish.
prune_all() {
	local peer
	for peer in "${peers[@]}"; do
		"prune_$peer" >"$work/log" 2>&1
	done
}

prune_after() {
	local peer
	for peer in "${peers[@]}"; do
		after "$peer" "prune_$peer"
	done
}
