/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar streams that different programs read differently (HARDENING 2.1 A7), and ours as GNU tar
 * reads them.
 */
#include "layers/tar.h"
#include "tests/layers_tarball.h"

/* --- refused ------------------------------------------------------------------------------- */

static void expect(struct scratch *s, const struct buf *tar, enum error_code code, const char *why)
{
	struct outcome o;

	extract_bytes(s, tar->data, tar->length, true, &o);
	if (o.code != code)
		fail_msg("%s: got %d %s\n%s", why, o.code, o.text, o.tree);
	free(o.tree);
}

static const struct head plain = {.type = '0', .name = "x", .data = "good"};

static void pax_record(struct scratch *s, const char *body, enum error_code code)
{
	auto_(buf) struct buf tar = BUF_INIT;

	tarball_add(&tar, (struct head){.type = 'x', .name = "pax", .data = body});
	tarball_add(&tar, plain);
	tarball_end(&tar);
	expect(s, &tar, code, body);
}

static void malformed_pax_records_are_refused(void **state)
{
	static const char *const bad[] = {
		"12 path=a\n",
		"8 path=a\n",
		"path=a\n",
		"010 path=a\n",
		"+10 path=a\n",
		"-10 path=a\n",
		"10 path=a ",
		"99999999999999999999 path=a\n",
		"10  path=a",
		"5 a=\n5 b\n",
		"4 =\n",
		"4 a\n",
		"10path=a\n",
		"8 path=\n",
		"8 size=\n",
		"10 size=-\n",
		"11 size=-1\n",
		"11 size=+4\n",
		"12 size=4 \n",
		"13 size=0x4\n",
		"29 size=99999999999999999999\n",
		"10 size=4\n10 size=4\n",
		"11 uid=1.5\n",
		"11 mtime=a\n",
		"12 mtime=1-\n",
		"12 mtime=--1\n",
		"13 mtime=1.x\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		pax_record(*state, bad[i], ERROR_FORMAT);
	pax_record(*state, "9 path=a\n", ERROR_NONE);
	pax_record(*state, "9 size=4\n", ERROR_NONE);
	pax_record(*state, "12 mtime=-1\n12 mtime=1.\n14 mtime=-1.5\n", ERROR_NONE);
	pax_record(*state, "20 comment=anything\n", ERROR_NONE);
}

static void sizes_must_agree(void **state)
{
	auto_(buf) struct buf tar = BUF_INIT;
	auto_(buf) struct buf inner = BUF_INIT;

	/* TARmageddon: content that is a tar to one reader and entries to another. */
	tarball_add(&inner, (struct head){.type = '0', .name = "hidden", .data = "evil"});
	PAX(&tar, "size=1024");
	tarball_add(&tar, (struct head){.type = '0', .name = "x", .octal = "00000000000"});
	buf_add(&tar, inner.data, inner.length);
	tarball_end(&tar);
	expect(*state, &tar, ERROR_FORMAT, "pax 1024, header 0");
	buf_reset(&tar);
	PAX(&tar, "size=0");
	tarball_add(&tar, (struct head){.type = '0', .name = "x", .octal = "00000002000"});
	buf_add(&tar, inner.data, inner.length);
	tarball_end(&tar);
	expect(*state, &tar, ERROR_FORMAT, "pax 0, header 1024");
	buf_reset(&tar);
	PAX(&tar, "size=8589934592");
	tarball_add(&tar, (struct head){.type = '0', .name = "x", .octal = "00000000001"});
	tarball_end(&tar);
	expect(*state, &tar, ERROR_FORMAT, "8 GiB that are not there");
}

static void header_numbers(void **state)
{
	static const struct {
		const char *octal;
		enum error_code code;
	} table[] = {
		{"00000000004", ERROR_NONE},
		{"          4", ERROR_NONE},
		{"4\0\0\0\0\0\0\0\0\0\0", ERROR_NONE},
		{"\x80\0\0\0\0\0\0\0\0\0\0\4", ERROR_NONE},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\4", ERROR_FORMAT},
		{"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", ERROR_FORMAT},
		{"\x80\1\0\0\0\0\0\0\0\0\0\4", ERROR_FORMAT},
		{"-0000000004", ERROR_FORMAT},
		{"0000000000x", ERROR_FORMAT},
		{"4 0 0 0 0 0", ERROR_FORMAT},
		{"00000000008", ERROR_FORMAT},
		{"0x4\0\0\0\0\0\0\0\0", ERROR_FORMAT},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		auto_(buf) struct buf tar = BUF_INIT;
		struct head h = plain;

		h.octal = table[i].octal;
		tarball_add(&tar, h);
		tarball_end(&tar);
		expect(*state, &tar, table[i].code, table[i].octal);
	}
}

static void extensions_stand_before_their_entry(void **state)
{
	static const char *const bad[] = {"xx", "xL", "xK", "xg", "Lx",
					  "Kx", "LL", "KK", "Lg", "LKL"};
	static const char *const good[] = {"", "x", "L", "K", "LK", "KL", "gx", "g", "gg"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]) + sizeof(good) / sizeof(good[0]); i++) {
		size_t bads = sizeof(bad) / sizeof(bad[0]);
		const char *types = i < bads ? bad[i] : good[i - bads];
		auto_(buf) struct buf tar = BUF_INIT;

		for (const char *t = types; *t != '\0'; t++) {
			if (*t == 'x' || *t == 'g')
				tarball_pax(&tar, *t, (const char *const[]){"comment=c", NULL});
			else
				tarball_add(&tar, (struct head){.type = *t,
								.name = "././@LongLink",
								.data = "name",
								.size = 5});
		}
		tarball_add(&tar, plain);
		tarball_end(&tar);
		expect(*state, &tar, i < bads ? ERROR_FORMAT : ERROR_NONE, types);
		buf_reset(&tar);
		if (*types == '\0' || *types == 'g')
			continue;
		tarball_pax(&tar, 'x', (const char *const[]){"comment=c", NULL});
		tarball_end(&tar);
		expect(*state, &tar, ERROR_FORMAT, "an extension and no entry");
	}
}

static void global_headers_change_nothing(void **state)
{
	static const char *const keys[] = {"path=y", "size=0", "uid=7", "SCHILY.xattr.user.a=b",
					   "hdrcharset=BINARY"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		auto_(buf) struct buf tar = BUF_INIT;

		tarball_pax(&tar, 'g', (const char *const[]){keys[i], NULL});
		tarball_add(&tar, plain);
		tarball_end(&tar);
		expect(*state, &tar, ERROR_FORMAT, keys[i]);
	}
}

static void damage_is_noticed(void **state)
{
	auto_(buf) struct buf tar = BUF_INIT;

	PAX(&tar, "mtime=5.5");
	tarball_add(&tar, plain);
	tarball_end(&tar);
	/* The header of either entry: any flipped bit breaks its checksum or its meaning. */
	for (size_t at = 0; at < BLOCK; at += 7) {
		struct outcome o;

		tar.data[at + 2 * BLOCK] ^= 0x10;
		extract_bytes(*state, tar.data, tar.length, true, &o);
		tar.data[at + 2 * BLOCK] ^= 0x10;
		if (o.code != ERROR_FORMAT)
			fail_msg("byte %zu: %d %s", at, o.code, o.text);
		free(o.tree);
	}
	/* A cut anywhere but between entries. */
	for (size_t at = 1; at < tar.length - 2 * BLOCK; at += 61) {
		struct outcome o;

		extract_bytes(*state, tar.data, at, true, &o);
		if (o.code != ERROR_FORMAT)
			fail_msg("cut at %zu: %d %s", at, o.code, o.text);
		free(o.tree);
	}
	buf_add_str(&tar, "more");
	expect(*state, &tar, ERROR_FORMAT, "not a whole block");
	buf_add(&tar, tar.data, BLOCK - 4);
	expect(*state, &tar, ERROR_FORMAT, "data after the end");
}

static void unusual_archives_are_read(void **state)
{
	auto_(buf) struct buf tar = BUF_INIT;
	struct outcome o;

	extract_bytes(*state, "", 0, true, &o);
	assert_int_equal(o.code, ERROR_NONE);
	assert_string_equal(o.tree, "");
	free(o.tree);
	tarball_end(&tar);
	extract_bytes(*state, tar.data, tar.length, true, &o);
	assert_int_equal(o.code, ERROR_NONE);
	assert_string_equal(o.tree, "");
	free(o.tree);
	/* Names that are no UTF-8, in both kinds of header, and UTF-8 whatever the locale. */
	buf_reset(&tar);
	PAX(&tar, "path=caf\xe9", "SCHILY.xattr.user.\xe9=v");
	tarball_add(&tar, plain);
	PAX(&tar, "path=caf\xc3\xa9");
	tarball_add(&tar, plain);
	tarball_add(&tar, (struct head){.type = '0', .name = "raw\xff", .data = "r"});
	tarball_add(&tar, (struct head){.type = '2', .name = "s", .link = "\xe9\x01"});
	tarball_end(&tar);
	extract_bytes(*state, tar.data, tar.length, true, &o);
	assert_int_equal(o.code, ERROR_NONE);
	assert_int_equal(o.entries, 4);
	assert_non_null(strstr(o.tree, "/caf%e9 "));
	assert_non_null(strstr(o.tree, " x:user.%e9=v"));
	assert_non_null(strstr(o.tree, "/caf%c3%a9 "));
	assert_non_null(strstr(o.tree, "/raw%ff "));
	assert_non_null(strstr(o.tree, "->%e9%01\n"));
	free(o.tree);
}

/* --- random damage ------------------------------------------------------------------------- */

static int sink_to_buf(void *user, const void *data, size_t length, struct error *err)
{
	(void)err;
	buf_add(user, data, length);
	return 0;
}

/* Whatever is done to a good archive, it is taken or refused, and the world outside stays. */
static void mutations_do_no_harm(void **state)
{
	struct scratch *s = *state;

	for (int i = 0; i < trials(300); i++) {
		struct rng rng = trial(s, i);
		auto_(tar_writer) struct tar_writer *w = NULL;
		auto_(buf) struct buf tar = BUF_INIT;
		struct error err = ERROR_INIT;
		struct outcome o;

		w = tar_writer_new(sink_to_buf, &tar);
		for (unsigned n = 1 + rng_below(&rng, 6); n > 0; n--) {
			static const char *const names[] = {
				"a",     "a/b", "../passwd",      "a/../x",
				".wh.a", "./",  "a/.wh..wh..opq", "l/secret/key"};
			static const mode_t types[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR};
			struct tar_xattr xattr = {"user.a", "value", 5};
			struct tar_entry entry = {
				.path = names[rng_below(&rng, 8)],
				.mode = types[rng_below(&rng, 5)] | 0755,
				.mtime = random_mtime(&rng),
				.uid = random_id(&rng),
				.xattrs = &xattr,
				.xattr_count = rng_below(&rng, 2),
			};

			entry.hard_link = rng_below(&rng, 5) == 0;
			if (entry.hard_link || S_ISLNK(entry.mode))
				entry.link = names[rng_below(&rng, 8)];
			must(tar_write_entry(w, &entry, &err) == 0, &err);
		}
		must(tar_writer_finish(w, &err) == 0, &err);
		for (unsigned n = rng_below(&rng, 3); n > 0; n--) {
			size_t block = rng_below(&rng, (unsigned)(tar.length / BLOCK)) * BLOCK;
			unsigned char *at = (unsigned char *)tar.data + block;

			at[rng_below(&rng, 2) ? 124 + rng_below(&rng, 12) : rng_below(&rng, 345)] =
				(unsigned char)("0127Lx\xff\0/"[rng_below(&rng, 9)]);
			if (rng_below(&rng, 2) == 0)
				tarball_seal(at);
		}
		extract_bytes(s, tar.data, tar.length, true, &o);
		if (o.code != ERROR_NONE && o.code != ERROR_FORMAT && o.code != ERROR_LIMIT &&
		    o.code != ERROR_SPACE && o.code != ERROR_NOT_FOUND)
			fail_msg("%d %s", o.code, o.text);
		free(o.tree);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)
	const struct CMUnitTest tests[] = {
		TEST(malformed_pax_records_are_refused),
		TEST(sizes_must_agree),
		TEST(header_numbers),
		TEST(extensions_stand_before_their_entry),
		TEST(global_headers_change_nothing),
		TEST(damage_is_noticed),
		TEST(unusual_archives_are_read),
		TEST(mutations_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
