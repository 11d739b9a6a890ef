/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to runtime: the overlay options, and mounting through an option string.
 *
 * Kernels before 6.8 take several lower directories only in the option string of mount(2), which
 * attaches the mount. To keep the caller's mount namespace clean a helper process mounts in a
 * namespace of its own and sends a detached clone back.
 */
#ifndef RUNTIME_OVERLAY_OPTIONS_H
#define RUNTIME_OVERLAY_OPTIONS_H

#include "runtime/mount.h"
#include "runtime/overlay.h"

extern const struct mount_option overlay_options[]; /* ended by a NULL key */

int overlay_mount_by_options(const struct overlay_spec *spec, struct error *err);

#endif
