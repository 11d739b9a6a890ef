/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to runtime: finding and executing a program, and saying why it did not work.
 */
#ifndef RUNTIME_EXEC_H
#define RUNTIME_EXEC_H

#include "common/error.h"

#include <limits.h>

struct exec_failure {
	int os;              /* errno of execve; 0: there was no failure */
	bool searched;       /* nothing of that name in PATH */
	char path[PATH_MAX]; /* what was tried last */
};

/* Replaces this process; returns only on failure. Nothing is allocated and no lock is taken. */
void exec_search(char *const *argv, char *const *envp, struct exec_failure *failure);

/* Turns a failure into an error; called in the root, in another process. Yields -1. */
int exec_explain(const struct exec_failure *failure, const char *name, struct error *err);

#endif
