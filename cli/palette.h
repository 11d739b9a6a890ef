/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colours of the terminal view: those of BuildKit unless $BUILDKIT_COLORS says otherwise, none with
 * $NO_COLOR.
 */
#ifndef CLI_PALETTE_H
#define CLI_PALETTE_H

#include <stdbool.h>

enum { PALETTE_CODE = 32 };

/* Each is a sequence that switches on, or "" where there are no colours. */
struct palette {
	char run[PALETTE_CODE], cancel[PALETTE_CODE], error[PALETTE_CODE], warning[PALETTE_CODE];
	char bold[PALETTE_CODE], dim[PALETTE_CODE];
	char off[PALETTE_CODE];
};

/* no_color and colors are the values of the two variables, or NULL. colors is
   "run=green:error=255,0,0:..." with the names of the eight colours or three numbers; what cannot
   be understood is left as it was. */
void palette_init(struct palette *p, const char *no_color, const char *colors);

#endif
