/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to runtime: one message with one descriptor over a seqpacket socket.
 */
#ifndef RUNTIME_PASS_H
#define RUNTIME_PASS_H

#include <stddef.h>

/* fd may be -1 for none. -1 and errno on failure; no SIGPIPE. */
int pass_send(int socket, int fd, const void *data, size_t size);

/* Waits for a message of exactly that size. *fd is the descriptor, close-on-exec, or -1. Returns
   -1 and errno on failure, EPIPE if the other end is gone. */
int pass_receive(int socket, int *fd, void *data, size_t size);

#endif
