/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a URL, under which name, and what the server is asked. */
#include "builder/fetch.h"
#include "builder/remote.h"
#include "tests/http_box.h"
#include "tests/store_box.h"

static const char content_digest[] =
	"sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
static const char other_digest[] =
	"sha256:0000000000000000000000000000000000000000000000000000000000000000";

struct world {
	struct box box;
	struct server first, second;
	struct store *store;
};

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	box_make(&w->box);
	w->store = box_open(&w->box, 0);
	start(&w->second, 0);
	start(&w->first, w->second.port);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	stop(&w->first);
	stop(&w->second);
	store_close(w->store);
	assert_int_equal(box_fsck(&w->box, false), 0);
	box_remove(&w->box);
	free(w);
	return 0;
}

static int fetch(struct world *w, const char *path, const char *checksum,
		 const struct fetch_options *o, struct fetched *out, struct error *err)
{
	static const struct fetch_options none = {.secret_count = 0};
	auto_free char *url = xprintf("http://u:pass@127.0.0.1:%d%s", w->first.port, path);

	*err = (struct error)ERROR_INIT;
	return fetch_http(w->store, url, checksum, o != NULL ? o : &none, out, err);
}

static void assert_fails(struct world *w, const char *path, const char *checksum,
			 enum error_code code, const char *part)
{
	struct fetched out;
	struct error err;
	char text[ERROR_TEXT * 2];

	assert_int_equal(fetch(w, path, checksum, NULL, &out, &err), -1);
	error_format(&err, text, sizeof(text));
	assert_int_equal(err.code, code);
	if (strstr(text, part) == NULL || strstr(text, "pass") != NULL)
		fail_msg("the error says: %s", text);
}

static void remembers_and_asks_once(void **state)
{
	struct world *w = *state;
	struct fetched a, b;
	struct error err;
	char text[DIGEST_TEXT_SIZE];

	ok(fetch(w, "/conditional", NULL, NULL, &a, &err));
	assert_string_equal(digest_text(&a.content, text), content_digest);
	assert_int_equal(a.size, 7);
	assert_int_equal(a.mtime, 784111777);
	assert_string_equal(a.name, "conditional");
	assert_true(store_has(w->store, STORE_BLOBS, &a.content));
	assert_null(strstr(w->first.seen->last, "If-"));
	w->first.seen->requests = 0;
	ok(fetch(w, "/conditional", NULL, NULL, &b, &err));
	assert_int_equal(w->first.seen->requests, 1);
	assert_non_null(strstr(w->first.seen->last, "If-None-Match"));
	assert_memory_equal(&a.content, &b.content, sizeof(a.content));
	assert_int_equal(a.mtime, b.mtime);
	assert_int_equal(a.size, b.size);
	assert_string_equal(a.name, b.name);
}

static void checksum_spares_the_question(void **state)
{
	struct world *w = *state;
	struct fetched f;
	struct error err;

	ok(fetch(w, "/conditional", content_digest, NULL, &f, &err));
	w->first.seen->requests = 0;
	ok(fetch(w, "/conditional", content_digest, NULL, &f, &err));
	assert_int_equal(w->first.seen->requests, 0);
	assert_int_equal(f.mtime, 784111777);
	/* What is known differs from what is wanted, and the server still has what is known. */
	assert_fails(w, "/conditional", other_digest, ERROR_DIGEST, content_digest);
	assert_int_equal(w->first.seen->requests, 1);
}

static void wrong_content_is_not_kept(void **state)
{
	struct world *w = *state;

	assert_fails(w, "/conditional", other_digest, ERROR_DIGEST, other_digest);
	assert_int_equal(box_count(&w->box, "cache"), 0);
	assert_fails(w, "/conditional", "sha256:beef", ERROR_FORMAT, "checksum of http://127");
	assert_fails(w, "/conditional", "md5:beef", ERROR_FORMAT, "checksum of http://127");
	assert_fails(w, "/cut", NULL, ERROR_IO, "/cut");
	assert_fails(w, "/missing", NULL, ERROR_NOT_FOUND, "no such file (404)");
	assert_fails(w, "/secret", NULL, ERROR_DENIED, "(401)");
	assert_fails(w, "/empty", NULL, ERROR_IO, "status 204");
	assert_int_equal(box_count(&w->box, "blobs/sha256"), 0);
}

static void a_damaged_blob_is_loaded_again(void **state)
{
	struct world *w = *state;
	struct fetched f;
	struct error err;
	auto_fd int fd = -1;
	char path[] = "/proc/self/fd/0123456789";
	struct stat st;

	ok(fetch(w, "/conditional", NULL, NULL, &f, &err));
	fd = store_find(w->store, STORE_BLOBS, &f.content, &err);
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(truncate(path, 3), 0);
	cleanup_fd(&fd);
	ok(fetch(w, "/conditional", content_digest, NULL, &f, &err));
	assert_null(strstr(w->first.seen->last, "If-"));
	fd = store_find(w->store, STORE_BLOBS, &f.content, &err);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 7);
}

static void prune_keeps_what_a_record_needs(void **state)
{
	struct world *w = *state;
	struct prune_report report;
	struct fetched f;
	struct error err;

	ok(fetch(w, "/conditional", NULL, NULL, &f, &err));
	ok(store_commit(w->store, NULL, 0, &err));
	store_close(w->store);
	w->store = box_open(&w->box, 0);
	ok(store_prune(w->store, &(struct prune_options){.unnamed = true}, &report, &err));
	assert_int_equal(report.blobs, 0);
	assert_true(store_has(w->store, STORE_BLOBS, &f.content));
	ok(store_prune(w->store, &(struct prune_options){.cache = true}, &report, &err));
	assert_int_equal(report.blobs, 1);
	assert_int_equal(report.records, 1);
	assert_false(store_has(w->store, STORE_BLOBS, &f.content));
}

static void secrets_become_headers(void **state)
{
	struct world *w = *state;
	static const struct build_secret token[] = {
		{"HTTP_AUTH_HEADER_127.0.0.1", "Basic eDp5", 10},
		{"HTTP_AUTH_TOKEN_127.0.0.1", "t0ken\n", 6}};
	static const struct build_secret elsewhere[] = {{"HTTP_AUTH_TOKEN_example.com", "x", 1}};
	static const struct build_secret lines[] = {{"HTTP_AUTH_TOKEN_127.0.0.1", "a\r\nX: y", 7}};
	struct fetched f;
	struct error err;

	ok(fetch(w, "/plain", NULL, &(struct fetch_options){.secrets = token, .secret_count = 2},
		 &f, &err));
	assert_non_null(strstr(w->first.seen->last, "Authorization: Bearer t0ken\r\n"));
	ok(fetch(w, "/plain", NULL, &(struct fetch_options){.secrets = token, .secret_count = 1},
		 &f, &err));
	assert_non_null(strstr(w->first.seen->last, "Authorization: Basic eDp5\r\n"));
	ok(fetch(w, "/far", NULL, &(struct fetch_options){.secrets = token, .secret_count = 2}, &f,
		 &err));
	assert_null(strstr(w->second.seen->last, "t0ken"));
	ok(fetch(w, "/plain", NULL,
		 &(struct fetch_options){.secrets = elsewhere, .secret_count = 1}, &f, &err));
	assert_null(strstr(w->first.seen->last, "Bearer"));
	assert_int_equal(fetch(w, "/plain", NULL,
			       &(struct fetch_options){.secrets = lines, .secret_count = 1}, &f,
			       &err),
			 -1);
	assert_int_equal(err.code, ERROR_USAGE);
	assert_null(strstr(err.frame[0].text, "X: y"));
}

static void names_of_files(void **state)
{
	static const struct {
		const char *url, *disposition, *name;
	} cases[] = {
		{"http://h/a/b.tgz", NULL, "b.tgz"},
		{"http://h/a/b.tgz?x=/y#/z", NULL, "b.tgz"},
		{"http://h/a%20b", NULL, "a b"},
		{"http://h/a%2Fb", NULL, "b"},
		{"http://h/%2e%2e", NULL, ""},
		{"http://h/..", NULL, ""},
		{"http://h/x/.", NULL, ""},
		{"http://h/%00", NULL, ""},
		{"http://h/50%", NULL, "50%"},
		{"http://h/%zz", NULL, "%zz"},
		{"http://h", NULL, ""},
		{"http://h/", NULL, ""},
		{"http://h?x/y", NULL, ""},
		{"http://h/d/", NULL, ""},
		{"http://h/url", "attachment; filename=\"head\"", "url"},
		{"http://h/", "attachment; filename=\"head\"", "head"},
		{"http://h/", "attachment;filename=head; x=y", "head"},
		{"http://h/", "attachment; x=\"a;filename=b\"; FileName = \"c\"", "c"},
		{"http://h/", "attachment; filename=\"../../etc/passwd\"", "passwd"},
		{"http://h/", "attachment; filename=\"a\\\"b\"", "a\"b"},
		{"http://h/", "attachment; filename=\"..\"", ""},
		{"http://h/", "attachment; filename=\"d/\"", ""},
		{"http://h/", "attachment; filename=old; filename*=UTF-8''n%C3%A9w", "n\xc3\xa9w"},
		{"http://h/", "attachment; filename*=utf-8'en'a%2Fb", "b"},
		{"http://h/", "attachment; filename=\"open", "open"},
		{"http://h/", "attachment", ""},
		{"http://h/", "", ""},
		{"http://h/", ";;;=;filename", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char name[FETCHED_NAME];

		remote_file_name(cases[i].url, cases[i].disposition, name);
		if (strcmp(name, cases[i].name) != 0)
			fail_msg("%s, %s: the name is \"%s\", not \"%s\"", cases[i].url,
				 cases[i].disposition != NULL ? cases[i].disposition : "-", name,
				 cases[i].name);
	}
}

static void the_server_may_name_the_file(void **state)
{
	struct world *w = *state;
	struct fetched f;
	struct error err;

	ok(fetch(w, "/named/", NULL, NULL, &f, &err));
	assert_string_equal(f.name, "a b.txt");
	assert_int_equal(f.mtime, 0);
}

static void parts_of_urls(void **state)
{
	static const struct {
		const char *url, *host, *public;
	} cases[] = {
		{"https://Example.COM/x", "example.com", "https://Example.COM/x"},
		{"https://u:p@h:8080/x@y", "h", "https://h:8080/x@y"},
		{"https://u@x:p@h", "h", "https://h"},
		{"http://[::1]:80/", "::1", "http://[::1]:80/"},
		{"http://u:p@[::1]/", "::1", "http://[::1]/"},
		{"http://h?q=a@b", "h", "http://h?q=a@b"},
		{"nothing", "", "nothing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_free char *host = url_host(cases[i].url);
		auto_free char *public = url_public(cases[i].url);

		assert_string_equal(host, cases[i].host);
		assert_string_equal(public, cases[i].public);
	}
}

static void urls_in_a_text(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"ADD a b", "ADD a b"},
		{"ADD http://u:p@h/x https://v@h2 /d", "ADD http://h/x https://h2 /d"},
		{"ADD [\"http://u:p@h\", \"a@b\"]", "ADD [\"http://h\", \"a@b\"]"},
		{"git@h:x http://h/a@b", "git@h:x http://h/a@b"},
		{"x://", "x://"},
		{"://a@://b@c", "://://c"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_free char *is = urls_public(cases[i][0]);

		assert_string_equal(is, cases[i][1]);
	}
}

static void base64(void **state)
{
	static const char *const cases[][2] = {{"", "Basic "},
					       {"a", "Basic YQ=="},
					       {"ab", "Basic YWI="},
					       {"abc", "Basic YWJj"},
					       {"\xff\xfe\xfd~?", "Basic //79fj8="}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_(buf) struct buf out = BUF_INIT;

		basic_authorization(cases[i][0], &out);
		assert_string_equal(out.data, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(remembers_and_asks_once, setup, teardown),
		cmocka_unit_test_setup_teardown(checksum_spares_the_question, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_content_is_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_blob_is_loaded_again, setup, teardown),
		cmocka_unit_test_setup_teardown(prune_keeps_what_a_record_needs, setup, teardown),
		cmocka_unit_test_setup_teardown(secrets_become_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(the_server_may_name_the_file, setup, teardown),
		cmocka_unit_test(names_of_files),
		cmocka_unit_test(parts_of_urls),
		cmocka_unit_test(urls_in_a_text),
		cmocka_unit_test(base64),
	};

	setenv("no_proxy", "*", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
