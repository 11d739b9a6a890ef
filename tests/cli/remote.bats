#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Fetching from real servers on loopback: what is asked, what is trusted, what is kept, what fails
# and how it says so.

load helpers
load servers

teardown() {
	servers_stop
	varve_teardown
}

# Builds FROM scratch with the instructions from standard input and the caller's options.
adds() {
	{ echo "FROM scratch"; cat; } | dockerfile
	build "$@"
}

add_fails() { # texts...
	{ echo "FROM scratch"; cat; } | dockerfile
	build_fails -- "$@"
}

content() {
	rm -rf "$T/root"
	flatten t "$T/root"
	cat "$T/root/$1"
}

# No file of the store holds the text.
store_lacks() {
	local found
	found=$(grep -rlaF -e "$1" "$VARVE_ROOT" || true)
	same "$found" ""
}

@test "an unchanged URL costs one question and no download" {
	web_start
	echo one >"$T/www/file" && touch -d @1000000000 "$T/www/file"
	adds <<<"ADD $WEB/file /"
	adds <<<"ADD $WEB/file /"
	says "1 cached"
	same "$(web_log)" "GET /file 200
GET /file 304"
}

@test "a changed URL is loaded again, an unused record goes with prune" {
	web_start
	echo one >"$T/www/file" && touch -d @1000000000 "$T/www/file"
	adds <<<"ADD $WEB/file /"
	echo two >"$T/www/file" && touch -d @1000000001 "$T/www/file"
	adds <<<"ADD $WEB/file /"
	same "$(content file)" two
	varve prune
	adds <<<"ADD $WEB/file /"
	says "1 cached"
	varve prune --all
	same "$(grep -l varve-http -r "$VARVE_ROOT/cache" || true)" ""
	adds <<<"ADD $WEB/file /"
	same "$(web_log | tail -n 1)" "GET /file 200"
}

@test "two steps with one URL load it once" {
	web_start
	head -c 3000000 /dev/zero >"$T/www/file"
	dockerfile <<-X
	FROM scratch AS a
	ADD $WEB/file /a
	FROM scratch AS b
	ADD $WEB/file /b
	FROM scratch
	COPY --from=a / /
	COPY --from=b / /
	X
	build
	same "$(web_log)" "GET /file 200
GET /file 304"
}

@test "with a checksum a known URL needs no server" {
	web_start
	echo one >"$T/www/file"
	sum=$(sha256sum <"$T/www/file") && sum=sha256:${sum%% *}
	adds <<<"ADD --checksum=$sum $WEB/file /"
	servers_stop
	adds <<<"ADD --checksum=$sum $WEB/file /"
	says "1 cached"
	add_fails "Dockerfile:2" "127.0.0.1" "onnect" <<<"ADD $WEB/file /"
}

@test "content that does not match its checksum is not kept" {
	web_start
	echo one >"$T/www/file"
	sum=$(sha256sum <"$T/www/file") && sum=sha256:${sum%% *}
	wrong=sha256:$(printf %064d 1)
	add_fails "Dockerfile:2" "should be $wrong" "but it is $sum" \
		<<<"ADD --checksum=$wrong $WEB/file /"
	[ ! -e "$VARVE_ROOT/blobs/sha256/${sum#sha256:}" ]
	same "$(find "$VARVE_ROOT"/pending -type f)" ""
}

@test "redirects are followed, not for ever" {
	web_start
	echo one >"$T/www/file"
	adds <<<"ADD $WEB/moved/file /name"
	same "$(content name)" one
	# The name is that of the URL as written.
	adds <<<"ADD $WEB/moved/moved/file /dir/"
	same "$(content dir/file)" one
	add_fails "Dockerfile:2" "more than 10 redirects" <<<"ADD $WEB/loop /x"
}

@test "errors of the server are errors of the step" {
	web_start
	mkdir -p "$T/www/private"
	printf 'echo "Status: 503"; echo; echo sorry\n' >"$T/www/busy.sh"
	printf 'echo "Content-Length: 100"; echo; echo short\n' >"$T/www/short.sh"
	touch "$T/www/private/x"
	add_fails "Dockerfile:2" "$WEB/none" "no such file (404)" <<<"ADD $WEB/none /x"
	add_fails "Dockerfile:2" "status 503" <<<"ADD $WEB/busy.sh /x"
	add_fails "Dockerfile:2" "short.sh" <<<"ADD $WEB/short.sh /x"
	add_fails "Dockerfile:2" "(401)" "HTTP_AUTH_TOKEN_127.0.0.1" <<<"ADD $WEB/private/x /x"
	same "$(web_log | grep -c busy.sh)" 4
}

@test "the server may name the file" {
	web_start
	printf '%s\n' 'echo "Content-Disposition: attachment; filename=\"../../etc/named\""' \
		'echo' 'echo content' >"$T/www/index.sh"
	adds <<<"ADD $WEB/index.sh/ /dir/"
	same "$(content dir/named)" content
}

@test "secrets go to their server only and are kept nowhere" {
	web_start
	mkdir "$T/www/private" && echo hidden >"$T/www/private/file"
	printf 'Basic %s\n' "$(printf alice:s3cret | base64)" >"$T/header"
	adds --secret id=HTTP_AUTH_HEADER_127.0.0.1,src="$T/header" <<<"ADD $WEB/private/file /"
	same "$(content file)" hidden
	says_not s3cret "$(printf alice:s3cret | base64)"
	store_lacks s3cret
	store_lacks "$(printf alice:s3cret | base64)"
	add_fails "(401)" <<<"ADD $WEB/private/file /other"
	# In the URL it works as well, and shows nowhere.
	adds <<<"ADD http://alice:s3cret@${WEB#http://}/private/file /"
	same "$(content file)" hidden
	says_not s3cret
	store_lacks s3cret
	add_fails "(401)" <<<"ADD http://alice:wr0ng@${WEB#http://}/private/file /x"
	[[ "${output##*--------------------}" != *wr0ng* ]]
}

@test "https: certificates are checked, SSL_CERT_FILE names those that are trusted" {
	web_start
	tls_start
	echo one >"$T/www/file"
	add_fails "Dockerfile:2" "certificate" "SSL_CERT_FILE" <<<"ADD $TLS/file /"
	unset CURL_CA_BUNDLE
	export SSL_CERT_FILE=$T/cert.pem
	adds <<<"ADD $TLS/file /"
	same "$(content file)" one
	add_fails "from https to http is not followed" <<<"ADD $TLS/insecure/file /x"
}

@test "the program does not load libcurl, and says so where it is missing" {
	need readelf
	run readelf -d "$VARVE"
	says "NEEDED"
	says_not curl
	web_start
	echo one >"$T/www/file"
	mkdir "$T/broken"
	: >"$T/broken/libcurl.so.4"
	: >"$T/broken/libcurl-gnutls.so.4"
	export LD_LIBRARY_PATH=$T/broken
	echo local >"$CTX/local"
	adds <<<"COPY local /"
	add_fails "libcurl is needed for the network" "install it" <<<"ADD $WEB/file /"
}

@test "a build that is killed while it loads leaves no process and no file" {
	need perl
	serve perl -MIO::Socket::INET -e '
		$l = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => PORT,
			ReuseAddr => 1) or die;
		while ($c = $l->accept) { push @kept, $c }'
	for url in "http://127.0.0.1:$PORT/x" "git://127.0.0.1:$PORT/x"; do
		printf 'FROM scratch\nADD %s /x\n' "$url" | dockerfile
		"$PROGRAM" build "$CTX" >"$T/out" 2>&1 3>&- &
		pid=$!
		# Until the request is on its way: a connection to the port.
		until grep -q ":$(printf %04X "$PORT") 01 " /proc/net/tcp; do
			kill -0 $pid
			read -rt 0.02 <> <(:) || true
		done
		kill -9 $pid
		wait $pid || true
		for _ in {1..200}; do
			left=$(pgrep -f "127.0.0.1:$PORT/x|127.0.0.1 $PORT" || true)
			[ -n "$left" ] || break
			read -rt 0.02 <> <(:) || true
		done
		same "$left" ""
	done
	# The next command collects what was staged.
	varve images
	same "$(find "$VARVE_ROOT/stage" -mindepth 1)" ""
}

# --- git ---------------------------------------------------------------------------------------

@test "git over http" {
	web_start
	repository r
	echo one >"$T/git/r/file"
	commit r
	in_repo r git tag v1
	adds <<<"ADD $WEB/git/r/.git#v1 /"
	same "$(content file)" one
	adds <<<"ADD $WEB/git/r/.git /"
	add_fails "Dockerfile:2" 'no branch or tag "x"' <<<"ADD $WEB/git/r/.git#x /"
	add_fails "Dockerfile:2" "git says" "not found" <<<"ADD $WEB/git/none/.git /"
}

@test "git over http: tokens and headers go to their server and are kept nowhere" {
	web_start
	printf 'x-access-token:t0ken\nalice:s3cret\n' >"$T/web.users"
	repository r
	echo one >"$T/git/r/file"
	commit r
	url=$WEB/private-git/r/.git
	add_fails "Dockerfile:2" "GIT_AUTH_TOKEN" <<<"ADD $url /"
	printf 't0ken\n' >"$T/token"
	printf 'basic %s' "$(printf alice:s3cret | base64)" >"$T/header"
	for secret in id=GIT_AUTH_TOKEN,src="$T/token" id=GIT_AUTH_TOKEN_127.0.0.1,src="$T/token" \
		id=GIT_AUTH_TOKEN.127.0.0.1,src="$T/token" id=GIT_AUTH_HEADER,src="$T/header"; do
		adds --no-cache --secret "$secret" <<<"ADD --keep-git-dir=true $url /"
		same "$(content file)" one
		same "$(cat "$T/root/.git/config" | grep -c "$url")" 1
	done
	# GNU tar's names for blobs are compressed; look into the tree as well.
	same "$(grep -rlaE 't0ken|s3cret|YWxpY2U' "$VARVE_ROOT" "$T/root" || true)" ""
	adds --no-cache <<<"ADD --keep-git-dir=true http://alice:s3cret@${url#http://} /"
	same "$(content file)" one
	same "$(grep -rlaE 't0ken|s3cret|YWxpY2U' "$VARVE_ROOT" "$T/root" || true)" ""
	says_not s3cret
}

@test "a server that gives no single commits, and one that is only files" {
	web_start
	repository r
	echo one >"$T/git/r/file"
	first=$(commit r)
	echo two >"$T/git/r/file"
	commit r
	in_repo r git update-server-info
	ln -s "$T/git/r/.git" "$T/www/dumb.git"
	adds <<<"ADD $WEB/dumb.git#$first /"
	same "$(content file)" one
	adds <<<"ADD $WEB/dumb.git#main /"
	same "$(content file)" two
	add_fails "Dockerfile:2" "$(printf %040d 1)" <<<"ADD $WEB/dumb.git#$(printf %040d 1) /"
}

@test "submodules come along, from relative URLs and of submodules, unless switched off" {
	git_start
	for name in leaf branch root; do
		repository $name
		echo $name >"$T/git/$name/$name"
	done
	leaf=$(commit leaf)
	for pair in branch:leaf root:branch; do
		name=${pair%:*} sub=${pair#*:}
		in_repo $name git -c protocol.file.allow=always submodule --quiet add \
			"$T/git/$sub" sub
		in_repo $name git config -f .gitmodules submodule.sub.url ../../$sub/.git
		commit $name
	done
	echo more >"$T/git/leaf/later"
	commit leaf
	adds <<<"ADD $GIT/root/.git /"
	same "$(content sub/sub/leaf)" leaf
	same "$(cd "$T/root" && find . -name '.git*' -o -name later | sort | tr '\n' ' ')" \
		"./.gitmodules ./sub/.gitmodules "
	adds <<<"ADD $GIT/root/.git?submodules=false /"
	content root
	same "$(find "$T/root/sub" -mindepth 1)" ""
	adds <<<"ADD $GIT/root/.git?subdir=sub /"
	same "$(content sub/leaf)" leaf
	[ -n "$leaf" ]
}

@test "submodules cannot reach files of the host (CVE-2022-39253)" {
	git_start
	repository secret
	echo secret >"$T/git/secret/secret"
	commit secret
	for url in "file://$T/git/secret" "$T/git/secret" "ext::cat /etc/passwd"; do
		rm -rf "$T/git/r"
		repository r
		in_repo r git -c protocol.file.allow=always submodule --quiet add \
			"$T/git/secret" sub
		in_repo r git config -f .gitmodules submodule.sub.url "$url"
		commit r
		add_fails "Dockerfile:2" "not allowed" <<<"ADD $GIT/r/.git /"
	done
}

@test "a subdirectory does not lead out of the repository" {
	git_start
	repository r
	mkdir -p "$T/git/r/real/deep"
	echo one >"$T/git/r/real/deep/file"
	ln -s /etc "$T/git/r/absolute"
	ln -s ../../../.. "$T/git/r/upward"
	ln -s real "$T/git/r/inside"
	commit r
	for name in absolute upward; do
		add_fails "Dockerfile:2" "$name" <<<"ADD $GIT/r/.git#:$name /"
	done
	add_fails "must not hold" <<<"ADD $GIT/r/.git#:real/../.. /"
	adds <<<"ADD $GIT/r/.git#:inside/deep /"
	same "$(content file)" one
}

@test "the caller's git configuration and environment have no say" {
	git_start
	repository r
	echo one >"$T/git/r/file"
	echo "file filter=evil" >"$T/git/r/.gitattributes"
	commit r
	mkdir "$T/hooks"
	printf '#!/bin/sh\ntouch %s\n' "$T/ran" >"$T/hooks/post-checkout"
	chmod +x "$T/hooks/post-checkout"
	export HOME=$T/home GIT_DIR=$T/none GIT_WORK_TREE=/none GIT_CONFIG_COUNT=1 \
		GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=$T/hooks
	mkdir "$HOME"
	printf '[core]\n\thooksPath = %s\n\tautocrlf = true\n[filter "evil"]\n\tsmudge = touch %s\n' \
		"$T/hooks" "$T/ran" >"$HOME/.gitconfig"
	printf '[url "git://127.0.0.1:1/"]\n\tinsteadOf = %s/\n' "$GIT" >>"$HOME/.gitconfig"
	adds <<<"ADD $GIT/r/.git /"
	same "$(content file)" one
	[ ! -e "$T/ran" ]
}

@test "modes do not depend on the umask, times are the commit's if asked for" {
	git_start
	repository r
	mkdir "$T/git/r/dir"
	echo plain >"$T/git/r/dir/plain"
	echo tool >"$T/git/r/tool"
	chmod 755 "$T/git/r/tool"
	ln -s dir/plain "$T/git/r/link"
	commit r
	adds <<<"ADD $GIT/r/.git?mtime=commit /"
	layer=$(layer_digests t)
	content tool
	same "$(meta "$T/root/dir") $(meta "$T/root/dir/plain") $(meta "$T/root/tool")" \
		"755 0:0 644 0:0 755 0:0"
	same "$(stat -c %Y "$T/root/dir/plain" "$T/root/tool" "$T/root/link" | sort -u)" 1000000000
	umask 077
	adds --no-cache <<<"ADD $GIT/r/.git?mtime=commit /"
	same "$(layer_digests t)" "$layer"
}

@test "repositories with SHA-256" {
	git_start
	mkdir -p "$T/git/r"
	in_repo r git init -q -b main --object-format=sha256 . || skip "this git knows no SHA-256"
	repository r
	echo one >"$T/git/r/file"
	commit=$(commit r)
	same "${#commit}" 64
	adds <<<"ADD $GIT/r/.git /"
	same "$(content file)" one
	adds --no-cache <<<"ADD $GIT/r/.git?commit=$commit /"
	same "$(content file)" one
}

@test "git over ssh: only the keys of an agent that was offered, only known hosts" {
	need_root
	need sshd ssh-keygen ssh-agent ssh-add
	[ -d /run/sshd ] || skip "sshd is not set up"
	repository r
	echo one >"$T/git/r/file"
	commit r
	ssh-keygen -q -t ed25519 -N '' -f "$T/host"
	ssh-keygen -q -t ed25519 -N '' -f "$T/user"
	chmod go-w "$T"
	serve "$(command -v sshd)" -D -e -f /dev/null -p PORT -h "$T/host" \
		-o ListenAddress=127.0.0.1 -o AuthorizedKeysFile="$T/user.pub" -o StrictModes=no \
		-o PidFile=none -o UsePAM=no -o PermitRootLogin=yes
	url=ssh://root@127.0.0.1:$PORT$T/git/r/.git
	# Nobody knows this host.
	add_fails "Dockerfile:2" "Host key verification failed" "known_hosts" <<<"ADD $url /"
	echo "[127.0.0.1]:$PORT $(cut -d' ' -f1,2 "$T/host.pub")" >"$T/known"
	export GIT_SSH_COMMAND="ssh -F none -o BatchMode=yes -o UserKnownHostsFile=$T/known -o IdentityFile=none"
	add_fails "Dockerfile:2" "Permission denied" "--ssh default" <<<"ADD $url /"
	eval "$(ssh-agent -a "$T/agent")" >/dev/null
	SERVERS="$SERVERS $SSH_AGENT_PID"
	ssh-add -q "$T/user"
	# The agent is there, but nobody offered it to the build.
	add_fails "Permission denied" <<<"ADD $url /"
	adds --ssh default="$T/agent" <<<"ADD $url /"
	same "$(content file)" one
	# A repository on the command line is the caller's own choice.
	printf 'FROM scratch\nCOPY file /f\n' >"$T/git/r/Dockerfile"
	commit r
	varve build -q -t t "$url"
	same "$(content f)" one
}

@test "without git the error says what is needed" {
	git_start
	repository r
	commit r
	printf 'FROM scratch\nADD %s /\n' "$GIT/r/.git" | dockerfile
	PATH=/none run "$PROGRAM" build "$CTX"
	[ "$status" != 0 ]
	says "the program git is needed" "install git"
}

@test "an ADD of a repository without commits, and of one that does not answer" {
	git_start
	repository empty
	add_fails "Dockerfile:2" "has no commits" <<<"ADD $GIT/empty/.git /"
	servers_stop
	add_fails "Dockerfile:2" "git says" "127.0.0.1" <<<"ADD $GIT/empty/.git /"
}
