/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP against a server of ours on loopback that gives odd answers. */
#include "common/buf.h"
#include "registry/http.h"
#include "tests/http_box.h"

struct world {
	struct server first, second;
};

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

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
	free(w);
	return 0;
}

/* --- the client ---------------------------------------------------------------------------- */

struct client {
	struct http_request request;
	struct http_response response;
	struct buf body;
	struct error err;
	char text[ERROR_TEXT];
	char *url;
	int restarts;
};

static int take(void *user, const void *data, size_t length, struct error *err)
{
	struct client *c = user;

	(void)err;
	buf_add(&c->body, data, length);
	return 0;
}

static int refuse(void *user, const void *data, size_t length, struct error *err)
{
	(void)user, (void)data, (void)length;
	return error_set(err, ERROR_SPACE, "the disk is full");
}

static int again(void *user, struct error *err)
{
	struct client *c = user;

	(void)err;
	c->restarts++;
	buf_reset(&c->body);
	return 0;
}

static void client_release(struct client *c)
{
	buf_release(&c->body);
	http_response_release(&c->response);
	free(c->url);
}
DEFINE_CLEANUP_STRUCT(client, struct client, client_release);

#define CLIENT                                                                                     \
	{                                                                                          \
		.request = {.body = take, .max_body = 1024}, .body = BUF_INIT, .err = ERROR_INIT   \
	}

static int get(struct client *c, const struct server *s, const char *credentials, const char *path)
{
	int result;

	c->url = xprintf("http://%s127.0.0.1:%d%s", credentials, s->port, path);
	c->request.url = c->url;
	c->request.user = c;
	result = http_perform(&c->request, &c->response, &c->err);
	error_format(&c->err, c->text, sizeof(c->text));
	return result;
}

static void assert_says(const struct client *c, const char *part)
{
	if (strstr(c->text, part) == NULL)
		fail_msg("the error says: %s\nit lacks: %s", c->text, part);
}

/* --- tests --------------------------------------------------------------------------------- */

static void test_answer(void **state)
{
	struct world *w = *state;
	auto_(client) struct client c = CLIENT;
	auto_(client) struct client chunked = CLIENT;
	auto_(client) struct client interim = CLIENT;

	assert_int_equal(get(&c, &w->first, "", "/plain?a=b#fragment"), 0);
	assert_int_equal(c.response.status, 200);
	assert_string_equal(c.body.data, "hello");
	assert_string_equal(http_header(&c.response, "x-thing"), "a b");
	assert_string_equal(http_header(&c.response, "etag"), "\"x\"");
	assert_null(http_header(&c.response, "ETag"));
	assert_non_null(strstr(w->first.seen->last, "GET /plain?a=b HTTP/1.1\r\n"));
	assert_non_null(strstr(w->first.seen->last, "User-Agent: varve/"));
	assert_null(strstr(w->first.seen->last, "Authorization"));

	assert_int_equal(get(&chunked, &w->first, "", "/chunked"), 0);
	assert_string_equal(chunked.body.data, "abcde");
	assert_int_equal(get(&interim, &w->first, "", "/interim"), 0);
	assert_int_equal(interim.response.status, 200);
	assert_null(http_header(&interim.response, "x-early"));
}

static void test_statuses(void **state)
{
	struct world *w = *state;
	auto_(client) struct client missing = CLIENT;
	auto_(client) struct client endless = CLIENT;
	auto_(client) struct client empty = CLIENT;
	auto_(client) struct client head = CLIENT;

	assert_int_equal(get(&missing, &w->first, "", "/missing"), 0);
	assert_int_equal(missing.response.status, 404);
	assert_string_equal(missing.body.data, "");
	assert_int_equal(get(&endless, &w->first, "", "/endless-404"), 0);
	assert_int_equal(endless.response.status, 404);
	assert_int_equal(get(&empty, &w->first, "", "/empty"), 0);
	assert_int_equal(empty.response.status, 204);
	head.request.method = "HEAD";
	head.request.max_body = 0;
	assert_int_equal(get(&head, &w->first, "", "/plain"), 0);
	assert_int_equal(head.response.status, 200);
	assert_non_null(strstr(w->first.seen->last, "HEAD /plain"));
}

static void test_cut_bodies(void **state)
{
	struct world *w = *state;
	static const char *const paths[] = {"/cut", "/cut-chunk"};

	for (size_t i = 0; i < 2; i++) {
		auto_(client) struct client c = CLIENT;
		int before = w->first.seen->requests;

		c.request.retries = 3;
		assert_int_equal(get(&c, &w->first, "", paths[i]), -1);
		assert_int_equal(c.err.code, ERROR_IO);
		assert_says(&c, "127.0.0.1");
		/* The reader cannot begin again, so there was one request. */
		assert_int_equal(w->first.seen->requests, before + 1);
	}
}

static void test_retries(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *path, *body;
		int restarts;
	} cases[] = {
		{"/cut-once", "0123456789", 1}, {"/busy-once", "ok", 0}, {"/drop-once", "ok", 0}};

	for (size_t i = 0; i < 3; i++) {
		auto_(client) struct client c = CLIENT;

		w->first.seen->requests = 0;
		c.request.retries = 1;
		c.request.restart = again;
		assert_int_equal(get(&c, &w->first, "", cases[i].path), 0);
		assert_int_equal(c.response.status, 200);
		assert_string_equal(c.body.data, cases[i].body);
		assert_int_equal(c.restarts, cases[i].restarts);
		assert_int_equal(w->first.seen->requests, 2);
	}
}

static void test_retries_end(void **state)
{
	struct world *w = *state;
	auto_(client) struct client busy = CLIENT;
	auto_(client) struct client missing = CLIENT;

	w->first.seen->requests = 0;
	busy.request.retries = 2;
	assert_int_equal(get(&busy, &w->first, "", "/busy"), 0);
	assert_int_equal(busy.response.status, 500);
	assert_int_equal(w->first.seen->requests, 3);
	missing.request.retries = 2;
	assert_int_equal(get(&missing, &w->first, "", "/missing"), 0);
	assert_int_equal(w->first.seen->requests, 4);
}

static void test_redirects(void **state)
{
	struct world *w = *state;
	auto_(client) struct client loop = CLIENT;
	auto_(client) struct client near = CLIENT;
	auto_(client) struct client file = CLIENT;
	auto_(client) struct client nowhere = CLIENT;
	auto_(client) struct client put = CLIENT;
	auto_free char *url = xprintf("http://127.0.0.1:%d/plain?q=1", w->first.port);

	w->first.seen->requests = 0;
	assert_int_equal(get(&loop, &w->first, "", "/loop"), -1);
	assert_int_equal(loop.err.code, ERROR_LIMIT);
	assert_says(&loop, "more than 10 redirects");
	assert_int_equal(w->first.seen->requests, 11);
	assert_int_equal(get(&near, &w->first, "", "/near/from"), 0);
	assert_string_equal(near.response.url, url);
	assert_string_equal(near.body.data, "hello");
	assert_int_equal(get(&file, &w->first, "", "/to-file"), -1);
	assert_says(&file, "no http or https URL");
	assert_int_equal(get(&nowhere, &w->first, "", "/no-location"), 0);
	assert_int_equal(nowhere.response.status, 302);
	put.request.method = "PUT";
	assert_int_equal(get(&put, &w->first, "", "/near/from"), 0);
	assert_int_equal(put.response.status, 301);
}

static void test_credentials(void **state)
{
	struct world *w = *state;
	static const struct http_header fields[] = {{"Authorization", "Bearer t0ken"},
						    {"Accept", "a/b"}};
	auto_(client) struct client near = CLIENT;
	auto_(client) struct client far = CLIENT;

	near.request.headers = far.request.headers = fields;
	near.request.header_count = far.request.header_count = 2;
	assert_int_equal(get(&near, &w->first, "", "/near/from"), 0);
	assert_non_null(strstr(w->first.seen->last, "Authorization: Bearer t0ken\r\n"));
	assert_int_equal(get(&far, &w->first, "", "/far"), 0);
	assert_non_null(strstr(w->first.seen->last, "Authorization: Bearer t0ken\r\n"));
	assert_string_equal(far.body.data, "hello");
	assert_null(strstr(w->second.seen->last, "Authorization"));
	assert_non_null(strstr(w->second.seen->last, "Accept: a/b\r\n"));
}

static void test_password_in_url(void **state)
{
	struct world *w = *state;
	auto_(client) struct client near = CLIENT;
	auto_(client) struct client far = CLIENT;
	auto_(client) struct client bob = CLIENT;
	auto_(client) struct client cut = CLIENT;

	/* alice:p@ss */
	assert_int_equal(get(&near, &w->first, "alice:p%40ss@", "/near/from"), 0);
	assert_non_null(strstr(w->first.seen->last, "Authorization: Basic YWxpY2U6cEBzcw==\r\n"));
	assert_null(strstr(near.response.url, "alice"));
	assert_int_equal(get(&far, &w->first, "alice:p%40ss@", "/far"), 0);
	assert_null(strstr(w->second.seen->last, "Authorization"));
	assert_int_equal(get(&bob, &w->first, "", "/as-bob"), 0);
	assert_null(strstr(w->second.seen->last, "Authorization"));
	assert_int_equal(get(&cut, &w->first, "alice:p%40ss@", "/cut"), -1);
	assert_null(strstr(cut.text, "alice"));
	assert_null(strstr(cut.text, "ss@"));
}

static void test_limits(void **state)
{
	struct world *w = *state;
	static const char *const paths[] = {"/long-header", "/many-headers"};
	auto_(client) struct client big = CLIENT;
	auto_(client) struct client none = CLIENT;

	for (size_t i = 0; i < 2; i++) {
		auto_(client) struct client c = CLIENT;

		assert_int_equal(get(&c, &w->first, "", paths[i]), -1);
		assert_int_equal(c.err.code, ERROR_LIMIT);
		assert_says(&c, "header has more than 64 KiB");
	}
	big.request.max_body = 4;
	assert_int_equal(get(&big, &w->first, "", "/plain"), -1);
	assert_int_equal(big.err.code, ERROR_LIMIT);
	assert_says(&big, "more than 4 bytes");
	none.request.max_body = 0;
	assert_int_equal(get(&none, &w->first, "", "/plain"), -1);
	assert_int_equal(none.err.code, ERROR_LIMIT);
}

static void test_stall(void **state)
{
	struct world *w = *state;
	auto_(client) struct client c = CLIENT;

	c.request.stall_seconds = 1;
	assert_int_equal(get(&c, &w->first, "", "/stall"), -1);
	assert_int_equal(c.err.code, ERROR_IO);
	assert_says(&c, "too slow");
}

static void test_reader_fails(void **state)
{
	struct world *w = *state;
	auto_(client) struct client c = CLIENT;

	w->first.seen->requests = 0;
	c.request.body = refuse;
	c.request.retries = 3;
	c.request.restart = again;
	assert_int_equal(get(&c, &w->first, "", "/plain"), -1);
	assert_int_equal(c.err.code, ERROR_SPACE);
	assert_string_equal(c.text, "the disk is full");
	assert_int_equal(w->first.seen->requests, 1);
}

#define LABEL16 "abcdefghijklmnop"
#define LONG_LABEL_URL "http://" LABEL16 LABEL16 LABEL16 LABEL16 ".example/"

static void test_no_answer(void **state)
{
	struct world *w = *state;
	struct server gone = {.port = 1};
	auto_(client) struct client refused = CLIENT;
	auto_(client) struct client garbage = CLIENT;
	auto_(client) struct client unknown = CLIENT;
	auto_(client) struct client scheme = CLIENT;
	auto_(client) struct client malformed = CLIENT;

	assert_int_equal(get(&refused, &gone, "u:secret@", "/x"), -1);
	assert_int_equal(refused.err.code, ERROR_IO);
	assert_says(&refused, "http://127.0.0.1:1/x: ");
	assert_says(&refused, "connect");
	assert_null(strstr(refused.text, "secret"));
	assert_non_null(strstr(refused.err.hint, "network"));
	assert_int_equal(get(&garbage, &w->first, "", "/garbage"), -1);
	assert_says(&garbage, "/garbage");

	/* A label of 64 letters: refused by the resolver without asking anybody. */
	unknown.request.url = LONG_LABEL_URL;
	assert_int_equal(http_perform(&unknown.request, &unknown.response, &unknown.err), -1);
	error_format(&unknown.err, unknown.text, sizeof(unknown.text));
	assert_says(&unknown, "resolve host");
	scheme.request.url = "file:///etc/passwd";
	assert_int_equal(http_perform(&scheme.request, &scheme.response, &scheme.err), -1);
	assert_int_equal(scheme.err.code, ERROR_USAGE);
	malformed.request.url = "http://[::1/";
	assert_int_equal(http_perform(&malformed.request, &malformed.response, &malformed.err), -1);
	assert_int_equal(malformed.err.code, ERROR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_statuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retries_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_credentials, setup, teardown),
		cmocka_unit_test_setup_teardown(test_password_in_url, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stall, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reader_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_answer, setup, teardown),
	};

	/* The tests speak to loopback, whatever proxy the caller has. */
	setenv("no_proxy", "*", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
