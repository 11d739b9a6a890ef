/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill -9, full disks and power cuts: what was acknowledged stays, everything else is whole or
 * gone, and nothing is left over. Needs root for the last two.
 */
#include "tests/store_box.h"

#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

enum { IMAGES_PER_TRIAL = 64, TEXT_SIZE = 4096 };

static const char *name_of(unsigned i, char out[32])
{
	snprintf(out, 32, "image:%u", i);
	return out;
}

/* Some kilobytes, different for each image of each trial. */
static const char *text_of(uint64_t trial, unsigned i, char out[TEXT_SIZE])
{
	struct dice d = {.state = trial * 1000003 + i + 1};
	size_t length = 100 + dice_roll(&d, TEXT_SIZE - 101);

	for (size_t k = 0; k < length; k++)
		out[k] = (char)('a' + dice_roll(&d, 26));
	out[length] = '\0';
	return out;
}

static int commit_image(struct store *s, uint64_t trial, unsigned i, struct error *err)
{
	char name[32], text[TEXT_SIZE];
	struct box_image image;

	if (box_image(s, name_of(i, name), text_of(trial, i, text), &image, err) < 0)
		return -1;
	return store_commit(s, &image.ref, 1, err);
}

/* Told through a pipe before and after something changes, so that the reader knows what must be
   there, what must not, and what may be either. */
struct message {
	unsigned image;
	enum { BUILT = 1, DELETING, DELETED } what;
};

static void tell(int to, unsigned image, int what)
{
	struct message m;

	memset(&m, 0, sizeof(m));
	m.image = image;
	m.what = what;
	if (write(to, &m, sizeof(m)) != sizeof(m))
		_exit(3);
}

/* Builds, deletes and prunes until it is killed or everything is built. */
static int work(const struct box *b, uint64_t trial, int to)
{
	const struct prune_options all = {.cache = true, .unnamed = true};
	struct dice d = {.state = trial * 77 + 5};
	struct prune_report report;
	struct error err = ERROR_INIT;
	struct store *s = box_open(b, 0);

	for (unsigned i = 0; i < IMAGES_PER_TRIAL; i++) {
		char name[32];

		if (commit_image(s, trial, i, &err) < 0)
			goto fail;
		tell(to, i, BUILT);
		if (dice_roll(&d, 4) == 0) {
			tell(to, i, DELETING);
			if (ref_delete(s, name_of(i, name), &err) < 0)
				goto fail;
			tell(to, i, DELETED);
		}
		if (dice_roll(&d, 6) == 0 && store_prune(s, &all, &report, &err) < 0)
			goto fail;
		if (dice_roll(&d, 4) == 0) {
			store_close(s);
			s = box_open(b, 0);
		}
	}
	store_close(s);
	return 0;
fail:
	error_print(&err, stderr, true);
	return 1;
}

struct expected {
	bool there[IMAGES_PER_TRIAL], gone[IMAGES_PER_TRIAL];
	unsigned built;
};

/* At most so many; ends early when there are no more. */
static void take_messages(int from, uint64_t most, struct expected *e)
{
	struct message m;

	while (most-- > 0 && read(from, &m, sizeof(m)) == sizeof(m)) {
		e->there[m.image] = m.what == BUILT;
		e->gone[m.image] = m.what == DELETED;
		e->built += m.what == BUILT;
	}
}

static void check_told(const struct box *b, uint64_t trial, const struct expected *e)
{
	auto_(store) struct store *s = box_open(b, 0);

	for (unsigned i = 0; i < IMAGES_PER_TRIAL; i++) {
		auto_(ref) struct ref r = {.name = NULL};
		struct error err = ERROR_INIT;
		char name[32], text[TEXT_SIZE];
		bool named = ref_get(s, name_of(i, name), &r, &err) == 0;

		if (e->there[i])
			assert_true(box_intact(s, name, text_of(trial, i, text)));
		else if (named)
			assert_false(e->gone[i]);
	}
}

static void delete_all_names(struct store *s)
{
	struct error err = ERROR_INIT;
	struct ref *refs;
	size_t count;

	ok(ref_list(s, &refs, &count, &err));
	for (size_t i = 0; i < count; i++) {
		ok(ref_delete(s, refs[i].name, &err));
		ref_release(&refs[i]);
	}
	free(refs);
}

/* Nothing but the empty layout may be left when everything is given up. */
static void check_nothing_leaks(const struct box *b)
{
	static const char *const dirs[] = {"blobs/sha256", "refs",  "cache", "layers", "lists",
					   "trees",        "trash", "stage", "lease"};
	const struct prune_options all = {.cache = true, .unnamed = true};
	struct prune_report report;
	struct error err = ERROR_INIT;
	struct store *s = box_open(b, 0);

	delete_all_names(s);
	ok(store_prune(s, &all, &report, &err));
	store_close(s);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (box_count(b, dirs[i]) != 0)
			fail_msg("%zu entries left in %s", box_count(b, dirs[i]), dirs[i]);
	assert_int_equal(box_fsck(b, false), 0);
}

/* Waits until the child has ended or the time is over. */
static void wait_at_most(uint64_t microseconds, int from)
{
	struct timespec t = {.tv_sec = (time_t)(microseconds / 1000000),
			     .tv_nsec = (long)(microseconds % 1000000) * 1000};
	struct pollfd p = {.fd = from, .events = 0}; /* only the hang-up of its end */

	ppoll(&p, 1, &t, NULL);
}

static void killed_at_any_moment(void **state)
{
	struct dice dice = dice_new();
	uint64_t trials = box_number("TRIALS", 200), built = 0;
	struct box b;

	(void)state;
	box_make(&b);
	fprintf(stderr, "killed_at_any_moment: SEED=%llu\n", (unsigned long long)dice.seed);
	for (uint64_t t = 0; t < trials; t++) {
		uint64_t messages = dice_roll(&dice, 4), delay = dice_roll(&dice, 20000);
		struct expected e = {.built = 0};
		int channel[2], status;
		pid_t child;

		assert_int_equal(pipe(channel), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			close(channel[0]);
			_exit(work(&b, t, channel[1]));
		}
		close(channel[1]);
		take_messages(channel[0], messages, &e);
		wait_at_most(delay, channel[0]);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
		take_messages(channel[0], UINT64_MAX, &e);
		close(channel[0]);
		built += e.built;
		check_told(&b, t, &e);
		assert_int_equal(box_fsck(&b, false), 0);
		check_nothing_leaks(&b);
	}
	assert_true(built > trials / 2);
	box_remove(&b);
}

/* --- full disks ---------------------------------------------------------------------------- */

/* A mount of our own in a name space that ends with this process. */
static bool mount_tmpfs(const char *path, unsigned kilobytes)
{
	char options[64];

	snprintf(options, sizeof(options), "size=%uk", kilobytes);
	return mount("varve-test", path, "tmpfs", 0, options) == 0;
}

static bool own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* Fills the disk with images; returns how many were committed before it was full. */
static unsigned fill(const struct box *b, uint64_t trial)
{
	struct error err = ERROR_INIT;
	auto_(store) struct store *s = store_open(b->root, STORE_CREATE, &err);
	unsigned i = 0;

	while (s != NULL && i < 10000 && commit_image(s, trial, i, &err) == 0)
		i++;
	if (err.code != ERROR_SPACE)
		error_print(&err, stderr, true);
	assert_int_equal(err.code, ERROR_SPACE);
	return i;
}

static void full_disks_of_all_sizes(void **state)
{
	uint64_t most = box_number("TRIALS", 24);
	struct error err = ERROR_INIT;
	uint64_t committed = 0;
	struct box b;

	(void)state;
	box_make(&b);
	if (!own_mounts()) {
		fprintf(stderr, "full_disks_of_all_sizes: skipped: no mounts here: %s\n",
			strerror(errno));
		box_remove(&b);
		skip();
	}
	for (uint64_t t = 0; t < most; t++) {
		struct box full = {.root = -1};
		unsigned count;

		assert_true(mount_tmpfs(b.path, 16 + (unsigned)(t * 400 / most)));
		snprintf(full.path, sizeof(full.path), "%s", b.path);
		full.root = open(b.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		count = fill(&full, t);
		committed += count;
		if (box_has(&full, "format")) {
			struct store *s = box_open(&full, 0);

			for (unsigned i = 0; i < count; i++) {
				char name[32], text[TEXT_SIZE];

				assert_true(box_intact(s, name_of(i, name), text_of(t, i, text)));
			}
			assert_int_equal(box_count(&full, "refs"), count);
			store_close(s);
			assert_int_equal(box_fsck(&full, false), 0);
			/* Giving things up must work on a full disk. */
			const struct prune_options all = {.cache = true};
			struct prune_report report;

			s = box_open(&full, 0);
			ok(store_prune(s, &all, &report, &err));
			store_close(s);
			check_nothing_leaks(&full);
		}
		close(full.root);
		assert_int_equal(umount2(b.path, MNT_DETACH), 0);
	}
	assert_true(committed > 0);
	box_remove(&b);
}

/* --- power cuts ---------------------------------------------------------------------------- */

struct disk {
	struct box box; /* where image and mount point are */
	char image[300], mount[300];
};

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command);
}

static bool disk_make(struct disk *d)
{
	box_make(&d->box);
	snprintf(d->image, sizeof(d->image), "%s/image", d->box.path);
	snprintf(d->mount, sizeof(d->mount), "%s/mount", d->box.path);
	assert_int_equal(mkdir(d->mount, 0700), 0);
	return own_mounts() && run("PATH=$PATH:/usr/sbin:/sbin; truncate -s 48M %s && mkfs.ext4 "
				   "-qF %s >/dev/null 2>&1 && "
				   "mount -o loop %s %s 2>/dev/null && umount %s",
				   d->image, d->image, d->image, d->mount, d->mount) == 0;
}

static void disk_mount(const struct disk *d, struct box *b)
{
	assert_int_equal(run("PATH=$PATH:/usr/sbin:/sbin; mount -o loop %s %s", d->image, d->mount),
			 0);
	snprintf(b->path, sizeof(b->path), "%.240s/store", d->mount);
	assert_true(mkdir(b->path, 0700) == 0 || errno == EEXIST);
	b->root = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->root >= 0);
}

static void disk_unmount(const struct disk *d, struct box *b)
{
	close(b->root);
	assert_int_equal(umount2(d->mount, 0), 0);
}

/* Everything that the journal has not got is lost: EXT4_IOC_SHUTDOWN without flushing the log. */
static void cut_power(const struct box *b)
{
	uint32_t flag = 2;

	assert_int_equal(ioctl(b->root, _IOR('X', 125, uint32_t), &flag), 0);
}

/* Commits and tells until the power goes. Errors are what happens then. */
static int work_until_dark(const struct box *b, uint64_t trial, int to)
{
	struct error err = ERROR_INIT;
	struct store *s = store_open(b->root, STORE_CREATE, &err);

	for (unsigned i = 0; s != NULL && i < IMAGES_PER_TRIAL; i++) {
		if (commit_image(s, trial, i, &err) < 0)
			break;
		tell(to, i, BUILT);
	}
	_exit(0);
}

/* Reads what was told so far; what arrives while the power goes is ambiguous. */
static void take_so_far(int from, struct expected *e)
{
	assert_int_equal(fcntl(from, F_SETFL, O_NONBLOCK), 0);
	take_messages(from, UINT64_MAX, e);
}

static void cut_while_working(const struct box *b, uint64_t trial, uint64_t delay,
			      struct expected *e)
{
	int channel[2], status;
	pid_t child;

	assert_int_equal(pipe(channel), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(channel[0]);
		work_until_dark(b, trial, channel[1]);
	}
	close(channel[1]);
	take_messages(channel[0], 1, e);
	wait_at_most(delay, channel[0]);
	take_so_far(channel[0], e);
	cut_power(b);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(channel[0]);
}

/* One image committed, another one only pending, and then darkness. */
static void cut_after_commit(const struct box *b, uint64_t trial, struct expected *e)
{
	struct store *s = box_open(b, 0);
	struct error err = ERROR_INIT;
	char text[TEXT_SIZE];
	struct box_image image;

	for (unsigned i = 0; i < 2; i++) {
		ok(commit_image(s, trial, i, &err));
		e->there[i] = true;
		e->built++;
	}
	ok(box_image(s, "image:2", text_of(trial, 2, text), &image, &err));
	if (trial % 3 == 0)
		ok(commit_image(s, trial, 0, &err)); /* the same again must not undo anything */
	cut_power(b);
	store_close(s);
}

static void check_after_cut(const struct box *b, uint64_t trial, const struct expected *e,
			    bool same_boot)
{
	struct error err = ERROR_INIT;
	struct store *s;

	check_told(b, trial, e);
	/* The kernel went on running: with the old boot id pending is still believed in, and what
	   lost its pages there has to be noticed by whoever builds it again. */
	s = box_open(b, 0);
	for (unsigned i = 0; i < 4; i++)
		ok(commit_image(s, trial, i, &err));
	store_close(s);
	assert_true(box_fsck(b, same_boot) >= 0);
	assert_int_equal(box_fsck(b, false), 0);
	check_nothing_leaks(b);
}

static void power_cuts(void **state)
{
	struct dice dice = dice_new();
	uint64_t trials = box_number("TRIALS", 10);
	struct disk d;

	(void)state;
	if (!disk_make(&d)) {
		fprintf(stderr, "power_cuts: skipped: no ext4 on a loop device here\n");
		box_remove(&d.box);
		skip();
	}
	fprintf(stderr, "power_cuts: SEED=%llu\n", (unsigned long long)dice.seed);
	for (uint64_t t = 0; t < trials; t++) {
		struct expected e = {.built = 0};
		bool fresh = t % 2;
		char boot[64];
		struct box b;

		snprintf(boot, sizeof(boot), "b00-%llx", (unsigned long long)t);
		setenv("VARVE_BOOT_ID", boot, 1);
		disk_mount(&d, &b);
		store_close(box_open(&b, 0));
		if (t % 4 < 2)
			cut_after_commit(&b, t, &e);
		else
			cut_while_working(&b, t, dice_roll(&dice, 150000), &e);
		disk_unmount(&d, &b);
		if (fresh) {
			strcat(boot, "-f");
			setenv("VARVE_BOOT_ID", boot, 1);
		}
		disk_mount(&d, &b);
		check_after_cut(&b, t, &e, !fresh);
		disk_unmount(&d, &b);
	}
	unsetenv("VARVE_BOOT_ID");
	box_remove(&d.box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_any_moment),
		cmocka_unit_test(full_disks_of_all_sizes),
		cmocka_unit_test(power_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
