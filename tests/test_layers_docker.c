/* SPDX-License-Identifier: Apache-2.0 */
/* Docker archives as other tools write them, and as nobody should. */
#include "layers/unpack.h"
#include "tests/archive_box.h"

struct docker {
	struct maker tar;
	struct buf layer[2], packed, config;
	char config_path[DIGEST_HEX_SIZE + 5];
	struct digest id;
};

static void docker_begin(struct docker *d)
{
	char hex[DIGEST_HEX_SIZE];

	*d = (struct docker){.layer = {BUF_INIT, BUF_INIT}, .packed = BUF_INIT, .config = BUF_INIT};
	make_layer("one", &d->layer[0]);
	make_layer("two", &d->layer[1]);
	make_config(d->layer, 2, &d->config);
	digest_of(d->config.data, d->config.length, &d->id);
	snprintf(d->config_path, sizeof(d->config_path), "%s.json", digest_hex(&d->id, hex));
	maker_begin(&d->tar);
}

static void docker_manifest(struct docker *d, const char *tags, const char *layers)
{
	auto_(buf) struct buf b = BUF_INIT;

	buf_printf(&b, "[{\"Config\":\"%s\",\"RepoTags\":%s,\"Layers\":%s}]", d->config_path, tags,
		   layers);
	maker_file(&d->tar, "manifest.json", b.data, b.length);
}

static void docker_release(struct docker *d)
{
	maker_release(&d->tar);
	buf_release(&d->layer[0]);
	buf_release(&d->layer[1]);
	buf_release(&d->packed);
	buf_release(&d->config);
}
DEFINE_CLEANUP_STRUCT(docker, struct docker, docker_release);

static void docker_loads(struct fixture *f, struct docker *d, const char *name)
{
	auto_(refs) struct refs loaded = {.item = NULL};
	auto_(image) struct image image = {.config = CONFIG_INIT};
	struct error err = ERROR_INIT;
	struct digest id;

	maker_end(&d->tar);
	succeed(load(f->to, &d->tar.bytes, NULL, &loaded, &err), &err, "load");
	assert_int_equal(loaded.count, 1);
	assert_string_equal(loaded.item[0].name, name);
	id = verify_image(f->to, &loaded.item[0]);
	assert_true(digest_equal(&id, &d->id));
	succeed(image_load(f->to, &loaded.item[0].manifest, UINT64_MAX, &image, &err), &err, "");
	for (size_t i = 0; i < image.layer_count; i++)
		succeed(layer_unpack(f->to, &image.layers[i], &err), &err, "unpack");
}

/* As docker before 25 saved: directories, and a layer that stands once and is linked to. */
static void test_docker_old(void **state)
{
	auto_(docker) struct docker d;

	docker_begin(&d);
	maker_link(&d.tar, "b/layer.tar", "../a/layer.tar", false);
	maker_text(&d.tar, "a/VERSION", "1.0");
	maker_text(&d.tar, "a/json", "{}");
	maker_file(&d.tar, "./a/layer.tar", d.layer[0].data, d.layer[0].length);
	maker_file(&d.tar, "c/layer.tar", d.layer[1].data, d.layer[1].length);
	maker_file(&d.tar, d.config_path, d.config.data, d.config.length);
	docker_manifest(&d, "[\"busybox:latest\"]", "[\"b/layer.tar\",\"c/layer.tar\"]");
	maker_text(&d.tar, "repositories", "{\"busybox\":{\"latest\":\"c\"}}");
	docker_loads(*state, &d, "busybox:latest");
}

static void test_docker_documents_first(void **state)
{
	auto_(docker) struct docker d;

	docker_begin(&d);
	docker_manifest(&d, "[\"docker.io/library/busybox\"]", "[\"1\",\"./x//2\"]");
	maker_file(&d.tar, d.config_path, d.config.data, d.config.length);
	maker_file(&d.tar, "1", d.layer[0].data, d.layer[0].length);
	maker_file(&d.tar, "x/2", d.layer[1].data, d.layer[1].length);
	docker_loads(*state, &d, "busybox:latest");
}

static void test_docker_compressed_layers(void **state)
{
	auto_(docker) struct docker d;

	docker_begin(&d);
	compress_all(COMPRESS_GZIP, &d.layer[0], &d.packed);
	maker_file(&d.tar, "1.tar.gz", d.packed.data, d.packed.length);
	buf_reset(&d.packed);
	compress_all(COMPRESS_ZSTD, &d.layer[1], &d.packed);
	maker_file(&d.tar, "2.tar.zst", d.packed.data, d.packed.length);
	maker_file(&d.tar, d.config_path, d.config.data, d.config.length);
	docker_manifest(&d, "null", "[\"1.tar.gz\",\"2.tar.zst\"]");
	docker_loads(*state, &d, "");
}

static void test_docker_hard_link(void **state)
{
	auto_(docker) struct docker d;

	docker_begin(&d);
	maker_file(&d.tar, "a/1.tar", d.layer[0].data, d.layer[0].length);
	maker_link(&d.tar, "b/1.tar", "a/1.tar", true);
	maker_file(&d.tar, "2.tar", d.layer[1].data, d.layer[1].length);
	maker_file(&d.tar, d.config_path, d.config.data, d.config.length);
	docker_manifest(&d, "[]", "[\"b/1.tar\",\"2.tar\"]");
	docker_loads(*state, &d, "");
}

/* As docker 25 and later save: both kinds of documents over one set of plain blobs. */
static void test_docker_with_index(void **state)
{
	struct fixture *f = *state;
	auto_(docker) struct docker d;
	auto_(buf) struct buf manifest = BUF_INIT;
	auto_(buf) struct buf index = BUF_INIT;
	auto_(refs) struct refs loaded = {.item = NULL};
	struct error err = ERROR_INIT;
	struct layer layers[2];
	struct digest md;
	char text[DIGEST_TEXT_SIZE];

	docker_begin(&d);
	for (int i = 0; i < 2; i++) {
		layers[i] = (struct layer){.size = d.layer[i].length};
		maker_blob(&d.tar, d.layer[i].data, d.layer[i].length, &layers[i].blob);
	}
	maker_blob(&d.tar, d.config.data, d.config.length, &d.id);
	manifest_render(&d.id, d.config.length, layers, 2, NULL, &manifest);
	maker_blob(&d.tar, manifest.data, manifest.length, &md);
	buf_printf(&index,
		   "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_INDEX "\",\"manifests\":[{"
		   "\"mediaType\":\"" MEDIA_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,"
		   "\"annotations\":{\"io.containerd.image.name\":\"docker.io/library/busybox:1\","
		   "\"org.opencontainers.image.ref.name\":\"1\"}}]}",
		   digest_text(&md, text), manifest.length);
	maker_file(&d.tar, "index.json", index.data, index.length);
	maker_text(&d.tar, "oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}");
	docker_manifest(&d, "[\"other:1\"]", "[\"x\",\"y\"]");
	maker_end(&d.tar);
	succeed(load(f->to, &d.tar.bytes, NULL, &loaded, &err), &err, "load");
	assert_int_equal(loaded.count, 1);
	assert_string_equal(loaded.item[0].name, "busybox:1");
	assert_true(digest_equal(&loaded.item[0].manifest, &md));
	verify_image(f->to, &loaded.item[0]);
}

static void docker_refused(struct fixture *f, const char *config, const char *tags,
			   const char *layers, enum error_code code, const char *text)
{
	auto_(docker) struct docker d;

	docker_begin(&d);
	maker_file(&d.tar, "1.tar", d.layer[0].data, d.layer[0].length);
	maker_file(&d.tar, "2.tar", d.layer[1].data, d.layer[1].length);
	maker_file(&d.tar, d.config_path, d.config.data, d.config.length);
	maker_file(&d.tar, "other.json", d.config.data, d.config.length);
	maker_link(&d.tar, "loop", "loop", false);
	if (config != NULL)
		snprintf(d.config_path, sizeof(d.config_path), "%s", config);
	docker_manifest(&d, tags, layers);
	maker_end(&d.tar);
	load_fails(f->to, &d.tar.bytes, code, text);
}

static void test_docker_refused(void **state)
{
	static const char both[] = "[\"1.tar\",\"2.tar\"]";
	struct fixture *f = *state;

	docker_refused(f, NULL, "null", "[\"1.tar\"]", ERROR_FORMAT,
		       "lists 1 layers, the config 2");
	docker_refused(f, NULL, "null", "[\"2.tar\",\"1.tar\"]", ERROR_DIGEST, "the config says");
	docker_refused(f, NULL, "null", "[\"1.tar\",\"3.tar\"]", ERROR_FORMAT, "lacks the layer 3");
	docker_refused(f, NULL, "null", "[\"1.tar\",\"loop\"]", ERROR_FORMAT,
		       "lacks the layer loop");
	docker_refused(f, NULL, "null", "[\"1.tar\",\"../2.tar\"]", ERROR_FORMAT,
		       "lacks the layer");
	docker_refused(f, NULL, "null", "[\"1.tar\",7]", ERROR_FORMAT, "Layers is not a list");
	docker_refused(f, NULL, "null", "{}", ERROR_FORMAT, "Layers is not a list");
	docker_refused(f, NULL, "[\"Upper\"]", both, ERROR_FORMAT, "\"Upper\"");
	docker_refused(f, NULL, "[7]", both, ERROR_FORMAT, "RepoTags is not a list");
	docker_refused(f, NULL, "\"x\"", both, ERROR_FORMAT, "RepoTags is not a list");
	docker_refused(f, "none.json", "null", both, ERROR_FORMAT, "lacks the config none.json");
	docker_refused(f, "1.tar", "null", both, ERROR_FORMAT, "1.tar: image config");
	docker_refused(f, "/etc/passwd", "null", both, ERROR_FORMAT, "lacks the config");
}

static void test_docker_config_of_another_digest(void **state)
{
	struct fixture *f = *state;
	auto_(docker) struct docker d;

	docker_begin(&d);
	maker_file(&d.tar, "1.tar", d.layer[0].data, d.layer[0].length);
	maker_file(&d.tar, "2.tar", d.layer[1].data, d.layer[1].length);
	buf_add_char(&d.config, ' ');
	maker_file(&d.tar, d.config_path, d.config.data, d.config.length);
	docker_manifest(&d, "null", "[\"1.tar\",\"2.tar\"]");
	maker_end(&d.tar);
	load_fails(f->to, &d.tar.bytes, ERROR_DIGEST, "holds content of");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_docker_old, setup, teardown),
		cmocka_unit_test_setup_teardown(test_docker_documents_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_docker_compressed_layers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_docker_hard_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_docker_with_index, setup, teardown),
		cmocka_unit_test_setup_teardown(test_docker_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_docker_config_of_another_digest, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
