/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several trees at once: all of them, in order; one bad layer among good ones; cancelled and killed
 * half way; wanted by several processes at the same moment.
 */
#include "layers/unpacker.h"

#include "common/listing.h"
#include "common/loop.h"
#include "layers/store_private.h"
#include "tests/layers_fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>

enum { LAYERS = 7, PROCESSES = 4, MANY_FILES = 3000 };

struct made {
	struct layer layer[LAYERS];
	char *dump[LAYERS];
};

static void made_release(struct made *m)
{
	for (int i = 0; i < LAYERS; i++)
		free(m->dump[i]);
}
DEFINE_CLEANUP_STRUCT(made, struct made, made_release);

/* Layers of random trees, each with a file that tells it from the others. */
static void make_layers(struct scratch *s, struct rng *rng, struct made *out)
{
	for (int i = 0; i < LAYERS; i++) {
		auto_fd int tree = make_dir(s->dir, "tree");
		char name[32];

		random_tree(rng, tree, 2);
		snprintf(name, sizeof(name), "layer %d", i);
		put_text(tree, name, name);
		out->dump[i] = dump_tree(tree, true);
		out->layer[i] = pack_plain(s, tree, (enum compression)rng_below(rng, 3));
		remove_dir(s->dir, "tree");
	}
}

/* A layer whose unpacking takes long enough to be interrupted. */
static struct layer make_long_layer(struct scratch *s, int number)
{
	auto_fd int tree = make_dir(s->dir, "tree");
	struct layer layer;
	char name[32];

	for (int i = 0; i < MANY_FILES; i++) {
		snprintf(name, sizeof(name), "%d of %d", i, number);
		put_text(tree, name, name);
	}
	layer = pack_plain(s, tree, COMPRESS_ZSTD);
	remove_dir(s->dir, "tree");
	return layer;
}

static void expect_all(struct store *store, const struct made *m)
{
	struct error err = ERROR_INIT;
	int fds[LAYERS];

	must(layer_trees(store, m->layer, LAYERS, fds, &err) == 0, &err);
	for (int i = 0; i < LAYERS; i++) {
		auto_fd int tree = fds[LAYERS - 1 - i];
		auto_free char *is = dump_tree(tree, true);

		assert_string_equal(is, m->dump[i]);
	}
}

static void expect_empty_stage(struct scratch *s)
{
	auto_(listing) struct listing left = LISTING_INIT;
	struct error err = ERROR_INIT;

	must(listing_read(store_stage(s->store, &err), &left, &err) == 0, &err);
	assert_int_equal(left.count, 0);
}

static void expect_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static struct store *open_again(const struct scratch *s)
{
	struct error err = ERROR_INIT;
	auto_fd int root = openat(s->dir, "store", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct store *again = store_open(root, 0, &err);

	must(again != NULL, &err);
	return again;
}

/* What the processes that are gone have left in stage/. */
static void expect_no_stages(const struct scratch *s)
{
	auto_fd int dir = openat(s->dir, "store/stage", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_(listing) struct listing left = LISTING_INIT;
	struct error err = ERROR_INIT;

	must(listing_read(dir, &left, &err) == 0, &err);
	assert_int_equal(left.count, 0);
}

/* --- */

static void all_trees_come_the_top_first(void **state)
{
	struct scratch *s = *state;

	for (int i = 0; i < trials(20); i++) {
		struct rng rng = trial(s, i);
		auto_(made) struct made m = {.dump = {NULL}};
		struct error err = ERROR_INIT;

		make_layers(s, &rng, &m);
		/* Some are there already. */
		for (int k = 0; k < LAYERS; k++)
			if (rng_below(&rng, 4) == 0)
				must(layer_unpack(s->store, &m.layer[k], &err) == 0, &err);
		/* One layer may stand in an image twice. */
		if (rng_below(&rng, 2) == 0) {
			m.layer[0] = m.layer[LAYERS - 1];
			free(m.dump[0]);
			m.dump[0] = xstrdup(m.dump[LAYERS - 1]);
		}
		expect_all(s->store, &m);
		expect_all(s->store, &m);
		expect_empty_stage(s);
		expect_no_children();
	}
}

static void no_layers_are_no_trees(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	int none = -1;

	must(layer_trees(s->store, NULL, 0, &none, &err) == 0, &err);
}

static void one_bad_layer_fails_all(void **state)
{
	struct scratch *s = *state;

	for (int bad = 0; bad < LAYERS; bad++) {
		struct rng rng = trial(s, 100 + bad);
		auto_(made) struct made m = {.dump = {NULL}};
		struct error err = ERROR_INIT;
		int fds[LAYERS];
		struct layer good;

		make_layers(s, &rng, &m);
		good = m.layer[bad];
		m.layer[bad].diff_id.sha256[0] ^= 1;
		assert_int_equal(layer_trees(s->store, m.layer, LAYERS, fds, &err), -1);
		assert_int_equal(err.code, ERROR_DIGEST);
		for (int i = 0; i < LAYERS; i++)
			assert_int_equal(fds[i], -1);
		expect_no_children();
		assert_false(store_has(s->store, STORE_TREES, &m.layer[bad].diff_id));
		/* The others are whole or not there. */
		m.layer[bad] = good;
		expect_all(s->store, &m);
	}
}

/* --- cancelling ---------------------------------------------------------------------------- */

struct outcome {
	int failures;
	int refused; /* of them, for want of space */
	enum error_code last;
};

static void note(void *user, const struct error *err)
{
	struct outcome *o = user;

	o->failures++;
	o->last = err->code;
}

static void cancelled_ones_leave_nothing(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	struct outcome o = {0};
	auto_(loop) struct loop *l = loop_new(&err);
	auto_(unpacker) struct unpacker *u = unpacker_new(s->store, l, 2, note, &o);
	struct layer layer[3];
	int fd;

	for (int i = 0; i < 3; i++) {
		layer[i] = make_long_layer(s, i);
		assert_int_equal(unpacker_get(u, &layer[i], &fd), 0);
	}
	must(unpacker_start(u, &err) == 0, &err);
	assert_true(unpacker_busy(u));
	unpacker_cancel(u);
	while (unpacker_busy(u))
		must(loop_step(l, -1, &err) >= 0, &err);
	expect_no_children();
	/* The two that ran; the third was never begun. */
	assert_int_equal(o.failures, 2);
	assert_int_equal(o.last, ERROR_CANCELLED);
	must(unpacker_start(u, &err) == 0, &err);
	assert_false(unpacker_busy(u));
	store_close(s->store);
	s->store = open_again(s);
	expect_no_stages(s);
	for (int i = 0; i < 3; i++)
		close(unpack_plain(s, &layer[i]));
}

/* --- several processes --------------------------------------------------------------------- */

static _Noreturn void unpack_in_child(const struct scratch *s, const struct made *m, int start)
{
	struct store *store = open_again(s);
	int fds[LAYERS], made = 0;
	struct error err = ERROR_INIT;
	char byte;

	/* All begin when the pipe is closed. */
	if (read(start, &byte, 1) != 0 || layer_trees(store, m->layer, LAYERS, fds, &err) < 0)
		_exit(100);
	for (int i = 0; i < LAYERS; i++)
		made += lease_made(store, STORE_TREES, &m->layer[i].diff_id);
	store_close(store);
	_exit(made);
}

static void processes_share_the_work(void **state)
{
	struct scratch *s = *state;

	for (int i = 0; i < trials(20); i++) {
		struct rng rng = trial(s, 200 + i);
		auto_(made) struct made m = {.dump = {NULL}};
		int start[2], made = 0, status;
		pid_t pids[PROCESSES];

		assert_true(scratch_renew(s));
		make_layers(s, &rng, &m);
		assert_int_equal(pipe2(start, O_CLOEXEC), 0);
		for (int p = 0; p < PROCESSES; p++) {
			pids[p] = fork();
			if (pids[p] == 0) {
				close(start[1]);
				unpack_in_child(s, &m, start[0]);
			}
			assert_true(pids[p] > 0);
		}
		close(start[0]);
		close(start[1]);
		for (int p = 0; p < PROCESSES; p++) {
			assert_int_equal(waitpid(pids[p], &status, 0), pids[p]);
			assert_true(WIFEXITED(status));
			assert_in_range(WEXITSTATUS(status), 0, LAYERS);
			made += WEXITSTATUS(status);
		}
		assert_int_equal(made, LAYERS);
		expect_all(s->store, &m);
	}
}

/* --- kill -9 ------------------------------------------------------------------------------- */

/* How many files lie in the trees that the process is unpacking; -1 before it has begun. */
static int progress(const struct scratch *s)
{
	auto_free char *command =
		xprintf("find %s/store/stage -mindepth 4 -maxdepth 4 2>/dev/null | wc -l", s->path);
	FILE *pipe = popen(command, "r");
	int count = -1;

	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%d", &count), 1);
	pclose(pipe);
	return count;
}

static void killed_ones_leave_nothing(void **state)
{
	struct scratch *s = *state;

	for (int i = 0; i < trials(5); i++) {
		struct error err = ERROR_INIT;
		struct layer layer[3];
		int fds[3], status = 0;
		pid_t pid;

		assert_true(scratch_renew(s));
		for (int k = 0; k < 3; k++)
			layer[k] = make_long_layer(s, 10 + k);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct store *store = open_again(s);

			_exit(layer_trees(store, layer, 3, fds, &err) < 0);
		}
		while (progress(s) < 10 && waitpid(pid, &status, WNOHANG) == 0)
			sched_yield();
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		store_close(s->store);
		s->store = open_again(s);
		must(layer_trees(s->store, layer, 3, fds, &err) == 0, &err);
		for (int k = 0; k < 3; k++) {
			auto_(listing) struct listing files = LISTING_INIT;
			auto_fd int fd = fds[k];

			must(listing_read(fd, &files, &err) == 0, &err);
			assert_int_equal(files.count, MANY_FILES);
		}
		/* The stages of the dead go when a store is opened, and ours with it. */
		store_close(s->store);
		s->store = open_again(s);
		expect_no_stages(s);
	}
}

/* --- a small disk -------------------------------------------------------------------------- */

/* Blobs and the store's own files stay. */
static void drop_trees(struct scratch *s)
{
	auto_free char *command = xprintf("rm -rf %s/store/pending/*/trees", s->path);

	assert_int_equal(system(command), 0);
}

/* Each fits, all together do not. */
static struct layer make_large_layer(struct scratch *s, int number)
{
	enum { LARGE = 60 * 1024 * 1024 };
	auto_fd int tree = make_dir(s->dir, "tree"), file = -1;
	struct layer layer;
	char name[32];

	snprintf(name, sizeof(name), "%d", number);
	put_text(tree, name, name);
	file = openat(tree, name, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(file, LARGE), 0);
	layer = pack_plain(s, tree, COMPRESS_ZSTD);
	remove_dir(s->dir, "tree");
	return layer;
}

static void note_space(void *user, const struct error *err)
{
	struct outcome *o = user;

	o->failures++;
	/* Our own finding, and not what a full disk answers. */
	if (err->code != ERROR_SPACE || err->os != 0)
		error_print(err, stderr, true);
	else
		o->refused++;
}

static void unpack_large_ones(struct scratch *s, const struct layer *layer, unsigned count)
{
	struct error err = ERROR_INIT;
	struct outcome o = {0};
	auto_(loop) struct loop *l = loop_new(&err);
	auto_(unpacker) struct unpacker *u = unpacker_new(s->store, l, count, note_space, &o);
	int fd, there = 0;

	for (unsigned k = 0; k < count; k++)
		assert_int_equal(unpacker_get(u, &layer[k], &fd), 0);
	must(unpacker_start(u, &err) == 0, &err);
	while (unpacker_busy(u))
		must(loop_step(l, -1, &err) >= 0, &err);
	for (unsigned k = 0; k < count; k++)
		there += unpacker_get(u, &layer[k], &fd);
	assert_true(o.failures >= 2);
	assert_int_equal(o.refused, o.failures);
	assert_int_equal(there, (int)count - o.failures);
	expect_empty_stage(s);
}

static void together_they_leave_the_reserve(void **state)
{
	enum { LARGE_LAYERS = 4 };
	struct scratch *s = *state;
	auto_free char *store = xprintf("%s/store", s->path);
	struct layer layer[LARGE_LAYERS];
	struct error err = ERROR_INIT;
	auto_fd int root = -1;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("varve-test", store, "tmpfs", 0, "size=160m") < 0) {
		print_message("skipped: no mounts here: %s\n", strerror(errno));
		skip();
	}
	store_close(s->store);
	/* s->dir belongs to the other mount namespace. */
	root = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->store = store_open(root, STORE_CREATE, &err);
	must(s->store != NULL, &err);
	for (int i = 0; i < LARGE_LAYERS; i++)
		layer[i] = make_large_layer(s, i);
	for (int i = 0; i < trials(5); i++) {
		unpack_large_ones(s, layer, LARGE_LAYERS);
		drop_trees(s);
	}
	store_close(s->store);
	s->store = NULL;
	cleanup_fd(&root);
	assert_int_equal(umount2(store, MNT_DETACH), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_trees_come_the_top_first),    TEST(no_layers_are_no_trees),
		TEST(one_bad_layer_fails_all),         TEST(cancelled_ones_leave_nothing),
		TEST(processes_share_the_work),        TEST(killed_ones_leave_nothing),
		TEST(together_they_leave_the_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
