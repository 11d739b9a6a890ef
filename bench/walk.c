/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare floor of looking whether a tree has changed: reads every directory and asks for the
 * metadata of every file, with as many threads as told.
 *
 *	walk DIR [THREADS]
 *
 * The threads take the directories at the top of DIR in turns. Prints how many files there are.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS_MAX = 64, TOP_MAX = 65536 };

struct walk {
	int root;
	char **top; /* names at the top of the tree */
	size_t count;
	atomic_size_t next, files;
};

static size_t visit(int at, const char *name);

static size_t visit_directory(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t files = 0;

	if (dir == NULL)
		err(1, "%s", name);
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			files += visit(fd, entry->d_name);
	closedir(dir);
	return files;
}

static size_t visit(int at, const char *name)
{
	struct statx found;

	if (statx(at, name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &found) <
	    0)
		err(1, "%s", name);
	return S_ISDIR(found.stx_mode) ? visit_directory(at, name) : 1;
}

static void *work(void *argument)
{
	struct walk *walk = argument;
	size_t i;

	while ((i = atomic_fetch_add(&walk->next, 1)) < walk->count)
		atomic_fetch_add(&walk->files, visit(walk->root, walk->top[i]));
	return NULL;
}

static void read_top(struct walk *walk, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	walk->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	walk->top = calloc(TOP_MAX, sizeof(*walk->top));
	if (dir == NULL || walk->root < 0 || walk->top == NULL)
		err(1, "%s", path);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (walk->count == TOP_MAX)
			errx(1, "%s: more than %d names", path, TOP_MAX);
		walk->top[walk->count++] = strdup(entry->d_name);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	long threads = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
	pthread_t ids[THREADS_MAX];
	struct walk walk = {0};

	if (argc < 2 || threads < 1 || threads > THREADS_MAX)
		errx(2, "usage: walk DIR [THREADS]");
	read_top(&walk, argv[1]);
	for (long i = 1; i < threads; i++)
		if (pthread_create(&ids[i], NULL, work, &walk) != 0)
			errx(1, "no thread");
	work(&walk);
	for (long i = 1; i < threads; i++)
		pthread_join(ids[i], NULL);
	printf("%zu files\n", (size_t)walk.files);
	for (size_t i = 0; i < walk.count; i++)
		free(walk.top[i]);
	free(walk.top);
	return 0;
}
