/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds files to a fuzz target, for compilers without libFuzzer and for the tests: each argument is
 * a file or a folder of files. Without arguments, the corpus that belongs to the program's name,
 * check_X -> tests/fuzz/corpus/X. Speaks TAP; a finding ends the program, and the last line names
 * the file.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t size;

	if (file == NULL || fstat(fileno(file), &st) < 0) {
		perror(path);
		exit(1);
	}
	data = malloc((size_t)st.st_size + 1);
	if (data == NULL)
		abort();
	size = fread(data, 1, (size_t)st.st_size, file);
	fclose(file);
	printf("# %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

static int feed(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int count = 0;

	if (folder == NULL)
		return feed_file(path);
	while ((entry = readdir(folder)) != NULL) {
		char name[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		count += feed_file(name);
	}
	closedir(folder);
	return count;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	char corpus[4096];
	int count = 0;

	name = name != NULL ? name + 1 : argv[0];
	if (strncmp(name, "check_", 6) == 0)
		name += 6;
	snprintf(corpus, sizeof(corpus), "tests/fuzz/corpus/%s", name);
	for (int i = 1; i < argc; i++)
		count += feed(argv[i]);
	if (argc < 2)
		count += feed(corpus);
	printf("%s 1 - %s: %d inputs\n1..1\n", count > 0 ? "ok" : "not ok", name, count);
	return count > 0 ? 0 : 1;
}
