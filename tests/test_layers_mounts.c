/* SPDX-License-Identifier: Apache-2.0 */
/* Cache mounts of the store: who gets which directory when, and what becomes of them. */
#include "tests/store_box.h"

#include <poll.h>
#include <sys/stat.h>

static int make(void **state)
{
	static struct box b;

	box_make(&b);
	*state = &b;
	return 0;
}

static int drop(void **state)
{
	box_remove(*state);
	return 0;
}

static struct digest id_of(const char *text)
{
	struct digest id;

	digest_of(text, strlen(text), &id);
	return id;
}

/* One mount in use. */
struct use {
	int directory, lock;
	bool fresh;
};

static struct use use(struct store *s, const char *id, enum store_sharing sharing)
{
	struct error err = ERROR_INIT;
	struct digest digest = id_of(id);
	struct use u = {.lock = -1};

	u.directory = store_mount_open(s, &digest, sharing, false, &u.lock, &u.fresh, &err);
	ok(u.directory);
	assert_true(u.lock >= 0);
	if (u.fresh)
		ok(store_mount_ready(u.directory, u.lock, sharing, &err));
	return u;
}

static void end(struct use u)
{
	close(u.directory);
	store_mount_close(u.lock);
}

static bool is_busy(struct store *s, const char *id, enum store_sharing sharing)
{
	struct error err = ERROR_INIT;
	struct digest digest = id_of(id);
	int lock = -1, fd;
	bool fresh;

	fd = store_mount_open(s, &digest, sharing, false, &lock, &fresh, &err);
	if (fd < 0) {
		assert_int_equal(err.code, ERROR_EXISTS);
		assert_int_equal(lock, -1);
		return true;
	}
	close(fd);
	store_mount_close(lock);
	return false;
}

static bool is_same(int a, int b)
{
	struct stat x, y;

	assert_return_code(fstat(a, &x), errno);
	assert_return_code(fstat(b, &y), errno);
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void what_is_written_is_found_again(void **state)
{
	struct error err = ERROR_INIT;
	auto_(store) struct store *s = box_open(*state, 0);
	struct use u = use(s, "a", STORE_MOUNT_SHARED);
	struct stat st;

	assert_true(u.fresh);
	assert_return_code(fstat(u.directory, &st), errno);
	assert_int_equal(st.st_mode & 07777, 0755);
	ok(replace_file(u.directory, "file", "x", 1, &err));
	end(u);
	u = use(s, "a", STORE_MOUNT_LOCKED);
	assert_false(u.fresh);
	assert_return_code(faccessat(u.directory, "file", F_OK, 0), errno);
	end(u);
	u = use(s, "b", STORE_MOUNT_SHARED);
	assert_true(u.fresh);
	end(u);
}

static void shared_goes_with_shared_only(void **state)
{
	auto_(store) struct store *s = box_open(*state, 0);
	struct use a = use(s, "a", STORE_MOUNT_SHARED), b = use(s, "a", STORE_MOUNT_SHARED);

	assert_true(is_same(a.directory, b.directory));
	assert_true(is_busy(s, "a", STORE_MOUNT_LOCKED));
	end(a);
	assert_true(is_busy(s, "a", STORE_MOUNT_LOCKED));
	end(b);
	a = use(s, "a", STORE_MOUNT_LOCKED);
	assert_true(is_busy(s, "a", STORE_MOUNT_LOCKED));
	assert_true(is_busy(s, "a", STORE_MOUNT_SHARED));
	assert_false(is_busy(s, "b", STORE_MOUNT_LOCKED));
	end(a);
	assert_false(is_busy(s, "a", STORE_MOUNT_SHARED));
}

static void private_takes_the_first_free_one(void **state)
{
	auto_(store) struct store *s = box_open(*state, 0);
	struct use a = use(s, "a", STORE_MOUNT_PRIVATE), b = use(s, "a", STORE_MOUNT_PRIVATE);
	struct use c = use(s, "a", STORE_MOUNT_PRIVATE), again;

	assert_true(a.fresh && b.fresh && c.fresh);
	assert_false(is_same(a.directory, b.directory));
	assert_false(is_same(b.directory, c.directory));
	assert_int_equal(box_count(*state, "mounts"), 3);
	assert_true(is_busy(s, "a", STORE_MOUNT_SHARED));
	end(b);
	again = use(s, "a", STORE_MOUNT_PRIVATE);
	assert_false(again.fresh);
	end(again);
	end(a);
	again = use(s, "a", STORE_MOUNT_SHARED);
	assert_false(again.fresh);
	end(again);
	end(c);
	assert_int_equal(box_count(*state, "mounts"), 3);
}

/* Who is seen filling it must not be overtaken, and who dies has filled nothing. */
static void nobody_gets_it_before_it_is_filled(void **state)
{
	struct error err = ERROR_INIT;
	auto_(store) struct store *s = box_open(*state, 0);
	struct digest id = id_of("a");
	struct use a = {.lock = -1}, b;

	a.directory = store_mount_open(s, &id, STORE_MOUNT_SHARED, false, &a.lock, &a.fresh, &err);
	ok(a.directory);
	assert_true(a.fresh);
	ok(replace_file(a.directory, "half", "x", 1, &err));
	assert_true(is_busy(s, "a", STORE_MOUNT_SHARED));
	end(a);
	a.directory = store_mount_open(s, &id, STORE_MOUNT_SHARED, false, &a.lock, &a.fresh, &err);
	ok(a.directory);
	assert_true(a.fresh);
	assert_int_equal(faccessat(a.directory, "half", F_OK, 0), -1);
	ok(replace_file(a.directory, "whole", "x", 1, &err));
	ok(store_mount_ready(a.directory, a.lock, STORE_MOUNT_SHARED, &err));
	b = use(s, "a", STORE_MOUNT_SHARED);
	assert_false(b.fresh);
	assert_true(is_same(a.directory, b.directory));
	assert_return_code(faccessat(b.directory, "whole", F_OK, 0), errno);
	end(a);
	end(b);
}

/* --- processes ----------------------------------------------------------------------------- */

/* Runs in a child: tells through `out` what it got, and waits for a byte from `in`. */
static _Noreturn void hold(const struct box *b, enum store_sharing sharing, int in, int out)
{
	struct error err = ERROR_INIT;
	struct store *s = store_open(b->root, STORE_CREATE, &err);
	struct digest id = id_of("a");
	struct stat st = {.st_ino = 0};
	int lock = -1, fd = -1;
	bool fresh = false;
	char byte;

	if (s != NULL)
		fd = store_mount_open(s, &id, sharing, true, &lock, &fresh, &err);
	if (fd < 0 || (fresh && store_mount_ready(fd, lock, sharing, &err) < 0) ||
	    fstat(fd, &st) < 0 || write(out, &st.st_ino, sizeof(st.st_ino)) < 0) {
		error_print(&err, stderr, true);
		_exit(1);
	}
	/* No store_mount_close(): the end of the process must do. */
	_exit(read(in, &byte, 1) != 1);
}

struct holder {
	pid_t pid;
	int in, out;
};

static struct holder holder_start(const struct box *b, enum store_sharing sharing)
{
	struct holder h;
	int in[2], out[2];

	assert_return_code(pipe2(in, O_CLOEXEC), errno);
	assert_return_code(pipe2(out, O_CLOEXEC), errno);
	h.pid = fork();
	if (h.pid == 0) {
		close(in[1]);
		close(out[0]);
		hold(b, sharing, in[0], out[1]);
	}
	close(in[0]);
	close(out[1]);
	h.in = in[1];
	h.out = out[0];
	return h;
}

/* The inode of the directory it got; waits until it has one. */
static ino_t holder_got(const struct holder *h)
{
	ino_t inode = 0;

	assert_int_equal(read(h->out, &inode, sizeof(inode)), sizeof(inode));
	return inode;
}

static void holder_end(struct holder *h, int signal)
{
	int status;

	if (signal != 0)
		assert_return_code(kill(h->pid, signal), errno);
	else
		assert_int_equal(write(h->in, "", 1), 1);
	close(h->in);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	assert_int_equal(status, signal);
	close(h->out);
}

static void three_processes_share_or_do_not(void **state)
{
	static const enum store_sharing sharing[] = {STORE_MOUNT_SHARED, STORE_MOUNT_PRIVATE};

	for (int kind = 0; kind < 2; kind++) {
		struct holder h[3];
		ino_t got[3];

		/* Not one after the other: they create it at the same time. */
		for (int i = 0; i < 3; i++)
			h[i] = holder_start(*state, sharing[kind]);
		for (int i = 0; i < 3; i++)
			got[i] = holder_got(&h[i]);
		assert_int_equal(got[0] == got[1], kind == 0);
		assert_int_equal(got[1] == got[2], kind == 0);
		for (int i = 0; i < 3; i++)
			holder_end(&h[i], 0);
	}
}

static void locked_waits_and_a_killed_holder_frees_it(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	struct holder h[3];
	ino_t first;

	h[0] = holder_start(b, STORE_MOUNT_LOCKED);
	first = holder_got(&h[0]);
	for (int i = 1; i < 3; i++)
		h[i] = holder_start(b, STORE_MOUNT_LOCKED);
	assert_true(is_busy(s, "a", STORE_MOUNT_LOCKED));
	/* One after the other gets it, in no particular order. */
	for (int ended = 0; ended < 3; ended++) {
		struct pollfd ready[3];
		int who = 0;

		for (int i = 0; i < 3; i++)
			ready[i] = (struct pollfd){.fd = h[i].out, .events = POLLIN};
		if (ended > 0) {
			assert_int_equal(poll(ready, 3, -1), 1);
			while (ready[who].revents == 0)
				who++;
			assert_int_equal(holder_got(&h[who]), first);
		}
		assert_true(is_busy(s, "a", STORE_MOUNT_SHARED));
		holder_end(&h[who], ended == 0 ? SIGKILL : 0);
		h[who].out = -1;
	}
	assert_false(is_busy(s, "a", STORE_MOUNT_LOCKED));
}

/* A job that was forked meanwhile has the descriptor, too. */
static void closing_does_not_wait_for_forks(void **state)
{
	auto_(store) struct store *s = box_open(*state, 0);
	struct use u = use(s, "a", STORE_MOUNT_LOCKED);
	int pair[2], status;
	char byte;
	pid_t pid;

	assert_return_code(pipe2(pair, O_CLOEXEC), errno);
	pid = fork();
	if (pid == 0) {
		close(pair[1]);
		_exit(read(pair[0], &byte, 1) != 0);
	}
	end(u);
	assert_false(is_busy(s, "a", STORE_MOUNT_LOCKED));
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- care ---------------------------------------------------------------------------------- */

static struct prune_report prune(struct store *s, struct prune_options options)
{
	struct error err = ERROR_INIT;
	struct prune_report report, dry;

	options.dry_run = true;
	ok(store_prune(s, &options, &dry, &err));
	options.dry_run = false;
	ok(store_prune(s, &options, &report, &err));
	assert_memory_equal(&report, &dry, sizeof(dry));
	return report;
}

static void prune_takes_what_nobody_uses(void **state)
{
	struct box *b = *state;
	struct error err = ERROR_INIT;
	auto_(store) struct store *s = box_open(b, 0);
	struct use a = use(s, "a", STORE_MOUNT_SHARED), other = use(s, "b", STORE_MOUNT_PRIVATE);
	struct prune_report r;
	char data[10000];

	memset(data, 'x', sizeof(data));
	ok(replace_file(a.directory, "file", data, sizeof(data), &err));
	r = prune(s, (struct prune_options){.mounts = true});
	assert_int_equal(r.mounts + r.bytes, 0);
	end(other);
	r = prune(s, (struct prune_options){.mounts = true, .older = 3600});
	assert_int_equal(r.mounts, 0);
	r = prune(s, (struct prune_options){.cache = true, .unnamed = true});
	assert_int_equal(r.mounts, 0);
	r = prune(s, (struct prune_options){.mounts = true});
	assert_int_equal(r.mounts, 1);
	end(a);
	r = prune(s, (struct prune_options){.mounts = true});
	assert_int_equal(r.mounts, 1);
	assert_true(r.bytes >= sizeof(data));
	assert_int_equal(box_count(b, "mounts"), 0);
	assert_int_equal(box_count(b, "trash"), 0);
	a = use(s, "a", STORE_MOUNT_SHARED);
	assert_true(a.fresh);
	end(a);
}

static void prune_knows_when_it_was_used_last(void **state)
{
	struct box *b = *state;
	auto_(store) struct store *s = box_open(b, 0);
	const struct timespec old[2] = {{.tv_sec = time(NULL) - 7200},
					{.tv_sec = time(NULL) - 7200}};
	const struct digest id = id_of("a");
	char hex[DIGEST_HEX_SIZE], path[100];
	struct prune_report r;

	snprintf(path, sizeof(path), "mounts/%s/lock", digest_hex(&id, hex));
	end(use(s, "a", STORE_MOUNT_SHARED));
	assert_return_code(utimensat(b->root, path, old, 0), errno);
	r = prune(s, (struct prune_options){.mounts = true, .older = 10000});
	assert_int_equal(r.mounts, 0);
	end(use(s, "a", STORE_MOUNT_SHARED));
	r = prune(s, (struct prune_options){.mounts = true, .older = 3600});
	assert_int_equal(r.mounts, 0);
	assert_return_code(utimensat(b->root, path, old, 0), errno);
	r = prune(s, (struct prune_options){.mounts = true, .older = 3600});
	assert_int_equal(r.mounts, 1);
}

/* Users and prunes at the same time: everybody gets a directory that is in its place. */
static void prune_and_users_do_not_disturb_each_other(void **state)
{
	enum { USERS = 3, ROUNDS = 200 };
	struct box *b = *state;
	pid_t pids[USERS];
	int status;

	for (int i = 0; i < USERS; i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		struct error err = ERROR_INIT;
		struct store *s = store_open(b->root, STORE_CREATE, &err);
		struct digest id = id_of("a");

		for (int round = 0; s != NULL && round < ROUNDS; round++) {
			int lock = -1;
			bool fresh;
			int fd = store_mount_open(s, &id, (enum store_sharing)(i % 3), true, &lock,
						  &fresh, &err);

			if (fd < 0 ||
			    (fresh &&
			     store_mount_ready(fd, lock, (enum store_sharing)(i % 3), &err) < 0) ||
			    faccessat(fd, "../lock", F_OK, 0) < 0 ||
			    replace_file(fd, "file", "x", 1, &err) < 0) {
				error_print(&err, stderr, true);
				_exit(1);
			}
			close(fd);
			store_mount_close(lock);
		}
		_exit(s == NULL);
	}
	auto_(store) struct store *s = box_open(b, 0);

	for (int round = 0; round < ROUNDS / 4; round++) {
		struct prune_options options = {.mounts = true};
		struct prune_report report;
		struct error err = ERROR_INIT;

		ok(store_prune(s, &options, &report, &err));
	}
	for (int i = 0; i < USERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

static void usage_and_fsck_know_them(void **state)
{
	struct box *b = *state;
	struct store *s = box_open(b, 0);
	struct error err = ERROR_INIT;
	struct store_usage usage;

	end(use(s, "a", STORE_MOUNT_SHARED));
	end(use(s, "b", STORE_MOUNT_SHARED));
	ok(store_usage(s, &usage, &err));
	assert_int_equal(usage.mounts, 2);
	assert_true(usage.mount_bytes > 0);
	store_close(s);
	assert_int_equal(box_fsck(b, false), 0);
	assert_return_code(mkdirat(b->root, "mounts/strange", 0700), errno);
	assert_int_equal(box_fsck(b, false), 1);
	assert_int_equal(box_fsck(b, true), 1);
	assert_int_equal(box_fsck(b, false), 0);
	assert_int_equal(box_count(b, "mounts"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_found_again, make, drop),
		cmocka_unit_test_setup_teardown(shared_goes_with_shared_only, make, drop),
		cmocka_unit_test_setup_teardown(private_takes_the_first_free_one, make, drop),
		cmocka_unit_test_setup_teardown(nobody_gets_it_before_it_is_filled, make, drop),
		cmocka_unit_test_setup_teardown(three_processes_share_or_do_not, make, drop),
		cmocka_unit_test_setup_teardown(locked_waits_and_a_killed_holder_frees_it, make,
						drop),
		cmocka_unit_test_setup_teardown(closing_does_not_wait_for_forks, make, drop),
		cmocka_unit_test_setup_teardown(prune_takes_what_nobody_uses, make, drop),
		cmocka_unit_test_setup_teardown(prune_knows_when_it_was_used_last, make, drop),
		cmocka_unit_test_setup_teardown(prune_and_users_do_not_disturb_each_other, make,
						drop),
		cmocka_unit_test_setup_teardown(usage_and_fsck_know_them, make, drop),
	};

	return cmocka_run_group_tests_name("layers/mounts", tests, NULL, NULL);
}
