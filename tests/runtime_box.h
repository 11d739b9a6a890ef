/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For test_runtime_*: a temporary directory with an image root of busybox, and running scripts in
 * sandboxes over it. Everything ends in an assertion of cmocka.
 */
#ifndef TESTS_RUNTIME_BOX_H
#define TESTS_RUNTIME_BOX_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "runtime/sandbox.h"
#include "runtime/userns.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cmocka.h>

struct box {
	char path[PATH_MAX];
	int dir;   /* path */
	int lower; /* path/lower */
	int stub;  /* path/stub: dev, proc, sys, the top lower */
	int serial;
};

enum { BOX_OUTPUT_MAX = 1 << 20 };

static const char *const box_applets[] = {
	"sh",    "true", "false", "cat",   "ls",    "id",   "env",  "sleep", "ps",    "hostname",
	"mount", "rm",   "mkdir", "touch", "mv",    "ln",   "grep", "stat",  "mknod", "kill",
	"pwd",   "head", "wc",    "echo",  "chmod", "test", "find", "chown", "ip",    "readlink",
};

#define assert_ok(call, error)                                                                     \
	do {                                                                                       \
		char text_[2000] = "";                                                             \
		if ((call) < 0) {                                                                  \
			error_format((error), text_, sizeof(text_));                               \
			fail_msg("%s: %s (hint: %s)", #call, text_, (error)->hint);                \
		}                                                                                  \
	} while (0)

static inline void box_write(int dir, const char *name, const char *text, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_return_code(fchmod(fd, mode), errno);
	close(fd);
}

static inline void box_copy(int dir, const char *from, const char *to)
{
	struct error err = ERROR_INIT;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = openat(dir, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	if (in < 0)
		fail_msg("%s: %s (the tests need a static busybox)", from, strerror(errno));
	assert_true(out >= 0);
	assert_ok(copy_bytes(in, out, UINT64_MAX, &err), &err);
	close(in);
	close(out);
}

/* A directory of the box, made if needed; O_PATH, closed by the caller. */
static inline int box_directory(const struct box *b, const char *name)
{
	struct error err = ERROR_INIT;
	int fd = mkdirs(b->dir, name, 0755, &err);

	assert_ok(fd, &err);
	return fd;
}

static inline void box_make(struct box *b)
{
	static const char *const directories[] = {"bin", "etc", "tmp", "dev", "proc", "sys"};
	const char *tmp = getenv("TMPDIR");

	*b = (struct box){.serial = 0};
	snprintf(b->path, sizeof(b->path), "%s/varve-test.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(b->path));
	assert_return_code(chmod(b->path, 0755), errno);
	b->dir = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->lower = box_directory(b, "lower");
	b->stub = box_directory(b, "stub");
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		assert_return_code(mkdirat(b->lower, directories[i], 0755), errno);
	assert_return_code(fchmodat(b->lower, "tmp", 01777, 0), errno);
	box_copy(b->lower, "/bin/busybox", "bin/busybox");
	for (size_t i = 0; i < sizeof(box_applets) / sizeof(box_applets[0]); i++) {
		char name[32];

		snprintf(name, sizeof(name), "bin/%s", box_applets[i]);
		assert_return_code(symlinkat("busybox", b->lower, name), errno);
	}
}

static inline void box_remove(struct box *b)
{
	struct error err = ERROR_INIT;

	close(b->lower);
	close(b->stub);
	close(b->dir);
	assert_ok(remove_tree(AT_FDCWD, b->path, &err), &err);
}

/* A run of one command; the fields of spec may be changed before box_start(). */
struct run {
	struct sandbox_spec spec;
	int lowers[2];
	char upper_name[32], work_name[32];
	char *argv[4];
	char *envp[8];
	struct sandbox *box;
	int output; /* read end of the program's standard output and error */
	struct buf text;
	struct sandbox_result result;
	struct error err;
};

static char box_shell[] = "/bin/sh", box_command[] = "-c", box_path[] = "PATH=/bin",
	    box_home[] = "HOME=/";

static inline void run_init(struct run *r, struct box *b, const char *script)
{
	*r = (struct run){.output = -1, .text = BUF_INIT, .err = ERROR_INIT};
	snprintf(r->upper_name, sizeof(r->upper_name), "upper%d", b->serial);
	snprintf(r->work_name, sizeof(r->work_name), "work%d", b->serial++);
	r->lowers[0] = b->lower;
	r->argv[0] = box_shell;
	r->argv[1] = box_command;
	r->argv[2] = xstrdup(script);
	r->envp[0] = box_path;
	r->envp[1] = box_home;
	r->spec = (struct sandbox_spec){
		.root = {.lower = r->lowers,
			 .count = 1,
			 .upper = box_directory(b, r->upper_name),
			 .work = box_directory(b, r->work_name),
			 .userxattr = userns_inside(),
			 .volatile_upper = true},
		.argv = r->argv,
		.envp = r->envp,
		.cwd = "/",
		.hostname = "box",
		.input = -1,
		.output = -1,
		.error = -1,
		.capabilities = SANDBOX_CAPABILITIES,
		.new_session = true,
	};
}

/* False with r->err if it could not be started. */
static inline bool run_start(struct run *r)
{
	int pair[2];

	assert_return_code(pipe2(pair, O_CLOEXEC), errno);
	r->spec.output = r->spec.error = pair[1];
	r->box = sandbox_start(&r->spec, &r->err);
	close(pair[1]);
	r->output = pair[0];
	return r->box != NULL;
}

/* Reads everything and takes the result; false with r->err. */
static inline bool run_finish(struct run *r)
{
	struct error err = ERROR_INIT;

	assert_ok(read_all(r->output, BOX_OUTPUT_MAX, &r->text, &err), &err);
	return sandbox_finish(r->box, &r->result, &r->err) == 0;
}

static inline void run_release(struct run *r)
{
	sandbox_free(r->box);
	close(r->spec.root.upper);
	close(r->spec.root.work);
	if (r->output >= 0)
		close(r->output);
	free(r->argv[2]);
	buf_release(&r->text);
}

/* The whole way; fails the test unless the program ran. Returns its wait status. */
static inline int run_all(struct run *r)
{
	if (!run_start(r) || !run_finish(r))
		assert_ok(-1, &r->err);
	return r->result.wait_status;
}

/* The script must exit with 0 and print exactly that. */
static inline void expect_output(struct box *b, const char *script, const char *output)
{
	struct run r;

	run_init(&r, b, script);
	assert_int_equal(run_all(&r), 0);
	assert_string_equal(r.text.data, output);
	run_release(&r);
}

static bool box_single __attribute__((unused)); /* the user namespace has one id only */

/* As root, or in a user namespace where there is no root. Skips the tests where neither works. In a
   mount namespace of its own, so that what others mount meanwhile does not look like a leak. */
static inline bool box_privileges(void)
{
	struct error err = ERROR_INIT;
	char text[1000];

	if (userns_privileged() || userns_enter(&box_single, &err) == 0) {
		assert_return_code(unshare(CLONE_NEWNS), errno);
		assert_return_code(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), errno);
		return true;
	}
	error_format(&err, text, sizeof(text));
	printf("1..0 # SKIP neither root nor a user namespace: %s\n", text);
	return false;
}

#endif
