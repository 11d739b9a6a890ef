/* SPDX-License-Identifier: Apache-2.0 */
/* OCI archives as other tools write them, and archives as nobody should. */
#include "tests/archive_box.h"

/* --- OCI archives -------------------------------------------------------------------------- */

/* An archive with one image, whose index.json the test writes. */
struct oci {
	struct maker tar;
	struct digest config, manifest, layer;
	size_t manifest_size;
	char text[DIGEST_TEXT_SIZE];
};

static void oci_begin(struct oci *o, const char *architecture, bool with_layer)
{
	auto_(buf) struct buf layer = BUF_INIT;
	auto_(buf) struct buf config = BUF_INIT;
	auto_(buf) struct buf manifest = BUF_INIT;
	struct layer l = {.compression = COMPRESS_NONE};

	if (o->tar.w == NULL)
		maker_begin(&o->tar);
	make_layer(architecture, &layer);
	make_config(&layer, 1, &config);
	l.size = layer.length;
	digest_of(layer.data, layer.length, &l.blob);
	if (with_layer)
		maker_blob(&o->tar, layer.data, layer.length, &l.blob);
	maker_blob(&o->tar, config.data, config.length, &o->config);
	manifest_render(&o->config, config.length, &l, 1, NULL, &manifest);
	maker_blob(&o->tar, manifest.data, manifest.length, &o->manifest);
	o->manifest_size = manifest.length;
	o->layer = l.blob;
	digest_text(&o->manifest, o->text);
}

static void oci_release(struct oci *o)
{
	maker_release(&o->tar);
}
DEFINE_CLEANUP_STRUCT(oci, struct oci, oci_release);

static void add_entry(struct buf *b, const struct oci *o, const char *more)
{
	buf_printf(b, "%s{\"mediaType\":\"" MEDIA_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu%s}",
		   b->length > 0 ? "," : "", o->text, o->manifest_size, more);
}

static void oci_index(struct oci *o, const struct buf *entries)
{
	auto_(buf) struct buf b = BUF_INIT;

	buf_printf(&b, "{\"schemaVersion\":2,\"manifests\":[%s]}", entries->data);
	maker_text(&o->tar, "index.json", b.data);
	maker_text(&o->tar, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	maker_end(&o->tar);
}

static void test_oci_names(void **state)
{
	static const struct {
		const char *notes, *name; /* NULL: refused */
	} table[] = {
		{"", ""},
		{",\"annotations\":{}", ""},
		{",\"annotations\":{\"org.opencontainers.image.ref.name\":\"latest\"}",
		 "latest:latest"},
		{",\"annotations\":{\"org.opencontainers.image.ref.name\":\"docker.io/a/b:c\"}",
		 "a/b:c"},
		{",\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\","
		 "\"io.containerd.image.name\":\"quay.io/x:v1\"}",
		 "quay.io/x:v1"},
		{",\"annotations\":{\"io.containerd.image.name\":\"docker.io/x@sha256:"
		 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}",
		 ""},
		{",\"annotations\":{\"org.opencontainers.image.ref.name\":\"Not Valid\"}", NULL},
		{",\"annotations\":{\"org.opencontainers.image.ref.name\":\"../../x\"}", NULL},
		{",\"annotations\":{\"org.opencontainers.image.ref.name\":7}", NULL},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		auto_(oci) struct oci o = {.manifest_size = 0};
		auto_(buf) struct buf entries = BUF_INIT;
		auto_(refs) struct refs loaded = {.item = NULL};
		struct error err = ERROR_INIT;

		oci_begin(&o, "a", true);
		add_entry(&entries, &o, table[i].notes);
		oci_index(&o, &entries);
		if (table[i].name == NULL) {
			load_fails(f->to, &o.tar.bytes, ERROR_FORMAT, "");
			continue;
		}
		succeed(load(f->to, &o.tar.bytes, NULL, &loaded, &err), &err, table[i].notes);
		assert_int_equal(loaded.count, 1);
		assert_string_equal(loaded.item[0].name, table[i].name);
	}
}

#define NAMED(name, arch)                                                                          \
	",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"},"                   \
	"\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\"}"

static void test_oci_platforms(void **state)
{
	struct fixture *f = *state;
	auto_(oci) struct oci o = {.manifest_size = 0};
	auto_(buf) struct buf entries = BUF_INIT;
	auto_(buf) struct buf mine = BUF_INIT;
	auto_(refs) struct refs loaded = {.item = NULL};
	struct error err = ERROR_INIT;
	const char *os, *arch, *variant;
	struct digest host;

	platform_host(&os, &arch, &variant);
	buf_printf(&mine, NAMED("x:1", "%s"), arch);
	oci_begin(&o, "mips", true);
	add_entry(&entries, &o, NAMED("x:1", "mips"));
	oci_begin(&o, "host", true);
	host = o.manifest;
	add_entry(&entries, &o, mine.data);
	oci_begin(&o, "alone", true);
	add_entry(&entries, &o, NAMED("foreign:1", "mips"));
	/* An attestation beside them, of which nothing is there. */
	buf_add_str(&entries, ",{\"mediaType\":\"" MEDIA_MANIFEST "\",\"digest\":\"sha256:"
			      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","
			      "\"size\":1,\"platform\":{\"os\":\"unknown\",\"architecture\":"
			      "\"unknown\"}}");
	oci_index(&o, &entries);
	succeed(load(f->to, &o.tar.bytes, NULL, &loaded, &err), &err, "load");
	assert_int_equal(loaded.count, 2);
	assert_string_equal(loaded.item[0].name, "x:1");
	assert_true(digest_equal(&loaded.item[0].manifest, &host));
	assert_string_equal(loaded.item[1].name, "foreign:1");
}

static void test_oci_two_of_one_name(void **state)
{
	struct fixture *f = *state;
	auto_(oci) struct oci o = {.manifest_size = 0};
	auto_(buf) struct buf entries = BUF_INIT;

	oci_begin(&o, "a", true);
	add_entry(&entries, &o, NAMED("x:1", "mips"));
	oci_begin(&o, "b", true);
	add_entry(&entries, &o, NAMED("x", "mips"));
	oci_begin(&o, "c", true);
	add_entry(&entries, &o, NAMED("x:1", "mips"));
	oci_index(&o, &entries);
	load_fails(f->to, &o.tar.bytes, ERROR_FORMAT, "two images named x:1");
}

/* An index inside: kept if everything is there, else replaced by this machine's manifest. */
static void nested(struct fixture *f, bool other_is_there)
{
	auto_(oci) struct oci o = {.manifest_size = 0};
	auto_(buf) struct buf entries = BUF_INIT;
	auto_(buf) struct buf inner = BUF_INIT;
	auto_(buf) struct buf platform = BUF_INIT;
	auto_(refs) struct refs loaded = {.item = NULL};
	struct error err = ERROR_INIT;
	const char *os, *arch, *variant;
	struct digest host, index;
	char text[DIGEST_TEXT_SIZE];

	platform_host(&os, &arch, &variant);
	buf_printf(&platform, ",\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\"}", os, arch);
	oci_begin(&o, "mips", other_is_there);
	add_entry(&entries, &o, ",\"platform\":{\"os\":\"linux\",\"architecture\":\"mips\"}");
	oci_begin(&o, "host", true);
	host = o.manifest;
	add_entry(&entries, &o, platform.data);
	buf_printf(&inner, "{\"schemaVersion\":2,\"manifests\":[%s]}", entries.data);
	maker_blob(&o.tar, inner.data, inner.length, &index);
	buf_reset(&entries);
	buf_printf(&entries, "{\"mediaType\":\"" MEDIA_INDEX "\",\"digest\":\"%s\",\"size\":%zu}",
		   digest_text(&index, text), inner.length);
	oci_index(&o, &entries);
	succeed(load(f->to, &o.tar.bytes, NULL, &loaded, &err), &err, "load");
	assert_int_equal(loaded.count, 1);
	assert_true(digest_equal(&loaded.item[0].manifest, other_is_there ? &index : &host));
	assert_string_equal(loaded.item[0].media_type,
			    other_is_there ? MEDIA_INDEX : MEDIA_MANIFEST);
	verify_image(f->to, &loaded.item[0]);
}

static void test_oci_whole_index(void **state)
{
	nested(*state, true);
}

static void test_oci_partial_index(void **state)
{
	nested(*state, false);
}

static void test_oci_missing_blob(void **state)
{
	struct fixture *f = *state;
	auto_(oci) struct oci o = {.manifest_size = 0};
	auto_(buf) struct buf entries = BUF_INIT;
	char text[DIGEST_TEXT_SIZE];

	oci_begin(&o, "a", false);
	add_entry(&entries, &o, "");
	oci_index(&o, &entries);
	load_fails(f->to, &o.tar.bytes, ERROR_FORMAT, "lacks blob");
	load_fails(f->to, &o.tar.bytes, ERROR_FORMAT, digest_text(&o.layer, text));
}

static void test_oci_wrong_sizes(void **state)
{
	struct fixture *f = *state;
	auto_(oci) struct oci o = {.manifest_size = 0};
	auto_(buf) struct buf entries = BUF_INIT;

	oci_begin(&o, "a", true);
	o.manifest_size++;
	add_entry(&entries, &o, "");
	oci_index(&o, &entries);
	load_fails(f->to, &o.tar.bytes, ERROR_DIGEST, "its descriptor says");
}

static void test_oci_wrong_content(void **state)
{
	struct fixture *f = *state;
	auto_(oci) struct oci o = {.manifest_size = 0};
	auto_(buf) struct buf entries = BUF_INIT;

	oci_begin(&o, "a", true);
	maker_text(&o.tar,
		   "blobs/sha256/"
		   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		   "not empty");
	add_entry(&entries, &o, "");
	oci_index(&o, &entries);
	load_fails(f->to, &o.tar.bytes, ERROR_DIGEST, "holds content of");
}

/* --- archives that are neither ------------------------------------------------------------- */

static void file_refused(struct fixture *f, const char *path, const char *text,
			 enum error_code code, const char *why)
{
	auto_(maker) struct maker m;

	maker_begin(&m);
	maker_text(&m, path, text);
	maker_end(&m);
	load_fails(f->to, &m.bytes, code, why);
}

static void test_documents_refused(void **state)
{
	struct fixture *f = *state;

	file_refused(f, "etc/passwd", "x", ERROR_FORMAT, "neither an OCI archive");
	file_refused(f, "index.json", "", ERROR_FORMAT, "index.json");
	file_refused(f, "index.json", "{}", ERROR_FORMAT, "index.json");
	file_refused(f, "index.json", "{\"schemaVersion\":2,\"manifests\":[]}", ERROR_FORMAT,
		     "holds no image");
	file_refused(f, "index.json", "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}",
		     ERROR_FORMAT, "both a manifest and an index");
	file_refused(f, "manifest.json", "{}", ERROR_FORMAT, "not a list of images");
	file_refused(f, "manifest.json", "[]", ERROR_FORMAT, "holds no image");
	file_refused(f, "manifest.json", "[7]", ERROR_FORMAT, "not a list of images");
	file_refused(f, "manifest.json", "[{}]", ERROR_FORMAT, "no Config");
	file_refused(f, "../index.json", "x", ERROR_FORMAT, "leads out of the archive");
}

static void test_no_archive(void **state)
{
	static const char *const texts[] = {"", "x", "not an archive at all", "\x1f\x8b\x08"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		auto_(buf) struct buf b = BUF_INIT;

		buf_add_str(&b, texts[i]);
		load_fails(f->to, &b, ERROR_FORMAT, "");
	}
}

static void test_twice_the_same_path(void **state)
{
	struct fixture *f = *state;
	auto_(maker) struct maker a, b, c;

	maker_begin(&a);
	maker_text(&a, "index.json", "");
	maker_text(&a, "./index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
	maker_end(&a);
	load_fails(f->to, &a.bytes, ERROR_FORMAT, "two files named ./index.json");
	maker_begin(&b);
	maker_text(&b, "x/y", "1");
	maker_text(&b, "manifest.json", "[]");
	maker_text(&b, "x//y", "2");
	maker_end(&b);
	load_fails(f->to, &b.bytes, ERROR_FORMAT, "two different files named x/y");
	maker_begin(&c);
	maker_link(&c, "index.json", "x", false);
	maker_end(&c);
	load_fails(f->to, &c.bytes, ERROR_FORMAT, "index.json is a link");
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	auto_(maker) struct maker many, long_path, big;
	auto_(buf) struct buf text = BUF_INIT;
	char path[32];

	maker_begin(&many);
	for (int i = 0; i < 65537; i++) {
		snprintf(path, sizeof(path), "l%d", i);
		maker_link(&many, path, "x", false);
	}
	maker_end(&many);
	load_fails(f->to, &many.bytes, ERROR_LIMIT, "more than 65536 files");
	for (int i = 0; i < 513; i++)
		buf_add_char(&text, 'x');
	maker_begin(&long_path);
	maker_text(&long_path, text.data, "");
	maker_end(&long_path);
	load_fails(f->to, &long_path.bytes, ERROR_LIMIT, "longer than 512 bytes");
	while (text.length <= IMAGE_MAX_MANIFEST)
		buf_add_char(&text, ' ');
	maker_begin(&big);
	maker_text(&big, "index.json", text.data);
	maker_end(&big);
	load_fails(f->to, &big.bytes, ERROR_LIMIT, "index.json has");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_oci_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oci_platforms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oci_two_of_one_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oci_whole_index, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oci_partial_index, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oci_missing_blob, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oci_wrong_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oci_wrong_content, setup, teardown),
		cmocka_unit_test_setup_teardown(test_documents_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_archive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_twice_the_same_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
