/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests through libcurl.
 *
 * libcurl is loaded when the first request is made: it brings two dozen libraries that no local
 * build needs, and loading them would take longer than a cached build. Blocks; call it in a job.
 * Redirects are followed for GET and HEAD only, never from https to http, at most
 * HTTP_MAX_REDIRECTS; Authorization is not sent on to another host. Certificates are verified;
 * proxies are those of the environment, as curl(1) reads it.
 */
#ifndef REGISTRY_HTTP_H
#define REGISTRY_HTTP_H

#include "common/buf.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_MAX_REDIRECTS = 10,
	HTTP_CONNECT_SECONDS = 30,
	HTTP_STALL_SECONDS = 60, /* fewer than 1 byte a second for that long is a failure */
	HTTP_MAX_HEADER = 64 * 1024,
};

struct http_header {
	const char *name, *value;
};

struct http_request {
	const char *method; /* NULL: GET */
	const char *url;    /* http or https */
	const struct http_header *headers;
	size_t header_count;
	/* Body of the answer, as it comes; -1 with err stops. Only called for a status of 200-299.
	 */
	int (*body)(void *user, const void *data, size_t length, struct error *err);
	void *user;
	/* Forget what body() got: it comes again from its beginning. NULL: once body() was called
	   there is no retry. */
	int (*restart)(void *user, struct error *err);
	uint64_t max_body;      /* more is ERROR_LIMIT; 0: nothing is expected */
	unsigned retries;       /* of failures that may pass: connection lost, 408, 429, 5xx */
	unsigned stall_seconds; /* instead of HTTP_STALL_SECONDS; 0: those */
};

struct http_response {
	long status;
	char *url; /* after redirects */
	struct http_header_list {
		char *name; /* lower case */
		char *value;
	} * headers; /* of the last answer */
	size_t header_count;
};

void http_response_release(struct http_response *r);
DEFINE_CLEANUP_STRUCT(http_response, struct http_response, http_response_release);

/* Performs it. 0 for any status the server gave; -1 if there was no answer (with what host and
   why). A URL in messages is shown without user and password. */
int http_perform(const struct http_request *request, struct http_response *out, struct error *err);

/* A header of the answer, or NULL. name is lower case. */
const char *http_header(const struct http_response *r, const char *name);

#endif
