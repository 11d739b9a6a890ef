# SPDX-License-Identifier: Apache-2.0
# make            build varve into $(O)
# make deps       install what building and testing need (Debian, Fedora, Alpine)
# make demo       install, build, and show varve at work
# make check      install, build, and run every test
# make bench      measure against the bare floor and buildah
# make lint fuzz torture install dist clean
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
MODULES   := common parser layers runtime builder

DEPS_common  :=
DEPS_parser  := common
DEPS_layers  := common
DEPS_runtime := common
DEPS_builder := parser layers runtime common

PKGS_layers  := libarchive libzstd libcrypto zlib libcjson
PKGS_runtime := libcap libseccomp
PKGS         := $(PKGS_layers) $(PKGS_runtime)
PKGS_builder := $(PKGS)

WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
          -Wwrite-strings -Wundef -Wpointer-arith -Wcast-qual -Wswitch-enum
HARDEN := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
pkg_cflags := $(shell $(PKGCONFIG) --cflags $(PKGS) 2>/dev/null)
cppflags = -D_GNU_SOURCE -DVARVE_VERSION='"$(VERSION)"' -I. -I$(O) -MMD -MP $(pkg_cflags) $(CPPFLAGS)
cflags   = -std=gnu11 $(WARN) $(if $(WERROR),-Werror) $(HARDEN) -ffile-prefix-map=$(CURDIR)/= \
           $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) $(CFLAGS)
ldflags  = -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)
libs     = $(if $(1),$(shell $(PKGCONFIG) --libs $(1) 2>/dev/null)) -pthread $(LDLIBS)

all: $(O)/varve

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

$(O)/varve: $(call objs,cli) $(call lib,builder parser layers runtime common)
	$(CC) $(cflags) $(ldflags) -o $@ $^ $(call libs,$(PKGS))

$(O)/%.l.c $(O)/%.l.h &: %.l
	@mkdir -p $(@D)
	$(FLEX) --nounistd --header-file=$(O)/$*.l.h -o $(O)/$*.l.c $<
$(O)/%.y.c $(O)/%.y.h &: %.y
	@mkdir -p $(@D)
	$(BISON) -Wall -Werror --header=$(O)/$*.y.h -o $(O)/$*.y.c $<
$(O)/%.o: %.c | $(gen_h)
	@mkdir -p $(@D)
	$(CC) $(cppflags) $(cflags) -c -o $@ $<
$(O)/%.l.o $(O)/%.y.o: WARN := -Wall -Wno-unused-function
$(O)/%.o: $(O)/%.c | $(gen_h)
	$(CC) $(cppflags) $(cflags) -c -o $@ $<

clean:
	rm -rf $(O)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
.PHONY: all clean
.SECONDARY:
