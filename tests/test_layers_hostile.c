/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives that were made to do harm: HARDENING 2.1 A1-A13 and 2.2. Each one is taken or refused as
 * the table says, and in no case may anything outside the target change.
 */
#include "tests/layers_tarball.h"

#include <limits.h>

enum { HEADS = 8 };

struct hostile {
	const char *why;
	struct head head[HEADS];
	enum error_code code;
	const char *has, *lacks; /* parts of the dump of the result */
};

static void run_table(struct scratch *s, const struct hostile *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct hostile *h = &table[i];
		auto_(buf) struct buf tar = BUF_INIT;
		struct outcome outcome;

		for (int j = 0; j < HEADS && h->head[j].name != NULL; j++)
			tarball_add(&tar, h->head[j]);
		tarball_end(&tar);
		extract_bytes(s, tar.data, tar.length, true, &outcome);
		if (outcome.code != h->code)
			fail_msg("%s: got %d (%s), not %d", h->why, outcome.code, outcome.text,
				 h->code);
		if (h->has != NULL && strstr(outcome.tree, h->has) == NULL)
			fail_msg("%s: no %s in\n%s", h->why, h->has, outcome.tree);
		if (h->lacks != NULL && strstr(outcome.tree, h->lacks) != NULL)
			fail_msg("%s: %s in\n%s", h->why, h->lacks, outcome.tree);
		free(outcome.tree);
	}
}

#define FILE_(n)                                                                                   \
	{                                                                                          \
		.type = '0', .name = n, .data = "evil"                                             \
	}
#define EMPTY(n)                                                                                   \
	{                                                                                          \
		.type = '0', .name = n                                                             \
	}
#define DIR_(n)                                                                                    \
	{                                                                                          \
		.type = '5', .name = n, .mode = 0755                                               \
	}
#define SYM(n, to)                                                                                 \
	{                                                                                          \
		.type = '2', .name = n, .link = to                                                 \
	}
#define HARD(n, to)                                                                                \
	{                                                                                          \
		.type = '1', .name = n, .link = to                                                 \
	}
#define RUN(table) run_table(*state, table, sizeof(table) / sizeof(table[0]))

/* A1: a link planted first, then a file through it. The link gives way to a directory. */
static void symlinks_are_not_followed(void **state)
{
	static const struct hostile table[] = {
		{"absolute", {SYM("x", "/"), FILE_("x/etc/p")}, 0, "/x/etc/p ", "->"},
		{"relative", {SYM("x", "../secret"), FILE_("x/key")}, 0, "/x/key ", "->"},
		{"deep",
		 {SYM("a/b/x", "../../../secret"), FILE_("a/b/x/key")},
		 0,
		 "/a/b/x/key ",
		 "->"},
		{"two hops",
		 {SYM("a", "b"), SYM("b", "../secret"), FILE_("a/key")},
		 0,
		 "/a/key ",
		 NULL},
		{"through ..",
		 {DIR_("d"), SYM("d/up", ".."), FILE_("d/up/secret/key")},
		 0,
		 "/d/up/secret/key ",
		 NULL},
		{"directory over it",
		 {SYM("x", "../secret"), DIR_("x"), FILE_("x/key")},
		 0,
		 "/x/key ",
		 "->"},
		{"file over it", {SYM("x", "../passwd"), FILE_("x")}, 0, "/x 100644", "->"},
		{"symlink over it",
		 {SYM("x", "../secret"), SYM("x", "../passwd")},
		 0,
		 "->../passwd",
		 "secret"},
		{"to itself", {SYM("x", "x"), FILE_("x/y")}, 0, "/x/y ", "->"},
		{"device through it",
		 {SYM("x", "../secret"), {.type = '3', .name = "x/null", .major = 1, .minor = 3}},
		 0,
		 "/x/null ",
		 "->"},
		{"fifo through it",
		 {SYM("x", "../secret"), {.type = '6', .name = "x/p"}},
		 0,
		 "/x/p ",
		 "->"},
		{"symlink through it", {SYM("x", "../secret"), SYM("x/y", "z")}, 0, "/x/y ", NULL},
		{"empty target", {SYM("x", "")}, ERROR_FORMAT, NULL, NULL},
	};

	RUN(table);
}

/* A2, A3: hard links. */
static void hard_links_stay_inside(void **state)
{
	static const struct hostile table[] = {
		{"up", {HARD("x", "../passwd")}, ERROR_FORMAT, NULL, "/x"},
		{"absolute", {HARD("x", "/etc/passwd")}, ERROR_FORMAT, NULL, "/x"},
		{"up inside", {DIR_("a"), HARD("a/x", "a/../../passwd")}, ERROR_FORMAT, NULL, "/x"},
		{"through a link",
		 {SYM("s", "../secret"), HARD("x", "s/key")},
		 ERROR_FORMAT,
		 NULL,
		 "/x"},
		{"through two",
		 {DIR_("a"), DIR_("a/b"), SYM("a/b/up", "../.."), SYM("a/escape", "b/up/.."),
		  HARD("x", "a/escape/passwd")},
		 ERROR_FORMAT,
		 NULL,
		 "/x"},
		{"to a link",
		 {SYM("s", "../passwd"), HARD("x", "s"), FILE_("x")},
		 0,
		 "/s 120777",
		 NULL},
		{"to a link is a link",
		 {SYM("s", "../passwd"), HARD("x", "s")},
		 0,
		 "->../passwd =/s",
		 NULL},
		{"to a directory", {DIR_("d"), HARD("x", "d")}, ERROR_FORMAT, NULL, "/x"},
		{"to the root", {HARD("x", ".")}, ERROR_FORMAT, NULL, "/x"},
		{"to nothing", {HARD("x", "nothing")}, ERROR_FORMAT, NULL, "/x"},
		{"to a whiteout", {EMPTY(".wh.w"), HARD("x", "w")}, ERROR_FORMAT, NULL, "/x"},
		{"to itself", {FILE_("x"), HARD("x", "x")}, 0, "/x 100644", NULL},
		{"to a later file", {HARD("x", "y"), FILE_("y")}, ERROR_FORMAT, NULL, "/x"},
		{"good", {FILE_("y"), HARD("x", "/./y")}, 0, " =/x", NULL},
		{"over a directory that holds it",
		 {DIR_("a"), FILE_("a/b"), HARD("a", "a/b")},
		 ERROR_NOT_FOUND,
		 NULL,
		 "/b"},
		{"with content",
		 {FILE_("y"), {.type = '1', .name = "x", .link = "y", .data = "evil"}},
		 ERROR_FORMAT,
		 NULL,
		 "/x"},
	};

	RUN(table);
}

/* A4: the root is nothing but a directory. */
static void the_root_stays_a_directory(void **state)
{
	static const char *const names[] = {".", "/", "./", "", "/.", "//", "././"};
	static const char types[] = "012346";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (const char *type = types; *type != '\0'; type++) {
			auto_(buf) struct buf tar = BUF_INIT;
			struct outcome o;

			tarball_add(&tar,
				    (struct head){.type = *type,
						  .name = names[i],
						  .link = *type == '1' || *type == '2' ? "x" : NULL,
						  .major = 1,
						  .minor = 3});
			tarball_end(&tar);
			extract_bytes(*state, tar.data, tar.length, true, &o);
			/* libarchive reads a regular file named "x/" as a directory. */
			if (o.code != ERROR_FORMAT && *type != '0')
				fail_msg("%s as %c: %d %s", names[i], *type, o.code, o.text);
			assert_string_equal(o.tree, "");
			free(o.tree);
		}
	}
}

static void names_are_checked(void **state)
{
	static const struct hostile table[] = {
		{"..", {FILE_("..")}, ERROR_FORMAT, NULL, NULL},
		{"../x", {FILE_("../passwd")}, ERROR_FORMAT, NULL, NULL},
		{"a/..", {FILE_("a/..")}, ERROR_FORMAT, NULL, NULL},
		{"a/../../x", {FILE_("a/../../passwd")}, ERROR_FORMAT, NULL, NULL},
		{"/..", {FILE_("/../passwd")}, ERROR_FORMAT, NULL, NULL},
		{"dir ..", {DIR_("a/..")}, ERROR_FORMAT, NULL, NULL},
		{"absolute is relative", {FILE_("/etc/x")}, 0, "/etc/x ", NULL},
		{"dots and slashes", {FILE_(".//a/./b")}, 0, "/a/b ", NULL},
		{"three dots", {FILE_("...")}, 0, "/... ", NULL},
		{"whiteout device", {{.type = '3', .name = "x"}}, ERROR_FORMAT, NULL, "/x"},
		{"unknown type", {{.type = 'Z', .name = "x"}}, ERROR_FORMAT, NULL, "/x"},
		{"multi-volume", {{.type = 'M', .name = "x"}}, ERROR_FORMAT, NULL, "/x"},
	};

	RUN(table);
}

/* A5: mode, owner and times through a link. */
static void metadata_does_not_follow(void **state)
{
	static const struct hostile table[] = {
		{"file",
		 {SYM("x", "../passwd"), {.type = '0', .name = "x", .mode = 06777}},
		 0,
		 "/x 106777",
		 "->"},
		{"directory",
		 {SYM("x", "../secret"), {.type = '5', .name = "x", .mode = 0777}},
		 0,
		 "/x 40777",
		 "->"},
		{"link",
		 {{.type = '2', .name = "x", .link = "../passwd", .mode = 06777}},
		 0,
		 "/x 120777",
		 NULL},
		{"hard link",
		 {SYM("s", "../passwd"), {.type = '1', .name = "x", .link = "s", .mode = 06777}},
		 0,
		 "/x 120777",
		 NULL},
	};

	RUN(table);
}

/* A12: the last one wins, directories merge. */
static void duplicates_and_order(void **state)
{
	static const struct hostile table[] = {
		{"file to directory", {FILE_("x"), DIR_("x"), FILE_("x/y")}, 0, "/x/y ", NULL},
		{"directory to file", {DIR_("x"), FILE_("x/y"), FILE_("x")}, 0, "/x 100644", "/y"},
		{"file twice",
		 {FILE_("x"), {.type = '0', .name = "x", .data = "good!"}},
		 0,
		 " s5 ",
		 " s4 "},
		{"all kinds",
		 {FILE_("x"), DIR_("x"), SYM("x", "y"), FILE_("x")},
		 0,
		 "/x 100644",
		 "->"},
		{"child first",
		 {FILE_("d/x"), {.type = '5', .name = "d", .mode = 0700}},
		 0,
		 "/d 40700 0:0 t1000\n",
		 NULL},
		{"implied", {FILE_("d/x")}, 0, "/d 40755 0:0 t0\n", NULL},
		{"time survives children",
		 {DIR_("d"), FILE_("d/x"), FILE_("y"), FILE_("d/z")},
		 0,
		 "/d 40755 0:0 t1000\n",
		 NULL},
		{"merge",
		 {DIR_("d"), FILE_("d/x"), {.type = '5', .name = "./d/", .mode = 0711}},
		 0,
		 "/d 40711 0:0 t1000\n/d/x ",
		 NULL},
		{"dot names",
		 {FILE_("x"), {.type = '0', .name = "./x", .data = "good!"}},
		 0,
		 " s5 ",
		 " s4 "},
	};

	RUN(table);
}

/* A13: whiteouts; they show as character devices 0:0 or not at all. */
#define WHITEOUT " 20000 0:0 "
static void whiteouts(void **state)
{
	static const struct hostile table[] = {
		{"plain", {EMPTY(".wh.x")}, 0, "/x" WHITEOUT, ".wh."},
		{"in a directory", {DIR_("d"), EMPTY("d/.wh.x")}, 0, "/d/x" WHITEOUT, NULL},
		{"no name", {EMPTY(".wh.")}, ERROR_FORMAT, NULL, "/"},
		{"dot", {EMPTY(".wh..")}, ERROR_FORMAT, NULL, "/"},
		{"dot dot", {EMPTY(".wh...")}, ERROR_FORMAT, NULL, "/"},
		{"three dots", {EMPTY(".wh....")}, 0, "/..." WHITEOUT, NULL},
		{"aufs", {EMPTY(".wh..wh.plnk")}, 0, NULL, "/"},
		{"aufs directory", {DIR_(".wh..wh.plnk"), FILE_(".wh..wh.plnk/x")}, 0, NULL, "/"},
		{"nothing after the mark", {EMPTY(".wh..wh.")}, 0, NULL, "/"},
		{"below one", {EMPTY(".wh.a/b")}, ERROR_FORMAT, NULL, "/"},
		{"not one", {EMPTY("..wh.x")}, 0, "/..wh.x 100644", NULL},
		{"one prefix only", {EMPTY(".wh.x.wh.y")}, 0, "/x.wh.y" WHITEOUT, NULL},
		{"as a directory", {DIR_(".wh.x")}, ERROR_FORMAT, NULL, "/x"},
		{"as a symlink", {SYM(".wh.x", "y")}, ERROR_FORMAT, NULL, "/x"},
		{"with content", {FILE_(".wh.x")}, ERROR_FORMAT, NULL, "/x"},
		{"opaque as a directory", {DIR_("d/.wh..wh..opq")}, ERROR_FORMAT, NULL, NULL},
		{"opaque as a symlink", {SYM("d/.wh..wh..opq", "x")}, ERROR_FORMAT, NULL, NULL},
		{"opaque with content", {FILE_("d/.wh..wh..opq")}, ERROR_FORMAT, NULL, NULL},
		{"opaque root", {EMPTY(".wh..wh..opq")}, ERROR_FORMAT, NULL, NULL},
		{"through a symlink",
		 {SYM("e", "../secret"), EMPTY("e/.wh.key")},
		 0,
		 "/e/key" WHITEOUT,
		 "->"},
		{"same layer, after", {FILE_("x"), EMPTY(".wh.x")}, 0, "/x 100644", WHITEOUT},
		{"same layer, before", {EMPTY(".wh.x"), FILE_("x")}, 0, "/x 100644", WHITEOUT},
		{"twice", {EMPTY(".wh.x"), EMPTY(".wh.x")}, 0, "/x" WHITEOUT, NULL},
		{"kept siblings",
		 {FILE_("d/x"), EMPTY("d/.wh..wh..opq"), FILE_("d/y")},
		 0,
		 "/d/x 100644",
		 NULL},
	};

	RUN(table);
}

static bool is_opaque(struct scratch *s, const struct head *heads, const char *name)
{
	const struct unpack_options options = {.overlay = true, .owner = -1, .group = -1};
	auto_(buf) struct buf tar = BUF_INIT;
	struct error err = ERROR_INIT;
	auto_fd int target = make_dir(s->dir, "target");
	auto_fd int fd = -1, dir = -1;
	uint64_t entries;
	char value = 0;

	for (; heads->name != NULL; heads++)
		tarball_add(&tar, *heads);
	tarball_end(&tar);
	put_file(s->dir, "tar", tar.data, tar.length);
	fd = openat(s->dir, "tar", O_RDONLY | O_CLOEXEC);
	must(archive_extract(fd, target, &options, &entries, &err) == 0, &err);
	dir = openat(target, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	(void)!fgetxattr(dir, "trusted.overlay.opaque", &value, 1);
	remove_dir(s->dir, "target");
	return value == 'y';
}

static void opaque_marks_do_not_depend_on_order(void **state)
{
	assert_true(is_opaque(
		*state, (struct head[]){DIR_("d"), EMPTY("d/.wh..wh..opq"), FILE_("d/x"), {0}},
		"d"));
	assert_true(is_opaque(
		*state, (struct head[]){FILE_("d/x"), EMPTY("d/.wh..wh..opq"), DIR_("d"), {0}},
		"d"));
	/* A name removed and there again as a directory hides what the old one held. */
	assert_true(is_opaque(*state, (struct head[]){EMPTY(".wh.d"), DIR_("d"), {0}}, "d"));
	assert_true(is_opaque(*state, (struct head[]){DIR_("d"), EMPTY(".wh.d"), {0}}, "d"));
	assert_true(is_opaque(*state, (struct head[]){EMPTY(".wh.d"), FILE_("d/x"), {0}}, "d"));
	assert_false(is_opaque(*state, (struct head[]){DIR_("d"), EMPTY("d/.wh.x"), {0}}, "d"));
	assert_false(is_opaque(*state, (struct head[]){FILE_("d"), DIR_("d"), {0}}, "d"));
}

static void whiteouts_are_no_part_of_add(void **state)
{
	auto_(buf) struct buf tar = BUF_INIT;
	struct outcome o;

	tarball_add(&tar, (struct head)EMPTY("d/.wh.x"));
	tarball_end(&tar);
	extract_bytes(*state, tar.data, tar.length, false, &o);
	assert_int_equal(o.code, ERROR_FORMAT);
	free(o.tree);
}

/* 2.2: xattrs that would steer overlayfs, and those that belong to the machine. */
static void only_allowed_xattrs_arrive(void **state)
{
	static const char *const names[] = {
		"trusted.overlay.opaque=y",         "user.overlay.opaque=y",
		"trusted.overlay.redirect=/x",      "user.overlay.redirect=/x",
		"trusted.overlay.metacopy=",        "user.overlay.whiteout=y",
		"trusted.overlay.overlay.opaque=y", "trusted.md5sum=1",
		"security.selinux=a:b:c:s0",        "security.ima=1",
		"system.posix_acl_access=1",
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		auto_free char *record = xprintf("SCHILY.xattr.%s", names[i]);
		const struct unpack_options options = {.overlay = true, .owner = -1, .group = -1};
		auto_(buf) struct buf tar = BUF_INIT;
		struct error err = ERROR_INIT;
		auto_fd int target = make_dir(s->dir, "target");
		auto_fd int fd = -1, dir = -1;
		char list[1000];
		uint64_t entries;
		ssize_t n;

		PAX(&tar, record, "SCHILY.xattr.user.good=yes");
		tarball_add(&tar, (struct head)DIR_("d"));
		PAX(&tar, record);
		tarball_add(&tar, (struct head)FILE_("d/x"));
		tarball_end(&tar);
		put_file(s->dir, "tar", tar.data, tar.length);
		fd = openat(s->dir, "tar", O_RDONLY | O_CLOEXEC);
		must(archive_extract(fd, target, &options, &entries, &err) == 0, &err);
		dir = openat(target, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		n = flistxattr(dir, list, sizeof(list));
		assert_int_equal(n, sizeof("user.good"));
		assert_string_equal(list, "user.good");
		cleanup_fd(&dir);
		dir = openat(target, "d/x", O_RDONLY | O_CLOEXEC);
		assert_int_equal(flistxattr(dir, list, sizeof(list)), 0);
		remove_dir(s->dir, "target");
	}
}

/* --- A8 ------------------------------------------------------------------------------------ */

static void limits_hold(void **state)
{
	auto_(buf) struct buf tar = BUF_INIT;
	auto_(buf) struct buf name = BUF_INIT;
	auto_free char *record = NULL;
	struct outcome o;

	for (int i = 0; i <= UNPACK_MAX_DEPTH; i++)
		buf_add_str(&name, "d/");
	record = xprintf("path=%s", name.data);
	PAX(&tar, record);
	tarball_add(&tar, (struct head)DIR_("d"));
	tarball_end(&tar);
	extract_bytes(*state, tar.data, tar.length, true, &o);
	if (o.code != ERROR_LIMIT)
		fail_msg("%d %s", o.code, o.text);
	assert_string_equal(o.tree, "");
	free(o.tree);
	/* 8 EiB - 1 that the archive does not even have. */
	buf_reset(&tar);
	tarball_add(&tar, (struct head){.type = '0',
					.name = "x",
					.octal = "\x80\0\0\0\x3f\xff\xff\xff\xff\xff\xff\xff"});
	extract_bytes(*state, tar.data, tar.length, true, &o);
	if (o.code != ERROR_SPACE)
		fail_msg("%d %s", o.code, o.text);
	free(o.tree);
	/* A sparse file that costs nothing to claim. */
	buf_reset(&tar);
	PAX(&tar, "GNU.sparse.major=0", "GNU.sparse.minor=0", "GNU.sparse.size=4611686018427387904",
	    "GNU.sparse.numblocks=1", "GNU.sparse.offset=0", "GNU.sparse.numbytes=4");
	tarball_add(&tar, (struct head)FILE_("x"));
	tarball_end(&tar);
	extract_bytes(*state, tar.data, tar.length, true, &o);
	if (o.code != ERROR_SPACE)
		fail_msg("%d %s", o.code, o.text);
	free(o.tree);
	buf_reset(&tar);
	buf_reset(&name);
	for (int i = 0; i < UNPACK_MAX_NAME; i++)
		buf_add_char(&name, i % 100 == 99 ? '/' : 'n');
	free(record);
	record = xprintf("path=%s", name.data);
	PAX(&tar, record);
	tarball_add(&tar, (struct head)FILE_("x"));
	tarball_end(&tar);
	extract_bytes(*state, tar.data, tar.length, true, &o);
	assert_int_equal(o.code, ERROR_FORMAT);
	assert_string_equal(o.tree, "");
	free(o.tree);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)
	const struct CMUnitTest tests[] = {
		TEST(symlinks_are_not_followed),
		TEST(hard_links_stay_inside),
		TEST(the_root_stays_a_directory),
		TEST(names_are_checked),
		TEST(metadata_does_not_follow),
		TEST(duplicates_and_order),
		TEST(whiteouts),
		TEST(opaque_marks_do_not_depend_on_order),
		TEST(whiteouts_are_no_part_of_add),
		TEST(only_allowed_xattrs_arrive),
		TEST(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
