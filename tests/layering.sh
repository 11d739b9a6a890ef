#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The rules of the house that a machine can check, as TAP: who includes whom, which file wraps which
# library, sizes of files, functions and headers, licence lines. Each rule is also tried on a
# planted violation, so a rule that finds nothing any more fails here.
set -u
cd "$(dirname "$0")/.." || exit 1

sources() {
	for d in common parser layers registry runtime builder cli tests bench; do
		[ ! -d "$d" ] || find "$d" -type f \( -name '*.[chly]' -o -name '*.sh' -o -name '*.bats' \
			-o -name '*.bash' -o -name '*.mk' \)
	done | sort
}

c_sources() {
	sources | grep '\.[chly]$'
}

# folder -> folders that it may include
rule_folders() {
	c_sources | xargs -r awk '
		BEGIN {
			may["common"] = " common "
			may["parser"] = " parser common "
			may["layers"] = " layers common "
			may["runtime"] = " runtime common "
			may["registry"] = " registry layers common "
			may["builder"] = " builder parser layers runtime registry common "
			all = " cli builder parser layers runtime registry common "
			may["cli"] = all
			may["tests"] = all " tests "
			may["bench"] = all
		}
		/^[ \t]*#[ \t]*include[ \t]*"/ {
			split(FILENAME, from, "/")
			split($0, quoted, "\"")
			if (quoted[2] !~ /\//) {
				# What flex and bison generate lies beside its source, in $(O).
				print FILENAME ":" FNR ": include \"" quoted[2] "\" from the top"
				next
			}
			split(quoted[2], to, "/")
			if (index(may[from[1]], " " to[1] " ") == 0)
				print FILENAME ":" FNR ": " from[1] " must not include " quoted[2]
		}'
}

# A library is included by one .c file of the folder that owns it, and by no header.
rule_libraries() {
	c_sources | grep -v '^tests/' | xargs -r awk '
		BEGIN {
			owner["libarchive"] = owner["zstd"] = owner["zlib"] = "layers"
			owner["openssl"] = owner["cjson"] = "layers"
			owner["libcap"] = owner["libseccomp"] = "runtime"
			owner["libcurl"] = "registry"
		}
		function library(h) {
			if (h ~ /^archive(_entry)?\.h$/) return "libarchive"
			if (h ~ /^z(std|std_errors|dict)\.h$/) return "zstd"
			if (h == "zlib.h") return "zlib"
			if (h ~ /^openssl\//) return "openssl"
			if (h ~ /cJSON(_Utils)?\.h$/) return "cjson"
			if (h == "sys/capability.h") return "libcap"
			if (h == "seccomp.h") return "libseccomp"
			if (h ~ /^curl\//) return "libcurl"
			if (h ~ /^ut(hash|list|array|string)\.h$/) return "uthash"
			return ""
		}
		/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
			split($0, part, /[<">]/)
			lib = library(part[2])
			if (lib == "")
				next
			split(FILENAME, from, "/")
			if (FILENAME ~ /\.h$/)
				print FILENAME ":" FNR ": a header must not include " part[2]
			if (lib == "uthash")
				next
			if (from[1] != owner[lib])
				print FILENAME ":" FNR ": " lib " belongs to " owner[lib] "/"
			else if ((lib in wrapped) && wrapped[lib] != FILENAME)
				print FILENAME ":" FNR ": " lib " is wrapped by " wrapped[lib] " already"
			else
				wrapped[lib] = FILENAME
		}'
}

rule_file_size() {
	sources | xargs -r awk '
		FNR == 501 { print FILENAME ": more than 500 lines" }
		FNR == 221 && FILENAME ~ /\.h$/ && FILENAME !~ /^tests/ { print FILENAME ": header of more than 220 lines" }'
}

# Kernel style puts the braces of a function, and of nothing else, in column 0.
rule_function_size() {
	c_sources | grep '\.[cly]$' | xargs -r awk '
		FNR == 1 { start = 0 }
		/^{/ { start = FNR }
		/^}/ {
			if (start && FNR - start - 1 > 60)
				print FILENAME ":" start ": function of " FNR - start - 1 " lines (60)"
			start = 0
		}'
}

rule_licence() {
	{ sources | grep -v "^tests/data/"; find Makefile examples .ci -type f 2>/dev/null | grep -E 'Makefile$|/run$|\.sh$|Dockerfile$|\.c$'; } |
	while read -r file; do
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
			echo "$file: no SPDX line at the top"
	done
}

number=0
failed=0
report() {	# text findings
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		failed=1
		echo "not ok $number - $1"
		echo "$2" | sed 's/^/# /'
	fi
}

# Runs a rule on a small tree that breaks it once; the finding must name the planted file.
planted() {	# rule file, content on stdin
	(
		tree=$(mktemp -d) && cd "$tree" || exit 1
		mkdir -p "$(dirname "$2")"
		cat >"$2"
		found=$("$1")
		rm -rf "$tree"
		case $found in
		*"$2"*) exit 0 ;;
		*) echo "not found in $2"; exit 1 ;;
		esac
	)
}

echo 1..18
report "the sources are where they should be" "$([ "$(c_sources | wc -l)" -gt 20 ] || echo none)"
report "folders include only what they may" "$(rule_folders)"
report "each library is wrapped by one file" "$(rule_libraries)"
report "files and headers are short" "$(rule_file_size)"
report "functions are short" "$(rule_function_size)"
report "every source names its licence" "$(rule_licence)"

report "planted: parser includes layers" \
	"$(echo '#include "layers/store.h"' | planted rule_folders parser/x.c)"
report "planted: common includes builder" \
	"$(echo '# include "builder/build.h"' | planted rule_folders common/x.h)"
report "planted: an include beside itself" \
	"$(echo '#include "x.h"' | planted rule_folders layers/y.c)"
report "planted: the registry includes the runtime" \
	"$(echo '#include "runtime/sandbox.h"' | planted rule_folders registry/x.c)"
report "planted: a library in the wrong folder" \
	"$(echo '#include <zstd.h>' | planted rule_libraries builder/x.c)"
report "planted: a library in a header" \
	"$(echo '#include <archive.h>' | planted rule_libraries layers/x.h)"
report "planted: a library in two files" "$(
	planted_two() {
		mkdir -p layers && echo '#include <zlib.h>' >layers/a.c
		rule_libraries
	}
	echo '#include <zlib.h>' | planted planted_two layers/b.c)"
report "planted: a file of 501 lines" \
	"$(awk 'BEGIN { for (i = 0; i < 501; i++) print "" }' | planted rule_file_size cli/x.c)"
report "planted: a header of 221 lines" \
	"$(awk 'BEGIN { for (i = 0; i < 221; i++) print "" }' | planted rule_file_size cli/x.h)"
report "planted: a function of 61 lines" "$(
	awk 'BEGIN { print "int f(void)\n{"; for (i = 0; i < 61; i++) print "\t;"; print "}" }' |
	planted rule_function_size cli/x.c)"
report "planted: no licence line" "$(echo 'int x;' | planted rule_licence cli/x.c)"
report "a good file passes" "$(
	good() {
		(
			tree=$(mktemp -d) && cd "$tree" && mkdir -p builder || exit 1
			printf '%s\n' '/* SPDX-License-Identifier: Apache-2.0 */' \
				'#include "layers/store.h"' '#include <stdio.h>' 'int f(void)' '{' '}' \
				>builder/x.c
			rule_folders; rule_libraries; rule_file_size; rule_function_size; rule_licence
			rm -rf "$tree"
		)
	}
	good)"
exit $failed
