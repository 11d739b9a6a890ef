/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image.h"

#include "layers/manifest.h"
#include "tests/image_box.h"

#define D1 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DESCRIPTOR(type, size)                                                                     \
	"{\"mediaType\":\"" type "\",\"digest\":\"" D1 "\",\"size\":" size "}"
#define CONFIG DESCRIPTOR(MEDIA_CONFIG, "7")
#define LAYER DESCRIPTOR("application/vnd.oci.image.layer.v1.tar+gzip", "9")

/* --- manifests without a store ------------------------------------------------------------- */

static void test_manifest_parse(void **state)
{
	static const char text[] = "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER
				   "],\"annotations\":{\"x\":\"y\"},\"subject\":null}";
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	struct error err = ERROR_INIT;
	enum compression c;

	(void)state;
	succeed(manifest_parse(text, strlen(text), NULL, &m, &err), &err, "parse");
	assert_false(m.is_index);
	assert_string_equal(m.media_type, MEDIA_MANIFEST);
	assert_int_equal(m.count, 1);
	assert_int_equal(m.items[0].size, 9);
	assert_int_equal(m.config.size, 7);
	succeed(manifest_check_image(&m, &err), &err, "check");
	succeed(manifest_compression(&m.items[0], &c, &err), &err, "compression");
	assert_int_equal(c, COMPRESS_GZIP);
}

static void test_manifest_docker_types(void **state)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_DOCKER_MANIFEST
		"\",\"config\":" DESCRIPTOR(MEDIA_DOCKER_CONFIG, "7") ",\"layers\":[" DESCRIPTOR(
			"application/vnd.docker.image.rootfs.diff.tar.gzip",
			"9") "," DESCRIPTOR("application/"
					    "vnd.docker.image.rootfs.foreign.diff.tar.gzip",
					    "9") "," DESCRIPTOR("application/"
								"vnd.oci.image.layer."
								"nondistributable.v1.tar+zstd",
								"9") "]}";
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	succeed(manifest_parse(text, strlen(text), MEDIA_DOCKER_MANIFEST, &m, &err), &err, "parse");
	succeed(manifest_check_image(&m, &err), &err, "check");
	assert_int_equal(m.count, 3);
}

static void test_bad_manifests(void **state)
{
	static const char *const table[][2] = {
		{"", "empty"},
		{"[]", "not an object"},
		{"{}", "schemaVersion is not 2"},
		{"{\"schemaVersion\":1,\"layers\":[]}", "schemaVersion is not 2"},
		{"{\"schemaVersion\":\"2\",\"layers\":[]}", "schemaVersion is not 2"},
		{"{\"schemaVersion\":2}", "neither layers nor manifests"},
		{"{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", "both a manifest and"},
		{"{\"schemaVersion\":2,\"manifests\":[],\"config\":" CONFIG "}", "both"},
		{"{\"schemaVersion\":2,\"manifests\":{}}", "manifests is not an array"},
		{"{\"schemaVersion\":2,\"layers\":{},\"config\":" CONFIG "}", "layers is not"},
		{"{\"schemaVersion\":2,\"layers\":[]}", "manifest config: a descriptor"},
		{"{\"schemaVersion\":2,\"layers\":[1],\"config\":" CONFIG "}", "a descriptor"},
		{"{\"schemaVersion\":2,\"layers\":[{}],\"config\":" CONFIG "}", "no digest"},
		{"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_INDEX
		 "\",\"layers\":[],\"config\":" CONFIG "}",
		 "the content is that of an image manifest"},
		{"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_MANIFEST "\",\"manifests\":[]}",
		 "the content is that of an index"},
		{"{\"schemaVersion\":2,\"mediaType\":7,\"manifests\":[]}", "mediaType is not"},
		{"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:abc\",\"size\":1,"
		 "\"mediaType\":\"x\"}]}",
		 "not a digest"},
		{"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" D1 "\",\"size\":-1,"
		 "\"mediaType\":\"x\"}]}",
		 "no size"},
		{"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" D1 "\",\"size\":1.5,"
		 "\"mediaType\":\"x\"}]}",
		 "no size"},
		{"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" D1 "\",\"size\":1}]}",
		 "no mediaType"},
		{"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" D1 "\",\"size\":1,"
		 "\"mediaType\":\"x\",\"platform\":[]}]}",
		 "platform is not an object"},
		{"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" D1 "\",\"size\":1,"
		 "\"mediaType\":\"x\",\"platform\":{\"os\":1}}]}",
		 "os is not a string"},
		{"{\"schemaVersion\":2,\"layers\":[],\"layers\":[]}", "duplicate key"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		auto_(manifest) struct manifest m = MANIFEST_INIT;
		struct error err = ERROR_INIT;

		fails_with(manifest_parse(table[i][0], strlen(table[i][0]), NULL, &m, &err), &err,
			   ERROR_FORMAT, table[i][1]);
	}
}

static void test_manifest_contradictions(void **state)
{
	static const char index[] = "{\"schemaVersion\":2,\"manifests\":[]}";
	static const char typed[] =
		"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_INDEX "\",\"manifests\":[]}";
	static const char artifact[] = "{\"schemaVersion\":2,\"config\":" DESCRIPTOR(
		"application/x", "1") ",\"layers\":[]}";
	static const char layer[] =
		"{\"schemaVersion\":2,\"config\":" CONFIG
		",\"layers\":[" DESCRIPTOR("application/vnd.in-toto+json", "1") "]}";
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	fails_with(manifest_parse(index, strlen(index), MEDIA_MANIFEST, &m, &err), &err,
		   ERROR_FORMAT, "the content is that of an index");
	fails_with(manifest_parse(typed, strlen(typed), MEDIA_DOCKER_INDEX, &m, &err), &err,
		   ERROR_FORMAT, "what refers to it says");
	succeed(manifest_parse(artifact, strlen(artifact), NULL, &m, &err), &err, "artifact");
	fails_with(manifest_check_image(&m, &err), &err, ERROR_FORMAT, "not a container image");
	manifest_release(&m);
	succeed(manifest_parse(layer, strlen(layer), NULL, &m, &err), &err, "in-toto");
	fails_with(manifest_check_image(&m, &err), &err, ERROR_FORMAT, "unknown layer type");
}

static void test_layer_limit(void **state)
{
	auto_(buf) struct buf b = BUF_INIT;
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	buf_add_str(&b, "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER);
	for (int i = 1; i < IMAGE_MAX_LAYERS + 1; i++)
		buf_add_str(&b, "," LAYER);
	buf_add_str(&b, "]}");
	succeed(manifest_parse(b.data, b.length, NULL, &m, &err), &err, "parse");
	fails_with(manifest_check_image(&m, &err), &err, ERROR_LIMIT, "499");
	buf_truncate(&b, b.length - 2);
	for (int i = 0; i < MANIFEST_MAX_ENTRIES; i++)
		buf_add_str(&b, "," LAYER);
	buf_add_str(&b, "]}");
	manifest_release(&m);
	fails_with(manifest_parse(b.data, b.length, NULL, &m, &err), &err, ERROR_LIMIT, "10000");
}

/* --- choosing from an index ---------------------------------------------------------------- */

static const struct descriptor *pick(struct descriptor *items, size_t count, struct error *err)
{
	struct manifest m = {.is_index = true, .items = items, .count = count};

	const struct platform local = platform_local();

	return manifest_pick(&m, &local, err);
}

static void test_pick(void **state)
{
	const char *os, *arch, *variant;
	struct error err = ERROR_INIT;

	(void)state;
	platform_host(&os, &arch, &variant);
	struct descriptor other = {.os = "linux", .architecture = "mips"};
	struct descriptor windows = {.os = "windows", .architecture = arch};
	struct descriptor newer = {.os = os, .architecture = arch, .variant = "v9"};
	struct descriptor host = {.os = os, .architecture = arch};
	struct descriptor attestation = {.os = "unknown", .architecture = "unknown"};
	struct descriptor bare = {.size = 1};
	struct descriptor all[] = {attestation, windows, other, newer, host};

	assert_ptr_equal(pick(all, 5, &err), &all[4]);
	assert_null(pick(all, 4, &err));
	fails_with(-1, &err, ERROR_NOT_FOUND, "windows/");
	assert_ptr_equal(pick(&bare, 1, &err), &bare);
	assert_null(pick((struct descriptor[]){bare, bare}, 2, &err));
	error_clear(&err);
	assert_ptr_equal(pick((struct descriptor[]){attestation, host}, 2, &err)->os, os);
	assert_null(pick(&attestation, 1, &err));
	fails_with(-1, &err, ERROR_NOT_FOUND, "no images");
	assert_null(pick(&other, 1, &err));
	fails_with(-1, &err, ERROR_NOT_FOUND, "linux/mips");
	assert_null(pick(NULL, 0, &err));
}

/* --- in a store ---------------------------------------------------------------------------- */

struct fixture {
	struct box box;
	struct store *store;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	box_make(&f->box);
	f->store = box_store(&f->box, "store");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	box_free(&f->box);
	free(f);
	return 0;
}

static void test_publish_and_load(void **state)
{
	struct fixture *f = *state;
	auto_(image) struct image image = {.config = CONFIG_INIT};
	auto_(ref) struct ref zstd = {.name = NULL};
	auto_(ref) struct ref gzip = {.name = NULL};
	auto_(ref) struct ref again = {.name = NULL};
	struct error err = ERROR_INIT;
	struct digest id, id_gzip, id_again;

	box_image(&f->box, f->store, 1, 3, COMPRESS_ZSTD, NULL, 0, &zstd, &id);
	box_image(&f->box, f->store, 1, 3, COMPRESS_GZIP, NULL, 0, &gzip, &id_gzip);
	box_image(&f->box, f->store, 1, 3, COMPRESS_ZSTD, NULL, 0, &again, &id_again);
	assert_true(digest_equal(&id, &id_gzip));
	assert_false(digest_equal(&zstd.manifest, &gzip.manifest));
	assert_true(digest_equal(&zstd.manifest, &again.manifest));
	succeed(image_load(f->store, &gzip.manifest, gzip.size, &image, &err), &err, "load");
	assert_true(digest_equal(&image.config_digest, &id));
	assert_int_equal(image.layer_count, 3);
	assert_int_equal(image.layers[2].compression, COMPRESS_GZIP);
	assert_string_equal(config_env(&image.config, "SEED"), "1");
	assert_string_equal(image.media_type, MEDIA_MANIFEST);
	for (size_t i = 0; i < 3; i++)
		assert_true(digest_equal(&image.layers[i].diff_id, &image.config.diff_ids[i]));
}

static void test_image_without_layers(void **state)
{
	struct fixture *f = *state;
	auto_(image) struct image image = {.config = CONFIG_INIT};
	auto_(ref) struct ref ref = {.name = NULL};
	auto_(buf) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	struct digest id;

	box_image(&f->box, f->store, 1, 0, COMPRESS_ZSTD, NULL, 0, &ref, &id);
	succeed(image_load(f->store, &ref.manifest, ref.size, &image, &err), &err, "load");
	assert_int_equal(image.layer_count, 0);
	succeed(blob_get(f->store, &ref.manifest, ref.size, 4096, &text, &err), &err, "get");
	assert_non_null(strstr(text.data, "\"layers\":[]"));
}

static void resolves(struct store *s, const char *what, const struct ref *ref)
{
	auto_(image) struct image image = {.config = CONFIG_INIT};
	struct error err = ERROR_INIT;

	succeed(image_resolve(s, what, &image, &err), &err, what);
	if (!digest_equal(&image.manifest, &ref->manifest))
		fail_msg("%s is another image", what);
}

static void test_resolve(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"busybox:latest", "quay.io/a/b:1", "cafe:latest"};
	auto_(ref) struct ref a = {.name = NULL};
	auto_(ref) struct ref b = {.name = NULL};
	auto_(ref) struct ref nameless = {.name = NULL};
	char hex[DIGEST_HEX_SIZE], text[DIGEST_TEXT_SIZE], what[200];
	struct digest id, id_b, id_n;

	box_image(&f->box, f->store, 1, 2, COMPRESS_ZSTD, names, 2, &a, &id);
	box_image(&f->box, f->store, 5, 1, COMPRESS_ZSTD, names + 2, 1, &b, &id_b);
	box_image(&f->box, f->store, 9, 1, COMPRESS_ZSTD, NULL, 0, &nameless, &id_n);
	resolves(f->store, "busybox", &a);
	resolves(f->store, "docker.io/library/busybox:latest", &a);
	resolves(f->store, "quay.io/a/b:1", &a);
	resolves(f->store, "cafe", &b);
	resolves(f->store, digest_text(&a.manifest, text), &a);
	resolves(f->store, digest_hex(&a.manifest, hex), &a);
	resolves(f->store, digest_text(&id_b, text), &b);
	resolves(f->store, digest_hex(&id_b, hex), &b);
	hex[4] = '\0';
	resolves(f->store, hex, &b);
	snprintf(what, sizeof(what), "sha256:%.12s", digest_hex(&a.manifest, hex));
	resolves(f->store, what, &a);
	snprintf(what, sizeof(what), "busybox@%s", digest_text(&a.manifest, text));
	resolves(f->store, what, &a);
	/* No ref reaches it, but the blob is there. */
	resolves(f->store, digest_text(&nameless.manifest, text), &nameless);
}

/* One image under two manifests (other compression) is no ambiguity for its ID. */
static void test_resolve_two_manifests(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"a:latest", "b:latest"};
	auto_(ref) struct ref a = {.name = NULL};
	auto_(ref) struct ref b = {.name = NULL};
	char hex[DIGEST_HEX_SIZE];
	struct digest id;

	box_image(&f->box, f->store, 1, 1, COMPRESS_ZSTD, names, 1, &a, &id);
	box_image(&f->box, f->store, 1, 1, COMPRESS_GZIP, names + 1, 1, &b, &id);
	digest_hex(&id, hex);
	hex[12] = '\0';
	resolves(f->store, hex, &a);
}

static void test_resolve_failures(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"busybox:latest", "busybox:1.36", "other/thing:v1"};
	auto_(ref) struct ref ref = {.name = NULL};
	auto_(image) struct image image = {.config = CONFIG_INIT};
	struct error err = ERROR_INIT;
	struct digest id;

	box_image(&f->box, f->store, 1, 1, COMPRESS_ZSTD, names, 3, &ref, &id);
	assert_int_equal(image_resolve(f->store, "busybx", &image, &err), -1);
	assert_non_null(strstr(err.hint, "busybox:1.36, busybox:latest"));
	fails_with(-1, &err, ERROR_NOT_FOUND, "there is no image \"busybx\"");
	assert_int_equal(image_resolve(f->store, "busybox:2", &image, &err), -1);
	assert_non_null(strstr(err.hint, "busybox:latest"));
	error_clear(&err);
	assert_int_equal(image_resolve(f->store, "localhost/thing", &image, &err), -1);
	assert_non_null(strstr(err.hint, "other/thing:v1"));
	error_clear(&err);
	assert_int_equal(image_resolve(f->store, "zzzzzz", &image, &err), -1);
	assert_string_equal(err.hint, "");
	error_clear(&err);
	fails_with(image_resolve(f->store, "Upper", &image, &err), &err, ERROR_USAGE, "lower-case");
	fails_with(image_resolve(f->store, D1, &image, &err), &err, ERROR_NOT_FOUND, D1);
	fails_with(image_resolve(f->store, "abc", &image, &err), &err, ERROR_NOT_FOUND, "abc");
}

static void test_resolve_ambiguous(void **state)
{
	struct fixture *f = *state;
	auto_(image) struct image image = {.config = CONFIG_INIT};
	struct error err = ERROR_INIT;
	char hex[2][DIGEST_HEX_SIZE], seen[65536 / 8] = "";
	unsigned int prefix = 0;

	/* Configs without layers until two of them share 4 hex digits: about 300. */
	for (unsigned int i = 0;; i++) {
		auto_(ref) struct ref ref = {.name = NULL};
		auto_free char *name = xprintf("n%u:latest", i);
		const char *names[] = {name};
		struct digest id;

		box_image(&f->box, f->store, i, 0, COMPRESS_ZSTD, names, 1, &ref, &id);
		prefix = (unsigned int)id.sha256[0] << 8 | id.sha256[1];
		if (seen[prefix / 8] & 1 << prefix % 8)
			break;
		seen[prefix / 8] = (char)(seen[prefix / 8] | 1 << prefix % 8);
	}
	snprintf(hex[0], sizeof(hex[0]), "%04x", prefix);
	assert_int_equal(image_resolve(f->store, hex[0], &image, &err), -1);
	assert_string_equal(err.hint, "give more digits, or a name");
	fails_with(-1, &err, ERROR_USAGE, "more than one image");
}

/* Documents that lie about each other. */
static void test_bad_images(void **state)
{
	struct fixture *f = *state;
	auto_(image) struct image image = {.config = CONFIG_INIT};
	struct error err = ERROR_INIT;
	struct layer layer = box_layer(&f->box, f->store, 1, 100, COMPRESS_ZSTD);
	static const char config[] = "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}";
	auto_(buf) struct buf text = BUF_INIT;
	struct digest c, m;

	succeed(blob_put(f->store, config, strlen(config), &c, &err), &err, "put");
	manifest_render(&c, strlen(config), &layer, 1, NULL, &text);
	succeed(blob_put(f->store, text.data, text.length, &m, &err), &err, "put");
	fails_with(image_load(f->store, &m, text.length, &image, &err), &err, ERROR_FORMAT,
		   "the manifest has 1 layers, the config 0 diff ids");
	fails_with(image_load(f->store, &m, text.length + 1, &image, &err), &err, ERROR_DIGEST,
		   "bytes");
	buf_reset(&text);
	manifest_render(&c, strlen(config) + 1, NULL, 0, NULL, &text);
	succeed(blob_put(f->store, text.data, text.length, &m, &err), &err, "put");
	fails_with(image_load(f->store, &m, UINT64_MAX, &image, &err), &err, ERROR_DIGEST, "bytes");
	buf_reset(&text);
	manifest_render(&c, IMAGE_MAX_CONFIG + 1, NULL, 0, NULL, &text);
	succeed(blob_put(f->store, text.data, text.length, &m, &err), &err, "put");
	fails_with(image_load(f->store, &m, UINT64_MAX, &image, &err), &err, ERROR_LIMIT,
		   "more than the limit of 8388608");
	fails_with(image_load(f->store, &layer.blob, layer.size, &image, &err), &err, ERROR_FORMAT,
		   "reading manifest");
	digest_of("x", 1, &m);
	fails_with(image_load(f->store, &m, UINT64_MAX, &image, &err), &err, ERROR_NOT_FOUND, "");
}

static void put_index(struct store *s, const struct digest *child, uint64_t size,
		      const char *media_type, const char *platform, struct digest *out,
		      uint64_t *out_size)
{
	auto_(buf) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	char text[DIGEST_TEXT_SIZE];

	buf_printf(&b,
		   "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\","
		   "\"size\":%llu%s}]}",
		   media_type, digest_text(child, text), (unsigned long long)size, platform);
	succeed(blob_put(s, b.data, b.length, out, &err), &err, "put");
	*out_size = b.length;
}

static void test_load_through_indexes(void **state)
{
	struct fixture *f = *state;
	const struct platform local = platform_local();
	auto_(image) struct image image = {.config = CONFIG_INIT};
	auto_(ref) struct ref ref = {.name = NULL};
	struct error err = ERROR_INIT;
	struct digest id, d;
	uint64_t size;

	box_image(&f->box, f->store, 1, 1, COMPRESS_ZSTD, NULL, 0, &ref, &id);
	put_index(f->store, &ref.manifest, ref.size, MEDIA_MANIFEST, "", &d, &size);
	succeed(image_load(f->store, &d, size, &image, &err), &err, "one index");
	assert_true(digest_equal(&image.manifest, &ref.manifest));
	assert_int_equal(image.manifest_size, ref.size);
	image_release(&image);
	put_index(f->store, &d, size, MEDIA_INDEX, "", &d, &size);
	succeed(image_load(f->store, &d, size, &image, &err), &err, "two indexes");
	put_index(f->store, &d, size, MEDIA_INDEX, "", &d, &size);
	fails_with(image_load(f->store, &d, size, &image, &err), &err, ERROR_LIMIT, "nested");
	put_index(f->store, &ref.manifest, ref.size, MEDIA_MANIFEST,
		  ",\"platform\":{\"os\":\"linux\",\"architecture\":\"mips\"}", &d, &size);
	fails_with(image_load_for(f->store, &d, size, &local, &image, &err), &err, ERROR_NOT_FOUND,
		   "linux/mips");
	succeed(image_load(f->store, &d, size, &image, &err), &err, "of another platform");
	put_index(f->store, &ref.manifest, ref.size, MEDIA_INDEX, "", &d, &size);
	fails_with(image_load(f->store, &d, size, &image, &err), &err, ERROR_FORMAT,
		   "what refers to it says");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest_parse),
		cmocka_unit_test(test_manifest_docker_types),
		cmocka_unit_test(test_bad_manifests),
		cmocka_unit_test(test_manifest_contradictions),
		cmocka_unit_test(test_layer_limit),
		cmocka_unit_test(test_pick),
		cmocka_unit_test_setup_teardown(test_publish_and_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_image_without_layers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resolve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resolve_two_manifests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resolve_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resolve_ambiguous, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_images, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load_through_indexes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
