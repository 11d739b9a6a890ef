/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passes requests of the ssh agent protocol (draft-miller-ssh-agent) on to an agent, and only those
 * that list keys, sign, or bind a session; everything else is answered with a failure here. So a
 * step can use the keys of the agent, but neither add nor remove nor lock them.
 */
#ifndef BUILDER_RELAY_H
#define BUILDER_RELAY_H

#include "common/error.h"

enum {
	RELAY_MAX_MESSAGE = 256 * 1024, /* a client or agent that sends more is cut off */
	RELAY_MAX_CLIENTS = 64,         /* at a time; more wait */
};

/* Serves clients of listener, a non-blocking socket, until lifeline is at its end, each with a
   connection of its own to the agent, whose socket file is open with O_PATH. */
int relay_run(int listener, int agent, int lifeline, struct error *err);

/* Connects to a socket file by an O_PATH descriptor of it: no limit of 107 bytes for the path.
   Non-blocking; -1 with errno. */
int relay_connect(int file);

#endif
