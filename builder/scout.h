/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that reads directories and the facts about what is in them ahead of a walk: that is most
 * of what it costs to find an unchanged context unchanged, and a walk goes in order.
 */
#ifndef BUILDER_SCOUT_H
#define BUILDER_SCOUT_H

#include "common/cleanup.h"
#include "common/listing.h"

#include <sys/stat.h>

/* A directory as the scout found it. */
struct scouted {
	int fd;                 /* of the directory */
	struct listing entries; /* sorted */
	struct stat *stats;     /* one an entry, not followed; st_nlink 0: not known. NULL: none is
				   known, as there are very many */
};

#define SCOUTED_INIT                                                                               \
	{                                                                                          \
		.fd = -1, .entries = LISTING_INIT, .stats = NULL                                   \
	}

void scouted_release(struct scouted *s);
DEFINE_CLEANUP_STRUCT(scouted, struct scouted, scouted_release);

struct scout;

/* NULL: there is one processor only, and nobody is sent. */
struct scout *scout_new(void);
/* Every errand must have been taken. NULL is fine. */
void scout_free(struct scout *s);
DEFINE_CLEANUP(scout, struct scout *, scout_free);

/* Sends the scout to the directory `name` in dir, which like the name must stay until the errand is
   taken. Errands are run in the order of asking. */
struct errand *scout_ask(struct scout *s, int dir, const char *name);

/* What came of it; the errand is over. False: it was not begun yet, or it failed, and the caller
   finds out alone why. */
bool scout_take(struct scout *s, struct errand *e, struct scouted *out);

#endif
