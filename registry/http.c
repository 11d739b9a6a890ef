/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that knows libcurl. Redirects are followed here and not by libcurl, because its
 * rules for credentials and for the way from https to http depend on its version.
 */
#define CURL_DISABLE_TYPECHECK
#include "registry/http.h"

#include "common/arena.h"

#include <ctype.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
	FIRST_DELAY_MS = 200,    /* before the first retry; doubles */
	MAX_DELAY_MS = 30000,    /* whatever Retry-After says */
	MAX_UNWANTED = 64 * 1024 /* bytes of a body that nobody reads, to keep the connection */
};

/* --- the library --------------------------------------------------------------------------- */

struct curl {
	__typeof__(curl_easy_init) *easy_init;
	__typeof__(curl_easy_cleanup) *easy_cleanup;
	__typeof__(curl_easy_setopt) *setopt;
	__typeof__(curl_easy_perform) *perform;
	__typeof__(curl_easy_getinfo) *getinfo;
	__typeof__(curl_easy_strerror) *strerror;
	__typeof__(curl_slist_append) *slist_append;
	__typeof__(curl_slist_free_all) *slist_free;
	__typeof__(curl_url) *url;
	__typeof__(curl_url_cleanup) *url_cleanup;
	__typeof__(curl_url_set) *url_set;
	__typeof__(curl_url_get) *url_get;
	__typeof__(curl_free) *free;
};

static const struct {
	const char *name;
	size_t at;
} symbols[] = {
	{"curl_easy_init", offsetof(struct curl, easy_init)},
	{"curl_easy_cleanup", offsetof(struct curl, easy_cleanup)},
	{"curl_easy_setopt", offsetof(struct curl, setopt)},
	{"curl_easy_perform", offsetof(struct curl, perform)},
	{"curl_easy_getinfo", offsetof(struct curl, getinfo)},
	{"curl_easy_strerror", offsetof(struct curl, strerror)},
	{"curl_slist_append", offsetof(struct curl, slist_append)},
	{"curl_slist_free_all", offsetof(struct curl, slist_free)},
	{"curl_url", offsetof(struct curl, url)},
	{"curl_url_cleanup", offsetof(struct curl, url_cleanup)},
	{"curl_url_set", offsetof(struct curl, url_set)},
	{"curl_url_get", offsetof(struct curl, url_get)},
	{"curl_free", offsetof(struct curl, free)},
};

/* The library stays loaded: what it and its libraries register at exit must stay there. */
static int curl_load(struct curl *out, struct error *err)
{
	char why[ERROR_TEXT / 2];
	void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

	if (library == NULL) {
		snprintf(why, sizeof(why), "%s", dlerror());
		/* Debian has it in a second variant. */
		library = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
	}
	if (library == NULL) {
		error_set(err, ERROR_NOT_FOUND, "libcurl is needed for the network: %s", why);
		return error_hint(err, "install it: the package is libcurl4 on Debian and Ubuntu, "
				       "libcurl on Fedora and Alpine");
	}
	for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
		void *symbol = dlsym(library, symbols[i].name);

		if (symbol == NULL)
			return error_set(err, ERROR_NOT_FOUND,
					 "libcurl is too old: it has no function %s",
					 symbols[i].name);
		memcpy((char *)out + symbols[i].at, &symbol, sizeof(symbol));
	}
	return 0;
}

/* --- one exchange -------------------------------------------------------------------------- */

struct exchange {
	struct curl curl;
	const struct http_request *request;
	CURL *handle;
	CURLU *at;                 /* where we are, without user and password */
	char *url;                 /* the same as text */
	char *user, *password;     /* of the URL; NULL after a redirect to another server */
	bool trusted;              /* still the server that the caller named */
	struct curl_slist *fields; /* of the request's header */
	char reason[CURL_ERROR_SIZE];
	struct http_response answer;
	size_t header_bytes, unwanted;
	uint64_t body_bytes;
	bool enough;      /* we ended the transfer, as nobody reads the rest */
	struct error why; /* of a failure of ours or of the body's reader */
};

static void exchange_release(struct exchange *x)
{
	if (x->handle != NULL)
		x->curl.easy_cleanup(x->handle);
	if (x->at != NULL)
		x->curl.url_cleanup(x->at);
	if (x->fields != NULL)
		x->curl.slist_free(x->fields);
	free(x->url);
	free(x->user);
	free(x->password);
	http_response_release(&x->answer);
}
DEFINE_CLEANUP_STRUCT(exchange, struct exchange, exchange_release);

void http_response_release(struct http_response *r)
{
	for (size_t i = 0; i < r->header_count; i++) {
		free(r->headers[i].name);
		free(r->headers[i].value);
	}
	free(r->headers);
	free(r->url);
	*r = (struct http_response){.status = 0};
}

const char *http_header(const struct http_response *r, const char *name)
{
	for (size_t i = 0; i < r->header_count; i++)
		if (strcmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return NULL;
}

static void add_header(struct http_response *r, const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);
	const char *value, *end = line + length;
	char *name;

	if (colon == NULL)
		return;
	name = xstrndup(line, (size_t)(colon - line));
	for (char *c = name; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	value = colon + 1;
	while (value < end && isspace((unsigned char)*value))
		value++;
	while (end > value && isspace((unsigned char)end[-1]))
		end--;
	r->headers = xgrow(r->headers, r->header_count, sizeof(*r->headers));
	r->headers[r->header_count].name = name;
	r->headers[r->header_count++].value = xstrndup(value, (size_t)(end - value));
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
	struct exchange *x = user;

	(void)size; /* always 1 */
	x->header_bytes += count;
	if (x->header_bytes > HTTP_MAX_HEADER) {
		error_set(&x->why, ERROR_LIMIT, "%s: the answer's header has more than %d KiB",
			  x->url, HTTP_MAX_HEADER / 1024);
		return 0;
	}
	if (count > 5 && memcmp(line, "HTTP/", 5) == 0)
		http_response_release(&x->answer);
	else
		add_header(&x->answer, line, count);
	return count;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
	struct exchange *x = user;
	const struct http_request *r = x->request;
	long status = 0;

	(void)size;
	x->curl.getinfo(x->handle, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299) {
		x->unwanted += count;
		x->enough = x->unwanted > MAX_UNWANTED;
		return x->enough ? 0 : count;
	}
	if (count > r->max_body - x->body_bytes) {
		error_set(&x->why, ERROR_LIMIT, "%s gives more than %" PRIu64 " bytes", x->url,
			  r->max_body);
		return 0;
	}
	x->body_bytes += count;
	return r->body(r->user, data, count, &x->why) < 0 ? 0 : count;
}

/* --- the request --------------------------------------------------------------------------- */

static char *url_part(const struct exchange *x, CURLUPart part, unsigned flags)
{
	char *text = NULL, *copy = NULL;

	if (x->curl.url_get(x->at, part, &text, flags) == CURLUE_OK && text != NULL)
		copy = xstrdup(text);
	x->curl.free(text);
	return copy;
}

/* Takes user and password out of the URL, so that no message shows them. */
static int settle_url(struct exchange *x, bool keep_credentials, struct error *err)
{
	auto_free char *scheme = url_part(x, CURLUPART_SCHEME, 0);
	auto_free char *user = url_part(x, CURLUPART_USER, CURLU_URLDECODE);
	auto_free char *password = url_part(x, CURLUPART_PASSWORD, CURLU_URLDECODE);

	x->curl.url_set(x->at, CURLUPART_USER, NULL, 0);
	x->curl.url_set(x->at, CURLUPART_PASSWORD, NULL, 0);
	x->curl.url_set(x->at, CURLUPART_OPTIONS, NULL, 0);
	x->curl.url_set(x->at, CURLUPART_FRAGMENT, NULL, 0);
	free(x->url);
	x->url = url_part(x, CURLUPART_URL, 0);
	if (x->url == NULL || scheme == NULL)
		return error_set(err, ERROR_USAGE, "a URL is malformed");
	if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		return error_set(err, ERROR_USAGE, "%s is no http or https URL", x->url);
	if (keep_credentials) {
		x->user = steal(user);
		x->password = steal(password);
	}
	return 0;
}

static bool is_credential(const char *name)
{
	return strcasecmp(name, "authorization") == 0 || strcasecmp(name, "cookie") == 0;
}

static void set_fields(struct exchange *x)
{
	const struct http_request *r = x->request;

	x->curl.slist_free(x->fields);
	x->fields = NULL;
	for (size_t i = 0; i < r->header_count; i++) {
		auto_free char *line = xprintf("%s: %s", r->headers[i].name, r->headers[i].value);

		if (x->trusted || !is_credential(r->headers[i].name))
			x->fields = x->curl.slist_append(x->fields, line);
	}
	x->curl.setopt(x->handle, CURLOPT_HTTPHEADER, x->fields);
	x->curl.setopt(x->handle, CURLOPT_USERNAME, x->user);
	x->curl.setopt(x->handle, CURLOPT_PASSWORD, x->password);
}

/* The variables that curl(1) reads and libcurl does not. */
static void set_trust(struct exchange *x)
{
	const char *file = getenv("CURL_CA_BUNDLE");
	const char *directory = getenv("SSL_CERT_DIR");

	if (file == NULL || *file == '\0')
		file = getenv("SSL_CERT_FILE");
	if (file != NULL && *file != '\0')
		x->curl.setopt(x->handle, CURLOPT_CAINFO, file);
	if (directory != NULL && *directory != '\0')
		x->curl.setopt(x->handle, CURLOPT_CAPATH, directory);
}

static void set_options(struct exchange *x)
{
	const struct http_request *r = x->request;
	unsigned stall = r->stall_seconds > 0 ? r->stall_seconds : HTTP_STALL_SECONDS;
	__typeof__(curl_easy_setopt) *set = x->curl.setopt;

	set(x->handle, CURLOPT_NOSIGNAL, 1L);
	set(x->handle, CURLOPT_ERRORBUFFER, x->reason);
	set(x->handle, CURLOPT_FOLLOWLOCATION, 0L);
	set(x->handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	set(x->handle, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_SECONDS);
	set(x->handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
	set(x->handle, CURLOPT_LOW_SPEED_TIME, (long)stall);
	set(x->handle, CURLOPT_USERAGENT, "varve/" VARVE_VERSION);
	set(x->handle, CURLOPT_HEADERFUNCTION, on_header);
	set(x->handle, CURLOPT_HEADERDATA, x);
	set(x->handle, CURLOPT_WRITEFUNCTION, on_body);
	set(x->handle, CURLOPT_WRITEDATA, x);
	set_trust(x);
	if (r->method != NULL && strcmp(r->method, "HEAD") == 0)
		set(x->handle, CURLOPT_NOBODY, 1L);
	else if (r->method != NULL && strcmp(r->method, "GET") != 0)
		set(x->handle, CURLOPT_CUSTOMREQUEST, r->method);
}

static int exchange_open(struct exchange *x, const struct http_request *request, struct error *err)
{
	if (curl_load(&x->curl, err) < 0)
		return -1;
	x->request = request;
	x->trusted = true;
	x->handle = x->curl.easy_init();
	x->at = x->curl.url();
	if (x->handle == NULL || x->at == NULL)
		return error_set(err, ERROR_IO, "libcurl cannot be started");
	if (x->curl.url_set(x->at, CURLUPART_URL, request->url, 0) != CURLUE_OK)
		return error_set(err, ERROR_USAGE, "a URL is malformed");
	if (settle_url(x, true, err) < 0)
		return -1;
	set_options(x);
	set_fields(x);
	return 0;
}

/* --- sending it ---------------------------------------------------------------------------- */

static int describe_failure(struct exchange *x, CURLcode code, struct error *err)
{
	/* A single line of the header without end; libcurl stops before we do. The second is
	   CURLE_TOO_LARGE of later versions. */
	if (code == CURLE_OUT_OF_MEMORY || (int)code == 100)
		return error_set(err, ERROR_LIMIT, "%s: the answer's header has more than %d KiB",
				 x->url, HTTP_MAX_HEADER / 1024);
	if (x->reason[0] == '\0')
		snprintf(x->reason, sizeof(x->reason), "%s", x->curl.strerror(code));
	error_set(err, ERROR_IO, "%s: %s", x->url, x->reason);
	if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT)
		return error_hint(err, "is there a network? http_proxy and https_proxy name a "
				       "proxy if one is needed");
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
		return error_hint(err, "CURL_CA_BUNDLE or else SSL_CERT_FILE names a file with the "
				       "certificates that are trusted");
	return -1;
}

static bool may_pass(CURLcode code)
{
	static const CURLcode passing[] = {
		CURLE_RECV_ERROR,   CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE,
		CURLE_HTTP2_STREAM, CURLE_HTTP2,      CURLE_HTTP3,       CURLE_OPERATION_TIMEDOUT,
	};

	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++)
		if (code == passing[i])
			return true;
	return false;
}

static bool status_may_pass(long status)
{
	return status == 408 || status == 429 || (status >= 500 && status != 501);
}

static void wait_before_retry(const struct exchange *x, unsigned attempt)
{
	const char *wish = http_header(&x->answer, "retry-after");
	unsigned long ms = (unsigned long)FIRST_DELAY_MS << (attempt < 8 ? attempt : 8);
	struct timespec delay;

	if (wish != NULL && isdigit((unsigned char)*wish)) {
		unsigned long seconds = strtoul(wish, NULL, 10);

		ms = seconds > MAX_DELAY_MS / 1000 ? MAX_DELAY_MS : seconds * 1000;
	}
	if (ms > MAX_DELAY_MS)
		ms = MAX_DELAY_MS;
	delay.tv_sec = (time_t)(ms / 1000);
	delay.tv_nsec = (long)(ms % 1000) * 1000000;
	while (nanosleep(&delay, &delay) < 0 && errno == EINTR)
		continue;
}

/* One request, one answer. */
static CURLcode send_once(struct exchange *x)
{
	CURLcode code;

	http_response_release(&x->answer);
	x->header_bytes = x->unwanted = 0;
	x->body_bytes = 0;
	x->enough = false;
	x->reason[0] = '\0';
	x->curl.setopt(x->handle, CURLOPT_URL, x->url);
	code = x->curl.perform(x->handle);
	x->curl.getinfo(x->handle, CURLINFO_RESPONSE_CODE, &x->answer.status);
	return x->enough ? CURLE_OK : code;
}

/* Can the body begin again? */
static int restart(struct exchange *x)
{
	if (x->body_bytes == 0)
		return 0;
	return x->request->restart != NULL ? x->request->restart(x->request->user, &x->why) : -1;
}

static int send_with_retries(struct exchange *x, struct error *err)
{
	for (unsigned attempt = 0;; attempt++) {
		CURLcode code = send_once(x);
		bool again = attempt < x->request->retries && x->why.code == ERROR_NONE;

		if (code == CURLE_OK && !(again && status_may_pass(x->answer.status)))
			return 0;
		if (!again || (code != CURLE_OK && !may_pass(code)) || restart(x) < 0) {
			if (x->why.code == ERROR_NONE)
				return describe_failure(x, code, err);
			*err = x->why;
			return -1;
		}
		wait_before_retry(x, attempt);
	}
}

/* --- redirects ----------------------------------------------------------------------------- */

static bool is_redirect(const struct exchange *x)
{
	const char *method = x->request->method;
	long status = x->answer.status;

	return (method == NULL || strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) &&
	       (status == 301 || status == 302 || status == 303 || status == 307 ||
		status == 308) &&
	       http_header(&x->answer, "location") != NULL;
}

/* scheme://host:port */
static char *origin(const struct exchange *x)
{
	auto_free char *scheme = url_part(x, CURLUPART_SCHEME, 0);
	auto_free char *host = url_part(x, CURLUPART_HOST, 0);
	auto_free char *port = url_part(x, CURLUPART_PORT, CURLU_DEFAULT_PORT);

	return xprintf("%s://%s:%s", scheme != NULL ? scheme : "", host != NULL ? host : "",
		       port != NULL ? port : "");
}

static int follow(struct exchange *x, struct error *err)
{
	const char *location = http_header(&x->answer, "location");
	auto_free char *before = origin(x);
	auto_free char *from = xstrdup(x->url);
	auto_free char *after = NULL;

	if (x->curl.url_set(x->at, CURLUPART_URL, location, 0) != CURLUE_OK)
		return error_set(err, ERROR_FORMAT,
				 "%s redirects to something that is no http "
				 "or https URL",
				 from);
	/* A password in the redirect is dropped: the server could name anybody's. */
	if (settle_url(x, false, err) < 0)
		return error_add(err, "%s redirects", from);
	after = origin(x);
	if (strncmp(before, "https:", 6) == 0 && strncmp(after, "https:", 6) != 0)
		return error_set(err, ERROR_DENIED,
				 "%s redirects to %s: from https to http is not followed", from,
				 x->url);
	if (strcasecmp(before, after) != 0) {
		x->trusted = false;
		free(steal(x->user));
		free(steal(x->password));
	}
	set_fields(x);
	return 0;
}

int http_perform(const struct http_request *request, struct http_response *out, struct error *err)
{
	auto_(exchange) struct exchange x = {.why = ERROR_INIT};

	if (exchange_open(&x, request, err) < 0)
		return -1;
	for (int redirects = 0;; redirects++) {
		if (send_with_retries(&x, err) < 0)
			return -1;
		if (!is_redirect(&x))
			break;
		if (redirects == HTTP_MAX_REDIRECTS)
			return error_set(err, ERROR_LIMIT, "%s: more than %d redirects", x.url,
					 HTTP_MAX_REDIRECTS);
		if (follow(&x, err) < 0)
			return -1;
	}
	x.answer.url = steal(x.url);
	*out = x.answer;
	x.answer = (struct http_response){.status = 0};
	return 0;
}
