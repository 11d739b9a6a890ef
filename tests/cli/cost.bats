#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a build costs, counted rather than timed: processes, mounts, and bytes of the context.
load helpers

# Looking for leaks at the end of a sanitized program takes a process, which is not one of the build's.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# Every kind of step: programs, copies from the context and from stages, directories, mounts.
all_steps() {
	base
	mkdir -p "$CTX/d/deep"
	for i in 1 2 3 4 5; do echo "content $i" >"$CTX/d/f$i"; done
	echo deep >"$CTX/d/deep/f6"
	echo '*.o' >"$CTX/.dockerignore"
	cat <<-'X' | dockerfile
	FROM base AS one
	RUN echo a >/a
	COPY d /d
	WORKDIR /w
	RUN <<Y
	cat /a >/b
	Y
	FROM base
	COPY --from=one /b /b
	COPY <<Z /z
	z
	Z
	RUN --mount=type=bind,from=one,target=/m --mount=type=bind,source=d,target=/from --mount=type=cache,target=/c --mount=type=tmpfs,target=/t \
		cat /m/b >/c/b && cat /c/b >/c2
	X
}

# Waits until the files of the context are old enough to be remembered, by the clock that the file
# system stamps them with, and builds once more so that they are.
settle() {
	until touch "$T/clock" && [ $(($(stat -c %Z "$T/clock") - $(stat -c %Z "$CTX/d/f5"))) -ge 5 ]; do
		read -rt 0.2 <> <(:) || :
	done
	build
}

# The system calls of a build that match a regular expression, one file for each process.
traced() {	# regular expression, options of the build
	local calls=$1
	shift
	rm -rf "$T/trace" && mkdir "$T/trace"
	run -0 timeout -k 5 60 strace -ff -y -qq -e signal=none -e "trace=/^($calls)\$" \
		-o "$T/trace/pid" "$PROGRAM" build --progress=plain -t t "$@" "$CTX"
}

making='v?fork|clone3?'
mounting='mount|umount2?|move_mount|fsopen|fsmount|fspick|open_tree|mount_setattr|pivot_root|chroot|unshare|setns'

# How many processes, or threads, the kernel made for a build: the number of the one that asks, less
# the shell, the build and itself.
processes() {
	# shellcheck disable=SC2016
	unshare --pid --fork --mount-proc sh -c '"$@" >/dev/null 2>&1 || exit
		echo $(($(cat /proc/sys/kernel/ns_last_pid) - 3))' \
		sh "$PROGRAM" build -t t "$@" "$CTX"
}

@test "a cached build makes no process and mounts nothing" {
	need strace
	all_steps
	settle
	before=$(cat /proc/self/mountinfo)
	traced "execve|$making|$mounting"
	same "$(grep -c CACHED <<<"$output")" 7
	same "$(cat "$T"/trace/* | cut -d'(' -f1)" execve
	same "$(cat /proc/self/mountinfo)" "$before"
	# The same count sees what a build does that is not cached.
	traced "execve|$making|$mounting" --no-cache
	[ "$(cat "$T"/trace/* | grep -cE "^($making)\(")" -ge 8 ]
	[ "$(cat "$T"/trace/* | grep -cE '^(mount|move_mount|fsmount)\(')" -ge 8 ]
	[ "$(cat "$T"/trace/* | grep -c ^execve)" -ge 4 ]
}

@test "by the kernel's own count a cached build makes no process" {
	need_root
	need unshare
	[ -r /proc/sys/kernel/ns_last_pid ] || skip "this kernel does not tell how many processes there were"
	all_steps
	settle
	same "$(processes)" 0
	[ "$(processes --no-cache)" -ge 8 ]
}

# How many bytes a build reads from each file of the context, as "BYTES PATH"; files that it opens to
# read them are there with 0.
# shellcheck disable=SC2120 # one call gives options
bytes_read() {
	traced 'openat2?|p?readv?2?|pread64|readv|preadv2?|mmap|copy_file_range|sendfile|splice|io_uring_setup' "$@"
	cat "$T"/trace/* | context="$CTX/" perl -ne '
		die "what is read through a ring is not counted: $_" if /^io_uring/;
		next if / = -1 /;
		if (/^openat2?\(.* = \d+<(.*)>$/) {
			next if /O_PATH|O_DIRECTORY/;
			$read{$1} += 0;
		} elsif (/^mmap\([^,]*, (\d+), .*, \d+<(.*?)>, /) {
			$read{$2} += $1;
		} elsif (/^\w+\(\d+<(.*?)>.* = (\d+)$/) {
			$read{$1} += $2;
		}
		END { for (sort keys %read) { print "$read{$_} $1\n" if /^\Q$ENV{context}\E(.*)/ } }'
}

@test "an unchanged context: metadata only, no byte of a file is read, whatever reads it" {
	need strace perl
	all_steps
	own="$(stat -c %s "$CTX/.dockerignore") .dockerignore
$(stat -c %s "$CTX/Dockerfile") Dockerfile"
	settle
	same "$(bytes_read)" "$own"
	# One file has other content in the same number of bytes: a plan, which finds out what would have
	# to run, reads that one and no other.
	echo "Content 3" >"$CTX/d/f3"
	run bytes_read --plan
	same "$(grep -v Dockerfile <<<"$output" | sed 's/^[0-9]* //')" ".dockerignore
d/f3"
	# Nothing is remembered: all are.
	rm -rf "$VARVE_ROOT"/memos/*
	run bytes_read --plan
	same "$(grep -c '^[1-9][0-9]* d/' <<<"$output")" 6
}

@test "packing gives way to the programs of steps" {
	need strace
	base
	dockerfile <<-'X'
	FROM base
	RUN cut -d' ' -f19 /proc/self/stat >/own
	RUN echo >/second
	X
	traced setpriority --no-cache
	same "$(cut -d')' -f1 "$T"/trace/* | sort -u)" \
		"setpriority(PRIO_PROCESS, 0, $(($(nice) + 5))"
	flatten t "$T/root"
	same "$(cat "$T/root/own")" "$(nice)"
}

# How many megabytes a build asks the kernel to begin writing to the disk.
begun() {
	traced sync_file_range "$@"
	cat "$T"/trace/* | awk -F', ' '/SYNC_FILE_RANGE_WRITE/ { sum += $3 } END { print sum / 1048576 }'
}

@test "a large layer and its archive begin to reach the disk before they are synced" {
	need strace
	mkdir "$CTX/d"
	head -c 20000000 /dev/urandom >"$CTX/d/f"
	printf 'FROM scratch\nCOPY d /d\n' | dockerfile
	same "$(begun --no-cache)" 16
	same "$(begun --no-cache -o "type=oci,dest=$T/out.tar")" 32
	same "$(begun --no-cache --durability=fast)" 0
	rm -r "$CTX/d" && mkdir "$CTX/d" && echo small >"$CTX/d/f"
	same "$(begun --no-cache -o "type=oci,dest=$T/out.tar")" 0
}
