/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the trees that the workloads use: the same bytes, names and times on every machine.
 *
 *	generate files DIR COUNT SIZE [text|random|mixed]	COUNT files of SIZE bytes, 100 a
 *directory generate empty DIR COUNT				COUNT empty files, 1000 a directory
 *	generate sources DIR COUNT				a C program of COUNT files, with a
 *Makefile
 *
 * "text" are words, the frequent ones short, of which zstd -1 leaves about a quarter; "mixed" (the
 * default) is text and random bytes, file by file in turns.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WORDS = 4096,
	WORD_MAX = 12,
	PHRASE_MAX = 96,
	BLOCK = 1 << 16,
	FUNCTIONS = 8,
	EPOCH = 1000000000
};

static char words[WORDS][WORD_MAX + 1];

/* xorshift64*, one sequence for each file, so that no file depends on another. */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static uint64_t seed(size_t number)
{
	uint64_t state = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	draw(&state);
	return state;
}

static void make_words(void)
{
	uint64_t state = seed(0);

	for (size_t i = 0; i < WORDS; i++) {
		size_t length = 2 + draw(&state) % (i < 256 ? 4 : WORD_MAX - 2);

		for (size_t j = 0; j < length; j++)
			words[i][j] = (char)('a' + draw(&state) % 26);
	}
}

static void fill_random(char *to, size_t size, uint64_t *state)
{
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t value = draw(state);

		memcpy(to + at, &value, size - at < sizeof(value) ? size - at : sizeof(value));
	}
}

/*
 * The product of two draws makes low numbers, and so short words, frequent. Now and then a phrase
 * from before comes again, as it does in sources and logs.
 */
static void fill_text(char *to, size_t size, uint64_t *state)
{
	size_t at = 0;

	while (at < size) {
		uint64_t value = draw(state);
		const char *from = words[(value >> 40) % WORDS * ((value >> 20) % WORDS) / WORDS];
		size_t length = strlen(from);

		if (value % 8 == 0 && at > PHRASE_MAX) {
			length = 16 + (value >> 8) % (PHRASE_MAX - 16);
			from = to + (value >> 20) % (at - PHRASE_MAX);
		}
		if (length > size - at)
			length = size - at;
		memcpy(to + at, from, length);
		at += length;
		if (at < size)
			to[at++] = value % 13 == 0 ? '\n' : ' ';
	}
}

static int create(int at, const char *name)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		err(1, "%s", name);
	return fd;
}

static void finish(int fd, const char *name)
{
	const struct timespec times[2] = {{.tv_sec = EPOCH}, {.tv_sec = EPOCH}};

	if (futimens(fd, times) < 0 || close(fd) < 0)
		err(1, "%s", name);
}

static int directory(int at, const char *name)
{
	int fd;

	if (mkdirat(at, name, 0755) < 0)
		err(1, "mkdir %s", name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", name);
	return fd;
}

static void write_file(int at, size_t number, size_t size, const char *kind)
{
	static char block[BLOCK];
	const bool random = *kind == 'r' || (*kind == 'm' && number % 2 == 1);
	uint64_t state = seed(number);
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "file%zu", number);
	fd = create(at, name);
	while (size > 0) {
		size_t part = size < BLOCK ? size : BLOCK;

		if (random)
			fill_random(block, part, &state);
		else
			fill_text(block, part, &state);
		if (write(fd, block, part) != (ssize_t)part)
			err(1, "%s", name);
		size -= part;
	}
	finish(fd, name);
}

static void files(int root, size_t count, size_t size, const char *kind, size_t per_directory)
{
	char name[32];
	int at = -1;

	for (size_t i = 0; i < count; i++) {
		if (i % per_directory == 0) {
			if (at >= 0)
				finish(at, name);
			snprintf(name, sizeof(name), "dir%zu", i / per_directory);
			at = directory(root, name);
		}
		write_file(at, i, size, kind);
	}
	if (at >= 0)
		finish(at, name);
}

static void source(int root, size_t number)
{
	char name[32];
	FILE *f;
	int fd;

	snprintf(name, sizeof(name), "part%zu.c", number);
	fd = create(root, name);
	f = fdopen(dup(fd), "w");
	if (f == NULL)
		err(1, "%s", name);
	fprintf(f, "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\n");
	for (size_t i = 0; i < FUNCTIONS; i++)
		fprintf(f,
			"static int step%zu(const char *text, int n)\n{\n\tint sum = %zu;\n\n"
			"\tfor (size_t i = 0; i < strlen(text); i++)\n"
			"\t\tsum = sum * %zu + (text[i] ^ n) %% %zu;\n"
			"\tswitch (sum %% 7) {\n\tcase 0: return sum + n;\n\tcase 1: return sum - "
			"n;\n"
			"\tcase 2: return sum ^ n;\n\tcase 3: return sum | n;\n\tdefault: return "
			"sum;\n"
			"\t}\n}\n\n",
			i, number + i, 31 + i, 3 + number % 17 + i);
	fprintf(f,
		"int part%zu(const char *text);\n\nint part%zu(const char *text)\n{\n\tint n = "
		"%zu;\n\n",
		number, number, number);
	for (size_t i = 0; i < FUNCTIONS; i++)
		fprintf(f, "\tn = step%zu(text, n);\n", i);
	fprintf(f, "\treturn n;\n}\n");
	if (fclose(f) != 0)
		err(1, "%s", name);
	finish(fd, name);
}

static void text_file(int root, const char *name, const char *line, size_t count, const char *end)
{
	int fd = create(root, name);
	FILE *f = fdopen(dup(fd), "w");

	if (f == NULL)
		err(1, "%s", name);
	for (size_t i = 0; i < count; i++)
		fprintf(f, "%s%zu%s", line, i, end);
	if (fclose(f) != 0)
		err(1, "%s", name);
	finish(fd, name);
}

static void sources(int root, size_t count)
{
	static const char makefile[] = "objects = $(patsubst %.c,%.o,$(wildcard *.c))\n"
				       "program: $(objects)\n\t$(CC) -static -o $@ $^\n"
				       "%.o: %.c\n\t$(CC) -O2 -c -o $@ $<\n";
	static const char head[] =
		"#include <stdio.h>\n#include \"parts.h\"\n#include \"calls.h\"\n"
		"int main(void)\n{\n\treturn calls(\"varve\") == 0;\n}\n";
	int fd;

	for (size_t i = 0; i < count; i++)
		source(root, i);
	text_file(root, "parts.h", "int part", count, "(const char *text);\n");
	fd = create(root, "Makefile");
	if (write(fd, makefile, sizeof(makefile) - 1) < 0)
		err(1, "Makefile");
	finish(fd, "Makefile");
	fd = create(root, "main.c");
	if (write(fd, head, sizeof(head) - 1) < 0)
		err(1, "main.c");
	finish(fd, "main.c");
	fd = create(root, "calls.h");
	if (dprintf(fd, "static int calls(const char *text)\n{\n\tint n = 0;\n") < 0)
		err(1, "calls.h");
	for (size_t i = 0; i < count; i++)
		dprintf(fd, "\tn ^= part%zu(text);\n", i);
	dprintf(fd, "\treturn n;\n}\n");
	finish(fd, "calls.h");
}

int main(int argc, char **argv)
{
	size_t count = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	size_t size = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
	int root;

	if (count == 0)
		errx(2, "usage: generate files|empty|sources DIR COUNT [SIZE [text|random|mixed]]");
	make_words();
	root = directory(AT_FDCWD, argv[2]);
	if (strcmp(argv[1], "files") == 0)
		files(root, count, size, argc > 5 ? argv[5] : "mixed", 100);
	else if (strcmp(argv[1], "empty") == 0)
		files(root, count, 0, "text", 1000);
	else if (strcmp(argv[1], "sources") == 0)
		sources(root, count);
	else
		errx(2, "generate: unknown kind '%s'", argv[1]);
	finish(root, argv[2]);
	return 0;
}
