/* SPDX-License-Identifier: Apache-2.0 */
/* What a URL gives now, as a blob; asked of the server only whether it has changed. */
#include "builder/fetch.h"

#include "builder/remote.h"
#include "common/arena.h"
#include "layers/blob.h"
#include "registry/http.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { FETCH_RETRIES = 3, MAX_FIELDS = 3 };

static const char record_kind[] = "varve-http";

/* What the last build got from a URL. */
struct memory {
	struct record record;
	struct fetched fetched;
};

struct download {
	struct store *store;
	struct blob_writer *writer;
	struct hasher *hasher; /* NULL: nobody wants to know the digest before it is stored */
};

static void download_release(struct download *d)
{
	blob_abort(d->writer);
	hasher_free(d->hasher);
}
DEFINE_CLEANUP_STRUCT(download, struct download, download_release);

static int download_add(void *user, const void *data, size_t length, struct error *err)
{
	struct download *d = user;

	if (d->hasher != NULL)
		hasher_add(d->hasher, data, length);
	return blob_add(d->writer, data, length, err);
}

static int download_begin(void *user, struct error *err)
{
	struct download *d = user;

	blob_abort(steal(d->writer));
	if (d->hasher != NULL) {
		hasher_free(d->hasher);
		d->hasher = hasher_new();
	}
	d->writer = blob_begin(d->store, err);
	return d->writer != NULL ? 0 : -1;
}

/* --- what is known already ----------------------------------------------------------------- */

/* The three forms of RFC 9110; 0 if it is none of them. */
static int64_t parse_time(const char *text)
{
	static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT",
					    "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"};

	for (size_t i = 0; text != NULL && i < sizeof(forms) / sizeof(*forms); i++) {
		struct tm tm = {.tm_year = 0};
		const char *end = strptime(text, forms[i], &tm);

		if (end != NULL && *end == '\0')
			return timegm(&tm);
	}
	return 0;
}

/* The digest does not show what user, password or signature the URL may hold. */
static void key_of(const char *url, struct digest *out)
{
	auto_(buf) struct buf text = BUF_INIT;

	buf_printf(&text, "%s 1\n%s\n", record_kind, url);
	digest_of(text.data, text.length, out);
}

/* A blob that was cut short since would be taken for what the server has. */
static bool is_whole(struct store *s, const struct fetched *f)
{
	struct error ignored = ERROR_INIT;
	auto_fd int fd = store_find(s, STORE_BLOBS, &f->content, &ignored);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == f->size;
}

static bool recall(struct store *s, const struct digest *key, struct memory *out)
{
	struct error ignored = ERROR_INIT;
	struct fetched *f = &out->fetched;
	const char *name;
	bool found = false;

	if (store_read_record(s, STORE_CACHE, key, record_kind, &out->record, &ignored) < 0 ||
	    record_get_digest(&out->record, "blob", &f->content, &ignored) < 0 ||
	    record_get_number(&out->record, "size", &f->size, &ignored) < 0 ||
	    store_pin(s, STORE_BLOBS, &f->content, &found, &ignored) < 0 || !found ||
	    !is_whole(s, f))
		return false;
	name = record_get(&out->record, "name");
	snprintf(f->name, sizeof(f->name), "%s", name != NULL ? name : "");
	f->mtime = parse_time(record_get(&out->record, "last-modified"));
	return true;
}

static int remember(struct store *s, const struct digest *key, const struct http_response *answer,
		    const struct fetched *f, struct error *err)
{
	auto_(record) struct record r = RECORD_INIT;
	const char *etag = http_header(answer, "etag");
	const char *modified = http_header(answer, "last-modified");

	record_add_digest(&r, "blob", &f->content);
	record_addf(&r, "size", "%" PRIu64, f->size);
	record_add(&r, "name", f->name);
	if (etag != NULL)
		record_add(&r, "etag", etag);
	if (modified != NULL)
		record_add(&r, "last-modified", modified);
	return store_write_record(s, STORE_CACHE, key, record_kind, &r, err);
}

/* --- asking the server --------------------------------------------------------------------- */

struct visit {
	struct store *store;
	const char *url;
	char *shown; /* the URL in messages */
	struct digest key;
	struct memory memory;
	bool known;
	const struct digest *want; /* the checksum, or NULL */
	struct buf authorization;
	struct http_header headers[MAX_FIELDS];
	size_t header_count;
};

static void visit_release(struct visit *v)
{
	free(v->shown);
	record_release(&v->memory.record);
	buf_release(&v->authorization);
}
DEFINE_CLEANUP_STRUCT(visit, struct visit, visit_release);

static void add_header(struct visit *v, const char *name, const char *value)
{
	if (value != NULL)
		v->headers[v->header_count++] = (struct http_header){name, value};
}

/* HTTP_AUTH_TOKEN_<host> wins over HTTP_AUTH_HEADER_<host>, as in BuildKit. */
static int add_authorization(struct visit *v, const struct fetch_options *o, struct error *err)
{
	auto_free char *host = url_host(v->url);
	int found;

	buf_add_str(&v->authorization, "Bearer ");
	found = remote_secret(o, "HTTP_AUTH_TOKEN", host, &v->authorization, err);
	if (found == 0) {
		buf_reset(&v->authorization);
		found = remote_secret(o, "HTTP_AUTH_HEADER", host, &v->authorization, err);
	}
	if (found > 0)
		add_header(v, "Authorization", v->authorization.data);
	return found < 0 ? -1 : 0;
}

static int refused(const struct visit *v, const struct http_response *answer, struct error *err)
{
	auto_free char *host = url_host(v->url);

	switch (answer->status) {
	case 401:
	case 403:
		error_set(err, ERROR_DENIED, "%s: the server does not allow it (%ld)", answer->url,
			  answer->status);
		return error_hint(err,
				  "--secret id=HTTP_AUTH_TOKEN_%s,src=FILE sends the token in FILE",
				  host);
	case 404:
	case 410:
		return error_set(err, ERROR_NOT_FOUND, "%s: the server has no such file (%ld)",
				 answer->url, answer->status);
	default:
		return error_set(err, ERROR_IO, "%s: the server answered with status %ld",
				 answer->url, answer->status);
	}
}

static int check(const struct visit *v, const struct digest *is, struct error *err)
{
	char wanted[DIGEST_TEXT_SIZE], got[DIGEST_TEXT_SIZE];

	if (v->want == NULL || digest_equal(v->want, is))
		return 0;
	return error_set(err, ERROR_DIGEST, "%s: the checksum should be %s, but it is %s", v->shown,
			 digest_text(v->want, wanted), digest_text(is, got));
}

static int keep(struct visit *v, struct download *d, const struct http_response *answer,
		struct fetched *out, struct error *err)
{
	struct fetched f = {.mtime = parse_time(http_header(answer, "last-modified"))};

	if (d->hasher != NULL) {
		hasher_finish(d->hasher, &f.content);
		if (check(v, &f.content, err) < 0)
			return -1;
	}
	if (blob_finish(steal(d->writer), &f.content, &f.size, err) < 0)
		return error_add(err, "storing %s", v->shown);
	remote_file_name(v->url, http_header(answer, "content-disposition"), f.name);
	if (remember(v->store, &v->key, answer, &f, err) < 0)
		return -1;
	*out = f;
	return 0;
}

/* The record is written again, so that its age is that of its last use. */
static int reuse(struct visit *v, struct fetched *out, struct error *err)
{
	if (check(v, &v->memory.fetched.content, err) < 0 ||
	    store_write_record(v->store, STORE_CACHE, &v->key, record_kind, &v->memory.record,
			       err) < 0)
		return -1;
	*out = v->memory.fetched;
	return 0;
}

static int ask(struct visit *v, struct fetched *out, struct error *err)
{
	auto_(http_response) struct http_response answer = {.status = 0};
	auto_(download) struct download d = {.store = v->store,
					     .hasher = v->want != NULL ? hasher_new() : NULL};
	struct http_request request = {
		.url = v->url,
		.headers = v->headers,
		.header_count = v->header_count,
		.body = download_add,
		.restart = download_begin,
		.user = &d,
		.max_body = FETCH_MAX_BYTES,
		.retries = FETCH_RETRIES,
	};

	if (download_begin(&d, err) < 0 || http_perform(&request, &answer, err) < 0)
		return -1;
	if (answer.status == 304 && v->known)
		return reuse(v, out, err);
	if (answer.status != 200)
		return refused(v, &answer, err);
	return keep(v, &d, &answer, out, err);
}

int fetch_http(struct store *s, const char *url, const char *checksum,
	       const struct fetch_options *o, struct fetched *out, struct error *err)
{
	auto_(visit) struct visit v = {.store = s,
				       .url = url,
				       .shown = url_public(url),
				       .memory = {.record = RECORD_INIT},
				       .authorization = BUF_INIT};
	struct digest want;
	auto_fd int lock = -1;

	if (checksum != NULL) {
		if (digest_parse(checksum, &want, err) < 0)
			return error_add(err, "checksum of %s", v.shown);
		v.want = &want;
	}
	key_of(url, &v.key);
	/* Two steps, or two builds, that want the same URL load it once. */
	lock = store_lock_key(s, &v.key, true, err);
	if (lock < 0)
		return -1;
	v.known = recall(s, &v.key, &v.memory);
	if (v.known && v.want != NULL && digest_equal(v.want, &v.memory.fetched.content))
		return reuse(&v, out, err);
	if (v.known) {
		add_header(&v, "If-None-Match", record_get(&v.memory.record, "etag"));
		add_header(&v, "If-Modified-Since", record_get(&v.memory.record, "last-modified"));
	}
	if (add_authorization(&v, o, err) < 0)
		return -1;
	return ask(&v, out, err);
}
