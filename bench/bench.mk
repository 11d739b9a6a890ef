# SPDX-License-Identifier: Apache-2.0
# The bare floor that the speed budget is measured against; see bench/floor.c.
$(O)/bench/floor: bench/floor.c runtime/sys.h
	@mkdir -p $(@D)
	$(CC) $(cppflags) $(cflags) $(ldflags) -o $@ $<
$(O)/bench/peak: bench/peak.c
	@mkdir -p $(@D)
	$(CC) $(cppflags) $(cflags) $(ldflags) -o $@ $<
