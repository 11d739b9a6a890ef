/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small grammars of operands and flag values.
 */
#ifndef BUILDER_SYNTAX_H
#define BUILDER_SYNTAX_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* port[-port][/tcp|udp|sctp]; "ip:host:container" is tolerated, only the container part counts. */
struct port_range {
	unsigned first, last;
	const char *protocol; /* static, lower case */
};
int port_parse(const char *text, struct port_range *out, struct error *err);

/* A Go duration ("1h2m3.5s", "300ms", "0") in nanoseconds; negative ones are refused. */
int duration_parse(const char *text, int64_t *nanoseconds, struct error *err);

/* "64m", "1.5g", "512kb", "1GiB", "1048576" in bytes, units of 1024 as docker has them. */
int size_parse(const char *text, uint64_t *bytes, struct error *err);

/* SIGTERM, TERM, 15, SIGRTMIN+3. Returns the number. */
int signal_parse(const char *text, struct error *err);

/* --chmod: octal 0-7777, or symbolic ("u=rwX,go=rX", "+x", "g=u") as chmod(1) with umask 0. */
int mode_check(const char *text, struct error *err);
/* The new permission bits (07777) of something with these; text was checked. */
mode_t mode_apply(const char *text, mode_t old, bool directory);

#endif
