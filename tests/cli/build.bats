#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What each instruction does to the config and to the tree; stages, arguments, words, outputs.

load helpers

@test "from scratch: one file, one layer, default config" {
	echo hello >"$CTX/a"
	dockerfile <<-'X'
	FROM scratch
	COPY a /a
	X
	build
	same "$(layer_digests t | wc -l)" 1
	same "$(layer_names t 1)" a
	flatten t "$T/root"
	same "$(cat "$T/root/a")" hello
	same "$(config t .config.Env)" \
		'["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]'
	same "$(config t .config.WorkingDir)" /
	same "$(config t .os)" linux
	same "$(config t '.rootfs.diff_ids | length')" 1
	same "$(layer_tar "$(layer_digests t)" | sha256sum | cut -d' ' -f1)" \
		"$(config t '.rootfs.diff_ids[0]' | cut -d: -f2)"
}

@test "a Dockerfile with no file step gives an image without layers of its own" {
	base
	dockerfile <<-'X'
	FROM base
	LABEL a=b
	X
	build
	same "$(layer_digests t | wc -l)" 1
	same "$(layer_digests t)" "$(layer_digests base)"
	same "$(config t .config.Labels.a)" b
	same "$(config t '.history[-1].empty_layer')" true
}

@test "RUN in shell and exec form, with SHELL, and a step that changes nothing" {
	base
	dockerfile <<-'X'
	FROM base
	RUN echo "a $(echo b)" >/shell
	RUN ["/bin/sh", "-c", "echo \"$0\" >/exec", "zero"]
	RUN ["touch", "/by path"]
	RUN true
	SHELL ["/bin/sh", "-ec"]
	RUN false || true; echo ok >/errexit
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/shell")" "a b"
	same "$(cat "$T/root/exec")" zero
	[ -f "$T/root/by path" ]
	same "$(cat "$T/root/errexit")" ok
	same "$(layer_digests t | wc -l)" 5
	same "$(config t .config.Shell)" '["/bin/sh","-ec"]'
	same "$(config t '[.history[] | select(.empty_layer)] | length')" 2
}

@test "RUN sees env, args, cwd, user, an empty stdin, and nothing of the caller" {
	base
	dockerfile <<-'X'
	FROM base
	ENV E=env
	ARG A=arg
	WORKDIR /w
	RUN env | sort >/env; pwd >/cwd; id -u >/uid; cat >/stdin; umask >/umask; ls /proc/self/fd >/fds
	USER user
	RUN id -u; id -g; id -G; echo "HOME=$HOME"
	X
	CALLER_SECRET=x build --no-cache </dev/zero
	says "1000 2000" "HOME=/home/user"
	flatten t "$T/root"
	grep -qx E=env "$T/root/env"
	grep -qx A=arg "$T/root/env"
	! grep -q CALLER_SECRET "$T/root/env" || false
	same "$(cat "$T/root/cwd")" /w
	same "$(cat "$T/root/uid")" 0
	same "$(stat -c %s "$T/root/stdin")" 0
	same "$(cat "$T/root/umask")" 0022
	# 0, 1, 2 and the directory that ls itself reads
	same "$(wc -l <"$T/root/fds")" 4
	same "$(config t '.config.Env | map(select(startswith("A=")))')" '[]'
}

@test "mounts of a step leave nothing in the layer" {
	dockerfile <<-'X'
	FROM scratch
	COPY bin /bin
	RUN ["/bin/busybox", "touch", "/x"]
	X
	mkdir "$CTX/bin" && cp "$(command -v busybox)" "$CTX/bin/busybox"
	build
	same "$(layer_names t 2)" x
	flatten t "$T/root"
	same "$(ls -A "$T/root" | tr '\n' ' ')" "bin x "
}

@test "deletions, replacements, and attribute changes of RUN reach the layer" {
	base
	dockerfile <<-'X'
	FROM base
	RUN mkdir -p /d/e && echo 1 >/d/one && echo 2 >/d/two && echo k >/d/e/k && ln -s one /d/link
	RUN rm /d/one && rm -r /d/e && mkdir /d/e && echo n >/d/e/n && rm /d/link && mkdir /d/link
	RUN chmod 600 /d/two && chown 5:6 /d/two && ln /d/two /d/hard
	X
	build
	flatten t "$T/root"
	same "$(cd "$T/root" && find d | sort | tr '\n' ' ')" "d d/e d/e/n d/hard d/link d/two "
	[ -d "$T/root/d/link" ]
	same "$(meta "$T/root/d/two")" "600 5:6"
	same "$(stat -c %h "$T/root/d/two")" 2
	layer_names t 3 | grep -qx d/.wh.one
}

@test "ENV: order kept, replaced in place, old values inside one instruction" {
	base
	dockerfile <<-'X'
	FROM base
	ENV abc=hello
	ENV abc=bye def=$abc
	ENV ghi=$abc
	ENV old style with   spaces
	ENV quoted="a b" single='$abc' esc=\$abc
	ENV d1=${none:-dflt} d2=${abc:+alt} d3=${none-} d4=${abc#b} d5=${abc%e} d6=${abc/y/Y}
	X
	build
	same "$(config t '.config.Env[]' | grep -v ^PATH)" "abc=bye
def=hello
ghi=bye
old=style with   spaces
quoted=a b
single=\$abc
esc=\$abc
d1=dflt
d2=alt
d3=
d4=ye
d5=by
d6=bYe"
}

@test "LABEL, EXPOSE, STOPSIGNAL, USER, MAINTAINER, HEALTHCHECK in the config" {
	base
	dockerfile <<-'X'
	FROM base
	ARG ports="80 443/UDP"
	LABEL one=1 "two words"="a\
	b" three=${ports}
	LABEL one=uno
	EXPOSE $ports 7000-7002
	STOPSIGNAL SIGUSR1
	USER user:extra
	MAINTAINER somebody <a@b>
	HEALTHCHECK --interval=90s --timeout=1m30s --retries=4 CMD test -e /x
	X
	build
	same "$(config t .config.Labels.one)" uno
	same "$(config t '.config.Labels["two words"]')" ab
	same "$(config t .config.Labels.three)" "80 443/UDP"
	same "$(config t '.config.ExposedPorts | keys')" \
		'["443/udp","7000/tcp","7001/tcp","7002/tcp","80/tcp"]'
	same "$(config t .config.StopSignal)" SIGUSR1
	same "$(config t .config.User)" user:extra
	same "$(config t .author)" "somebody <a@b>"
	same "$(config t .config.Healthcheck)" \
		'{"Test":["CMD-SHELL","test -e /x"],"Interval":90000000000,"Timeout":90000000000,"Retries":4}'
}

@test "CMD and ENTRYPOINT: forms, clearing, and what the other one keeps" {
	base
	dockerfile <<-'X'
	FROM base AS one
	CMD ["a", "b"]
	FROM one AS inherited-is-cleared
	ENTRYPOINT ["/e"]
	FROM base AS own-is-kept
	CMD c d
	ENTRYPOINT e f
	FROM one AS emptied
	CMD []
	X
	build --target one
	same "$(config t '.config | [.Cmd, .Entrypoint]')" '[["a","b"],null]'
	build --target inherited-is-cleared
	same "$(config t '.config | [.Cmd, .Entrypoint]')" '[null,["/e"]]'
	build --target own-is-kept
	same "$(config t '.config | [.Cmd, .Entrypoint]')" \
		'[["/bin/sh","-c","c d"],["/bin/sh","-c","e f"]]'
	build --target emptied
	same "$(config t '.config.Cmd // [] | length')" 0
}

@test "WORKDIR: joined, cleaned, created for the user; an existing one makes no layer" {
	base
	dockerfile <<-'X'
	FROM base
	ENV sub=s
	WORKDIR /a/
	WORKDIR b/../${sub}
	RUN pwd >/where
	USER user
	WORKDIR /mine/deep
	WORKDIR /tmp
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/where")" /a/s
	same "$(config t .config.WorkingDir)" /tmp
	same "$(meta "$T/root/a/s")" "755 0:0"
	same "$(meta "$T/root/mine/deep")" "755 1000:1000"
	same "$(layer_digests t | wc -l)" 5
}

@test "USER: numeric unknown has group 0, an explicit group is the only one, unknown name fails" {
	base
	dockerfile <<-'X'
	FROM base
	USER 1234
	RUN echo "A $(id -u) $(id -G)"
	USER 1000
	RUN echo "B $(id -u) $(id -G)"
	USER user:extra
	RUN echo "C $(id -u) $(id -G)"
	X
	build
	says "A 1234 0" "B 1000 1000 2000" "C 1000 2000"
	dockerfile <<-'X'
	FROM base
	USER nobody-here
	RUN true
	X
	build_fails -- nobody-here "Dockerfile:3"
}

@test "ARG: scopes, defaults, overrides, and platform arguments" {
	base
	dockerfile <<-'X'
	ARG BASE=nothing
	ARG GLOBAL=g
	FROM ${BASE} AS first
	RUN echo "outside:$GLOBAL"
	ARG GLOBAL
	ARG OWN=own
	ARG NONE
	ARG a=1 b=${a}2
	ARG TARGETARCH
	RUN echo "inside:$GLOBAL:$OWN:${NONE-unset}:$b:$TARGETARCH"
	FROM first
	RUN echo "second:$OWN"
	X
	FROM_CALLER=x build --build-arg BASE=base --build-arg OWN=mine --no-cache
	says "outside:" "inside:g:mine:unset:12:$(config base .architecture)" "second:mine"
	says_not "outside:g"
	NONE=caller build --build-arg BASE=base --build-arg NONE --no-cache
	says "inside:g:own:caller:12"
	build --build-arg BASE=base --build-arg ONW=typo
	says ONW
}

@test "ARG and ENV of one name: the last one wins for the step, the image keeps ENV" {
	base
	dockerfile <<-'X'
	FROM base
	ARG V=arg
	ENV V=env
	RUN echo "first:$V"
	ARG V=again
	RUN echo "second:$V"
	X
	build
	says first:env second:again
	same "$(config t '.config.Env | map(select(startswith("V=")))')" '["V=env"]'
}

@test "stages: only what the target needs; by name, by number; FROM and COPY --from" {
	base
	dockerfile <<-'X'
	FROM base AS Build
	RUN echo made >/made && chown 7:8 /made
	FROM base AS unneeded
	RUN echo MUST-NOT-RUN; exit 1
	FROM build AS derived
	RUN test "$(cat /made)" = made && echo more >>/made
	FROM scratch AS out
	COPY --from=build /made /from-name
	COPY --from=2 /made /from-number
	COPY --from=base /etc/passwd /from-image
	X
	build
	says_not MUST-NOT-RUN
	flatten t "$T/root"
	same "$(cat "$T/root/from-name")" made
	same "$(cat "$T/root/from-number")" "made
more"
	same "$(meta "$T/root/from-name")" "644 7:8"
	cmp "$T/root/from-image" "$BATS_FILE_TMPDIR/base/etc/passwd"
	same "$(layer_digests t | wc -l)" 3
	build --target BUILD
	same "$(layer_digests t | wc -l)" 2
	build --target 2
	same "$(layer_digests t | wc -l)" 3
	build_fails --target nowhere -- nowhere
	build_fails --target unneeded -- "Dockerfile:4" MUST-NOT-RUN
}

@test "stages: config is inherited, ARGs of the parent stage too, independent stages both run" {
	base
	dockerfile <<-'X'
	FROM base AS a
	ENV A=1
	WORKDIR /w
	USER user
	RUN sleep 0.2; id -u >/tmp/a
	FROM base AS b
	RUN sleep 0.2; echo b >/tmp/b
	FROM a
	USER root
	COPY --from=b /tmp/b .
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/w/b")" b
	same "$(cat "$T/root/tmp/a")" 1000
	same "$(config t '.config | [.WorkingDir, .User]')" '["/w","root"]'
	config t '.config.Env[]' | grep -qx A=1
}

@test "heredocs: RUN body, RUN with a command, script with #!, COPY files" {
	base
	dockerfile <<-'X'
	FROM base
	ARG who=world
	RUN <<EOF
	echo "one $who" >/one
	echo two >/two
	EOF
	RUN cat <<A >/cat && cat <<'B' >>/cat
	a $who
	A
	b $who
	B
	RUN <<EOF
	#!/bin/awk -f
	BEGIN { print "awk ran" > "/awk" }
	EOF
	COPY <<one.txt <<'two.txt' /dir/
	expanded $who
	one.txt
	literal $who
	two.txt
	COPY --chmod=755 --chown=3:4 <<EOF /script
	#!/bin/sh
	EOF
	X
	build
	flatten t "$T/root"
	same "$(cat "$T/root/one" "$T/root/two")" "one world
two"
	same "$(cat "$T/root/cat")" 'a world
b $who'
	same "$(cat "$T/root/awk")" "awk ran"
	same "$(cat "$T/root/dir/one.txt")" "expanded world"
	same "$(cat "$T/root/dir/two.txt")" 'literal $who'
	same "$(meta "$T/root/dir/one.txt")" "644 0:0"
	same "$(meta "$T/root/script")" "755 3:4"
	same "$(ls "$T/root/run" 2>/dev/null)" ""
}

@test "ONBUILD: stored, run in the child in order, then cleared" {
	base
	dockerfile <<-'X'
	FROM base
	ONBUILD COPY f /f
	ONBUILD RUN cat /f /f >/ff
	ONBUILD ENV TRIGGERED=yes
	X
	build -t parent
	same "$(config parent .config.OnBuild)" \
		'["COPY f /f","RUN cat /f /f >/ff","ENV TRIGGERED=yes"]'
	echo x >"$CTX/f"
	dockerfile <<-'X'
	FROM parent
	RUN test "$(wc -l </ff)" = 2
	X
	build
	same "$(config t '.config.OnBuild // [] | length')" 0
	config t '.config.Env[]' | grep -qx TRIGGERED=yes
	rm "$CTX/f"
	build_fails -- /f
}

@test "escape directive, continuations with comments and blanks, CRLF" {
	base
	printf '# escape=`\r\nFROM base\r\nRUN echo a `\r\n# comment\r\n  b >/ab\r\nENV w=c:\\dir\r\n' |
		dockerfile
	build
	flatten t "$T/root"
	same "$(cat "$T/root/ab")" "a b"
	config t '.config.Env[]' | grep -qxF 'w=c:\dir'
}

@test "FROM an OCI layout directory and an archive by path" {
	base
	echo x >"$CTX/x"
	varve save -o "$T/base.tar" base
	mkdir "$T/layout" && tar -C "$T/layout" -xf "$T/base.tar"
	for from in "$T/layout" "$T/base.tar" "$T/layout:base:latest"; do
		printf 'FROM %s\nCOPY x /x\nRUN test -e /x\n' "$from" | dockerfile
		VARVE_ROOT=$T/other varve build -t t "$CTX"
	done
}

@test "--label, --iidfile, --metadata-file, several tags" {
	base
	dockerfile <<-'X'
	FROM base
	LABEL a=file b=file
	X
	build -t second:v1 --label a=cli --iidfile "$T/iid" --metadata-file "$T/meta.json"
	same "$(config t '.config.Labels')" '{"a":"cli","b":"file"}'
	same "$(cat "$T/iid")" "$(image_id t)"
	same "$(jq -r '."containerimage.digest"' "$T/meta.json")" "$(manifest t)"
	same "$(jq -r '."containerimage.config.digest"' "$T/meta.json")" "$(image_id t)"
	same "$(manifest second:v1)" "$(manifest t)"
}

@test "-f: a file outside the context, standard input; its own ignore file" {
	base
	echo x >"$CTX/x"
	printf 'FROM base\nCOPY . /c/\n' >"$CTX/Other"
	echo x >"$CTX/Other.dockerignore"
	build -f "$CTX/Other"
	! layer_names t 2 | grep -qx c/x || false
	run varve build -t t -f - "$CTX" <"$CTX/Other"
	same "$status" 0
	layer_names t 2 | grep -qx c/x
	cp "$CTX/Other" "$T/Elsewhere"
	build -f "$T/Elsewhere"
	layer_names t 2 | grep -qx c/x
}

@test "--plan and --check start nothing and write nothing" {
	base
	dockerfile <<-'X'
	FROM base AS one
	RUN echo ran >/x
	FROM base AS two
	FROM one
	RUN echo $undefined_thing
	X
	before=$(cd "$VARVE_ROOT" && find . -type f | sort)
	run -0 varve build --plan "$CTX"
	says "echo ran >/x" one "two: not needed"
	run varve build --check "$CTX"
	[ "$status" -lt 124 ]
	same "$(cd "$VARVE_ROOT" && find . -type f | sort)" "$before"
}

@test "# syntax= of another frontend is named and not run" {
	printf '# syntax=evil/frontend:1\nFROM scratch\nENV a=1\n' | dockerfile
	build
	says "Dockerfile:1:1: warning" evil/frontend:1
	printf '# syntax=docker/dockerfile:1.7-labs\nFROM scratch\nENV a=1\n' | dockerfile
	build
	[[ "$output" != *warning* ]]
}
