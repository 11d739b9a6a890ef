/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USER and --chown: names looked up in the image's own /etc/passwd and /etc/group, by a bounded
 * parser and never by the host's name service (CVE-2019-14271, CVE-2024-9676).
 */
#ifndef BUILDER_USER_H
#define BUILDER_USER_H

#include "common/cleanup.h"
#include "layers/stack.h"

#include <sys/types.h>

enum { USER_MAX_FILE = 1024 * 1024, USER_MAX_GROUPS = 1024 };

struct user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary, gid itself first */
	size_t group_count;
	char *home; /* "/" if passwd has none */
};

void user_release(struct user *u);
DEFINE_CLEANUP_STRUCT(user, struct user, user_release);

/* "", "name", "uid", "name:group", "uid:gid". A numeric uid that passwd knows has that entry's
   groups; one that it does not know has gid 0 and no others. An explicit group is the only one. An
   unknown name is ERROR_NOT_FOUND. All digits is always a number, never a name (CVE-2026-46680). */
int user_resolve(const struct stack *root, const char *text, struct user *out, struct error *err);

/* "user[:group]" for files: a user by name has its primary group, by number the same number. */
int owner_resolve(const struct stack *root, const char *text, uid_t *uid, gid_t *gid,
		  struct error *err);

#endif
