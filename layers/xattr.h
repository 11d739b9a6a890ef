/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to layers/: the extended attributes that belong to a layer.
 *
 * Allowed are user.* without user.overlay.*, and security.capability. Everything else says
 * something about the machine (SELinux, IMA) or would steer overlayfs (HARDENING 2.1 A11, 2.2 O1,
 * O4).
 */
#ifndef LAYERS_XATTR_H
#define LAYERS_XATTR_H

#include "layers/digest.h"
#include "layers/tar.h"

struct xattrs {
	struct tar_xattr *item; /* sorted by name */
	size_t count;
	struct buf names, values; /* private: what the items point into */
};

#define XATTRS_INIT                                                                                \
	{                                                                                          \
		.item = NULL, .count = 0, .names = BUF_INIT, .values = BUF_INIT                    \
	}

void xattrs_release(struct xattrs *x);
DEFINE_CLEANUP_STRUCT(xattrs, struct xattrs, xattrs_release);

bool xattr_allowed(const char *name);
/* Those of an open regular file or directory; other files can have none that are allowed. Replaces
   what is in out. */
int xattrs_read(int fd, struct xattrs *out, struct error *err);
bool xattrs_equal(const struct xattrs *a, const struct xattrs *b);
/* Zero if there are none. The items must be sorted by name. */
void xattrs_digest(const struct tar_xattr *item, size_t count, struct digest *out);

#endif
