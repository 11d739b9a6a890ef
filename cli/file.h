/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the user names on the command line; "-" is standard input or output.
 */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "common/cleanup.h"
#include "common/error.h"

#include <stdbool.h>

/* Opens a file, or a directory if allowed. With "-" a copy of standard input, which may be a
   terminal only if `terminal` is true. */
int file_open_input(const char *path, bool directory, bool terminal, struct error *err);

/* A file being written. Its name holds the old content or all of the new, never a part. */
struct file_output {
	int fd;
	char *path;      /* NULL where there is nothing to rename: a pipe, a device */
	char *temporary; /* NULL while the file has no name at all */
};

#define FILE_OUTPUT_INIT                                                                           \
	{                                                                                          \
		.fd = -1, .path = NULL, .temporary = NULL                                          \
	}

/* "-" is standard output and refused if that is a terminal. */
int file_output_open(struct file_output *f, const char *path, struct error *err);
/* Gives it its name, synced. Without this call file_output_release() removes what was written. */
int file_output_finish(struct file_output *f, struct error *err);
void file_output_release(struct file_output *f);
DEFINE_CLEANUP_STRUCT(file_output, struct file_output, file_output_release);

/* Is a directory, or is written as one: with a slash at its end. */
bool file_is_directory(const char *path);

#endif
