/* SPDX-License-Identifier: Apache-2.0 */
/* Files hashed by threads: every digest, in the order of asking, whatever the sizes. */
#include "builder/hashers.h"

#include "common/arena.h"
#include "common/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILES = 150 };

/* Small ones among large ones: 0 bytes to about 300 KiB. */
static size_t size_of(size_t i)
{
	return i * i * 13;
}

static void fill(char *data, size_t i)
{
	for (size_t at = 0; at < size_of(i); at++)
		data[at] = (char)(at * 7 + i);
}

static int open_file(size_t i)
{
	auto_free char *data = xmalloc(size_of(i) + 1);
	struct error err = ERROR_INIT;
	char name[] = "/tmp/hashers-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	unlink(name);
	fill(data, i);
	assert_int_equal(write_all(fd, data, size_of(i), &err), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

struct seen {
	struct digest digest[FILES];
	bool known[FILES];
	size_t count;
};

static void known(void *user, const struct hashed *file)
{
	struct seen *s = user;

	assert_false(s->known[file->at]);
	s->known[file->at] = true;
	s->digest[file->at] = file->digest;
	s->count++;
}

static int add(struct hashers *h, size_t i, int fd, struct error *err)
{
	struct hashed file = {.fd = fd, .at = i};

	assert_int_equal(fstat(fd, &file.st), 0);
	return hashers_add(h, &file, "some/file", err);
}

static int open_count(void)
{
	auto_(dir) DIR *d = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		count++;
	return count;
}

static void every_digest(void **state)
{
	auto_(hashers) struct hashers *h = NULL;
	struct seen seen = {.count = 0};
	struct error err = ERROR_INIT;
	int before = open_count();

	(void)state;
	h = hashers_new(known, &seen);
	for (size_t i = 0; i < FILES; i++)
		assert_int_equal(add(h, i, open_file(i), &err), 0);
	assert_int_equal(hashers_wait(h, &err), 0);
	assert_int_equal(seen.count, FILES);
	for (size_t i = 0; i < FILES; i++) {
		auto_free char *data = xmalloc(size_of(i) + 1);
		struct digest should;

		fill(data, i);
		digest_of(data, size_of(i), &should);
		assert_true(digest_equal(&seen.digest[i], &should));
	}
	assert_int_equal(open_count(), before);
}

/* A file that cannot be read is named; what was asked for before it is known. */
static void an_error(void **state)
{
	auto_(hashers) struct hashers *h = NULL;
	struct seen seen = {.count = 0};
	struct error err = ERROR_INIT;
	char text[400];
	int unreadable, blind, status;

	(void)state;
	h = hashers_new(known, &seen);
	assert_int_equal(add(h, 140, open_file(140), &err), 0);
	unreadable = open_file(149);
	/* The size of a large file, but a descriptor that only writes. */
	blind = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_true(blind >= 0);
	{
		struct hashed file = {.fd = blind};

		assert_int_equal(fstat(unreadable, &file.st), 0);
		status = hashers_add(h, &file, "the/file", &err);
	}
	close(unreadable);
	if (status == 0)
		status = hashers_wait(h, &err);
	assert_int_equal(status, -1);
	error_format(&err, text, sizeof(text));
	assert_non_null(strstr(text, "the/file: reading"));
	assert_int_equal(seen.count, 1);
	assert_true(seen.known[140]);
}

/* Giving up in the middle closes what was not read. */
static void giving_up(void **state)
{
	struct seen seen = {.count = 0};
	struct error err = ERROR_INIT;
	int before = open_count();
	struct hashers *h = hashers_new(known, &seen);

	(void)state;
	for (size_t i = 120; i < FILES; i++)
		assert_int_equal(add(h, i, open_file(i), &err), 0);
	hashers_free(h);
	assert_int_equal(open_count(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_digest),
		cmocka_unit_test(an_error),
		cmocka_unit_test(giving_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
