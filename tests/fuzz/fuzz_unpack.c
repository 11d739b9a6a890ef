/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses whether the rest is extracted as a layer or as ADD does it, compressed or
 * not. Whatever it is, it must end with success or an error, and nothing outside the target may
 * change.
 */
#include "common/fd.h"
#include "layers/unpack.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct jail {
	int dir, secret;
	struct stat secret_stat;
	char path[64];
};

static void give_up(const char *why)
{
	fprintf(stderr, "fuzz_unpack: %s\n", why);
	abort();
}

static void jail_close(struct jail *j)
{
	struct error err = ERROR_INIT;

	if (remove_tree(AT_FDCWD, j->path, &err) < 0)
		give_up("cannot clean up");
	close(j->secret);
	close(j->dir);
}
DEFINE_CLEANUP_STRUCT(jail, struct jail, jail_close);

static void jail_open(struct jail *j)
{
	snprintf(j->path, sizeof(j->path), "/dev/shm/varve-fuzz-XXXXXX");
	if (mkdtemp(j->path) == NULL) {
		snprintf(j->path, sizeof(j->path), "/tmp/varve-fuzz-XXXXXX");
		if (mkdtemp(j->path) == NULL)
			give_up("no scratch directory");
	}
	j->dir = open(j->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	j->secret = openat(j->dir, "secret", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (j->dir < 0 || j->secret < 0 || write(j->secret, "secret", 6) != 6 ||
	    mkdirat(j->dir, "target", 0755) < 0 || fstat(j->secret, &j->secret_stat) < 0)
		give_up("no scratch directory");
}

static void jail_check(const struct jail *j)
{
	auto_(dir) DIR *d = fdopendir(openat(j->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct stat *before = &j->secret_stat;
	struct stat now;

	while (d != NULL) {
		struct dirent *e = readdir(d);

		if (e == NULL)
			break;
		if (!is_dot(e->d_name) && strcmp(e->d_name, "secret") != 0 &&
		    strcmp(e->d_name, "target") != 0)
			give_up("something was made outside the target");
	}
	if (d == NULL || fstatat(j->dir, "secret", &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	    now.st_ino != before->st_ino || now.st_mode != before->st_mode ||
	    now.st_uid != before->st_uid || now.st_size != before->st_size ||
	    now.st_nlink != before->st_nlink || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
		give_up("a file outside the target was changed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unpack_options options = {.owner = -1, .group = -1, .strip_special = true};
	auto_(jail) struct jail jail = {.dir = -1, .secret = -1};
	struct error err = ERROR_INIT;
	auto_fd int fd = -1, target = -1;
	uint64_t entries;

	jail_open(&jail);
	if (size == 0)
		return 0;
	options.overlay = data[0] & 1;
	if (geteuid() != 0)
		options.owner = options.group = (int64_t)geteuid();
	fd = memfd_create("tar", MFD_CLOEXEC);
	target = openat(jail.dir, "target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || target < 0 || write_all(fd, data + 1, size - 1, &err) < 0)
		give_up("no input file");
	archive_probe(fd);
	if (archive_extract(fd, target, &options, &entries, &err) < 0 && err.code == ERROR_NONE)
		give_up("failed without an error");
	jail_check(&jail);
	return 0;
}
