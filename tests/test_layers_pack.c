/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/layers_overlay.h"

/* --- one rule each ------------------------------------------------------------------------- */

/* What a layer holds, as "change path" lines in tar order. */
struct visits {
	struct buf text;
};

static void note_visit(void *user, const char *path, enum entry_change change)
{
	struct visits *v = user;

	buf_printf(&v->text, "%c %s\n", "AMR"[change], path);
}

/* Packs upper over lower, and compares the visits. Returns the layer. */
static struct layer expect_changes(struct scratch *s, int upper, int lower, int64_t epoch,
				   const char *changes)
{
	struct visits visits = {BUF_INIT};
	struct pack_options options = {
		.below = {.trees = &lower, .count = 1},
		.epoch = epoch,
		.visit = note_visit,
		.user = &visits,
	};
	struct error err = ERROR_INIT;
	struct layer layer;

	must(layer_pack(upper, s->store, &options, &layer, &err) == 0, &err);
	assert_string_equal(visits.text.data, changes);
	assert_int_equal(layer.empty, *changes == '\0');
	buf_release(&visits.text);
	return layer;
}

/* The table of HARDENING 4.1: one action in an overlay, what of it is a change. */
struct action {
	const char *why;
	void (*run)(int root);
	const char *changes;
};

static void append(int root)
{
	auto_fd int fd = openat(root, "d/f", O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(fd, "x", 1), 1);
}

static void open_only(int root)
{
	close(openat(root, "d/f", O_RDWR | O_CLOEXEC));
}

static void same_mode(int root)
{
	assert_int_equal(fchmodat(root, "d/f", 0644, 0), 0);
}

static void same_owner(int root)
{
	assert_int_equal(fchownat(root, "d/f", 0, 0, 0), 0);
	assert_int_equal(fchownat(root, "d/f", (uid_t)-1, (gid_t)-1, 0), 0);
}

static void same_time(int root)
{
	set_mtime(root, "d/f", 1000);
}

static void read_only(int root)
{
	struct stat st;
	char byte;
	auto_fd int fd = openat(root, "d/f", O_RDONLY | O_CLOEXEC);

	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(fstatat(root, "d", &st, 0), 0);
}

static void unlink_file(int root)
{
	assert_int_equal(unlinkat(root, "d/f", 0), 0);
	set_mtime(root, "d", 1000);
}

static void remove_directory(int root)
{
	remove_path(root, "d");
}

static void remake_directory(int root)
{
	remove_path(root, "d");
	assert_int_equal(mkdirat(root, "d", 0755), 0);
	set_mtime(root, "d", 1000);
}

static void rename_new_directory(int root)
{
	assert_int_equal(mkdirat(root, "n", 0755), 0);
	assert_int_equal(renameat(root, "n", root, "n2"), 0);
}

static void file_to_directory(int root)
{
	assert_int_equal(unlinkat(root, "g", 0), 0);
	assert_int_equal(mkdirat(root, "g", 0755), 0);
}

static void directory_to_file(int root)
{
	remove_path(root, "d");
	put_text(root, "d", "file");
}

static void create_and_delete(int root)
{
	put_text(root, "d/new", "x");
	assert_int_equal(unlinkat(root, "d/new", 0), 0);
}

static void create_and_delete_in_root(int root)
{
	put_text(root, "new", "x");
	assert_int_equal(unlinkat(root, "new", 0), 0);
}

static void rename_file(int root)
{
	assert_int_equal(renameat(root, "d/f", root, "moved"), 0);
	set_mtime(root, "d", 1000);
}

static void link_file(int root)
{
	assert_int_equal(linkat(root, "g", root, "h", 0), 0);
}

static void write_one_of_two_links(int root)
{
	put_text(root, "l1", "other");
}

static void same_time_other_content(int root)
{
	put_text(root, "g", "G");
	set_mtime(root, "g", 1000);
}

static void add_file(int root)
{
	put_text(root, "d/sub/new", "x");
	set_mtime(root, "d/sub", 1000);
}

static void make_socket(int root)
{
	assert_int_equal(mknodat(root, "socket", S_IFSOCK | 0600, 0), 0);
	assert_int_equal(unlinkat(root, "g", 0), 0);
	assert_int_equal(mknodat(root, "g", S_IFSOCK | 0600, 0), 0);
}

static void xattr_only(int root)
{
	auto_fd int fd = openat(root, "g", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fsetxattr(fd, "user.a", "b", 1, 0), 0);
}

static void foreign_xattr(int root)
{
	auto_fd int fd = openat(root, "g", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fsetxattr(fd, "trusted.a", "b", 1, 0), 0);
	assert_int_equal(fsetxattr(fd, "user.overlay.a", "b", 1, 0), 0);
}

static void table_of_overlay_actions(void **state)
{
	static const struct action table[] = {
		{"append", append, "M d/f\n"},
		{"open for writing", open_only, ""},
		{"chmod to the same", same_mode, ""},
		{"chown to the same", same_owner, ""},
		{"utimes to the same", same_time, ""},
		{"read", read_only, ""},
		{"unlink", unlink_file, "R d/f\n"},
		{"rm -r", remove_directory, "R d\n"},
		{"rm -r, mkdir", remake_directory, "R d/f\nR d/sub\n"},
		{"mkdir, rename", rename_new_directory, "A n2\n"},
		{"file to directory", file_to_directory, "M g\n"},
		{"directory to file", directory_to_file, "M d\n"},
		{"create and delete", create_and_delete, "M d\n"},
		{"create and delete in the root", create_and_delete_in_root, ""},
		{"rename", rename_file, "R d/f\nA moved\n"},
		{"link", link_file, "M g\nA h\n"},
		{"one of two links", write_one_of_two_links, "M l1\n"},
		{"same size and time", same_time_other_content, "M g\n"},
		{"deep file", add_file, "A d/sub/new\n"},
		{"sockets", make_socket, "R g\n"},
		{"xattr", xattr_only, "M g\n"},
		{"xattrs that are not layered", foreign_xattr, ""},
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		auto_fd int lower = make_dir(s->dir, "lower"), upper = make_dir(s->dir, "upper");
		auto_fd int work = make_dir(s->dir, "work"), d = make_dir(lower, "d");
		auto_fd int sub = make_dir(d, "sub");
		int merged;

		put_text(d, "f", "f");
		put_text(lower, "g", "g");
		put_text(lower, "l1", "l");
		assert_int_equal(linkat(lower, "l1", lower, "l2", 0), 0);
		for (int n = 0; n < 5; n++)
			set_mtime(lower, (const char *const[]){"g", "l1", "d/f", "d/sub", "d"}[n],
				  1000);
		merged = overlay_mount(s, &lower, 1, upper, work);
		table[i].run(merged);
		overlay_umount(s, &merged);
		print_message("%s\n", table[i].why);
		expect_changes(s, upper, lower, -1, table[i].changes);
		remove_dir(s->dir, "lower");
		remove_dir(s->dir, "upper");
		remove_dir(s->dir, "work");
	}
}

/* Times later than SOURCE_DATE_EPOCH become it, on both sides. */
static void the_epoch_clamps(void **state)
{
	struct scratch *s = *state;
	auto_fd int lower = make_dir(s->dir, "lower"), upper = make_dir(s->dir, "upper");
	struct pack_options options = {.epoch = 500};
	struct error err = ERROR_INIT;
	struct layer a, b;

	put_text(lower, "f", "f");
	put_text(lower, "old", "f");
	set_mtime(lower, "f", 1000);
	set_mtime(lower, "old", 100);
	put_text(upper, "f", "f");
	put_text(upper, "old", "f");
	set_mtime(upper, "f", 2000);
	set_mtime(upper, "old", 101);
	expect_changes(s, upper, lower, 500, "M old\n");
	expect_changes(s, upper, lower, -1, "M f\nM old\n");
	must(layer_pack(upper, s->store, &options, &a, &err) == 0, &err);
	set_mtime(upper, "f", 3000);
	must(layer_pack(upper, s->store, &options, &b, &err) == 0, &err);
	assert_true(digest_equal(&a.diff_id, &b.diff_id));
}

/* The directories on the way to a change carry what the merged view shows. */
static void parents_keep_their_metadata(void **state)
{
	struct scratch *s = *state;
	auto_fd int lower = make_dir(s->dir, "lower"), upper = make_dir(s->dir, "upper");
	auto_fd int work = make_dir(s->dir, "work"), tree = -1;
	auto_free char *dump = NULL;
	struct layer layer;
	int merged;

	assert_int_equal(mkdirat(lower, "p", 0700), 0);
	assert_int_equal(fchmodat(lower, "p", 03712, 0), 0);
	assert_int_equal(fchownat(lower, "p", 7, 8, 0), 0);
	set_mtime(lower, "p", 1234);
	merged = overlay_mount(s, &lower, 1, upper, work);
	put_text(merged, "p/f", "f");
	set_mtime(merged, "p/f", 1);
	set_mtime(merged, "p", 1234);
	overlay_umount(s, &merged);
	layer = expect_changes(s, upper, lower, -1, "A p/f\n");
	tree = unpack_plain(s, &layer);
	dump = dump_tree(tree, true);
	if (strncmp(dump, "/p 43712 7:8 t1234\n/p/f 100644 0:8 t1 s1 ", 41) != 0)
		fail_msg("%s", dump);
}

static void what_cannot_be_a_layer(void **state)
{
	struct scratch *s = *state;
	auto_fd int tree = make_dir(s->dir, "tree");
	struct pack_options options = {.epoch = -1};
	struct error err = ERROR_INIT;
	struct layer layer;
	int fd;

	put_text(tree, ".wh.x", "");
	assert_int_equal(layer_pack(tree, s->store, &options, &layer, &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT);
	assert_int_not_equal(err.hint[0], 0);
	unlinkat(tree, ".wh.x", 0);
	put_text(tree, "f", "");
	fd = openat(tree, "f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(fd, "user.a=b", "c", 1, 0), 0);
	assert_int_equal(layer_pack(tree, s->store, &options, &layer, &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT);
	close(fd);
	unlinkat(tree, "f", 0);
	fd = dup(tree);
	for (int i = 0; i < UNPACK_MAX_DEPTH + 1; i++) {
		int next = make_dir(fd, "d");

		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(layer_pack(tree, s->store, &options, &layer, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
}

/* --- the bytes ----------------------------------------------------------------------------- */

static void fixed_tree(int tree)
{
	auto_fd int d = make_dir(tree, "d");
	auto_fd int fd = -1;
	char longest[NAME_MAX + 1];

	memset(longest, 'n', NAME_MAX);
	longest[NAME_MAX] = '\0';
	put_text(tree, "a", "hello\n");
	put_text(d, "caf\xc3\xa9", "x");
	put_text(d, "raw\xff", "y");
	put_text(tree, longest, "");
	put_text(tree, "owned", "");
	put_text(tree, "xattrs", "");
	assert_int_equal(linkat(tree, "a", d, "link", 0), 0);
	assert_int_equal(symlinkat("../a", d, "symlink"), 0);
	assert_int_equal(mknodat(tree, "null", S_IFCHR | 0666, makedev(1, 3)), 0);
	assert_int_equal(fchmodat(tree, "null", 0666, 0), 0);
	assert_int_equal(mknodat(tree, "pipe", S_IFIFO | 0600, 0), 0);
	assert_int_equal(fchownat(tree, "owned", 4000000, 5, 0), 0);
	assert_int_equal(fchmodat(tree, "owned", 06755, 0), 0);
	fd = openat(tree, "xattrs", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(fd, "user.b", "\0\n=", 3, 0), 0);
	assert_int_equal(fsetxattr(fd, "user.a", "", 0, 0), 0);
	set_mtime(tree, "owned", -86400);
	for (int i = 0; i < 9; i++)
		set_mtime(tree,
			  (const char *const[]){"a", "d/caf\xc3\xa9", "d/raw\xff", longest,
						"xattrs", "d/symlink", "null", "pipe", "d"}[i],
			  1700000000);
}

/* Any change of the format changes every image ID that people have; then this has to be changed on
   purpose. */
static void the_format_is_pinned(void **state)
{
	struct scratch *s = *state;
	auto_fd int tree = make_dir(s->dir, "tree");
	struct layer layer;
	char hex[DIGEST_HEX_SIZE];

	fixed_tree(tree);
	layer = pack_plain(s, tree, COMPRESS_GZIP);
	assert_string_equal(digest_hex(&layer.diff_id, hex),
			    "585c5b0a9a44fbdec4d6986ad8ecd7be8f41625eb0e2b793067d2a0f3dfe3c34");
}

static int run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* GNU tar reads our layers without a word and makes the same tree of them. */
static void gnu_tar_agrees(void **state)
{
	struct scratch *s = *state;

	for (int i = 0; i < trials(20); i++) {
		struct rng rng = trial(s, i);
		auto_fd int tree = make_dir(s->dir, "tree"), out = make_dir(s->dir, "out");
		struct pack_options options = {.epoch = -1};
		auto_fd int tar =
			openat(s->dir, "layer.tar", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		auto_free char *command =
			xprintf("cd %s && tar --xattrs --xattrs-include='*' --same-owner "
				"--warning=no-timestamp -xpf layer.tar "
				"-C out 2>messages && test ! -s messages",
				s->path);
		auto_(buf) struct buf messages = BUF_INIT;
		struct error err = ERROR_INIT;
		auto_free char *before = NULL;
		auto_free char *after = NULL;

		if (i == 0)
			fixed_tree(tree);
		else
			random_tree(&rng, tree, 2);
		must(tree_write_tar(tree, &options, tar, &err) == 0, &err);
		before = dump_tree(tree, true);
		if (run(command) != 0) {
			must(read_file(s->dir, "messages", 100000, &messages, &err) == 0, &err);
			fail_msg("GNU tar: %s", messages.data);
		}
		after = dump_tree(out, true);
		assert_string_equal(before, after);
		remove_dir(s->dir, "tree");
		remove_dir(s->dir, "out");
	}
}

/* Neither the file system nor the order in which it lists names shows. */
static void file_systems_do_not_matter(void **state)
{
	struct scratch *s = *state;
	auto_free char *at = xprintf("%s/memory", s->path);

	assert_int_equal(mkdir(at, 0755), 0);
	for (int i = 0; i < trials(30); i++) {
		struct rng disk_rng = trial(s, i), memory_rng = trial(s, i);
		auto_fd int disk = make_dir(s->dir, "disk");
		struct layer a, b;
		int memory;

		assert_int_equal(mount("tmpfs", at, "tmpfs", 0, NULL), 0);
		memory = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		random_tree(&disk_rng, disk, 2);
		random_tree(&memory_rng, memory, 2);
		a = pack_plain(s, disk, COMPRESS_ZSTD);
		b = pack_plain(s, memory, COMPRESS_ZSTD);
		close(memory);
		assert_int_equal(umount2(at, 0), 0);
		assert_true(digest_equal(&a.diff_id, &b.diff_id));
		assert_true(digest_equal(&a.blob, &b.blob));
		remove_dir(s->dir, "disk");
	}
}

static void forms_are_remembered(void **state)
{
	struct scratch *s = *state;
	auto_fd int tree = make_dir(s->dir, "tree");
	struct error err = ERROR_INIT;
	struct layer packed, found;

	put_text(tree, "f", "f");
	packed = pack_plain(s, tree, COMPRESS_GZIP);
	must(layer_lookup(s->store, &packed.diff_id, COMPRESS_ZSTD, &found, &err) == 0, &err);
	assert_int_equal(found.compression, COMPRESS_GZIP);
	assert_true(digest_equal(&found.blob, &packed.blob));
	must(layer_find(s->store, &packed.diff_id, COMPRESS_ZSTD, &found, &err) == 0, &err);
	assert_int_equal(found.compression, COMPRESS_ZSTD);
	assert_int_equal(found.plain_size, packed.plain_size);
	must(layer_lookup(s->store, &packed.diff_id, COMPRESS_ZSTD, &found, &err) == 0, &err);
	assert_int_equal(found.compression, COMPRESS_ZSTD);
	must(layer_find(s->store, &packed.diff_id, COMPRESS_NONE, &found, &err) == 0, &err);
	assert_true(digest_equal(&found.blob, &packed.diff_id));
	must(layer_lookup(s->store, &packed.diff_id, COMPRESS_GZIP, &found, &err) == 0, &err);
	assert_int_equal(found.compression, COMPRESS_GZIP);
	digest_of("nothing", 7, &packed.diff_id);
	assert_int_equal(layer_find(s->store, &packed.diff_id, COMPRESS_GZIP, &found, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)
	const struct CMUnitTest tests[] = {
		TEST(table_of_overlay_actions),    TEST(the_epoch_clamps),
		TEST(parents_keep_their_metadata), TEST(what_cannot_be_a_layer),
		TEST(the_format_is_pinned),        TEST(gnu_tar_agrees),
		TEST(file_systems_do_not_matter),  TEST(forms_are_remembered),
	};

	return cmocka_run_group_tests(tests, private_mounts, NULL);
}
