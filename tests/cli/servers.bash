# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Servers on loopback for tests of remote sources: HTTP with and without TLS, git, ssh. Each test
# starts those it needs; servers_stop, called by its teardown, ends them by their process ids.
#
#	web_start                 $WEB is http://127.0.0.1:PORT, $TLS https://..., root $T/www; what is
#	                          below /named/ is called "from-header" by a header
#	web_log                   stops it and prints a line "METHOD PATH STATUS" for each request
#	tls_start                 after web_start; $TLS is https://127.0.0.1:PORT, trusted by who reads
#	                          $T/cert.pem; its /insecure/ redirects to $WEB
#	git_start                 $GIT is git://127.0.0.1:PORT, repositories in $T/git
#	repository NAME           an empty one in $T/git; in_repo NAME COMMAND..., commit NAME

servers_stop() {
	local pid
	for pid in ${SERVERS-}; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	SERVERS=
	return 0
}

# Waits until the server with process id $1 accepts on port $2; false if it has died.
listening() {
	while ! (exec 4<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; do
		kill -0 "$1" 2>/dev/null || return 1
		read -rt 0.02 <> <(:) || true
	done
}

# Starts "$@", where PORT in an argument becomes a port that is free; sets $PORT.
serve() {
	local attempt pid
	for attempt in 1 2 3 4 5 6 7 8 9 10; do
		PORT=$((20000 + RANDOM % 40000))
		"${@//PORT/$PORT}" >"$T/server.log" 2>&1 3>&- &
		pid=$!
		if listening $pid $PORT; then
			SERVERS="${SERVERS-} $pid"
			return 0
		fi
	done
	cat "$T/server.log"
	return 1
}

# The certificate that https servers of this test file have; trusted by who reads $T/cert.pem.
certificate() {
	need openssl
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
		-keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
	cat "$T/key.pem" "$T/cert.pem" >"$T/both.pem"
}

web_modules() {
	local lib
	for lib in /usr/lib/lighttpd /usr/lib64/lighttpd /usr/lib/*/lighttpd; do
		[ ! -f "$lib/mod_cgi.so" ] || { echo "$lib"; return; }
	done
}

web_config() {
	cat >"$T/web.conf" <<-X
	server.document-root = "$T/www"
	server.modules = ("mod_access", "mod_accesslog", "mod_redirect", "mod_auth", "mod_authn_file",
		"mod_setenv", "mod_alias", "mod_cgi", "mod_openssl")
	server.bind = "127.0.0.1"
	server.stat-cache-engine = "disable"
	server.errorlog = "$T/web.error"
	accesslog.filename = "$T/web.log"
	accesslog.format = "%m %U %s"
	mimetype.assign = ("" => "application/octet-stream")
	index-file.names = ("index")
	url.redirect = ("^/moved/(.*)" => "/\$1", "^/loop" => "/loop", "^/insecure/(.*)" => "$WEB/\$1")
	url.access-deny = (".denied")
	cgi.assign = (".sh" => "/bin/sh")
	auth.backend = "plain"
	auth.backend.plain.userfile = "$T/web.users"
	auth.require = ("/private/" => ("method" => "basic", "realm" => "x", "require" => "valid-user"),
		"/private-git/" => ("method" => "basic", "realm" => "x", "require" => "valid-user"))
	\$HTTP["url"] =~ "^/named/" {
		setenv.add-response-header = ("Content-Disposition" => "attachment; filename=from-header")
	}
	alias.url = ("/git/" => "$(git --exec-path)/git-http-backend/",
		"/private-git/" => "$(git --exec-path)/git-http-backend/")
	\$HTTP["url"] =~ "^/(private-)?git/" {
		cgi.assign = ("" => "")
		setenv.add-environment = ("GIT_PROJECT_ROOT" => "$T/git", "GIT_HTTP_EXPORT_ALL" => "1")
	}
	X
}

web_start() {
	need lighttpd
	WEB_MODULES=$(web_modules)
	[ -n "$WEB_MODULES" ] || skip "lighttpd has no modules here"
	mkdir -p "$T/www" "$T/git"
	[ -f "$T/web.users" ] || echo "alice:s3cret" >"$T/web.users"
	WEB=
	web_config
	serve sh -c "sed 's|^server.bind|server.port = PORT\\n&|' '$T/web.conf' >'$T/web.plain' &&
		exec lighttpd -D -m '$WEB_MODULES' -f '$T/web.plain'"
	WEB=http://127.0.0.1:$PORT
}

# A second server with the same files over TLS, whose /insecure/ leads to the first.
tls_start() {
	certificate
	web_config
	serve sh -c "sed -e 's|^server.bind|server.port = PORT\\n&|' -e 's|web.log|tls.log|' \
			'$T/web.conf' >'$T/web.tls' &&
		printf 'ssl.engine = \"enable\"\\nssl.pemfile = \"%s\"\\n' '$T/both.pem' >>'$T/web.tls' &&
		exec lighttpd -D -m '$WEB_MODULES' -f '$T/web.tls'"
	TLS=https://127.0.0.1:$PORT
}

# lighttpd writes its log when it ends.
web_log() {
	servers_stop
	cat "$T/web.log"
}

# --- git ---------------------------------------------------------------------------------------

in_repo() {
	local name=$1
	shift
	(
		cd "$T/git/$name" || exit 1
		HOME=$T GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE="1000000000 +0000" \
			GIT_COMMITTER_DATE="1000000000 +0000" "$@"
	)
}

repository() {
	mkdir -p "$T/git/$1"
	in_repo "$1" git init -q -b main .
	in_repo "$1" git config user.email a@b.example
	in_repo "$1" git config user.name Somebody
	touch "$T/git/$1/.git/git-daemon-export-ok"
}

# Commits everything in a repository; prints the commit.
commit() {
	in_repo "$1" git add -A
	in_repo "$1" git commit -q --allow-empty -m "${2-change}"
	in_repo "$1" git rev-parse HEAD
}

git_start() {
	need git
	mkdir -p "$T/git"
	[ -x "$(git --exec-path)/git-daemon" ] || skip "git daemon is not installed"
	serve "$(git --exec-path)/git-daemon" --listen=127.0.0.1 --port=PORT --reuseaddr \
		--base-path="$T/git"
	GIT=git://127.0.0.1:$PORT
}
