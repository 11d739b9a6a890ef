/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Platforms: the operating system and processor that an image is for, in Go's names as OCI
 * documents hold them.
 */
#ifndef LAYERS_PLATFORM_H
#define LAYERS_PLATFORM_H

#include "common/arena.h"
#include "common/error.h"

#include <stdbool.h>

struct platform {
	const char *os, *architecture;
	const char *variant; /* "" if there is none; never NULL */
};

/* For choosing from an index: this machine's if there is one, else the first. */
extern const struct platform platform_any;

/* "os/arch[/variant]", "os", "arch", or "local" for this machine; normalised: aliases such as
   x86_64, aarch64 and armhf become Go's names, arm64/v8 and amd64/v1 lose their variant, arm gains
   v7. Texts are in the arena. ERROR_USAGE for anything else. */
int platform_parse(struct arena *arena, const char *text, struct platform *out, struct error *err);

/* The normal form of what a document says; NULL members become "". */
struct platform platform_normal(struct arena *arena, const char *os, const char *architecture,
				const char *variant);

/* This machine, normalised; texts are constants. */
struct platform platform_local(void);

/* "linux/arm/v7" */
const char *platform_text(struct arena *arena, const struct platform *p);
/* "linux_arm_v7", as directories of outputs are called */
const char *platform_directory(struct arena *arena, const struct platform *p);

/* Both normalised. How well what is there serves what is wanted: 0 not at all; more is better;
   PLATFORM_EXACT for the same. A processor runs what was made for older ones of its kind, arm64
   also arm, amd64 also 386. */
enum { PLATFORM_EXACT = 1000 };
int platform_fits(const struct platform *have, const struct platform *want);

static inline bool platform_equal(const struct platform *a, const struct platform *b)
{
	return platform_fits(a, b) == PLATFORM_EXACT;
}

#endif
