# SPDX-License-Identifier: Apache-2.0
# Fuzz targets. fuzz_X.c defines LLVMFuzzerTestOneInput; its corpus is corpus/X, its words X.dict.
#   make check, make fuzz-regress        every target over its corpus, with any compiler
#   make fuzz F=dockerfile N=1000000     libFuzzer with ASan and UBSan (needs clang)
# A finding becomes a file with a name in the corpus.
FUZZ_CC  ?= clang
F        ?= dockerfile
N        ?= 100000
fuzz_names  := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_checks := $(fuzz_names:%=$(O)/tests/fuzz/check_%)
# The modules that a target links; the others get everything below cli.
FUZZ_MODULES_dockerfile := parser common
FUZZ_MODULES_roundtrip  := parser common
FUZZ_MODULES_ignore     := builder parser registry layers runtime common
FUZZ_MODULES_word       := parser common
FUZZ_MODULES_splice     := parser common
FUZZ_MODULES_json       := layers common
FUZZ_MODULES_image      := layers common
FUZZ_MODULES_name       := layers common
FUZZ_MODULES_unpack     := layers common
fuzz_modules = $(or $(FUZZ_MODULES_$(1)),builder parser layers runtime common)

define fuzz_target
$(O)/tests/fuzz/check_$(1): $(O)/tests/fuzz/fuzz_$(1).o $(O)/tests/fuzz/onefile.o \
		$(call lib,$(call fuzz_modules,$(1)))
	$$(CC) $$(cflags) $$(ldflags) -o $$@ $$^ \
		$$(call libs,$(if $(FUZZ_MODULES_$(1)),$(foreach m,$(FUZZ_MODULES_$(1)),$(PKGS_$(m))),$(PKGS)))
$(O)/fuzz_$(1): $(O)/tests/fuzz/fuzz_$(1).o $(call lib,$(call fuzz_modules,$(1)))
	$$(CC) $$(cflags) $$(ldflags) -fsanitize=fuzzer -o $$@ $$^ \
		$$(call libs,$(if $(FUZZ_MODULES_$(1)),$(foreach m,$(FUZZ_MODULES_$(1)),$(PKGS_$(m))),$(PKGS)))
endef
$(foreach n,$(fuzz_names),$(eval $(call fuzz_target,$(n))))

fuzz-regress: $(fuzz_checks)
	@$(test_env) $(PROVE) -j$(PROVEJOBS) --comments --exec '' $(fuzz_checks)

# What was found on the way is kept in $(O), so that the next run goes on from there.
fuzz:
	+@$(MAKE) --no-print-directory O=$(O)/libfuzzer CC=$(FUZZ_CC) CFLAGS='-O2 -g -fno-sanitize-coverage=trace-cmp' \
		SAN=fuzzer-no-link,address,undefined $(O)/libfuzzer/fuzz_$(F)
	@mkdir -p $(O)/libfuzzer/corpus/$(F) tests/fuzz/corpus/$(F)
	$(O)/libfuzzer/fuzz_$(F) -runs=$(N) -timeout=10 -print_final_stats=1 $(FUZZFLAGS) \
		$(addprefix -dict=,$(wildcard tests/fuzz/$(F).dict)) \
		-artifact_prefix=$(O)/libfuzzer/ $(O)/libfuzzer/corpus/$(F) tests/fuzz/corpus/$(F)

fuzz-long: $(fuzz_names:%=fuzz-long-%)
fuzz-long-%:
	+@$(MAKE) --no-print-directory fuzz F=$* N=1000000

.PHONY: fuzz fuzz-regress fuzz-long
-include tests/parser.mk
