/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program and prints, on standard error, the largest resident set in KiB that it or any
 * descendant it waited for ever had: "peak_kib N". Its exit status is the program's.
 *
 *	peak PROGRAM [ARGUMENT...]
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	pid_t pid;

	if (argc < 2)
		errx(2, "usage: peak PROGRAM [ARGUMENT...]");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		err(127, "%s", argv[1]);
	}
	if (wait4(pid, &status, 0, &usage) < 0)
		err(1, "wait4");
	fprintf(stderr, "peak_kib %ld\n", usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
