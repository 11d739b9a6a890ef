/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to fetching: what a URL says about itself, and the secrets that go with it.
 */
#ifndef BUILDER_REMOTE_H
#define BUILDER_REMOTE_H

#include "builder/fetch.h"
#include "common/buf.h"

/* The host, lower case, without user, port and brackets; "" if there is none. Caller frees. */
char *url_host(const char *url);

/* The URL without user and password, as messages may show it. Caller frees. */
char *url_public(const char *url);

/* The same for every URL in a text, such as an instruction. Caller frees. */
char *urls_public(const char *text);

/* "user:password" of a URL, decoded; false if it has none. Appended to out. */
bool url_credentials(const char *url, struct buf *out);

/* Appends text with its %XX decoded; what is no such escape stays. */
void url_decode(const char *text, size_t length, struct buf *out);

/* The name of the file that a URL gives: the last component of its path, else what the header
   Content-Disposition (may be NULL) says, else "". Always one component that can be a file. */
void remote_file_name(const char *url, const char *disposition, char out[FETCHED_NAME]);

/* The secret NAME_<host>, or with host NULL the secret NAME, without the line end that files have.
   Returns 1 and appends it to out, 0 if there is none; -1 if it cannot be a header's value. */
int remote_secret(const struct fetch_options *o, const char *name, const char *host,
		  struct buf *out, struct error *err);

/* "Basic <base64 of text>", appended to out. */
void basic_authorization(const char *text, struct buf *out);

#endif
