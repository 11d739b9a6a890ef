# SPDX-License-Identifier: Apache-2.0
# make            build varve into $(O)
# make deps       install what building and testing need (Debian, Fedora, Alpine)
# make demo       install, build, and show varve at work
# make check      install, build, and run every test
# make bench      measure against the bare floor, buildah and docker; W=run,warm for some workloads
# make lint       format check, clang-tidy, cppcheck, shellcheck, gcc -fanalyzer
# make torture    the tests with many more trials, long fuzzing
# make format fuzz install dist clean
VERSION   := $(shell cat VERSION)
O         ?= build
PREFIX    ?= /usr/local
BINDIR    ?= $(PREFIX)/bin
MANDIR    ?= $(PREFIX)/share/man
COMPDIR   ?= $(PREFIX)/share
CC        ?= cc
FLEX      ?= flex
BISON     ?= bison
PKGCONFIG ?= pkg-config
CFLAGS    ?= -O2 -g
MODULES   := common parser layers registry runtime builder

DEPS_common  :=
DEPS_parser  := common
DEPS_layers  := common
DEPS_registry := layers common
DEPS_runtime := common
DEPS_builder := parser registry layers runtime common

PKGS_layers  := libarchive libzstd libcrypto zlib libdeflate libcjson
PKGS_registry := $(PKGS_layers)
PKGS_runtime := libcap libseccomp
PKGS         := $(PKGS_layers) $(PKGS_runtime)
# Only the headers: registry/ loads the library when the first request is made.
HEADERS      := libcurl
PKGS_builder := $(PKGS)

WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
          -Wwrite-strings -Wundef -Wpointer-arith -Wcast-qual -Wswitch-enum
HARDEN := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
pkg_cflags := $(shell $(PKGCONFIG) --cflags $(PKGS) $(HEADERS) 2>/dev/null)
cppflags = -D_GNU_SOURCE -DVARVE_VERSION='"$(VERSION)"' -I. -I$(O) -MMD -MP $(pkg_cflags) $(CPPFLAGS)
cflags   = -std=gnu11 $(WARN) $(if $(WERROR),-Werror) $(HARDEN) $(ANALYZE) -ffile-prefix-map=$(CURDIR)/= \
           $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) $(CFLAGS)
ldflags  = -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)
libs     = $(if $(1),$(shell $(PKGCONFIG) --libs $(1) 2>/dev/null)) -pthread -ldl $(LDLIBS)
# Where the distribution has static archives of the large libraries, the program takes from them the
# few functions that it uses: libarchive alone would bring in nine shared libraries, and loading them
# takes longer than a cached build. libzstd is not among them: Debian's archive has no threads, and
# with them the bytes differ. `make STATIC=` links everything dynamically.
STATIC   ?= archive crypto z deflate lzma bz2 cap
static    = $(strip $(foreach l,$(STATIC),$(filter /%,$(shell $(CC) -print-file-name=lib$(l).a))))
all_static = $(and $(STATIC),$(filter $(words $(STATIC)),$(words $(static))))
from_archives = -Wl,--gc-sections -Wl,--as-needed $(static) $(call libs,libzstd libcjson)
program_libs = $(if $(all_static),$(from_archives),$(call libs,$(PKGS)))

all: $(O)/varve

# Says what is missing before a compiler does so in fifty lines.
ready:
	@for tool in $(firstword $(CC)) $(PKGCONFIG) $(FLEX) $(BISON); do \
		command -v $$tool >/dev/null || { echo "$$tool is missing: run 'make deps'" >&2; exit 1; }; \
	done
	@$(PKGCONFIG) --exists $(PKGS) $(HEADERS) || { $(PKGCONFIG) --print-errors --exists $(PKGS) $(HEADERS); \
		echo "libraries are missing: run 'make deps'" >&2; exit 1; }

gen_c   := $(patsubst %,$(O)/%.c,$(foreach m,$(MODULES),$(wildcard $(m)/*.l $(m)/*.y)))
gen_h   := $(gen_c:.c=.h)
objs     = $(patsubst %.c,$(O)/%.o,$(wildcard $(1)/*.c)) $(patsubst %.c,%.o,$(filter $(O)/$(1)/%,$(gen_c)))
lib      = $(foreach m,$(1),$(O)/lib$(m).a)

define module
$(O)/lib$(1).a: $(call objs,$(1))
	@rm -f $$@
	$(AR) rcsD $$@ $$^
# A module's tests link that module and what it may depend on, nothing else.
$(O)/tests/test_$(1)_%: $(O)/tests/test_$(1)_%.o $(O)/lib$(1).a $(call lib,$(DEPS_$(1)))
	$$(CC) $$(cflags) $$(ldflags) -o $$@ $$(filter-out %.h,$$^) $$(call libs,$(PKGS_$(1))) -lcmocka
endef
$(foreach m,$(MODULES),$(eval $(call module,$(m))))

$(O)/varve: $(call objs,cli) $(call lib,builder parser registry layers runtime common)
	$(CC) $(cflags) $(ldflags) -o $@ $^ $(program_libs)

$(O)/cli/version.o: CPPFLAGS += -DVARVE_LIBRARIES='"$(libraries)"'
libraries = $(shell for p in $(PKGS); do \
	printf '%s %s, ' $$p $$($(PKGCONFIG) --modversion $$p); done | sed 's/, $$//')
$(O)/tests/test_cli_%: $(O)/tests/test_cli_%.o $(filter-out $(O)/cli/main.o,$(call objs,cli)) \
		$(call lib,builder parser registry layers runtime common)
	$(CC) $(cflags) $(ldflags) -o $@ $^ $(call libs,$(PKGS)) -lcmocka

# What end-to-end tests of the progress view run it in.
$(O)/tests/terminal: $(O)/tests/terminal.o $(O)/cli/glyph.o $(call lib,common)
	$(CC) $(cflags) $(ldflags) -o $@ $^

$(O)/%.l.c $(O)/%.l.h &: %.l | ready
	@mkdir -p $(@D)
	$(FLEX) --nounistd --header-file=$(O)/$*.l.h -o $(O)/$*.l.c $<
$(O)/%.y.c $(O)/%.y.h &: %.y | ready
	@mkdir -p $(@D)
	$(BISON) -Wall -Werror --header=$(O)/$*.y.h -o $(O)/$*.y.c $<
$(O)/%.o: %.c | $(gen_h) ready
	@mkdir -p $(@D)
	$(CC) $(cppflags) $(cflags) -c -o $@ $<
$(O)/%.l.o $(O)/%.y.o: WARN := -Wall -Wno-unused-function
# What flex and bison write is not ours to analyse.
$(O)/%.l.o $(O)/%.y.o: override ANALYZE :=
$(O)/%.o: $(O)/%.c | $(gen_h) ready
	$(CC) $(cppflags) $(cflags) -c -o $@ $<

# --- installing what a target needs, then the target ------------------------------------------
# pkg-config is asked while this file is read, so everything after the installation happens in a
# second make.
GROUPS_check   := build test
GROUPS_torture := build test
GROUPS_demo    := build demo
GROUPS_bench   := build bench
GROUPS_lint    := build lint
# As many compilers as there are cores, unless the caller said otherwise.
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
deps:
	@sh tests/deps.sh
check torture demo bench lint:
	@sh tests/deps.sh $(GROUPS_$@)
	+@$(MAKE) --no-print-directory $(PARALLEL) $@-now

# --- tests ------------------------------------------------------------------------------------
# Every test program speaks TAP; prove runs them all and counts.
units     := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/test_*.c))
scripts   := tests/layering.sh tests/manual.sh tests/differences.sh tests/errors.sh tests/differ.sh tests/jobs.sh \
             $(sort $(wildcard tests/cli/*.bats)) \
             $(sort $(wildcard tests/data/cases/*/group))
PROVE     ?= prove
PROVEJOBS ?= 2
# One test program may take this many seconds; a hang is a failure with a name.
TESTLIMIT ?= 900
test_env   = TESTLIMIT=$(TESTLIMIT) VARVE=$(abspath $(O))/varve VARVE_BUILD=$(abspath $(O)) CMOCKA_MESSAGE_OUTPUT=TAP \
             ASAN_OPTIONS=abort_on_error=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
-include tests/fuzz/fuzz.mk
-include bench/bench.mk

# A program of another processor, for tests/cli/platform.bats.
$(O)/foreign/busybox-arm64:
	@sh tests/foreign.sh $@

check-now: all $(units) $(fuzz_checks) $(O)/foreign/busybox-arm64 $(O)/tests/terminal
	@$(test_env) $(PROVE) -j$(PROVEJOBS) --timer \
		--exec 'sh tests/one.sh' $(fuzz_checks) $(units) $(scripts)

torture-now:
	+@TRIALS=$${TRIALS:-10000} $(MAKE) --no-print-directory TESTLIMIT=7200 check-now
	@$(test_env) bash tests/differ.sh --all
	@$(test_env) bash tests/jobs.sh --all
	+@$(if $(fuzz_checks),$(MAKE) --no-print-directory fuzz-long)

# --- lint -------------------------------------------------------------------------------------
c_files   := $(foreach d,$(MODULES) cli bench tests tests/fuzz,$(wildcard $(d)/*.c))
h_files   := $(foreach d,$(MODULES) cli bench tests tests/fuzz,$(wildcard $(d)/*.h))
tidy_c    := $(filter-out tests/%,$(c_files))
sh_files  := .ci/run $(wildcard tests/*.sh tests/cli/*.bash tests/cli/*.bats bench/*.sh examples/*.sh)
lint-now: lint-format lint-shell lint-gcc lint-tidy lint-cppcheck
lint-format:
	clang-format --dry-run -Werror $(c_files) $(h_files)
lint-shell:
	shellcheck -x -S warning $(sh_files)
# gcc 12 does not see an initialisation that happens through a cleanup variable's address.
lint-gcc:
	+$(MAKE) --no-print-directory O=$(O)/lint WERROR=1 \
		ANALYZE='-fanalyzer -Wno-analyzer-use-of-uninitialized-value' all
# One process for each file: clang-tidy 14 mistakes va_start() after the first file of several.
lint-tidy: $(gen_h)
	@printf '%s\n' $(tidy_c) | xargs -P $(shell nproc) -I % clang-tidy --quiet % -- -std=gnu11 $(cppflags) 2>/dev/null
lint-cppcheck: $(gen_h)
	cppcheck -q --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppress=memleak --std=c11 -D_GNU_SOURCE -I. -I$(O) \
		$(filter-out bench tests,$(sort $(dir $(tidy_c))))
format:
	clang-format -i $(c_files) $(h_files)

demo-now: all
	@VARVE=$(abspath $(O))/varve sh examples/demo.sh $(O)/demo

# --- installing and packaging -----------------------------------------------------------------
install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 \
		$(DESTDIR)$(COMPDIR)/bash-completion/completions $(DESTDIR)$(COMPDIR)/zsh/site-functions
	install -m 755 $(O)/varve $(DESTDIR)$(BINDIR)/varve
	install -m 644 $(wildcard doc/*.1) $(DESTDIR)$(MANDIR)/man1
	install -m 644 $(wildcard doc/*.5) $(DESTDIR)$(MANDIR)/man5
	$(O)/varve completion bash >$(DESTDIR)$(COMPDIR)/bash-completion/completions/varve
	$(O)/varve completion zsh >$(DESTDIR)$(COMPDIR)/zsh/site-functions/_varve

# What git knows, as one archive with the same bytes for the same commit.
dist_name = varve-$(VERSION)
dist:
	@mkdir -p $(O)
	git archive --format=tar --prefix=$(dist_name)/ HEAD | gzip -9n >$(O)/$(dist_name).tar.gz
distcheck: dist
	rm -rf $(O)/distcheck && mkdir -p $(O)/distcheck
	tar -C $(O)/distcheck -xzf $(O)/$(dist_name).tar.gz
	+$(MAKE) -C $(O)/distcheck/$(dist_name) O=build PREFIX=/usr DESTDIR=$(abspath $(O))/distcheck/root install
	$(O)/distcheck/root/usr/bin/varve version
	rm -rf $(O)/distcheck

clean:
	rm -rf $(O)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
.PHONY: all ready deps check torture demo bench lint check-now torture-now demo-now bench-now \
	install dist distcheck lint-now lint-format lint-shell lint-gcc lint-tidy lint-cppcheck format clean
.SECONDARY:
