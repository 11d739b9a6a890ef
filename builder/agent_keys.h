/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ssh-agent that holds key files. Belongs in a process that is the first of its pid namespace,
 * whose end it shares.
 */
#ifndef BUILDER_AGENT_KEYS_H
#define BUILDER_AGENT_KEYS_H

#include "builder/build.h"

/* Starts an ssh-agent with its socket in directory, adds the key files and waits until they are
   there. Returns the socket file, O_PATH. Becomes directory's process: it changes to it. */
int agent_keys_load(int directory, const struct build_ssh *ssh, struct error *err);

/* Whether a private key in PEM or OpenSSH form is protected by a passphrase. */
bool agent_key_is_protected(const char *text);

#endif
