/* SPDX-License-Identifier: Apache-2.0 */
/* What the parser's tests share: files and folders of tests/data, golden texts. */
#ifndef TESTS_PARSER_DATA_H
#define TESTS_PARSER_DATA_H

#include "common/arena.h"
#include "common/buf.h"
#include "parser/dockerfile.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static inline bool read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "rb");
	char chunk[4096];
	size_t got;

	if (file == NULL)
		return false;
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buf_add(out, chunk, got);
	fclose(file);
	return true;
}

static inline void write_file(const char *path, const struct buf *text)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(text->data, 1, text->length, file), text->length);
	assert_int_equal(fclose(file), 0);
}

/* Calls visit() with the path of each folder in `folder`; returns how many there were. */
static inline size_t each_case(const char *folder, void (*visit)(const char *path))
{
	struct dirent **names;
	int count = scandir(folder, &names, NULL, alphasort);
	size_t visited = 0;

	if (count < 0)
		fail_msg("%s: run the tests from the top of the source tree", folder);
	for (int i = 0; i < count; i++) {
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && names[i]->d_type == DT_DIR) {
			visit(path);
			visited++;
		}
		free(names[i]);
	}
	free(names);
	return visited;
}

static inline struct dockerfile *parse_buf(const char *name, const struct buf *text)
{
	struct error err = ERROR_INIT;
	struct dockerfile *df = dockerfile_parse(name, text->data, text->length, &err);

	if (df == NULL)
		fail_msg("%s: %s", name, err.frame[0].text);
	return df;
}

static inline struct dockerfile *parse_str(const char *text)
{
	struct buf copy = BUF_INIT;
	struct dockerfile *df;

	buf_add_str(&copy, text);
	df = parse_buf("Dockerfile", &copy);
	buf_release(&copy);
	return df;
}

/* Fails unless text is what the file holds; with UPDATE=1 in the environment writes it there. */
static inline void assert_golden(const char *path, const struct buf *text)
{
	struct buf want = BUF_INIT;
	const char *update = getenv("UPDATE");

	if (update != NULL && strcmp(update, "1") == 0) {
		write_file(path, text);
		return;
	}
	if (!read_file(path, &want))
		fail_msg("%s is missing; UPDATE=1 writes it", path);
	if (strcmp(want.data, text->data) != 0)
		fail_msg("%s\nwanted:\n%s\ngot:\n%s", path, want.data, text->data);
	buf_release(&want);
}

#endif
