# SPDX-License-Identifier: Apache-2.0
# make bench               every workload, into bench/RESULTS.md
# make bench W=run,warm    these, into $(O)/bench/RESULTS.md; see bench/bench.sh
bench_tools := $(patsubst bench/%.c,$(O)/bench/%,$(wildcard bench/*.c))

$(O)/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(CC) $(cppflags) $(cflags) $(ldflags) -o $@ $< -pthread

bench-now: all $(bench_tools)
	@VARVE=$(abspath $(O))/varve bash bench/bench.sh $(O) $(W)
